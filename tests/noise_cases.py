"""A bad cable between a host and the virtual board, and a log that raises many alerts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.board import Board, VirtualBoard
from canbean.board.feed import feed
from canbean.can import logs
from canbean.can.frames import Frames
from canbean.cli.alarms import line_of
from canbean.detect import model
from canbean.detect.replay import replay
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).with_name("golden")
QUIET_US = 20_000_000
"""Silence between two rounds of the log, longer than an incident lasts."""


class NoisyPort:
    """An opened port on which bytes are flipped, dropped or doubled, both ways.

    Attributes:
        harmed: bytes so far.
    """

    def __init__(self, port: Any, rate: float, seed: int) -> None:
        self.port = port
        self.rate = rate
        self.dice = np.random.default_rng(seed)
        self.harmed = 0

    @property
    def in_waiting(self) -> int:
        return self.port.in_waiting

    def read(self, size: int) -> bytes:
        return self.harm(self.port.read(size))

    def write(self, data: bytes) -> int:
        self.port.write(self.harm(data))
        return len(data)

    def close(self) -> None:
        self.port.close()

    def harm(self, data: bytes) -> bytes:
        hit = np.flatnonzero(self.dice.random(len(data)) < self.rate)
        if not len(hit):
            return data
        self.harmed += len(hit)
        parts, start = [], 0
        for at, how, bit in zip(
            hit, self.dice.integers(0, 3, len(hit)), self.dice.integers(0, 8, len(hit)), strict=True
        ):
            parts.append(data[start:at])
            parts.append((bytes([data[at] ^ 1 << bit]), b"", data[at : at + 1] * 2)[how])
            start = at + 1
        return b"".join([*parts, data[start:]])


def attacked(count: int, seed: int = 1) -> Frames:
    """The golden log round after round, the bytes of one frame in a hundred inverted."""
    one = logs.read(GOLDEN / "attacked.csv.gz").frames
    length = int(one.t_us.max() - one.t_us.min()) + QUIET_US
    rounds = -(-count // len(one))
    frames = Frames.concat([one.changed(t_us=one.t_us + k * length) for k in range(rounds)])[:count]
    hit = np.random.default_rng(seed).random(count) < 0.01
    carried = np.arange(frames.data.shape[1]) < np.minimum(frames.dlc, 8)[:, None]
    return frames.changed(data=frames.data ^ np.where(hit[:, None] & carried, 255, 0).astype(np.uint8))


def noise(
    count: int, rate: float, seed: int = 0, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Replay `count` frames onto the virtual board over a bad cable, and compare its alerts with the host's."""
    frames = attacked(count)
    known = GOLDEN / "gateway.cbm"
    expected = [line_of(alert) for alert in replay(model.unpack(cbm.read(known), known.name), frames).alerts]
    lines = []
    with VirtualBoard(known, "gateway", heap="64wK") as virtual, Board(virtual.port) as board:
        cable = board._serial = NoisyPort(board._serial, rate, seed)
        counts = feed(
            board,
            frames,
            lambda record: lines.append(record.bare) if record.values["type"] == "alert" else None,
            progress=progress,
        )
        cable.rate = 0.0
        status = board.ask("status", "status").values
    return {
        "frames": count,
        "bytes_harmed": cable.harmed,
        "handled": status["frames"],
        "sent_again": counts.again,
        "lost": count - status["frames"],
        "alerts_expected": len(expected),
        "alerts": len(lines),
        "alerts_as_expected": lines == expected,
        "alerts_missed": counts.missed,
        "noise_heard_by_host": counts.noise,
        "noise_heard_by_board": status["noise"],
        "errors": status["errors"],
        "frames_per_second": round(counts.frames / counts.seconds),
    }
