"""What integers cost a detector of relations: lies in held-back samples that the same model, in floating point, finds at the same budget.

The signals of one id are made to hold their value, to be another time's, or to be those of another stretch; each lie begins
in truth and lasts 4 s. A model is trained from a few seeds, and each one, in integers and in floating point, gets its own tails and
gate from the same clean samples. The first integers are used that find as many lies as floating point does on average, less
`LOSS_MOST`; without any the model stays out. All are compared at one threshold, and the highest of theirs is kept: a threshold is drawn
from few samples, and to take who finds most is to take who was lucky there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from canbean.detect.residuals import Scale, levels, sustained
from canbean.detect.signals import Samples
from canbean.errors import QuantizeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.detect.relation import Lesson
    from canbean.detect.residuals import Residuals
    from canbean.detect.windows import Gate

M = TypeVar("M")

LOSS_MOST = 0.02
"""Of the event recall."""
TRIES, SEEDS = 3, 1009
"""Trainings, and from the seed of one to that of the next."""
LIES = 1000
"""Drawn; those that say the truth are left out."""
TRUE, LIE = 32, 40
"""Samples of truth before a lie, and of the lie."""
OFF, HALF = 0.1, 0.5
"""A lie is off by more than this share of a signal's range in at least half of its samples."""

Errors = Callable[["NDArray[np.int64]", "NDArray[np.bool_]"], "NDArray[np.int64]"]
"""Of features (w, ...) and where a state begins anew (w,): what signals are off by, (w, d) in 1/4096."""


@dataclass(frozen=True, eq=False)
class Lies:
    """Stretches of `TRUE + LIE` samples, one after the other.

    Attributes:
        x: their features.
        first: bool, where each begins.
    """

    x: NDArray[np.int64]
    first: NDArray[np.bool_]


def lies(taught: Lesson) -> Lies | None:
    """Lies in held-back samples; None where none of them lasts that long."""
    samples, group = taught.samples, taught.signals.group
    rng = np.random.default_rng([taught.seed, 0x11E5])
    state = np.cumsum(samples.first)
    start = np.arange(max(len(state) - TRUE - LIE + 1, 0))
    end = start + TRUE + LIE - 1
    start = start[(state[start] == state[end]) & taught.later[start]]
    if not len(start):
        return None
    values = samples.values[rng.choice(start, LIES)[:, None] + np.arange(TRUE + LIE)]
    true, other = values[:, TRUE:], rng.choice(start, LIES)
    kinds = (
        np.broadcast_to(values[:, TRUE - 1 : TRUE], true.shape),
        np.broadcast_to(samples.values[other, None], true.shape),
        samples.values[other[:, None] + np.arange(LIE)],
    )
    told = np.choose(rng.integers(len(kinds), size=LIES)[:, None, None], kinds)
    told = np.where(group == rng.integers(group.max() + 1, size=LIES)[:, None, None], told, true)
    far = np.abs(told - true) > OFF * np.ptp(samples.values, axis=0)
    lied = (far.mean(axis=1) >= HALF).any(axis=1)
    if not lied.any():
        return None
    values = np.concatenate([values[:, :TRUE], told], axis=1)[lied].reshape(-1, len(group))
    first = np.arange(len(values)) % (TRUE + LIE) == 0
    return Lies(taught.featured(Samples(np.arange(len(values)), values, first)), first)


@dataclass(frozen=True, eq=False)
class Calibrated(Generic[M]):
    """A model behind its tails and its gate.

    Attributes:
        model: in integers, as `calibrated` was given it.
        scale: of its errors.
        residuals: their tails.
        gate: of the budget.
    """

    model: M
    scale: Scale
    residuals: Residuals
    gate: Gate

    def finds(self, errors: NDArray[np.int64], told: Lies, threshold: int) -> float:
        """The share of lies that open the gate at a threshold, given what signals are off by in them, in 1/4096."""
        level = levels(self.scale.normalised(errors), told.first, self.residuals.cap)
        opened = sustained(self.residuals.bits(level), told.first, self.gate.need, self.gate.of) >= threshold
        return float(opened.reshape(-1, TRUE + LIE)[:, TRUE:].any(axis=1).mean())


def calibrated(taught: Lesson, model: M, errors: Errors) -> Calibrated[M] | None:
    """A model behind a gate for the budget; None where too few of its signals are judged."""
    clean = errors(taught.x, taught.first)
    scale = Scale.of(clean[taught.later])
    found = taught.tails(clean, scale)
    return None if found is None else Calibrated(model, scale, *found)


def trained(taught: Lesson, train: Callable[[Lesson], tuple[M, Errors, Errors]]) -> Calibrated[M] | None:
    """Of a few models the first whose integers find enough lies; None where too few signals are judged.

    Args:
        taught: what to learn from, and the first seed.
        train: a model in integers, its errors, and those of the same model in floating point.

    Raises:
        QuantizeError: in floating point they find more, on average, by over `LOSS_MOST`.
    """
    told = lies(taught)
    if told is None:
        model, errors, _ = train(taught)
        return calibrated(taught, model, errors)
    tried: list[tuple[Calibrated[M], Errors]] = []
    floating: list[tuple[Calibrated[M], Errors]] = []
    for turn in range(TRIES):
        model, errors, real = train(replace(taught, seed=taught.seed + SEEDS * turn))
        found, whole = calibrated(taught, model, errors), calibrated(taught, model, real)
        if found is not None and whole is not None:
            tried.append((found, errors))
            floating.append((whole, real))
    if not tried:
        return None
    threshold = round(float(np.mean([one.gate.threshold for one, _ in (*tried, *floating)])))
    share, whole_share = (
        [one.finds(errors(told.x, told.first), told, threshold) for one, errors in models]
        for models in (tried, floating)
    )
    enough = float(np.mean(whole_share)) - LOSS_MOST
    good = [one for (one, _), found in zip(tried, share, strict=True) if found >= enough]
    if not good:
        raise QuantizeError(
            f"of {TRIES} trained models none finds as many lies in integers as they do in floating point: "
            f"{100 * (enough + LOSS_MOST - max(share)):.1f} points fewer, {100 * LOSS_MOST:g} at most"
        )
    highest = max(one.gate.threshold for one, _ in tried)
    return replace(good[0], gate=replace(good[0].gate, threshold=highest))
