"""Polynomial ridge: a polynomial in the standardised features with its weights held small (Hoerl and Kennard, 1970).

Degree and penalty are chosen among a few by cross-validation within the samples, grouped by lot.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from canbean.tiny.polynomial import FEATURES_MOST, Polynomial, terms
from canbean.tiny.regressor import Regressor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.roast.regressors import Samples

DEGREES = (1, 2, 3)
PENALTIES = (0.001, 0.01, 0.1, 1.0)
TERMS_MOST = 120
"""A higher degree is not tried beyond these many weights."""
FOLDS = 5


def fit(samples: Samples, seed: int) -> Regressor:  # noqa: ARG001 - nothing here is random; every family takes a seed
    """A polynomial ridge in integers.

    Raises:
        QuantizeError: there are more channels than the board's polynomial takes, or a weight does not fit.
    """
    degree, penalty = best(samples)
    intercept, weights = solve(monomials(samples.table, degree), samples.reference, penalty)
    kind = Polynomial.from_float(degree, intercept, weights, samples.table.shape[1])
    return Regressor(samples.front, kind, samples.scale)


def best(samples: Samples) -> tuple[int, float]:
    """The degree and penalty of the least error on lots left out; the straight line where there is one lot."""
    features = samples.table.shape[1]
    splits = samples.folds(FOLDS)
    errors: dict[tuple[int, float], float] = {}
    for degree in DEGREES:
        # Beyond `FEATURES_MOST` packing says so: counting on would only take long.
        if degree > 1 and (features > FEATURES_MOST or terms(features, degree) > TERMS_MOST):
            continue
        table = monomials(samples.table, degree)
        for penalty in reversed(PENALTIES):
            total = 0.0
            for learn, check in splits:
                intercept, weights = solve(table[learn], samples.reference[learn], penalty)
                said = np.clip(intercept + table[check] @ weights, *samples.scale)
                total += float(((said - samples.reference[check]) ** 2).sum())
            errors[degree, penalty] = total
    # Of equals the first: the lowest degree and the largest penalty.
    return min(errors, key=errors.__getitem__)


def monomials(table: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """All products of 1 to `degree` columns of a table (n, d), in the order of `canbean.tiny.polynomial`."""
    width = range(table.shape[1])
    columns = [
        table[:, list(which)].prod(axis=1)
        for power in range(1, degree + 1)
        for which in combinations_with_replacement(width, power)
    ]
    return np.stack(columns, axis=1)


def solve(
    table: NDArray[np.float64], reference: NDArray[np.float64], penalty: float
) -> tuple[float, NDArray[np.float64]]:
    """Intercept and weights (d,) of a ridge whose penalty is per row; the intercept is free."""
    middle, level = table.mean(axis=0), float(reference.mean())
    centred = table - middle
    square = centred.T @ centred + penalty * len(table) * np.eye(table.shape[1])
    weights = np.linalg.solve(square, centred.T @ (reference - level))
    return level - float(middle @ weights), weights
