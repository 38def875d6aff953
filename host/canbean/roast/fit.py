"""From pairs to a packed meter, and an honest figure of how well it will read a lot it has not seen.

Every error is of the integers that go onto the board, on lots left out. The meter's own figures are nested: in each
outer fold the family is chosen by folds inside what is learned from, so the choice has not seen what it is judged on
(Varma and Simon, BMC Bioinformatics 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it publishes no type information

from canbean.errors import QuantizeError, UsageError
from canbean.roast import measures, meter, regressors
from canbean.roast.pairs import check
from canbean.roast.regressors import Samples
from canbean.tiny import cbm, cost
from canbean.tiny.regressor import POINT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from canbean.roast.pairs import Pairs
    from canbean.roast.regressors import Family
    from canbean.tiny.cbm import Model
    from canbean.tiny.regressor import Regressor

OUTER = 10
INNER = 4
SCALE = (0.0, 180.0)
TOLERANCE = 5.0
FIGURES = ("rmse", "mae", "p95", "max", "within_tolerance")
NESTED = ("rmse", "p95", "max")


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted meter with its figures.

    Attributes:
        model: the model file's content, of the chosen family fitted on all pairs.
        chosen: the family's name.
        models: per family `rmse mae p95 max within_tolerance bytes board_ms board_ms_source`.
        selected: `rmse p95 max coverage90`, nested.
        half_width: nine readings in ten of a new lot are expected within this.
        held_out: per family what it said of each row (n,) when the row's lot was left out.
        nested: what the family chosen without the row's fold said of each row (n,).
        pairs: what was fitted.
        scale: lowest and highest value.
        warnings: what a person should know before believing it.
    """

    model: Model
    chosen: str
    models: Mapping[str, Mapping[str, Any]]
    selected: Mapping[str, float]
    half_width: float
    held_out: Mapping[str, NDArray[np.float64]]
    nested: NDArray[np.float64]
    pairs: Pairs
    scale: tuple[float, float]
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The object of `roast fit --json`."""
        return {
            "data": data(self.pairs),
            "pairs": len(self.pairs),
            "groups": len(self.pairs.lots),
            "scale": [_short(limit) for limit in self.scale],
            "chosen": self.chosen,
            "models": {name: dict(figures) for name, figures in self.models.items()},
            "selected": dict(self.selected),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, eq=False)
class _Tried:
    """A family on held-out lots: `outer` (n,), and for each outer fold `inner` (rows learned from,)."""

    name: str
    family: Family
    outer: NDArray[np.float64]
    inner: tuple[NDArray[np.float64], ...]


def data(pairs: Pairs) -> str:
    """`simulated` or `recorded`."""
    return "simulated" if pairs.simulated else "recorded"


def fit(
    pairs: Pairs,
    scale: tuple[float, float] = SCALE,
    tolerance: float = TOLERANCE,
    models: Sequence[str] | None = None,
    seed: int = 0,
    *,
    name: str = "roast meter",
    progress: Callable[[float], None] | None = None,
) -> Fit:
    """Fit the families, choose one, pack it.

    Args:
        pairs: sensor readings beside the professional meter's.
        scale: lowest and highest value of that meter.
        tolerance: what counts as agreeing, in points.
        models: families to try; all if not given.
        seed: of the random starts; the same pairs and seed give the same bytes.
        name: what the model calls itself.
        progress: is told the share done, 0 to 1.

    Raises:
        PairsError: the pairs cannot be fitted; see `canbean.roast.pairs.check`.
        UsageError: a family is not known, or the tolerance is not positive.
        QuantizeError: no family fits the board's integers.
    """
    if not tolerance > 0:
        raise UsageError(f"tolerance {tolerance:g}: must be above 0")
    # Threads cost more than they bring on tables of this size: twice the time on a busy laptop.
    with threadpool_limits(limits=1):
        return _fit(
            check(pairs, scale),
            scale,
            tolerance,
            families=list(regressors.chosen(models)),
            seed=seed,
            name=name,
            progress=progress,
        )


def _fit(
    pairs: Pairs,
    scale: tuple[float, float],
    tolerance: float,
    *,
    families: Sequence[tuple[str, Family]],
    seed: int,
    name: str,
    progress: Callable[[float], None] | None,
) -> Fit:
    moving = [k for k in range(len(pairs.channel_names)) if np.ptp(pairs.raw[:, k]) > 0]
    channels = [pairs.channel_names[k] for k in moving]
    decimals = tuple(pairs.decimals[k] for k in moving)
    samples = Samples(pairs.channels[:, moving], decimals, pairs.reference, pairs.lot, scale)
    folds = samples.folds(OUTER)
    tried, warnings = _try_all(samples, folds, families, seed, progress)

    choice = choose({t.name: _rmse(t.outer - pairs.reference) for t in tried})
    nested, coverage = _nested(samples, folds, tried)
    half_width = measures.half_width(nested - pairs.reference, pairs.lot)
    selected = {k: measures.errors(nested, pairs.reference, tolerance)[k] for k in NESTED}
    selected["coverage90"] = coverage
    built: dict[str, Model] = {}
    figures: dict[str, dict[str, Any]] = {}
    for t in tried:
        regressor = t.family.fit(samples, seed)
        held = measures.errors(t.outer, pairs.reference, tolerance)
        about = {
            "name": name,
            "data": data(pairs),
            "digest": pairs.digest,
            "chosen": t.name,
            "errors": {k: round(v, 3) for k, v in selected.items()},
            "half_width": round(half_width, 3),
        }
        built[t.name] = meter.build(regressor, channels, samples.values, pairs.reference, about)
        figures[t.name] = {k: held[k] for k in FIGURES} | {
            "bytes": len(cbm.pack(built[t.name])),
            "board_ms": regressor.board_ms,
            "board_ms_source": cost.SOURCE,
        }
    if progress:
        progress(1.0)
    return Fit(
        model=built[choice],
        chosen=choice,
        models=figures,
        selected=selected,
        half_width=half_width,
        held_out={t.name: t.outer for t in tried},
        nested=nested,
        pairs=pairs,
        scale=scale,
        warnings=(*pairs.warnings, *warnings),
    )


def choose(rmse: Mapping[str, float]) -> str:
    """The family of the least error on lots left out; of equals the first by name."""
    return min(sorted(rmse), key=lambda name: rmse[name])


def readings(regressor: Regressor, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the board will say (n,) of sensor channels (n, c): integers all the way, then points."""
    return regressor.predict(regressor.features.readings(values)) / POINT


