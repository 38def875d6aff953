"""Detectors that judge windows: what they are given, what they say, and the gate between their bits and an alert."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from canbean.can.frames import Frames

LEARNED_SHARE = 0.6
"""Of the time awake in a clean log; the rest is held back."""
BUS = -1
"""Stands for the whole bus where an id is blamed."""
_GATE = struct.Struct("<HBB")


@dataclass(frozen=True)
class Traffic:
    """Frames of one bus that are scored (no remote and no error frames), in the order of the log; m frames.

    Attributes:
        frames: the frames.
        row: int64 (m,), row of each frame's id in `keys`, len(keys) for an unknown id.
        epoch: int64 (m,), how often the bus had woken up by then: a state does not outlive a sleep.
        keys: uint32 (n,), the ids of the fingerprint, ascending (`id | ext << 29`).
    """

    frames: Frames
    row: NDArray[np.int64]
    epoch: NDArray[np.int64]
    keys: NDArray[np.uint32]

    def part(self, wanted: NDArray[np.bool_]) -> Traffic:
        """Some of the frames, bool (m,)."""
        return Traffic(self.frames[wanted], self.row[wanted], self.epoch[wanted], self.keys)


@dataclass(frozen=True)
class Clean:
    """Clean traffic to learn from.

    Attributes:
        traffic: all of it.
        later: bool (m,), the part that is held back: it tempers and calibrates what the rest taught.
        later_hours: time awake in the held-back part.
        seed: of whatever is drawn.
    """

    traffic: Traffic
    later: NDArray[np.bool_]
    later_hours: float
    seed: int = 0

    @property
    def awake_s(self) -> float:
        """Seconds of it, without the bus's sleep."""
        steps = np.diff(self.traffic.frames.t_us)
        return float(steps[(steps > 0) & (np.diff(self.traffic.epoch) == 0)].sum() / 1e6)

    def held_back(self) -> Traffic:
        """The held-back part."""
        return self.traffic.part(self.later)

    def earlier(self) -> Clean:
        """What comes before the held-back part, with a held-back part of its own."""
        traffic = self.traffic.part(~self.later)
        t_us, epoch = traffic.frames.t_us, traffic.epoch
        steps = np.where(np.diff(epoch) == 0, np.maximum(np.diff(t_us), 0), 0)
        awake = np.concatenate([[0], np.cumsum(steps)])
        later = awake >= LEARNED_SHARE * awake[-1]
        return Clean(traffic, later, float(awake[-1] * (1 - LEARNED_SHARE)) / 3.6e9, self.seed)


@dataclass(frozen=True)
class Judged:
    """What a detector says of w windows.

    Attributes:
        at: int64 (w,), ascending: the frame with which each judgement is made, as a position in the traffic.
        bits: int64 (w,), surprise in sixteenths of a bit, 0 to 1024.
        blamed: int64 (w,), row of the id that it is mostly about, or `BUS`.
        words: kind, what was expected and what was seen of a window, by its number.
    """

    at: NDArray[np.int64]
    bits: NDArray[np.int64]
    blamed: NDArray[np.int64]
    words: Callable[[int], tuple[str, str, str]]


@dataclass(frozen=True)
class Gate:
    """An alert is raised where `need` of the last `of` judgements since the bus woke up reach the threshold.

    Attributes:
        threshold: sixteenths of a bit, 1 to 1024.
        need, of: 1 <= need <= of <= 16.
    """

    threshold: int
    need: int = 1
    of: int = 1

    def to_bytes(self) -> bytes:
        """Four bytes, with which each detector's section begins."""
        return _GATE.pack(self.threshold, self.need, self.of)

    @classmethod
    def from_bytes(cls, section: bytes) -> Gate:
        """Read the first four bytes of a section; a range is checked by whoever loads the model."""
        return cls(*_GATE.unpack_from(section))

    def opens(self, bits: NDArray[np.int64], epoch: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool (w,): at which of w judgements, in order and each with its epoch, an alert is raised."""
        passed = bits >= self.threshold
        total = np.concatenate([[0], np.cumsum(passed)])
        first = np.searchsorted(epoch, epoch, "left")
        start = np.maximum(np.arange(len(bits)) - self.of + 1, first)
        enough: NDArray[np.bool_] = passed & (total[1:] - total[start] >= self.need)
        return enough


class Detector(Protocol):
    """A detector that was learned."""

    gate: Gate

    def to_bytes(self) -> bytes:
        """Its section, beginning with the gate."""
        ...

    def gated(self, gate: Gate) -> Detector:
        """The same detector behind another gate."""
        ...

    def judge(self, traffic: Traffic) -> Judged:
        """Every judgement from a fresh start; the integers equal the board's."""
        ...
