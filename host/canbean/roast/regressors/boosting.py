"""Gradient boosting (Friedman, 2001): small trees, each grown on what those before it leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.ensemble import GradientBoostingRegressor

from canbean.roast.regressors import _trees

if TYPE_CHECKING:
    from canbean.roast.regressors import Samples
    from canbean.tiny.regressor import Regressor

TREES = 30
DEPTH = 2
RATE = 0.2
LEAF = 2
"""Rows of a leaf at least."""


def fit(samples: Samples, seed: int) -> Regressor:
    """Boosted trees in integers.

    Raises:
        QuantizeError: they do not fit the board's integers.
    """
    grown = GradientBoostingRegressor(
        n_estimators=TREES,
        max_depth=DEPTH,
        learning_rate=RATE,
        min_samples_leaf=LEAF,
        random_state=seed % 2**32,
    ).fit(_trees.integers(samples), samples.reference)
    start = float(samples.reference.mean())
    return _trees.packed(samples, [tree.tree_ for tree in grown.estimators_.ravel()], start, RATE)
