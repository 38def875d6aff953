import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import attacks, simulate
from canbean.detect import detectors
from canbean.detect.detectors import mixture
from canbean.detect.order import Places
from canbean.detect.timed import timed
from canbean.errors import ModelError
from detector_cases import clean_of, random_traffic, random_windows, traffic_of

SLEEP_US = 1_000_000


@pytest.fixture(scope="module")
def clean():
    return clean_of(simulate.drive(150, 3))


@pytest.fixture(scope="module")
def learned(clean):
    return mixture.learn(clean)


@pytest.fixture(scope="module")
def other():
    return simulate.drive(120, 4)


def opened(detector, traffic):
    said = detector.judge(traffic)
    return np.flatnonzero(detector.gate.opens(said.bits, traffic.epoch[said.at])), said


def test_it_is_found_by_name():
    assert "mixture" in detectors.names()
    assert detectors.module("mixture").TAG == "WNDW"


def test_another_clean_drive_is_quiet(clean, learned, other):
    loud, said = opened(learned, traffic_of(other, clean.traffic.keys, SLEEP_US))
    assert not len(loud)
    assert np.mean(said.bits >= 64) <= 4 / 16


def test_a_flood_is_found_and_its_frames_are_told(clean, learned, other):
    attacked, events = attacks.inject(other, "flood", seed=2)
    traffic = traffic_of(attacked, clean.traffic.keys, SLEEP_US)
    loud, said = opened(learned, traffic)
    times = traffic.frames.t_us[said.at[loud]]
    assert all(np.any((times >= event.start_us) & (times <= event.end_us + 100_000)) for event in events)
    told = 0
    for window in loud.tolist():
        kind, expected, seen = said.words(window)
        if kind == "bus-load":
            at = int(said.at[window])
            begin = int(said.at[window - 1])
            assert seen == f"{at - begin} frames"
            usual = int(re.fullmatch(rf"about (\d+) frames in {learned.window_us} us", expected)[1])
            assert 0.5 < usual / np.median(np.diff(said.at)) < 2
            told += 1
    assert told > len(events)


def test_the_time_of_day_and_the_rest_of_the_log_change_nothing(clean, learned, other):
    said = learned.judge(traffic_of(other, clean.traffic.keys, SLEEP_US))
    moved = learned.judge(
        traffic_of(other.changed(t_us=other.t_us + 86_400_000_000), clean.traffic.keys, SLEEP_US)
    )
    assert np.array_equal(said.bits, moved.bits)
    part = learned.judge(traffic_of(other[:10_000], clean.traffic.keys, SLEEP_US))
    assert np.array_equal(said.bits[: len(part.bits)], part.bits)


def test_a_long_pause_is_one_window(clean, other):
    pause = other[:2000].changed(t_us=other.t_us[:2000] + np.where(np.arange(2000) >= 1000, 900_000_000, 0))
    traffic = traffic_of(pause, clean.traffic.keys, 1_000_000_000)
    windows = timed(traffic, Places.of(traffic), 250_000)
    assert len(windows.at) <= 2000 / 900 * 4 + 2
    assert 1000 in windows.at


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_windows_are_what_a_plain_count_gives(seed):
    rng = np.random.default_rng(seed)
    traffic, _ = random_traffic(rng)
    windows = timed(traffic, Places.of(traffic), int(rng.choice([1000, 50_000, 3_000_000])))
    known = len(traffic.keys)
    for window, (begin, at) in enumerate(zip(windows.begin, windows.at, strict=True)):
        assert traffic.epoch[begin] == traffic.epoch[at]
        rows = traffic.row[begin:at]
        steps = np.diff(traffic.frames.t_us[begin:at], prepend=traffic.frames.t_us[begin])
        frames, ids, silence, flips, changes = windows.about[window].tolist()
        assert (frames, ids) == (at - begin, len(set(rows[rows < known].tolist())))
        assert silence == max(int(steps.max()), 0)
        assert changes <= flips <= 8 * changes
        assert windows.counts(window, traffic).sum() == np.sum(rows < known)


def test_too_few_windows_teach_nothing():
    assert mixture.learn(clean_of(simulate.drive(40, 3))) is None


def test_the_same_log_gives_the_same_bytes(clean, learned):
    assert mixture.learn(clean).to_bytes() == learned.to_bytes()
    assert len(learned.mixture.mean) <= mixture.COMPONENTS
    assert len(learned.to_bytes()) < 400


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_a_section_comes_back_and_a_damaged_one_is_refused_or_another(seed):
    rng = np.random.default_rng(seed)
    detector = random_windows(rng, int(rng.integers(1, 30)))
    content = detector.to_bytes()
    assert mixture.read(content).to_bytes() == content
    gate = replace(detector.gate, threshold=7)
    assert mixture.read(detector.gated(gate).to_bytes()).gate == gate
    for _ in range(20):
        broken = bytearray(content[: rng.integers(0, len(content) + 1)] if rng.random() < 0.3 else content)
        if broken:
            broken[rng.integers(0, len(broken))] ^= 1 << int(rng.integers(0, 8))
        try:
            again = mixture.read(bytes(broken))
        except ModelError:
            continue
        assert again.to_bytes() == bytes(broken)
