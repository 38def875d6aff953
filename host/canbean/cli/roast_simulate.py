"""`canbean roast simulate`: simulated pairs, to try the rest without a sensor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canbean.cli.output import results
from canbean.roast import pairs, preparation
from canbean.roast import simulate as simulated
from canbean.roast.optics import OPTICS
from canbean.roast.optics import named as optics_named
from canbean.roast.units import SENSORS
from canbean.roast.units import sensor as sensor_named


def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PAIRS.csv")],
    lots: Annotated[int, typer.Option(min=2, max=1000)] = 20,
    cups: Annotated[int, typer.Option(min=1, max=100, help="Of each lot.")] = 3,
    seed: Annotated[int, typer.Option()] = 0,
    sensor: Annotated[str, typer.Option(help=f"One of {', '.join(SENSORS)}.")] = "max3010x",
    optics: Annotated[str, typer.Option(help=f"One of {', '.join(OPTICS)}.")] = "kubelka-munk",
    unit: Annotated[
        int, typer.Option(min=0, max=1_000_000, help="Which of the population; 0 is the usual one.")
    ] = 0,
    calibrated: Annotated[
        bool,
        typer.Option("--calibrated", help="Reflectances by that unit's calibration instead of its counts."),
    ] = False,
    noise: Annotated[
        str, typer.Option(help=f"Of what others report: {', '.join(preparation.FIGURES)}.")
    ] = "middle",
) -> None:
    """Write simulated pairs, to try the rest without a sensor."""
    setting = simulated.Setting(
        sensor_named(sensor).name,
        optics,
        calibrated=calibrated,
        figures=preparation.named(noise),
    )
    optics_named(optics)
    made = simulated.pairs(lots, cups, seed, unit, setting)
    pairs.write(output, made)
    results.print(f"{output}: {len(made)} simulated pairs of {lots} lots, {sensor}, unit {made.unit[0]}")
