from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from canbean.can import logs
from canbean.can.attacks import FAMILIES, KINDS, inject, inject_all
from canbean.can.bus import frame_us
from canbean.can.events import from_labels
from canbean.can.frames import Frames
from canbean.can.simulate import drive
from canbean.errors import UsageError

INJECTED = [kind for kind in KINDS if not kind.startswith(("suspension", "masquerade"))]
RUNS = ("replay-single", "replay-sequence", "replay-shuffled")
"""Without a rate these send once a slot."""
DRAWS_IDS = ("flood-lowest", "fuzz-id")


@pytest.fixture(scope="module")
def clean():
    return drive(130, 5)


@pytest.fixture(scope="module", params=KINDS)
def attacked(request, clean):
    return request.param, *inject(clean, request.param, seed=11)


def content(frames):
    """Each frame but its time."""
    return np.column_stack([frames.key, frames.dlc, frames.flags, frames.bus, frames.data]).astype(np.int64)


def test_time_goes_forward_and_nothing_overlaps(attacked):
    _, frames, _ = attacked
    assert (np.diff(frames.t_us) >= frame_us(frames.dlc, frames.ext)[1:]).all()


def test_labels_and_events_agree(attacked, clean):
    kind, frames, events = attacked
    assert len(events) == 7
    assert {event.label for event in events} == {kind}
    lasts = (0, 3000) if kind in RUNS else (1.5e6, 2.6e6)
    assert all(lasts[0] <= event.end_us - event.start_us < lasts[1] for event in events)
    assert [event.start_us for event in events] == sorted(event.start_us for event in events)
    assert all(event.frames == (kind != "suspension") for event in events)
    if kind == "suspension":
        assert frames.labels == ("", kind)
        assert not frames.label.any()
    else:
        assert events == from_labels(frames)
        assert set(np.unique(frames.label)) == {0, 1}
    assert not clean.label.any()


def test_original_frames_stay_but_for_what_the_attack_says(attacked, clean):
    kind, frames, events = attacked
    genuine = frames[frames.label == 0]
    if kind in INJECTED:
        # The same frames; each as late as what stood in its way, and exactly in time where no attack was near.
        order, wanted = np.lexsort(content(genuine).T), np.lexsort(content(clean).T)
        assert np.array_equal(content(genuine)[order], content(clean)[wanted])
        away = np.ones(len(clean), bool)
        for event in events:
            away &= (clean.t_us < event.start_us - 1000) | (clean.t_us > event.end_us + 1_000_000)
        kept = np.isin(genuine.t_us, clean.t_us[away])
        assert kept.sum() >= away.sum()
        assert np.isin(clean.t_us[away], genuine.t_us).all()
    elif kind == "suspension":
        gone = np.zeros(len(clean), bool)
        for event in events:
            gone |= (
                np.isin(clean.key, event.ids) & (clean.t_us >= event.start_us) & (clean.t_us <= event.end_us)
            )
        assert gone.sum() > 50
        assert frames.equals(clean[~gone])
    else:
        same = frames.label == 0
        assert np.array_equal(frames.t_us, clean.t_us)
        assert np.array_equal(frames.key, clean.key)
        assert frames[same].relabelled("").equals(clean[same])
        forged = ~same
        assert (frames.data[forged] != clean.data[forged]).any(axis=1).mean() > 0.5


