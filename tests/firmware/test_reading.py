"""Taking a reading: slices, statistics, temperature, quality and faults, on models of the chips; the host's twin."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_drivers
import meter_cases
from canbean.roast import sampling as host
from conftest import FIRMWARE, ROOT
from sensor_cases import ON_VM, Rig

load = firmware_drivers.load
made = load("canbean.begin").reading
counts = st.integers(0, (1 << 18) - 1)


class Fed:
    """A sensor of two channels that gives samples of a list, each with a temperature."""

    CHANNELS, FULL, CANCELS = 2, 0x3FFFF, True

    def __init__(self, samples, dark=(0, 0)):
        self.samples, self.given_dark = list(samples), dark
        self.starts = 0

    def start(self):
        self.starts += 1

    def dark(self, out):
        out[0], out[1] = self.given_dark

    def sample(self, out):
        out[0], out[1], self.at = self.samples.pop(0)

    def celsius(self):
        return self.at


class Calibration:
    """Reflectance is a tenth of the counts and a thousand for each degree above 25."""

    empty = (700, 900)

    def apply(self, counts, celsius16, out):
        for i in range(2):
            out[i] = counts[i] // 10 + (celsius16 - 400) * 1000 // 16


def done(reading):
    for _ in range(50):
        if reading.step():
            return reading
    raise AssertionError("no reading")


# --- statistics


@given(st.lists(st.tuples(counts, counts, st.integers(-700, 1400)), min_size=5, max_size=5))
def test_the_middle_of_samples_as_on_the_host(samples):
    reading = done(made(Fed(samples)))
    values = np.array(samples).T
    middle = host.middle(values).tolist()
    assert [*reading.counts, reading.celsius16] == middle
    assert list(reading.spread) == host.spread(values)[:2].tolist()
    assert list(reading.channels) == [*middle[:2], (middle[2] * 100 * 2 + 16) // 32]


def test_on_the_vm_as_on_the_host(vm):
    rng = np.random.default_rng(3)
    samples = rng.integers(0, 1 << 18, (200, 5)).tolist()
    code = f"""
