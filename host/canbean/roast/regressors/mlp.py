"""A small network: one hidden layer of ReLU, since that is the board's, fitted by L-BFGS from two seeded starts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from canbean.tiny.network import Network, Quantized, score_candidates
from canbean.tiny.quantize import quantize
from canbean.tiny.regressor import Regressor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.roast.regressors import Samples

HIDDEN = 6
PENALTY = 0.1
STARTS = 2
STEPS = 100
LIMIT = 0.02
"""Points of root mean squared error that quantizing may add on the lots learned from."""
REACH = 127

Theta = list["NDArray[np.float64]"]
"""Weights of the hidden layer (d, h), its biases (h,), weights of the output (h,), its bias (1,)."""


def fit(samples: Samples, seed: int) -> Regressor:
    """A network in integers: of two starts, the one with the least penalised error.

    Raises:
        QuantizeError: a weight is not finite or the sums could overflow.
    """
    level = float(samples.reference.mean())
    spread = float(samples.reference.std()) or 1.0
    target = (samples.reference - level) / spread
    rngs = (np.random.default_rng([seed, start]) for start in range(STARTS))
    found = [descend(samples.table, target, rng) for rng in rngs]
    (first, below, last, above), _ = min(found, key=lambda pair: pair[1])
    points = Network((first.T, last[None, :] * spread), (below, above * spread + level))
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


def descend(
    table: NDArray[np.float64], target: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Theta, float]:
    """A network of the least penalised squared error near a random start, and that loss.

    Args:
        table: features (n, d).
        target: standardised (n,).
        rng: of the start, uniform within Glorot and Bengio's limit (AISTATS 2010).
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to import

    shapes = ((table.shape[1], HIDDEN), (HIDDEN,), (HIDDEN,), (1,))
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

    def split(flat: NDArray[np.float64]) -> Theta:
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]

    start = [
        rng.uniform(-1, 1, shape) * np.sqrt(6 / (HIDDEN + inputs))
        for shape, inputs in zip(shapes, (table.shape[1],) * 2 + (1,) * 2, strict=True)
    ]
    done = minimize(
        lambda flat: loss(split(flat), table, target),
        np.concatenate([part.ravel() for part in start]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": STEPS},
    )
    return split(done.x), float(done.fun)


def loss(
    theta: Theta, table: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Half of the mean squared error with the penalty of the weights, and its gradient, flat."""
    first, below, last, above = theta
    hidden = np.maximum(table @ first + below, 0.0)
    rest = (hidden @ last + above[0] - target) / len(table)
    penalty = PENALTY / len(table)
    back = np.outer(rest, last) * (hidden > 0)
    value = len(table) * (rest @ rest) + penalty * (np.vdot(first, first) + last @ last)
    gradient = (table.T @ back + penalty * first, back.sum(axis=0), hidden.T @ rest + penalty * last)
    return value / 2, np.concatenate([*(part.ravel() for part in gradient), [rest.sum()]])
