"""Drivers of a roast meter's sensors on models of their chips, on CPython and on the VM: samples, faults, what is said of them."""

import json
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import firmware_drivers
import sensor_cases
from conftest import FIRMWARE, ROOT
from sensor_cases import ON_VM, Rig

load = firmware_drivers.load
made = load("canbean.begin").reading


@pytest.fixture(scope="module")
def scenes():
    return dict(sensor_cases.scenes(load))


def test_every_scene_is_the_same_on_the_vm(vm):
    said = vm.run(
        ON_VM + "import sensor_cases\nprint(json.dumps(sensor_cases.scenes(load)))",
        path=(FIRMWARE, ROOT / "tests"),
    )
    assert json.loads(said) == json.loads(json.dumps(sensor_cases.scenes(load)))


@pytest.mark.parametrize(("kind", "most"), [("max3010x", 250), ("tcs34725", 100)])
def test_lines_disturbed_at_any_byte_give_a_whole_sample_or_words(scenes, kind, most):
    """`sweep` itself fails where a sample is half or wrong."""
    name = {"max3010x": "MAX3010x", "tcs34725": "TCS34725"}[kind]
    for n, worked, words in (scenes[kind + " sweep"], sensor_cases.sweep(load, kind, late=True)):
        assert 40 < n < most
        assert worked > n // 2
        assert worked + sum(count for _, count in words) == 3 * n
        assert all(text.startswith(f"the {name} ") and "I2C wires" in text for text, _ in words)


@settings(max_examples=50)
@given(st.sets(st.integers(0, 700), max_size=40), st.booleans())
def test_readings_on_bad_lines_are_right_or_there_are_words(faults, late):
    for kind, counts in (("max3010x", [50_000, 110_000]), ("tcs34725", [6720, 5040, 3360, 13_440])):
        rig = Rig(load, kind)
        rig.chip.noise = 0
        rig.bus.faults, rig.bus.late = faults, late
        reading = made(rig.sensor)
        words = []
        for _ in range(200):
            try:
                if reading.step():
                    break
            except OSError as error:
                words.append(str(error))
        assert list(reading.counts) == counts
        assert len(words) <= len(faults)
        assert all("I2C wires" in one for one in words)


def test_a_first_access_that_is_refused_is_tried_again(scenes):
    for kind in ("max3010x", "tcs34725"):
        assert scenes[kind + " refuses once"] == scenes[kind]
        assert scenes[kind + " refuses"].endswith("does not answer: check its power and its I2C wires")


def test_what_is_no_such_chip_is_said(scenes):
    assert scenes["another part"] == "the MAX3010x is not what answers at its address: part id 11"
    assert scenes["another id"] == "the TCS34725 is not what answers at its address: id 10"
    assert scenes["no end of a reset"] == "the MAX3010x does not come out of its reset"


@pytest.mark.parametrize("kind", ["max3010x", "tcs34725", "tcs3200"])
def test_a_frozen_chip_is_said(scenes, kind):
    assert "gives no " in scenes[kind + " frozen"]
    rig = Rig(load, kind).start()
    rig.sample()
    rig.chip.frozen = True
    with pytest.raises(OSError, match="gives no"):
        rig.sample()
    # nor does it give what was before
    rig.chip.frozen = False
    rig.start().sample()


# --- MAX3010x


def max3010x(**settings):
    return Rig(load, "max3010x", **settings).start()


def test_max3010x_red_then_infrared_at_the_current_that_was_set():
    rig = max3010x(noise=0)
    assert rig.sample() == [500 * 100, 1100 * 100]
    rig.sensor.led = 60
    assert rig.sample() == [500 * 60, 1100 * 60]
    # unless the LEDs are in each other's place
    rig.chip.swapped = True
    assert rig.sample() == [1100 * 60, 500 * 60]
    for word in (True, 1):
        rig.sensor.swapped = word
        assert rig.sample() == [500 * 60, 1100 * 60]


def test_max3010x_settings():
    rig = max3010x()
    # interrupt of ambient light; averages of four, no overwriting; red and infrared; 16,384 nA, 200 a second, 411 us
    assert rig.chip.r[2] == 0x20
    assert list(rig.chip.r[8:11]) == [2 << 5, 3, 3 << 5 | 2 << 2 | 3]


def test_max3010x_mean_of_five_averages_rounded_to_the_nearest():
    rig = max3010x(noise=200)
    for _ in range(20):
        sample = rig.sample()
        five = [int.from_bytes(one[i : i + 3], "big") for i in (0, 3) for one in rig.chip.fifo[1:6]]
        assert sample == [round(sum(five[:5]) / 5), round(sum(five[5:]) / 5)]


