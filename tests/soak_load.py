"""A gateway that soaks: a bus of 1,000 frames a second without a pause, on the real VM with the smallest board's heap."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from canbean.board import firmware
from canbean.board.link import Lines
from canbean.board.virtual import START, find_vm
from canbean.can.frames import Frames
from canbean.detect import detectors, model
from canbean.detect.gateway import Gateway
from canbean.detect.learn import learn
from canbean.detect.replay import replay
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Callable

    from canbean.board import Record


ROUND_S = 20
PERIODS_MS = (10,) * 6 + (20,) * 5 + (100,) * 8 + (200,) * 10 + (1000,) * 21
"""50 ids, 1,001 frames a second."""
STRANGER = 0x7E0
STRANGERS = 40
"""Frames of an id that nobody knows, at the end of a round: its alerts are what must come."""


def traffic(rounds: int, *, attacked: bool, seed: int = 3) -> Frames:
    """Rounds of the bus, each like the other: every id comes a whole number of times, a little early or late."""
    rng = np.random.default_rng(seed)
    parts = []
    for number, period in enumerate(PERIODS_MS):
        count = ROUND_S * 1000 // period
        # Not all at once, and none across the end of the round.
        start = 500 + number * (period * 1000 - 1000) // len(PERIODS_MS)
        t_us = start + np.arange(count) * period * 1000 + rng.integers(0, 200, count)
        data = rng.integers(0, 200, (count, 8))
        data[:, 0] = number
        parts.append(Frames.of(t_us, 0x100 + 8 * number, data))
    if attacked:
        t_us = (ROUND_S - 1) * 1_000_000 + 7_000 * np.arange(STRANGERS)
        parts.append(Frames.of(t_us, STRANGER, np.zeros((STRANGERS, 8))))
    one = Frames.concat(parts).in_time_order()
    many = [one.changed(t_us=one.t_us + k * ROUND_S * 1_000_000) for k in range(rounds)]
    return Frames.concat(many).changed(buses=("simulated",))


@cache
def gateway_of(*names: str) -> tuple[cbm.Model, Gateway]:
    """The model of that bus with some detectors of windows, and what it knows."""
    learned = learn([traffic(4, attacked=False)])
    found = {name: detectors.module(name).learn(learned.clean) for name in names}
    assert all(found.values()), found
    gateway = Gateway(learned.fingerprint, None, found)
    made = model.pack(replace(learned, gateway=gateway), {"name": "soak", "data": "simulated"})
    return made, gateway


VARIES = 512
"""Bytes of heap that come and go on a 64-bit VM: alerts that are kept, an open incident, one that waits for the store (so that
rounds are alike in threes), what the collector takes for an address."""
GROWS = 64
"""Bytes by which the second half of a long soak may have less free than the first, in the middle."""
LONG = 30
"""Rounds of such a one."""


@dataclass
class Soak:
    """What a soak gave.

    Attributes:
        rounds, frames: handled.
        seconds: that it took.
        alerts: lines of alerts; `expected` of them are the host's.
        status: a status line a round.
        lost: lines that the board numbered and that did not come.
        ended: how the VM ended, 0 as it should.
        words: what it said then.
    """

    frames: int = 0
    seconds: float = 0.0
    alerts: int = 0
    expected: int = 0
    status: list[dict[str, int]] = field(default_factory=list)
    lost: int = 0
    ended: int = 0
    words: str = ""

    @property
    def rounds(self) -> int:
        return len(self.status)

    def describe(self) -> dict[str, object]:
        heap = [one["heap_free"] for one in self.status]
        return {
            "rounds": self.rounds, "frames": self.frames, "bus_hours": round(self.rounds * ROUND_S / 3600, 2),
            "wraps_of_ticks": self.rounds * ROUND_S * 1_000_000 >> 30, "seconds": round(self.seconds, 1),
            "frames_per_second": round(self.frames / max(self.seconds, 1e-9)),
            "alerts": self.alerts, "alerts_expected": self.expected, "lines_lost": self.lost,
            "errors": self.status[-1]["errors"] if heap else None,
            "heap_free_first": heap[0] if heap else None, "heap_free_least": min(heap, default=None),
            "heap_free_last": heap[-1] if heap else None, "ended": self.ended, "words": self.words,
        }  # fmt: skip

    def faults(self) -> list[str]:
        """What is not as it must be."""
        said = self.describe()
        wrong = [f"the VM ended with {self.ended}: {self.words}"] if self.ended else []
        if not self.status:
            return [*wrong, "it handled no round"]
        if self.alerts != self.expected:
            wrong.append(f"{self.alerts} alerts, {self.expected} expected")
        if said["errors"] or self.lost:
            wrong.append(f"{said['errors']} errors, {self.lost} lines lost")
        # What is allocated once has been by the end of the second round.
        heap = [one["heap_free"] for one in self.status][min(1, self.rounds - 1) :]
        if min(heap) < heap[0] - VARIES:
            wrong.append(f"free heap fell from {heap[0]} to {min(heap)}")
        if len(heap) >= LONG:
            first, second = (median(half) for half in (heap[: len(heap) // 2], heap[len(heap) // 2 :]))
            if second < first - GROWS:
                wrong.append(f"free heap fell in the middle, from {first} to {second}")
        return wrong


def soak(
    folder: Path, *, rounds: int = 0, seconds: int = 0, names: list[str], heap: str = "23wK",
    progress: Callable[[Soak], None] = lambda _: None, on_alert: Callable[[Record], None] = lambda _: None,
) -> Soak:  # fmt: skip
    """Run the gateway for some rounds, or for some seconds.

    Args:
        folder: an empty one; the board's files are put there.
        rounds: of 20 s of the bus; 0 for as many as the seconds allow.
        seconds: of this machine; 0 for as many as the rounds take.
        names: detectors of windows beside the fingerprint.
        heap: of the VM.
        progress: called after each round.
        on_alert: called with each alert.
    """
    made, gateway = gateway_of(*names)
    # joined for its model, as it is flashed, with this board and its bus in the place of Linux and of a driver
    tree = folder / "tree"
    shutil.copytree(firmware.folder(), tree)
    shutil.copy(Path(__file__).with_name("soak_board.py"), tree / "boards" / "linux.py")
    shutil.copy(Path(__file__).with_name("soak_bus.py"), tree / "drivers" / "soak.py")
    with mock.patch.object(firmware, "folder", return_value=tree):
        firmware.build(folder, "gateway", "linux", architecture="x64", model=made)
    shutil.rmtree(tree)
    cbm.write(folder / "model.cbm", made)
    (folder / "plan.txt").write_text(f"{rounds} {seconds} {ROUND_S}")
    one = traffic(1, attacked=True)
    (folder / "round.bin").write_bytes(records(one))
    # Rounds are alike from the second on: what the host raises in the first, and in each that follows.
    first, both = (len(replay(gateway, traffic(n, attacked=True)).alerts) for n in (1, 2))
    said, lines, begin = Soak(), Lines(), time.monotonic()
    command = [find_vm(), "-X", f"heapsize={heap}", "-c", START]
    environment = {**os.environ, "MICROPYPATH": ""}
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as vm:
        assert vm.stdout is not None
        assert vm.stderr is not None
        alerts = 0
        while data := os.read(vm.stdout.fileno(), 1 << 16):
            for record in lines.take(data):
                values = record.values
                alerts += values["type"] == "alert"
                if values["type"] == "error":
                    said.words = str(values["reason"])
                if values["type"] == "alert":
                    on_alert(record)
                if values["type"] == "status":
                    said.status.append(values)
                    said.alerts, said.frames = alerts, len(one) * said.rounds
                    said.expected = first + (both - first) * (said.rounds - 1)
                    said.seconds = time.monotonic() - begin
                    progress(said)
        said.words = (vm.stderr.read().decode() or said.words).strip()
        said.ended = vm.wait()
    said.lost = lines.lost + lines.noise
    return said


def records(frames: Frames) -> bytes:
    """Frame records, as the ring and the golden vectors hold them."""
    table = np.zeros((len(frames), 19), np.uint8)
    table[:, :4] = (frames.t_us // 1_000_000).astype("<u4")[:, None].view(np.uint8)
    micros = (frames.t_us % 1_000_000 | frames.dlc.astype(np.int64) << 20).astype("<u4")
    table[:, 4:7] = micros[:, None].view(np.uint8)[:, :3]
    table[:, 7:11] = frames.key.astype("<u4")[:, None].view(np.uint8)
    table[:, 11:] = frames.data[:, :8]
    return table.tobytes()
