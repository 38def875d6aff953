"""The serial line of a Linux board: half-taken writes, nothing there, and the end."""

import importlib.util
import os
import sys
from io import FileIO
from types import SimpleNamespace

import pytest

from canbean.board.firmware import folder


@pytest.fixture
def line(monkeypatch):
    """The board's wait, readinto and write over pipes; the last takes at most three bytes at once, or none."""
    incoming, to_board = os.pipe()
    from_board, outgoing = os.pipe()
    os.set_blocking(incoming, False)
    turns = iter(range(1000))

    def write(data):
        return os.write(outgoing, data[:3]) if next(turns) % 3 else None

    stdin = SimpleNamespace(buffer=FileIO(incoming), fileno=lambda: incoming)
    stdout = SimpleNamespace(buffer=SimpleNamespace(write=write), fileno=lambda: outgoing)
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(sys, "stdout", stdout)
    spec = importlib.util.spec_from_file_location("canbean_board_linux", folder() / "boards" / "linux.py")
    board = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(board)
    wait, readinto, write = board.open_serial()
    ends = {"to": to_board, "from": from_board, "out": outgoing}
    yield SimpleNamespace(wait=wait, readinto=readinto, write=write, ends=ends)
    stdin.buffer.close()
    for end in ends.values():
        os.close(end)


def test_a_line_is_written_whole(line):
    line.write(b"0123456789\n")
    line.write(b"abc")
    assert os.read(line.ends["from"], 100) == b"0123456789\nabc"


def test_what_is_there_is_read_and_no_more_is_waited_for(line):
    buffer = bytearray(100)
    line.wait(0)
    assert not line.readinto(buffer)
    os.write(line.ends["to"], b"hello")
    line.wait(1000)
    assert line.readinto(buffer) == 5
    assert bytes(buffer[:5]) == b"hello"


def test_the_end_is_noticed(line):
    os.write(line.ends["to"], b"last")
    os.close(line.ends.pop("to"))
    # what was said before the end is read first
    line.wait(1000)
    assert line.readinto(bytearray(10)) == 4
    with pytest.raises(EOFError):
        line.wait(1000)


def test_a_reader_that_left_is_noticed(line):
    os.close(line.ends.pop("from"))
    with pytest.raises(EOFError):
        line.write(b"nobody hears this")
