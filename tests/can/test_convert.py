"""Logs into other logs: all of what the target can hold, and nothing lost in silence."""

import numpy as np
import pytest

from canbean.can import logs
from canbean.can.convert import Selection, convert
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.errors import FileError, LogError, UsageError


def some(n=200, **more):
    rng = np.random.default_rng(5)
    data = rng.integers(0, 256, (n, 8)).astype(np.uint8)
    columns = {"dlc": 8, "bus": np.arange(n) % 2, "buses": ("can0", "can1"), **more}
    return Frames.of(
        1_700_000_000_000_000 + np.arange(n) * 1234, rng.integers(0, 5, n) + 0x100, data, **columns
    )


@pytest.fixture
def source(tmp_path):
    def made(frames, name="in.csv"):
        logs.write(tmp_path / name, frames)
        return tmp_path / name

    return made


def test_what_the_target_can_hold_is_all_there(source, tmp_path):
    frames = some()
    for name in ("out.log", "out.log.gz", "out.csv.gz"):
        done = convert(source(frames), tmp_path / name)
        assert logs.read(tmp_path / name).frames.equals(frames)
        assert (done.frames, done.left_out, done.lost) == (200, 0, [])


def test_in_chunks_as_whole(source, tmp_path, monkeypatch):
    frames = some()
    path = source(frames)
    whole = convert(path, tmp_path / "whole.log")
    chunks = logs.Reader.chunks
    monkeypatch.setattr(logs.Reader, "chunks", lambda self, rows=7: chunks(self, 7))
    parts = convert(path, tmp_path / "parts.log")
    assert (tmp_path / "whole.log").read_bytes() == (tmp_path / "parts.log").read_bytes()
    assert whole == parts


def test_labels_have_no_place_in_candump(source, tmp_path):
    frames = some(label=np.arange(200) % 10 == 0, labels=("", "flood"))
    path, out = source(frames), tmp_path / "out.log"
    with pytest.raises(LogError, match=r"out\.log.*labels.*--lossy"):
        convert(path, out)
    assert not out.exists()
    said = []
    done = convert(path, out, lossy=True, say=lambda words: said.append((words, out.exists())))
    assert logs.read(out).frames.equals(frames.relabelled(""))
    assert done.lost == ["labels of 20 frames are left out"]
    # It is said first.
    assert len(said) == 1
    assert not said[0][1]


def test_kinds_of_frames_without_a_place_are_left_out_and_counted(source, tmp_path):
    flags = np.zeros(200, np.uint8)
    flags[:3] = FD | RTR
    flags[10:15] = ERR
    frames = some(flags=flags, ext=flags == ERR)
    done = convert(source(frames), tmp_path / "out.log", lossy=True)
    assert done.left_out == 8
    assert done.frames == 192
    assert logs.read(tmp_path / "out.log").frames.equals(frames[flags == 0])
    assert "3 CAN FD remote frames are left out" in done.lost


def test_times_before_zero_are_moved_only_where_they_must(source, tmp_path):
    frames = some()
    frames = frames.changed(t_us=frames.t_us - frames.t_us[100])
    assert convert(source(frames), tmp_path / "out.csv").lost == []
    done = convert(source(frames), tmp_path / "out.log", lossy=True)
    assert logs.read(tmp_path / "out.log").frames.equals(frames.changed(t_us=frames.t_us - frames.t_us[0]))
    assert len(done.lost) == 1
    assert "moved" in done.lost[0]


def test_buses_whose_names_have_no_place_are_called_otherwise(source, tmp_path):
    frames = some(buses=("Drive train", "can1"))
    done = convert(source(frames), tmp_path / "out.log", lossy=True)
    assert logs.read(tmp_path / "out.log").frames.equals(frames.changed(buses=("can0", "can1")))
    assert "Drive train" in done.lost[0]


def test_a_name_that_no_frame_has_any_more_is_no_hindrance(source, tmp_path):
    frames = some(buses=("Drive train", "can1"), label=np.arange(200) % 2 == 0, labels=("", "flood"))
    done = convert(source(frames), tmp_path / "out.log", Selection(buses=frozenset({"can1"})))
    assert done.lost == []
    assert done.frames == 100


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (Selection(from_s=0.05), lambda f: f.t_us - f.t_us[0] >= 50_000),
        (Selection(to_s=0.05), lambda f: f.t_us - f.t_us[0] < 50_000),
        (Selection(0.01, 0.05, frozenset({0x101, 0x103})), lambda f: np.isin(f.id, [0x101, 0x103])),
        (Selection(buses=frozenset({"can1"})), lambda f: f.bus == 1),
    ],
)
def test_a_part(source, tmp_path, selection, chosen):
    frames = some()
    convert(source(frames), tmp_path / "out.csv", selection)
    inside = frames.between(selection.from_s, selection.to_s)
    whole = Frames.concat([frames[:1], inside])
    assert logs.read(tmp_path / "out.csv").frames.equals(whole[chosen(whole)][int(chosen(whole)[0]) :])


@pytest.mark.parametrize(
    ("selection", "named"),
    [
        (Selection(keys=frozenset({0x101, 0x7FF})), "7FF"),
        (Selection(buses=frozenset({"can7"})), "can7"),
        (Selection(from_s=900), "no frames"),
    ],
)
def test_what_is_not_there_is_an_error(source, tmp_path, selection, named):
    with pytest.raises(LogError, match=rf"in\.csv.*{named}"):
        convert(source(some()), tmp_path / "out.csv", selection)
    assert not (tmp_path / "out.csv").exists()


def test_an_ending_that_is_not_written(source, tmp_path):
    with pytest.raises(UsageError, match=r"out\.docx"):
        convert(source(some()), tmp_path / "out.docx")


def test_every_written_format_takes_ordinary_frames(source, tmp_path):
    frames = Frames.of(np.arange(50) * 1_000_000, 0x123, np.ones((50, 8), np.uint8))
    path = source(frames)
    for ending in logs.formats.writers():
        done = convert(path, tmp_path / f"out{ending}", lossy=True)
        assert done.frames == 50
        back = logs.read(tmp_path / f"out{ending}").frames
        timeless = "times are left out" in done.lost
        assert (np.diff(back.t_us) == (0 if timeless else 1_000_000)).all(), ending
        assert back.changed(t_us=frames.t_us, bus=frames.bus, buses=frames.buses).equals(frames), ending


def test_into_itself_is_refused(source):
    frames = some()
    path = source(frames)
    with pytest.raises(FileError, match="would replace the file that it is made from"):
        convert(path, path, Selection(to_s=0.05))
    assert logs.read(path).frames.equals(frames)
