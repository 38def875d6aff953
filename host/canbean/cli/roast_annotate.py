"""`canbean roast annotate`: a roast value into Artisan's logs."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Annotated

import typer

from canbean.board.roastmeter import fresh, open_meter
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results
from canbean.errors import BoardError, UsageError
from canbean.roast import alog, reading

app = typer.Typer()

SETTLES_S = 10.0
"""A meter that was just switched on settles in less."""


def annotate(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE.alog...")],
    ground: Annotated[
        int | None, typer.Option(min=0, max=1000, metavar="N", help="Roast value of the ground coffee.")
    ] = None,
    whole: Annotated[
        int | None, typer.Option(min=0, max=1000, metavar="N", help="Roast value of whole beans.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the meter or its scale, as Artisan shows it.")
    ] = None,
    port: Annotated[
        str | None, typer.Option(metavar="P", help="Read the value of the ground coffee from the meter here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write roast values into Artisan's logs. Each log as it was is kept beside it, as FILE.alog.bak."""
    if port is not None and ground is not None:
        raise UsageError("--ground and --port: give the value or the meter's port, not both")
    if system is not None and not (system.isprintable() and 0 < len(system.strip()) <= 80):
        raise UsageError("--system: give a name of at most 80 characters on one line")
    if port is not None:
        alog.check(paths)
        ground = ground_from(port)
    given = {"whole_color": whole, "ground_color": ground, "color_system": system}
    entries = {key: value for key, value in given.items() if value is not None}
    if not entries:
        raise UsageError("nothing to write: give --ground, --whole, --system or --port")
    done = alog.annotate(paths, entries)
    if as_json:
        files = [{"file": str(path), "copy": None if copy is None else str(copy)} for path, copy in done]
        json_line({"entries": entries, "files": files})
        return
    words = ", ".join(f"{key} {value}" for key, value in entries.items())
    for path, copy in done:
        how = "had it already" if copy is None else f"as it was: {copy}"
        results.print(f"{path}: {words} ({how})", markup=False)


def ground_from(port: str, seconds: float = SETTLES_S) -> int:
    """The roast value that the meter on this port reads now, rounded half up as it tells it to Artisan.

    Raises:
        BoardError: no meter answers, or it has no value to give.
    """
    with open_meter(port) as board:
        if reading.simulated(board.hello):
            note(f"warning: the meter on {port} has no sensor: its value is simulated")
        end = time.monotonic() + seconds
        while True:
            found = reading.parse(fresh(board).values, port)
            if found.value is not None:
                return math.floor(found.value + 0.5)
            if found.quality != "not settled" or time.monotonic() >= end:
                raise BoardError(f"{port}: {found.why or found.quality}; no log was changed")
            time.sleep(0.5)
