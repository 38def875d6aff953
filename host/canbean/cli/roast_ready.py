"""`canbean roast ready`: the ready models and their cards, rebuilt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, results, waiting
from canbean.errors import UsageError
from canbean.files import writable, write_bytes
from canbean.roast import ready as recipe


def ready(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where models and cards go.")],
    sensor: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Only that of {', '.join(recipe.names())}.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train the ready model of each sensor, on simulation, and write its card."""
    if sensor is not None and sensor not in recipe.names():
        raise UsageError(f"--sensor {sensor!r}: give one of {', '.join(recipe.names())}")
    wanted = recipe.names() if sensor is None else (sensor,)
    targets = {name: (output / f"{name}.cbm", output / f"{name}.md") for name in wanted}
    for pair in targets.values():
        for target in pair:
            writable(target)
    said = []
    with waiting("training") as say:
        for name, (model, card) in targets.items():
            say(f"training {name}")
            made = recipe.build(name)
            write_bytes(model, made.content)
            write_bytes(card, made.card.encode())
            said.append({"sensor": name, "model": str(model), "card": str(card), "bytes": len(made.content)})
    if as_json:
        json_line({"data": "simulated", "models": said})
        return
    for row in said:
        results.print(
            f"{row['model']}: {row['bytes']} bytes, trained on simulation; {row['card']}", markup=False
        )
