"""Whether a meter ever reads darker coffee as lighter.

Measured, not assumed: the packed integers are run along a path, and what counts is the largest fall of the reading
below what it has been before. Of one channel the path is the channel itself, over the range of the pairs widened by a
quarter at either end. Of several it is how the channels move together as the reference rises: for each channel that
follows the reference (rank correlation of at least a half) the cubic of least squares that does not turn back, over the
reference's range widened by a tenth; the others, such as the die's temperature, stay at their median.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.roast.regressors import _curve
from canbean.tiny.regressor import POINT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.roast.regressors import Samples
    from canbean.tiny.regressor import Regressor

STEPS = 600
WIDEN_ONE, WIDEN_PATH = 0.25, 0.1
FOLLOWS = 0.5
TOLERANCE = 0.01
"""Points: the rounding of a sum of integers."""


def fall(regressor: Regressor, samples: Samples) -> float:
    """The largest fall of the reading along the path of the samples, in points."""
    values = path(samples)
    said = regressor.predict(regressor.features.readings(values))
    return float((np.maximum.accumulate(said) - said).max()) / POINT


def rises(regressor: Regressor, samples: Samples) -> bool:
    """Whether the reading never falls by more than rounding along the path of the samples."""
    return fall(regressor, samples) <= TOLERANCE


def path(samples: Samples) -> NDArray[np.float64]:
    """Sensor channels (steps, c) from the darkest to the lightest coffee."""
    values, reference = samples.values, samples.reference
    follows = np.array([_rank_correlation(column, reference) for column in values.T])
    if values.shape[1] == 1:
        low, high = _widened(values[:, 0], WIDEN_ONE)
        ends = (low, high) if follows[0] >= 0 else (high, low)
        return np.linspace(*ends, STEPS)[:, None]
    low, high = _widened(reference, WIDEN_PATH)
    grid = np.linspace(low, high, STEPS)
    columns = []
    for column, rank in zip(values.T, follows, strict=True):
        if abs(rank) < FOLLOWS:
            columns.append(np.full(STEPS, np.median(column)))
            continue
        sign = 1.0 if rank > 0 else -1.0
        level, spread = float(column.mean()), float(column.std()) or 1.0
        curve = _curve.over(
            reference,
            sign * (column - level) / spread,
            _curve.LINE,
            _curve.Shape(_curve.identity, 3),
            (low, high),
        )
        columns.append(level + sign * spread * curve(grid))
    return np.stack(columns, axis=1)


def _widened(values: NDArray[np.float64], share: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return low - share * (high - low), high + share * (high - low)


def _rank_correlation(column: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    if np.ptp(column) == 0 or np.ptp(reference) == 0:
        return 0.0
    from scipy.stats import rankdata  # noqa: PLC0415 - slow to import

    return float(np.corrcoef(rankdata(column), rankdata(reference))[0, 1])
