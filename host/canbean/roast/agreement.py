"""How two meters agree when neither is the truth: the professional meter is noisy too.

* Deming regression: the line of least squares where both sides have errors, given the ratio of their variances (Deming,
  "Statistical Adjustment of Data", 1943; standard errors by the jackknife over lots, after Linnet, Clinical Chemistry 1993).
* Bland and Altman, Lancet 1986: the mean difference and the limits that hold 95 % of the differences.
* The noise of the reference from the cups of a lot, which were roasted together: within-lot variance, pooled. The cups'
  own differences (tamping) are in it, so it is an upper bound.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LIMITS = 1.96
"""Of a normal distribution, either side of the mean: 95 %."""
SOURCES = "Deming 1943; Linnet 1993 (jackknife over lots); Bland and Altman 1986"


@dataclass(frozen=True)
class Agreement:
    """The line `reading = intercept + slope * reference`, and the differences.

    Attributes:
        slope, intercept: of the Deming line; None where the readings or references do not vary.
        slope_se, intercept_se: their standard errors; None where there are too few lots.
        variance_ratio: what was taken for the variance of the reading's noise over that of the reference's.
        bias: mean of reading - reference, lots weighing alike.
        limits: bias - 1.96 sd and bias + 1.96 sd of the differences.
        reference_noise: standard deviation of the reference within a lot, in points; None where no lot has two cups of different values.
        repeats: degrees of freedom of that estimate.
    """

    slope: float | None
    intercept: float | None
    slope_se: float | None
    intercept_se: float | None
    variance_ratio: float
    bias: float
    limits: tuple[float, float]
    reference_noise: float | None
    repeats: int

    def as_json(self) -> dict[str, Any]:
        """The object `agreement` of `roast fit --json` and `roast score --json`."""
        return {**asdict(self), "limits": list(self.limits), "source": SOURCES}


def agreement(said: Array, reference: Array, lot: NDArray[np.int64]) -> Agreement:
    """How readings agree with the reference.

    The ratio of variances comes from cups of the same lot where there are enough of them on both sides, else it is 1.

    Args:
        said: readings (n,) of lots that the model was not fitted on.
        reference: the professional meter's values (n,).
        lot: what was roasted together (n,).
    """
    noise, freedom = within(reference, lot)
    other, _ = within(said, lot)
    ratio = (other / noise) ** 2 if noise and other and freedom >= 5 else 1.0
    ratio = float(np.clip(ratio, 0.1, 10.0))
    line = deming(reference, said, ratio)
    errors = _jackknife(reference, said, lot, ratio) if line else None
    difference = said - reference
    rows = np.bincount(lot)
    bias = float(np.mean(np.bincount(lot, difference)[rows > 0] / rows[rows > 0]))
    spread = float(np.sqrt(np.mean((difference - bias) ** 2) * len(said) / max(len(said) - 1, 1)))
    return Agreement(
        slope=line[1] if line else None,
        intercept=line[0] if line else None,
        slope_se=errors[1] if errors else None,
        intercept_se=errors[0] if errors else None,
        variance_ratio=ratio,
        bias=bias,
        limits=(bias - LIMITS * spread, bias + LIMITS * spread),
        reference_noise=noise,
        repeats=freedom,
    )


def within(values: Array, lot: NDArray[np.int64]) -> tuple[float | None, int]:
    """Pooled standard deviation of values (n,) within lots (n,), and its degrees of freedom; None if they never differ."""
    rows = np.bincount(lot)
    mean = np.bincount(lot, values) / np.maximum(rows, 1)
    freedom = int(np.maximum(rows - 1, 0).sum())
    if not freedom:
        return None, 0
    noise = float(np.sqrt(np.sum((values - mean[lot]) ** 2) / freedom))
    # A reference typed once a lot says nothing of its noise.
    return (noise, freedom) if noise > 0 else (None, 0)


def deming(x: Array, y: Array, ratio: float = 1.0) -> tuple[float, float] | None:
    """Intercept and slope of y (n,) over x (n,) where both have errors.

    Args:
        x: one meter.
        y: the other.
        ratio: variance of y's errors over that of x's.

    Returns:
        None where x and y do not vary together.
    """
    xx, yy = float(np.var(x)), float(np.var(y))
    xy = float(np.mean((x - x.mean()) * (y - y.mean())))
    if abs(xy) <= 1e-12 * (xx + yy) or not xx:
        return None
    d = yy - ratio * xx
    slope = (d + np.sqrt(d * d + 4 * ratio * xy * xy)) / (2 * xy)
    return float(y.mean() - slope * x.mean()), float(slope)


def _jackknife(x: Array, y: Array, lot: NDArray[np.int64], ratio: float) -> tuple[float, float] | None:
    """Standard errors of intercept and slope, from leaving out one lot after the other."""
    kept = [lot != left for left in np.unique(lot)]
    lines = [deming(x[rows], y[rows], ratio) for rows in kept] if len(kept) > 2 else []
    found = np.array([line for line in lines if line])
    if len(found) < 3:
        return None
    errors = np.sqrt((len(found) - 1) * found.var(axis=0))
    return float(errors[0]), float(errors[1])
