"""What a check is worth: held against all frames of its id, those learned from and those held back.

A breach is worth `-log2` of how often the later frames have one; edges and ranges take in the later frames too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.check_judge import breaches, runs, skipped, steps, values
from canbean.detect.checks import CHECKSUM, COUNTER, FROZEN, RANGE, STEP, WORTH, Check
from canbean.detect.habits import SIXTEENTHS
from canbean.detect.tails import OCTAVE, fit_tail
from canbean.tiny.fixed import bucket

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 64
"""Later frames, or runs, below which nothing is promised."""
DISTINCT = 32
"""Values that a field has taken before its steps, range and runs are trusted: one at rest tells nothing of its moving."""
STEEPEST = 48
"""Three bits an octave: beyond a step or a run never seen, the tail of one regime promises no more of another."""
HOLDS_MOST = 32
"""A value that clean traffic holds for more frames is not said to be frozen."""
RESTS = 3
"""A value that was held for longer so many times is one that it rests at."""
SKIP_MOST = 8
"""Bits that the skip of a counter is worth at most: a recorder loses some frames sooner or later."""
RANDOM = 256
"""Random payloads by which the chance is estimated that a wrong one breaks a check."""
FREEZES = 0.5
"""That chance of a frozen value, which only some attacks bring."""
UNBROKEN = -1
"""Worth of a rule that no clean frame broke, before it is known what that says of the bus."""


def worth_of(frames_a_breach: float) -> int:
    """The worth, in the unit of `Check.worth`, of a breach that comes once in so many frames."""
    return int(np.clip(round(np.log2(max(frames_a_breach, 1.0)) * SIXTEENTHS / WORTH), 0, 255))


@dataclass(frozen=True)
class Known:
    """The payloads of one id: those learned from, then those held back.

    Attributes:
        data: uint8 (m, 8).
        linked: bool (m,), as `check_judge.joined`.
        before: how many were learned from.
        random: uint8 (r, 8), payloads as wrong as constant bits and ranges of bytes allow.
    """

    data: NDArray[np.uint8]
    linked: NDArray[np.bool_]
    before: int
    random: NDArray[np.uint8]

    @classmethod
    def of(cls, data: NDArray[np.uint8], linked: NDArray[np.bool_], before: int) -> Known:
        """With random payloads drawn; `data` has a row or more."""
        rng = np.random.default_rng(0)
        every, some = np.bitwise_and.reduce(data), np.bitwise_or.reduce(data)
        drawn = rng.integers(data.min(axis=0), data.max(axis=0).astype(np.int64) + 1, (RANDOM, data.shape[1]))
        return cls(data, linked, before, drawn.astype(np.uint8) & some | every)

    @property
    def after(self) -> int:
        """How many were held back."""
        return len(self.data) - self.before

    def chance(self, check: Check) -> float:
        """The chance that a wrong payload breaks a check."""
        if check.kind == FROZEN:
            return FREEZES
        return len(breaches(check, self.random, np.ones(RANDOM, np.bool_)).at) / RANDOM

    def weighed(self, check: Check) -> tuple[Check, Check] | None:
        """The check with its edge and worth, and as those learned from alone have it; None where it is not borne out."""
        if check.kind in {COUNTER, CHECKSUM}:
            return self._obeyed(check)
        value = values(check, self.data)
        if len(np.unique(value[: self.before])) < DISTINCT:
            return None
        if check.kind == RANGE:
            return self._ranged(check, value)
        old = np.arange(len(value)) < self.before
        if check.kind == STEP:
            far = steps(check, value)[self.linked]
            old = old[self.linked]
            return self._edged(check, far[old], far[~old])
        held = runs(value, self.linked)
        rest = _rest(value, held)
        ended = np.append(held[1:] == 0, True) & (value != 0) & (value != rest)
        resting = replace(check, rule=(0, 0, rest & 255, rest >> 8))
        return self._edged(resting, held[ended & old], held[ended & ~old])

    def _obeyed(self, check: Check) -> tuple[Check, Check]:
        """A rule that a payload obeys or breaks."""
        found = breaches(check, self.data, self.linked)
        broken = found.at
        if check.kind == COUNTER:
            skips = skipped(check, found)
            bits = np.log2((len(self.data) + 1) / (np.count_nonzero(skips) + 0.5))
            stays = check.rule[3] | 2 * int(np.clip(bits, 0, SKIP_MOST))
            check = replace(check, rule=(*check.rule[:3], stays))
            broken = broken[~skips]
        late = int(np.count_nonzero(broken >= self.before))
        rate = min((self.after + 1) / (late + 0.5), (len(self.data) + 1) / (len(broken) + 0.5))
        check = replace(check, worth=worth_of(rate) if len(found.at) else UNBROKEN)
        return check, check

    def _edged(
        self, check: Check, old: NDArray[np.int64], new: NDArray[np.int64]
    ) -> tuple[Check, Check] | None:
        """A check of steps or runs: what lies beyond their edge is worth as much as their tail says."""
        if min(len(old), len(new)) < FEWEST or not old.any():
            return None
        usual, most = int(old.max()), int(max(old.max(), new.max()))
        if check.kind == FROZEN and most > HOLDS_MOST:
            return None
        tail = fit_tail(bucket(old[old > 0]), upper=True)
        beyond = float(tail.bits(bucket(new) - int(tail.edge)).max(initial=0.0))
        tempered = tail.tempered(beyond, float(np.log2(len(new) + 1)) + 1)
        slope = int(np.clip(round(tempered.slope * OCTAVE * SIXTEENTHS), 1, STEEPEST))
        worth = _news(_records(usual, new), len(old), len(new))

        def to(edge: int) -> Check:
            if check.kind == FROZEN:
                return replace(check, rule=(edge, slope, *check.rule[2:]), worth=worth)
            return replace(check, rule=(edge & 255, edge >> 8, slope, 0), worth=worth)

        return to(most), to(usual)

    def _ranged(self, check: Check, value: NDArray[np.int64]) -> tuple[Check, Check]:
        """A range: numbers are a circle, and the widest gap in it is left out."""
        size = 1 << check.length
        seen = np.unique(value)
        gap = np.diff(np.append(seen, seen[0] + size))
        origin = int(seen[(int(np.argmax(gap)) + 1) % len(seen)])
        place = (value - origin) & (size - 1)
        old, new = place[: self.before], place[self.before :]
        low, high = int(old.min()), int(old.max())
        worth = _news(_records(high, new) + _records(-low, -new), self.before, self.after)

        def between(low: int, high: int) -> Check:
            start, span = (origin + low) & (size - 1), high - low
            return replace(check, rule=(start & 255, start >> 8, span & 255, span >> 8), worth=worth)

        return between(0, int(place.max())), between(low, high)


def _rest(value: NDArray[np.int64], held: NDArray[np.int64]) -> int:
    """The value that is held most, where it is held for long again and again, else the lowest: a parked car's speed."""
    long = value[(held == HOLDS_MOST + 1) & (value != 0)]
    if len(long):
        times = np.bincount(long)
        if times.max() >= RESTS:
            return int(np.argmax(times))
    return int(value.min())


def _records(most: int, later: NDArray[np.int64]) -> int:
    """How often values exceed all before them, which were at most `most`."""
    return len(np.unique(np.maximum.accumulate(np.append(most, later)))) - 1


def _news(records: int, before: int, after: int) -> int:
    """Worth of something new where the later frames brought so much of it."""
    if not records:
        return worth_of(before + after + 1)
    return worth_of((after + 1) / (records + 0.5))