def test_each_kind_is_what_its_name_says(attacked, clean):
    kind, frames, events = attacked
    known = set(clean.key.tolist())
    bad = frames[frames.label == 1]
    for event in events:
        inside = (frames.t_us >= event.start_us) & (frames.t_us <= event.end_us)
        if kind.startswith("flood"):
            (key,) = event.ids
            assert key in {"flood-lowest": {0}, "flood-known": {min(known)}}.get(kind, {0, min(known)})
            assert (frames.label[inside] == 1).mean() > 0.7
            busy = frame_us(frames.dlc[inside], frames.ext[inside]).sum() / (event.end_us - event.start_us)
            assert 0.85 < busy <= 1.01
        elif kind == "spoof" or kind.startswith(("suspension", "masquerade")):
            (key,) = event.ids
            assert key in known
    if kind.startswith("fuzz"):
        assert len(bad) == pytest.approx(7 * 200, abs=12)
        old = np.isin(bad.data.view("<u8"), clean.data.view("<u8")).mean()
        assert old == 1 if kind == "fuzz-id" else old < 0.1
        if kind == "fuzz-payload":
            assert set(bad.key.tolist()) <= known
            lengths = dict(zip(clean.key.tolist(), clean.dlc.tolist(), strict=True))
            assert bad.dlc.tolist() == [lengths[key] for key in bad.key.tolist()]
            assert not bad.data[np.arange(8) >= bad.dlc[:, None]].any()
        else:
            assert len(set(bad.key.tolist()) - known) > 300
    elif kind.startswith("replay"):
        assert set(map(bytes, content(bad))) <= set(map(bytes, content(clean)))
    elif kind == "spoof":
        assert not set(map(bytes, content(bad))) <= set(map(bytes, content(clean)))
    elif kind == "diagnostic":
        assert len(bad) == pytest.approx(7 * 40, abs=7)
        assert set(bad.key.tolist()) <= {0x7DF, *range(0x7E0, 0x7E8)}
        assert set(bad.data[:, 1].tolist()) == {0x10, 0x11, 0x27, 0x31}
        assert (bad.data[:, 0] < 8).all()


def test_sequences_are_consecutive_recorded_frames_in_order_or_out_of_it(clean):
    clean = clean.between(0, 60)
    places = {}
    for row, one in enumerate(map(bytes, content(clean))):
        places.setdefault(one, []).append(row)
    for kind in RUNS:
        frames, events = inject(clean, kind, seed=3)
        for event in events:
            inside = (frames.t_us >= event.start_us) & (frames.t_us <= event.end_us) & (frames.label == 1)
            run = frames[inside]
            if kind == "replay-single":
                assert len(run) == 1
                continue
            assert 3 <= len(run) <= 8
            where = [places[one] for one in map(bytes, content(run))]
            starts = [row for row in where[0] if row + len(run) <= len(clean)]
            in_order = any(all(row + k in at for k, at in enumerate(where)) for row in starts)
            assert in_order == (kind == "replay-sequence")
            near = [
                row
                for row in where[0]
                if all(any(abs(row - other) < len(run) for other in at) for at in where)
            ]
            assert near


def test_runs_come_at_a_rate(clean):
    frames, events = inject(clean, "replay-single", seed=3, rate=4, duration_s=5)
    assert (frames.label == 1).sum() == 7 * 20
    assert len(events) == 7 * 20


def test_diagnostic_requests_are_a_testers_on_either_kind_of_identifier(clean):
    frames, _ = inject(clean, "diagnostic", seed=3)
    bad = frames[frames.label == 1]
    asked = bad.data[:, 1]
    sends_key = (asked[1:] == 0x27) & (bad.data[1:, 2] % 2 == 0)
    assert sends_key.any()
    assert (asked[:-1][sends_key] == 0x27).mean() > 0.9
    wide, _ = inject(clean.changed(ext=np.ones(len(clean), bool)), "diagnostic", seed=3)
    ids = {int(i) for i in wide.id[wide.label == 1]}
    assert all(i == 0x18DB33F1 or i & 0x1FFF00FF == 0x18DA00F1 for i in ids)
    assert wide.ext.all()


def test_durations_and_rates_are_taken_in_turn(clean):
    frames, events = inject(
        clean, "fuzz-payload", seed=2, id_key=0x0C1, duration_s=[0.5, 2, 5], rate=[20, 50], every_s=18
    )
    seconds = [(event.end_us - event.start_us) / 1e6 for event in events]
    assert seconds == pytest.approx([0.5, 2, 5, 0.5, 2, 5, 0.5, 2], abs=0.1)
    counts = [
        ((frames.label == 1) & (frames.t_us >= e.start_us) & (frames.t_us <= e.end_us)).sum() for e in events
    ]
    assert counts == [10, 40, 100, 25, 100, 250, 10, 40]
    _, events = inject_all(clean, ["fuzz", "diagnostic"], seed=1, duration_s=[0.5, 3])
    seconds = [(event.end_us - event.start_us) / 1e6 for event in events]
    assert seconds == pytest.approx([0.5, 0.5, 3, 3] * 2, abs=0.1)


def test_the_seed_decides(clean):
    clean = clean.between(0, 30)
    for kind in KINDS:
        one, events = inject(clean, kind, seed=1)
        again, same = inject(clean, kind, seed=1)
        assert one.equals(again)
        assert events == same
        assert not inject(clean, kind, seed=2)[0].equals(one)


