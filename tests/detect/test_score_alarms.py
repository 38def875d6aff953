"""False alarms, precision, chance, frame scores and the sum over logs."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from canbean.can.events import Event, from_labels
from canbean.can.frames import Frames
from canbean.detect.alerts import Alert
from canbean.detect.score import episodes, rate, result, score, tally, upper95
from canbean.errors import UsageError


def log(span_s=200.0, attacks=(), every_us=10_000):
    """Clean frames of id 0x100, and single attack frames `(t_us, key, label)`."""
    clean = np.arange(0, int(span_s * 1e6) + 1, every_us)
    t = np.r_[clean, np.array([a[0] for a in attacks], np.int64)].astype(np.int64)
    labels = ("", *dict.fromkeys(a[2] for a in attacks))
    n = len(t)
    return Frames(
        t_us=t,
        id=np.r_[np.full(len(clean), 0x100), np.array([a[1] for a in attacks], int)].astype(np.uint32),
        ext=np.zeros(n, bool),
        flags=np.zeros(n, np.uint8),
        dlc=np.full(n, 8, np.uint8),
        data=np.zeros((n, 8), np.uint8),
        bus=np.zeros(n, np.uint8),
        label=np.r_[np.zeros(len(clean)), [labels.index(a[2]) for a in attacks]].astype(np.int16),
        labels=labels,
    )


def alert(t_us, key=0x200, kind="timing", bus=0):
    return Alert(int(t_us), key, bus, "fingerprint", kind, 100, 50, "", "", "high", 1, 0)


ONE = ((100_000_000, 0x200, "spoof"),)


def test_keys_are_those_of_the_design_in_order():
    outcome = score(log(attacks=ONE), [alert(100_010_000)])
    assert list(outcome) == [
        "frames", "clean_hours", "precision", "unattributed_alerts",
        "false_alerts", "false_alerts_per_hour", "false_alerts_per_hour_upper95",
        "false_episodes", "false_episodes_per_hour", "false_episodes_per_hour_upper95", "attacks",
    ]  # fmt: skip
    assert list(outcome["attacks"]["spoof"]) == [
        "events", "detected", "recall", "recall_id_named", "chance_recall", "skill", "alarmed_fraction",
        "delay_ms_median", "delay_ms_p95", "frames", "frame_auroc", "frame_average_precision",
    ]  # fmt: skip
    json.dumps(outcome, allow_nan=False)


@pytest.mark.parametrize(
    ("t_us", "false", "unattributed"),
    [(98_999_999, 1, 0), (99_000_000, 0, 1), (101_000_000, 0, 1), (101_000_001, 1, 0)],
)
def test_an_event_is_widened_by_1_s(t_us, false, unattributed):
    outcome = score(log(attacks=ONE), [alert(t_us, key=0x100)])
    assert (outcome["false_alerts"], outcome["unattributed_alerts"]) == (false, unattributed)
    # An alert of the event's own id there is about the event, though too far from it to detect it.
    own = score(log(attacks=ONE), [alert(t_us)])
    assert (own["false_alerts"], own["unattributed_alerts"]) == (false, 0)
    assert own["precision"] == 1 - false
    assert own["attacks"]["spoof"]["detected"] == 0


def test_alerts_of_one_id_and_kind_within_1_s_are_one():
    def count(*alerts):
        return score(log(), alerts)["false_alerts"]

    assert count(alert(5_000_000), alert(6_000_000)) == 1
    assert count(alert(5_000_000), alert(6_000_001)) == 2
    # From the first of them, not from one to the next: an alarm that lasts counts once a second.
    assert count(*[alert(5_000_000 + n * 600_000) for n in range(5)]) == 3
    assert count(alert(5_000_000), alert(5_100_000, kind="dlc")) == 2
    assert count(alert(5_000_000), alert(5_100_000, key=0x201)) == 2
    assert count(alert(5_000_000), alert(5_100_000, key=None)) == 2
    assert count(alert(5_000_000), alert(5_100_000, bus=1)) == 2


def test_merging_does_not_carry_an_alert_across_the_border_of_an_event():
    outcome = score(log(attacks=ONE), [alert(98_900_000), alert(99_100_000), alert(100_000_000)])
    assert (outcome["false_alerts"], outcome["precision"]) == (1, 0.5)
    assert outcome["attacks"]["spoof"]["detected"] == 1


def test_clean_hours_are_the_span_less_the_widened_events():
    frames = log(
        200.0, attacks=[(t, 0x200, "spoof") for t in (500_000, 100_000_000, 101_500_000, 200_000_000)]
    )
    # 0 to 1.5 s, 99 to 102.5 s (two that overlap) and 199 to 200 s are not clean.
    assert score(frames, [])["clean_hours"] * 3600 == pytest.approx(200 - 1.5 - 3.5 - 1)


def test_between_two_events_it_is_clean_again():
    frames = log(200.0, attacks=[(100_000_000, 0x200, "spoof"), (102_500_000, 0x200, "spoof")])
    outcome = score(frames, [alert(101_250_000)])
    assert outcome["false_alerts"] == 1
    assert outcome["clean_hours"] * 3600 == pytest.approx(200 - 4)


@pytest.mark.parametrize(("span_s", "known"), [(59.99, False), (60.0, True)])
def test_rates_need_60_clean_seconds(span_s, known):
    outcome = score(log(span_s), [alert(1_000_000)])
    for name in ("false_alerts", "false_episodes"):
        assert outcome[name] == 1
        for of in ("per_hour", "per_hour_upper95"):
            assert (outcome[f"{name}_{of}"] is not None) is known


def test_a_log_without_events_is_scored_too():
    outcome = score(log(3600), [alert(1_000_000), alert(11_000_000, None, "bus-load")])
    assert outcome["attacks"] == {}
    assert (outcome["false_alerts"], outcome["false_alerts_per_hour"]) == (2, pytest.approx(2))
    assert outcome["precision"] == 0
    quiet = score(log(3600), [])
    assert quiet["precision"] is None
    assert quiet["false_alerts_per_hour"] == 0
    assert quiet["false_alerts_per_hour_upper95"] == pytest.approx(2.9957, abs=1e-4)
    empty = score(Frames.empty(), [])
    assert (empty["frames"], empty["clean_hours"], empty["false_alerts_per_hour"]) == (0, 0, None)


@pytest.mark.parametrize(
    ("count", "hours", "bound"),
    # Upper limits of Garwood (1936), as tabulated for a one-sided 95 %.
    [
        (0, 1, 2.996),
        (1, 1, 4.744),
        (2, 1, 6.296),
        (5, 1, 10.513),
        (10, 1, 16.962),
        (0, 10, 0.2996),
        (100, 2, 59.05),
    ],
)
def test_poisson_bounds(count, hours, bound):
    assert upper95(count, hours) == pytest.approx(bound, rel=1e-3)
    assert rate(count, hours) == count / hours


@pytest.mark.parametrize(
    ("seconds", "runs"),
    [
        ([], 0),
        ([5], 1),
        ([5, 14.999], 1),
        ([5, 15], 2),
        ([0, 9, 18, 27, 29.999], 1),
        ([0, 9, 18, 27, 30], 2),
        ([0, 9, 18, 27, 36, 45, 54, 60, 66], 3),
    ],
)
def test_an_episode_ends_after_10_s_of_silence_or_30_s(seconds, runs):
    assert episodes(np.array([round(s * 1e6) for s in seconds], np.int64)) == runs
    outcome = score(log(), [alert(s * 1e6) for s in reversed(seconds)])
    assert outcome["false_episodes"] == runs


def test_what_the_twin_raises_too_is_unattributed():
    frames = log(attacks=ONE)
    alerts = [alert(100_010_000), alert(150_000_000)]
    for off, same in ((100_000, True), (100_001, False), (-100_000, True), (-100_001, False)):
        outcome = score(frames, alerts, twin_alerts=[alert(100_010_000 + off), alert(150_000_000)])
        assert outcome["attacks"]["spoof"]["detected"] == (not same)
        assert outcome["unattributed_alerts"] == same
        # What is false stays false: the twin does not excuse it.
        assert outcome["false_alerts"] == 1
    for other in (alert(100_010_000, kind="dlc"), alert(100_010_000, key=0x201), alert(100_010_000, bus=1)):
        assert score(frames, alerts, twin_alerts=[other])["attacks"]["spoof"]["detected"] == 1
    assert score(frames, alerts, twin_alerts=[]) == score(frames, alerts)


def test_what_the_twin_raises_too_detects_nothing_by_chance_either():
    frames = log(attacks=[(t, 0x200, "spoof") for t in range(10_000_000, 190_000_000, 1_000_000)])
    alerts = [alert(t) for t in range(0, 200_000_000, 50_000)]
    attack = score(frames, alerts, twin_alerts=alerts)["attacks"]["spoof"]
    assert (attack["recall"], attack["chance_recall"], attack["skill"]) == (0, 0, 0)


def test_chance_of_one_event_is_the_share_of_time_in_which_an_alert_would_detect_it():
    # One event of 10 s in 200 s with one alert: a random shift detects it about (10.1 / 200) of the time.
    frames = log(attacks=[(t, 0x200, "spoof") for t in range(100_000_000, 110_000_001, 50_000)])
    attack = score(frames, [alert(105_000_000)])["attacks"]["spoof"]
    assert attack["recall"] == 1
    # Shifts of up to 2 s are left out, which would all detect: 6.1 of 196 s remain.
    assert attack["chance_recall"] == pytest.approx(6.1 / 196, abs=0.03)
    assert attack["skill"] == pytest.approx(1)


def test_alerting_all_the_time_has_no_skill():
    frames = log(attacks=[(t, 0x200, "spoof") for t in range(10_000_000, 190_000_000, 1_000_000)])
    attack = score(frames, [alert(t) for t in range(0, 200_000_000, 50_000)])["attacks"]["spoof"]
    assert attack["recall"] == attack["chance_recall"] == 1
    assert attack["skill"] is None
    other = score(frames, [alert(t, key=0x100) for t in range(0, 200_000_000, 50_000)])["attacks"]["spoof"]
    assert (other["recall"], other["chance_recall"], other["skill"]) == (0, 0, 0)


def test_chance_by_hand():
    """The same shifts, one by one, without anything vectorised."""
    rng = np.random.default_rng(5)
    attacks = [
        (int(t), int(k), "spoof")
        for t, k in zip(rng.integers(0, 60e6, 40), rng.integers(1, 4, 40), strict=True)
    ]
    frames = log(60.0, attacks, every_us=100_000)
    alerts = [
        alert(t, int(k)) for t, k in zip(rng.integers(0, 60e6, 30), rng.integers(1, 4, 30), strict=True)
    ]
    alerts.append(alert(70_000_000, 1))
    events = from_labels(frames)
    period = 60_000_001
    recalls = []
    for shift in np.random.default_rng(9).integers(2_000_001, period - 2_000_000, 200):
        moved = [((a.t_us + int(shift)) % period, a.key) for a in alerts]

        def hit(event, moved=moved):
            inside = [
                key in event.ids
                for t, key in moved
                for lap in (0, period)
                if event.start_us <= t + lap <= event.end_us + 100_000
            ]
            return any(inside)

        recalls.append(np.mean([hit(event) for event in events]))
    got = score(frames, alerts, seed=9)["attacks"]["spoof"]
    assert got["chance_recall"] == pytest.approx(np.mean(recalls), abs=1e-12)
    assert 0 < got["chance_recall"] < 1


def test_a_log_too_short_to_shift_has_no_chance_and_no_skill():
    attack = score(log(4.0, [(1_000_000, 0x200, "spoof")]), [alert(1_000_000)])["attacks"]["spoof"]
    assert (attack["recall"], attack["chance_recall"], attack["skill"]) == (1, None, None)


def test_frame_scores_are_of_a_labels_frames_against_clean_ones():
    frames = log(20.0, [(5_000_000 + n, 0x200, "a") for n in range(50)] + [(9_000_000, 1, "b")])
    bits = np.random.default_rng(2).integers(0, 100, len(frames))
    bits[frames.label == 1] += 40
    bits[frames.label == 2] = 1000
    attacks = score(frames, [], bits=bits)["attacks"]
    rows = frames.label != 2
    assert attacks["a"]["frame_auroc"] == pytest.approx(roc_auc_score(frames.label[rows] == 1, bits[rows]))
    assert attacks["b"]["frame_auroc"] == pytest.approx(1)
    assert attacks["b"]["frame_average_precision"] == pytest.approx(1)
    assert attacks["a"]["frames"] == 50
    assert score(frames, [])["attacks"]["a"]["frame_auroc"] is None
    with pytest.raises(UsageError, match=r"3 scores for \d+ frames"):
        score(frames, [], bits=bits[:3])


def test_several_logs_add_up():
    a = tally(log(100.0, ONE[:1]), [alert(100_000_000), alert(5_000_000)])
    b = tally(
        log(100.0, [(50_000_000, 0x201, "spoof"), (60_000_000, 1, "other")]), [alert(50_500_000, 0x201)]
    )
    both = result([a, b])
    assert both["attacks"]["spoof"]["events"] == 2
    assert both["attacks"]["spoof"]["recall"] == 0.5
    assert list(both["attacks"]) == ["spoof", "other"]
    assert both["false_alerts"] == 1
    assert both["clean_hours"] * 3600 == pytest.approx(200 - 1 - 2 - 2)
    assert both["precision"] == pytest.approx(2 / 3)
    assert result([])["attacks"] == {}


TIMES = st.integers(0, 60_000_000)
ATTACKS = st.lists(st.tuples(TIMES, st.integers(1, 3), st.sampled_from(["a", "b"])), max_size=30)
ALERTS = st.lists(
    st.builds(alert, TIMES, st.sampled_from([None, 1, 2, 3, 0x100]), st.sampled_from(["timing", "payload"])),
    max_size=30,
)


@settings(max_examples=60)
@given(ATTACKS, ALERTS, st.integers(-(2**40), 2**50))
def test_a_constant_shift_of_time_changes_nothing(attacks, alerts, shift):
    frames = log(60.0, attacks, every_us=100_000)
    rows = [Event("gone", 10_000_000, 20_000_000, (3,), frames=False)]
    moved = [Alert(a.t_us + shift, a.key, a.bus, a.detector, a.kind, 1, 1, "", "", "", 1, 0) for a in alerts]
    late = [Event("gone", 10_000_000 + shift, 20_000_000 + shift, (3,), frames=False)]
    assert score(frames, alerts, events=rows) == score(
        frames.changed(t_us=frames.t_us + shift), moved, events=late
    )


@settings(max_examples=60)
@given(ATTACKS, ALERTS, ALERTS, st.integers(0, 5))
def test_shares_are_shares_and_counts_agree(attacks, alerts, twin, seed):
    frames = log(60.0, attacks, every_us=100_000)
    outcome = score(frames, alerts, twin_alerts=twin, seed=seed)
    assert outcome == score(frames, alerts[::-1], twin_alerts=twin, seed=seed)
    for attack in outcome["attacks"].values():
        assert 0 <= attack["recall_id_named"] <= attack["recall"] <= 1
        assert 0 <= attack["chance_recall"] <= 1
        assert attack["recall"] == attack["detected"] / attack["events"]
        assert (attack["alarmed_fraction"] > 0) == (attack["detected"] > 0)
    assert outcome["false_episodes"] <= outcome["false_alerts"] <= len(alerts)
    assert outcome["unattributed_alerts"] <= len(alerts)
    assert (outcome["precision"] is None) == (not alerts)


@settings(max_examples=60)
@given(ATTACKS, ALERTS, TIMES)
def test_an_alert_more_that_is_false_never_raises_precision(attacks, alerts, when):
    frames = log(60.0, attacks, every_us=100_000)
    more = alert(when, 0x7FF)
    before, after = score(frames, alerts), score(frames, [*alerts, more])
    if before["precision"] is not None:
        assert after["precision"] <= before["precision"]
    for label, attack in before["attacks"].items():
        assert after["attacks"][label]["detected"] == attack["detected"]


def test_a_thousand_events_of_two_thousand_alerts_at_random_have_no_skill():
    rng = np.random.default_rng(3)
    attacks = [(int(t), int(rng.integers(0, 20)), "fuzz") for t in np.arange(1000) * 590_000]
    alerts = [
        alert(t, int(k)) for t, k in zip(rng.integers(0, 6e8, 2000), rng.integers(0, 20, 2000), strict=True)
    ]
    attack = score(log(600.0, attacks), alerts)["attacks"]["fuzz"]
    assert attack["events"] == 1000
    assert attack["recall"] > 0
    assert abs(attack["skill"]) < 0.02
