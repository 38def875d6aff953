"""A fitted scikit-learn estimator, or a list of dense layers, as a `Predictor`.

Scalers before the estimator are folded into the front end or the weights; nothing is fitted again. What is not in
`TAKEN` is refused with one line.
"""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny import columns as cols
from canbean.tiny import grown, shallow
from canbean.tiny.features import CHANNELS_MOST
from canbean.tiny.fixed import ACCUMULATOR_LIMIT
from canbean.tiny.predictor import EXPONENT_MOST, Predictor
from canbean.tiny.shallow import Draft, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

# Scores have this many digits at first; each exponent more has one digit less, down to the fewest.
DIGITS = 6
DIGITS_LEAST = 4

_LINEAR = (
    *(
        "LinearRegression",
        "Ridge",
        "RidgeCV",
        "Lasso",
        "LassoCV",
        "ElasticNet",
        "ElasticNetCV",
        "BayesianRidge",
    ),
    *("ARDRegression", "HuberRegressor", "LinearSVR", "SGDRegressor"),
)
_LINEAR_CLASSES = (
    "LogisticRegression",
    "LogisticRegressionCV",
    "LinearSVC",
    "RidgeClassifier",
    "SGDClassifier",
)
_TREES = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")

TAKEN: dict[str, Callable[[Any, Source], Draft]] = {
    **dict.fromkeys(_LINEAR, shallow.linear),
    **dict.fromkeys(_LINEAR_CLASSES, shallow.linear_classes),
    **dict.fromkeys(("SVR", "NuSVR", "SVC", "NuSVC", "OneClassSVM"), shallow.support_vectors),
    **dict.fromkeys(("KNeighborsRegressor", "KNeighborsClassifier"), shallow.neighbours),
    **dict.fromkeys(
        (f"{name}{what}" for name in _TREES for what in ("Regressor", "Classifier")), grown.forest
    ),
    **dict.fromkeys(("GradientBoostingRegressor", "GradientBoostingClassifier"), grown.boosted),
    "IsolationForest": grown.isolation,
    **dict.fromkeys(("MLPRegressor", "MLPClassifier"), shallow.network),
    **dict.fromkeys(("GaussianMixture", "BayesianGaussianMixture"), shallow.mixture),
}

REFUSED = {
    "HistGradientBoostingRegressor": "its trees are private: fit a GradientBoostingRegressor",
    "HistGradientBoostingClassifier": "its trees are private: fit a GradientBoostingClassifier",
}


def from_sklearn(
    estimator: Any, calibration: ArrayLike, *, decimals: Sequence[int | None] | None = None
) -> Predictor:
    """Quantize a fitted scikit-learn estimator.

    Args:
        estimator: one of `TAKEN`, alone or behind scalers in a Pipeline, in a search (GridSearchCV ...) or in a
            TransformedTargetRegressor with a scaler.
        calibration: (n, d) realistic inputs, as they are given to `estimator.predict`; they set what the board reads, and
            what the integers are compared on.
        decimals: per channel, the board reads `round(value * 10**decimals)`; not given: chosen from the calibration.

    Returns:
        The predictor; its `report` has float against integer on the calibration, its `examples` rows for golden vectors.

    Raises:
        ModelError: the estimator is not taken, or not fitted; the message says what is taken.
        QuantizeError: a number does not fit the integers, or the calibration is no table of finite numbers.
    """
    from sklearn.exceptions import NotFittedError  # noqa: PLC0415  # takes a second: only who uses it waits
    from sklearn.utils.validation import check_is_fitted  # noqa: PLC0415

    values = _table(calibration)
    if not hasattr(estimator, "get_params"):
        raise ModelError(f"{type(estimator).__name__}: is not an estimator of scikit-learn")
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError) as error:
        raise ModelError(f"{type(estimator).__name__}: is not fitted: call fit before") from error
    width = getattr(estimator, "n_features_in_", values.shape[1])
    if width != values.shape[1]:
        raise QuantizeError(f"the calibration has {values.shape[1]} columns and the estimator takes {width}")
    chosen = tuple(decimals) if decimals is not None else (None,) * width
    if len(chosen) != width:
        raise QuantizeError(f"{len(chosen)} decimals for {width} channels")
    with warnings.catch_warnings():
        # That a table has no column names, for one.
        warnings.simplefilter("ignore")
        final, source, names = _unwrapped(estimator, Source(values, chosen, cols.readings_of(width)))
        draft = _builder(final)(final, source)
        predictor = _assembled(draft)
        if predictor.task == "anomaly":
            scores = predictor.scores(predictor.features.readings(values))[:, 0]
            flags = _flags(draft, estimator, final, values)
            predictor = replace(predictor, threshold=threshold_of(scores, flags, predictor.threshold))
        report = {"estimator": names, **_report(predictor, draft, estimator, final, values)}
    return replace(predictor, report=report, examples=_examples(predictor, values))


