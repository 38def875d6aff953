"""From pairs to a packed meter, and an honest figure of how well it will read a lot it has not seen.

Every error is of the integers that go onto the board, on lots left out. The meter's own figures are nested: in each
outer fold the model is chosen, and blended, by folds inside what is learned from, so the choice has not seen what it is
judged on (Varma and Simon, BMC Bioinformatics 2006). The rule of the choice is in `canbean.roast.choice`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it publishes no type information

from canbean.errors import PairsError, QuantizeError, UsageError
from canbean.roast import held_out, measures, meter, regressors
from canbean.roast.agreement import Agreement, agreement
from canbean.roast.choice import BOARD_MS, RULE, choose
from canbean.roast.kinds import LIGHT, is_calibrated
from canbean.roast.pairs import check
from canbean.roast.regressors import Samples
from canbean.roast.scale import DEFAULT, Scale, Shown, custom
from canbean.tiny import cbm, cost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from canbean.roast.held_out import Tried
    from canbean.roast.pairs import Pairs
    from canbean.roast.regressors import Family, Fold
    from canbean.tiny.cbm import Model

    Array = NDArray[np.float64]

TOLERANCE = 5.0
BYTES_MOST = 4096
"""A meter's sections are read into the heap of a board that has little of it."""
FIGURES = ("rmse", "mae", "p95", "max", "within_tolerance")
NESTED = ("rmse", "p95", "max")
DECIMALS = 3
"""Of calibrated channels: thousandths of a percent."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted meter with its figures.

    Attributes:
        model: the model file's content, of the chosen model fitted on all pairs.
        chosen: the model's name.
        models: per model `rmse mae p95 max within_tolerance monotone bytes board_ms board_ms_source`.
        selected: `rmse p95 max coverage90`, nested.
        half_width: nine readings in ten of a new lot are expected within this.
        agreement: the nested readings beside the reference, both taken to be noisy.
        blend: who is in the blend, with which weight; empty where there is none.
        held_out: per model what it said of each row (n,) when the row's lot was left out.
        nested: what the model chosen without the row's fold said of each row (n,).
        pairs: what was fitted.
        shown: how values are shown: the scale, the interval, whether channels are calibrated.
        warnings: what a person should know before believing it.
    """

    model: Model
    chosen: str
    models: Mapping[str, Mapping[str, Any]]
    selected: Mapping[str, float]
    half_width: float
    agreement: Agreement
    blend: Mapping[str, float]
    held_out: Mapping[str, Array]
    nested: Array
    pairs: Pairs
    shown: Shown
    warnings: tuple[str, ...]

    @property
    def scale(self) -> tuple[float, float]:
        """Lowest and highest value."""
        return self.shown.scale.span

    def as_json(self) -> dict[str, Any]:
        """The object of `roast fit --json`."""
        return {
            "data": data(self.pairs),
            "pairs": len(self.pairs),
            "groups": len(self.pairs.lots),
            "scale": [_short(limit) for limit in self.scale],
            "scale_name": self.shown.scale.name,
            "calibrated": self.shown.calibrated,
            "chosen": self.chosen,
            "rule": RULE,
            "models": {name: dict(figures) for name, figures in self.models.items()},
            "blend": dict(self.blend),
            "selected": dict(self.selected),
            "half_width": self.half_width,
            "agreement": self.agreement.as_json(),
            "warnings": list(self.warnings),
        }


def data(pairs: Pairs) -> str:
    """`simulated` or `recorded`."""
    return "simulated" if pairs.simulated else "recorded"


def fit(
    pairs: Pairs,
    scale: Scale | tuple[float, float] = DEFAULT,
    tolerance: float = TOLERANCE,
    models: Sequence[str] | None = None,
    seed: int = 0,
    *,
    name: str = "roast meter",
    calibrated: bool | None = None,
    progress: Callable[[float], None] | None = None,
) -> Fit:
    """Fit the models, choose one, pack it.

    Args:
        pairs: sensor readings beside the professional meter's.
        scale: of that meter.
        tolerance: what counts as agreeing, in points.
        models: families to try, and `blend`; all if not given. A few cheap ones, such as `["cubic", "ridge"]`, take a
            fraction of a second.
        seed: of the random starts; the same pairs and seed give the same bytes.
        name: what the model calls itself.
        calibrated: whether the channels are calibrated reflectances; by `is_calibrated` if not given.
        progress: is told the share done, 0 to 1.

    Raises:
        PairsError: the pairs cannot be fitted; see `canbean.roast.pairs.check`.
        UsageError: a family is not known, or the tolerance is not positive.
        QuantizeError: no family fits the board's integers.
    """
    if not tolerance > 0:
        raise UsageError(f"tolerance {tolerance:g}: must be above 0")
    on = scale if isinstance(scale, Scale) else custom(*scale)
    families = list(regressors.chosen(models))
    # Threads cost more than they bring on tables of this size: twice the time on a busy laptop.
    with threadpool_limits(limits=1), regressors.trusted():
        checked = check(pairs, on.span)
        shown = Shown(on, calibrated=is_calibrated(pairs) if calibrated is None else calibrated)
        return _fit(
            checked,
            shown,
            tolerance,
            families=families,
            blended=models is None or regressors.BLEND in models,
            seed=seed,
            name=name,
            progress=progress,
        )


