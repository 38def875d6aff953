"""The budget curve: thresholds between its pairs, its ends, its steps."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.detect import budget
from canbean.errors import ModelError, UsageError

CURVE = budget.checked([[10, 18.5], [1, 22.5], [0.1, 27.0], [0.001, 64.0]])


@st.composite
def curves(draw):
    rates = draw(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=8, unique=True))
    bits = draw(st.lists(st.integers(1, 1024), min_size=len(rates), max_size=len(rates)))
    return budget.checked(list(zip(sorted(rates)[::-1], sorted(b / 16 for b in bits), strict=True)))


def test_a_pair_gives_its_threshold_and_between_pairs_bits_are_linear_in_octaves():
    assert [budget.threshold_for(CURVE, rate) for rate, _ in CURVE] == [296, 360, 432, 1024]
    assert budget.threshold_for(CURVE, math.sqrt(10)) == 328
    assert budget.threshold_for(CURVE, 0.999) == 361  # rounded up: the budget is kept
    assert budget.per_hour_at(CURVE, 328) == pytest.approx(math.sqrt(10))


def test_beyond_its_ends_it_says_nothing_but_at_the_cap():
    assert budget.threshold_for(CURVE, 1e-6) == 1024
    with pytest.raises(UsageError, match=r"0\.001 to 10 an hour"):
        budget.threshold_for(CURVE, 10.1)
    with pytest.raises(UsageError, match=r"0\.1 to 10 an hour"):
        budget.threshold_for(CURVE[:3], 0.09)
    assert budget.per_hour_at(CURVE, 295) is None
    assert budget.per_hour_at(CURVE[:3], 433) is None


def test_a_step_is_an_entry():
    assert budget.step(CURVE, 360, stricter=True) == 432
    assert budget.step(CURVE, 360, stricter=False) == 296
    assert budget.step(CURVE, 361, stricter=False) == 360
    assert budget.step(CURVE, 1, stricter=True) == 296
    with pytest.raises(UsageError, match="strictest end"):
        budget.step(CURVE, 1024, stricter=True)
    with pytest.raises(UsageError, match="loosest end"):
        budget.step(CURVE, 296, stricter=False)


@given(curves(), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_a_smaller_budget_never_lowers_the_threshold(curve, one, other):
    low, high = sorted((one, other))
    try:
        strict, loose = (budget.threshold_for(curve, rate) for rate in (low, high))
    except UsageError:
        return
    assert loose <= strict <= 1024
    told = budget.per_hour_at(curve, strict)
    # What is told of a threshold is the budget that it was chosen for, but for rounding and for steps of equal thresholds.
    if strict < 1024:
        assert told is None or budget.threshold_for(curve, told) <= strict


@given(st.floats(1e-3, 1e3), st.integers(1, 1024), st.floats(-20, 20))
def test_without_a_curve_a_bit_halves_the_alerts(per_hour, threshold, octaves):
    curve = budget.nominal(per_hour, threshold / 16)
    wanted = threshold + 16 * octaves
    try:
        found = budget.threshold_for(curve, per_hour * 2.0**-octaves)
    except UsageError:
        assert wanted < 1.001
        return
    assert found == pytest.approx(min(max(wanted, 1), 1024), abs=1.001)
    assert found >= min(wanted, 1024) - 1e-3
    assert budget.threshold_for(curve, per_hour) == threshold
    assert budget.per_hour_at(curve, threshold) == pytest.approx(per_hour)


def test_nominal_steps_are_bits():
    curve = budget.nominal(1, 22.5)
    assert budget.step(curve, 360, stricter=True) == 376
    assert budget.step(curve, 360, stricter=False) == 344
    assert budget.threshold_for(curve, 0.5) == 376
    assert budget.threshold_for(budget.nominal(1, 60), 1e-6) == 1024


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        None,
        7,
        "text",
        [[1]],
        [[1, 2, 3]],
        [["a", 1]],
        [[0, 1]],
        [[-1, 1]],
        [[math.inf, 1]],
        [[math.nan, 1]],
        [[1, 0]],
        [[1, 64.1]],
        [[1, math.nan]],
        [[1, 20], [1, 21]],
        [[1, 20], [2, 21]],
        [[2, 20], [1, 19]],
    ],
)
def test_what_is_no_curve(pairs):
    with pytest.raises(ModelError, match="budget curve"):
        budget.checked(pairs)


def test_where_a_model_has_its_curve():
    learned = {"budget_per_hour": 1.0, "threshold_bits": 22.5}
    assert budget.of_model(learned, "fingerprint", "m") == (budget.nominal(1, 22.5), False)
    with_curve = {**learned, "curve": {"fingerprint": [[2, 20], [1, 22.5]]}}
    assert budget.of_model(with_curve, "fingerprint", "m") == (((2, 20), (1, 22.5)), True)
    assert budget.of_model(with_curve, "sequence", "m") == (budget.nominal(1, 22.5), False)
    for bad in (
        {},
        {"budget_per_hour": "often", "threshold_bits": 3},
        {**learned, "curve": 3},
        {**learned, "budget_per_hour": 0},
    ):
        with pytest.raises(ModelError, match=r"^m: "):
            budget.of_model(bad, "fingerprint", "m")
