import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import attacks, simulate
from canbean.can.frames import Frames
from canbean.detect import model
from canbean.detect.fingerprint import FOREVER_US, SCORE_CAP, Fingerprint
from canbean.detect.learn import learn
from canbean.detect.replay import replay
from canbean.errors import LogError, ModelError


@pytest.fixture(scope="module")
def clean():
    return simulate.drive(240, 3)


@pytest.fixture(scope="module")
def learned(clean):
    return learn([clean])


@pytest.fixture(scope="module")
def other():
    return simulate.drive(120, 4)


def test_a_short_log_is_refused_with_the_minimum(clean):
    with pytest.raises(LogError, match=r"1000 frames and 20 s"):
        learn([clean.between(0, 19)])
    with pytest.raises(LogError, match=r"has 0 frames"):
        learn([Frames.empty()])


def test_a_log_with_attacks_is_refused(clean):
    attacked, _ = attacks.inject(clean, "flood", seed=1, duration_s=1)
    with pytest.raises(LogError, match=r"labelled 'flood'"):
        learn([attacked])


def test_timing_is_left_out_where_the_clock_is_too_coarse_for_an_id(clean, learned):
    step_us = 100_000
    coarse = clean.changed(t_us=clean.t_us // step_us * step_us)
    known = learn([coarse])
    fingerprint = known.fingerprint
    assert known.calibration["clock_step_us"] == step_us
    assert learned.calibration["ids_without_timing"] == 0
    period_us = np.array([np.median(np.diff(coarse.t_us[coarse.key == key])) for key in fingerprint.keys])
    untimed = period_us < 4 * step_us
    assert known.calibration["ids_without_timing"] == untimed.sum() > 0
    assert (fingerprint.timeout_us[untimed] == FOREVER_US).all()
    assert not fingerprint.column("gap_edge")[untimed].any()
    assert not fingerprint.column("span_edge")[untimed].any()
    assert fingerprint.column("span_edge")[~untimed].any()
    alerts = replay(known.gateway, coarse).alerts
    assert not [alert for alert in alerts if alert.kind in {"timing", "missing"}]


def test_a_larger_budget_lowers_the_threshold(clean):
    thresholds = [learn([clean], per_hour=budget).fingerprint.threshold for budget in (0.1, 1, 100)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] > thresholds[-1]


def test_the_calibration_says_what_so_short_a_log_can_show(learned):
    calibration = learned.calibration
    assert calibration["clean_s"] == pytest.approx(240, abs=0.1)
    assert calibration["held_back_alerts"] == 0
    assert calibration["shown_per_hour_upper95"] == pytest.approx(3 / (96 / 3600), abs=0.3)
    assert calibration["budget_verified"] is False


def test_clean_traffic_that_was_learned_raises_nothing(clean, learned):
    assert replay(learned.gateway, clean).alerts == []


def test_another_clean_drive_raises_next_to_nothing(learned, other):
    assert len({a.incident for a in replay(learned.gateway, other).alerts}) <= 1


@pytest.mark.parametrize("kind", ["flood", "fuzz", "spoof", "replay"])
def test_injected_frames_are_found(learned, other, kind):
    attacked, events = attacks.inject(other, kind, seed=7)
    raised = replay(learned.gateway, attacked).alerts
    for event in events:
        assert any(a.key in event.ids and event.start_us <= a.t_us <= event.end_us + 100_000 for a in raised)


def test_an_id_that_falls_silent_is_missing_once_and_soon(learned, other):
    attacked, events = attacks.inject(other, "suspension", seed=7)
    raised = [a for a in replay(learned.gateway, attacked).alerts if a.kind == "missing"]
    for event in events:
        (key,) = event.ids
        during = [a for a in raised if a.key == key and event.start_us <= a.t_us <= event.end_us]
        assert len(during) == 1
        period = np.median(np.diff(other.t_us[other.key == key]))
        assert during[0].t_us - event.start_us <= 6 * period + 50_000


def test_a_bus_that_slept_is_not_missing_its_ids(learned, other):
    slept = other.changed(t_us=other.t_us + 3_600_000_000 * (np.arange(len(other)) > len(other) // 2))
    assert [a for a in replay(learned.gateway, slept).alerts if a.kind == "missing"] == []


def test_a_sleep_inside_the_clean_log_is_no_clean_time(clean, learned):
    slept = clean.changed(t_us=clean.t_us + 3_600_000_000 * (clean.t_us > 100_000_000))
    calibration = learn([slept]).calibration
    assert calibration["clean_s"] == pytest.approx(learned.calibration["clean_s"], abs=1)
    assert calibration["held_back_s"] == pytest.approx(96, abs=1)
    assert learn([slept]).fingerprint.sleep_us < 60_000_000
    assert np.array_equal(
        learn([slept]).fingerprint.timeout_us < 10**9, learned.fingerprint.timeout_us < 10**9
    )


def test_a_held_back_part_that_raises_alerts_is_counted(clean):
    calibration = learn([clean], per_hour=1_000_000).calibration
    hours = calibration["held_back_s"] / 3600
    assert calibration["shown_per_hour_upper95"] >= calibration["held_back_alerts"] / hours
    assert calibration["held_back_alerts"] > 0


def test_the_section_round_trips(learned):
    content = learned.fingerprint.to_bytes()
    assert Fingerprint.from_bytes(content).to_bytes() == content


@settings(max_examples=2000)
@given(st.data())
def test_a_damaged_section_is_refused_or_reads(learned, data):
    content = bytearray(learned.fingerprint.to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    try:
        read = Fingerprint.from_bytes(bytes(content))
    except ModelError:
        return
    assert read.to_bytes() == bytes(content)


def test_golden_frames_show_every_part(learned):
    answers = [bits for _, (bits,) in model.golden_frames(learned.gateway)]
    assert len(answers) == 8
    assert answers[0] == answers[1]  # an id as usual
    assert answers[3] > answers[1]  # too soon
    assert answers[4] > answers[1]  # broken bits
    assert answers[5] > answers[1]  # a wrong DLC
    assert answers[6] == SCORE_CAP  # an unknown id


def test_volvo_v40(recordings):
    """The first 75 s of a real car, and what was injected into the rest."""
    from canbean.can import logs
    from canbean.detect import score

    folder = recordings / "can" / "volvo-v40"
    known = learn([logs.read(folder / "clean.csv.gz", to_s=75).frames]).gateway
    assert len(known.fingerprint) == 50
    rest = logs.read(folder / "clean.csv.gz", from_s=75).frames
    assert score.score(rest, replay(known, rest).alerts)["false_episodes"] <= 1
    for name in ("DenialOfService_lowestID", "MessageIDFuzzing_all", "PayloadFuzzing_ID_1"):
        attacked = logs.read(folder / f"{name}.csv.gz", from_s=75).frames
        said = score.score(attacked, replay(known, attacked).alerts)
        (attack,) = said["attacks"].values()
        assert attack["recall"] >= 0.98
        assert attack["skill"] >= 0.9
        # While the flood lasts other ids do stay away: those alerts are about no event.
        assert said["precision"] >= (0.5 if name.startswith("Denial") else 0.95)
