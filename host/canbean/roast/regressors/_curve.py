"""Curves over one index that never fall: what the families of few parameters share.

The index is the weighted sum of the features that follows the roast best, the same for every family; of one channel it is that channel.
Channels that see one roast say nearly the same, and what tells them apart is mostly noise, of the coffee and of a unit's
calibration: so a ridge begins with weights near each other, and a few tens of pairs turn them in few and small steps.
Over it a curve `h(B theta)` is fitted by iteratively reweighted least squares (McCullagh and Nelder, 1989, section 2.5): B is a
Bernstein basis, so the curve is a polynomial under a link, or straight lines between many knots with a penalty on their
second differences (P-splines: Eilers and Marx, Statistical Science 1996). Where the free solution falls anywhere in the
range of the samples, the coefficients are made to rise by non-negative least squares, which is enough for both. Beyond
that range the curve goes on as it is until it would turn back, and then level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb, log
from typing import TYPE_CHECKING

import numpy as np

from canbean.roast.regressors.ridge import solve
from canbean.tiny.features import ONE, Features
from canbean.tiny.regressor import Regressor
from canbean.tiny.spline import Spline

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from canbean.roast.regressors import Samples

    Array = NDArray[np.float64]
    Curve = Callable[[Array], Array]

WIDEN = 0.4
"""The curve is stored this share of the index's range beyond both ends; then its last straight line goes on."""
INTERVALS = 64
PENALTY = 1.0
"""Of the weights of the index, a row; of a turn in squared points: as if it moved a weight by a quarter of a standard deviation."""
TURNS = 4
STEP = 1e-3
STEPS = 8
LEAST_SLOPE = 1e-2
FAR = 2.0
"""The most that one step moves a row under a curved link."""


@dataclass(frozen=True)
class Link:
    """The scale on which a curve is a sum: `back(to(y)) = y`, and `slope` is the derivative of `back`."""

    to: Curve
    back: Curve
    slope: Curve


LINE = Link(lambda y: y, lambda e: e, np.ones_like)


def identity(samples: Samples) -> Link:  # noqa: ARG001 - every link is made from samples
    """The points themselves."""
    return LINE


def logarithm(samples: Samples) -> Link:
    """The logarithm of the points above 0, or above the scale's minimum where that is below."""
    base = min(0.0, samples.scale[0])

    def power(eta: Array) -> Array:
        return np.exp(np.clip(eta, -20.0, 9.0))

    return Link(lambda y: np.log(np.maximum(y - base, 1.0)), lambda e: base + power(e), power)


def logit(samples: Samples) -> Link:
    """The log-odds of where on the scale the points are."""
    low, high = samples.scale

    def share(eta: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-np.clip(eta, -20.0, 20.0))))

    def to(y: Array) -> Array:
        p = np.clip((y - low) / (high - low), 0.01, 0.99)
        return np.asarray(np.log(p / (1 - p)))

    return Link(
        to, lambda e: low + (high - low) * share(e), lambda e: (high - low) * share(e) * (1 - share(e))
    )


@dataclass(frozen=True)
class Shape:
    """What a curve is made of.

    Attributes:
        link: makes the link of samples.
        degree: of the polynomial, or None for straight lines between knots.
        penalty: on second differences between knots, in squared points where the link is the identity.
        linear: the index is of the channels themselves and not of their logarithms.
    """

    link: Callable[[Samples], Link]
    degree: int | None = None
    penalty: float = 0.0
    linear: bool = False


KNOTS = 24
"""Of a curve of straight lines, while it is fitted."""


@dataclass(frozen=True, eq=False)
class Index:
    """What all curves of the same samples are over.

    Attributes:
        weights: of the features (c,); the index rises with the reference and varies by one standard deviation.
        bend: natural logarithms of the light to one of the index; 0 where channels are no logarithms.
    """

    weights: Array
    bend: float

    def light(self, index: Array) -> Array:
        """What rises with the index and is linear in the light itself: the exponential of a mean of logarithms."""
        return np.asarray(np.expm1(self.bend * index) / self.bend if self.bend else index, np.float64)


@lru_cache(maxsize=128)
def index_of(samples: Samples) -> Index:
    """The index of samples: the direction of a ridge, turned a few times towards what a cubic over it leaves."""
    table = samples.table
    found = _index(samples, solve(table, samples.reference, PENALTY)[1])
    for _ in range(TURNS if table.shape[1] > 1 else 0):
        index = table @ found.weights
        at = found.light(index)
        cubic = over(at, samples.reference, LINE, Shape(identity, 3), (float(at.min()), float(at.max())))
        above, below = cubic(found.light(index + STEP)), cubic(found.light(index - STEP))
        # a Gauss-Newton step of a single-index model
        slopes = table * ((above - below) / (2 * STEP))[:, None]
        found = _index(samples, found.weights + solve(slopes, samples.reference - cubic(at), PENALTY)[1])
    return found


