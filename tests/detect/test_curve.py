"""The curve of recall and false alarms against minutes of clean log."""

import numpy as np
import pytest

from canbean.can import attacks, simulate
from canbean.detect import curve
from canbean.detect.learn import learn
from canbean.detect.replay import replay
from canbean.detect.score import garwood95, score
from canbean.errors import LogError, UsageError


@pytest.fixture(scope="module")
def clean():
    return simulate.drive(200, 5)


@pytest.fixture(scope="module")
def found(clean):
    return curve.curve(clean, minutes=(1.0, 0.2, 0.5, 10.0))


def test_the_part_held_out_is_what_no_length_learns_from(clean):
    parts = curve.split(clean, (0.5, 2.0, 1.0, 3.0))
    assert parts.minutes == (0.5, 1.0, 2.0)
    assert parts.left_out == (3.0,)
    assert parts.from_s == 120
    assert parts.held_out.equals(clean.between(120, None))


def test_the_split_counts_from_the_first_frame_whatever_the_clock_says(clean):
    later = clean.changed(t_us=clean.t_us + 1_700_000_000_000_000)
    assert len(curve.split(later, (1.0,)).held_out) == len(curve.split(clean, (1.0,)).held_out)


def test_a_log_without_room_is_refused_with_what_it_takes(clean):
    with pytest.raises(LogError, match=r"200\.0 s: to learn from 5 min and to hold out 60 s takes 360 s"):
        curve.split(clean, (5.0, 10.0))
    with pytest.raises(LogError, match=r"has 0\.0 s"):
        curve.split(clean[:0], (1.0,))
    for minutes in ((), (0.0, 1.0), (float("nan"),), (-1.0,)):
        with pytest.raises(UsageError, match="minutes"):
            curve.split(clean, minutes)


def test_each_length_is_scored_as_its_own_model_would_be(clean, found):
    assert [point["minutes"] for point in found["points"]] == [0.5, 1.0]
    held_out = clean.between(60, None)
    for point in found["points"]:
        known = learn([clean.between(0, 60 * point["minutes"])])
        assert point["threshold_bits"] == known.fingerprint.threshold / 16
        quiet = score(held_out, replay(known.gateway, held_out).alerts)
        assert point["false_alerts"] == quiet["false_alerts"]
        assert point["false_alerts_per_hour"] == quiet["false_alerts_per_hour"]
        upper = garwood95(point["false_alerts"], held_out.span_s / 3600)
        assert point["false_alerts_per_hour_upper95"] == pytest.approx(upper)
        assert set(point["attacks"]) == set(attacks.SINGLE)
        assert all(0 <= attack["recall"] <= 1 for attack in point["attacks"].values())


def test_what_cannot_be_learned_from_is_told(found):
    assert [entry["minutes"] for entry in found["left_out"]] == [0.2, 10.0]
    assert "needs at least" in found["left_out"][0]["reason"]
    assert "hold out" in found["left_out"][1]["reason"]
    assert (found["held_out_from_s"], found["held_out_s"]) == (60, pytest.approx(140, abs=0.1))


def test_where_no_length_can_be_learned_from_the_reason_is_raised(clean):
    with pytest.raises(LogError, match="needs at least"):
        curve.curve(clean, minutes=(0.1, 0.2))


def test_attacks_injected_into_a_recording_are_called_simulated(clean):
    recorded = clean.changed(buses=("can0",))
    said = curve.curve(recorded, minutes=(0.5,))
    assert (said["data"], said["attacks_from"]) == ("simulated", "injected")
    labelled, events = attacks.inject(recorded.between(100, None), "spoof", seed=1)
    labelled = curve.Attacked(labelled.changed(buses=("can0",)), events)
    said = curve.curve(recorded, [labelled], minutes=(0.5,))
    assert (said["data"], said["attacks_from"]) == ("recorded", "labelled")
    assert set(said["points"][0]["attacks"]) == {"spoof"}


def test_the_same_seed_gives_the_same_curve(clean, found):
    assert curve.curve(clean, minutes=(1.0, 0.2, 0.5, 10.0)) == found


def test_events_without_frames_are_scored(clean):
    attacked, events = attacks.inject(simulate.drive(60, 9), "suspension", seed=2)
    said = curve.curve(clean, [curve.Attacked(attacked, events)], minutes=(2.0,))
    assert said["points"][0]["attacks"]["suspension"]["events"] == len(events)


def test_a_log_whose_frames_were_learned_is_named(clean):
    same, _ = attacks.inject(clean, "flood", seed=1)
    other, _ = attacks.inject(simulate.drive(60, 9), "flood", seed=1)
    logs = [curve.Attacked(frames) for frames in (other, same, same.between(70, None))]
    assert curve.curve(clean, logs, minutes=(1.0,))["same_drive"] == [1]


def test_the_share_of_learned_runs(clean):
    assert curve.learned_share(clean, clean) == 1
    half = clean.between(100, None)
    assert curve.learned_share(half, clean) == pytest.approx(len(half) / len(clean), abs=0.01)
    shifted = clean.changed(t_us=clean.t_us + np.arange(len(clean)))
    assert curve.learned_share(shifted, clean) == 1
    assert curve.learned_share(clean, clean[:31]) == 0
    assert curve.learned_share(clean[:0], clean) == 0
    assert curve.learned_share(clean, simulate.drive(30, 11)) < 0.01


def test_a_step_is_told_after_each_length(clean):
    steps = []
    curve.curve(clean, minutes=(0.2, 0.5), step=lambda: steps.append(1))
    assert len(steps) == 2