def from_layers(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike],
    calibration: ArrayLike,
    *,
    classes: Sequence[str | int] = (),
    decimals: Sequence[int | None] | None = None,
) -> Predictor:
    """Quantize dense layers with ReLU between them.

    Args:
        weights: (outputs, inputs) a layer.
        biases: (outputs,) a layer.
        calibration: (n, d) realistic inputs.
        classes: names, for a classification by the largest output (by its sign, where there is one output).
        decimals: as in `from_sklearn`.

    Raises:
        QuantizeError: shapes do not match, or a number does not fit the integers.
    """
    values = _table(calibration)
    layers = [np.asarray(w, np.float64) for w in weights]
    start = [np.asarray(b, np.float64) for b in biases]
    width = values.shape[1]
    sizes = [width, *(len(b) for b in start if b.ndim == 1)]
    if not layers or [w.shape for w in layers] != [(o, i) for i, o in itertools.pairwise(sizes)]:
        raise QuantizeError(
            f"layers {[w.shape for w in layers]} do not follow each other from {width} inputs"
        )
    chosen = tuple(decimals) if decimals is not None else (None,) * width
    source = Source(values, chosen, cols.readings_of(width))
    task = {"task": "classification", "classes": tuple(classes)} if classes else {}
    draft = shallow.dense_layers(source, layers, start, **task)
    predictor = _assembled(draft)
    report = {"estimator": "layers", **_against(predictor, draft.scores, values)}
    return replace(predictor, report=report, examples=_examples(predictor, values))


def _table(calibration: ArrayLike) -> NDArray[np.float64]:
    try:
        values = np.asarray(calibration, np.float64)
    except (TypeError, ValueError) as error:
        raise QuantizeError("the calibration must be a table of numbers") from error
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise QuantizeError("the calibration must be a table of finite numbers: a row a sample")
    if values.shape[1] > CHANNELS_MOST:
        raise QuantizeError(f"{values.shape[1]} inputs: 1 to {CHANNELS_MOST} are possible")
    return values


def _of_sklearn(estimator: Any) -> str:
    """The name of a class of scikit-learn; empty for any other, even one derived from it."""
    return type(estimator).__name__ if type(estimator).__module__.startswith("sklearn.") else ""


def _builder(estimator: Any) -> Callable[[Any, Source], Draft]:
    name = type(estimator).__name__
    builder = TAKEN.get(_of_sklearn(estimator))
    if builder is not None:
        return builder
    if _of_sklearn(estimator) in REFUSED:
        raise ModelError(f"{name}: {REFUSED[name]}")
    raise ModelError(f"{name}: is not taken; these are, behind scalers too: {', '.join(sorted(TAKEN))}")


def _unwrapped(estimator: Any, source: Source) -> tuple[Any, Source, str]:
    """The estimator inside, what surrounds it, and the names of all."""
    name = _of_sklearn(estimator)
    if name == "Pipeline":
        columns, names = source.columns, []
        for _, step in estimator.steps[:-1]:
            if step is not None and step != "passthrough":
                columns = cols.through(step, columns)
                names.append(type(step).__name__)
        final, source, inner = _unwrapped(estimator.steps[-1][1], replace(source, columns=columns))
        return final, source, f"Pipeline({', '.join([*names, inner])})"
    if hasattr(estimator, "best_estimator_") and name:
        return _unwrapped(estimator.best_estimator_, source)
    if name == "TransformedTargetRegressor":
        scaler = estimator.transformer_
        if type(scaler).__name__ != "FunctionTransformer":
            gain, offset = cols.affine_of(scaler)
            # The target was scaled by `gain * y + offset`.
            source = replace(source, gain=1 / gain, offset=-offset / gain)
        elif scaler.func is not None:
            raise ModelError("TransformedTargetRegressor: a function is not taken, a scaler is")
        final, source, inner = _unwrapped(estimator.regressor_, source)
        return final, source, f"TransformedTargetRegressor({inner})"
    return estimator, source, type(estimator).__name__


