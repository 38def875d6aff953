"""How each shallow estimator of scikit-learn becomes a kind: what is read from its public attributes and what is made of it.

A builder takes a fitted estimator and its surroundings (`Source`) and returns a `Draft`: the front end, the float scores
of the calibration, and how to make the kind once the value of a step of the score is chosen.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny import columns as cols
from canbean.tiny.dense import POINT, Dense
from canbean.tiny.features import ONE, Channel, Features
from canbean.tiny.kernel import Kernel
from canbean.tiny.mixture import MOST, Mixture
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.polynomial import Polynomial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from canbean.tiny.predictor import Kind, Rule, TaskName

# Reach of the features where distances are measured: as far as 16 bits allow, with room for what is a little farther.
SPAN = 24_000
# One calibration row of so many passes a mixture's threshold, and a quarter of the 64 bits is kept above it.
RARE = 100
HEADROOM = 48.0


@dataclass(frozen=True, eq=False)
class Source:
    """What surrounds an estimator.

    Attributes:
        values: the calibration (n, c), real readings.
        decimals: of each channel; None for the builder to choose.
        columns: what the estimator is given, as polynomials of the readings.
        gain: the answer of a regression is `gain * estimate + offset`.
        offset: see `gain`.
    """

    values: NDArray[np.float64]
    decimals: tuple[int | None, ...]
    columns: list[cols.Column]
    gain: NDArray[np.float64] | float = 1.0
    offset: NDArray[np.float64] | float = 0.0

    def single(self, who: object) -> cols.Affine:
        """The columns as `gain * reading + offset`."""
        return cols.singles(self.columns, type(who).__name__)


@dataclass(frozen=True, eq=False)
class Draft:
    """A predictor whose step of the score is still to be chosen.

    Attributes:
        front: the front end.
        make: from the value of a step of the score to the kind.
        scores: float scores (n, outputs) of the calibration.
        task: what is predicted.
        rule: of a classification.
        threshold: of an anomaly.
        classes: of a classification.
        counts: the scores are counts, whose step is 1.
    """

    front: Features
    make: Callable[[float], Kind]
    scores: NDArray[np.float64]
    task: TaskName = "regression"
    rule: Rule = "scores"
    threshold: float = 0.0
    classes: tuple[str | int | bool, ...] = ()
    counts: bool = field(default=False)


def class_names(estimator: Any) -> tuple[str | int | bool, ...]:
    """The classes as META holds them: text, whole numbers and truths as they are, else their text.

    Raises:
        ModelError: there are several targets, or a single class.
    """
    classes = estimator.classes_
    if isinstance(classes, list) or len(classes) < 2:
        raise ModelError(f"{type(estimator).__name__}: one target with at least two classes is taken")
    plain = [one.item() if isinstance(one, np.generic) else one for one in classes]
    plain = [int(one) if isinstance(one, float) and one.is_integer() else one for one in plain]
    return tuple(one if isinstance(one, str | int | bool) else str(one) for one in plain)


def linear_front(source: Source) -> tuple[Features, list[cols.Column]]:
    """A standardised front end, and the estimator's columns as polynomials of its features."""
    front = Features.fit(source.values, source.decimals, ["linear"] * source.values.shape[1])
    gain, offset = np.array([cols.reading_of(found) for found in front.channels]).T
    return front, [cols.substituted(column, gain, offset) for column in source.columns]


def polynomials(
    source: Source, weights: NDArray[np.float64], bias: NDArray[np.float64], **task: Any
) -> Draft:
    """A draft of `weights` (outputs, columns) and `bias` (outputs,) over the columns."""
    front, columns = linear_front(source)
    width = source.values.shape[1]
    degree = max(1, *(len(key) for column in columns for key in column))
    order = [
        key for d in range(1, degree + 1) for key in itertools.combinations_with_replacement(range(width), d)
    ]
    table = np.array([[column.get(key, 0.0) for key in [(), *order]] for column in columns])
    full = weights @ table
    full[:, 0] += bias
    x = front.apply(front.readings(source.values)) / ONE
    monomials = np.stack([np.prod(x[:, key], axis=1) for key in order], axis=1)
    single = len(full) == 1

    def make(step: float) -> Kind:
        scaled = full / (step * POINT)
        start, rest = scaled[:, 0], scaled[:, 1:]
        return Polynomial.from_float(
            degree, start[0] if single else start, rest[0] if single else rest, width
        )

    return Draft(front, make, monomials @ full[:, 1:].T + full[:, 0], **task)


