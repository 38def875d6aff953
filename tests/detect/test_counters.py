"""Counters wherever they are, and none where there is none."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from canbean.detect.bitflips import bits_of, flip_rates
from canbean.detect.counters import EVIDENCE_BITS, find_counters, log2_chance
from field_cases import put, run_of


def found_in(data):
    bits = bits_of(data)
    return find_counters(bits, flip_rates(bits))


def constant(n, seed=0, size=8):
    row = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    return np.tile(row, (n, 1))


@settings(max_examples=60)
@given(
    lowest=st.integers(0, 63),
    width=st.integers(2, 12),
    order=st.sampled_from(["little", "big"]),
    half_step=st.integers(0, 2000),
    start=st.integers(0, 4095),
    seed=st.integers(0, 99),
)
def test_a_counter_is_found_wherever_it_is(*, lowest, width, order, half_step, start, seed):
    positions = run_of(lowest, width, order)
    assume(positions is not None)
    n = max(200, 3 << width) if width <= 8 else 6000
    step = (2 * half_step + 1) % (1 << width)
    count = (start + step * np.arange(n)) % (1 << width)
    (counter,) = found_in(put(constant(n, seed), positions, count))
    assert counter.positions == positions
    assert (counter.step, counter.low, counter.high) == (step, 0, (1 << width) - 1)
    assert counter.holds == 1
    assert counter.pauses == 0
    assert counter.log2_false <= -EVIDENCE_BITS
    assert counter.order == ("little" if positions[0] // 8 == positions[-1] // 8 else order)


@pytest.mark.parametrize(("low", "high"), [(0, 14), (1, 15), (0, 9), (1, 14), (0, 6)])
def test_a_counter_may_wrap_before_the_power_of_two(low, high):
    count = low + np.arange(500) % (high - low + 1)
    (counter,) = found_in(put(constant(500), range(20, 24 if high > 7 else 23), count))
    assert (counter.low, counter.high, counter.step, counter.holds) == (low, high, 1, 1)


def test_lost_frames_make_a_counter_skip():
    count = np.arange(3000) % 16
    kept = np.random.default_rng(1).random(3000) > 0.01
    (counter,) = found_in(put(constant(3000), range(52, 56), count)[kept])
    assert counter.positions == (52, 53, 54, 55)
    assert 0.97 < counter.holds < 1


def test_a_counter_may_pause_and_count_down():
    count = -(np.arange(3000) * 2 // 3) % 16
    (counter,) = found_in(put(constant(3000), range(32, 36), count))
    assert counter.positions == (32, 33, 34, 35)
    assert counter.step == 15
    assert counter.pauses == pytest.approx(1 / 3, abs=0.01)


def test_a_value_that_rises_slowly_is_no_counter_that_pauses():
    # Its low bits wrap again and again, the whole does not.
    rising = np.arange(3000) * 3 // 10
    assert found_in(put(constant(3000), range(8, 24), rising)) == []


def test_a_bit_that_turns_every_time_is_a_counter_of_two():
    (counter,) = found_in(put(constant(400), [9], np.arange(400) % 2))
    assert (counter.positions, counter.low, counter.high) == ((9,), 0, 1)


def test_a_flag_beside_a_counter_is_not_part_of_it():
    data = put(constant(2000), range(16, 20), np.arange(2000) % 16)
    (counter,) = found_in(put(data, [20], np.arange(2000) > 700))
    assert counter.positions == (16, 17, 18, 19)


@pytest.mark.parametrize("n", [30, 100, 1000, 20_000])
@pytest.mark.parametrize("seed", range(5))
def test_noise_has_no_counter(n, seed):
    assert found_in(np.random.default_rng(seed).integers(0, 256, (n, 8), np.uint8)) == []


@pytest.mark.parametrize("seed", range(10))
def test_what_rises_and_falls_is_no_counter(seed):
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 3, 5000))
    ramp = 5000 + 400 * np.sin(np.arange(5000) / 150) + 0.4 * np.arange(5000)
    data = put(constant(5000), range(16), (walk + 30000).astype(int))
    assert found_in(put(data, range(24, 40), ramp.astype(int))) == []


def test_too_few_frames_show_no_counter():
    assert found_in(put(constant(20), range(4), np.arange(20) % 16)) == []


def test_the_chance_is_a_bound():
    # One guess among 16 right in 10 of 10: 2**-40 exactly; as often as chance has it: nothing.
    assert log2_chance(10, 10, 16) == pytest.approx(-40)
    assert log2_chance(1, 16, 16) == 0
    assert -40 < log2_chance(9, 10, 16) < -30
