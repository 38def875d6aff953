"""Rules on the command line: the options that take them, and how they are shown."""

from __future__ import annotations

from typing import Annotated

import typer

from canbean.cli.output import results

Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="RULE",
        help="Frames that never raise an alert: 2C5, 2C5/7F0, 700-7FF, 18FEF100, 2C5#00..FF, *#00..FF.",
    ),
]
Deny = Annotated[
    list[str] | None,
    typer.Option(
        "--deny", metavar="RULE", help="Frames that always raise one; of two rules the more exact decides."
    ),
]


def show_rules(rules: list[str]) -> None:
    """A line a rule, in the order in which they are asked."""
    for rule in rules:
        results.print(f"rule {rule}", markup=False)
