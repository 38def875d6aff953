"""The host's integer arithmetic against plain Python integers and against the true logarithm."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.errors import QuantizeError
from canbean.tiny import fixed

ACC = 2**29 - 1


@given(st.floats(2.0**-32, 1, exclude_max=True))
def test_a_multiplier_has_31_bits_and_is_the_nearest(real):
    multiplier, shift = fixed.quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    assert 31 <= shift <= 62
    # The largest scale below 1 has no nearer multiplier than 2**31 - 1.
    slack = 1 if multiplier == 2**31 - 1 else 0.5
    assert abs(multiplier - math.ldexp(real, shift)) <= slack


def test_a_multiplier_rounds_half_away_from_zero():
    assert fixed.quantize_multiplier((2**30 + 0.5) / 2**31) == (2**30 + 1, 31)
    assert fixed.quantize_multiplier(0.5) == (2**30, 31)
    assert fixed.quantize_multiplier((2**31 - 0.25) / 2**33) == (2**30, 32)
    assert fixed.quantize_multiplier(np.nextafter(1, 0)) == (2**31 - 1, 31)


@pytest.mark.parametrize("real", [0, 1, -0.5, 2.0**-33, math.nan, math.inf])
def test_a_scale_outside_the_range_is_refused(real):
    with pytest.raises(QuantizeError):
        fixed.quantize_multiplier(real)


def test_requantize_is_the_formula_on_big_integers():
    rng = np.random.default_rng(1)
    n = 100_000
    acc = rng.integers(-ACC, ACC + 1, n)
    multiplier = rng.integers(2**30, 2**31, n)
    shift = rng.integers(31, 63, n)
    zero = rng.integers(-(2**20), 2**20, n)
    edges = [
        (a, m, s, 0)
        for a in (-ACC, -ACC + 1, -1, 0, 1, ACC - 1, ACC)
        for m in (2**30, 2**30 + 1, 2**31 - 1, 2**30 + 32767, 2**31 - 32768)
        for s in (31, 32, 33, 45, 61, 62)
    ]
    acc, multiplier, shift, zero = (
        np.concatenate([values, [edge[i] for edge in edges]])
        for i, values in enumerate((acc, multiplier, shift, zero))
    )
    low, high = -(2**28), 2**28
    expected = [
        min(max(z + ((a * m + (1 << (s - 1))) >> s), low), high)
        for a, m, s, z in zip(acc.tolist(), multiplier.tolist(), shift.tolist(), zero.tolist(), strict=True)
    ]
    assert fixed.requantize(acc, multiplier, shift, zero, low, high).tolist() == expected


def test_log2_stays_within_its_stated_error():
    rng = np.random.default_rng(2)
    x = np.concatenate([np.arange(1, 1 << 19), rng.integers(1, 1 << 30, 500_000), [2**30 - 1]])
    assert np.abs(fixed.log2_q12(x) - 4096 * np.log2(x)).max() < 0.85


def test_log2_is_exact_at_powers_of_two_and_monotone():
    powers = 1 << np.arange(30)
    assert fixed.log2_q12(powers).tolist() == [4096 * e for e in range(30)]
    assert (np.diff(fixed.log2_q12(np.arange(1, 1 << 20))) >= 0).all()


def test_bucket_is_mitchells_logarithm():
    assert fixed.bucket([-5, 0, 1, 2, 3, 4, 64, 65, 127, 128, 129, 130]).tolist() == [
        0,
        0,
        0,
        64,
        96,
        128,
        384,
        385,
        447,
        448,
        448,
        449,
    ]
    x = np.concatenate([np.arange(1 << 18), np.arange(2**30 - 1000, 2**30)])
    y = fixed.bucket(x)
    assert (np.diff(y) >= 0).all()
    assert y[-1] == 29 * 64 + 63
    error = np.log2(x[1:]) - y[1:] / 64
    assert error.min() >= 0
    assert error.max() < 0.0861 + 1 / 64


@given(st.integers(2**30, 2**31 - 1))
def test_halves_join_again(multiplier):
    m1, m0 = fixed.halves(multiplier)
    assert max(m1, m0) < 2**15
    assert fixed.joined(m1, m0) == multiplier
