"""The integer arithmetic: requantisation and logarithms, the same on the host and on the board to the last bit.

Everything is vectorised over numpy int64 arrays of any shape. `firmware/canbean/fixed.py` computes the same
with integers that stay within -2**30..2**30-1, which a 32-bit MicroPython holds without allocating.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import QuantizeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ACCUMULATOR_LIMIT = 1 << 29
SMALL_LIMIT = 1 << 30
SHIFT_MOST = 62

# log2(1 + i/64) in 1/32768, for i = 0..64.
LOG2_TABLE = np.rint(32768 * np.log2(1 + np.arange(65) / 64)).astype(np.int64)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """`real` as `multiplier * 2**-shift` with a 31-bit multiplier, rounded half away from zero (LiteRT's rule).

    Args:
        real: above 0, below 1.

    Returns:
        `(multiplier, shift)`, 2**30 <= multiplier < 2**31 and 31 <= shift <= 62.

    Raises:
        QuantizeError: `real` is outside 2**-32..1.
    """
    if not 2.0**-32 <= real < 1:
        raise QuantizeError(f"the scale {real!r} is outside 2**-32..1")
    fraction, exponent = math.frexp(real)
    multiplier = math.floor(math.ldexp(fraction, 31) + 0.5)
    if multiplier == 1 << 31:
        if exponent == 0:
            multiplier -= 1  # the largest scale below 1
        else:
            multiplier, exponent = 1 << 30, exponent + 1
    return multiplier, 31 - exponent


def requantize(  # noqa: PLR0917 - the order of the firmware's twin
    acc: ArrayLike,
    multiplier: ArrayLike,
    shift: ArrayLike,
    zero_point: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
) -> NDArray[np.int64]:
    """Scale an accumulator: LiteRT's single rounding, `(acc * m + 2**(s-1)) >> s`, half up.

    Args:
        acc: |acc| < 2**29; callers prove this of their models, it is not checked again here.
        multiplier: 2**30..2**31-1.
        shift: 31..62.
        zero_point: added after the rounding.
        low: the result is at least this.
        high: the result is at most this.

    Returns:
        `clamp(zero_point + ((acc * m + 2**(s-1)) >> s), low, high)`, broadcast.
    """
    a, m, s = (np.asarray(v, np.int64) for v in (acc, multiplier, shift))
    scaled = (a * m + (np.int64(1) << (s - 1))) >> s
    return np.asarray(np.clip(np.asarray(zero_point, np.int64) + scaled, low, high), np.int64)


def floor_log2(x: ArrayLike) -> NDArray[np.int64]:
    """The largest e with 2**e <= x, for integers from 1 to 2**53."""
    return np.asarray(np.frexp(np.asarray(x, np.float64))[1], np.int64) - 1


def log2_q12(x: ArrayLike) -> NDArray[np.int64]:
    """The binary logarithm in 1/4096 octave.

    The 18 leading bits of x choose one of 64 segments of an octave and a place in it; `LOG2_TABLE` is interpolated
    linearly. The error is below 0.85/4096: 0.5 from the last rounding, 0.18 from the straight lines, the rest
    from the table and the bits left out.

    Args:
        x: integers from 1 to 2**30 - 1.
    """
    x = np.asarray(x, np.int64)
    e = floor_log2(x)
    f = np.where(e > 18, x >> np.maximum(e - 18, 0), x << np.maximum(18 - e, 0))
    i = (f >> 12) & 63
    start = LOG2_TABLE[i]
    fraction = start + (((LOG2_TABLE[i + 1] - start) * (f & 4095) + 2048) >> 12)
    return np.asarray((e << 12) + ((fraction + 4) >> 3), np.int64)


def bucket(x: ArrayLike) -> NDArray[np.int64]:
    """Mitchell's logarithm: 64 times the octave plus the 6 bits after the leading one; 0 for x <= 0.

    Monotone; at most 0.086 octave below the true logarithm plus the 1/64 octave of its steps. After
    J. N. Mitchell, "Computer multiplication and division using binary logarithms", IRE Trans. EC-11, 1962.

    Args:
        x: integers below 2**30.
    """
    x = np.maximum(np.asarray(x, np.int64), 0)
    e = floor_log2(np.maximum(x, 1))
    bits = np.where(e > 6, x >> np.maximum(e - 6, 0), x << np.maximum(6 - e, 0)) & 63
    return np.where(x > 0, (e << 6) + bits, 0)


def halves(multiplier: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The two 15-bit halves `(m1, m0)` in which a model stores `m = 2**30 + m1 * 2**15 + m0`."""
    m = np.asarray(multiplier, np.int64)
    return (m >> 15) & 0x7FFF, m & 0x7FFF


def joined(m1: ArrayLike, m0: ArrayLike) -> NDArray[np.int64]:
    """The multiplier that `halves` took apart."""
    return SMALL_LIMIT + (np.asarray(m1, np.int64) << 15) + np.asarray(m0, np.int64)
