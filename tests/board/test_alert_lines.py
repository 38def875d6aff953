"""What a gateway says of alerts, incidents, its store and the time: on the virtual board, every key as the README lists it."""

import re
from pathlib import Path

import pytest

from board_cases import random_frames, stand_in
from canbean.board import Board, VirtualBoard, firmware, packets, virtual
from canbean.board.feed import feed
from canbean.errors import BoardError

pytestmark = pytest.mark.usefixtures("vm")

LISTED = dict(
    re.findall(
        r"^\| `([a-z]+)` \| `([a-z_ ]*)` \|$",
        (Path(virtual.__file__).parent / "README.md").read_text(),
        re.MULTILINE,
    )
)


@pytest.fixture
def line(tmp_path, monkeypatch):
    tree = stand_in(tmp_path / "firmware")
    monkeypatch.setattr(firmware, "folder", lambda: tree)
    (tmp_path / "good.cbm").write_text("good")
    with VirtualBoard(tmp_path / "good.cbm") as board, Board(board.port) as line:
        yield line


def keys(record):
    return list(record.values)[3:-1]


def take(line, until):
    """Records up to one of type `until`."""
    records = []
    for record in line.records():
        records.append(record)
        if record.values["type"] == until:
            return records
    raise AssertionError(until)


def test_alerts_are_kept_until_they_are_acknowledged(line):
    # 30 frames are 4 alerts of the stand-in, which gives all of them to one incident
    records = []
    feed(line, random_frames(30), records.append)
    incidents = [record for record in records if record.values["type"] == "incident"]
    assert all(keys(record) == LISTED["incident"].split() for record in incidents)
    assert line.ask("status", "status").values["kept"] == 0
    for _ in range(2):
        line.write(b"\0" + packets.got(0, "", again=True))
        (kept,) = take(line, "kept")
        assert keys(kept) == LISTED["kept"].split()
        assert (kept.values["alerts"], kept.values["kept"], kept.values["lost"]) == (4, 0, 0)
        assert kept.values["first"] == kept.values["seq"]


def test_words_for_people_do_the_same(line):
    line.command("again 0")
    assert take(line, "kept")[-1].values["kept"] == 0
    line.command("got 5")
    with pytest.raises(BoardError, match="invalid syntax"):
        line.ask("got x", "kept")


def test_incidents_are_stored_and_listed(line):
    records = []
    feed(line, random_frames(30), records.append)
    closed = [r.values for r in records if r.values["type"] == "incident" and r.values["state"] == "closed"]
    assert closed == []
    # what a new beginning ends
    feed(line, random_frames(30), records.append)
    closed = [r.values for r in records if r.values["type"] == "incident" and r.values["state"] == "closed"]
    line.command("incidents 1")
    stored, end = take(line, "store")
    assert keys(stored) == LISTED["stored"].split()
    assert keys(end) == LISTED["store"].split()
    assert (stored.values["record"], stored.values["of"]) == (1, line.lines.boot)
    assert (end.values["next"], end.values["last"]) == (2, 1)
    for _ in range(2):
        feed(line, random_frames(30))
    line.command("incidents")
    *_, end = take(line, "store")
    assert (end.values["last"], end.values["waiting"], end.values["unstored"]) == (1, 1, 1)


def test_the_time_is_said_with_its_age(line):
    status = line.ask("status", "status").values
    assert (status["clock"], status["clock_age_s"]) == (None, None)
    status = line.ask("time 1764000000", "status").values
    assert status["clock"] == 1764000000 - status["uptime_s"]
    assert status["clock_age_s"] == 0
    for bad in ("0", "4294967296"):
        with pytest.raises(BoardError, match="seconds since 1970"):
            line.ask(f"time {bad}", "status")
    assert line.ask("status", "status").values["clock"] == 1764000000 - status["uptime_s"]
