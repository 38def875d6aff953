"""Counts become reflectances in the board's integers; a calibration is read back as it was written."""

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.errors import CalibrationError
from canbean.roast.calibration import Calibration, Channel
from reflectance_cases import random_calibration

DAY = dt.date(2026, 11, 26)
TEXT = "2026-11-26 bar-1 400 160000 119000 -7000 10021 81000 131000 -6500 5100"


def test_a_line_is_read_back_as_it_was_written():
    c = Calibration.parse("calibration " + TEXT)
    assert c.words() == TEXT
    assert c == Calibration.parse(TEXT)
    assert (c.date, c.unit, c.at) == (DAY, "bar-1", 400)
    assert c.channels[1] == Channel(81000, 131000, -6500, 5100)


@given(st.integers(0, 2**32 - 1))
def test_so_is_any_other(seed):
    c = random_calibration(np.random.default_rng(seed))
    assert Calibration.parse(c.words()) == c


@given(st.text(alphabet="0123456789- .abT", max_size=60) | st.text(max_size=60))
def test_what_is_no_calibration_gets_one_line(text):
    with pytest.raises(CalibrationError) as said:
        Calibration.parse(text)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (TEXT.replace("2026-11-26", "yesterday"), "yesterday"),
        (TEXT.replace("bar-1", "b,r"), "'b,r'"),
        (TEXT.replace(" 400 ", " 4000 "), "T0 4000"),
        (TEXT.replace("-7000", "-70000"), "alpha -70000"),
        (TEXT.replace("119000", "0"), "gain 0"),
        (TEXT + " 7", "12 words"),
        (TEXT.replace("119000", "1e5"), "'1e5'"),
    ],
)
def test_the_message_names_the_word(wrong, says):
    with pytest.raises(CalibrationError, match="calibration: .*" + says):
        Calibration.parse(wrong)


@given(
    reflectance=st.floats(0.5, 100),
    window=st.floats(0, 25_000),
    bright=st.floats(60_000, 220_000),
    drift=st.floats(-0.009, 0),
    at=st.integers(15 * 16, 45 * 16),
    now=st.integers(15 * 16, 45 * 16),
)
def test_it_inverts_what_a_sensor_does(reflectance, window, bright, drift, at, now):  # noqa: PLR0917 - hypothesis names them
    c = Calibration(DAY, "u", at, (Channel.of(window, 100 / bright, drift, window),))
    counts = (window + bright * reflectance / 100) * math.exp(drift * (now - at) / 16)
    found = c.apply([[round(counts)]], [now])[0, 0] / 1000
    # half a count, and the series
    assert found == pytest.approx(reflectance, abs=0.0012 + 60 / bright + 2e-4 * (reflectance + 40))


def test_a_sensor_without_a_thermometer_is_read_as_it_is():
    c = Calibration(DAY, "u", None, (Channel.of(0, 100 / 20_000, -0.002, 0),))
    assert c.apply([[10_000]], [999]).tolist() == c.apply([[10_000]]).tolist() == [[50_000]]


def test_an_old_or_distant_calibration_is_said_to_be_stale():
    c = Calibration.parse(TEXT)
    assert c.stale(DAY, 400) is None
    assert "181 days ago" in c.stale(DAY + dt.timedelta(181), 400)
    assert c.stale(DAY + dt.timedelta(181), 400, days=365) is None
    assert "not yet" in c.stale(DAY - dt.timedelta(1))
    assert "46 degrees, calibrated at 25" in c.stale(DAY, 46 * 16)
    assert c.stale(DAY, 44 * 16) is None
