"""From counts to text the board is the host to the last digit, on 10,000 readings: reflectance, quality, model, scale."""

import json

import numpy as np

from canbean.roast import quality
from canbean.tiny import cbm
from roastmeter_cases import KIT, SHOWN, model, regressor

READINGS = 10_000
FULL = 0x3FFFF
ON_VM = """
import json
from array import array
from apps.roastmeter import load
from canbean.begin import reading as made
from canbean.calibrated import reflectance
from drivers.fed_sensor import FedSensor
digest, regressor = load("m.cbm")
scale = regressor.scale
sensor = FedSensor(2)
reading = made(sensor, reflectance({words!r}.split()), scale.calibrated)

with open("cups.bin", "rb") as file:
    numbers = array("i", file.read())
for at in range(0, len(numbers), 3):
    sensor.feed(numbers[at : at + 2], numbers[at + 2])
    while not reading.step():
        pass
    said = [reading.quality, list(reading.channels)]
    if reading.quality == "ok":
        score = regressor.predict(reading.channels)
        half = scale.half(score)
        said += [scale.words(s) for s in (score, max(score - half, regressor.low), min(score + half, regressor.high))]
        said.append(scale.degree(score))
    print(json.dumps(said))
"""


def cups():
    """Counts and 1/16 degrees of cups all over the scale, of windows, and of anything."""
    rng = np.random.default_rng(11)
    n = READINGS // 2
    percent = rng.uniform(3, 30, n)
    counts = np.column_stack([9000 + percent / 0.0004, 15000 + percent * rng.uniform(1.3, 1.7, n) / 0.0003])
    anything = rng.integers(0, FULL, (READINGS - n, 2), endpoint=True)
    anything[:500] = rng.choice([0, 9100, 15200, FULL - 2048, FULL - 2047, FULL], (500, 2))
    counts = np.clip(np.vstack([np.rint(counts), anything]).astype(np.int64), 0, FULL)
    return counts, rng.choice([*range(-800, 2401, 16), *range(240, 720)], READINGS)


def on_host(counts, celsius16):
    """What the host makes of them."""
    milli = KIT.apply(counts, celsius16)
    empty = KIT.apply(np.array([[one.empty for one in KIT.channels]]), np.array([KIT.at]))[0]
    nothing = np.zeros_like(counts)
    found = quality.judge(counts, nothing, nothing, FULL, milli, empty)
    channels = np.column_stack([milli, celsius16 * 25 + 2 >> 2])
    one = regressor()
    scores = one.predict(channels)
    low, high = one.limits
    halves = SHOWN.half(scores)
    for i in range(len(counts)):
        said = [quality.QUALITY[found[i]], channels[i].tolist()]
        if not found[i]:
            score, half = int(scores[i]), int(halves[i])
            said += [SHOWN.scale.words(s) for s in (score, max(score - half, low), min(score + half, high))]
            said.append(SHOWN.scale.degree(score))
        yield said


def test_ten_thousand_readings(vm, tmp_path):
    cbm.write(tmp_path / "m.cbm", model())
    counts, celsius16 = cups()
    np.column_stack([counts, celsius16]).astype("<i4").tofile(tmp_path / "cups.bin")
    code = ON_VM.format(words=KIT.words())
    said = [json.loads(line) for line in vm.run(code, cwd=tmp_path).splitlines()]
    expected = list(on_host(counts, celsius16))
    assert len(said) == len(expected) == READINGS
    assert [i for i in range(READINGS) if said[i] != expected[i]] == []
    kinds = {one[0] for one in said}
    assert {"ok", "empty", "saturated", "dirty window"} <= kinds
    values = {one[2] for one in said if one[0] == "ok"}
    assert len(values) > 500
