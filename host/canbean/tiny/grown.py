"""How scikit-learn's trees and their ensembles become a `Forest`: what is read from their public attributes.

The features of a forest are readings on a grid of their own: where the thresholds of a channel span fewer than 65,000
readings the feature is the reading itself, less its middle, and a sample goes left exactly where scikit-learn's
comparison of float32 sends it. Otherwise the readings are scaled so that the thresholds span 16 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny import columns as cols
from canbean.tiny.features import DECIMALS_MOST, READING_LIMIT, Channel, Features
from canbean.tiny.forest import LEAF_BITS, Forest
from canbean.tiny.shallow import Draft, Source, class_names
from canbean.tiny.trees import NO_FEATURE, Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canbean.tiny.predictor import Kind

WIDTH = 65_000
# Of a probability among several: finer ones would only keep leaves apart that say the same.
ROW_BITS = 12
EULER = 0.5772156649015329


class _Grid:
    """The front end of a forest, and where its thresholds lie."""

    def __init__(self, source: Source, trees: Sequence[Any], features: Sequence[NDArray[np.int64]]) -> None:
        gain, offset = cols.singles(source.columns, "trees")
        asked = np.concatenate(
            [
                np.where(tree.children_left < 0, NO_FEATURE, own[tree.feature])
                for tree, own in zip(trees, features, strict=True)
            ]
        )
        threshold = np.concatenate([tree.threshold for tree in trees])
        self.asked = asked
        self.integers = np.zeros(len(asked), np.int64)
        channels = []
        for index, decimals in enumerate(source.decimals):
            here = np.flatnonzero(asked == index)
            found, whole = _channel(
                source.values[:, index], threshold[here], gain[index], offset[index], decimals
            )
            channels.append(found)
            self.integers[here] = whole
        self.front = Features(tuple(channels))


def _channel(
    values: NDArray[np.float64],
    threshold: NDArray[np.float64],
    gain: float,
    offset: float,
    decimals: int | None,
) -> tuple[Channel, NDArray[np.int64]]:
    """A channel and the thresholds (n,) as its features; the estimator sees `gain * value + offset`."""
    real = (threshold - offset) / gain
    if decimals is None:
        decimals = _decimals(values, real)
    power = 10.0**decimals
    reach = max(float(np.abs(values).max()), float(np.abs(real).max(initial=0))) * power
    if reach > READING_LIMIT:
        raise QuantizeError(f"a channel's largest value times 10**{decimals} is over {READING_LIMIT}")
    if not len(threshold):
        return cols.still_channel(decimals), np.zeros(0, np.int64)
    # The largest reading that goes left: scikit-learn compares float32 inputs with float64 thresholds.
    last = np.floor(real * power) - 3
    for step in range(-2, 4):
        candidate = np.floor(real * power) + step
        seen = (gain * (candidate / power) + offset).astype(np.float32)
        last = np.where(seen <= threshold, candidate, last)
    low, high = float(last.min()), float(last.max())
    centre = float(np.floor((low + high) / 2))
    scale = min(1.0, WIDTH / max(high - low, 1.0))
    found = cols.channel(decimals, centre, scale)
    return found, np.rint(scale * (last + 0.5 - centre) - 0.5).astype(np.int64)


def _decimals(values: NDArray[np.float64], thresholds: NDArray[np.float64]) -> int:
    """The fewest decimals that give back the values, or spread the thresholds over more steps than 16 bits."""
    largest = max(float(np.abs(values).max()), float(np.abs(thresholds).max(initial=0)))
    span = float(np.ptp(thresholds)) if len(thresholds) else 0.0
    deviation = float(values.std())
    for decimals in range(DECIMALS_MOST):
        power = 10.0**decimals
        if largest * power * 10 > READING_LIMIT or span * power >= 2 * WIDTH:
            return decimals
        if np.allclose(values * power, np.rint(values * power), rtol=1e-9, atol=1e-6 * deviation * power):
            return decimals
    return DECIMALS_MOST


def _drafted(
    source: Source,
    trees: Sequence[Any],
    values: Sequence[NDArray[np.float64]],
    bias: NDArray[np.float64],
    scores: NDArray[np.float64],
    *,
    features: Sequence[NDArray[np.int64]] | None = None,
    **task: Any,
) -> Draft:
    """A draft of fitted trees; `values` (nodes, columns) are what their leaves add, in units of the score."""
    bits = ROW_BITS if task and values[0].shape[1] > 1 else LEAF_BITS
    own = features or [np.arange(len(source.columns))] * len(trees)
    grid = _Grid(source, trees, own)

    def make(step: float) -> Kind:
        at, made = 0, []
        for tree, leaves in zip(trees, values, strict=True):
            end = at + len(leaves)
            made.append(
                Tree(
                    grid.asked[at:end],
                    grid.integers[at:end],
                    tree.children_left.astype(np.int64),
                    tree.children_right.astype(np.int64),
                    leaves / step,
                )
            )
            at = end
        return Forest.from_float(made, bias / step, len(source.columns), bits)

    return Draft(grid.front, make, scores, **task)


def _given(estimator: Any, source: Source) -> NDArray[np.float64]:
    gain, offset = source.single(estimator)
    return source.values * gain + offset


def forest(estimator: Any, source: Source) -> Draft:
    """Decision trees, random and extra forests."""
    trees = [one.tree_ for one in getattr(estimator, "estimators_", [estimator])]
    x = _given(estimator, source)
    if not hasattr(estimator, "classes_"):
        outputs = trees[0].value.shape[1]
        gain = np.broadcast_to(source.gain, outputs)
        share = [(tree.value[:, :, 0] * gain + source.offset) / len(trees) for tree in trees]
        scores = estimator.predict(x).reshape(len(x), -1) * gain + source.offset
        return _drafted(source, trees, share, np.zeros(outputs), scores)
    names = class_names(estimator)
    share = [tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True) / len(trees) for tree in trees]
    scores = estimator.predict_proba(x)
    if len(names) == 2:
        share = [rows[:, 1:] - rows[:, :1] for rows in share]
        scores = scores[:, 1:] - scores[:, :1]
    bias = np.zeros(scores.shape[1])
    return _drafted(source, trees, share, bias, scores, task="classification", classes=names)


def boosted(estimator: Any, source: Source) -> Draft:
    """Gradient boosting: a tree an output and stage, added to a constant."""
    trees = [one.tree_ for one in estimator.estimators_.ravel()]
    classes = hasattr(estimator, "classes_")
    gain = 1.0 if classes else float(np.asarray(source.gain).reshape(-1)[0])
    x = _given(estimator, source)
    raw = estimator.decision_function(x) if classes else estimator.predict(x)
    raw = raw.reshape(len(x), -1)
    grown = np.zeros_like(raw)
    for stage in estimator.estimators_:
        for output, one in enumerate(stage):
            grown[:, output] += one.predict(x) * estimator.learning_rate
    constant = raw - grown
    if np.ptp(constant, axis=0).max() > 1e-6 * (1 + np.abs(raw).max()):
        raise ModelError(
            f"{type(estimator).__name__}: an init estimator is not taken, a constant or 'zero' is"
        )
    bias = constant.mean(axis=0) * gain + (0.0 if classes else source.offset)
    share = [tree.value[:, :, 0] * (estimator.learning_rate * gain) for tree in trees]
    if classes:
        names = class_names(estimator)
        return _drafted(source, trees, share, bias, raw, task="classification", classes=names)
    return _drafted(source, trees, share, bias, raw * gain + source.offset)


def _path_length(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean length of an unsuccessful search in a tree of so many samples (Liu, Ting and Zhou, "Isolation forest", 2008)."""
    n = np.maximum(samples, 3.0)
    long = 2 * (np.log(n - 1) + EULER) - 2 * (n - 1) / n
    return np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, long))


def isolation(estimator: Any, source: Source) -> Draft:
    """Isolation forests: the score is the binary logarithm of the paper's, `-mean path / c(samples)`, in bits."""
    trees = [one.tree_ for one in estimator.estimators_]
    features = [np.asarray(own, np.int64) for own in estimator.estimators_features_]
    whole = len(trees) * float(_path_length(np.array([float(estimator.max_samples_)]))[0])
    share = []
    for tree in trees:
        depth = np.zeros(tree.node_count)
        for node in np.flatnonzero(tree.children_left >= 0):
            depth[[tree.children_left[node], tree.children_right[node]]] = depth[node] + 1
        share.append(-(depth + _path_length(tree.n_node_samples.astype(np.float64)))[:, None] / whole)
    scores = np.log2(-estimator.score_samples(_given(estimator, source)))[:, None]
    threshold = float(np.log2(-estimator.offset_))
    return _drafted(
        source, trees, share, np.zeros(1), scores, features=features, task="anomaly", threshold=threshold
    )
