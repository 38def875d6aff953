"""The printable enclosure, rendered by OpenSCAD, and the distance that it gives a sensor.

A reflectance falls with the distance between sensor and sample, so a calibration holds for one enclosure. The distances are
those of `firmware/enclosure/roast_meter.scad`; that of the TCS3200 is the 12 to 13 mm of a Tonino, the others are our choice
and not tried on hardware.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from canbean.errors import FileError, UsageError
from canbean.files import read_bytes, writable, write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

DISTANCE_MM = {"max3010x": 3.0, "tcs34725": 10.0, "tcs3200": 12.5}
"""From a sensor's face to the sample on the window, by driver: `sensor_distance` of the enclosure."""

PARTS = ("body", "cup", "baffle", "lid")


def render(source: Path, sensor: str, folder: Path, progress: Callable[[str], object] = str) -> list[Path]:
    """Render every part of an enclosure to STL.

    Args:
        source: the OpenSCAD file.
        sensor: name of the sensor's driver, of `DISTANCE_MM`.
        folder: where the files go; made where it is missing.
        progress: told each part before it is rendered.

    Returns:
        The files written, in the order of `PARTS`.

    Raises:
        UsageError: there is no such sensor, or OpenSCAD is not installed.
        FileError: OpenSCAD does not render it, or the folder cannot be written.
    """
    if sensor not in DISTANCE_MM:
        raise UsageError(f"--sensor {sensor!r}: give one of {', '.join(DISTANCE_MM)}")
    program = shutil.which("openscad")
    if program is None:
        raise UsageError(
            "openscad is missing, which renders the enclosure: apt-get install openscad, brew install openscad, "
            "or openscad.org; the source is " + str(source)
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder}: cannot make this folder: {error.strerror}") from error
    targets = [folder / f"{sensor}-{part}.stl" for part in PARTS]
    for target in targets:
        writable(target, source)
    with tempfile.TemporaryDirectory(prefix="canbean-enclosure-") as beside:
        for part, target in zip(PARTS, targets, strict=True):
            if progress is not None:
                progress(part)
            made = Path(beside) / target.name
            done = subprocess.run(
                [program, "-D", f'part="{part}"', "-D", f'sensor="{sensor}"', "-o", str(made), str(source)],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
            if done.returncode != 0 or not made.is_file():
                reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
                raise FileError(
                    f"{source}: openscad does not render {part}: {(reasons or ['no reason given'])[0]}"
                )
            write_bytes(target, read_bytes(made))
    return targets
