"""Fitted trees of scikit-learn as the board's forest: both compare the same integer features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.tiny.features import ONE
from canbean.tiny.forest import Forest
from canbean.tiny.regressor import POINT, Regressor
from canbean.tiny.trees import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canbean.roast.regressors import Samples


def integers(samples: Samples) -> NDArray[np.float64]:
    """What the board's trees are asked: the features (n, d) in 1/4096 standard deviation."""
    return samples.table * ONE


def packed(samples: Samples, trees: Sequence[Any], start: float, share: float) -> Regressor:
    """`start` and `share` of each tree's leaves, in points, added up.

    Args:
        samples: of the front end and the scale.
        trees: fitted `tree_` of scikit-learn on `integers`.
        start: points that the sum begins with.
        share: of a leaf.

    Raises:
        QuantizeError: there are more leaves than a forest holds.
    """
    made = [
        Tree(
            np.where(tree.children_left < 0, -1, tree.feature).astype(np.int64),
            np.floor(np.clip(tree.threshold, -32768, 32767)).astype(np.int64),
            tree.children_left.astype(np.int64),
            tree.children_right.astype(np.int64),
            tree.value[:, :, 0] * (share * POINT),
        )
        for tree in trees
    ]
    kind = Forest.from_float(made, [start * POINT], samples.table.shape[1])
    return Regressor(samples.front, kind, samples.scale)
