"""The k nearest neighbours: the mean reference of the most alike pairs (Cover and Hart, 1967).

Alike counts most in the channels that say most about the roast: a feature is scaled by how far a standard deviation of
it moves the reading of a linear ridge. Without that, the temperature of the die would count like the light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.roast.regressors.ridge import solve
from canbean.tiny.features import ONE, Channel, Features
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.regressor import Regressor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.roast.regressors import Samples

CANDIDATES = (1, 2, 3, 4, 5)
FOLDS = 5
PENALTY = 0.1
LEAST = 1 / 16
"""No channel counts for less than this share of the one that counts most."""


def fit(samples: Samples, seed: int) -> Regressor:  # noqa: ARG001 - nothing here is random; every family takes a seed
    """The nearest neighbours in integers.

    Raises:
        QuantizeError: there are more pairs than a board keeps.
    """
    _, slopes = solve(samples.table, samples.reference, PENALTY)
    most = float(np.abs(slopes).max()) or 1.0
    weights = np.maximum(np.abs(slopes) / most, LEAST)
    front = Features(tuple(scaled(c, float(w)) for c, w in zip(samples.front.channels, weights, strict=True)))
    points = front.apply(front.readings(samples.values)) / ONE
    kind = Neighbours.from_float(best(samples, points), points, samples.reference)
    return Regressor(front, kind, samples.scale)


def scaled(channel: Channel, weight: float) -> Channel:
    """The same channel with `weight` (1/16 to 1) features to one standard deviation instead of 1."""
    if weight == 1 or channel.never_changes:
        return channel
    centre = channel.offset - channel.zero_point / channel.gain
    return Channel.scaled(channel.decimals, channel.transform, centre, channel.gain * weight)


def best(samples: Samples, points: NDArray[np.float64]) -> int:
    """The number of neighbours of the least error on lots left out."""
    errors = dict.fromkeys((k for k in CANDIDATES if k <= len(samples)), 0.0)
    for learn, check in samples.folds(FOLDS):
        distance = ((points[check, None, :] - points[None, learn, :]) ** 2).sum(axis=2)
        order = np.argsort(distance, axis=1, kind="stable")
        for k in errors:
            # A fold may hold fewer pairs than k: then all of them are averaged.
            said = samples.reference[learn][order[:, :k]].mean(axis=1)
            errors[k] += float(((said - samples.reference[check]) ** 2).sum())
    return min(errors, key=errors.__getitem__)
