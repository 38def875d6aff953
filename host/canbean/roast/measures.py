"""How wrong a meter is: the error figures, and the interval that holds nine readings in ten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

COVERAGE = 0.9


def errors(said: NDArray[np.float64], true: NDArray[np.float64], tolerance: float) -> dict[str, float]:
    """Errors of readings `said` (n,) against `true` (n,), in points of the scale.

    Returns:
        `rmse`, `mae`, `p95` (95 % of the absolute errors are at most this), `max`, `within_tolerance` (the share of
        absolute errors that are at most `tolerance`) and `bias` (the mean of said - true).
    """
    error = said - true
    size = np.abs(error)
    return {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(size.mean()),
        "p95": float(np.quantile(size, 0.95, method="higher")),
        "max": float(size.max()),
        "within_tolerance": float(np.mean(size <= tolerance)),
        "bias": float(error.mean()),
    }


def deviation(values: NDArray[np.float64], lot: NDArray[np.int64]) -> float:
    """Standard error of the mean of what rows say (n,), from how much their lots (n,) differ."""
    rows = np.bincount(lot)
    share = np.bincount(lot, values - values.mean())[rows > 0] / len(lot)
    lots = len(share)
    return float(np.sqrt(np.sum(share**2) * lots / max(lots - 1, 1)))


def half_width(residuals: NDArray[np.float64], lot: NDArray[np.int64], coverage: float = COVERAGE) -> float:
    """The +- that holds a share `coverage` of the readings of a lot not seen before.

    Conformal prediction with groups: every lot weighs the same whatever its rows, since a new lot is exchangeable
    with the lots and not with their rows (Dunn, Wasserman and Ramdas, "Distribution-free prediction sets for
    two-layer hierarchical models", JASA 2022, pooled CDF). The residuals must be of lots that the model was not
    fitted on.

    Args:
        residuals: said - true of held-out rows (n,).
        lot: their lots (n,).
        coverage: the share to hold.
    """
    size = np.abs(residuals)
    order = np.argsort(size, kind="stable")
    _, code, rows = np.unique(lot, return_inverse=True, return_counts=True)
    weight = 1.0 / rows[code][order]
    # Half a row's weight: the step of the weighted distribution that is nearest to the share asked for.
    reached = (np.cumsum(weight) - weight / 2) / weight.sum()
    return float(np.interp(coverage, reached, size[order]))
