"""Alerts on the command line: raised here, on the virtual board or on a board at a port, shown and written."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from canbean.board import Board, VirtualBoard
from canbean.board.feed import feed
from canbean.board.firmware import module
from canbean.can.frames import parse_key
from canbean.cli.output import progress
from canbean.detect.alerts import Alert, fields
from canbean.detect.replay import replay
from canbean.errors import BoardError, UsageError
from canbean.files import read_bytes, replacing
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rich.console import Console

    from canbean.board import Record
    from canbean.can.frames import Frames
    from canbean.detect.context import Context
    from canbean.detect.gateway import Gateway


class Ticker:
    """Shows alerts as they come: the first two of each incident; the others are counted."""

    EACH = 2

    def __init__(self, console: Console | None) -> None:
        self.console = console
        self.seen = Counter[int]()
        self.hidden = 0

    def show(self, line: bytes) -> None:
        """Take the next alert."""
        said = json.loads(line)
        self.seen[said["incident"]] += 1
        if self.console is None or self.seen[said["incident"]] > self.EACH:
            self.hidden += 1
            return
        self.console.print(
            f"{said['t']:>12.6f} s  {said['id'] or 'bus':>8}  {said['kind']:<10} {said['bits']:6.2f} bits  "
            f"expected {said['expected']}, seen {said['seen']}",
            markup=False,
        )

    def end(self) -> None:
        """Say how many were not shown."""
        if self.console is not None and self.hidden:
            several = "" if len(self.seen) == 1 else "s"
            self.console.print(f"… and {self.hidden} more alerts in {len(self.seen)} incident{several}")


def line_of(alert: Alert) -> bytes:
    """An alert as a line of an alerts file: the board's line without `boot`, `seq` and `crc`."""
    return b'{"type":"alert",%s}' % module("lines").body(fields(alert)).encode()


def alert_of(line: bytes) -> Alert:
    """The alert that a line tells of, exactly: the inverse of `line_of`."""
    said = json.loads(line, parse_float=Decimal)
    return Alert(
        t_us=int(said["t"] * 1_000_000),
        key=None if said["id"] is None else parse_key(said["id"]),
        bits=int(said["bits"] * 16),
        threshold=int(said["threshold"] * 16),
        **{
            name: said[name]
            for name in ("bus", "detector", "kind", "expected", "seen", "severity", "incident")
        },
        dropped=said["dropped"],
    )


def with_evidence(lines: Iterable[bytes], around: Context) -> Iterator[bytes]:
    """The lines of alerts with the frames around each, in the same order."""
    for n, line in enumerate(lines):
        yield b'%s,"evidence":%s}' % (line[:-1], json.dumps(around.describe(n)).encode())


def write_alerts(path: Path, alerts: Iterable[Alert | bytes]) -> None:
    """Write an alerts file, one JSON object a line."""
    with replacing(path) as file:
        for alert in alerts:
            file.write((line_of(alert) if isinstance(alert, Alert) else alert) + b"\n")


def run_on(
    where: str,
    model: Path,
    gateway: Gateway,
    frames: Frames,
    speed: float | None,
    show: Console | None,
    key: bytes | None = None,
) -> tuple[list[bytes], dict[str, Any]]:
    """Replay frames on `host`, on the virtual board (`vm`) or on the board at a port, which may have a key.

    Returns:
        The alerts as lines, and counts of what happened.
    """
    if gateway.plan is not None:
        # What a board's filters keep away it is not sent either.
        passed = gateway.plan.filters.passes(frames.key)
        lines, counts = run_on(where, model, replace(gateway, plan=None), frames[passed], speed, show, key)
        return lines, {**counts, "unseen": int((~passed).sum())}
    if where == "host":
        if speed is not None:
            raise UsageError("--speed is for boards: the host needs no clock")
        raised = replay(gateway, frames)
        lines = [line_of(alert) for alert in raised.alerts]
        ticker = Ticker(show)
        for line in lines:
            ticker.show(line)
        ticker.end()
        return lines, {"frames": len(frames), "alerts": len(lines), "unscored": raised.unscored}
    if where == "vm":
        with VirtualBoard(model, "gateway") as virtual:
            return run_on_board(virtual.port, frames, speed, show)
    return run_on_board(where, frames, speed, show, model, key)


def run_on_board(
    port: str,
    frames: Frames,
    speed: float | None,
    show: Console | None,
    model: Path | None = None,
    key: bytes | None = None,
) -> tuple[list[bytes], dict[str, Any]]:
    """Replay frames onto the board at a port and collect its alerts.

    Raises:
        BoardError: the board runs another model than the one given.
    """
    lines: list[bytes] = []
    ticker = Ticker(show)
    with Board(port) as board, progress() as bar:
        if model is not None and board.hello.get("app") == "gateway":
            check_model(board, model)
        task = bar.add_task("frames", total=len(frames))

        def on_record(record: Record) -> None:
            if record.values["type"] == "alert":
                lines.append(record.bare)
                ticker.show(record.bare)

        counts = feed(
            board,
            frames,
            on_record,
            speed=speed,
            progress=lambda n: bar.update(task, completed=n),
            key=key,
        )
        status = board.ask("status", "status").values
    ticker.end()
    said = {
        "frames": counts.frames,
        "alerts": len(lines),
        "sent_again": counts.again,
        "alerts_missed": counts.missed,
    }
    said |= {"noise": counts.noise, "errors": counts.errors, "heap_free": status["heap_free"]}
    return lines, said | {"frames_per_second": round(counts.frames / max(counts.seconds, 1e-9))}


def check_model(board: Board, path: Path) -> None:
    """Refuse a board that runs another model than the file, by its digest.

    Raises:
        BoardError: it does; the message names both.
    """
    wanted, there = cbm.digest(read_bytes(path, "model file"))[:16], board.hello.get("model")
    if there is not None and there != wanted:
        raise BoardError(f"{board.port}: runs the model {there}, while {path} is {wanted}")
