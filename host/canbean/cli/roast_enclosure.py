"""`canbean roast enclosure`: the parts to print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canbean.board import firmware
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, results, waiting
from canbean.roast.enclosure import DISTANCE_MM, render


def enclosure(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Where the STL files go.")],
    sensor: Annotated[
        str, typer.Option(metavar="NAME", help=f"{', '.join(DISTANCE_MM)}: which module it holds.")
    ] = "max3010x",
    as_json: AsJson = False,
) -> None:
    """Render the printable enclosure to STL; needs openscad."""
    source = firmware.folder() / "enclosure" / "roast_meter.scad"
    with waiting("rendering") as say:
        made = render(source, sensor, output, lambda part: say(f"rendering the {part}"))
    if as_json:
        json_line(
            {"sensor": sensor, "distance_mm": DISTANCE_MM[sensor], "files": [str(path) for path in made]}
        )
        return
    for path in made:
        results.print(str(path), markup=False)
    results.print(
        f"sensor {sensor}: {DISTANCE_MM[sensor]:g} mm from its face to the coffee; calibrate in this enclosure"
    )
