"""Clocks at random, traffic for them, and how the board's twin is called."""

import numpy as np

from canbean.can import simulate
from canbean.detect.detectors.clock import CLOCKS_MOST, TOLERANCE_MOST_US, WORTH_MOST, Clock
from canbean.detect.drift import Table
from detector_cases import random_gate, random_level, traffic_of
from fingerprint_cases import KNOWN

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
    def into(self, tag, start, view):
        import io
        file = io.BytesIO(self.content)
        file.seek(start)
        file.readinto(view)

class Bus(Known):
    # With the gap of the frame that has just been scored.
    def __init__(self, keys, sleep_us):
        Known.__init__(self, keys)
        self.sleep_us = sleep_us
        self.reset()
    def reset(self):
        self.bus = None
        self.seen = [None] * self.n
    def frame(self, s, us, slot):
        woke = self.bus is None or elapsed(s, us, self.bus[0], self.bus[1]) >= self.sleep_us
        if woke:
            self.seen = [None] * self.n
        self.bus = s, us
        if slot < self.n:
            gap = -1
            if self.seen[slot]:
                gap = elapsed(s, us, self.seen[slot][0], self.seen[slot][1])
            self.seen[slot] = s, us
            self.now[32 + 2 * self.n + 3 * slot + 2] = gap
        return woke

def play(detector, known, rows, out):
    for at, (s, us, slot, code) in enumerate(rows):
        if known.frame(s, us, slot):
            detector.forget()
        bits = step(detector, known, s, us, slot, code, None)
        if bits >= 0:
            out.append([at, bits, detector.blamed, list(detector.words()) if bits else None])

def run(section, keys, sleep_us, rows):
    known = Bus(keys, sleep_us)
    detector = Detector(Section(section), known)
    # A replay before this one leaves nothing behind.
    play(detector, known, rows[::3], [])
    known.reset()
    detector.reset()
    out = []
    play(detector, known, rows, out)
    return [detector.threshold, detector.need, detector.of], out
"""
)


def random_clock(rng, n, periods=None):
    """A detector of some of n ids; `periods` (n,) in microseconds if they are to fit some traffic."""
    k = int(rng.integers(1, min(n, CLOCKS_MOST) + 1))
    row = np.sort(rng.choice(n, k, replace=False))
    period = np.exp(rng.uniform(7, 16.1, k)).astype(np.int64) if periods is None else periods[row]
    return Clock(
        gate=random_gate(rng),
        level=random_level(rng),
        ids=n,
        table=Table(
            row=row,
            period_us=period,
            fraction=rng.integers(0, 256, k),
            tolerance_us=np.minimum(rng.integers(0, 1 + period // 2), TOLERANCE_MOST_US),
            frames=rng.integers(1, 1 + np.where(period > 4_000_000, 25, 12)),
            slack_us=rng.choice([0, 1, 40, 65535], k, p=[0.3, 0.3, 0.3, 0.1]),
            worth=rng.choice([1, 500, WORTH_MOST], k),
        ),
    )


def random_beats(rng, m=500):
    """Traffic of ids that come by clocks of all kinds, with what disturbs them, and after how long a silence the bus slept."""
    n = int(rng.integers(1, 9))
    base = int(np.exp(rng.uniform(7.5, 15)))
    periods = base * rng.choice([1, 1, 2, 3], n)
    jitter = float(rng.choice([0, 0.001, 0.02, 0.2]))
    parts = []
    for key, period in enumerate(periods.tolist()):
        count = max(m // n, 4)
        gap = period * (1 + rng.normal(0, jitter, count)) * (1 + rng.choice([0, 1e-4, 1e-2, -1e-2]))
        odd = rng.random(count)
        gap[odd < 0.01] *= rng.choice([0.1, 2, 3])
        gap[odd > 0.997] += rng.choice([0, 3e6, 2e9])
        parts.append((np.cumsum(gap).astype(np.int64), np.full(count, key)))
    t_us, key = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(t_us, kind="stable")
    t_us, key = t_us[order], key[order]
    key[rng.random(len(key)) < 0.02] = 99
    back = rng.random(len(t_us)) < rng.choice([0, 0.01])
    t_us = np.maximum(t_us - np.where(back, base // 2, 0), 0) + int(rng.choice([0, 1_700_000_000_000_000]))
    one = simulate.drive(1, 1)[:1]
    table = one[np.zeros(len(t_us), np.int64)].changed(t_us=t_us, id=key.astype(np.uint32))
    sleep_us = int(rng.choice([3 * base + 1_000_000, 1_000_000_000]))
    return traffic_of(table, np.arange(n, dtype=np.uint32), sleep_us), sleep_us, periods
