"""Detectors of windows at random, traffic for them, and how the board's twin is called."""

from __future__ import annotations

import numpy as np

from bus_cases import fingerprint, frames
from canbean.can.frames import RTR
from canbean.detect import detectors
from canbean.detect.detectors.mixture import WINDOW_MOST_US, Windows
from canbean.detect.detectors.sequence import WORTH_MOST, Sequence
from canbean.detect.fingerprint import epochs, rows_of
from canbean.detect.level import Level
from canbean.detect.windows import Clean, Gate, Traffic
from fingerprint_cases import KNOWN
from kind_cases import random_mixture
from parity_cases import watched

BOARD = {name: detectors.module(name).BOARD for name in ("sequence", "mixture")}
"""The module of `firmware/canbean` that holds a detector's twin."""

ON_BOARD = (
    KNOWN
    + """
class Section:
    def __init__(self, content):
        self.content = content
    def size(self, tag):
        return len(self.content)
    def part(self, tag, start, length):
        return self.content[start : start + length]
    def place(self, tag, start, length):
        return memoryview(self.part(tag, start, length))
    def into(self, tag, start, view):
        import io
        file = io.BytesIO(self.content)
        file.seek(start)
        file.readinto(view)

def play(detector, known, sleep_us, rows, out):
    last = None
    for at, (s, us, slot, code, data) in enumerate(rows):
        if last and elapsed(s, us, last[0], last[1]) >= sleep_us:
            detector.forget()
        last = s, us
        bits = step(detector, known, s, us, slot, code, data)
        if bits >= 0:
            out.append([at, bits, detector.blamed, list(detector.words()) if bits else None])

def run(section, keys, sleep_us, rows):
    known = Known(keys)
    detector = Detector(Section(section), known)
    # A replay before this one leaves nothing behind.
    play(detector, known, sleep_us, rows[::3], [])
    detector.reset()
    out = []
    play(detector, known, sleep_us, rows, out)
    return [detector.threshold, detector.need, detector.of], out
"""
)


def random_level(rng) -> Level:
    return Level(
        int(rng.choice([0, 0, rng.integers(0, 600)])), int(rng.integers(0, 200)), int(rng.integers(1, 65))
    )


def random_gate(rng) -> Gate:
    of = int(rng.integers(1, 17))
    return Gate(int(rng.integers(1, 1025)), int(rng.integers(1, of + 1)), of)


def random_sequence(rng, n: int) -> Sequence:
    return Sequence(
        gate=random_gate(rng),
        level=random_level(rng),
        worth=np.append(0, np.sort(rng.integers(0, WORTH_MOST + 1, 15))),
        # an id whose first partner is itself has none
        partner=rng.integers(0, n, (n, 3)),
        fewest=rng.choice([0, 0, 1, 2, 7, 254], (n, 3)),
        cost=rng.integers(0, 16, (n, 3, 9)),
    )


def random_windows(rng, n: int) -> Windows:
    return Windows(
        gate=random_gate(rng),
        level=random_level(rng),
        window_us=int(rng.choice([1000, 250_000, 1_000_000, WINDOW_MOST_US])),
        centre=rng.integers(-300, 600, 5),
        scale=rng.choice([128, 1000, 4000, 65535], 5),
        usual=rng.integers(0, 12, n),
        mixture=random_mixture(rng, 5),
    )


RANDOM = {"sequence": random_sequence, "mixture": random_windows}


def random_traffic(rng, m: int = 400):
    """Traffic with sleeps, steps back and unknown ids, and after how long a silence the bus was asleep."""
    known = fingerprint(rng)
    table = frames(rng, known, m)
    table = table[table.flags < RTR]
    if rng.random() < 0.3:
        table = table[np.argsort(table.t_us, kind="stable")]
    if rng.random() < 0.3:  # a coarse clock, on which a window ends exactly
        table = table.changed(t_us=table.t_us // 1000 * 1000)
    return traffic_of(table, known.keys, known.sleep_us), known.sleep_us


def traffic_of(table, keys, sleep_us) -> Traffic:
    return Traffic(table, rows_of(keys, table.key), epochs(table.t_us, sleep_us), keys)


def clean_of(table) -> Clean:
    """One log as `learn` gets it, the last two fifths of its time held back."""
    keys, since = np.unique(table.key), table.t_us - table.t_us[0]
    later = since >= 0.6 * since[-1]
    return Clean(traffic_of(table, keys, 1_000_000), later, 0.4 * float(since[-1]) / 3.6e9)


def board_rows(traffic) -> list:
    """Seconds, microseconds, row, DLC code and eight bytes of each frame."""
    _, (s, us, _, _, codes) = watched(traffic.frames)
    columns = (s, us, traffic.row, codes)
    data = map(bytes, traffic.frames.data[:, :8])
    return list(zip(*(column.tolist() for column in columns), data, strict=True))


def expected(detector, traffic) -> list:
    """What `run` of `ON_BOARD` must return."""
    said = detector.judge(traffic)
    gate = detector.gate
    out = [
        [at, bits, blamed, list(said.words(window)) if bits else None]
        for window, (at, bits, blamed) in enumerate(
            zip(said.at.tolist(), said.bits.tolist(), said.blamed.tolist(), strict=True)
        )
    ]
    return [[gate.threshold, gate.need, gate.of], out]
