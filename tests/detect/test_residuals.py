"""Errors to bits: what lasts counts, what is over does not; the gate is where clean bits put it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.detect.residuals import USUAL, WARM, Residuals, Scale, levels, since, sustained
from canbean.detect.windows import Gate
from canbean.errors import ModelError
from canbean.tiny.packing import Reader

ONE = np.array([1000])


def starts(count):
    return np.arange(count) == 0


def test_a_usual_error_is_870_steps():
    rng = np.random.default_rng(0)
    errors = np.rint(rng.normal(0, 1, (4000, 3)) * [40, 400, 4000]).astype(np.int64)
    normal = Scale.of(errors).normalised(errors)
    assert np.sqrt((normal.astype(float) ** 2).mean(axis=0)) == pytest.approx(USUAL, rel=0.01)
    assert (np.sign(normal) == np.sign(errors)).mean() > 0.99


def test_errors_count_once_a_state_is_warm_and_while_they_are_there():
    error = np.zeros((60, 1), np.int64)
    error[:40] = 500
    level = levels(error, starts(60), ONE)[:, 0]
    assert not level[:WARM].any()
    assert (np.diff(level[WARM:30]) > 0).all()
    assert level[39] > 15 * 500
    assert not level[40:].any()


def test_a_short_error_stays_small_and_a_large_one_is_capped():
    short = np.zeros((40, 1), np.int64)
    short[20] = 10**6
    assert levels(short, starts(40), ONE).max() <= 16 * 1000 // 8
    turning = np.where(np.arange(200) % 2, 900, -900)[:, None]
    assert levels(turning, starts(200), ONE).max() < 16 * 900 // 4


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=60),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(0, 50),
)
def test_a_gate_is_open_up_to_the_sustained_bits(bits, need, more, seed):
    bits = np.array(bits)
    first = (np.random.default_rng(seed).random(len(bits)) < 0.1) | starts(len(bits))
    level = sustained(bits, first, need, need + more)
    for threshold in (1, 10, 20, 40):
        opened = Gate(threshold, need, need + more).opens(bits, np.cumsum(first))
        assert opened.tolist() == (level >= threshold).tolist()


def learned(rng, judged=(True, True)):
    x = np.rint(rng.normal(0, 4096, (6000, 2))).astype(np.int64).clip(-32767, 32767)
    error = np.rint(rng.normal(0, USUAL, (6000, 2))).astype(np.int64)
    later = np.arange(6000) >= 3600
    return Residuals.learn(x, error, starts(6000), later=later, judged=np.array(judged)), error, later


def test_clean_errors_keep_the_budget_and_a_lie_passes_it():
    rng = np.random.default_rng(5)
    tails, error, later = learned(rng)
    first = starts(6000)
    gate = tails.gate(tails.bits(levels(error, first, tails.cap))[later], first[later], 2400 / 36_000)
    again = np.rint(rng.normal(0, USUAL, (36_000, 2))).astype(np.int64)
    quiet = tails.bits(levels(again, starts(36_000), tails.cap))
    assert gate.opens(quiet, np.zeros(36_000, np.int64)).sum() <= 20
    again[100:150, 1] += 8 * USUAL
    assert gate.opens(tails.bits(levels(again, starts(36_000), tails.cap)), np.zeros(36_000, np.int64))[
        110:150
    ].any()


def test_a_signal_that_is_not_judged_says_nothing():
    tails, error, _ = learned(np.random.default_rng(6), (False, True))
    error[:, 0] = 10**6
    error[:, 1] = 0
    assert not tails.bits(levels(error, starts(6000), tails.cap)).any()


def test_what_several_ids_never_said_together_is_not_known():
    tails, *_ = learned(np.random.default_rng(7))
    two, one = np.array([0, 1]), np.array([0, 0])
    ends = np.array([[0, 0], [tails.high[0], tails.low[1]]])
    assert tails.known(ends, two).all()
    assert tails.known(ends + np.array([1, 0]), two).all()
    assert tails.known(ends + np.array([1, -1]), two).tolist() == [True, False]
    assert tails.known(ends + np.array([1, -1]), one).all()


def test_tails_come_back_from_their_bytes_and_bad_ones_are_refused():
    tails, *_ = learned(np.random.default_rng(8), (True, False))
    content = tails.to_bytes()
    again = Residuals.parse(Reader(content, "here"), 2)
    assert again.to_bytes() == content
    assert again.judged.tolist() == [True, False]
    for at in (1, 5, 9, 13):
        wrong = bytearray(content)
        wrong[at] = 0xF0
        with pytest.raises(ModelError, match="here"):
            Residuals.parse(Reader(bytes(wrong), "here"), 2)


def test_since_counts_from_every_beginning():
    assert since(np.array([True, False, False, True, False])).tolist() == [0, 1, 2, 0, 1]
