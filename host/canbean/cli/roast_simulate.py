"""`canbean roast simulate`: simulated pairs, to try the rest without a sensor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canbean.cli.output import results
from canbean.roast import pairs
from canbean.roast import simulate as simulated


def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PAIRS.csv")],
    lots: Annotated[int, typer.Option(min=2, max=1000)] = 20,
    cups: Annotated[int, typer.Option(min=1, max=100, help="Of each lot.")] = 3,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Write simulated pairs, to try the rest without a sensor."""
    made = simulated.pairs(lots, cups, seed)
    pairs.write(output, made)
    results.print(f"{output}: {len(made)} simulated pairs of {lots} lots")
