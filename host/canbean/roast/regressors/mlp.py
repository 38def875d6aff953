"""A small network: one hidden layer of ReLU, since that is the board's, fitted by L-BFGS from two seeded starts."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from canbean.tiny.network import Network, Quantized, score_candidates
from canbean.tiny.quantize import quantize
from canbean.tiny.regressor import Regressor

if TYPE_CHECKING:
    from canbean.roast.regressors import Samples

HIDDEN = 6
PENALTY = 0.1
STARTS = 2
STEPS = 150
LIMIT = 0.02
"""Points of root mean squared error that quantizing may add on the lots learned from."""
REACH = 127


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
    points = Network((first.T, last.T * spread), (below, above * spread + level))
    middle = sum(samples.scale) / 2
    # Where the scale fits 16 bits the network's output does too, and other runtimes can take it.
    around = middle if samples.scale[1] - middle <= REACH else None

    def score(model: Network | Quantized) -> float:
        said = np.clip(model.run(samples.table)[:, 0], *samples.scale)
        return -float(np.sqrt(np.mean((said - samples.reference) ** 2)))

    choice = quantize(
        points,
        samples.table,
        score,
        LIMIT,
        candidates=partial(score_candidates, around=around),
        take_best=True,
    )
    return Regressor(samples.front, choice.model.dense, samples.scale, choice.as_meta())
