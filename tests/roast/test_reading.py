"""A meter's readings: what is there is taken, what is absent is None, what is wrong is named."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.errors import BoardError
from canbean.roast import quality
from canbean.roast.reading import STALE, WHY, Channel, believed, channels, dated, parse, simulated
from firmware_drivers import load
from roastmeter_cases import KIT
from serial_meters import EMPTY, HELLO, READING


def test_all_keys_are_taken():
    found = parse(READING)
    assert (found.value, found.low, found.high, found.degree) == (78.3, 75.1, 81.5, "Medium Light")
    assert (found.why, found.warnings) == ("", [])
    assert {key: found.as_json()[key] for key in READING} == READING


def test_a_meter_without_a_sensor_is_simulated():
    fed = load("drivers.fed_sensor").FedSensor.NAME
    assert simulated({**HELLO, "sensor": fed})
    assert simulated({**HELLO, "unit": "simulated-1"})
    for hello in (HELLO, {}, {"sensor": "max3010x", "unit": None}):
        assert not simulated(hello)
    assert parse(READING).as_json()["data"] == "recorded"
    assert replace(parse(READING), simulated=True).as_json()["data"] == "simulated"


def test_older_firmware_says_less():
    found = parse({"t": 1.5, "value": 80.2, "raw": [1, 2], "quality": "ok"})
    assert (found.value, found.low, found.degree, found.stale, found.counts, found.celsius) == (
        80.2,
        *[None] * 5,
    )


def test_without_a_number_it_says_why():
    for name in quality.QUALITY[1:]:
        found = parse({**READING, "quality": name}, "COM3")
        assert (found.value, found.low, found.high, found.degree) == (None,) * 4
        assert found.why == WHY[name].format(port="COM3")
    assert parse({**EMPTY, "quality": "odd news"}).why == "odd news"
    assert parse({**READING, "stale": True}, "COM3").warnings == [
        "the calibration is stale: run `canbean roast calibrate --port COM3`"
    ]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(list(READING)), JUNK))
def test_whatever_the_line_holds_it_is_a_reading_or_a_clear_error(changes):
    try:
        found = parse({**READING, **changes})
    except BoardError:
        return
    json.dumps(found.as_json(), allow_nan=False)
    try:
        channels(found)
        channels(found, counts=True)
    except BoardError:
        pass


def test_channels_of_a_calibrated_meter_are_percent():
    assert channels(parse(READING)) == [
        Channel("red", 8.123, 3),
        Channel("infrared", 27.456, 3),
        Channel("temperature", 27.25, 2),
    ]
    four = parse({**READING, "raw": [1, 2, 3, 4], "counts": [9, 9, 9, 9], "celsius": None})
    assert [c.name for c in channels(four)] == ["red", "green", "blue", "clear"]


def test_counts_are_taken_where_they_are_wanted():
    raw = parse({**READING, "quality": "not calibrated"})
    assert channels(raw, counts=True) == [
        Channel("red", 31000, 0),
        Channel("infrared", 81000, 0),
        Channel("temperature", 27.25, 2),
    ]
    assert believed(raw, counts=True) == channels(raw, counts=True)
    with pytest.raises(BoardError, match=r"not calibrated.*--counts"):
        believed(raw)


@pytest.mark.parametrize("raw", [[31000, 81000, 2725], [31000, 81000], [31000]])
def test_reflectances_do_not_depend_on_the_model(raw):
    """Of counts, or of some channels: the unit's calibration says what they are, as the board would."""
    found = parse({**READING, "raw": raw})
    milli = KIT.apply([READING["counts"]], [round(16 * READING["celsius"])])[0]
    assert channels(found, calibration=KIT) == [
        Channel("red", milli[0] / 1000, 3),
        Channel("infrared", milli[1] / 1000, 3),
        Channel("temperature", 27.25, 2),
    ]
    for calibration in (None, replace(KIT, channels=KIT.channels[:1])):
        with pytest.raises(BoardError, match=r"not calibrated.*--counts"):
            channels(found, calibration=calibration)


def test_another_sensor_needs_names():
    three = parse({**READING, "raw": [1000, 2000, 3000, 4000, 5000, 6000, 2725], "counts": [1] * 6})
    assert channels(three)[0].name == "channel1"
    names = ["r", "s", "t", "u", "v", "w"]
    assert [c.name for c in channels(three, names)] == [*names, "temperature"]
    with pytest.raises(BoardError, match="not 2"):
        channels(three, names[:2])
    with pytest.raises(BoardError, match="sends no counts"):
        channels(parse({"value": 1, "raw": [1]}), counts=True)


def test_a_reading_is_dated_where_the_board_knows_no_date():
    unknown = parse({**READING, "stale": None})
    day = KIT.date
    assert dated(unknown, None, day) == unknown
    assert dated(unknown, KIT.words(), day).stale is False
    assert dated(unknown, KIT.words(), day + dt.timedelta(181)).warnings == [STALE.format(port="PORT")]
    hot = parse({**READING, "stale": None, "celsius": 46.0})
    assert dated(hot, KIT.words(), day).stale is True
    # what the board says counts
    assert dated(parse(READING), KIT.words(), day + dt.timedelta(181)).stale is False
