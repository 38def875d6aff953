"""Tails: they grow outwards, what comes later tempers them, and what lies above their promise is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.detect.tails import OCTAVE, Tail, excess, fit_tail


@given(st.lists(st.integers(0, 1900), min_size=1, max_size=400), st.booleans())
def test_tails_grow_outwards(values, upper):
    tail = fit_tail(np.array(values), upper=upper)
    assert tail.slope > 0
    assert 0 <= tail.base <= np.log2(len(values) + 1)
    beyond = tail.bits(np.arange(0, 100))
    assert np.all(np.diff(beyond) >= 0)


@given(st.lists(st.integers(0, 900), min_size=1, max_size=100))
def test_the_lower_tail_is_the_upper_one_in_a_mirror(values):
    low, high = (fit_tail(sign * np.array(values), upper=sign < 0) for sign in (1, -1))
    assert (low.edge, low.base, low.slope) == (-high.edge, high.base, high.slope)


def test_a_tail_that_is_a_poisson_process_gains_a_bit_an_octave():
    assert fit_tail(np.array([640]), upper=True).slope == pytest.approx(2 / OCTAVE)
    octaves = np.random.default_rng(1).exponential(1 / np.log(2), 20_000)
    assert fit_tail((OCTAVE * octaves).astype(int), upper=True).slope == pytest.approx(1 / OCTAVE, rel=0.1)


def test_tempered():
    tail = Tail(100.0, 6.0, 0.5)
    assert tail.tempered(8.0, 8.0) == tail
    assert tail.tempered(20.0, 10.0) == Tail(100.0, 3.0, 0.25)


def test_surprises_that_are_honest_have_no_excess():
    frames = 1 << 16
    honest = np.log2(frames) - np.log2(np.arange(1, 2000))
    assert excess(honest, frames) == 0
    assert excess(honest + 3, frames) == pytest.approx(3)
    # Less than was promised is no merit: the threshold stays at the budget.
    assert excess(honest - 3, frames) == 0


def test_the_highest_alone_says_nothing():
    frames = 1 << 16
    honest = np.log2(frames) - np.log2(np.arange(1, 2000))
    one, two = honest.copy(), honest.copy()
    one[0] = 60
    assert excess(one, frames) == 0
    two[:2] = 60
    assert excess(two, frames) == pytest.approx(60 - honest[1])
    assert excess(np.zeros(0), frames) == excess(np.array([60.0]), frames) == 0


@given(st.integers(1, 200), st.integers(0, 2**32))
def test_so_many_surprises_lie_above_what_the_excess_allows(count, seed):
    """Of k surprises above b bits the frames would have k with b - log2(k) bits: with the excess on top they do."""
    bits = np.sort(np.random.default_rng(seed).exponential(12, count))[::-1]
    frames = 10_000
    more = excess(bits, frames)
    for rank in range(2, count + 1):
        assert np.sum(bits > np.log2(frames / rank) + more + 1e-9) < rank