def test_max3010x_dark_has_its_leds_off():
    rig = max3010x(noise=0, ambient=700)
    assert rig.dark() == [700, 700]
    assert rig.chip.r[0x0C] == rig.chip.r[0x0D] == 0
    # the average that began in the dark is not taken
    assert rig.sample() == [500 * 100 + 700, 1100 * 100 + 700]
    assert rig.dark() == [700, 700]


def test_max3010x_says_when_ambient_light_is_more_than_it_takes_away():
    rig = max3010x(overflowing=True, noise=0)
    rig.sample()
    rig.chip.overflowing = False
    # what was before does not count
    assert rig.dark() == [0, 0]
    rig.chip.overflowing = True
    assert rig.dark() == [0xFFFF, 0xFFFF]


def test_max3010x_saturates():
    rig = max3010x(red=2700, infrared=9999)
    assert rig.sample() == [rig.sensor.FULL] * 2


@pytest.mark.parametrize("celsius16", [-640, -17, -16, -1, 0, 7, 16, 400, 1360])
def test_max3010x_temperature_of_the_die(celsius16):
    rig = max3010x(celsius16=lambda us: celsius16)
    rig.sample()
    assert rig.sensor.celsius() == celsius16


def test_max3010x_temperature_is_of_the_sample():
    rig = max3010x(celsius16=lambda us: us // 1000)
    before = rig.clock.us // 1000
    rig.sample()
    # converted while it was taken, 29 ms
    assert before + 29 <= rig.sensor.celsius() <= before + 33
    rig.sensor.put(0x21, 1)
    with pytest.raises(OSError, match="does not measure its temperature"):
        rig.sensor.celsius()


def test_max3010x_samples_are_those_after_the_call():
    """However long nobody came: what waits in the FIFO is old."""
    rig = max3010x(noise=0)
    rig.clock.sleep_ms(5000)
    rig.chip.infrared = 900
    assert rig.sample() == [500 * 100, 900 * 100]


def test_max3010x_lost_samples_are_noticed():
    rig = max3010x()
    # somebody else had the processor meanwhile: 32 averages are 640 ms
    rig.sensor.sleep = lambda ms: rig.clock.sleep_ms(ms + 700)
    with pytest.raises(OSError, match="lost samples: nobody came in time"):
        rig.sample()
    rig.sensor.sleep = rig.clock.sleep_ms
    rig.sample()


@pytest.mark.parametrize("ms", [10, 60, 119, 121])
def test_max3010x_that_loses_its_power_is_noticed(ms):
    rig = max3010x()
    sleeping = rig.sensor.sleep

    def sleep(wait):
        sleeping(min(wait, ms))
        if wait > 100:
            rig.chip.power_on()
        sleeping(max(0, wait - ms))

    rig.sensor.sleep = sleep
    with pytest.raises(OSError, match="the MAX3010x "):
        rig.sample()
    rig.sensor.sleep = sleeping
    with pytest.raises(OSError, match="gives no samples"):
        rig.sample()
    rig.start().sample()


def test_max3010x_in_a_reset_that_takes_its_time():
    assert max3010x(reset_us=15000, noise=0).sample() == [50000, 110000]


def test_max3010x_sleeps_when_stopped():
    rig = max3010x()
    rig.sensor.stop()
    assert not rig.chip.active()
    rig.start().sample()


@pytest.mark.parametrize("hertz", [100, 120])
def test_max3010x_averages_lamps_away(hertz):
    """What ambient light the chip lets through, of a lamp that is on half of the time, whatever its phase."""
    for phase in range(0, 10000, 700):
        rig = max3010x(noise=0)
        rig.clock.on(phase)
        pulse = rig.chip.pulse

        def lit(led, current, rig=rig, pulse=pulse):
            return pulse(led, current) + 1000 * (rig.chip.at_us * hertz % 1000000 < 500000)

        rig.chip.pulse = lit
        red, infrared = rig.sample()
        assert abs(red - 50500) <= 101
        assert abs(infrared - 110500) <= 101


# --- TCS34725


def tcs34725(**settings):
    return Rig(load, "tcs34725", **settings).start()


def test_tcs34725_channels_gain_and_led():
    rig = tcs34725(light=[40, 30, 20, 80], ambient=[1, 2, 3, 4])
    # 42 steps, four times
    assert rig.dark() == [168, 336, 504, 672]
    assert rig.chip.led_level == 0
    assert rig.sample() == [41 * 168, 32 * 168, 23 * 168, 84 * 168]
    assert rig.chip.led_level == 1
    for gain, times in enumerate((1, 4, 16, 60)):
        rig.sensor.led = gain
        assert rig.dark() == [42 * times, 84 * times, 126 * times, 168 * times]
    rig.sensor.stop()
    assert rig.chip.led_level == rig.chip.r[0] == 0


def test_tcs34725_saturates_by_its_time():
    rig = tcs34725(light=[256, 255, 10, 9999])
    assert rig.sample() == [43008, 42840, 1680, 43008]
    assert rig.sensor.FULL == 43008


@pytest.mark.parametrize("stale", [False, True])
@pytest.mark.parametrize("speed", [937, 1000, 1057])
def test_tcs34725_samples_are_those_after_the_call(stale, speed):
    """Nothing of before is integrated, though the valid flag may stay from it."""
    rig = tcs34725(stale=stale, speed=speed, light=[0, 0, 0, 0])
    for level in (10, 0, 30):
        rig.clock.sleep_ms(77)
        rig.chip.light = [level] * 4
        assert rig.sample() == [level * 42 * 2400000 // speed // 2400 * 4] * 4 or speed != 1000
        counts = rig.sample()
        assert abs(counts[0] - level * 168 * 1000 // speed) <= 1 + level // 10
        assert counts == [counts[0]] * 4


@pytest.mark.parametrize("hertz", [100, 120])
def test_tcs34725_averages_lamps_away(hertz):
    found = set()
    for phase in range(0, 10000, 1300):
        rig = tcs34725(light=[100] * 4, ambient=[10] * 4, flicker=hertz)
        rig.clock.on(phase)
        found.add(rig.sample()[0])
    # half of its light, within 1 % of it: 100.8 ms are not quite whole periods
    assert all(abs(counts - 105 * 168) <= 10 for counts in found)


def test_tcs34725_that_lost_its_power_is_set_anew():
    rig = tcs34725()
    good = rig.sample()
    rig.chip.power_on()
    assert rig.sample() == good
    sleeping = rig.sensor.sleep

    def sleep(ms):
        sleeping(ms)
        if ms > 50:
            rig.chip.power_on()

    rig.sensor.sleep = sleep
    with pytest.raises(OSError, match="gives no samples"):
        rig.sample()


# --- TCS3200


def test_tcs3200_counts_quarters_of_a_hertz():
    rig = Rig(load, "tcs3200", light=[60000, 40000, 30001, 120000], ambient=[0, 9000, 0, 0]).start()
    dark, lit = rig.dark(), rig.sample()
    # 2 % of them, to a thousandth
    for counts, hertz in zip(dark + lit, [0, 9000, 0, 0, 60000, 49000, 30001, 120000], strict=True):
        assert abs(counts - hertz * 8 / 100) <= 1 + hertz * 8 / 100000
    assert rig.chip.level == {"s0": 0, "s1": 1, "s2": 1, "s3": 0, "led": 1}
    rig.sensor.stop()
    assert (rig.chip.level["s1"], rig.chip.level["led"]) == (0, 0)


def test_tcs3200_saturates_and_does_without_s0_and_s1():
    rig = Rig(load, "tcs3200", light=[600000, 600000, 400, 60000])
    rig.sensor.s0 = rig.sensor.s1 = None
    counts = rig.start().sample()
    assert counts[:2] == [rig.sensor.FULL] * 2
    # one pulse in 125 ms is none in 50
    assert counts[2] == 0
    rig.sensor.stop()
    assert rig.chip.level["s1"] == 1


def test_tcs3200_ticks_wrap():
    rig = Rig(load, "tcs3200")
    rig.clock.us = 0x3FFFFFFF - 30000
    rig.start()
    assert rig.sample() == Rig(load, "tcs3200").start().sample()


# --- what it costs


@pytest.mark.parametrize(
    ("kind", "dark", "sample"), [("max3010x", (8, 75), (9, 81)), ("tcs34725", (5, 25), (5, 25))]
)
def test_transactions_and_bytes_of_a_sample(kind, dark, sample):
    """As drivers/README.md has them, of chips that keep their time."""
    rig = Rig(load, kind).start()
    out = array("i", [0] * rig.sensor.CHANNELS)
    for what, cost in ((rig.sensor.dark, dark), (rig.sensor.sample, sample)):
        before = rig.bus.transactions, rig.bus.bytes
        what(out)
        if what == rig.sensor.sample:
            rig.sensor.celsius()
        assert (rig.bus.transactions - before[0], rig.bus.bytes - before[1]) == cost
