"""From the raw score of a window to honest bits, and from a budget of alerts to a gate.

A raw score is a sum of sixteenths of a bit that a detector's tables promise. What it is worth is the tail that
clean windows show: of the earlier ones, whose tables they taught, tempered by the later ones.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.fingerprint import SCORE_CAP
from canbean.detect.tails import fit_tail, threshold
from canbean.detect.windows import Gate
from canbean.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RAW_MOST = 16383
_STRUCT = struct.Struct("<HHHH")
PER_HOUR = 1.0
"""The budget of a detector that is not told one: alerts an hour."""
SURPRISING = 3  # bits; tempering looks at what is worth more


@dataclass(frozen=True)
class Level:
    """What a raw score is worth: `base + ((raw - edge) * slope >> 6)` beyond the edge, else nothing.

    Attributes:
        edge: raw score, 0 to `RAW_MOST`.
        base: sixteenths of a bit at the edge.
        slope: sixteenths of a bit for 64 units of the raw score, at most 64: a bit is worth a bit at most.
    """

    edge: int
    base: int
    slope: int

    @classmethod
    def fit(cls, earlier: NDArray[np.int64], later: NDArray[np.int64], *, counted: bool) -> Level:
        """Fit the upper tail of the earlier raw scores, tempered by the later ones.

        Args:
            earlier: raw scores of the windows that the detector was learned from, (w,), w >= 1.
            later: raw scores of the held-back windows, (v,).
            counted: the scores come from counts of clean traffic, so that beyond the edge a bit is worth a bit;
                a density's are worth what the tail of the earlier ones says.
        """
        tail = fit_tail(earlier, upper=True)
        slope = 1 / 16 if counted else min(tail.slope, 1 / 16)
        worth = np.where(later > tail.edge, tail.base + slope * (later - tail.edge), 0.0)
        factor = tempering(worth)
        return cls(
            int(np.clip(tail.edge, 0, RAW_MOST)),
            int(np.clip(round(16 * tail.base * factor), 0, SCORE_CAP)),
            int(np.clip(slope * factor * 1024, 0, 64)),
        )

    def bits(self, raw: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sixteenths of a bit, 0 to 1024, of raw scores."""
        worth = self.base + ((raw - self.edge) * self.slope >> 6)
        return np.where(raw > self.edge, np.minimum(worth, SCORE_CAP), 0)

    def to_bytes(self) -> bytes:
        """Eight bytes: edge, base, slope, and two that are zero."""
        return _STRUCT.pack(self.edge, self.base, self.slope, 0)

    @classmethod
    def of(cls, numbers: Sequence[int], where: str) -> Level:
        """The level of the four numbers that `to_bytes` writes.

        Raises:
            ModelError: a number is out of its range; the message begins with `where`.
        """
        edge, base, slope, zero = numbers
        if zero or edge > RAW_MOST or base > SCORE_CAP or slope > 64:
            raise ModelError(f"{where}: the worth of a window's score is out of range")
        return cls(edge, base, slope)


def tempering(worth: NDArray[np.float64]) -> float:
    """The factor, at most 1, by which promised bits shrink to what held-back clean traffic shows.

    The k-th largest of m values has a tail of (k - 1/2) / (m + 1) at least: none may promise less of itself.

    Args:
        worth: bits of the held-back values, (m,).
    """
    most = np.sort(worth)[::-1]
    shown = np.log2((len(most) + 1) / (np.arange(len(most)) + 0.5))
    loud = most > SURPRISING
    return float(min(1.0, np.min(shown[loud] / most[loud], initial=1.0)))


def gate(bits: NDArray[np.int64], hours: float, per_hour: float = PER_HOUR) -> Gate:
    """The gate at which clean traffic raises `per_hour` alerts; never one that the held-back windows passed.

    Args:
        bits: surprise of the held-back windows, sixteenths of a bit, (w,).
        hours: the time they took.
        per_hour: the budget.
    """
    unseen = min(int(bits.max(initial=0)) + 1, SCORE_CAP)
    return Gate(max(threshold(len(bits) / hours, per_hour), unseen))
