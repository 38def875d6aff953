"""Tails of clean traffic: how many bits a value beyond everything usual is worth, and where a budget puts its threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OCTAVE = 64  # buckets
TAIL_SHARE = 1 / 32  # of the values lie in the tail that is fitted
BITS_MOST = 1024  # sixteenths: more says nothing more
_LN2 = float(np.log(2))
_POISSON_EXCESS = OCTAVE / _LN2


@dataclass(frozen=True)
class Tail:
    """Exponential tail: a value `x` beyond `edge` is worth `base + x * slope` bits.

    Attributes:
        edge: where the tail begins (buckets).
        base: bits at the edge.
        slope: bits a bucket beyond it.
    """

    edge: float
    base: float
    slope: float

    def bits(self, beyond: NDArray[np.int64]) -> NDArray[np.float64]:
        """Bits of values that lie `beyond` buckets past the edge; 0 where they do not."""
        return np.where(beyond > 0, self.base + self.slope * beyond, 0.0)

    def tempered(self, most: float, allowed: float) -> Tail:
        """The same tail with its bits scaled so that what clean traffic showed later (`most`) counts as `allowed`."""
        factor = allowed / most if most > allowed else 1.0
        return Tail(self.edge, self.base * factor, self.slope * factor)


def fit_tail(values: NDArray[np.int64], *, upper: bool) -> Tail:
    """Fit the lower or upper tail of some buckets by the mean excess over a high quantile.

    The maximum-likelihood exponential tail (a generalised Pareto tail of shape 0: Pickands 1975), with one
    prior observation so that few values give a flat, cautious tail: a Poisson process's, in which half the
    time is half as likely.

    Args:
        values: buckets, int64 (n,), n >= 1.
        upper: the upper tail rather than the lower.
    """
    ordered = np.sort(-values if upper else values)
    k = max(1, int(len(ordered) * TAIL_SHARE))
    edge = ordered[k - 1]
    mean_excess = (float(np.sum(edge - ordered[:k])) + _POISSON_EXCESS) / (k + 1)
    base = float(np.log2((len(ordered) + 1) / k))
    return Tail(float(-edge if upper else edge), base, 1 / (mean_excess * _LN2))


def excess(bits: NDArray[np.float64], frames: int) -> float:
    """How many bits clean traffic lies above what its bits promise: at most one in 2**b of `frames` with b bits.

    The tail of bits is a generalised Pareto tail of shape 0 and scale 1/ln 2 (Pickands 1975), which is what a
    surprise is; the k highest, k > 1, say where it lies. Shape and scale are not fitted: from minutes of clean traffic
    they swing by a hundred bits.

    Args:
        bits: surprises above 0, one for each separate peak, the highest first.
        frames: how many frames they come from.
    """
    ranks = np.arange(1, len(bits) + 1)
    promised = np.log2(frames) - np.log2(ranks)
    return float((bits - promised)[1:].max(initial=0.0))


def threshold(chances: float, per_hour: float, more: float = 0.0) -> int:
    """Sixteenths of a bit at which clean traffic raises `per_hour` alerts at most, at most 1024.

    A surprise of b bits is what one chance in 2**b has.

    Args:
        chances: frames or windows an hour, each of which can raise an alert.
        per_hour: the budget.
        more: bits that held-back clean traffic has above that (`excess`).
    """
    nominal = np.log2(max(chances / per_hour, 1.0))
    return int(np.clip(np.ceil(16 * (nominal + more)), 1, BITS_MOST))
