"""What a fingerprint counts over the bus, by plain code: crowds, shares, seconds awake, unknown ids."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bus_cases import fingerprint
from canbean.detect.fingerprint import (
    EXTRA_NOVEL,
    NOVEL_MOST,
    NOVEL_S,
    RECENT,
    awake_s,
    crowds,
    epochs,
    hash8,
    novelty,
    shares,
)


def times(gaps):
    t_us = np.cumsum([0, *gaps]).astype(np.int64)
    return t_us - t_us.min()


@given(st.integers(0, 2**32))
def test_a_crowd_is_32_frames_in_too_short_a_time(seed):
    rng = np.random.default_rng(seed)
    t_us = times(rng.integers(-2000, rng.choice([10, 3000, 300_000]), int(rng.integers(0, 150))))
    took = [int(t_us[at] - t_us[at - RECENT]) if at >= RECENT else -1 for at in range(len(t_us))]
    for crowd_us in (max(1, int(rng.choice(took)) + int(rng.integers(0, 2))), 1, 1_000_000):
        assert crowds(t_us, crowd_us).tolist() == [0 <= one < crowd_us for one in took]


@given(st.integers(0, 2**32))
def test_a_share_is_counted_over_the_last_32_frames(seed):
    rng = np.random.default_rng(seed)
    row = np.minimum(rng.integers(0, 30, int(rng.integers(1, 150))), rng.integers(0, 4))
    for at, share in enumerate(shares(row)):
        assert share == np.sum(row[max(at - RECENT + 1, 0) : at + 1] == row[at])


@given(st.lists(st.sampled_from([1000, 400_000, 1_500_000, 40_000_000, -3_000]), min_size=1, max_size=60))
def test_seconds_awake_are_whole_seconds_of_the_clock(gaps):
    t_us = times(gaps)
    sleep_us = 20_000_000
    woke = 0
    for at, awake in enumerate(awake_s(t_us, epochs(t_us, sleep_us))):
        if at and t_us[at] - t_us[at - 1] >= sleep_us:
            woke = at
        assert awake == max(t_us[at] // 1_000_000 - t_us[woke] // 1_000_000, 0)
    assert not len(awake_s(t_us[:0], epochs(t_us[:0], sleep_us)))


def said(keys, seconds, *, bits=100, burst=3):
    of = replace(fingerprint(np.random.default_rng(1)), unknown_bits=bits, burst=burst)
    t_us = 1_000_000 * np.array(seconds, np.int64)
    keys = np.array(keys, np.uint32)
    return novelty(t_us, keys, keys == 1, of).tolist()


def different(count):
    """Keys with different hashes."""
    found = {}
    for key in range(2, 1 << 16):
        found.setdefault(hash8(key), key)
    return list(found.values())[:count]


def test_an_unknown_id_is_news_once():
    assert said([5, 5, 1, 6, 5, 6], [0, 1, 2, 3, 40, 50]) == [100, 0, 0, 100, 0, 0]


def test_more_at_once_than_ever_came_are_worth_more():
    keys = different(6)
    assert said(keys, [0] * 6) == [100] * 3 + [100 + EXTRA_NOVEL * k for k in (1, 2, 3)]
    assert said(keys, [(NOVEL_S - 1) * k for k in range(6)])[5] == 100 + 3 * EXTRA_NOVEL
    assert said(keys, [NOVEL_S * k for k in range(6)]) == [100] * 6
    assert said(keys, [9, 8, 7, 6, 5, 4]) == [100] * 6  # a clock that runs backwards


def test_what_was_seen_is_forgotten_before_the_hashes_run_out():
    keys = different(NOVEL_MOST + 1)
    seconds = [100 * k for k in range(NOVEL_MOST + 3)]
    assert said([*keys[:NOVEL_MOST], keys[0], keys[NOVEL_MOST], keys[0]], seconds)[-3:] == [0, 100, 100]


@given(st.integers(0, (1 << 30) - 1))
def test_a_hash_is_a_byte_of_an_id(key):
    assert hash8(key) == int(hash8(np.int64(key)))
    assert 0 <= hash8(key) < 256


def test_hashes_of_neighbouring_ids_differ():
    for base in (0, 0x700, 1 << 29 | 0x18FEF100):
        assert len({hash8(base + k) for k in range(128)}) == 128
    assert len({hash8(1 << 29 | 0x18FE0000 | k << 8) for k in range(256)}) > 100
