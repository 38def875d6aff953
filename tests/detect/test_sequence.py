from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import attacks, simulate
from canbean.can.frames import key_text
from canbean.detect import detectors
from canbean.detect.detectors import sequence
from canbean.detect.order import Places, partners
from canbean.detect.windows import BUS
from canbean.errors import ModelError
from detector_cases import clean_of, random_sequence, traffic_of

SLEEP_US = 1_000_000


@pytest.fixture(scope="module")
def clean():
    return clean_of(simulate.drive(150, 3))


@pytest.fixture(scope="module")
def learned(clean):
    return sequence.learn(clean)


@pytest.fixture(scope="module")
def other():
    return simulate.drive(120, 4)


def opened(detector, traffic):
    """Windows at which an alert is raised, and what was judged."""
    said = detector.judge(traffic)
    return np.flatnonzero(detector.gate.opens(said.bits, traffic.epoch[said.at])), said


def turning(order, turns, rng=None):
    """Frames of ids in a cycle, a millisecond apart."""
    ids = np.tile(np.array(order), turns) if rng is None else rng.choice(order, turns * len(order))
    one = simulate.drive(1, 1)[:1]
    return one[np.zeros(len(ids), np.int64)].changed(
        t_us=1000 * np.arange(len(ids), dtype=np.int64), id=ids.astype(np.uint32)
    )


def test_it_is_found_by_name():
    assert "sequence" in detectors.names()
    assert detectors.module("sequence").TAG == "ORDR"


def test_another_clean_drive_is_quiet_and_its_bits_are_honest(clean, learned, other):
    loud, said = opened(learned, traffic_of(other, clean.traffic.keys, SLEEP_US))
    assert not len(loud)
    assert len(said.at) == len(other) // sequence.WINDOW
    for bits in (4, 6, 8):
        assert np.mean(said.bits >= 16 * bits) <= 4 * 2.0**-bits


def test_spoofed_frames_are_named_with_what_stood_between_them(clean, learned, other):
    attacked, events = attacks.inject(other, "spoof", seed=2)
    traffic = traffic_of(attacked, clean.traffic.keys, SLEEP_US)
    loud, said = opened(learned, traffic)
    assert len(loud)
    rows, found = traffic.row, 0
    for window in loud.tolist():
        row, last = int(said.blamed[window]), int(said.at[window])
        kind, expected, seen = said.words(window)
        assert kind == "sequence"
        number, _, partner = seen.split()
        assert expected.endswith(f" of {partner} between two of {key_text(int(clean.traffic.keys[row]))}")
        other_row = [key_text(int(key)) for key in clean.traffic.keys].index(partner)
        own = np.flatnonzero(rows[: last + 1] == row)
        between = [np.sum(rows[a:b] == other_row) for a, b in pairwise(own) if b > last - 32]
        assert int(number) in between
        now = traffic.frames.t_us[last]
        found += any(
            event.start_us <= now <= event.end_us + 100_000 and int(clean.traffic.keys[row]) in event.ids
            for event in events
        )
    assert found / len(loud) > 0.9


def test_a_partner_that_stops_takes_no_id_with_it(clean, learned, other):
    busiest = np.bincount(learned.partner.ravel()).argmax()
    gone = other[other.key != clean.traffic.keys[busiest]]
    loud, _ = opened(learned, traffic_of(gone, clean.traffic.keys, SLEEP_US))
    assert len(loud) <= 2


def test_the_time_of_day_and_the_rest_of_the_log_change_nothing(clean, learned, other):
    traffic = traffic_of(other, clean.traffic.keys, SLEEP_US)
    said = learned.judge(traffic)
    moved = learned.judge(
        traffic_of(other.changed(t_us=other.t_us + 86_400_000_000), clean.traffic.keys, SLEEP_US)
    )
    assert np.array_equal(said.bits, moved.bits)
    part = learned.judge(traffic_of(other[:10_000], clean.traffic.keys, SLEEP_US))
    assert np.array_equal(said.bits[: len(part.bits)], part.bits)


def test_a_window_does_not_outlive_a_sleep(clean, learned, other):
    apart = other.changed(t_us=other.t_us + np.where(np.arange(len(other)) >= 1000, 10_000_000, 0))
    said = learned.judge(traffic_of(apart, clean.traffic.keys, SLEEP_US))
    window = sequence.WINDOW
    assert said.at[1000 // window - 1] == 1000 // window * window - 1
    assert said.at[1000 // window] == 1000 + window - 1


def test_a_cycle_teaches_its_order_and_one_frame_out_of_it_is_found():
    table = turning([1, 2, 3, 4, 5, 2], 2000)
    clean = clean_of(table)
    pairs = partners(clean, Places.of(clean.traffic))
    assert all(len(found) == 3 for found in pairs)
    detector = sequence.learn(clean)
    rows = np.insert(np.arange(3000), 1604, 0)
    broken = table[rows].changed(t_us=1000 * np.arange(len(rows), dtype=np.int64))
    loud, said = opened(detector, traffic_of(broken, clean.traffic.keys, SLEEP_US))
    assert loud.tolist() == [1604 // 32]
    assert clean.traffic.keys[said.blamed[loud[0]]] & 0x1FFFFFFF == 1


def test_what_stays_unusual_is_told_once():
    table = turning([1, 2, 3, 4, 5, 6], 2000)
    clean = clean_of(table)
    changed = table.key.copy()
    changed[6000:] = 1
    traffic = traffic_of(table.changed(id=changed & 0x1FFFFFFF), clean.traffic.keys, SLEEP_US)
    said = sequence.learn(clean).judge(traffic)
    assert np.flatnonzero(said.bits >= 64).tolist() == [6000 // 32]


def test_ids_without_order_or_too_few_frames_teach_nothing(clean):
    assert sequence.learn(clean_of(turning(list(range(8)), 1500, np.random.default_rng(1)))) is None
    assert sequence.learn(clean_of(simulate.drive(3, 3))) is None
    assert sequence.learn(clean_of(turning([5], 9000))) is None


def test_the_same_log_gives_the_same_bytes(clean, learned):
    assert sequence.learn(clean).to_bytes() == learned.to_bytes()
    assert len(learned.to_bytes()) == 48 + 24 * len(clean.traffic.keys)


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_a_section_comes_back_and_a_damaged_one_is_refused_or_another(seed):
    rng = np.random.default_rng(seed)
    detector = random_sequence(rng, int(rng.integers(1, 30)))
    content = detector.to_bytes()
    assert sequence.read(content).to_bytes() == content
    gate = replace(detector.gate, threshold=7)
    assert sequence.read(detector.gated(gate).to_bytes()).gate == gate
    for _ in range(20):
        broken = bytearray(content[: rng.integers(0, len(content) + 1)] if rng.random() < 0.3 else content)
        if broken:
            broken[rng.integers(0, len(broken))] ^= 1 << int(rng.integers(0, 8))
        try:
            again = sequence.read(bytes(broken))
        except ModelError:
            continue
        assert again.to_bytes() == bytes(broken)


def test_no_window_blames_anyone_where_all_is_in_order():
    clean = clean_of(turning([1, 2, 3, 4], 2000))
    said = sequence.learn(clean).judge(clean.traffic)
    assert set(said.blamed.tolist()) == {BUS}
    assert not said.bits.any()
