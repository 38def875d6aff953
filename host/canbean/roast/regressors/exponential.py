"""An exponential of the reading, two parameters: it extrapolates where few pairs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canbean.roast.regressors import _curve

if TYPE_CHECKING:
    from canbean.roast.regressors import Samples
    from canbean.tiny.regressor import Regressor

SHAPE = _curve.Shape(_curve.logarithm, degree=1, linear=True)


def fit(samples: Samples, seed: int) -> Regressor:  # noqa: ARG001 - nothing here is random; every family takes a seed
    """The exponential in integers.

    Raises:
        QuantizeError: it does not fit the board's integers.
    """
    return _curve.fit(samples, SHAPE)