def _index(samples: Samples, weights: Array) -> Index:
    """With the weights that make it vary by one standard deviation; the first feature where none says anything."""
    spread = float((samples.table @ weights).std())
    unit = weights / spread if spread > 1e-9 else np.eye(len(weights))[0]
    # of each channel, standard deviation of its natural logarithm: a log2 feature is in 1/4096 octave before its gain
    logs = [
        log(2) / channel.gain if channel.transform == "log2" and channel.gain else 0.0
        for channel in samples.front.channels
    ]
    return Index(unit, float(np.sum(unit * np.abs(unit) * logs) / np.sum(unit**2)))


def fit(samples: Samples, shape: Shape) -> Regressor:
    """A curve in integers.

    Raises:
        QuantizeError: it does not fit the board's integers.
    """
    found, front, table = index_of(samples), samples.front, samples.table
    if shape.linear and table.shape[1] == 1:
        # nothing to weigh: the channel as it is, without the steps of an integer logarithm
        front = Features.fit(samples.values, samples.decimals, ["linear"])
        found, table = Index(found.weights, 0.0), front.apply(front.readings(samples.values)) / ONE
    place = found.light if shape.linear else np.asarray
    index = table @ found.weights
    knots = np.linspace(*_range(index), INTERVALS + 1)
    low, *_, high = place(knots).tolist()
    curve = over(place(index), samples.reference, shape.link(samples), shape, (low, high))
    low_score, high_score = samples.scale
    span = high_score - low_score
    scores = levelled(np.clip(curve(place(knots)), low_score - span, high_score + span))
    kind = Spline.from_float(found.weights, float(knots[0]), float(knots[-1]), scores)
    return Regressor(front, kind, samples.scale)


def levelled(scores: Array) -> Array:
    """Scores (k,) that rise around their middle, level from where they would turn back on either side."""
    half = len(scores) // 2
    above, below = np.maximum.accumulate(scores[half:]), np.minimum.accumulate(scores[half::-1])
    return np.concatenate([below[:0:-1], above])


def _range(index: Array) -> tuple[float, float]:
    low, high = float(index.min()), float(index.max())
    wide = WIDEN * _extent(low, high)
    return low - wide, high + wide


def _extent(low: float, high: float) -> float:
    """The length of a range; 1 where it has none."""
    return high - low if high - low > 1e-3 else 1.0


def over(index: Array, reference: Array, link: Link, shape: Shape, ends: tuple[float, float]) -> Curve:
    low, high = float(index.min()), float(index.max())
    inside = low, low + _extent(low, high)
    basis, penalty = (
        _lines(*ends, shape.penalty) if shape.degree is None else _bernstein(*inside, shape.degree)
    )
    grid = basis(np.linspace(*inside, INTERVALS + 1))
    theta = _solve(basis(index), penalty, reference, link, grid)
    return lambda at: link.back(basis(np.asarray(at, np.float64)) @ theta)


def _bernstein(low: float, high: float, degree: int) -> tuple[Curve, Array]:
    def basis(at: Array) -> Array:
        t = (at - low) / (high - low)
        return np.stack([comb(degree, k) * t**k * (1 - t) ** (degree - k) for k in range(degree + 1)], axis=1)

    return basis, np.zeros((0, degree + 1))


def _lines(low: float, high: float, penalty: float) -> tuple[Curve, Array]:
    def basis(at: Array) -> Array:
        place = (at - low) / (high - low) * (KNOTS - 1)
        i = np.clip(np.floor(place).astype(int), 0, KNOTS - 2)
        table = np.zeros((len(at), KNOTS))
        rows = np.arange(len(at))
        table[rows, i], table[rows, i + 1] = 1 - (place - i), place - i
        return table

    return basis, np.sqrt(penalty) * np.diff(np.eye(KNOTS), 2, axis=0)


def _solve(basis: Array, penalty: Array, reference: Array, link: Link, grid: Array) -> Array:
    """Coefficients of the curve of least squares among those that do not fall on the grid."""
    count = basis.shape[1]
    # Coefficients as a start and its increments.
    sums = np.tril(np.ones((count, count)))
    rows, smooth = basis @ sums, penalty @ sums
    eta = link.to(reference)
    theta = np.zeros(count)
    from scipy.optimize import nnls  # noqa: PLC0415 - slow to import

    for _ in range(STEPS):
        slope = np.maximum(link.slope(eta), LEAST_SLOPE)
        step = (reference - link.back(eta)) / slope
        target = eta + (step if link.slope is np.ones_like else np.clip(step, -FAR, FAR))
        a = np.vstack([rows * slope[:, None], smooth])
        b = np.concatenate([target * slope, np.zeros(len(smooth))])
        found = np.linalg.solve(a.T @ a + 1e-9 * np.eye(count), a.T @ b)
        if (np.diff(grid @ (sums @ found)) < 0).any():
            level = nnls(np.hstack([a, -a[:, :1]]), b, maxiter=50 * count)[0]
            found = np.concatenate([[level[0] - level[-1]], level[1:-1]])
        theta = sums @ found
        moved, eta = eta, basis @ theta
        if np.abs(eta - moved).max() < 1e-4:
            break
    return theta