def test_a_given_id_rate_and_part_are_kept_to(clean):
    for kind in KINDS:
        if kind in DRAWS_IDS:
            with pytest.raises(UsageError, match="draws its id: for 0C1 take"):
                inject(clean, kind, seed=1, id_key=0x0C1)
            continue
        frames, events = inject(
            clean, kind, seed=1, id_key=0x0C1, from_s=60, to_s=100, every_s=10, duration_s=1, rate=50
        )
        assert len(events) == 4 or kind in RUNS
        assert {event.ids for event in events} == {(0x0C1,)}
        assert min(event.start_us for event in events) >= clean.t_us[0] + 60_000_000
        assert max(event.end_us for event in events) <= clean.t_us[0] + 100_010_000
        if kind in ("flood", "flood-known", "fuzz", "fuzz-payload", "spoof", "diagnostic", "replay-single"):
            assert (frames.label == 1).sum() == pytest.approx(200, abs=8)


def test_all_kinds_one_after_the_other_with_clean_stretches(clean):
    frames, events = inject_all(clean, seed=4)
    assert {event.label for event in events} == set(FAMILIES)
    assert (np.diff(frames.t_us) >= 0).all()
    for before, after in pairwise(events):
        assert after.start_us - before.end_us >= 9_900_000
    assert events[0].start_us - clean.t_us[0] >= 9_900_000
    again, same = inject_all(clean, seed=4)
    assert frames.equals(again)
    assert events == same


def test_extended_ids_and_other_buses_are_left_alone():
    t = np.arange(20_000) * 2000
    frames = Frames.of(
        t,
        0x18FEF100,
        np.arange(160_000).reshape(-1, 8) // 8 % 256,
        ext=True,
        bus=np.arange(20_000) % 2,
        buses=("a", "b"),
    )
    for kind in KINDS:
        out, events = inject(frames, kind, seed=3)
        assert events, kind
        assert out.ext.all(), kind
        assert out.buses == ("simulated-a", "simulated-b")
        for event in events:
            inside = (out.t_us >= event.start_us) & (out.t_us <= event.end_us)
            hit = np.unique(out.bus[inside & (out.label != 0)])
            assert len(hit) == event.frames
            if event.frames:
                other = inside & (out.bus != hit[0])
                assert np.isin(out.t_us[other], t[frames.bus != hit[0]]).all()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"kind": "dos"}, "attack 'dos': known are flood, flood-lowest, flood-known, fuzz"),
        ({"kind": "spoof", "id_key": 0x7FE}, "id 7FE is not in this log"),
        (
            {"kind": "spoof", "duration_s": 500, "every_s": 600},
            "130.0 s of log are too short for an attack of 500 s",
        ),
        (
            {"kind": "spoof", "duration_s": 5, "every_s": 5},
            "attacks of 5 s every 5 s: a slot is longer than 0 and shorter",
        ),
        ({"kind": "flood", "rate": 0}, "rate 0: frames a second, above 0"),
        ({"kind": "flood", "rate": [5, -1]}, "rate -1: frames a second, above 0"),
        ({"kind": "flood", "duration_s": []}, "of several durations or rates there is at least one"),
        (
            {"kind": "flood", "from_s": 90, "to_s": 80},
            "the part of the log to attack is empty: look at from and to",
        ),
    ],
)
def test_wrong_wishes_are_refused(clean, named, message):
    with pytest.raises(UsageError) as caught:
        inject(clean, seed=1, **named)
    assert str(caught.value).startswith(message)


def test_logs_too_short_or_empty_are_refused(clean):
    with pytest.raises(UsageError, match="too short for 7 kinds of attack"):
        inject_all(clean.between(0, 60), seed=1)
    with pytest.raises(UsageError, match="no frames to attack"):
        inject(Frames.empty(), "flood", seed=1)


def test_attacks_work_on_a_recording(recordings):
    frames = logs.read(recordings / "can" / "volvo-v40" / "clean.csv.gz", from_s=50).frames
    out, events = inject_all(frames, list(KINDS), seed=2, duration_s=1, pause_s=1)
    assert {event.label for event in events} == set(KINDS)
    assert (np.diff(out.t_us) >= 0).all()
