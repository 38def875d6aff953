"""A blend of fitted models: the weighted mean of a few that the board computes behind one front end.

Weights are not negative and add up to one; they come from what the models say of lots left out (stacking: Wolpert, Neural
Networks 1992; with weights that are not negative: Breiman, Machine Learning 1996). Models share a front end, and each
kind is there once; curves over the same index are one curve, the mean of theirs. So a blend of curves takes no more of a board than one of
them, and is made where two of them are good; another kind beside them made it no better in the simulation, and brings its code along.

First come the square and the cube of the light. One is the other without its third power, so their mean is the cube with that
power held back: less of what it learned from chance at the ends of the scale, and not the bend of a form that the coffee does not have, which is
what curves of two parameters bring along (Hansen, "Least squares model averaging", Econometrica 2007, of nested models). All curves are blended
where that is better by more than one standard error of the difference, from how much it differs between lots: where the square and the cube
are both wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.roast import measures
from canbean.tiny.blend import Blend, Kind
from canbean.tiny.regressor import Regressor
from canbean.tiny.spline import Spline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from canbean.roast.regressors import Fold, Samples

NESTED = ("quadratic", "cubic")
"""The one is the other without its last power."""
KINDS_MOST = 3
"""Each kind brings its code along onto the board."""
WORST = 1.5
"""A model with this many times the least error is not asked."""
APART = 0.1
"""Weights differ by so much before any lot is seen: a few tens of lots tell models that are equally good apart by chance, and equal weights are
hard to beat (Smith and Wallis, "A simple explanation of the forecast combination puzzle", Oxford Bulletin of Economics and Statistics 2009)."""
LEAST = 0.05
"""A weight below this is not worth a model's bytes."""


@dataclass(frozen=True)
class Recipe:
    """Who is blended, with which weights (they add up to 1)."""

    weights: Mapping[str, float]

    def mean(self, said: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """The weighted mean of what each says (n,)."""
        return np.asarray(sum(weight * said[name] for name, weight in self.weights.items()), np.float64)


def recipe(
    said: Mapping[str, NDArray[np.float64]],
    reference: NDArray[np.float64],
    lot: NDArray[np.int64],
    fitted: Mapping[str, Regressor],
) -> Recipe:
    """Who to blend, and how.

    Args:
        said: by model what it says of rows (n,) whose lots it was not fitted on.
        reference: of those rows (n,).
        lot: of those rows (n,).
        fitted: by model its integers.
    """
    everyone = _stacked(said, reference, fitted)
    nested = {name: said[name] for name in NESTED if name in said}
    if len(nested) < len(NESTED):
        return everyone
    held_back = _stacked(nested, reference, fitted)
    excess = (held_back.mean(said) - reference) ** 2 - (everyone.mean(said) - reference) ** 2
    return held_back if excess.mean() <= measures.deviation(excess, lot) else everyone


def _stacked(
    said: Mapping[str, NDArray[np.float64]], reference: NDArray[np.float64], fitted: Mapping[str, Regressor]
) -> Recipe:
    """Those that are near the best, with weights of least squares."""
    error = {name: float(np.mean((rows - reference) ** 2)) for name, rows in said.items()}
    order = sorted(error, key=lambda name: (error[name], name))
    near = [name for name in order if error[name] <= WORST**2 * error[order[0]]]
    curves = [name for name in near if isinstance(fitted[name].kind, Spline)]
    members = _compatible(curves if len(curves) > 1 else near, fitted)
    while True:
        found = _weights([said[name] for name in members], reference)
        kept = [name for name, weight in zip(members, found, strict=True) if weight >= LEAST]
        if len({_slot(fitted[name]) for name in kept}) > KINDS_MOST:
            least = min(kept, key=lambda name: found[members.index(name)])
            kept = [name for name in kept if name != least]
        if len(kept) == len(members):
            return Recipe(dict(zip(members, (found / found.sum()).tolist(), strict=True)))
        members = kept


def build(fitted: Mapping[str, Regressor], made: Recipe) -> Regressor:
    """The blend in integers.

    Raises:
        QuantizeError: its numbers do not fit.
    """
    slots: dict[str, list[tuple[Regressor, float]]] = {}
    for name, weight in made.weights.items():
        slots.setdefault(_slot(fitted[name]), []).append((fitted[name], weight))
    first = fitted[next(iter(made.weights))]
    kinds = [_merged(members) for members in slots.values()]
    if len(kinds) == 1:
        return Regressor(first.features, kinds[0], first.scale)  # type: ignore[arg-type]  # one of a regressor's
    weights = [sum(weight for _, weight in members) for members in slots.values()]
    return Regressor(first.features, Blend.from_float(kinds, weights), first.scale)


def cross_fitted(
    said: Mapping[str, NDArray[np.float64]],
    samples: Samples,
    folds: Sequence[Fold],
    fitted: Mapping[str, Regressor],
) -> NDArray[np.float64]:
    """What blends say of rows (n,) of samples whose lots their weights have not seen either."""
    out = np.empty(len(samples))
    for learn, left in folds:
        seen = {name: rows[learn] for name, rows in said.items()}
        found = recipe(seen, samples.reference[learn], samples.lot[learn], fitted)
        out[left] = found.mean({name: rows[left] for name, rows in said.items()})
    return out


def _compatible(order: Sequence[str], fitted: Mapping[str, Regressor]) -> list[str]:
    """Those that fit behind the front end of the first, each kind once unless curves merge."""
    front = fitted[order[0]].features
    members: list[str] = []
    taken: dict[str, str] = {}
    for name in order:
        regressor = fitted[name]
        if regressor.features != front or isinstance(regressor.kind, Blend):
            continue
        slot, tag = _slot(regressor), regressor.kind.tag
        if tag not in taken or (isinstance(regressor.kind, Spline) and taken[tag] == slot):
            taken[tag] = slot
            members.append(name)
    return members


def _slot(regressor: Regressor) -> str:
    """What may be there once: a kind, or curves over the same index."""
    kind = regressor.kind
    if isinstance(kind, Spline):
        return f"{kind.tag} {kind.weights.tolist()} {kind.bias} {kind.shift} {kind.intervals}"
    return kind.tag


def _merged(members: Sequence[tuple[Regressor, float]]) -> Kind:
    kind = members[0][0].kind
    if len(members) == 1 or not isinstance(kind, Spline):
        return kind
    total = sum(weight for _, weight in members)
    scores = sum(weight / total * one.kind.scores for one, weight in members if isinstance(one.kind, Spline))
    return Spline(kind.weights, kind.bias, kind.shift, np.rint(scores))


def _weights(said: Sequence[NDArray[np.float64]], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (k,) of least squares, not negative, adding up to 1, each drawn towards the others."""
    table, count = np.stack(said, axis=1), len(said)
    least = float(np.sqrt(((table - reference[:, None]) ** 2).mean(axis=0).min()))
    # A row that counts far more than the others holds the sum at 1.
    heavy = 1e3 * max(1.0, float(np.abs(table).max()))
    near = least / APART * np.eye(count)
    from scipy.optimize import nnls  # noqa: PLC0415 - slow to import

    found = nnls(
        np.vstack([table, near, np.full(count, heavy)]),
        np.concatenate([reference, near.sum(axis=0) / count, [heavy]]),
    )[0]
    return np.asarray(found / found.sum() if found.sum() > 0 else np.full(count, 1 / count))
