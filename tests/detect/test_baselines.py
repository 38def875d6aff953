"""The baselines that `tools/bench detect` ranks: each sees what it is made for, and its threshold is kept to."""

import numpy as np
import pytest

from bench_baselines import BASELINES, Anomalies, Binning, MinimumGap, OneClass, Whitelist, gaps, return_level
from canbean.can import attacks, simulate
from canbean.can.frames import Frames
from canbean.detect.score import score


@pytest.fixture(scope="module")
def clean():
    return simulate.drive(60, 1)


@pytest.fixture(scope="module")
def other():
    return simulate.drive(40, 2)


def recall(detector, other, kind, **options):
    attacked, events = attacks.inject(other, kind, seed=4, every_s=10, **options)
    return score(attacked, detector.alerts(attacked), events=events)["attacks"][kind]["recall"]


@pytest.mark.parametrize("kind", BASELINES)
@pytest.mark.parametrize("rule", ["tail", "highest"])
def test_a_baseline_raises_alerts_that_can_be_scored(clean, other, kind, rule):
    one = kind(rule).fit(clean)
    attacked, events = attacks.inject_all(simulate.drive(110, 2), seed=1)
    raised = one.alerts(attacked)
    assert all(a.bits >= a.threshold == one.threshold[a.kind] for a in raised)
    assert [a.t_us for a in raised] == sorted(a.t_us for a in raised)
    said = score(attacked, raised, events=events)
    assert set(said["attacks"]) == set(attacks.FAMILIES)
    assert [a for a in one.alerts(attacked) if a not in raised] == []


@pytest.mark.parametrize("kind", BASELINES)
def test_the_highest_rule_raises_nothing_on_what_it_was_set_by(clean, kind):
    one = kind("highest")
    one.learn(clean.between(0, 36))
    marked = one.mark(clean.between(36, None))
    one.fit(clean)
    assert all(part.peaks().max(initial=0) < one.threshold[part.kind] for part in marked)
    assert one.reaches


def test_a_whitelist_knows_ids_and_lengths(clean, other):
    one = Whitelist().fit(clean)
    assert one.alerts(other) == []
    odd = other[:3].changed(id=[0x7FF, int(other.id[1]), int(other.id[2])], dlc=[8, 1, int(other.dlc[2])])
    assert [a.kind for a in one.alerts(odd)] == ["unknown-id", "dlc"]


def test_a_whitelist_of_an_open_set_of_ids_cannot_reach_the_budget(clean):
    news = clean.between(50, None)[:200].changed(id=0x700 + np.arange(200))
    open_set = Frames.concat([clean.between(0, 50), news])
    assert not Whitelist().fit(open_set).reaches


def test_a_minimum_gap_finds_a_second_sender(clean, other):
    assert recall(MinimumGap("highest").fit(clean), other, "spoof") == 1


def test_binning_counts_frames_of_an_id_in_its_window():
    frames = Frames.of(np.arange(0, 1000) * 10_000, np.arange(1000) % 2, np.zeros((1000, 8)))
    one = Binning("highest").fit(frames)
    assert set(one.counts(frames)[-100:].tolist()) == {6}
    doubled = Frames.concat([frames, frames.changed(t_us=frames.t_us + 5_000)]).in_time_order()
    assert one.alerts(frames) == []
    assert one.alerts(doubled)[0].kind == "rate"


def test_windows_find_an_id_that_stays_away(clean, other):
    assert recall(OneClass("highest").fit(clean), other, "suspension") > 0.5


def test_gaps_are_those_of_the_same_id():
    frames = Frames.of([0, 10, 30, 70], [1, 2, 1, 2], np.zeros((4, 8)))
    assert gaps(frames).tolist() == [-1, -1, 30, 60]


def test_peaks_are_one_an_id_and_second():
    marked = Anomalies(
        np.array([0, 10, 2_000_000, 5]), np.array([1, 1, 1, 2]), np.array([3, 7, 1, 2]), "timing"
    )
    assert sorted(marked.peaks().tolist()) == [1, 2, 7]


def test_the_return_level_of_an_exponential_tail_is_found():
    scores = np.random.default_rng(0).exponential(16 / np.log(2), 20_000).astype(np.int64)
    level = return_level(scores, hours=1.0, per_hour=1.0)
    assert level == pytest.approx(16 * np.log2(20_000), rel=0.15)
    assert return_level(scores, hours=1.0, per_hour=0.01) > level
    assert return_level(scores[:3], hours=1.0, per_hour=1.0) == scores[:3].max()
