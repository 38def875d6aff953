"""Arguments of the arithmetic that all kinds share, at its edges, and what the host says of them."""

from __future__ import annotations

import numpy as np

from canbean.tiny import curves, fixed
from regressor_cases import ACC


def multiplications(rng, _model, rows):
    """Rows (acc, m1, m0, shift, zero, low, high) of `requantize`."""
    acc = rng.integers(-ACC, ACC + 1, rows)
    small = rng.random(rows) < 0.3
    acc[small] >>= rng.integers(0, 30, int(small.sum()))
    halves = rng.integers(0, 2**15, (2, rows))
    edge = rng.random((3, rows)) < 0.1
    acc[edge[0]] = rng.choice([-ACC, -32769, -32768, -1, 0, 1, 32767, 32768, ACC], int(edge[0].sum()))
    for half, at in zip(halves, edge[1:], strict=True):
        half[at] = rng.choice([0, 1, 32767], int(at.sum()))
    zero = rng.choice([0, 7, -128, 2**28, -(2**28)], rows)
    ends = np.sort(rng.integers(-(2**28), 2**28, (2, rows)), axis=0)
    wide = rng.random(rows) < 0.5
    ends[0][wide], ends[1][wide] = -(2**30), 2**30 - 1
    return np.stack([acc, *halves, rng.integers(31, 63, rows), zero, *ends], axis=1)


def requantized(_model, x):
    acc, m1, m0, shift, zero, low, high = x.T
    return fixed.requantize(acc, fixed.joined(m1, m0), shift, zero, low, high)


def numbers(rng, _model, rows):
    """Rows of one integer below 2**30, powers of two and their neighbours among them; some not above 0."""
    x = np.exp2(rng.uniform(0, 29.99999, rows)).astype(np.int64)
    edge = rng.random(rows) < 0.3
    n = int(edge.sum())
    x[edge] = np.clip((1 << rng.integers(0, 31, n)) + rng.integers(-2, 3, n), -5, 2**30 - 1)
    return x[:, None]


def logarithms(_model, x):
    x = x[:, 0]
    return np.stack([np.where(x > 0, fixed.log2_q12(np.maximum(x, 1)), 0), fixed.bucket(x)], axis=1)


def arguments(rng, _model, rows):
    """Rows of an argument for tanh and sigmoid, one for 2**-x, one for the square root."""
    x = rng.integers(-33_000, 33_001, (rows, 3))
    x[:, 1] = rng.integers(0, 70_000, rows)
    x[:, 2] = rng.integers(0, 2**30, rows)
    wide = rng.random((rows, 3)) < 0.1
    x[wide] = np.clip(1 << rng.integers(0, 31, int(wide.sum())), 0, 2**30 - 2) + rng.integers(
        -1, 2, int(wide.sum())
    )
    square = rng.random(rows) < 0.3
    x[square, 2] = rng.integers(1, 2**15, int(square.sum())) ** 2 - rng.integers(0, 2, int(square.sum()))
    x[:, 0] *= rng.choice([-1, 1], rows)
    return x


def curved(_model, x):
    above = curves.exp2_q15(x[:, 1]), curves.isqrt(x[:, 2])
    return np.stack([curves.tanh_q15(x[:, 0]), curves.sigmoid_q15(x[:, 0]), *above], axis=1)
