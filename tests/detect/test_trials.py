"""The attacks that detectors are chosen by."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from canbean.can.bus import frame_us
from canbean.can.frames import Frames
from canbean.can.simulate import drive
from canbean.can.vehicle import MESSAGES
from canbean.detect import score, trials
from canbean.detect.trials import KINDS
from canbean.errors import UsageError

ADDED = ("flood", "unknown", "payload", "spoof", "replay", "diagnostic")
LIES = ("plateau", "ramp", "replayed-payload")


@pytest.fixture(scope="module")
def clean():
    return drive(60, 7)


@pytest.fixture(scope="module")
def made(clean):
    found, left_out = trials.trials(clean, 3)
    assert left_out == {}
    return {trial.kind: trial for trial in found}


def content(frames):
    """Each frame but its time."""
    return np.column_stack([frames.key, frames.dlc, frames.flags, frames.data]).astype(np.int64)


def parts(trial, clean):
    """The true and the forged frames of each event of a lie."""
    for event in trial.events:
        rows = (trial.frames.label == 1) & (trial.frames.t_us >= event.start_us)
        rows &= trial.frames.t_us <= event.end_us
        yield clean[rows], trial.frames[rows]


def test_every_kind_is_tried_on_a_minute_of_log(made):
    assert list(made) == list(KINDS)
    for kind, trial in made.items():
        # what only a clock can tell takes longer
        assert len(trial.events) >= (3 if kind == "sender" else 4)
        assert {event.label for event in trial.events} == {kind}
        assert (np.diff(trial.frames.t_us) >= 0).all()
        assert trial.frames.simulated
        assert bool(trial.silent) == (kind == "suspension")
        told = score.score(trial.frames, [], events=trial.silent)
        assert told["attacks"][kind]["events"] == len(trial.events)


def test_nothing_of_the_other_generator_is_used():
    folder = Path(trials.__file__).parent
    for path in folder.glob("trial*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
                others = {"attacks", "injected", "masquerade", "bitfields", "targets", "delays"}
                assert not names & {f"canbean.can.{other}" for other in others}


@pytest.mark.parametrize("kind", ADDED)
def test_added_frames_leave_the_others_where_they_are(made, clean, kind):
    frames = made[kind].frames
    genuine = frames[frames.label == 0]
    if kind != "flood":
        assert np.array_equal(genuine.t_us, clean.t_us)
        assert np.array_equal(content(genuine), content(clean))
        assert (np.diff(frames.t_us) >= frame_us(frames.dlc, frames.ext)[1:]).all()
        return
    order, wanted = np.lexsort(content(genuine).T), np.lexsort(content(clean).T)
    assert np.array_equal(content(genuine)[order], content(clean)[wanted])
    for event in made[kind].events:
        inside = (frames.t_us >= event.start_us) & (frames.t_us <= event.end_us)
        busy = frame_us(frames.dlc[inside], frames.ext[inside]).sum() / (event.end_us - event.start_us)
        assert 0.6 < busy < 1.02
        assert max(event.ids) <= clean.id.min()


def test_added_frames_are_what_their_kind_says(made, clean):
    known = set(clean.key.tolist())
    bad = {kind: made[kind].frames[made[kind].frames.label == 1] for kind in ADDED}
    old = set(map(bytes, content(clean)))
    assert not set(bad["unknown"].key.tolist()) & known
    assert all(min(abs(key - k) for k in known) <= 16 for key in bad["unknown"].key.tolist())
    lengths = dict(zip(clean.key.tolist(), clean.dlc.tolist(), strict=True))
    assert bad["payload"].dlc.tolist() == [lengths[key] for key in bad["payload"].key.tolist()]
    assert not bad["payload"].data[np.arange(8) >= bad["payload"].dlc[:, None]].any()
    assert np.mean([one in old for one in map(bytes, content(bad["payload"]))]) < 0.2
    for kind in ("spoof", "replay"):
        assert set(map(bytes, content(bad[kind]))) <= old
    assert len(set(bad["replay"].key.tolist())) > 10
    assert set(bad["diagnostic"].key.tolist()) <= {0x7DF, *range(0x7E0, 0x7E8)}
    for event in made["spoof"].events:
        assert len(event.ids) == 1


def test_a_suspension_removes_one_id_for_ten_periods_and_nothing_else(made, clean):
    gone = np.zeros(len(clean), bool)
    for event in made["suspension"].events:
        own = np.isin(clean.key, event.ids) & (clean.t_us >= event.start_us) & (clean.t_us < event.end_us)
        assert own.sum() >= 8
        gone |= own
    left = made["suspension"].frames
    assert np.array_equal(left.t_us, clean.t_us[~gone])
    assert not left.label.any()


@pytest.mark.parametrize("kind", LIES)
def test_a_lie_keeps_the_times_and_all_but_one_thing(made, clean, kind):
    frames = made[kind].frames
    assert np.array_equal(frames.t_us, clean.t_us)
    assert np.array_equal(content(frames)[frames.label == 0], content(clean)[frames.label == 0])
    for true, lie in parts(made[kind], clean):
        message = next(message for message in MESSAGES if message.id == true.id[0])
        assert (true.id == true.id[0]).all()
        assert (true.data != lie.data).any(axis=1).mean() >= 0.5
        if message.counter is not None:
            byte, shift = divmod(message.counter, 8)
            assert np.array_equal(true.data[:, byte] >> shift & 15, lie.data[:, byte] >> shift & 15)
        if kind != "replayed-payload":
            assert message.checksum is None
            turned = np.unpackbits(true.data ^ lie.data, axis=1, bitorder="little").any(axis=0)
            places = [set(range(s.start, s.start + s.length)) for s in message.signals]
            assert any(set(np.flatnonzero(turned).tolist()) <= place for place in places)
        else:
            own = clean.data[clean.id == message.id]
            starts = np.flatnonzero((own == lie.data[0]).all(axis=1))
            assert any(np.array_equal(own[k : k + len(lie)], lie.data) for k in starts)


def test_a_plateau_holds_and_a_ramp_leaves_the_truth_slowly(made, clean):
    for true, lie in parts(made["plateau"], clean):
        moved = np.flatnonzero(np.unpackbits(true.data ^ lie.data, axis=1).any(axis=0))
        held = np.unpackbits(lie.data, axis=1)[:, moved]
        assert (held == held[0]).all()
    for true, lie in parts(made["ramp"], clean):
        differ = (true.data != lie.data).any(axis=1)
        assert differ[len(differ) // 2 :].mean() >= differ[: len(differ) // 2].mean()


def test_the_seed_decides(clean, made):
    again, _ = trials.trials(clean, 3)
    for trial in again:
        assert trial.frames.equals(made[trial.kind].frames)
        assert trial.events == made[trial.kind].events
    other, _ = trials.trials(clean, 4)
    assert all(not trial.frames.equals(made[trial.kind].frames) for trial in other)


def test_a_shift_of_the_clock_changes_nothing_but_the_times(clean):
    short = clean.between(0, 25)
    one, _ = trials.trials(short, 1)
    later, _ = trials.trials(short.changed(t_us=short.t_us + 10**12), 1)
    for here, there in zip(one, later, strict=True):
        assert here.frames.equals(there.frames.changed(t_us=there.frames.t_us - 10**12))


def test_twenty_seconds_are_enough_and_ten_are_not(clean):
    found, left_out = trials.trials(clean.between(0, 20), 1)
    assert [trial.kind for trial in found] == list(KINDS)
    assert left_out == {}
    found, left_out = trials.trials(clean.between(0, 10), 1)
    assert found == []
    assert set(left_out) == set(KINDS)
    assert "10.0 s of held-back log are too short" in left_out["flood"]


def test_what_finds_no_target_is_left_out_with_the_reason():
    rng = np.random.default_rng(1)
    t = np.sort(rng.integers(0, 30_000_000, 6000))
    random = Frames.of(t, rng.integers(0x100, 0x110, 6000), np.full((6000, 8), 7))
    found, left_out = trials.trials(random, 1)
    assert {trial.kind for trial in found} == {"flood", "unknown", "payload", "replay", "diagnostic"}
    assert set(left_out.values()) == {"no id comes regularly"}
    unknown = next(trial for trial in found if trial.kind == "unknown").frames
    assert not set(unknown.id[unknown.label == 1].tolist()) & set(range(0x100, 0x110))
    still = Frames.of(np.arange(6000) * 5000, 0x18FEF100, np.full((6000, 8), 7), ext=True)
    found, left_out = trials.trials(still, 1)
    assert left_out == {
        "plateau": "no field of a regular id behaves like a physical value",
        "ramp": "no field of a regular id behaves like a physical value",
        "replayed-payload": "no slot of the log has a target",
    }
    for trial in found:
        assert trial.frames.ext.all()
    asked = next(trial for trial in found if trial.kind == "diagnostic").frames
    ids = {int(id_) for id_ in asked.id[asked.label == 1]}
    assert all(id_ == 0x18DB33F1 or id_ & 0x1FFF00FF == 0x18DA00F1 for id_ in ids)


def test_a_value_that_stands_still_is_not_held():
    t = np.arange(6000)
    value = np.where(t < 3000, 500 + (300 * np.sin(t / 150)).astype(np.int64), 700)
    data = np.zeros((6000, 8), np.uint8)
    data[:, :2] = value.astype("<u2").view(np.uint8).reshape(-1, 2)
    found, _ = trials.trials(Frames.of(t * 10_000, 0x123, data), 2)
    plateau = next(trial for trial in found if trial.kind == "plateau")
    assert 1 <= len(plateau.events) < 5
    assert all(event.start_us < 30_500_000 for event in plateau.events)


def test_remote_frames_and_labels_are_left_out_and_two_buses_refused(clean):
    marked = clean.changed(flags=np.where(np.arange(len(clean)) % 50 == 0, 2, 0)).relabelled("old")
    for trial in trials.trials(marked.between(0, 25), 1)[0]:
        assert not (trial.frames.flags & 2).any()
        assert "old" not in trial.frames.labels
    two = clean.changed(bus=np.arange(len(clean)) % 2, buses=("a", "b"))
    with pytest.raises(UsageError, match="one bus"):
        trials.trials(two, 1)
