"""Trials that take a sender's place: it falls silent, or its frames come in time and lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.events import Event
from canbean.detect.bitflips import bits_of, value_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from canbean.detect.trial_ground import Ground, Made, Sender

    Rows = NDArray[np.int64]

PERIODS = 10
"""Periods that an id is silent for, at least."""
SKEW_PPM = 150.0, 500.0
"""How far another crystal is off the true sender's: both are good to 100 to 250 ppm."""
COUNTERS = 256, 16
"""Old payloads come from a multiple of so many frames away: their counters go on."""


def suspension(ground: Ground, kind: str) -> Made:
    """An id falls silent for the slot, or for ten periods where that is longer."""
    frames = ground.frames
    keep = np.ones(len(frames), bool)
    events = []
    for slot in ground.slots:
        one = ground.sender(slot)
        if one is None:
            continue
        span = np.array([slot[0], max(int(slot[1]), int(slot[0] + PERIODS * one.period_us))])
        gone = ground.inside(one.rows, span)
        keep[gone] = False
        events.append(Event(kind, int(frames.t_us[gone[0]]), int(span[1]), (one.key,), frames=False))
    return frames[keep], events


def plateau(ground: Ground, kind: str) -> Made:
    """A physical value stays at what it last was."""
    return _lied(ground, kind, lambda value, _low, _high: np.full(len(value), value[0]))


def ramp(ground: Ground, kind: str) -> Made:
    """What a physical value is away from the truth grows, up to half of its range."""
    rng = ground.rng

    def drift(value: Rows, low: int, high: int) -> Rows:
        up = high - value.mean() > value.mean() - low
        grows = np.linspace(0, rng.uniform(0.2, 0.5) * (high - low), len(value))
        return np.clip(value + np.rint(grows if up else -grows).astype(np.int64), low, high)

    return _lied(ground, kind, drift)


def sender(ground: Ground, kind: str) -> Made:
    """The frames of an id come from another crystal: in time, but a little faster or slower ever after."""
    frames, rng = ground.frames, ground.rng
    t_us, label = frames.t_us.copy(), np.zeros(len(frames), np.int16)
    for slot in ground.slots:
        one = ground.sender(slot)
        if one is None:
            continue
        rows = ground.inside(one.rows, slot)
        ppm = rng.uniform(*SKEW_PPM) * rng.choice([-1, 1])
        since = frames.t_us[rows] - frames.t_us[rows[0]]
        t_us[rows] += np.rint(since * ppm * 1e-6).astype(np.int64)
        label[rows] = 1
    return frames.changed(t_us=t_us, label=label, labels=("", kind)).in_time_order(), []


def _lied(ground: Ground, kind: str, lie: Callable[[Rows, int, int], Rows]) -> Made:
    """One physical field of a sender says something else in true frames."""
    frames = ground.frames
    fields = ground.bus.physical
    senders = [one for one in ground.bus.senders if one.key in fields]
    data, label = frames.data.copy(), np.zeros(len(frames), np.int16)
    for slot in ground.slots:
        for one in ground.drawn(senders, slot):
            found = fields[one.key][int(ground.rng.integers(len(fields[one.key])))]
            rows = ground.inside(one.rows, slot)
            positions = list(found.positions)
            bits = bits_of(frames.data[rows])
            value = value_of(bits, positions)
            if found.signed:
                value = value - ((value >> len(positions) - 1) << len(positions))
            said = lie(value, found.low, found.high)
            # Where the truth hardly moves, holding it is no lie.
            if np.mean(said != value) < 0.5:
                continue
            for weight, position in enumerate(positions):
                bits[position] = said >> weight & 1
            data[rows] = np.packbits(bits.T.astype(np.uint8), axis=1, bitorder="little")
            label[rows] = 1
            break
    return frames.changed(data=data, label=label, labels=("", kind)), []


def replayed_payload(ground: Ground, kind: str) -> Made:
    """True frames say what the id said at another time, counters and checksums as they were then."""
    frames = ground.frames
    data, label = frames.data.copy(), np.zeros(len(frames), np.int16)
    for slot in ground.slots:
        for one in ground.drawn(ground.bus.senders, slot):
            rows = ground.inside(one.rows, slot)
            shift = _shift(ground, one, rows)
            if shift is None:
                continue
            old = frames.data[one.rows[np.searchsorted(one.rows, rows) + shift]]
            if (old != frames.data[rows]).any(axis=1).mean() < 0.5:
                continue
            data[rows] = old
            label[rows] = 1
            break
    return frames.changed(data=data, label=label, labels=("", kind)), []


def _shift(ground: Ground, one: Sender, rows: Rows) -> int | None:
    """How many frames away an id's payloads are taken from, so that counters of up to a byte go on; None: no room."""
    if len(rows) < 2:
        return None
    first = int(np.searchsorted(one.rows, rows[0]))
    for step in COUNTERS:
        least, earliest = -(-len(rows) // step), -(first // step)
        latest = (len(one.rows) - first - len(rows)) // step
        choices = [k for k in range(earliest, latest + 1) if abs(k) >= least]
        if choices:
            return step * int(ground.rng.choice(choices))
    return None
