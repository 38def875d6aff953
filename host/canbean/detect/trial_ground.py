"""Where the attacks of a trial go in a clean log: slots by frames and not by time, and ids that come regularly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.fields import learn_fields
from canbean.detect.kinds import CHECKSUM, PHYSICAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.events import Event
    from canbean.can.frames import Frames
    from canbean.detect.fields import Field

    Rows = NDArray[np.int64]

FEWEST, MOST = 3, 12
"""Slots of a trial."""
PART = 0.3
"""A slot takes at most this part of the frames that it is placed among, and begins in the first of such parts."""
STEADY = 0.25
"""Four of five gaps of a periodic id are this close to their median, relative to it."""
RANGE = 16
"""Raw values that a physical field spans, at least."""
QUICK_US = 80_000
"""Ids of this period or a shorter one are preferred: a gap of 100 ms ends an event."""

Made = tuple["Frames", list["Event"]]
"""A log with attacks in it, and the events that remove frames."""


class NoTargetError(Exception):
    """This log has nothing for an attack of this kind; the message says what is missing."""


@dataclass(frozen=True, eq=False)
class Sender:
    """An id that comes regularly.

    Attributes:
        key: `id | ext << 29`.
        rows: int64 (n,), its frames, ascending.
        period_us: median of its gaps.
    """

    key: int
    rows: Rows
    period_us: float

    @property
    def quick(self) -> bool:
        """Whether no pause between two frames ends an event."""
        return self.period_us <= QUICK_US


@dataclass(frozen=True, eq=False)
class Bus:
    """A clean log of one bus: data frames in order of time, without labels."""

    frames: Frames

    @cached_property
    def senders(self) -> list[Sender]:
        """The ids that come regularly.

        Raises:
            NoTargetError: none does.
        """
        found = []
        for key in np.unique(self.frames.key).tolist():
            rows = np.flatnonzero(self.frames.key == key)
            gaps = np.diff(self.frames.t_us[rows])
            middle = float(np.median(gaps)) if len(gaps) >= 20 else 0.0
            if middle > 0 and np.mean(np.abs(gaps - middle) <= STEADY * middle) >= 0.8:
                found.append(Sender(key, rows, middle))
        if not found:
            raise NoTargetError("no id comes regularly")
        return found

    @cached_property
    def physical(self) -> dict[int, list[Field]]:
        """Physical fields by key of their sender; of those without a checksum if there are such: only the value lies.

        Raises:
            NoTargetError: there are none.
        """
        plain: dict[int, list[Field]] = {}
        checked: dict[int, list[Field]] = {}
        rows = np.concatenate([one.rows for one in self.senders])
        for one in learn_fields(self.frames[np.sort(rows)]):
            # Payloads of several lengths, or pages, would need a rule for each.
            if one.other_lengths:
                continue
            physical = [
                found
                for found in one.fields
                if found.kind == PHYSICAL and found.page is None and found.high - found.low >= RANGE
            ]
            if physical:
                has_check = any(found.kind == CHECKSUM for found in one.fields)
                (checked if has_check else plain)[one.key] = physical
        if not plain and not checked:
            raise NoTargetError("no field of a regular id behaves like a physical value")
        return plain or checked


@dataclass(frozen=True, eq=False)
class Ground:
    """A clean log, and where one attack goes.

    Attributes:
        bus: the log.
        slots: int64 (k, 2), first and last time of each slot in microseconds.
        rng: draws.
    """

    bus: Bus
    slots: NDArray[np.int64]
    rng: np.random.Generator

    @property
    def frames(self) -> Frames:
        """The frames of the log."""
        return self.bus.frames

    def inside(self, rows: Rows, slot: NDArray[np.int64]) -> Rows:
        """Those rows whose frames are in a slot."""
        first, last = np.searchsorted(self.frames.t_us[rows], slot, "left")
        return rows[first:last]

    def sender(self, slot: NDArray[np.int64], least: int = 2) -> Sender | None:
        """A drawn sender with so many frames in a slot, or None."""
        return next(iter(self.drawn(self.bus.senders, slot, least)), None)

    def drawn(self, senders: list[Sender], slot: NDArray[np.int64], least: int = 2) -> list[Sender]:
        """Those with so many frames in a slot, in drawn order; only the quick ones if there are such."""
        order = [senders[at] for at in self.rng.permutation(len(senders)).tolist()]
        there = [one for one in order if len(self.inside(one.rows, slot)) >= least]
        return [one for one in there if one.quick] or there

    def times(self, slot: NDArray[np.int64], per_second: float) -> NDArray[np.int64]:
        """Times of a Poisson process in a slot, at least two."""
        count = max(2, int(self.rng.poisson(per_second * (slot[1] - slot[0]) / 1e6)))
        return np.sort(self.rng.integers(slot[0], slot[1], count))

    def ratio(self, low: float, high: float) -> float:
        """A number from `low` to `high`, as often in each octave."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))


def slots_of(
    frames: Frames, rng: np.random.Generator, every_s: float, lasts_s: tuple[float, float]
) -> NDArray[np.int64]:
    """int64 (k, 2): one slot among each of k equal parts of the frames, so pauses of the bus have none.

    Args:
        frames: in order of time.
        rng: draws.
        every_s: seconds of log for each slot, about.
        lasts_s: the shortest and the longest slot; short ones are as frequent as long ones by ratio.
    """
    count = int(np.clip(frames.span_s / every_s, FEWEST, MOST))
    # The first part is a detector's to settle in.
    borders = np.linspace(0, len(frames) - 1, count + 2).astype(np.int64)[1:]
    slots = []
    for low, high in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        begin = int(frames.t_us[low + int(rng.uniform(0.05, PART) * (high - low))])
        room = int(frames.t_us[low + int(2 * PART * (high - low))]) - begin
        length = min(np.exp(rng.uniform(*np.log(lasts_s))) * 1e6, room)
        slots.append((begin, begin + max(int(length), 1000)))
    return np.array(slots, np.int64)
