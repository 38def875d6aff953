"""What is odd about a pair, while its cup still stands there: duplicates, tamps that differ, values typed wrong.

Nothing here refuses a pair. Each doubt says in words why, so that a person can measure again or keep it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.roast.reading import TEMPERATURE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

PAIRS = 8
LOTS = 6
"""Pairs and lots below which no fit is asked."""
FAR = 4.0
"""Robust standard deviations from the fit that are odd: 1 in 16,000 of normal errors."""
LEAST = 6.0
"""Points from the fit below which nothing is odd: the lots' own scatter and a tamp make 1 to 2 (standard deviation)."""
TAMP = 0.08
"""Relative change of a light channel between tamps of one cup that is odd, when all tamps so far were closer."""
TAMP_POINTS = 5.0
"""Points between values of the professional meter of one cup that are odd."""
MAD = 1.4826
"""Median absolute deviation to standard deviation, for normal errors."""
TURN = 1.345
"""Standard deviations from which on an error counts by its size and not its square (Huber: 95 % efficient)."""
RIDGE = 0.1
"""Pairs' worth of doubt that terms beside the constant are there at all: channels look much alike."""
ROUNDS = 15
SETTLED = 1e-3
"""Change of the weights below which more rounds change nothing that anybody would see."""


@dataclass(frozen=True)
class Pair:
    """A tamped cup measured by both meters.

    Attributes:
        lot, cup: what was roasted together; the cup of it.
        channels: what our sensor said, by channel.
        reference: what the professional meter said.
        number: its number in the session, from 1.
    """

    lot: str
    cup: str
    channels: Mapping[str, float]
    reference: float
    number: int = 0


@dataclass(frozen=True)
class Doubt:
    """One odd thing: `kind` is `duplicate`, `tamp`, `reference` or `fit`; `beside` is the pair it does not go with."""

    kind: str
    words: str
    beside: int | None = None


def doubts(pair: Pair, earlier: Sequence[Pair], scale: tuple[float, float]) -> list[Doubt]:
    """What is odd about `pair` beside the pairs before it; on `scale` (lowest, highest)."""
    return [*_duplicate(pair, earlier), *_tamps(pair, earlier), *_off(pair, earlier, scale)]


def odd_ones(pairs: Sequence[Pair], scale: tuple[float, float]) -> list[tuple[Pair, Doubt]]:
    """Pairs that look wrong beside those of all other cups, now that these are there."""
    return [(pair, doubt) for pair in pairs for doubt in _off(pair, pairs, scale)]


@dataclass(frozen=True)
class Expected:
    """What other pairs say of one: `value` on the scale, and what is odd: `limit` points from it."""

    value: float
    limit: float


def expected(pair: Pair, pairs: Sequence[Pair]) -> Expected | None:
    """What a robust fit of the pairs of other cups says of this one; None while they are too few.

    A check of typing and tamping, not a meter: Huber's M-estimate (1981) of the reference on the logarithms of the
    light channels, with as many terms as the lots carry. The limit is that of a prediction: it widens with the leverage
    of the pair, where lots and not pairs count, since the tamps of a cup repeat each other.
    """
    others = [other for other in pairs if (other.lot, other.cup) != (pair.lot, pair.cup)]
    lots = len({other.lot for other in others})
    if len(others) < PAIRS or lots < LOTS:
        return None
    names = [name for name in pair.channels if name != TEMPERATURE]
    terms = _terms([*others, pair], names, lots)
    spread = terms[:-1].std(axis=0)
    moving = spread > 0
    if not moving.any():
        return None
    x = (terms[:, moving] - terms[:-1, moving].mean(axis=0)) / spread[moving]
    x = np.column_stack([np.ones(len(x)), x])
    y = np.array([other.reference for other in others])
    coefficients, sigma, inverse = _huber(x[:-1], y)
    sigma *= float(np.sqrt(lots / (lots - x.shape[1])))
    leverage = float(x[-1] @ inverse @ x[-1]) * len(others) / lots
    return Expected(float(x[-1] @ coefficients), max(LEAST, FAR * sigma) * float(np.sqrt(1 + leverage)))


def _terms(pairs: Sequence[Pair], names: Sequence[str], lots: int) -> NDArray[np.float64]:
    """Brightness alone, then its square, then the channels' ratios: fewer terms than lots, by two."""
    values = np.array([[pair.channels.get(name, 0.0) for name in names] for pair in pairs], np.float64)
    logs = np.log(np.maximum(values, 1e-3))
    bright = logs.mean(axis=1)
    bright -= bright[:-1].mean()
    return np.column_stack([bright, bright**2, logs[:, 1:] - logs[:, :1]])[:, : max(1, lots - 3)]


