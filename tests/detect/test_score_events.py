"""Events and attribution: each definition at its border."""

import numpy as np
import pytest

from canbean.can.events import Event
from canbean.can.frames import Frames
from canbean.detect.alerts import Alert
from canbean.detect.score import score
from canbean.detect.truth import truth

EXT = 1 << 29


def drive(*parts, span_s=100.0, buses=("can0",), every_ms=10):
    """Clean frames of id 0x100 every 10 ms, and attack frames `(t_us, key, label)` or `(t_us, key, label, bus)`."""
    rows = [(t, 0x100, "", 0) for t in range(0, int(span_s * 1e6) + 1, every_ms * 1000)]
    rows += [(*part, 0)[:4] for part in parts]
    labels = ("", *dict.fromkeys(row[2] for row in rows if row[2]))
    n = len(rows)
    keys = np.array([row[1] for row in rows])
    return Frames(
        t_us=np.array([row[0] for row in rows], np.int64),
        id=(keys & (EXT - 1)).astype(np.uint32),
        ext=keys >= EXT,
        flags=np.zeros(n, np.uint8),
        dlc=np.full(n, 8, np.uint8),
        data=np.zeros((n, 8), np.uint8),
        bus=np.array([row[3] for row in rows], np.uint8),
        label=np.array([labels.index(row[2]) for row in rows], np.int16),
        buses=buses,
        labels=labels,
    )


def alert(t_us, key=0x200, kind="timing", bus=0):
    return Alert(int(t_us), key, bus, "fingerprint", kind, 100, 50, "", "", "high", 1, 0)


def run(label, key, start_us, end_us, step_us=50_000):
    return [(t, key, label) for t in range(start_us, end_us + 1, step_us)]


@pytest.mark.parametrize(("gap_us", "events"), [(100_000, 1), (100_001, 2)])
def test_a_gap_of_just_over_100_ms_ends_an_event(gap_us, events):
    frames = drive((50_000_000, 0x200, "spoof"), (50_000_000 + gap_us, 0x200, "spoof"))
    assert score(frames, [])["attacks"]["spoof"]["events"] == events


def test_frames_out_of_order_make_the_same_events():
    frames = drive(*run("spoof", 0x200, 30_000_000, 31_000_000), *run("spoof", 0x201, 60_000_000, 61_000_000))
    mixed = frames[np.random.default_rng(1).permutation(len(frames))]
    alerts = [alert(30_500_000), alert(60_000_000, 0x201), alert(70_000_000)]
    assert score(mixed, alerts) == score(frames, alerts)
    assert score(frames, alerts)["attacks"]["spoof"]["events"] == 2


@pytest.mark.parametrize(
    ("t_us", "detected"),
    [(29_999_999, 0), (30_000_000, 1), (31_100_000, 1), (31_100_001, 0)],
)
def test_detected_from_its_start_to_100_ms_after_its_end(t_us, detected):
    frames = drive(*run("spoof", 0x200, 30_000_000, 31_000_000))
    attack = score(frames, [alert(t_us)])["attacks"]["spoof"]
    assert attack["detected"] == detected
    assert attack["recall"] == attack["recall_id_named"] == detected
    assert attack["delay_ms_median"] == ((t_us - 30_000_000) / 1000 if detected else None)


@pytest.mark.parametrize(
    ("t_us", "detected"), [(19_999_999, 0), (20_000_000, 1), (26_000_000, 1), (26_000_001, 0)]
)
def test_an_event_without_frames_is_detected_until_1_s_after_its_end(t_us, detected):
    rows = [Event("suspension", 20_000_000, 25_000_000, (0x200,), frames=False)]
    attack = score(drive(), [alert(t_us, kind="missing")], events=rows)["attacks"]["suspension"]
    assert attack["detected"] == detected
    assert attack["frames"] == 0
    assert attack["frame_auroc"] is None


def test_an_alert_that_names_another_id_detects_nothing():
    frames = drive(*run("spoof", 0x200, 30_000_000, 31_000_000))
    for key in (0x100, 0x201, 0x200 | EXT):
        outcome = score(frames, [alert(30_500_000, key)])
        assert outcome["attacks"]["spoof"]["detected"] == 0
        assert (outcome["unattributed_alerts"], outcome["false_alerts"], outcome["precision"]) == (1, 0, 0.0)


@pytest.mark.parametrize(("attack_frames", "detected"), [(42, 0), (43, 1)])
def test_a_whole_bus_alert_is_about_an_event_of_30_percent_of_the_frames(attack_frames, detected):
    # From 30 s to 31 s there are 101 clean frames: 43 / 144 is under 30 %, 44 / 145 is over.
    times = np.linspace(30_000_000, 31_000_000, attack_frames + 1).astype(int)
    frames = drive(*[(int(t), 0x200, "flood") for t in times])
    outcome = score(frames, [alert(30_500_000, None, "bus-load")])
    assert outcome["attacks"]["flood"]["detected"] == detected
    assert outcome["attacks"]["flood"]["recall_id_named"] == 0
    assert outcome["unattributed_alerts"] == 1 - detected


def test_exactly_30_percent_is_enough():
    clean = [(30_000_000 + n * 1000, 0x300, "") for n in range(1, 15)]
    flood = [(30_000_000 + n * 1100, 0x200, "flood") for n in range(6)]
    # Six frames of the flood, five of 0x300 (1 to 5 ms) and the one of 0x100 at 30 s, then eight more beside them.
    beside = [(30_000_000 + n * 600, 0x301, "") for n in range(1, 9)]
    frames = drive(*clean, *flood, *beside)
    lasts = (frames.t_us >= 30_000_000) & (frames.t_us <= 30_005_500)
    assert (frames.label[lasts] > 0).sum() / lasts.sum() == 0.3
    bus_alert = [alert(30_002_000, None, "bus-load")]
    assert score(frames, bus_alert)["attacks"]["flood"]["detected"] == 1
    one_more = Frames.concat([frames, frames[np.flatnonzero(lasts)[:1]].relabelled("")])
    assert score(one_more, bus_alert)["attacks"]["flood"]["detected"] == 0


