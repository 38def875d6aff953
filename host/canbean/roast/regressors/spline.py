"""A monotone spline over the index, under the log-odds of the scale: as bent as lots left out ask for.

Without bends it is a logistic curve; the penalty on bends is chosen among a few by cross-validation, grouped by lot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.roast.regressors import _curve

if TYPE_CHECKING:
    from canbean.roast.regressors import Samples
    from canbean.tiny.regressor import Regressor

PENALTIES = (1e4, 1e3, 1e2)
FOLDS = 4


def fit(samples: Samples, seed: int) -> Regressor:  # noqa: ARG001 - nothing here is random; every family takes a seed
    """A monotone spline in integers.

    Raises:
        QuantizeError: it does not fit the board's integers.
    """
    return _curve.fit(samples, shape(best(samples)))


def shape(penalty: float) -> _curve.Shape:
    """Straight lines between many knots."""
    return _curve.Shape(_curve.logit, penalty=penalty)


def best(samples: Samples) -> float:
    """The penalty of the least error on lots left out; of equals the largest."""
    errors = dict.fromkeys(PENALTIES, 0.0)
    for learn, check in samples.folds(FOLDS):
        inside = samples.rows(learn)
        for penalty in PENALTIES:
            regressor = _curve.fit(inside, shape(penalty))
            said = regressor.predict(regressor.features.readings(samples.values[check])) / 256
            errors[penalty] += float(np.sum((said - samples.reference[check]) ** 2))
    return min(errors, key=errors.__getitem__)
