"""Detectors of relations at random, and traffic for them, for parity of host and board."""

import numpy as np

from canbean.can.frames import LENGTHS, Frames
from canbean.detect.detectors import lstm, vae
from canbean.detect.fingerprint import epochs, rows_of
from canbean.detect.residuals import UNJUDGED, Residuals, Scale
from canbean.detect.signals import Signal, Signals
from canbean.detect.windows import Gate, Traffic
from canbean.tiny.dense import Dense
from canbean.tiny.features import Channel, Features
from canbean.tiny.lstm import Lstm
from fingerprint_cases import KNOWN
from kind_cases import random_dense, random_layer, random_vae

INT16 = 32767
SLEEP_US = 2_000_000


def random_signals(rng):
    """Signals of a few ids, anywhere in their payloads, in both byte orders."""
    keys = np.sort(rng.choice(40, int(rng.integers(2, 6)), replace=False)).tolist()
    found = []
    for key in keys:
        for _ in range(int(rng.integers(1, 4))):
            bits, bit, down = int(rng.integers(1, 17)), int(rng.integers(8)), bool(rng.random() < 0.5)
            span = (bit + bits + 7) // 8
            byte = int(rng.integers(span - 1, 8)) if down else int(rng.integers(0, 9 - span))
            found.append(Signal(key, byte, bit, down, bool(rng.random() < 0.5), bits))
    stale = rng.choice([300, 1000, 5000], len(keys)).tolist()
    return Signals(tuple(found), tuple(stale), int(rng.choice([20, 50])))


def parts(rng, signals, times):
    """Gate, features and tails for them; `times` 2: with changes."""
    count = len(signals)
    channels = []
    for one in signals.signals * times:
        spread = 2.0 ** max(one.bits - 2, 0) * rng.uniform(0.3, 2)
        centre = 0.0 if one.signed else spread * rng.uniform(0, 4)
        channels.append(Channel.scaled(0, "linear", centre, 4096 / spread))
    edge = rng.integers(500, 1000, count)
    edge[rng.random(count) < 0.2] = UNJUDGED
    edge[[0, -1]] = 600
    low, high = np.full(count, -INT16), np.full(count, INT16)
    if rng.random() < 0.5:
        high[[0, -1]] = rng.integers(0, 20000, 2)
    slope, cap = rng.integers(1, 200, count), rng.integers(100, INT16, count)
    tails = Residuals(edge, rng.integers(0, 200, count), slope, cap, low, high)
    return Gate(int(rng.integers(1, 900)), 2, 3), Features(tuple(channels)), tails


def random_detector(name, rng):
    """A detector of random weights: its errors are large, and differ."""
    signals = random_signals(rng)
    count = len(signals)
    gate, features, tails = parts(rng, signals, 1 + (name == "vae"))
    if name == "vae":
        return vae.Detector(gate, signals, features, random_vae(rng, 2 * count), tails)
    cells, bits = int(rng.integers(1, 9)), int(rng.integers(10, 16))
    gates = Dense((random_layer(rng, count + cells, 4 * cells),), -INT16, INT16)
    model = Lstm(gates, random_dense(rng, [cells, count], reach=1 << bits), bits)
    scale = Scale(rng.integers(2**13, 2**14, count), rng.integers(10, 19, count))
    return lstm.Detector(gate, signals, features, scale, model, tails)


def random_traffic(rng, signals, count=800):
    """Traffic of its ids and others: pauses, sleeps, times that run backwards, short payloads."""
    steps = rng.exponential(9_000, count).astype(np.int64)
    odd = rng.random(count)
    steps[odd < 0.01] = rng.integers(-300_000, 0, int((odd < 0.01).sum()))
    steps[odd > 0.985] = rng.integers(50_000, 3_000_000, int((odd > 0.985).sum()))
    if rng.random() < 0.5:
        # ages that are just what is stale, samples that are just due
        steps = steps // 10_000 * 10_000
    own = signals.keys
    keys = np.unique(np.concatenate([own, [7, 50]])).astype(np.uint32)
    key = rng.choice(np.append(own, [7, 50, 60]), count)
    short = rng.random(count) < 0.02
    t_us = np.cumsum(steps)
    frames = Frames.of(
        t_us - min(int(t_us.min()), 0),
        key,
        rng.integers(0, 256, (count, 8)).astype(np.uint8),
        dlc=np.where(short, rng.integers(0, 8, count), rng.choice(LENGTHS[8:9], count)),
    )
    return Traffic(frames, rows_of(keys, frames.key), epochs(frames.t_us, SLEEP_US), keys)


def seen_by_board(traffic):
    """Whether the bus woke up with it, seconds, microseconds, slot, DLC code and payload of each frame."""
    frames = traffic.frames
    woke = np.diff(traffic.epoch, prepend=0) != 0
    columns = (
        woke,
        frames.t_us // 1_000_000,
        frames.t_us % 1_000_000,
        traffic.row,
        np.searchsorted(LENGTHS, frames.dlc),
    )
    return list(zip(*(c.tolist() for c in columns), map(bytes, frames.data[:, :8]), strict=True))


def expected(detector, traffic):
    """What the host says: position, bits, blamed row and words of each judgement."""
    said = detector.judge(traffic)
    rows = zip(said.at.tolist(), said.bits.tolist(), said.blamed.tolist(), strict=True)
    return [[*row, *said.words(window)] for window, row in enumerate(rows)]


ON_BOARD = (
    KNOWN
    + """
class Section:
    def __init__(self, content):
        self.content = content
    def size(self, tag):
        return len(self.content)
    def part(self, tag, start, length):
        if start + length > len(self.content):
            raise ValueError("section %s is too short" % tag)
        return self.content[start : start + length]
    def place(self, tag, start, length):
        return memoryview(self.part(tag, start, length))
    def into(self, tag, start, view):
        import io
        file = io.BytesIO(self.content)
        file.seek(start)
        file.readinto(view)

def run(Detector, section, keys, rows):
    known = Known(keys)
    detector = Detector(Section(section), known)
    # What came before a reset leaves nothing behind.
    for woke, s, us, slot, code, data in rows[:200]:
        step(detector, known, s, us, slot, code, data)
    detector.reset()
    said = []
    for at in range(len(rows)):
        woke, s, us, slot, code, data = rows[at]
        if woke:
            detector.forget()
        bits = step(detector, known, s, us, slot, code, data)
        if bits >= 0:
            said.append([at, bits, detector.blamed] + list(detector.words()))
    return said
"""
)
