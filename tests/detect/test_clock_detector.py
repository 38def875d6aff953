"""The detector of drifting clocks: a masquerader with another crystal is seen, clean traffic is not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import logs, simulate
from canbean.detect import detectors
from canbean.detect.detectors import clock
from canbean.detect.drift import drifts
from canbean.detect.learn import learn
from canbean.errors import ModelError
from detector_cases import clean_of, traffic_of
from drift_cases import random_clock
from sender_cases import masquerade

SLEEP_US = 1_000_000


@pytest.fixture(scope="module")
def clean():
    return clean_of(simulate.drive(120, 3))


@pytest.fixture(scope="module")
def learned(clean):
    return clock.learn(clean)


@pytest.fixture(scope="module")
def other():
    return simulate.drive(90, 4)


def opened(detector, table, keys):
    """When alerts are raised, in seconds, what was judged, and the windows."""
    traffic = traffic_of(table, keys, SLEEP_US)
    said = detector.judge(traffic)
    loud = np.flatnonzero(detector.gate.opens(said.bits, traffic.epoch[said.at]))
    return (table.t_us[said.at[loud]] - table.t_us[0]) / 1e6, said, loud


def test_it_is_found_by_name():
    assert "clock" in detectors.names()
    assert detectors.module("clock").TAG == "CLCK"


def test_another_clean_drive_is_quiet(clean, learned, other):
    seconds, said, _ = opened(learned, other, clean.traffic.keys)
    assert not len(seconds)
    assert len(said.at) > 15 * 90
    for bits in (6, 8, 10):
        assert np.mean(said.bits >= 16 * bits) <= 4 * 2.0**-bits


@pytest.mark.parametrize("key", [0x0A5, 0x110, 0x1C8, 0x218])
@pytest.mark.parametrize("ppm", [-250, 250])
def test_a_masquerader_is_named_with_the_rate_of_its_clock(key, ppm, clean, learned, other):
    attacked = masquerade(other, key, ppm, start_s=30, length_s=40)
    seconds, said, loud = opened(learned, attacked, clean.traffic.keys)
    row = int(np.searchsorted(clean.traffic.keys, key))
    during = (seconds > 30) & (seconds < 71)
    assert np.all(during)
    assert seconds[0] < 42
    assert {int(said.blamed[window]) for window in loud} == {row}
    kind, expected, seen = said.words(int(loud[-1]))
    assert kind == "timing"
    assert expected.startswith(f"clock of {key:03X} within -")
    rate, unit = seen.split()[:2]
    assert unit == "ppm"
    assert 0.4 < int(rate) / ppm < 1.5


def test_what_a_crystal_does_by_itself_is_no_alert(clean, learned, other):
    for key in (0x0A5, 0x110, 0x1C8):
        seconds, _, _ = opened(
            learned, masquerade(other, key, 20, start_s=20, length_s=60), clean.traffic.keys
        )
        assert not len(seconds)


@pytest.mark.parametrize("ppm", [-120, 120])
def test_a_board_whose_own_clock_is_off_is_quiet_and_sees_the_masquerader(ppm, clean, learned, other):
    keys = clean.traffic.keys
    off = other.changed(t_us=np.rint(other.t_us * (1 + 1e-6 * ppm)).astype(np.int64))
    assert not len(opened(learned, off, keys)[0])
    attacked = masquerade(other, 0x0A5, 300, start_s=40, length_s=30)
    attacked = attacked.changed(t_us=np.rint(attacked.t_us * (1 + 1e-6 * ppm)).astype(np.int64))
    assert len(opened(learned, attacked, keys)[0])


def test_a_beat_that_moves_once_and_lost_frames_are_none_of_its_business(clean, learned, other):
    own = np.flatnonzero(other.key == 0x230)
    k = int(np.flatnonzero(clean.traffic.keys[learned.table.row] == 0x230)[0])
    t_us = other.t_us.copy()
    t_us[own[len(own) // 2 :]] += 700
    moved = other.changed(t_us=t_us).in_time_order()
    assert not len(opened(learned, moved, clean.traffic.keys)[0])
    patient = learned.table._replace(tolerance_us=np.full(len(learned.table.row), 5000))
    said = drifts(patient, traffic_of(moved, clean.traffic.keys, SLEEP_US))
    assert said.sum_us[said.clock == k].max() > 400
    assert said.counted_us[said.clock == k].max() < 300
    rng = np.random.default_rng(1)
    fewer = other[(other.key != 0x0A5) | (rng.random(len(other)) > 0.02)]
    assert not len(opened(learned, fewer, clean.traffic.keys)[0])


def test_a_measurement_does_not_outlive_a_sleep(clean, learned, other):
    attacked = masquerade(other, 0x0A5, 300, start_s=30, length_s=60)
    late = attacked.t_us - attacked.t_us[0] > 50e6
    apart = attacked.changed(t_us=attacked.t_us + np.where(late, 20_000_000, 0))
    table = learned.table
    k = int(np.flatnonzero(clean.traffic.keys[table.row] == 0x0A5)[0])
    said = drifts(table, traffic_of(apart, clean.traffic.keys, SLEEP_US))
    own = (said.clock == k) & (said.at >= np.argmax(late))
    assert said.age[own][:3].tolist() == [1, 2, 3]
    assert np.abs(said.sum_us[own][0]) < np.abs(said.sum_us[said.clock == k]).max() / 4


def test_the_time_of_day_and_the_rest_of_the_log_change_nothing(clean, learned, other):
    keys = clean.traffic.keys
    said = learned.judge(traffic_of(other, keys, SLEEP_US))
    moved = learned.judge(traffic_of(other.changed(t_us=other.t_us + 86_400_000_000), keys, SLEEP_US))
    assert np.array_equal(said.bits, moved.bits)
    part = learned.judge(traffic_of(other[:20_000], keys, SLEEP_US))
    assert np.array_equal(said.bits[: len(part.bits)], part.bits)


def test_a_coarse_or_short_log_or_one_without_clocks_teaches_nothing(clean):
    table = clean.traffic.frames
    assert clock.learn(clean_of(table.changed(t_us=table.t_us // 1000 * 1000))) is None
    assert clock.learn(clean_of(table.between(0, 5))) is None
    rng = np.random.default_rng(1)
    wild = np.cumsum(rng.exponential(1000, 30_000)).astype(np.int64)
    assert clock.learn(clean_of(table[:30_000].changed(t_us=wild))) is None


def test_the_same_log_gives_the_same_bytes(clean, learned):
    content = clock.learn(clean).to_bytes()
    assert content == learned.to_bytes()
    assert len(content) == 16 + -(-14 * len(learned.table.row) // 4) * 4


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_a_section_comes_back_and_a_damaged_one_is_refused_or_another(seed):
    rng = np.random.default_rng(seed)
    detector = random_clock(rng, int(rng.integers(1, 30)))
    content = detector.to_bytes()
    assert clock.read(content).to_bytes() == content
    gate = replace(detector.gate, threshold=7)
    assert clock.read(detector.gated(gate).to_bytes()).gate == gate
    for _ in range(20):
        broken = bytearray(content[: rng.integers(0, len(content) + 1)] if rng.random() < 0.3 else content)
        if broken:
            broken[rng.integers(0, len(broken))] ^= 1 << int(rng.integers(0, 8))
        try:
            again = clock.read(bytes(broken))
        except ModelError:
            continue
        assert again.to_bytes() == bytes(broken)


def test_the_rest_of_a_volvo_is_quiet(recordings):
    frames = logs.read(recordings / "can" / "volvo-v40" / "clean.csv.gz").frames
    early = frames.t_us - frames.t_us[0] < 75_000_000
    known = learn([frames[early]])
    detector = clock.learn(known.clean)
    assert len(detector.table.row) > 30
    seconds, said, _ = opened(detector, frames[~early], known.fingerprint.keys)
    assert len(said.at) > 2000
    assert not len(seconds)


def test_whole_milliseconds_of_a_race_car_teach_nothing(recordings):
    frames = logs.read(recordings / "can" / "formula-student" / "oct30-0.csv.gz").frames
    assert clock.learn(learn([frames]).clean) is None
