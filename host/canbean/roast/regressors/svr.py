"""Support vector regression with radial basis functions (Drucker et al., 1996).

Its targets are standardised; width and cost are chosen among a few by cross-validation, grouped by lot. Rows within the
tube of the noise are no support vectors, so the board keeps few of them.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from sklearn.svm import SVR

from canbean.tiny.features import ONE
from canbean.tiny.kernel import Kernel
from canbean.tiny.regressor import POINT, Regressor

if TYPE_CHECKING:
    from canbean.roast.regressors import Samples

GAMMAS = (0.05, 0.2)
COSTS = (10.0, 100.0)
TUBE = 1.5
"""Points within which a row costs nothing."""
FOLDS = 4


def fit(samples: Samples, seed: int) -> Regressor:  # noqa: ARG001 - nothing here is random; every family takes a seed
    """Support vectors in integers.

    Raises:
        QuantizeError: there are more support vectors than a board keeps, or a weight does not fit.
    """
    gamma, cost = best(samples)
    level, spread = _standard(samples)
    machine = _machine(gamma, cost, spread).fit(samples.table, (samples.reference - level) / spread)
    vectors, weights = machine.support_vectors_, machine.dual_coef_.T
    if not len(vectors):
        # All rows are within the tube of one level: a vector that counts for nothing.
        vectors, weights = samples.table[:1], np.zeros((1, 1))
    kind = Kernel.from_float(
        vectors * ONE,
        weights * spread * POINT,
        [(float(machine.intercept_[0]) * spread + level) * POINT],
        gamma / ONE**2,
    )
    return Regressor(samples.front, kind, samples.scale)


def best(samples: Samples) -> tuple[float, float]:
    """Width and cost of the least error on lots left out; of equals the widest and cheapest."""
    errors = dict.fromkeys(product(GAMMAS, COSTS), 0.0)
    level, spread = _standard(samples)
    target = (samples.reference - level) / spread
    for learn, check in samples.folds(FOLDS):
        for gamma, cost in errors:
            machine = _machine(gamma, cost, spread).fit(samples.table[learn], target[learn])
            errors[gamma, cost] += float(np.sum((machine.predict(samples.table[check]) - target[check]) ** 2))
    return min(errors, key=errors.__getitem__)


def _machine(gamma: float, cost: float, spread: float) -> SVR:
    return SVR(gamma=gamma, C=cost, epsilon=TUBE / spread, tol=1e-3, max_iter=20_000)


def _standard(samples: Samples) -> tuple[float, float]:
    return float(samples.reference.mean()), float(samples.reference.std()) or 1.0
