"""A small random forest (Breiman, 2001): the mean of trees that each have seen other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.ensemble import RandomForestRegressor

from canbean.roast.regressors import _trees

if TYPE_CHECKING:
    from canbean.roast.regressors import Samples
    from canbean.tiny.regressor import Regressor

TREES = 12
DEPTH = 5
LEAF = 2
"""Rows of a leaf at least."""


def fit(samples: Samples, seed: int) -> Regressor:
    """A forest in integers.

    Raises:
        QuantizeError: it does not fit the board's integers.
    """
    grown = RandomForestRegressor(
        TREES, max_depth=DEPTH, min_samples_leaf=LEAF, max_features=1.0, random_state=seed % 2**32
    ).fit(_trees.integers(samples), samples.reference)
    return _trees.packed(samples, [tree.tree_ for tree in grown.estimators_], 0.0, 1 / TREES)