def held_out(
    family: Family, samples: Samples, folds: Sequence[regressors.Fold], seed: int
) -> NDArray[np.float64]:
    """What a family says of each row (n,) when it has not learned from the row's lot."""
    said = np.empty(len(samples))
    for learn, left in folds:
        said[left] = readings(family.fit(samples.rows(learn), seed), samples.values[left])
    return said


def _try_all(
    samples: Samples,
    folds: Sequence[regressors.Fold],
    families: Sequence[tuple[str, Family]],
    seed: int,
    progress: Callable[[float], None] | None,
) -> tuple[list[_Tried], list[str]]:
    """Each family on the outer folds and on the folds inside of each; one that does not fit the board is named."""
    tried: list[_Tried] = []
    warnings: list[str] = []
    for number, (name, family) in enumerate(families):
        try:
            outer = held_out(family, samples, folds, seed)
            inner = []
            for done, (learn, _) in enumerate(folds):
                inside = samples.rows(learn)
                inner.append(held_out(family, inside, inside.folds(INNER), seed))
                if progress:
                    progress((number + (done + 1) / len(folds)) / (len(families) + 1))
            tried.append(_Tried(name, family, outer, tuple(inner)))
        except QuantizeError as error:
            warnings.append(f"{name} is left out: {error}")
    if not tried:
        raise QuantizeError(f"no model fits the board: {'; '.join(warnings)}")
    return tried, warnings


def _nested(
    samples: Samples, folds: Sequence[regressors.Fold], tried: Sequence[_Tried]
) -> tuple[NDArray[np.float64], float]:
    """What the choice made inside each fold says of the rows outside (n,), and how often its interval holds them.

    The interval of a fold comes from the residuals of its inner folds; lots count alike in the coverage.
    """
    said, inside = np.empty(len(samples)), np.empty(len(samples), bool)
    for k, (learn, left) in enumerate(folds):
        true = samples.reference[learn]
        name = choose({t.name: _rmse(t.inner[k] - true) for t in tried})
        best = next(t for t in tried if t.name == name)
        said[left] = best.outer[left]
        width = measures.half_width(best.inner[k] - true, samples.lot[learn])
        inside[left] = np.abs(said[left] - samples.reference[left]) <= width
    rows = np.bincount(samples.lot)
    return said, float(np.mean((np.bincount(samples.lot, inside) / np.maximum(rows, 1))[rows > 0]))


def _rmse(error: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(error**2)))


def _short(limit: float) -> float:
    return int(limit) if float(limit).is_integer() else float(limit)
