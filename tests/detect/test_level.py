import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.detect.level import RAW_MOST, Level, gate, tempering
from canbean.errors import ModelError


@given(st.integers(0, 2**32), st.booleans(), st.floats(0.5, 8))
def test_held_back_windows_are_no_rarer_than_their_bits_say(seed, counted, heavier):
    rng = np.random.default_rng(seed)
    earlier = np.floor(rng.exponential(40, 1000)).astype(np.int64)
    later = np.floor(rng.exponential(40 * heavier, 700)).astype(np.int64)
    bits = np.sort(Level.fit(earlier, later, counted=counted).bits(later))[::-1] / 16
    shown = np.log2(701 / (np.arange(700) + 0.5))
    assert np.all((bits <= shown + 0.2) | (bits <= 3.2))
    assert np.all(np.diff(bits) <= 0)


def test_what_clean_traffic_keeps_is_not_tempered():
    assert tempering(np.array([0.0, 1.0, 2.9])) == 1
    assert tempering(np.zeros(0)) == 1
    assert tempering(np.full(3, 20.0)) == pytest.approx(np.log2(4 / 2.5) / 20)


def test_the_gate_asks_what_the_budget_asks_and_more_than_clean_traffic_showed():
    assert gate(np.zeros(3600, np.int64), 1.0).threshold == int(np.ceil(16 * np.log2(3600)))
    assert gate(np.zeros(3600, np.int64), 1.0, per_hour=4).threshold == int(np.ceil(16 * np.log2(900)))
    assert gate(np.array([0, 700]), 1.0).threshold == 701
    assert gate(np.zeros(0, np.int64), 1.0).threshold == 1


@pytest.mark.parametrize("numbers", [(RAW_MOST + 1, 0, 0, 0), (0, 1025, 0, 0), (0, 0, 65, 0), (0, 0, 0, 1)])
def test_a_level_out_of_range_is_refused(numbers):
    with pytest.raises(ModelError, match=r"^here: "):
        Level.of(numbers, "here")
