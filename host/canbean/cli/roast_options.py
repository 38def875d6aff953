"""Options that several verbs of `canbean roast` take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelPath = Annotated[Path, typer.Option("-m", "--model", metavar="M.cbm")]
PairsPath = Annotated[Path, typer.Argument(metavar="PAIRS.csv")]
Tolerance = Annotated[float, typer.Option(help="What counts as agreeing, in points.")]
