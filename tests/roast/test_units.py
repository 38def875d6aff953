"""Units of the simulated population differ as they are said to, and their readings show what happens to them."""

import numpy as np
import pytest

from canbean.errors import UsageError
from canbean.roast import quality, simulate, units
from canbean.roast.units import SENSORS, Unit, measure, sensor

N = 400
COFFEE = np.array([[0.08, 0.24]] * N)


def test_the_population_is_as_wide_as_it_is_said_to_be():
    drawn = [Unit.drawn(seed) for seed in range(1, 201)]
    gain = np.array([u.gain for u in drawn]) / 175_000
    window = np.array([u.window for u in drawn])
    drift = np.array([u.drift for u in drawn])
    assert 0.75 <= gain.min() < 0.77
    assert 1.23 < gain.max() <= 1.25
    assert 5_000 <= window.min() < 5_500
    assert 24_500 < window.max() <= 25_000
    assert -0.009 <= drift.min() < -0.0085
    assert Unit.drawn(3) == drawn[2]
    assert Unit.drawn(0).name == "simulated-0"


@pytest.mark.parametrize("kind", SENSORS)
def test_no_unit_is_saturated_by_white(kind):
    for seed in range(201):
        u = Unit.drawn(seed, kind)
        assert u.counts(np.full(len(u.gain), 0.96), 15.0).max() < SENSORS[kind].full * (1 - 1 / 128)


def test_leds_fade_as_they_warm():
    u = Unit.drawn(0)
    cold, warm = u.counts([0.08, 0.24], 25.0), u.counts([0.08, 0.24], 30.0)
    assert warm / cold == pytest.approx(np.exp(5 * np.array(u.drift)))
    assert u.die(20.0, 0.0) == 20.0
    assert 24 < u.die(20.0, 120.0) < 24.5


def test_a_white_led_is_bright_for_all_channels_alike():
    u = Unit.drawn(5, "tcs34725")
    assert np.ptp(np.array(u.gain) / u.sensor.gain) < 0.15
    assert len(set(u.drift)) == 1
    assert u.celsius16([25.0]) is None


def judged(made, full, setup):
    _unit, calibration = setup
    milli = calibration.apply(made.counts, made.celsius16)
    return quality.judge(made.counts, made.dark, made.spread, full, milli, calibration.empty)


@pytest.mark.parametrize(
    ("code", "light", "ambient"),
    [
        (quality.OK, COFFEE, 0.0),
        (quality.EMPTY, COFFEE * 0, 0.0),
        (quality.DIRTY, COFFEE * 0 + 0.012, 0.0),
        (quality.SATURATED, COFFEE * 0 + 1.9, 0.0),
        (quality.NOT_SETTLED, COFFEE[:, None, :] * (np.arange(5) > 1)[None, :, None], 0.0),
    ],
)
def test_what_happens_is_what_is_said(code, light, ambient):
    setup = simulate.unit_of("max3010x", 4)
    made = measure(setup[0], light, np.full(N, 30.0), np.random.default_rng(1), ambient)
    said = judged(made, setup[0].sensor.full, setup)
    assert np.mean(said == code) == 1


def test_light_of_the_room_is_measured_and_taken_away():
    setup = simulate.unit_of("tcs34725", 2)
    light = units.seen(setup[0].sensor, np.full((N, 5), 0.1))
    rng = np.random.default_rng(1)
    dark, leak, open_lid = (measure(setup[0], light, np.full(N, 25.0), rng, a) for a in (0.0, 0.003, 0.1))
    assert np.median(leak.counts, axis=0) == pytest.approx(np.median(dark.counts, axis=0), abs=2)
    assert (judged(leak, setup[0].sensor.full, setup) == quality.OK).all()
    assert (judged(open_lid, setup[0].sensor.full, setup) == quality.AMBIENT).all()


def test_an_unknown_sensor_is_named():
    with pytest.raises(UsageError, match="no sensor 'eye': there are max3010x"):
        sensor("eye")
