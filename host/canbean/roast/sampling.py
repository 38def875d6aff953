"""What a reading makes of its samples, vectorised: the board's integers (`firmware/canbean/reading.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SAMPLES = 5
"""Samples of a reading, of 100 ms each: the middle of five bears one that is wild above and one below."""


def middle(samples: ArrayLike) -> NDArray[np.int64]:
    """The interquartile mean of five samples: the mean of the middle three, rounded to the nearest integer.

    Args:
        samples: counts or 1/16 degrees, integers (..., 5).
    """
    ordered = np.sort(np.asarray(samples, np.int64), axis=-1)
    return np.asarray((ordered[..., 1:4].sum(axis=-1) + 1) // 3)


def spread(samples: ArrayLike) -> NDArray[np.int64]:
    """From the first quartile of five samples to the third: for normal noise 0.99 of its standard deviation on average.

    Args:
        samples: counts, integers (..., 5).
    """
    ordered = np.sort(np.asarray(samples, np.int64), axis=-1)
    return np.asarray(ordered[..., 3] - ordered[..., 1])
