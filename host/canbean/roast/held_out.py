"""What families, and their blend, say of lots left out: the integers that go onto the board, in folds and in folds inside of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import QuantizeError
from canbean.roast import blending, regressors
from canbean.roast.choice import Candidate
from canbean.roast.monotone import rises
from canbean.tiny.regressor import POINT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from canbean.roast.regressors import Family, Fold, Samples
    from canbean.tiny.regressor import Regressor

    Array = NDArray[np.float64]

ALL_LOTS = 15
"""Up to so many lots each is left out alone."""
OUTER = 10
INNER = 5


@dataclass(frozen=True, eq=False)
class Tried:
    """A model on held-out lots.

    Attributes:
        outer: what it said of each row (n,) left out.
        inner: for each outer fold what it said of the rows learned from, their lots left out in turn.
        folds: for each outer fold what was fitted on the rows learned from, and whether that rises.
        whole: fitted on all rows, and whether that rises.
    """

    name: str
    outer: Array
    inner: tuple[Array, ...]
    folds: tuple[tuple[Regressor, bool], ...]
    whole: tuple[Regressor, bool]

    def candidate(self, said: Array, samples: Samples, fitted: tuple[Regressor, bool]) -> Candidate:
        """As the choice sees it, by what it said of the samples' rows."""
        regressor, monotone = fitted
        return Candidate.of(
            self.name, said - samples.reference, samples.lot, monotone=monotone, size=size(regressor)
        )


def folds_of(lot: NDArray[np.int64], many: int) -> int:
    """How many folds: each lot alone where there are few, else `many`."""
    lots = len(np.unique(lot))
    return lots if lots <= ALL_LOTS else many


def readings(regressor: Regressor, values: Array) -> Array:
    """What the board will say (n,) of sensor channels (n, c): integers all the way, then points."""
    return regressor.predict(regressor.features.readings(values)) / POINT


def size(regressor: Regressor) -> int:
    """Bytes of its sections."""
    return sum(map(len, regressor.sections().values()))


def _splits(samples: Samples) -> list[tuple[Samples, NDArray[np.int64]]]:
    """What each inner fold learns from, and the rows that it leaves out."""
    return [(samples.rows(learn), left) for learn, left in samples.folds(folds_of(samples.lot, INNER))]


def _left_out(
    family: Family, samples: Samples, splits: Sequence[tuple[Samples, NDArray[np.int64]]], seed: int
) -> Array:
    """What a family says of each row (n,) when it has not learned from the row's lot."""
    said = np.empty(len(samples))
    for learn, left in splits:
        said[left] = readings(family.fit(learn, seed), samples.values[left])
    return said


def try_all(
    samples: Samples,
    folds: Sequence[Fold],
    families: Sequence[tuple[str, Family]],
    seed: int,
    progress: Callable[[float], None] | None,
) -> tuple[list[Tried], list[str]]:
    """Each family on the outer folds and on the folds inside of each; one that does not fit the board is named."""
    tried: list[Tried] = []
    warnings: list[str] = []
    # made once: families share their front ends and indices
    nested = [(inside, _splits(inside)) for inside in (samples.rows(learn) for learn, _ in folds)]
    for number, (name, family) in enumerate(families):
        try:
            outer = np.empty(len(samples))
            inner, fitted = [], []
            for done, ((_, left), (inside, splits)) in enumerate(zip(folds, nested, strict=True)):
                regressor = family.fit(inside, seed)
                outer[left] = readings(regressor, samples.values[left])
                fitted.append((regressor, rises(regressor, inside)))
                inner.append(_left_out(family, inside, splits, seed))
                if progress:
                    progress((number + (done + 1) / len(folds)) / (len(families) + 1))
            whole = family.fit(samples, seed)
            tried.append(Tried(name, outer, tuple(inner), tuple(fitted), (whole, rises(whole, samples))))
        except QuantizeError as error:
            warnings.append(f"{name} is left out: {error}")
    if not tried:
        raise QuantizeError(f"no model fits the board: {'; '.join(warnings)}")
    return tried, warnings


def blend(
    samples: Samples, folds: Sequence[Fold], tried: Sequence[Tried]
) -> tuple[Tried, Mapping[str, float]]:
    """The blend of what was tried, made anew in each fold, and the recipe of the one on all rows."""
    outer = np.empty(len(samples))
    inner, fitted = [], []
    for k, (learn, left) in enumerate(folds):
        inside = samples.rows(learn)
        asked = _rising([(t, *t.folds[k]) for t in tried])
        said = {t.name: t.inner[k] for t in asked}
        models = {t.name: t.folds[k][0] for t in asked}
        regressor = blending.build(models, blending.recipe(said, inside.reference, inside.lot, models))
        outer[left] = readings(regressor, samples.values[left])
        fitted.append((regressor, rises(regressor, inside)))
        inner.append(blending.cross_fitted(said, inside, inside.folds(folds_of(inside.lot, INNER)), models))
    asked = _rising([(t, *t.whole) for t in tried])
    models = {t.name: t.whole[0] for t in asked}
    recipe = blending.recipe({t.name: t.outer for t in asked}, samples.reference, samples.lot, models)
    whole = blending.build(models, recipe)
    mixed = Tried(regressors.BLEND, outer, tuple(inner), tuple(fitted), (whole, rises(whole, samples)))
    return mixed, recipe.weights


def _rising(tried: Sequence[tuple[Tried, Regressor, bool]]) -> list[Tried]:
    """Those of which the fitted one rises, if there are any: a mean of such rises."""
    return [t for t, _, rises in tried if rises] or [t for t, *_ in tried]