from canbean.reading import middle
print([middle(sorted(one)) for one in {samples}])
"""
    assert json.loads(vm.run(code)) == host.middle(samples).tolist()


@given(st.permutations([100, 101, 102, 103, 99999]), st.permutations([5000, 5001, 5002, 5003, 0]))
def test_one_wild_sample_does_nothing(red, infrared):
    reading = done(made(Fed([(a, b, 400) for a, b in zip(red, infrared, strict=True)])))
    assert 101 <= reading.counts[0] <= 103
    assert 5000 <= reading.counts[1] <= 5002
    assert max(reading.spread) == 2


# --- sensors


def test_every_sensor_and_scene_is_the_same_on_the_vm(vm):
    found = meter_cases.readings(load)
    said = vm.run(
        ON_VM + "import meter_cases\nprint(json.dumps(meter_cases.readings(load)))",
        path=(FIRMWARE, ROOT / "tests"),
    )
    assert json.loads(said) == json.loads(json.dumps(found))


@pytest.fixture(scope="module")
def readings():
    return {(name, kind): rest for name, kind, *rest in meter_cases.readings(load)}


def test_a_reading_is_there_soon_and_never_blocks(readings):
    """From power-on: started, dark, five samples; Artisan waits 2 s for one, whoever turned the meter on 5 s."""
    for (_, kind), ((steps, longest, ms), *_) in readings.items():
        assert steps == (13 if kind == "tcs3200" else 7)
        assert longest <= 150
        assert ms <= 1500


def test_quality(readings):
    assert {scene: quality for scene, (_, quality, *_) in readings.items()} == {
        ("cup", "max3010x"): "ok",
        ("cup", "tcs34725"): "ok",
        ("cup", "tcs3200"): "ok",
        ("saturated", "max3010x"): "saturated",
        ("sun", "max3010x"): "ambient light",
        ("leak", "max3010x"): "ambient light",
        ("leak", "tcs34725"): "ambient light",
        ("restless", "max3010x"): "not settled",
    }


def test_dark_is_taken_away_where_the_chip_does_not(readings):
    _, _, (lit, _, dark, _), celsius16 = readings["leak", "tcs34725"]
    assert dark == [1680, 1680, 1680, 5040]
    assert lit == [168 * 40, 168 * 30, 168 * 20, 168 * 80]
    assert celsius16 is None
    _, _, (lit, _, dark, _), celsius16 = readings["leak", "max3010x"]
    assert min(dark) > 19900
    assert lit[1] > 1100 * 100 + 19900
    assert celsius16 == 400


def test_from_cold_a_reading_is_compensated_within_five_seconds():
    """A warm-up of 6 degrees in 15 s, LEDs that lose 0.9 % a degree: the counts belong to the temperature that is told."""
    rig = Rig(load, "max3010x", noise=0)
    celsius = lambda us: 20 + 6 * (1 - np.exp(-us / 15e6))  # noqa: E731
    rig.chip.celsius16 = lambda us: int(celsius(us) * 16)
    pulse = rig.chip.pulse
    rig.chip.pulse = lambda led, current: int(
        pulse(led, current) * (1 - 0.009 * (celsius(rig.chip.at_us) - 20))
    )
    reading = made(rig.sensor)
    rig.clock.sleep_ms(500)
    done(reading)
    assert rig.clock.us < 5e6
    warm = reading.celsius16 / 16 - 20
    assert 0 < warm < 1
    # within a tenth of a point: 1 % is about one
    assert abs(reading.counts[1] / (1 - 0.009 * warm) / (1100 * 100) - 1) < 0.001
    later = [done(reading).counts[1] / (1 - 0.009 * (reading.celsius16 / 16 - 20)) for _ in range(40)]
    assert max(later) / min(later) < 1.001


# --- the calibration


def test_reflectances_then_the_temperature():
    reading = done(made(Fed([(100_000, 50_000, 408)] * 5), Calibration(), True))
    assert list(reading.channels) == [10_500, 5_500, 2550]
    assert (reading.quality, reading.celsius16) == ("ok", 408)


@pytest.mark.parametrize(
    ("samples", "quality"),
    [
        ((9_000, 9_000, 400), "empty"),
        ((7_000, 15_000, 400), "dirty window"),
        ((200_000, 262_000, 400), "saturated"),
    ],
)
def test_what_is_on_the_window(samples, quality):
    assert done(made(Fed([samples] * 5), Calibration())).quality == quality


def test_a_calibration_that_is_wanted_and_not_there():
    reading = done(made(Fed([(100_000, 50_000, 400)] * 5), None, True))
    assert (reading.quality, list(reading.channels)) == ("not calibrated", [100_000, 50_000, 2500])
    assert done(made(Fed([(100_000, 50_000, 400)] * 5))).quality == "ok"


def test_a_calibration_of_another_sensor_is_as_good_as_none():
    for wanted, quality in ((True, "not calibrated"), (False, "ok")):
        rig = Rig(load, "tcs34725")
        reading = made(rig.sensor, Calibration(), wanted)
        meter_cases.read(load, reading, rig.clock)
        assert (reading.quality, list(reading.channels)[:4]) == (quality, list(reading.counts))


# --- faults


def test_after_a_fault_it_begins_anew():
    for at in range(0, 700, 13):
        rig = Rig(load, "max3010x", noise=0)
        reading = made(rig.sensor)
        rig.bus.faults = (at, at + 1, at + 2)
        words = []
        for _ in range(16):
            try:
                if reading.step():
                    break
            except OSError as error:
                words.append(str(error))
        assert len(words) <= 1
        assert not words or words[0].startswith("the MAX3010x ")
        # those that were disturbed before the reading was there were told
        assert words or at > 480
        assert list(reading.counts) == [50_000, 110_000]


def test_a_sensor_that_comes_back_reads_on():
    rig = Rig(load, "tcs34725")
    reading = done(made(rig.sensor))
    chips, rig.bus.chips = rig.bus.chips, {}
    for _ in range(5):
        with pytest.raises(OSError, match="the TCS34725 does not answer"):
            reading.step()
    rig.chip.power_on()
    rig.bus.chips = chips
    assert done(reading).quality == "ok"


def test_a_sensor_that_lost_its_power_is_started_again():
    rig = Rig(load, "max3010x", noise=0)
    reading = done(made(rig.sensor))
    for slices in range(1, 6):
        for _ in range(slices):
            reading.step()
        rig.chip.power_on()
        with pytest.raises(OSError, match="the MAX3010x gives no samples"):
            reading.step()
        assert list(done(reading).counts) == [50_000, 110_000]


def test_the_last_reading_stands_until_the_next_is_there():
    reading = done(made(Fed([(100_000, 50_000, 400)] * 5 + [(80_000, 40_000, 416)] * 5)))
    for _ in range(5):
        assert not reading.step()
        assert list(reading.counts) == [100_000, 50_000]
        assert reading.celsius16 == 400
    assert reading.step()
    assert (list(reading.counts), reading.celsius16, reading.sensor.starts) == ([80_000, 40_000], 416, 1)


def test_transactions_and_bytes_of_a_reading():
    """As drivers/README.md has them."""
    found = {}
    for kind in ("max3010x", "tcs34725"):
        rig = Rig(load, kind)
        reading = done(made(rig.sensor))
        for pause in range(0, 20000, 1300):
            rig.clock.on(pause)
            before = rig.bus.transactions, rig.bus.bytes
            done(reading)
            found.setdefault(kind, set()).add((rig.bus.transactions - before[0], rig.bus.bytes - before[1]))
    # the sixth average may come while it is asked for
    assert found["max3010x"] <= {(53 + n, 480 + 6 * n) for n in range(6)}
    assert found["tcs34725"] == {(30, 150)}
