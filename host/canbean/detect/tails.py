"""Tails of clean traffic: how many bits a value beyond everything usual is worth, and where a budget puts its threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OCTAVE = 64  # buckets
TAIL_SHARE = 1 / 32  # of the values lie in the tail that is fitted
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


def return_level(scores: NDArray[np.int64], hours: float, per_hour: float) -> float:
    """The score that is passed `per_hour` times an hour: peaks over threshold with a generalised Pareto tail.

    The shape is estimated by probability-weighted moments (Hosking & Wallis 1987) and kept in [0, 0.5]: a
    bounded tail would promise what so little data cannot.

    Args:
        scores: one score for each separate peak, int64 (n,), in any unit.
        hours: the time in which they were seen.
        per_hour: the budget.

    Returns:
        The level, in the unit of the scores; never less than the highest of them.
    """
    ordered = np.sort(scores)[::-1].astype(np.float64)
    if len(ordered) < 8:
        return float(ordered[0]) if len(ordered) else 0.0
    k = int(np.clip(len(ordered) // 10, 8, 200))
    level = ordered[min(k, len(ordered) - 1)]
    excess = ordered[:k] - level  # descending
    weights = np.arange(k) / (k - 1)  # the share of the sample that lies above each
    mean, weighted = float(excess.mean()), float((excess * weights).mean())
    shape = float(np.clip(2 - mean / (mean - 2 * weighted), 0.0, 0.5)) if mean > 2 * weighted else 0.0
    scale = mean * (1 - shape)
    ratio = max(k / hours / per_hour, 1.0)
    beyond = scale * (np.log(ratio) if shape < 1e-6 else (ratio**shape - 1) / shape)
    return float(max(level + beyond, ordered[0]))