def test_a_single_frame_is_not_the_whole_bus():
    frames = drive((30_001_000, 0x200, "spoof"))
    outcome = score(frames, [alert(30_002_000, None, "bus-load")])
    assert outcome["attacks"]["spoof"]["detected"] == 0
    assert score(frames, [alert(30_002_000)])["attacks"]["spoof"]["detected"] == 1


def test_the_share_is_that_of_the_alerts_own_bus():
    flood = [(30_000_000 + n * 1000, 0x200, "flood", 1) for n in range(100)]
    frames = drive(*flood, buses=("can0", "can1"))
    assert score(frames, [alert(30_050_000, None, "bus-load", 1)])["attacks"]["flood"]["detected"] == 1
    assert score(frames, [alert(30_050_000, None, "bus-load", 0)])["attacks"]["flood"]["detected"] == 0


def test_a_row_without_ids_is_about_the_whole_bus():
    rows = [Event("cut", 20_000_000, 25_000_000, (), frames=False)]
    assert score(drive(), [alert(21_000_000, None, "rate")], events=rows)["attacks"]["cut"]["detected"] == 1
    assert score(drive(), [alert(21_000_000, 0x100, "rate")], events=rows)["attacks"]["cut"]["detected"] == 0
    named = [Event("cut", 20_000_000, 25_000_000, (0x100,), frames=False)]
    assert score(drive(), [alert(21_000_000, None, "rate")], events=named)["attacks"]["cut"]["detected"] == 0


def test_rows_add_to_labels_and_do_not_count_twice():
    frames = drive(*run("masquerade", 0x200, 30_000_000, 31_000_000))
    rows = [
        Event("masquerade", 29_000_000, 32_000_000, (0x200,), frames=False),
        Event("masquerade", 60_000_000, 61_000_000, (0x200,), frames=False),
        Event("suspension", 29_000_000, 32_000_000, (0x200,), frames=False),
    ]
    attacks = score(frames, [], events=rows)["attacks"]
    assert {label: attack["events"] for label, attack in attacks.items()} == {
        "masquerade": 2,
        "suspension": 1,
    }


def test_a_row_is_cut_to_the_log_and_one_outside_is_not_in_it():
    frames = drive().between(50, 80)
    rows = [
        Event("a", 10_000_000, 20_000_000, (1,), frames=False),
        Event("b", 45_000_000, 55_000_000, (1,), frames=False),
        Event("c", 90_000_000, 95_000_000, (1,), frames=False),
    ]
    there = truth(frames, rows)
    assert there.labels == ("b",)
    assert (there.start_us[0], there.end_us[0]) == (50_000_000, 55_000_000)


def test_overlapping_events_of_two_labels_are_each_detected_by_their_own_ids():
    frames = drive(*run("a", 0x200, 30_000_000, 32_000_000), *run("b", 0x201, 31_000_000, 33_000_000))
    outcome = score(frames, [alert(31_500_000, 0x201)])
    assert outcome["attacks"]["a"]["detected"] == 0
    assert outcome["attacks"]["b"]["detected"] == 1
    assert outcome["precision"] == 1
    assert outcome["clean_hours"] == pytest.approx((100 - 5) / 3600)


def test_alarmed_fraction_counts_started_seconds():
    frames = drive(*run("spoof", 0x200, 30_000_000, 33_500_000))
    # Seconds 30, 31, 32 and the started one at 33; an alert after the end counts for the last.
    assert score(frames, [alert(30_999_999)])["attacks"]["spoof"]["alarmed_fraction"] == 0.25
    assert (
        score(frames, [alert(31_000_000), alert(31_900_000)])["attacks"]["spoof"]["alarmed_fraction"] == 0.25
    )
    many = [alert(t) for t in (30_100_000, 31_100_000, 32_100_000, 33_590_000)]
    assert score(frames, many)["attacks"]["spoof"]["alarmed_fraction"] == 1
    whole = drive(*run("spoof", 0x200, 30_000_000, 32_000_000))
    # The last frame at 32 s begins no third second.
    late = [alert(31_500_000), alert(32_050_000)]
    assert score(whole, late)["attacks"]["spoof"]["alarmed_fraction"] == 0.5
    assert score(whole, [alert(32_000_000)])["attacks"]["spoof"]["alarmed_fraction"] == 0.5
    assert (
        score(drive((30_000_000, 0x200, "x")), [alert(30_090_000)])["attacks"]["x"]["alarmed_fraction"] == 1
    )


def test_delays_over_all_events_with_misses_infinite():
    starts = [20_000_000, 30_000_000, 40_000_000]
    frames = drive(*[(t, 0x200, "spoof") for t in starts])
    two = score(frames, [alert(20_010_000), alert(20_020_000), alert(30_030_000)])["attacks"]["spoof"]
    assert (two["delay_ms_median"], two["delay_ms_p95"]) == (30.0, None)
    three = score(frames, [alert(t + 1000 * n) for n, t in enumerate(starts, 1)])["attacks"]["spoof"]
    assert three["delay_ms_median"] == 2.0
    assert three["delay_ms_p95"] == pytest.approx(np.percentile([1, 2, 3], 95))
    one = score(frames, [alert(20_010_000)])["attacks"]["spoof"]
    assert one["delay_ms_median"] is None
    assert one["recall"] == pytest.approx(1 / 3)