def _huber(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Coefficients (p,), robust standard deviation of the residuals, and the inverse normal matrix (p, p)."""
    ridge = RIDGE * np.eye(x.shape[1])
    ridge[0, 0] = 0
    weight, sigma = np.ones(len(y)), 0.0
    for _ in range(ROUNDS):
        inverse = np.linalg.pinv((x.T * weight) @ x + ridge)
        coefficients = inverse @ ((x.T * weight) @ y)
        rest = np.abs(y - x @ coefficients)
        sigma = MAD * float(np.median(rest))
        before, weight = weight, np.minimum(1, TURN * max(sigma, LEAST / FAR) / np.maximum(rest, 1e-9))
        if np.abs(weight - before).max() < SETTLED:
            break
    return coefficients, sigma, np.asarray(inverse, np.float64)


def _off(pair: Pair, pairs: Sequence[Pair], scale: tuple[float, float]) -> list[Doubt]:
    fitted = expected(pair, pairs)
    if fitted is None or abs(pair.reference - fitted.value) <= fitted.limit:
        return []
    value, apart = min(max(fitted.value, scale[0]), scale[1]), abs(pair.reference - fitted.value)
    words = (
        f"our sensor reads like about {value:.0f}, the professional meter says {pair.reference:g}: {apart:.0f} points "
        f"apart, where the pairs so far explain {fitted.limit:.0f}"
    )
    meant = _meant(pair.reference, fitted.value, fitted.limit, scale)
    return [Doubt("fit", words + (f"; was {meant:g} meant?" if meant is not None else ""))]


def _meant(said: float, expected: float, limit: float, scale: tuple[float, float]) -> float | None:
    """The value that a slip of the finger turns into `said`, where one fits: two digits swapped, a point left out."""
    text = f"{said:g}"
    swapped = [text[:k] + text[k + 1] + text[k] + text[k + 2 :] for k in range(len(text) - 1)]
    slips = [float(s) for s in swapped if s.replace(".", "", 1).isdigit()] + [said / 10, said * 10]
    fitting = [s for s in slips if scale[0] <= s <= scale[1] and abs(s - expected) <= limit and s != said]
    return min(fitting, key=lambda s: abs(s - expected)) if fitting else None


def _duplicate(pair: Pair, earlier: Sequence[Pair]) -> list[Doubt]:
    light = {name: v for name, v in pair.channels.items() if name != TEMPERATURE}
    for other in earlier:
        if light == {name: v for name, v in other.channels.items() if name != TEMPERATURE}:
            words = (
                f"our sensor read the same to the last digit as in pair {other.number} "
                f"({other.lot}, cup {other.cup}): was the cup tamped again and put back?"
            )
            return [Doubt("duplicate", words, other.number)]
    return []


def _tamps(pair: Pair, earlier: Sequence[Pair]) -> list[Doubt]:
    """Against the cup's own tamps."""
    own = [other for other in earlier if (other.lot, other.cup) == (pair.lot, pair.cup)]
    if not own:
        return []
    found = []
    usual = _usual([other for other in earlier if (other.lot, other.cup) != (pair.lot, pair.cup)])
    for name, value in pair.channels.items():
        middle = float(np.median([other.channels[name] for other in own if name in other.channels] or [0]))
        if name == TEMPERATURE or middle <= 0:
            continue
        change = value / middle - 1
        if abs(change) > max(TAMP, FAR * usual.get(name, 0.0)):
            words = (
                f"{name} is {abs(change):.0%} {'above' if change > 0 else 'below'} this cup's other tamps: "
                "level and tamp it again"
            )
            found.append(Doubt("tamp", words))
            break
    middle = float(np.median([other.reference for other in own]))
    if abs(pair.reference - middle) > TAMP_POINTS:
        words = f"the professional meter says {pair.reference:g}, and {middle:g} of this cup's other tamps"
        one = own[0].number if len(own) == 1 else None
        if one is not None:
            words += f" (if that one is wrong: drop {one})"
        found.append(Doubt("reference", words, one))
    return found


def _usual(pairs: Sequence[Pair]) -> dict[str, float]:
    """Per channel the robust relative standard deviation between tamps of one cup."""
    cups: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        cups.setdefault((pair.lot, pair.cup), []).append(pair)
    off: dict[str, list[float]] = {}
    for tamps in cups.values():
        for name in tamps[0].channels if len(tamps) > 1 else ():
            values = np.array([tamp.channels.get(name, 0.0) for tamp in tamps])
            if np.median(values) > 0:
                off.setdefault(name, []).extend(np.abs(values / np.median(values) - 1))
    return {name: MAD * float(np.median(values)) for name, values in off.items()}
