"""From one meter's scale to another's, by cups that both have read.

Both meters are noisy, so the curve goes through the cloud and not through one meter's values: a straight line by Deming
regression, or a monotone square or cube whose points are moved onto it in both directions in turn (orthogonal distance
regression: Boggs and Rogers, 1990), whichever leaves out lots with the least error; of near equals the straightest. It can
be read both ways.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import PairsError
from canbean.roast.agreement import deming
from canbean.roast.pairs import MINIMUM_LOTS
from canbean.roast.regressors import _curve, folds
from canbean.roast.scale import SCALES, Scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.roast.pairs import Pairs

    Array = NDArray[np.float64]

DEGREES = (1, 2, 3)
TURNS = 20
KNOTS = 65
BETTER = 0.9
"""A more bent curve must have at most this share of the error."""
GOURMET = SCALES["agtron-gourmet"]


@dataclass(frozen=True, eq=False)
class Conversion:
    """A curve from one scale to another.

    Attributes:
        source, target: what the scales are called.
        degree: 1 to 3.
        rmse: of lots left out, in points of the target, the target's own noise included.
        x, y: (k,) values on the source and on the target, both rising; beyond the ends the curve goes on straight.
        pairs, lots: how many it was learned from.
    """

    source: str
    target: str
    degree: int
    rmse: float
    x: Array
    y: Array
    pairs: int
    lots: int

    def apply(self, values: Array) -> Array:
        """Values (n,) of the source scale on the target scale."""
        return _straight(np.asarray(values, np.float64), self.x, self.y)

    def reversed(self) -> Conversion:
        """The same curve from the target to the source; the error in points of the source, by the mean slope."""
        slope = float((self.y[-1] - self.y[0]) / (self.x[-1] - self.x[0])) or 1.0
        return Conversion(
            self.target, self.source, self.degree, self.rmse / slope, self.y, self.x, self.pairs, self.lots
        )

    def as_json(self, values: Array) -> dict[str, Any]:
        """The object of `roast convert --json`, with these values of the source converted."""
        return {
            "source": self.source,
            "target": self.target,
            "degree": self.degree,
            "rmse": self.rmse,
            "pairs": self.pairs,
            "groups": self.lots,
            "values": [
                {"source": float(a), "target": float(b)}
                for a, b in zip(values, self.apply(values), strict=True)
            ],
        }


def fit(pairs: Pairs) -> Conversion:
    """The conversion from the one channel of a pairs file, another meter's value, to its reference.

    Raises:
        PairsError: there are several channels, too few lots or pairs, or the two values do not rise together.
    """
    if len(pairs.channel_names) != 1:
        raise PairsError(
            f"{pairs.name}: give one column of values beside lot and reference; here are "
            f"{', '.join(pairs.channel_names)}"
        )
    x, y = pairs.channels[:, 0], pairs.reference
    if len(np.unique(pairs.lot)) < MINIMUM_LOTS:
        raise PairsError(f"{pairs.name}: at least {MINIMUM_LOTS} lots are needed for a conversion")
    if not np.ptp(x) or not np.ptp(y) or np.corrcoef(x, y)[0, 1] <= 0:
        raise PairsError(f"{pairs.name}: {pairs.channel_names[0]!r} and the reference do not rise together")
    splits = folds(pairs.lot, 15)
    chosen, least = 1, np.inf
    for degree in DEGREES:
        said = np.empty(len(y))
        for learn, left in splits:
            said[left] = _straight(x[left], *_through(x[learn], y[learn], degree))
        error = float(np.sqrt(np.mean((said - y) ** 2)))
        if error < BETTER * least or degree == 1:
            chosen, least = degree, error
    at, to = _through(x, y, chosen)
    found = len(np.unique(pairs.lot))
    return Conversion(pairs.channel_names[0], "reference", chosen, least, at, to, len(y), found)


def named(scale: Scale, conversion: Conversion) -> Scale:
    """A scale with the SCA's names of degrees, their limits converted from Agtron Gourmet.

    Args:
        scale: without names of its own.
        conversion: from Agtron Gourmet to the scale.
    """
    limits = np.round(conversion.apply(np.array([limit for _, limit in GOURMET.degrees])), 2)
    rows = zip((name for name, _ in GOURMET.degrees), limits.tolist(), strict=True)
    return replace(scale, degrees=tuple(rows))


def _through(x: Array, y: Array, degree: int) -> tuple[Array, Array]:
    """Values of the curve (k,) over a range (k,) half as wide again as the values'."""
    low, high = float(x.min()), float(x.max())
    wide = 0.25 * max(high - low, 1e-9)
    grid = np.linspace(low - wide, high + wide, KNOTS)
    # Points of the target per point of the source: with it one point counts alike on either side.
    unit = float(np.std(y) / np.std(x))
    if degree == 1 or len(np.unique(x)) <= degree:
        line = deming(unit * x, y)
        slope, start = (unit * line[1], line[0]) if line and line[1] > 0 else (0.0, float(y.mean()))
        return grid, start + slope * grid + 1e-9 * np.arange(KNOTS)
    at, level, shape = x, float(y.mean()), _curve.Shape(lambda _: _curve.LINE, degree)
    for _ in range(TURNS):
        curve = _curve.over(at, y - level, _curve.LINE, shape, (grid[0], grid[-1]))
        step = 1e-3 * (high - low)
        tilt = (curve(at + step) - curve(at - step)) / (2 * step)
        # The foot of each point on the tangent, both axes in points of the target.
        off = y - level - curve(at) + tilt * (at - x)
        at = np.clip(x + tilt * off / (unit**2 + tilt**2), grid[0], grid[-1])
    return grid, level + _curve.levelled(curve(grid)) + 1e-9 * np.arange(KNOTS)


def _straight(at: Array, x: Array, y: Array) -> Array:
    """Between knots and beyond them along straight lines."""
    i = np.clip(np.searchsorted(x, at, "right") - 1, 0, len(x) - 2)
    return np.asarray(y[i] + (y[i + 1] - y[i]) * (at - x[i]) / (x[i + 1] - x[i]), np.float64)
