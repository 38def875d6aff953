"""Plain replay of a log onto a bus of python-can."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from canbean.can.frames import FD, key_text, parse_key
from canbean.cli.logs import provenance, read
from canbean.cli.output import json_line, note, progress, results
from canbean.errors import LogError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from canbean.can import player
    from canbean.can.frames import Frames

Loop = Annotated[bool, typer.Option("--loop", help="Onto a bus: again and again, until ctrl-C.")]
Ids = Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="Only this id; may be repeated.")]
LogBus = Annotated[
    str | None,
    typer.Option("--log-bus", metavar="NAME", help="Onto a bus: only the frames of this bus of the log."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Transmit onto a real bus without asking.")]


def replay_onto(
    log: Path,
    bus: str,
    *,
    speed: float | None = 1.0,
    loop: bool = False,
    from_s: float | None = None,
    to_s: float | None = None,
    ids: Sequence[str] | None = None,
    log_bus: str | None = None,
    yes: bool = False,
    accept_cut: bool = False,
    strict: bool = False,
    as_json: bool = False,
) -> None:
    """Send the frames of a log onto a bus, `interface:channel[@bitrate]`; `speed` None is as fast as the bus takes them.

    Raises:
        UsageError: no such bus, its interface is not installed, or nobody agreed to transmit onto a real one.
        BoardError: the bus cannot be opened or refuses a frame.
        LogError: no frame is left, or the log has several buses and none was chosen.
    """
    # python-can brings asammdf and pandas along where they are installed: a second that no other verb should wait.
    from canbean.can import player  # noqa: PLC0415

    address = player.Address.parse(bus)
    frames = read(log, from_s, to_s, bus=log_bus, accept_cut=accept_cut, strict=strict).frames
    buses = [frames.buses[code] for code in np.unique(frames.bus)]
    if len(buses) > 1:
        raise LogError(f"{log}: holds the buses {', '.join(buses)}: choose one with --log-bus")
    chosen = _of_ids(frames, ids or (), str(log))
    ready = player.sendable(chosen)
    if len(ready) < len(chosen):
        note(f"{log}: {len(chosen) - len(ready)} error frames are not sent")
    if not len(ready):
        raise LogError(f"{log}: holds no frame that can be sent in the part that was asked for")
    if not (chosen.t_us[1:] >= chosen.t_us[:-1]).all():
        note(f"{log}: time goes backward; the frames are sent in the order of time")
    if address.real and not yes:
        _ask(address, ready)
    fd = bool((ready.flags & FD).any())
    first_s = int(ready.t_us[0]) / 1e6
    with player.opened(address, fd=fd) as open_bus, progress() as bar:
        task = bar.add_task("frames", total=None if loop else len(ready))
        done = player.play(
            ready,
            player.sender(open_bus, address),
            speed=speed,
            rounds=None if loop else 1,
            progress=lambda count: bar.update(task, completed=count),
        )
    late = done.late_us
    said = {
        "log": str(log),
        "bus": str(address),
        "data": provenance(ready),
        "frames": done.frames,
        "of": len(ready),
        "rounds": done.rounds,
        "stopped": done.stopped,
        "frame": done.row + 1 if done.stopped else None,
        "log_s": done.log_s,
        "seconds": round(done.seconds, 6),
        "late_ms_p99": None if late is None or not len(late) else float(np.quantile(late, 0.99)) / 1000,
    }
    if as_json:
        json_line(said)
    else:
        results.print(
            f"{log} ({said['data']} data) on {address}: {done.frames} frames in {done.seconds:.3f} s"
            + ("" if said["late_ms_p99"] is None else f"; 99 % at most {said['late_ms_p99']:.3f} ms late"),
            markup=False,
        )
    if done.stopped:
        note(
            f"stopped before frame {done.row + 1} of {len(ready)}, log time {done.log_s:.6f} s "
            f"({done.log_s - first_s:.6f} s after the first), round {done.rounds + 1}"
        )
        raise typer.Exit(130)


def _of_ids(frames: Frames, ids: Sequence[str], name: str) -> Frames:
    """The frames of some ids."""
    if not ids:
        return frames
    keys = [parse_key(text) for text in ids]
    for key in keys:
        if not (frames.key == key).any():
            raise LogError(f"{name}: has no frame with the id {key_text(key)} in the part that was asked for")
    return frames[np.isin(frames.key, keys)]


def _ask(address: player.Address, frames: Frames) -> None:
    """Let a person agree to transmit.

    Raises:
        UsageError: nobody is there, or says no.
    """
    count = len(np.unique(frames.key))
    ids = f"{count} id{'' if count == 1 else 's'}"
    if not sys.stdin.isatty():
        raise UsageError(f"bus {address}: transmits {ids} onto a bus that may be real: --yes agrees to it")
    question = f"Transmit {len(frames)} frames of {ids} onto {address}? Control units on it will act on them."
    if not typer.confirm(question, err=True):
        raise UsageError(f"bus {address}: nothing was sent")
