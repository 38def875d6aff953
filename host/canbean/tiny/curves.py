"""Sigmoid, tanh, powers of two and square roots in integers, the same on the host and on the board to the last bit.

Everything is vectorised over numpy int64 arrays of any shape. `firmware/canbean/curves.py` computes the same with
integers that stay within -2**30..2**30-1; its tables are these as bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ONE = 32768
TANH_END = 6 * 4096
SIGMOID_END = 32767

_NODES = np.arange(193) / 32
_TANH = np.tanh(_NODES)
# tanh(i/32) in 1/65536 for i = 0..192, each raised by half of what a straight line loses there, h**2 / 16 * |f''|:
# the error of the lines is then as large above as below. The last does not round to 1.
TANH_TABLE = np.minimum(
    np.rint(65536 * (_TANH + 2 * _TANH * (1 - _TANH**2) / 32**2 / 16)), 65534
).astype(np.int64)  # fmt: skip

# 2**-(i/64) in 1/32768, for i = 0..64.
EXP2_TABLE = np.rint(ONE * np.exp2(-np.arange(65) / 64)).astype(np.int64)


def tanh_q15(x: ArrayLike) -> NDArray[np.int64]:
    """The hyperbolic tangent, in 1/32768, odd to the last bit and monotone.

    193 table entries, linear interpolation. The error is below 2.3/32768; from 6 on the result is 32767.

    Args:
        x: integers in 1/4096, of any size below 2**30.
    """
    x = np.asarray(x, np.int64)
    u = np.minimum(np.abs(x), TANH_END - 1)
    i, r = u >> 7, u & 127
    start = TANH_TABLE[i]
    y = ((start << 7) + (TANH_TABLE[i + 1] - start) * r + 128) >> 8
    y = np.where(np.abs(x) < TANH_END, y, ONE - 1)
    return np.asarray(np.where(x < 0, -y, y), np.int64)


def sigmoid_q15(x: ArrayLike) -> NDArray[np.int64]:
    """The logistic function, in 1/32768: `(1 + tanh(x/2)) / 2` from the same table, monotone.

    `sigmoid(x) + sigmoid(-x)` is 32768 to the last bit. For |x| <= 32767 the error is below 1.4/32768;
    beyond, the result stays what it is at +-32767, 32757 or 11: 11/32768 from the true limit.

    Args:
        x: integers in 1/4096, of any size below 2**30.
    """
    x = np.asarray(x, np.int64)
    u = np.minimum(np.abs(x), SIGMOID_END)
    i, r = u >> 8, u & 255
    start = TANH_TABLE[i]
    y = ((start << 8) + (TANH_TABLE[i + 1] - start) * r + 512) >> 10
    return np.asarray(np.where(x < 0, 16384 - y, 16384 + y), np.int64)


def exp2_q15(x: ArrayLike) -> NDArray[np.int64]:
    """`2**-x` in 1/32768: 32768 at 0, 0 past 16; monotone.

    65 table entries an octave, linear interpolation. The error is below 1.3/32768.

    Args:
        x: integers from 0 to 2**30 - 1, in 1/4096.
    """
    x = np.asarray(x, np.int64)
    i, r = (x >> 6) & 63, x & 63
    start = EXP2_TABLE[i]
    y = start + (((EXP2_TABLE[i + 1] - start) * r + 32) >> 6)
    octave = np.minimum(x >> 12, 17)
    return np.asarray((y + ((1 << octave) >> 1)) >> octave, np.int64)


def isqrt(x: ArrayLike) -> NDArray[np.int64]:
    """The largest integer whose square is at most x, exactly.

    Args:
        x: integers from 0 to 2**30 - 1.
    """
    # A double's square root is correctly rounded, and sqrt(n**2 - 1) is far from n for n <= 2**15.
    return np.asarray(np.sqrt(np.asarray(x, np.float64)), np.int64)
