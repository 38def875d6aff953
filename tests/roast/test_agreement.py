"""A line where both meters are noisy, limits of agreement, and the reference's own noise."""

import json

import numpy as np
import pytest

from canbean.roast.agreement import agreement, deming, within


def meters(slope=1.1, start=-4.0, noise=(3.0, 3.0), lots=200, cups=3):
    """Two noisy meters of the same cups: reference, reading, lot."""
    rng = np.random.default_rng(0)
    lot = np.repeat(np.arange(lots), cups)
    true = rng.uniform(40, 120, lots)[lot]
    return (
        true + rng.normal(0, noise[0], len(lot)),
        start + slope * true + rng.normal(0, noise[1], len(lot)),
        lot,
    )


def test_deming_is_not_flattened_by_the_references_noise():
    x, y, _ = meters(noise=(12.0, 12.0))
    _, slope = deming(x, y)
    assert slope == pytest.approx(1.1, abs=0.06)
    assert np.polyfit(x, y, 1)[0] < 0.95  # what least squares makes of it


def test_deming_knows_who_is_noisy():
    x, y, _ = meters(noise=(2.0, 12.0))
    assert deming(x, y, 36.0)[1] == pytest.approx(1.1, abs=0.05)
    start, slope = deming(y, x, 1 / 36)
    assert 1 / slope == pytest.approx(1.1, abs=0.05)
    assert -start / slope == pytest.approx(-4, abs=4)
    assert deming(np.ones(5), np.arange(5.0)) is None


def test_agreement_states_noise_bias_and_limits():
    reference, said, lot = meters(slope=1.0, start=2.0, noise=(1.0, 2.0))
    a = agreement(said, reference, lot)
    assert a.reference_noise == pytest.approx(1, abs=0.1)
    assert a.variance_ratio == pytest.approx(4, rel=0.3)
    assert a.bias == pytest.approx(2, abs=0.3)
    assert np.mean((said - reference > a.limits[0]) & (said - reference < a.limits[1])) == pytest.approx(
        0.95, abs=0.02
    )
    assert abs(a.slope - 1) < 4 * a.slope_se
    assert 0 < a.slope_se < 0.02
    assert abs(a.intercept - 2) < 4 * a.intercept_se
    json.dumps(a.as_json(), allow_nan=False)


def test_a_reference_typed_once_a_lot_says_nothing_of_its_noise():
    lot = np.array([0, 0, 1, 2])
    assert within(np.array([5.0, 5, 7, 9]), lot) == (None, 0)
    a = agreement(np.array([5.0, 6, 7, 9]), np.array([5.0, 5, 7, 9]), lot)
    assert a.reference_noise is None
    assert a.variance_ratio == 1


def test_readings_that_never_change_have_no_line():
    a = agreement(np.full(6, 50.0), np.arange(6.0), np.arange(6))
    assert (a.slope, a.slope_se) == (None, None)
