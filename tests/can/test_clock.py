import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.can import simulate
from canbean.can.clock import clock_step_us


@given(st.sampled_from([10, 1000, 15_625, 1_000_000]), st.integers(-(10**15), 10**15), st.randoms())
def test_a_clock_that_ticks_is_found(step_us, start_us, random):
    ticks = np.cumsum([random.choice([1, 1, 2, 3, -1, 7]) for _ in range(50)])
    t_us = start_us + step_us * np.concatenate([[0, 1], ticks])
    assert clock_step_us(t_us) == step_us


def test_a_fine_clock_has_a_fine_step():
    assert clock_step_us(simulate.drive(5, 1).t_us) == 1


def test_frames_that_are_stamped_in_batches_have_the_step_of_the_batches():
    begin = np.cumsum(np.random.default_rng(0).integers(9_800, 10_200, 200))
    step_us = clock_step_us(np.repeat(begin, 12))
    assert 9_800 <= step_us <= 10_100


@pytest.mark.parametrize("t_us", [[], [5], [7, 7, 7]])
def test_without_two_times_there_is_no_step(t_us):
    assert clock_step_us(np.array(t_us, np.int64)) == 0
