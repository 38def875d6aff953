"""Skews and senders of the simulated vehicle, whose true ones are known, and of what disturbs their measurement."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from canbean.can import logs, simulate
from canbean.can.vehicle import ECUS, MESSAGES
from canbean.detect.clocks import BATCH, beat, clocks, skew_ppm
from canbean.detect.fingerprint import epochs, gaps

SKEW = {message.id: ecu.skew_ppm for message in MESSAGES for ecu in ECUS if ecu.name == message.ecu}
SENDER = {message.id: message.ecu for message in MESSAGES}


@pytest.fixture(scope="module")
def drive():
    return simulate.drive(120, 3)


@pytest.fixture(scope="module")
def found(drive):
    return clocks(drive)


def agreement(found):
    return adjusted_rand_score([SENDER[key] for key in found], [one.group for one in found.values()])


def measured(t_us):
    t_us = np.asarray(t_us, np.int64)
    gap, _ = gaps(t_us, np.zeros(len(t_us), np.int64), epochs(t_us, 1_000_000))
    return beat(t_us, gap)


def beating(period, count=3000, jitter=50.0, seed=0):
    rng = np.random.default_rng(seed)
    return np.sort(np.rint(1e6 + period * np.arange(count) + rng.normal(0, jitter, count)).astype(np.int64))


def test_skews_are_those_of_the_vehicle(found):
    assert len(found.clocks) >= 24
    error = np.array([one.skew_ppm - SKEW[key] for key, one in found.clocks.items()])
    sigma = np.array([one.uncertainty_ppm for one in found.clocks.values()])
    assert np.median(np.abs(error)) < 0.3
    assert np.abs(error).max() < 2.5
    assert 0.4 < np.std(error / sigma) < 2  # as certain as they say


def test_ids_are_grouped_into_senders(found):
    assert agreement(found.clocks) == 1
    assert all(one.sure > 0.95 for one in found.clocks.values())
    size = np.bincount([one.group for one in found.clocks.values()])
    assert np.all(np.diff(size) <= 0)


def test_only_what_a_clock_sends_is_measured(found):
    events = {message.id for message in MESSAGES if not message.period_ms}
    assert not events & found.clocks.keys()


def test_two_clocks_that_are_nearly_alike_are_told_apart_with_more_log():
    near = [
        beating(10_000 * (1 + 1e-6 * ppm), 12_000, seed=seed) for seed, ppm in enumerate((40, 40, 43, 43))
    ]
    one = simulate.drive(1, 1)[:1]

    def grouped(count):
        t_us = np.concatenate([own[:count] for own in near])
        key = np.repeat(np.arange(4), [len(own[:count]) for own in near])
        order = np.argsort(t_us, kind="stable")
        table = one[np.zeros(len(order), np.int64)].changed(t_us=t_us[order], id=key[order].astype(np.uint32))
        return [clock.group for clock in clocks(table).clocks.values()]

    assert grouped(1000) == [0, 0, 0, 0]
    assert grouped(12_000) == [0, 0, 1, 1]


@pytest.mark.parametrize("ppm", [-300, 0, 55])
def test_lost_and_late_frames_do_not_bend_a_beat(ppm):
    period = 20_000 * (1 + 1e-6 * ppm)
    t_us = beating(period)
    rng = np.random.default_rng(1)
    t_us[1000:1100] += rng.integers(0, 4000, 100)  # a crowded moment
    kept = rng.random(len(t_us)) > 0.003
    kept[2000:2002] = False  # a gap of three periods
    one = measured(np.sort(t_us[kept]))
    assert skew_ppm(one.period_us) == pytest.approx(ppm, abs=3)


def test_frames_that_wait_now_and_then_do_not_bend_a_beat():
    t_us = beating(20_000)
    t_us[1500::10] += 6000
    assert skew_ppm(measured(t_us).period_us) == pytest.approx(0, abs=1)


def test_what_two_clocks_wander_together_tells_nothing_of_their_skews():
    """Neither skew is certain, but it is one and the same uncertainty: they differ for sure."""
    wander = 400 * np.sin(np.arange(3000) / 200)
    apart = [
        np.rint(beating(20_000 * (1 + 1e-6 * ppm), seed=ppm) + wander).astype(np.int64) for ppm in (0, 20)
    ]
    t_us, key = np.concatenate(apart), np.repeat([0, 1], 3000)
    order = np.argsort(t_us, kind="stable")
    table = simulate.drive(1, 1)[:1][np.zeros(6000, np.int64)]
    found = clocks(table.changed(t_us=t_us[order], id=key[order].astype(np.uint32))).clocks
    assert all(one.uncertainty_ppm > 5 for one in found.values())
    assert found[0].group != found[1].group


def test_a_beat_that_moves_for_good_or_sleeps_keeps_its_period():
    t_us = beating(20_001)
    t_us[1000:] += 7_000
    t_us[2000:] += 3_000_000
    one = measured(t_us)
    assert one.period_us == pytest.approx(20_001, abs=0.03)
    assert one.uncertainty_ppm < 3
    assert np.abs(one.wander_us).max() < 100


def test_what_no_clock_sends_is_left_alone():
    rng = np.random.default_rng(2)
    assert measured(np.cumsum(rng.exponential(10_000, 3000)).astype(np.int64)) is None
    assert measured(beating(10_000, BATCH * 5)) is None
    assert measured([]) is None


def test_a_log_too_coarse_for_its_span_is_counted(drive):
    coarse = drive.between(0, 15)
    coarse = coarse.changed(t_us=coarse.t_us // 10_000 * 10_000)
    found = clocks(coarse)
    assert len(found.left_out) > len(found.clocks)
    assert all(one.uncertainty_ppm <= 25 for one in found.clocks.values())


def test_an_empty_log_has_no_clocks(drive):
    assert clocks(drive[:0]).clocks == {}


def test_the_halves_of_a_volvo_have_the_same_senders(recordings):
    frames = logs.read(recordings / "can" / "volvo-v40" / "clean.csv.gz").frames
    middle = frames.t_us[0] + (frames.t_us[-1] - frames.t_us[0]) // 2
    early, late = (clocks(frames[part]).clocks for part in (frames.t_us < middle, frames.t_us >= middle))
    both = early.keys() & late.keys()
    assert len(both) > 40
    apart = [abs(early[key].skew_ppm - late[key].skew_ppm) for key in both]
    assert np.median(apart) < 10
    groups = [[half[key].group for key in sorted(both)] for half in (early, late)]
    assert adjusted_rand_score(*groups) > 0.9
