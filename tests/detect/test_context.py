"""Evidence: the frames around an alert are those of its id, next to it, and what cuts them is said."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bus_cases import fingerprint, frames
from canbean.can.frames import ERR, RTR, Frames
from canbean.detect.alerts import Alert
from canbean.detect.context import context
from canbean.detect.gateway import Gateway
from canbean.detect.replay import replay


def alert(t_us, key, bits=200):
    return Alert(t_us, key, 0, "fingerprint", "timing", bits, 160, "a", "b", "low", 1, 0)


def log_of(times, ids, data=None, **columns):
    data = np.zeros((len(times), 8), np.uint8) if data is None else np.asarray(data, np.uint8)
    return Frames.of(times, ids, data, **columns)


def slowly(log, one, around):
    """The same by looking at every frame."""
    order = sorted(
        (n for n in range(len(log)) if not log.flags[n] & (RTR | ERR)), key=lambda n: (int(log.t_us[n]), n)
    )
    own = [n for n in order if one.key is None or int(log.key[n]) == one.key]
    equal = [n for n in own if log.t_us[n] == one.t_us]
    before = [n for n in own if log.t_us[n] < one.t_us] + equal[:-1]
    after = [n for n in own if log.t_us[n] > one.t_us]
    at = equal[-1] if equal else -1
    shown = before[-around:] if around else []
    return (
        [-1] * (around - len(shown)) + shown + [at] + (after[:around] + [-1] * around)[:around],
        [max(len(before) - around, 0), max(len(after) - around, 0)],
    )


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("around", [0, 3, 16])
def test_it_is_what_a_plain_search_finds(seed, around):
    rng = np.random.default_rng(seed)
    of = fingerprint(rng)
    log = frames(rng, of, 150)
    if seed % 3 == 0:
        log = log.changed(t_us=log.t_us // 5_000_000 * 5_000_000)
    times = rng.choice(log.t_us, 20) + rng.choice([0, 0, 1, -3, 10**9], 20)
    keys = [*of.keys.tolist(), 7, 0x3FF, None]
    asked = [alert(int(t), keys[int(rng.integers(len(keys)))]) for t in times]
    found = context(log, asked, around)
    for n, one in enumerate(asked):
        rows, left_out = slowly(log, one, around)
        assert found.rows[n].tolist() == rows
        assert found.left_out[n].tolist() == left_out


@pytest.mark.parametrize("seed", range(10))
def test_the_frame_an_alert_is_about_has_its_surprise(seed):
    rng = np.random.default_rng(100 + seed)
    of = replace(fingerprint(rng), threshold=60, hold_us=1)
    log = frames(rng, of).in_time_order()
    # A coarse clock: several frames of one id at one time.
    log = log.changed(t_us=log.t_us // 200_000 * 200_000)
    said = replay(Gateway(of), log)
    found = context(log, said.alerts, 2, said.bits)
    raised = [n for n, one in enumerate(said.alerts) if one.kind != "missing"]
    assert raised
    for n in raised:
        row = found.rows[n, 2]
        assert int(log.key[row]) == said.alerts[n].key
        assert int(said.bits[row]) == said.alerts[n].bits


def test_an_id_that_stays_away_has_frames_before_and_none_in_the_middle():
    log = log_of(np.arange(20) * 1000, [1, 2] * 5 + [2] * 10)
    said = context(log, [alert(15_000, 1)], 3).describe(0)
    assert (said["t"], said["at"], said["before"]) == ([0.004, 0.006, 0.008], None, 3)
    assert said["cut"] == ["limit", "log"]
    assert said["gap_us"] == [2000, 2000, 2000]


def test_what_cuts_it_is_said():
    log = log_of(np.arange(7) * 1000, [1] * 7)
    found = context(log, [alert(t * 1000, 1) for t in (0, 2, 3, 4)] + [alert(3000, 9)], 3)
    assert [found.cut(n) for n in range(5)] == [
        ("log", "limit"),
        ("log", "limit"),
        (None, None),
        ("limit", "log"),
        ("log", "log"),
    ]
    assert found.describe(4) == {
        "t": [],
        "gap_us": [],
        "data": [],
        "at": None,
        "before": 0,
        "cut": ["log", "log"],
    }


def test_json_of_a_bus_and_bytes_that_changed():
    data = np.zeros((4, 8), np.uint8)
    data[:, 1] = [5, 7, 6, 7]
    log = log_of([0, 1000, 2000, 3000], [1, 0x2C5, 1, 0x2C5], data, dlc=[2, 3, 4, 2])
    found = context(log, [alert(2000, None), alert(3000, 0x2C5)], 2)
    said = found.describe(0)
    assert json.loads(json.dumps(said)) == said
    assert said["id"] == ["001", "2C5", "001", "2C5"]
    assert said["data"] == ["0005", "000700", "00060000", "0007"]
    assert said["gap_us"] == [None, None, 2000, 2000]
    assert (said["at"], said["before"]) == (2, 2)
    assert "id" not in found.describe(1)
    # Byte 1 changes in the third frame, and bytes 2 and 3 are new; the last frame is as the one before, but shorter.
    assert [np.flatnonzero(row).tolist() for row in found.changed(np.arange(4))] == [[], [], [1, 2, 3], []]


def test_frames_that_no_detector_scores_are_left_out():
    log = log_of(np.arange(5) * 1000, [1] * 5, flags=[0, RTR, 0, ERR, 0])
    assert context(log, [alert(2000, 1)], 2).rows.tolist() == [[-1, 0, 2, 4, -1]]


def test_an_empty_log_and_no_alerts():
    assert context(Frames.empty(), [alert(5, 1), alert(5, None)], 2).rows.tolist() == [[-1] * 5] * 2
    assert context(log_of([1], [1]), []).rows.shape == (0, 33)
