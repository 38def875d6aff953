"""A board that has a key: what only reads needs none, everything else takes it with `--key`, and says so without."""

import json
import re
from pathlib import Path

import pytest

from canbean.board import Board, VirtualBoard, firmware, update
from canbean.board.monitor import Monitor, Notice
from canbean.can import logs, simulate
from canbean.tiny import cbm, keys
from canbean_run import canbean, failed
from model_cases import KEY
from tune_cases import car

READ = {
    "again", "auth", "challenge", "colortrack", "flashed", "got", "hello", "incidents", "sample", "sense", "settings", "slcan",
    "status", "stream", "tonino",
}  # fmt: skip
CHANGE = {
    "bench", "feed", "incident", "key", "load", "put", "quit", "refused", "reset", "restart", "set", "settle", "store", "store_file",
    "store_pack", "time", "unset",
}  # fmt: skip
MISSING = "this board has a key: give it with --key FILE"


def test_which_commands_only_read():
    said = {}
    for path in (firmware.folder() / "commands").glob("*.py"):
        text = path.read_text()
        if re.search(r"^def run\(", text, re.MULTILINE):
            said[path.stem] = bool(re.search(r"^READS = True$", text, re.MULTILINE))
    assert {name for name, reads in said.items() if reads} == READ
    assert {name for name, reads in said.items() if not reads} == CHANGE


@pytest.fixture(scope="module")
def keyed(tmp_path_factory, vm):
    """A board with a key, and files: the model, signed, the key `K`, another one `L`, a log."""
    folder = tmp_path_factory.mktemp("keyed")
    cbm.write(folder / "car.cbm", car(), KEY)
    keys.write_key(folder / "K", KEY)
    keys.write_key(folder / "L", bytes(32))
    logs.write(folder / "drive.log", simulate.drive(40, 3))
    with VirtualBoard(folder / "car.cbm", heap="256wK", key=KEY) as virtual:
        yield virtual, folder


def verbs(folder, port):
    model, log = folder / "car.cbm", folder / "drive.log"
    return {
        "bench": ("board", "bench", "--port", port, "--frames", "32"),
        "settle": ("board", "settle", "--port", port, "-m", model, "-o", folder / "new.cbm", "--replay", log, "--minutes", "0.5"),
        "replay": ("can", "replay", log, "-m", model, "--on", port),
        "tune": ("model", "tune", model, "--on", port, "--deny", "2C5"),
        "model": ("board", "model", model, "--port", port),
        "set": ("board", "settings", "--port", port, "--set", "threshold 3"),
        "unset": ("board", "settings", "--port", port, "--unset", "threshold"),
        "restart": ("board", "settings", "--port", port, "--restart"),
        "key": ("board", "key", "--port", port, "--remove"),
    }  # fmt: skip


VERBS = list(verbs(Path(), ""))


@pytest.mark.parametrize("verb", VERBS)
def test_without_the_key(keyed, verb):
    virtual, folder = keyed
    with Board(virtual.port) as board:
        update.restart(board, KEY)
    words = verbs(folder, virtual.port)[verb]
    failed(canbean(*words), MISSING)
    failed(canbean(*words, "--key", folder / "L"), "another key")
    failed(canbean(*words, "--key", folder / "car.cbm"), "holds no key")
    assert (virtual.folder / "key").exists()


@pytest.mark.parametrize("verb", VERBS[:-1])
def test_with_the_key(keyed, verb):
    virtual, folder = keyed
    done = canbean(*verbs(folder, virtual.port)[verb], "--key", folder / "K")
    assert done.code == 0, done.err
    if verb == "settle":
        assert cbm.read(folder / "new.cbm", KEY).signed
    if verb == "set":
        told = json.loads(canbean("board", "settings", "--port", virtual.port, "--json").out)
        assert "threshold 3" in told["settings"]


def test_a_key_that_the_board_does_not_need(tmp_path, vm):
    cbm.write(tmp_path / "car.cbm", car(), KEY)
    keys.write_key(tmp_path / "K", KEY)
    logs.write(tmp_path / "drive.log", simulate.drive(40, 3))
    with VirtualBoard(tmp_path / "car.cbm", heap="256wK") as virtual:
        for verb in ("bench", "settle", "replay", "set"):
            done = canbean(*verbs(tmp_path, virtual.port)[verb], "--key", tmp_path / "K")
            assert done.code == 0, done.err
    failed(
        canbean("can", "replay", tmp_path / "drive.log", "-m", tmp_path / "car.cbm", "--key", "K"),
        "--on PORT",
    )


def heard(virtual, key, monkeypatch, count=5):
    """What a monitor hears until the board has told its status so often."""
    monkeypatch.setattr("canbean.board.monitor.STATUS_S", 0.5)
    monitor = Monitor(virtual.port, key=key, wall=lambda: 1_764_000_000.0)
    notices, lines = [], []
    for event in monitor.events():
        if isinstance(event, Notice):
            notices.append(event.words)
        else:
            lines.append(event.values)
        if sum(line["type"] == "status" for line in lines) == count:
            return notices, lines
    raise AssertionError


def test_a_monitor_reads_and_does_not_set_the_clock(keyed, monkeypatch):
    virtual, _ = keyed
    with Board(virtual.port) as board:
        update.restart(board, KEY)
    notices, lines = heard(virtual, None, monkeypatch)
    assert notices == [f"{virtual.port}: this board has a key: its clock is not set; give it with --key FILE"]
    assert not [line for line in lines if line["type"] == "error"]
    assert lines[-1]["clock"] is None
    # it asked once, and not again
    assert lines[-1]["errors"] == 1
    notices, lines = heard(virtual, KEY, monkeypatch)
    assert notices == []
    assert abs(lines[-1]["clock"] - 1_764_000_000) < 1000
    assert lines[-1]["errors"] == 1


def test_alerts_are_acknowledged_without_the_key(keyed, monkeypatch):
    virtual, folder = keyed
    with Board(virtual.port) as board:
        update.restart(board, KEY)
    bad = simulate.drive(5, 3)
    logs.write(folder / "bad.log", bad.changed(id=bad.id ^ 0x400))
    words = ("can", "replay", folder / "bad.log", "-m", folder / "car.cbm", "--on", virtual.port, "--json")
    done = canbean(*words, "--key", folder / "K")
    assert json.loads(done.out)["alerts"] >= 1
    with Board(virtual.port) as board:
        update.restart(board, KEY)
        for text in ("again 0", "got 0"):
            board.command(text)
        assert board.ask("status", "status").values["errors"] == 0


def test_a_key_given_while_it_runs_holds_at_once(tmp_path, vm):
    cbm.write(tmp_path / "car.cbm", car(), KEY)
    logs.write(tmp_path / "drive.log", simulate.drive(2, 3))
    with VirtualBoard(tmp_path / "car.cbm", heap="256wK") as virtual:
        replay = verbs(tmp_path, virtual.port)["replay"]
        assert canbean(*replay).code == 0
        assert canbean("board", "key", "--port", virtual.port, "-o", tmp_path / "K").code == 0
        failed(canbean(*replay), MISSING)
        assert canbean(*replay, "--key", tmp_path / "K").code == 0
        assert canbean("board", "key", "--port", virtual.port, "--remove", "--key", tmp_path / "K").code == 0
        assert canbean(*replay).code == 0
