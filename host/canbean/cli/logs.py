"""Logs on the command line: the options every verb shares, and what was skipped is said."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from canbean.can import logs
from canbean.can.frames import SIMULATED, Frames
from canbean.can.info import Tally
from canbean.cli.output import note
from canbean.errors import LogError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
    _check(from_s, to_s)
    log = logs.read(path, from_s=from_s, to_s=to_s, accept_cut=accept_cut, strict=strict)
    _tell(path, log)
    if bus is not None:
        log.frames = _of_bus(log.frames, bus, path)
    if not len(log.frames):
        raise _nothing(path)
    return log


def survey(
    path: Path,
    from_s: float | None = None,
    to_s: float | None = None,
    *,
    bus: str | None = None,
    accept_cut: bool = False,
    strict: bool = False,
) -> tuple[Tally, logs.Reader]:
    """Count what a log holds, as `read` does but never holding it as a whole.

    Raises:
        LogError: no frame is left, or (with `strict`) a line cannot be read.
    """
    _check(from_s, to_s)
    reader, tally, seen = logs.Reader(path, accept_cut=accept_cut, strict=strict), Tally(), Frames.empty()

    def parts() -> Iterator[Frames]:
        nonlocal seen
        for frames in logs.within(reader.chunks(), from_s, to_s):
            seen = frames
            # A bus that is not in the tables yet may come.
            yield frames if bus is None else _of_bus(frames, bus, path) if bus in frames.buses else frames[:0]

    tally.add_all(parts())
    _tell(path, reader)
    if bus is not None:
        _of_bus(seen, bus, path)
    if not tally.frames:
        raise _nothing(path)
    return tally, reader


def _check(*limits: float | None) -> None:
    """Refuse what is no number of seconds."""
    if any(seconds is not None and math.isnan(seconds) for seconds in limits):
        raise UsageError("--from and --to take seconds")


def _tell(path: Path, log: logs.Log | logs.Reader) -> None:
    """Say what was skipped."""
    if log.skipped:
        note(f"{path}: skipped {log.skipped} lines that could not be read")
        for problem in log.problems:
            note(f"  {problem}")


def _of_bus(frames: Frames, bus: str, path: Path) -> Frames:
    """The frames of one bus.

    Raises:
        LogError: no bus has that name.
    """
    if bus not in frames.buses:
        raise LogError(f"{path}: has no bus {bus!r}; it has {', '.join(frames.buses)}")
    return frames[frames.bus == frames.buses.index(bus)]


def _nothing(path: Path) -> LogError:
    """The error of a log without frames, or of a part of it."""
    return LogError(f"{path}: holds no frames in the part that was asked for")


def provenance(*parts: Frames | Tally) -> str:
    """`simulated` or `recorded`."""
    return SIMULATED if any(frames.simulated for frames in parts) else "recorded"
