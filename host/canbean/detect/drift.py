"""How far ids drift from their periods, in the integers of the board: the twin of `firmware/canbean/drift.py`.

An id's frames are counted in batches of about a second, the mean offset of each from the learned beat is compared with that of the
batch before, and the differences are summed up by a cumulative sum (Page 1954) with a slack, as CIDS does with the errors of its
recursive least squares, and with a leak, so that an error of the learned period never adds up for long. The largest
difference in a sum does not count: a sender that moves its beat once, or a frame that begins to wait behind another, is
no clock that drifts.

All clocks of the bus are seen to be off where the one that sees them is: the median of their rates is followed, a step a batch
that gets smaller with time (Robbins & Monro 1951), and taken off each. Until it is known a little nothing is summed up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canbean.detect.fingerprint import elapsed_us
from canbean.detect.level import RAW_MOST
from canbean.detect.order import Places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.detect.windows import Traffic

LEAK = 5
"""Of a sum a 2**LEAK-th is lost with each batch."""
SUM_MOST = 32767
AGE_MOST = 255
CONSENSUS_MOST = 200 * 16
"""Sixteenths of a ppm that all clocks may be off."""
STEPS, STEPS_BEFORE = 4096, 64
"""The n-th step is STEPS / (n + STEPS_BEFORE) sixteenths of a ppm, at least 1."""
WARMING = 4
"""Batches for each clock before anything is summed up."""


class Table(NamedTuple):
    """The clocks of k ids, int64 (k,) each.

    Attributes:
        row: of the id in the fingerprint, ascending.
        period_us: whole microseconds of its period, and
        fraction: 1/256 us more.
        tolerance_us: a gap that differs by more from the period begins a new measurement.
        frames: of a batch.
        slack_us: of a batch's drift so much adds nothing to its sum.
        worth: of a microsecond in the sum, in 1/256 of the raw score's unit.
    """

    row: NDArray[np.int64]
    period_us: NDArray[np.int64]
    fraction: NDArray[np.int64]
    tolerance_us: NDArray[np.int64]
    frames: NDArray[np.int64]
    slack_us: NDArray[np.int64]
    worth: NDArray[np.int64]

    @property
    def batch_ms(self) -> NDArray[np.int64]:
        """Whole milliseconds that a batch takes."""
        return self.frames * self.period_us // 1000


@dataclass(frozen=True)
class Drifts:
    """Batches that were judged, b of them, int64 (b,) each, in order.

    Attributes:
        at: the frame that ended each, as a position in the traffic.
        clock: which of the table it is of.
        sum_us: the sum after it, above 0 where frames come later and later.
        most_us: the largest difference in it.
        age: batches since it was 0, at most 255.
    """

    at: NDArray[np.int64]
    clock: NDArray[np.int64]
    sum_us: NDArray[np.int64]
    most_us: NDArray[np.int64]
    age: NDArray[np.int64]

    @property
    def counted_us(self) -> NDArray[np.int64]:
        """What counts of each sum."""
        counted: NDArray[np.int64] = np.maximum(np.abs(self.sum_us) - self.most_us, 0)
        return counted

    def raw(self, table: Table) -> NDArray[np.int64]:
        """The raw score of each batch."""
        return np.asarray(np.minimum(self.counted_us * table.worth[self.clock] >> 8, RAW_MOST), np.int64)


def drifts(table: Table, traffic: Traffic) -> Drifts:
    """Follow the clocks through traffic, from a fresh start."""
    at, clock, drift_us, first = _batches(table, traffic)
    return _summed(table, at, clock, drift_us, first)


def _batches(
    table: Table, traffic: Traffic
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Of each batch with one before it: last frame, clock, drift since that in microseconds, whether a measurement begins."""
    places = Places.of(traffic)
    at, clock, drift, begins = [], [], [], []
    for k, (row, period, fraction, tolerance, size) in enumerate(
        zip(*(column.tolist() for column in table[:5]), strict=True)
    ):
        members = places[row]
        gap = _gaps(traffic, members)
        error = gap - period
        usual = (gap >= 0) & (np.abs(error) <= tolerance)
        start = np.maximum.accumulate(np.where(usual, 0, np.arange(len(members))))
        total = np.cumsum(np.where(usual, (error << 8) - fraction, 0))
        offset = total - total[start] >> 8
        place = np.arange(len(members)) - start
        length = np.diff(np.append(np.flatnonzero(~usual), len(members))) - 1
        whole = (length // size * size)[np.cumsum(~usual) - 1]
        used = (place > 0) & (place <= whole)
        mean = offset[used].reshape(-1, size).sum(axis=1) // size
        last, number = members[used][size - 1 :: size], place[used][size - 1 :: size] // size
        step = np.diff(mean, prepend=0)
        judged = number > 1
        at.append(last[judged])
        drift.append(step[judged])
        begins.append(number[judged] == 2)
        clock.append(np.full(int(judged.sum()), k))
    joined = np.concatenate(at or [np.zeros(0, np.int64)])
    order = np.argsort(joined, kind="stable")
    which, steps, fresh = (np.concatenate(part)[order] for part in (clock, drift, begins))
    return joined[order], which, steps, fresh


def _gaps(traffic: Traffic, members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Gap of each frame of one id, -1 where there is none, as `fingerprint.gaps` has them of all ids."""
    t_us, epoch = traffic.frames.t_us[members], traffic.epoch[members]
    gap = np.full(len(members), -1, np.int64)
    gap[1:] = np.where(epoch[1:] == epoch[:-1], elapsed_us(t_us[1:], t_us[:-1]), -1)
    return gap


def _summed(
    table: Table,
    at: NDArray[np.int64],
    clock: NDArray[np.int64],
    drift_us: NDArray[np.int64],
    first: NDArray[np.bool_],
) -> Drifts:
    """The sums, batch by batch: each depends on the one before."""
    slack, batch_ms = table.slack_us.tolist(), table.batch_ms.tolist()
    sums = [(0, 0, 0)] * len(slack)
    warm = WARMING * len(slack)
    consensus = judged = 0
    said = []
    for k, seen, fresh in zip(clock.tolist(), drift_us.tolist(), first.tolist(), strict=True):
        common = consensus * batch_ms[k] // 16000
        step = max(STEPS // (judged + STEPS_BEFORE), 1)
        judged = min(judged + 1, STEPS)
        if seen > common:
            consensus = min(consensus + step, CONSENSUS_MOST)
        elif seen < common:
            consensus = max(consensus - step, -CONSENSUS_MOST)
        if judged <= warm:
            sums[k] = 0, 0, 0
            said.append(sums[k])
            continue
        drift = seen - common
        before, most, age = (0, 0, 0) if fresh else sums[k]
        now = before - (before >> LEAK) + drift
        now = max(now - slack[k], 0) if now > 0 else min(now + slack[k], 0)
        now = max(min(now, SUM_MOST), -SUM_MOST)
        if now * before <= 0:
            most = age = 0
        if now:
            most = min(max(most, drift if now > 0 else -drift), SUM_MOST)
            age = min(age + 1, AGE_MOST)
        sums[k] = now, most, age
        said.append(sums[k])
    sum_us, most_us, age = np.array(said, np.int64).reshape(-1, 3).T
    return Drifts(at, clock, sum_us, most_us, age)
