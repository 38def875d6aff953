"""Logs on the command line: the options every verb shares, and what was skipped is said."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from canbean.can import logs
from canbean.can.frames import SIMULATED
from canbean.cli.output import note
from canbean.errors import LogError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from canbean.can.frames import Frames

From = Annotated[
    float | None, typer.Option("--from", metavar="S", help="From S seconds after the first frame.")
]
To = Annotated[float | None, typer.Option("--to", metavar="S", help="Up to S seconds after the first frame.")]
AcceptCut = Annotated[bool, typer.Option("--accept-cut", help="Read what is whole of a log that is cut.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="The first line that cannot be read is an error, and not counted.")
]
Bus = Annotated[str | None, typer.Option("--bus", metavar="NAME", help="Only the frames of this bus.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def read(
    path: Path,
    from_s: float | None = None,
    to_s: float | None = None,
    *,
    bus: str | None = None,
    accept_cut: bool = False,
    strict: bool = False,
) -> logs.Log:
    """Read a log, say what was skipped, keep one bus if asked.

    Raises:
        LogError: no frame is left, or (with `strict`) a line cannot be read.
    """
    for seconds in (from_s, to_s):
        if seconds is not None and math.isnan(seconds):
            raise UsageError("--from and --to take seconds")
    log = logs.read(path, from_s=from_s, to_s=to_s, accept_cut=accept_cut, strict=strict)
    if log.skipped:
        note(f"{path}: skipped {log.skipped} lines that could not be read")
        for problem in log.problems:
            note(f"  {problem}")
    if bus is not None:
        if bus not in log.frames.buses:
            raise LogError(f"{path}: has no bus {bus!r}; it has {', '.join(log.frames.buses)}")
        log.frames = log.frames[log.frames.bus == log.frames.buses.index(bus)]
    if not len(log.frames):
        raise LogError(f"{path}: holds no frames in the part that was asked for")
    return log


def provenance(*parts: Frames) -> str:
    """`simulated` or `recorded`."""
    return SIMULATED if any(frames.simulated for frames in parts) else "recorded"
