"""The curves against floating point: the errors that their docstrings state, over every input that matters."""

import numpy as np
import pytest

from canbean.errors import QuantizeError
from canbean.tiny import deviation
from canbean.tiny.curves import exp2_q15, isqrt, sigmoid_q15, tanh_q15

FAR = np.array([40_000, 2**20, 2**30 - 1])


def test_tanh_is_within_2_3_units_and_odd():
    x = np.concatenate([-FAR[::-1], np.arange(-32_768, 32_769), FAR])
    y = tanh_q15(x)
    assert np.abs(y - 32768 * np.tanh(x / 4096)).max() < 2.3
    assert (y == -y[::-1]).all()
    assert (np.diff(y) >= 0).all()
    assert y[-1] == 32767


def test_the_error_of_tanh_is_balanced():
    x = np.arange(0, 32_768)
    error = tanh_q15(x) - 32768 * np.tanh(x / 4096)
    assert -2.3 < error.min() < -2
    assert 2 < error.max() < 2.3


def test_sigmoid_is_within_1_4_units_and_symmetric():
    x = np.arange(-32_767, 32_768)
    y = sigmoid_q15(x)
    assert np.abs(y - 32768 / (1 + np.exp(-x / 4096))).max() < 1.4
    assert (y + y[::-1] == 32768).all()
    assert (np.diff(y) >= 0).all()
    assert (y[0], y[-1]) == (11, 32757)
    assert (sigmoid_q15(FAR) == 32757).all()
    assert (sigmoid_q15(-FAR) == 11).all()


def test_powers_of_two_are_within_1_3_units():
    x = np.concatenate([np.arange(18 * 4096), FAR])
    y = exp2_q15(x)
    assert np.abs(y - 32768 * np.exp2(-x / 4096)).max() < 1.3
    assert (np.diff(y[: -len(FAR)]) <= 0).all()
    assert y[0] == 32768
    assert y[4096] == 16384
    assert (y[17 * 4096 : 18 * 4096] == 0).all()
    assert (y[-2:] == 0).all()


def test_square_roots_are_exact():
    n = np.arange(1, 2**15 + 1)
    assert (isqrt(n * n - 1) == n - 1).all()
    assert (isqrt(n[:-1] ** 2) == n[:-1]).all()
    assert isqrt([0, 1, 2, 3, 2**30 - 1]).tolist() == [0, 1, 1, 1, 2**15 - 1]


@pytest.mark.parametrize("sigma", [2.0**-15, 0.1, 1, 7.3, 2.0**14])
def test_a_squared_deviation_is_near_its_floating_point(sigma):
    difference = np.arange(-65_534, 65_535, 13)[:, None]
    multiplier, shift = deviation.quantize_sigma([sigma])
    deviation.check(multiplier, shift)
    z = difference[:, 0] / 4096 / sigma
    bits = np.minimum(0.5 / np.log(2) * z**2, 128)
    found = deviation.deviation(difference, multiplier, shift) / 2**20
    assert np.abs(found - bits).max() < 1e-6 + (np.abs(z[bits < 128]) / 1200 + 1e-4 * bits[bits < 128]).max()


def test_a_multiplier_that_rounds_up_to_the_next_power_is_that_power():
    sigma = deviation.PER_SIGMA / deviation.FEATURE / np.array([2.0**-3 - 1e-9, 2.0**-3])
    multiplier, shift = deviation.quantize_sigma(sigma)
    assert multiplier.tolist() == [2**13, 2**13]
    assert shift.tolist() == [16, 16]


@pytest.mark.parametrize("sigma", [0, -1, 2.0**-16, 2.0**15, np.nan, np.inf])
def test_a_standard_deviation_outside_its_range_is_refused(sigma):
    with pytest.raises(QuantizeError):
        deviation.quantize_sigma([1.0, sigma])
