"""Squared deviations in bits: `0.5 * log2(e) * sum ((x - mean) / sigma)**2`, in 2**-20 bit.

A difference of two int16 values times a 14-bit multiplier, rounded half up, is the square root of its share in 2**-10;
the squares add up and saturate at 128 bits. A rounding costs z / 1200 bits at z standard deviations.
`firmware/canbean/deviation.py` computes the same within 31 bits, by these bounds:
65534 * 16383 < 2**30, 11586**2 + 2**27 < 2**30.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import QuantizeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FEATURE = 4096
INT16 = 32767
MULTIPLIER_LEAST = 1 << 13
SHIFT_MOST = 30
LIMIT = 1 << 27
# The smallest integer whose square passes the limit.
ROOT = 11586
# Steps of the root to one standard deviation.
PER_SIGMA = 1024 * math.sqrt(0.5 / math.log(2))


def quantize_sigma(sigma: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Standard deviations of features (any shape) as `(multiplier, shift)` of a step of 1/4096.

    Raises:
        QuantizeError: one is not finite, or outside 2**-15..2**14 of a feature's own standard deviation.
    """
    values = np.asarray(sigma, np.float64)
    if not np.isfinite(values).all() or (values < 2.0**-15).any() or (values > 2.0**14).any():
        raise QuantizeError(
            "a standard deviation is outside 2**-15..2**14 of its feature's: leave that feature out"
        )
    mantissa, exponent = np.frexp(PER_SIGMA / FEATURE / values)
    multiplier, shift = np.rint(mantissa * 2**14).astype(np.int64), 14 - exponent.astype(np.int64)
    over = multiplier == 2 * MULTIPLIER_LEAST
    return np.where(over, MULTIPLIER_LEAST, multiplier), np.where(over, shift - 1, shift)


def check(multiplier: NDArray[np.int64], shift: NDArray[np.int64]) -> None:
    """Prove that the products fit 31 bits.

    Raises:
        QuantizeError: a multiplier is outside 2**13..2**14-1, or a shift outside 1..30.
    """
    if multiplier.min() < MULTIPLIER_LEAST or multiplier.max() >= 2 * MULTIPLIER_LEAST:
        raise QuantizeError("the multiplier of a standard deviation is outside 2**13..2**14-1")
    if shift.min() < 1 or shift.max() > SHIFT_MOST:
        raise QuantizeError(f"the shift of a standard deviation is outside 1..{SHIFT_MOST}")


def deviation(
    difference: NDArray[np.int64], multiplier: NDArray[np.int64], shift: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Differences (n, d) of int16 values, in 1/4096, to squared deviations (n,) in 2**-20 bit, at most 2**27."""
    root = (((np.abs(difference) * multiplier) >> (shift - 1)) + 1) >> 1
    return np.asarray(np.minimum((np.minimum(root, ROOT) ** 2).sum(axis=-1), LIMIT), np.int64)