def _fit(
    pairs: Pairs,
    shown: Shown,
    tolerance: float,
    *,
    families: Sequence[tuple[str, Family]],
    blended: bool,
    seed: int,
    name: str,
    progress: Callable[[float], None] | None,
) -> Fit:
    dead = [
        channel
        for k, channel in enumerate(pairs.channel_names)
        if channel in LIGHT and not np.ptp(pairs.raw[:, k])
    ]
    if dead:
        # A board takes the channels of its sensor by their order: none may be missing.
        raise PairsError(
            f"{pairs.name}: column {dead[0]!r} never changes: is that LED or channel of the sensor dead? "
            "Measure again, or take the column out"
        )
    # A calibration has taken the die's temperature out; pairs are made in a room of nearly one temperature, and a model
    # that is given it follows chance.
    moving = [
        k
        for k, channel in enumerate(pairs.channel_names)
        if np.ptp(pairs.raw[:, k]) > 0 and not (shown.calibrated and channel == "temperature")
    ]
    channels = [pairs.channel_names[k] for k in moving]
    decimals = tuple(DECIMALS if shown.calibrated else pairs.decimals[k] for k in moving)
    samples = Samples(pairs.channels[:, moving], decimals, pairs.reference, pairs.lot, shown.scale.span)
    folds = samples.folds(held_out.folds_of(samples.lot, held_out.OUTER))
    tried, warnings = held_out.try_all(samples, folds, families, seed, progress)
    recipe: Mapping[str, float] = {}
    if blended and len(tried) > 1:
        try:
            mixed, recipe = held_out.blend(samples, folds, tried)
            tried.append(mixed)
        except QuantizeError as error:
            warnings.append(f"{regressors.BLEND} is left out: {error}")
    tried = _fitting(tried, warnings)

    one_channel = len(channels) == 1
    choice = choose([t.candidate(t.outer, samples, t.whole) for t in tried], one_channel=one_channel)
    nested, coverage = _nested(samples, folds, tried)
    half_width = measures.half_width(nested - pairs.reference, pairs.lot)
    selected = {k: measures.errors(nested, pairs.reference, tolerance)[k] for k in NESTED}
    selected["coverage90"] = coverage
    shown = Shown.of(shown.scale, [(shown.scale.minimum, half_width)], calibrated=shown.calibrated)
    built: dict[str, Model] = {}
    figures: dict[str, dict[str, Any]] = {}
    for t in tried:
        regressor, monotone = t.whole
        held = measures.errors(t.outer, pairs.reference, tolerance)
        about = {
            "name": name,
            "data": data(pairs),
            "digest": pairs.digest,
            "chosen": t.name,
            "errors": {k: round(v, 3) for k, v in selected.items()},
            "half_width": round(half_width, 3),
        }
        built[t.name] = meter.build(regressor, channels, samples.values, pairs.reference, shown, about)
        figures[t.name] = {k: held[k] for k in FIGURES} | {
            "monotone": monotone,
            "bytes": len(cbm.pack(built[t.name])),
            "board_ms": regressor.board_ms,
            "board_ms_source": cost.SOURCE,
        }
    if not figures[choice]["monotone"]:
        warnings.append(
            f"{choice} falls somewhere as the coffee gets lighter: pairs that fill the scale help"
        )
    if progress:
        progress(1.0)
    return Fit(
        model=built[choice],
        chosen=choice,
        models=figures,
        selected=selected,
        half_width=half_width,
        agreement=agreement(nested, pairs.reference, pairs.lot),
        blend=recipe,
        held_out={t.name: t.outer for t in tried},
        nested=nested,
        pairs=pairs,
        shown=shown,
        warnings=(*pairs.warnings, *warnings),
    )


def _fitting(tried: Sequence[Tried], warnings: list[str]) -> list[Tried]:
    """Those within the board's time and heap; what is not is named among the warnings."""
    kept = []
    for t in tried:
        regressor, _ = t.whole
        if regressor.board_ms > BOARD_MS:
            warnings.append(
                f"{t.name} is left out: about {regressor.board_ms:.0f} ms on the board, {BOARD_MS:g} at most"
            )
        elif held_out.size(regressor) > BYTES_MOST:
            warnings.append(f"{t.name} is left out: {held_out.size(regressor)} bytes, {BYTES_MOST} at most")
        else:
            kept.append(t)
    if not kept:
        raise QuantizeError(f"no model fits the board: {'; '.join(warnings)}")
    return kept


def _nested(samples: Samples, folds: Sequence[Fold], tried: Sequence[Tried]) -> tuple[Array, float]:
    """What the choice made inside each fold says of the rows outside (n,), and how often its interval holds them.

    The interval of a fold comes from the residuals of its inner folds; lots count alike in the coverage.
    """
    said, inside = np.empty(len(samples)), np.empty(len(samples), bool)
    one_channel = samples.values.shape[1] == 1
    for k, (learn, left) in enumerate(folds):
        rows = samples.rows(learn)
        name = choose([t.candidate(t.inner[k], rows, t.folds[k]) for t in tried], one_channel=one_channel)
        best = next(t for t in tried if t.name == name)
        said[left] = best.outer[left]
        width = measures.half_width(best.inner[k] - rows.reference, rows.lot)
        inside[left] = np.abs(said[left] - samples.reference[left]) <= width
    count = np.bincount(samples.lot)
    held = np.bincount(samples.lot, inside) / np.maximum(count, 1)
    return said, float(np.mean(held[count > 0]))


def _short(limit: float) -> float:
    return int(limit) if float(limit).is_integer() else float(limit)
