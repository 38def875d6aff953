"""How often each gap between frames occurs, by id: medians of logs that are never held as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

LIMIT = 1 << 19
"""Different gaps of all ids that are held."""
FEWEST = 10
"""Significant bits that are always kept: a gap is told to 2**-10, better than 0.1 %."""


class Gaps:
    """Counts of gaps by code, exact while no more than `LIMIT` different ones occur.

    Beyond that they are rounded to 20 significant bits, then to 19 and so on down to `FEWEST` (bins that grow with the gap), as
    few as are needed: a code takes at most 512 bins an octave.
    """

    def __init__(self) -> None:
        self.bits = 63
        self._code = np.zeros(0, np.int64)
        self._gap = np.zeros(0, np.int64)
        self._count = np.zeros(0, np.int64)

    def add(self, code: Numbers, gap: Numbers) -> None:
        """Count gaps (microseconds, not below 0), each of a code."""
        if self.bits < 63:
            gap = rounded(gap, self.bits)
        ones = np.ones(len(code), np.int64)
        self._merge(*_counted(code, gap, ones))
        while len(self._code) > LIMIT and self.bits > FEWEST:
            self.bits = min(self.bits - 1, 20)
            self._code, self._gap, self._count = _counted(
                self._code, rounded(self._gap, self.bits), self._count
            )

    def _merge(self, code: Numbers, gap: Numbers, count: Numbers) -> None:
        """Add counts to those there are."""
        self._code, self._gap, self._count = _counted(
            np.concatenate([self._code, code]),
            np.concatenate([self._gap, gap]),
            np.concatenate([self._count, count]),
        )

    def recode(self, codes: Numbers) -> None:
        """Give each code so far another one; their order stays."""
        self._code = codes[self._code]

    def medians(self, codes: int) -> NDArray[np.float64]:
        """float64 (codes,): the median gap of each code, NaN where it has none."""
        totals = np.bincount(self._code, weights=self._count, minlength=codes).astype(np.int64)
        ends = np.cumsum(self._count)
        some = np.flatnonzero(totals)
        first = (np.cumsum(totals) - totals)[some]
        middle = [np.searchsorted(ends, first + (totals[some] - odd) // 2, side="right") for odd in (1, 0)]
        found = np.full(codes, np.nan)
        found[some] = (self._gap[middle[0]] + self._gap[middle[1]]) / 2
        return found


def rounded(gap: Numbers, bits: int) -> Numbers:
    """The middles of the bins of so many significant bits that the gaps are in."""
    spare = np.maximum(np.frexp(gap.astype(np.float64))[1] - bits, 0).astype(np.int64)
    middle: Numbers = (gap >> spare << spare) + (np.int64(1) << spare >> 1)
    return middle


def _counted(code: Numbers, gap: Numbers, count: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Each pair of code and gap once, in their order, with the sum of its counts."""
    if not len(code):
        return code, gap, count
    # Code and gap in one number sort many times faster than a pair; a gap too long for it (above 50 days with a million ids)
    # counts as the longest that fits.
    space = 63 - int(code.max()).bit_length()
    packed = code << space | np.minimum(gap, (1 << space) - 1)
    if (count == 1).all():
        packed = np.sort(packed)
    else:
        order = np.argsort(packed, kind="stable")
        packed, count = packed[order], count[order]
    first = np.flatnonzero(np.concatenate([[True], packed[1:] != packed[:-1]]))
    packed = packed[first]
    return packed >> space, packed & ((1 << space) - 1), np.add.reduceat(count, first)
