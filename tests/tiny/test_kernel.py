"""Radial basis functions against floating point, at the edges of their types, and as bytes."""

import contextlib
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.kernel import OCTAVES, Kernel, coarseness, exp2_q


def test_powers_are_near_the_true_ones():
    u = np.arange(OCTAVES + 1)
    assert np.abs(exp2_q(u) - 32768 * np.exp2(-u / 32768)).max() < 1.3
    assert (np.diff(exp2_q(u)) <= 0).all()


@pytest.mark.parametrize("features", [1, 2, 7, 31, 32, 63])
def test_squared_distances_stay_below_29_bits(features):
    coarse = coarseness(features)
    most = (32767 + (1 << coarse >> 1) >> coarse) + ((32767 + 1) >> coarse)
    assert features * most**2 < 2**29


@given(st.integers(0, 2**32 - 1))
def test_a_kernel_sum_is_near_its_floating_point(seed):
    rng = np.random.default_rng(seed)
    d, m, outputs = int(rng.integers(1, 12)), int(rng.integers(1, 40)), int(rng.integers(1, 4))
    s = rng.integers(-25_000, 25_000, (m, d))
    w, b = rng.normal(0, 2e4, (m, outputs)), rng.normal(0, 1e5, outputs)
    gamma = rng.uniform(0.2, 2) / d / 12_000**2
    x = rng.integers(-25_000, 25_000, (30, d))
    true = np.exp(-gamma * ((x[:, None] - s[None]) ** 2).sum(axis=2)) @ w + b
    model = Kernel.from_float(s, w, b, gamma)
    assert np.abs(model.run(x) - true).max() < 2e-3 * np.abs(w).sum(axis=0).max() + 1
    again = Kernel.from_bytes(model.to_bytes())
    assert again.run(x).tolist() == model.run(x).tolist()
    assert again.to_bytes() == model.to_bytes()


def test_weights_too_large_are_refused():
    Kernel.from_float(np.zeros((10, 2)), np.full((10, 1), 1e7), [0], 1e-8)
    with pytest.raises(QuantizeError, match="are too large"):
        Kernel.from_float(np.zeros((100, 2)), np.full((100, 1), 1e7), [0], 1e-8)
    # of both signs, what one sign adds up to is what counts
    signs = np.resize([1, -1], (100, 1))
    Kernel.from_float(np.zeros((100, 2)), 9e6 * signs, [0], 1e-8)
    with pytest.raises(QuantizeError, match="gamma"):
        Kernel.from_float(np.zeros((1, 2)), [[1]], [0], 1)
    with pytest.raises(QuantizeError, match="finite"):
        Kernel.from_float(np.zeros((1, 2)), [[np.inf]], [0], 1e-8)


def test_every_changed_byte_is_refused_or_another_kernel():
    model = Kernel.from_float([[1000, -2000, 5], [7, 8, 9]], [[500.0], [-300.0]], [20], 1e-8)
    content = model.to_bytes()
    dice = random.Random(0)
    for at in range(len(content)):
        bad = bytearray(content)
        bad[at] ^= 1 << dice.randrange(8)
        with contextlib.suppress(ModelError):
            assert Kernel.from_bytes(bytes(bad)).to_bytes() == bytes(bad)
    for end in range(len(content)):
        with pytest.raises(ModelError):
            Kernel.from_bytes(content[:end])


def test_weights_that_overflow_are_refused_when_read():
    with pytest.raises(QuantizeError, match="could overflow 30 bits"):
        Kernel([[0]] * 17, [[32767]] * 17, [0], 2**30, 40, 5, 0)
    Kernel([[0]] * 15, [[32767]] * 15, [0], 2**30, 40, 5, 0)
