"""A small network: one hidden layer of ReLU, since that is the board's, fitted by L-BFGS from two seeded starts."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from canbean.tiny.dense import Dense
from canbean.tiny.regressor import Regressor

if TYPE_CHECKING:
    from canbean.roast.regressors import Samples

HIDDEN = 6
PENALTY = 0.1
STARTS = 2
STEPS = 150


def fit(samples: Samples, seed: int) -> Regressor:
    """A network in integers: of two starts, the one with the least penalised error.

    Raises:
        QuantizeError: a weight is not finite or the sums could overflow.
    """
    level = float(samples.reference.mean())
    spread = float(samples.reference.std()) or 1.0
    target = (samples.reference - level) / spread
    # The budget of steps ends most fits, and an early step may overflow: the start with the least loss is kept.
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        networks = [
            MLPRegressor(
                hidden_layer_sizes=(HIDDEN,),
                solver="lbfgs",
                alpha=PENALTY,
                max_iter=STEPS,
                random_state=(seed * 1009 + start) % 2**32,
            ).fit(samples.table, target)
            for start in range(STARTS)
        ]
    network = min(networks, key=lambda fitted: float(fitted.loss_))
    first, last = network.coefs_
    below, above = network.intercepts_
    kind = Dense.from_float([first.T, last.T * spread], [below, above * spread + level], samples.table)
    return Regressor(samples.front, kind, samples.scale)
