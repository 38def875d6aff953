"""Options that several verbs of `canbean roast` take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canbean.board.reference_meter import FORMATS

UNIT = "unit-1"
"""A meter that says no name."""
ModelPath = Annotated[Path, typer.Option("-m", "--model", metavar="M.cbm")]
PairsPath = Annotated[Path, typer.Argument(metavar="PAIRS.csv")]
Tolerance = Annotated[float, typer.Option(help="What counts as agreeing, in points.")]
ReferencePort = Annotated[
    str | None,
    typer.Option(
        "--reference-port", metavar="P", help="Of the professional meter: its value need not be typed."
    ),
]
ReferenceFormat = Annotated[
    str, typer.Option("--reference-format", metavar="F", help=f"{' or '.join(FORMATS)}: how it speaks.")
]
ReferenceBaud = Annotated[
    int | None,
    typer.Option(
        "--reference-baud",
        min=300,
        max=1_000_000,
        metavar="B",
        help=f"Bits a second of its port; as it stands, {', '.join(f'{b} for {f}' for f, b in FORMATS.items())}.",
    ),
]
