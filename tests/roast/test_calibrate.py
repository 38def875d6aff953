"""A calibration is what the unit is, and whatever is done wrong gets one line."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.errors import CalibrationError, UsageError
from canbean.roast import calibrate, optics, references, simulate, units
from canbean.roast.calibrate import Known, Series
from canbean.roast.guide import Guide, Step
from canbean.roast.references import BLACKS, WHITES

DAY = dt.date(2026, 11, 26)
NAMES = ("red", "infrared")
SHEET, TONER = WHITES["ptfe-sheet"], BLACKS["toner"]
GUIDE = Guide(units.SENSORS["max3010x"], SHEET, TONER)
BANDS = np.array(units.SENSORS["max3010x"].bands)


@pytest.mark.parametrize("number", [0, 1, 17, 42])
def test_the_led_is_measured_and_reflectances_come_out(number):
    unit, made = simulate.unit_of("max3010x", number)
    drift = np.array([c.alpha for c in made.channels]) / 1e6
    assert drift == pytest.approx(unit.drift, abs=4e-4)
    for celsius in (15.0, 45.0):
        counts = np.rint(unit.counts([[0.08, 0.24]], celsius))
        found = made.apply(counts, unit.celsius16([celsius]))[0] / 1000 * simulate.TABLE
        # a piece and three spots, and the coefficient over 25 degrees
        assert found == pytest.approx([8.0, 24.0], rel=0.025)


def test_a_unit_is_calibrated_the_same_again():
    assert simulate.calibration(units.Unit.drawn(7), 7) == simulate.calibration(units.Unit.drawn(7), 7)


@pytest.mark.parametrize("sensor", ["max3010x", "tcs34725"])
def test_white_alone_brings_a_calibration_up_to_date(sensor):
    unit, made = simulate.unit_of(sensor, 7)
    worn = replace(unit, gain=tuple(0.93 * g for g in unit.gain), window=tuple(0.93 * w for w in unit.window))
    again = simulate.calibrated_again(worn, made, 7)
    light = np.full((1, len(unit.gain)), 0.1)

    def read(meter, calibration):
        celsius = meter.die([23.0], [60.0])
        return calibration.apply(np.rint(meter.counts(light, celsius)), meter.celsius16(celsius))[0]

    # spots of the white, twice; what the window sends back has faded with the light
    assert read(worn, again) == pytest.approx(read(unit, made), rel=0.02)
    assert (np.abs(read(worn, made) / read(unit, made) - 1) > 0.05).all()
    assert again.empty == pytest.approx(made.empty, abs=40)
    assert (again.unit, again.at) == (made.unit, made.at)


def test_what_is_not_the_white_of_before_is_refused():
    sensor = units.SENSORS["tcs34725"]
    unit, made = simulate.unit_of("tcs34725", 3)
    dim = replace(unit, gain=tuple(0.7 * g for g in unit.gain))
    with pytest.raises(
        CalibrationError, match=r"white: red reads 7.* % of what it did: this is not the white"
    ):
        simulate.calibrated_again(dim, made, 3)
    with pytest.raises(CalibrationError, match="white 2: not read yet"):
        guide = Guide(sensor, SHEET, TONER, before=made)
        guide.taken["white"] = Series.of([[1000] * 4], None)
        guide.finish("x", DAY)
    two = simulate.unit_of("max3010x", 3)[1]
    with pytest.raises(CalibrationError, match="2 channels, the sensor 4"):
        calibrate.again(two, DAY, sensor.channels, [])


def taken(**changes):
    """What `fit` is given of a unit that was treated well, and what is changed."""
    meter = simulate.Meter(units.Unit.drawn(6), 3)
    given = {}
    for name, lay, readings in (
        ("warming", "white", 20), ("white", "white", 3), ("again", "white", 3), ("black", "black", 3), ("empty", "empty", 3)
    ):  # fmt: skip
        meter.follow(Step(lay, ""), GUIDE)
        given[name] = meter.series(readings)
    return {**given, **changes}


def fit(g):
    known = [
        Known("white", g["white"], SHEET.channels(BANDS), SHEET.spread),
        Known("white", g["again"], SHEET.channels(BANDS), SHEET.spread),
        Known("black", g["black"], TONER.channels(BANDS), TONER.spread),
    ]
    return calibrate.fit("bar", DAY, NAMES, g["empty"], known, g["warming"], calibrate.NOMINAL["max3010x"])


def scaled(series, by):
    return Series(series.counts * np.asarray(by), series.celsius16)


def test_what_is_right_is_taken():
    made = fit(taken())
    assert made.unit == "bar"
    assert made.empty == pytest.approx([0, 0], abs=150)


good = taken()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"white": good["black"], "again": good["black"], "black": good["white"]}, "taken for each other"),
        ({"empty": good["white"]}, "no more than the empty window"),
        ({"black": good["empty"]}, "black: .* no more than the empty window|nothing lay on it"),
        ({"again": scaled(good["again"], 0.8)}, "did not lie flat"),
        ({"black": scaled(good["black"], [1, 3])}, "many blacks are dyed"),
        ({"warming": scaled(good["warming"], np.linspace(1, 1.3, 20)[:, None])}, "the tile moved"),
        (
            {"warming": scaled(good["warming"], np.where(np.arange(20) == 9, 0.9, 1)[:, None])},
            "the tile moved",
        ),
        ({"warming": scaled(good["warming"], 0)}, "sees no light"),
        ({name: scaled(good[name], 0) for name in ("white", "again", "black", "empty")}, "nothing lay on it"),
    ],
)
def test_what_is_wrong_gets_one_line(changes, says):
    with pytest.raises(CalibrationError, match=says) as said:
        fit({**good, **changes})
    assert "\n" not in str(said.value)


@given(st.lists(st.floats(0, 262_143), min_size=10, max_size=10), st.floats(-40, 85))
def test_no_numbers_bring_it_down(counts, celsius):
    n = np.array(counts).reshape(5, 1, 2)
    series = [Series.of(row, [16 * celsius]) for row in n]
    g = dict(zip(("warming", "white", "again", "black", "empty"), series, strict=True))
    try:
        made = fit(g)
    except CalibrationError:
        return
    assert made.channels[0].gain > 0


def test_too_little_warmth_takes_the_nominal_coefficient():
    assert calibrate.coefficients(Series.of([[1000, 2000]] * 5, [400, 401, 402, 403, 404]), NAMES) is None
    assert calibrate.coefficients(Series.of([[1000, 2000]] * 5, None), NAMES) is None
    made = fit({**good, "warming": None})
    assert [c.alpha for c in made.channels] == [-6500, -7000]


@pytest.mark.parametrize("degree", [25, 60, 110, 150])
@pytest.mark.parametrize("model", optics.OPTICS)
@pytest.mark.parametrize("number", [1, 2])
def test_coffee_tells_which_led_is_which(degree, model, number):
    unit = units.Unit.drawn(number)
    for swapped in (False, True):
        meter = simulate.Meter(replace(unit, swapped=swapped), 1)
        guide = Guide(unit.sensor, SHEET, TONER)
        for step in guide.steps:
            meter.follow(step, guide)
            if step.name == "coffee":
                meter.lay(optics.OPTICS[model](degree))
            guide.take(step, meter.series(step.readings))
        made, measured, turned = guide.finish("u", DAY)
        assert (measured, turned) == (True, swapped)
        # turned round, it is the calibration of the LEDs by their names
        drift = [c.alpha / 1e6 for c in made.channels]
        assert drift == pytest.approx(unit.drift, abs=5e-4)


def test_white_black_and_fingers_in_the_air_do_not():
    meter = simulate.Meter(units.Unit.drawn(2), 1)
    made = simulate.calibration(meter.unit, 1)
    for what in ("white", "black", "empty"):
        meter.follow(Step(what, ""), GUIDE)
        with pytest.raises(CalibrationError, match="this is no ground coffee"):
            calibrate.swapped(made, meter.series(3), NAMES)
    assert not calibrate.swapped(made, meter.series(3), ("red", "green", "blue", "clear"))


def test_names_and_references_that_are_none():
    with pytest.raises(CalibrationError, match="unit 'a b'"):
        calibrate.fit("a b", DAY, NAMES, good["empty"], [], None, (0, 0))
    with pytest.raises(UsageError, match="no white reference 'flour': there are ptfe-sheet"):
        references.white("flour")
    with pytest.raises(UsageError, match="no black reference 'ink'"):
        references.black("ink")