def _assembled(draft: Draft) -> Predictor:
    """The predictor with the finest step of the score that its kind takes."""
    reach = float(np.abs(draft.scores).max())
    if not math.isfinite(reach):
        raise QuantizeError("the estimator's answers are not finite numbers")
    finest = math.ceil(math.log10(reach)) - DIGITS if reach else -DIGITS
    exponents = [0] if draft.counts else range(finest, finest + DIGITS - DIGITS_LEAST + 1)
    refused: QuantizeError | None = None
    for exponent in exponents:
        step = 10.0**exponent
        if abs(exponent) > EXPONENT_MOST:
            raise QuantizeError(f"answers of {reach:.3g} are too large or too small: scale the target")
        try:
            return Predictor(
                draft.front,
                draft.make(step),
                draft.task,
                exponent,
                draft.rule,
                round(draft.threshold / step),
                draft.classes,
            )
        except QuantizeError as error:
            refused = error
    assert refused is not None
    raise refused


def _examples(predictor: Predictor, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of the calibration from all over it, as readings."""
    rows = np.unique(np.linspace(0, len(values) - 1, 8).round().astype(int))
    return predictor.features.readings(values[rows])


def _report(
    predictor: Predictor, draft: Draft, estimator: Any, final: Any, values: NDArray[np.float64]
) -> dict[str, Any]:
    """Float against integer: what the estimator itself says of the calibration, and what the integers say."""
    answers = predictor.predict(predictor.features.readings(values))
    if predictor.task == "anomaly":
        same = (answers[:, 1] > 0) == _flags(draft, estimator, final, values)
        return {**_against(predictor, draft.scores, values), "agreement": float(same.mean())}
    said = estimator.predict(values)
    if predictor.task == "regression":
        return _against(predictor, np.asarray(said, np.float64).reshape(len(values), -1), values)
    same = np.asarray(final.classes_)[answers[:, 0]] == said
    return {"rows": len(values), "agreement": float(same.mean())}


def _flags(draft: Draft, estimator: Any, final: Any, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows of the calibration the float model calls anomalies."""
    if hasattr(final, "decision_function"):
        return np.asarray(estimator.predict(values) < 0)
    # a mixture says which component, and no more
    return np.asarray(draft.scores[:, 0] > draft.threshold)


def threshold_of(scores: NDArray[np.int64], flags: NDArray[np.bool_], near: int) -> int:
    """The threshold of integer scores (n,) that calls the same rows anomalies as the float model does.

    Where no threshold does, the one with the fewest differences; of those that are as good the nearest to `near`, the
    float model's own in steps of the score.
    """
    values, which = np.unique(scores, return_inverse=True)
    flagged = np.bincount(which, flags, len(values))
    # Differences of a threshold at each value, and of one below all of them: flags at or below it, and no flags above.
    unflagged = np.bincount(which, ~flags, len(values))
    missed = np.concatenate([[0], np.cumsum(flagged)])
    false = np.concatenate([np.cumsum(unflagged[::-1])[::-1], [0]])
    low = np.concatenate([[-ACCUMULATOR_LIMIT + 1], values])
    high = np.concatenate([values - 1, [ACCUMULATOR_LIMIT - 1]])
    nearest = np.clip(near, low, high)
    order = np.lexsort((np.abs(nearest - near), missed + false))
    return int(nearest[order[0]])


def _against(
    predictor: Predictor, scores: NDArray[np.float64], values: NDArray[np.float64]
) -> dict[str, Any]:
    """Integer scores against float ones (n, outputs)."""
    found = predictor.scores(predictor.features.readings(values)) * 10.0**predictor.exponent
    difference = np.abs(found - scores)
    return {
        "rows": len(values),
        "lowest": float(scores.min()),
        "highest": float(scores.max()),
        "max_abs": float(difference.max()),
        "mean_abs": float(difference.mean()),
    }