def linear(estimator: Any, source: Source) -> Draft:
    """Linear regressions."""
    weights = np.atleast_2d(np.asarray(estimator.coef_, np.float64))
    bias = np.broadcast_to(np.asarray(estimator.intercept_, np.float64).reshape(-1), len(weights))
    return polynomials(source, *_rescaled(weights, bias, source))


def linear_classes(estimator: Any, source: Source) -> Draft:
    """Linear classifications: a score a class, or one where there are two."""
    names = class_names(estimator)
    weights = np.atleast_2d(np.asarray(estimator.coef_, np.float64))
    if len(weights) not in {1, len(names)}:
        raise ModelError(f"{type(estimator).__name__}: one score a class is taken")
    bias = np.broadcast_to(np.asarray(estimator.intercept_, np.float64).reshape(-1), len(weights))
    return polynomials(source, weights, bias, task="classification", classes=names)


def _rescaled(
    weights: NDArray[np.float64], bias: NDArray[np.float64], source: Source
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    gain = np.broadcast_to(source.gain, len(bias))
    return weights * gain[:, None], bias * gain + source.offset


def _network(
    source: Source, weights: Sequence[NDArray[np.float64]], biases: Sequence[NDArray[np.float64]], **task: Any
) -> Draft:
    """A draft of dense layers (outputs, inputs) with ReLU between them, over affine columns."""
    front, columns = linear_front(source)
    width = source.values.shape[1]
    if any(len(key) > 1 for column in columns for key in column):
        raise ModelError("a network is not taken behind PolynomialFeatures")
    table = np.array(
        [[column.get(key, 0.0) for key in [(), *((i,) for i in range(width))]] for column in columns]
    )
    first = weights[0] @ table
    layers = [first[:, 1:], *weights[1:]]
    start = [first[:, 0] + biases[0], *biases[1:]]
    x = front.apply(front.readings(source.values)) / ONE
    y = x
    for index, (w, b) in enumerate(zip(layers, start, strict=True)):
        y = y @ w.T + b
        if index < len(layers) - 1:
            y = np.maximum(y, 0)

    def make(step: float) -> Kind:
        scale = 1 / (step * POINT)
        return Dense.from_float([*layers[:-1], layers[-1] * scale], [*start[:-1], start[-1] * scale], x)

    return Draft(front, make, y, **task)


def network(estimator: Any, source: Source) -> Draft:
    """Multi-layer perceptrons with relu or identity."""
    who = type(estimator).__name__
    if estimator.activation not in {"relu", "identity"}:
        raise ModelError(
            f"{who}: the activation {estimator.activation!r} is not taken; relu and identity are"
        )
    weights = [np.asarray(w, np.float64).T for w in estimator.coefs_]
    biases = [np.asarray(b, np.float64) for b in estimator.intercepts_]
    task: dict[str, Any] = {}
    if hasattr(estimator, "classes_"):
        if estimator.out_activation_ not in {"logistic", "softmax"} or (
            estimator.out_activation_ == "logistic" and len(biases[-1]) > 1
        ):
            raise ModelError(f"{who}: one target with at least two classes is taken")
        task = {"task": "classification", "classes": class_names(estimator)}
    elif estimator.out_activation_ != "identity":
        raise ModelError(f"{who}: the loss {estimator.loss!r} is not taken; squared_error is")
    else:
        weights[-1], biases[-1] = _rescaled(weights[-1], biases[-1], source)
    if estimator.activation == "relu":
        return _network(source, weights, biases, **task)
    whole, bias = weights[0], biases[0]
    for w, b in zip(weights[1:], biases[1:], strict=True):
        whole, bias = w @ whole, w @ bias + b
    return polynomials(source, whole, bias, **task)


def dense_layers(
    source: Source, weights: Sequence[NDArray[np.float64]], biases: Sequence[NDArray[np.float64]], **task: Any
) -> Draft:
    """Dense layers as a list."""
    return _network(source, weights, biases, **task)


def distance_front(
    source: Source, points: NDArray[np.float64], who: object
) -> tuple[Features, NDArray[np.float64], NDArray[np.float64], float]:
    """A front end whose features lie as far apart as the estimator's own, in one scale for all.

    Returns:
        `(front, features of the points (m, d), features of the calibration (n, d), steps a unit of the estimator's space)`.
    """
    gain, offset = source.single(who)
    given = source.values * gain + offset
    everything = np.concatenate([points, given])
    centre = (everything.max(axis=0) + everything.min(axis=0)) / 2
    reach = float(np.abs(everything - centre).max())
    steps = SPAN / reach if reach else 1.0
    standard = Features.fit(source.values, source.decimals, ["linear"] * source.values.shape[1])
    channels: list[Channel] = []
    for index, decimals in enumerate(standard.decimals):
        power = 10.0**decimals
        middle = (centre[index] - offset[index]) / gain[index] * power
        channels.append(cols.channel(decimals, float(middle), float(steps * gain[index] / power)))
    return Features(tuple(channels)), (points - centre) * steps, (given - centre) * steps, steps


def support_vectors(estimator: Any, source: Source) -> Draft:
    """Support vector machines with the rbf kernel."""
    who = type(estimator).__name__
    if estimator.kernel != "rbf":
        raise ModelError(
            f"{who}: the kernel {estimator.kernel!r} is not taken; rbf is, and the Linear machines"
        )
    points = np.asarray(estimator.support_vectors_, np.float64)
    if not len(points):
        raise ModelError(
            f"{who}: has no support vectors, its answer is constant: scale the target and fit again"
        )
    # The fitted gamma stands in no public attribute where it was given as a word; the pickled state has it.
    gamma = float(estimator.__getstate__()["_gamma"])
    front, stored, given, steps = distance_front(source, points, estimator)
    dual, bias = np.asarray(estimator.dual_coef_, np.float64), np.asarray(estimator.intercept_, np.float64)
    task: dict[str, Any] = {}
    if who in {"SVC", "NuSVC"}:
        names = class_names(estimator)
        task = {"task": "classification", "classes": names}
        if len(names) > 2:
            task["rule"] = "pairs"
            weights = _of_pairs(dual, estimator.n_support_)
        else:
            weights = dual.T
    elif who == "OneClassSVM":
        weights, bias = -dual.T, -bias
        task = {"task": "anomaly", "threshold": 0.0}
    else:
        scaled, bias = _rescaled(dual, bias, source)
        weights = scaled.T
    distances = ((given[:, None, :] - stored[None, :, :]) ** 2).sum(axis=2) / steps**2
    scores = np.exp(-gamma * distances) @ weights + bias

    def make(step: float) -> Kind:
        return Kernel.from_float(stored, weights / step, bias / step, gamma / steps**2)

    return Draft(front, make, scores, **task)


def _of_pairs(dual: NDArray[np.float64], support: NDArray[np.int64]) -> NDArray[np.float64]:
    """Dual coefficients of libsvm (classes - 1, m) as weights (m, pairs).

    Those of class i against j stand in row j - 1, those of j against i in row i, for i < j.
    """
    owner = np.repeat(np.arange(len(support)), support)
    pairs = list(itertools.combinations(range(len(support)), 2))
    weights = np.zeros((dual.shape[1], len(pairs)))
    for column, (i, j) in enumerate(pairs):
        weights[owner == i, column] = dual[j - 1, owner == i]
        weights[owner == j, column] = dual[i, owner == j]
    return weights


def neighbours(estimator: Any, source: Source) -> Draft:
    """The k nearest neighbours, equal weights, Euclidean distances."""
    who = type(estimator).__name__
    metric = (estimator.effective_metric_, estimator.weights)
    if metric != ("euclidean", "uniform"):
        raise ModelError(f"{who}: weights='uniform' and Euclidean distances are taken, not {metric[::-1]}")
    state = estimator.__getstate__()
    points, targets = np.asarray(state["_fit_X"], np.float64), np.asarray(state["_y"])
    if targets.ndim > 1 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim > 1:
        raise ModelError(f"{who}: one target is taken")
    k = int(estimator.n_neighbors)
    front, stored, _, _ = distance_front(source, points, estimator)
    nearest = estimator.kneighbors(_estimators_input(source, estimator), return_distance=False)
    if hasattr(estimator, "classes_"):
        names = class_names(estimator)
        votes = np.stack([(targets[nearest] == c).sum(axis=1) for c in range(len(names))], axis=1)

        def vote(_: float) -> Kind:
            return Neighbours.from_float(k, stored / ONE, targets / POINT)

        return Draft(
            front, vote, votes.astype(np.float64), "classification", "votes", classes=names, counts=True
        )
    answers = targets * float(np.asarray(source.gain).reshape(-1)[0]) + source.offset

    def make(step: float) -> Kind:
        scaled = answers / (step * POINT)
        kind = Neighbours.from_float(k, stored / ONE, scaled)
        if np.abs(scaled).max() * POINT > np.abs(kind.targets).max() + 1:
            raise QuantizeError("the targets are too large")
        return kind

    return Draft(front, make, answers[nearest].mean(axis=1)[:, None])


def _estimators_input(source: Source, who: object) -> NDArray[np.float64]:
    gain, offset = source.single(who)
    return np.asarray(source.values * gain + offset)


def mixture(estimator: Any, source: Source) -> Draft:
    """Mixtures of Gaussians with diagonal covariances, as anomalies.

    The score is how many sixteenths of a bit a row is less likely than the likeliest of the calibration, at most 1024. The
    threshold is the calibration's own quantile: one of its rows in a hundred passes it. A Bayesian mixture's parameters
    are taken as they are, without their uncertainty.
    """
    who = type(estimator).__name__
    if estimator.covariance_type != "diag":
        raise ModelError(
            f"{who}: covariance_type={estimator.covariance_type!r} is not taken; covariance_type='diag' is"
        )
    gain, offset = source.single(estimator)
    front, _ = linear_front(source)
    slope, start = np.array([cols.reading_of(found) for found in front.channels]).T
    # The estimator's column is `step * feature + base`.
    step, base = gain * slope, gain * start + offset
    weights, means, variances = (
        np.asarray(a, np.float64) for a in (estimator.weights_, estimator.means_, estimator.covariances_)
    )
    # A channel that never changes only says which components it belongs to: its feature counts for nothing.
    still = step == 0
    apart = ((base - means) ** 2 / variances + np.log(variances))[:, still].sum(axis=1)
    weights = weights * np.exp(-0.5 * (apart - apart.min()))
    weights = weights / weights.sum()
    step = np.where(still, 1.0, step)
    means = np.where(still, 0.0, (means - base) / step)
    variances = np.where(still, 1 / (2 * np.pi), variances / step**2)
    x = front.apply(front.readings(source.values)) / ONE
    with np.errstate(divide="ignore"):
        each = np.log2(weights) - 0.5 * np.log2(2 * np.pi * variances).sum(axis=1)
    squares = np.stack(
        [((x - m) ** 2 / v).sum(axis=1) for m, v in zip(means, variances, strict=True)], axis=1
    )
    bits = -np.logaddexp2.reduce(each - squares * (0.5 * np.log2(np.e)), axis=1)
    passed = float(np.quantile(bits, 1 - 1 / RARE))
    reference = max(float(bits.min()), passed - HEADROOM)
    scores = np.minimum((bits - reference) * 16, MOST)

    def make(_: float) -> Kind:
        return Mixture.from_float(weights, means, variances, reference=reference)

    threshold = (passed - reference) * 16
    return Draft(front, make, scores[:, None], "anomaly", threshold=threshold, counts=True)
