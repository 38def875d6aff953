"""Code over a line that loses bytes: it is run once and whole, or not at all."""

import random
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpremote.transport import TransportError, TransportExecError

from canbean.board.flash import careful
from canbean.board.flash.careful import Careful


class OldBoard:
    """A raw REPL without raw paste, as a serial port: on this Python, behind a line that loses one byte in so many."""

    def __init__(self, seed=0, one_in=0, silent=None):
        self.chance = random.Random(seed)
        self.one_in = one_in
        self.silent = silent
        self.typed, self.said = b"", b"noise of before>"
        self.ran = []
        self.longest = 0
        self.names = {"print": self.show, "ran": self.ran}

    def show(self, *what):
        self.said += " ".join(map(str, what)).encode() + b"\r\n"

    @property
    def in_waiting(self):
        return len(self.said)

    def read(self, size):
        said, self.said = self.said[:size], self.said[size:]
        return said

    def write(self, data):
        self.longest = max(self.longest, len(data))
        for byte in data:
            if self.one_in and not self.chance.randrange(self.one_in):
                continue
            self.take(bytes([byte]))

    def take(self, byte):
        if self.silent is not None:
            self.silent -= 1
            if self.silent < 0:
                return
        if byte == b"\x01":
            self.typed = b""
            self.said += b"raw REPL; CTRL-B to exit\r\n>"
        elif byte == b"\x03":
            self.typed = b""
        elif byte == b"\x04":
            code, self.typed = self.typed, b""
            self.said += b"OK"
            error = ""
            try:
                exec(code, self.names)
            except Exception:
                error = traceback.format_exc(limit=1)
            self.said += b"\x04" + error.encode() + b"\x04>"
        else:
            self.typed += byte


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """What is lost shows at once."""
    monkeypatch.setattr(careful, "PATIENCE_S", 0.02)
    monkeypatch.setattr(careful, "RUN_S", 0.02)


CODE = "ran.append({text!r})\nfor i in range(3):\n    print(i * 7)\n"


@settings(max_examples=25)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0, 1000, 150, 60]),
    st.text(st.characters(max_codepoint=0x2FF, exclude_categories=["Cs"]), max_size=500),
)
def test_it_runs_once_and_whole(seed, one_in, text):
    board = OldBoard(seed, one_in)
    assert Careful(board).run(CODE.format(text=text)) == b"0\r\n7\r\n14\r\n"
    assert board.ran == [text]
    assert board.longest <= 64


def test_its_errors_are_told_and_it_ran_once():
    for seed in range(4):
        board = OldBoard(seed, 200)
        repl = Careful(board)
        with pytest.raises(TransportExecError, match="ZeroDivisionError"):
            repl.run("ran.append(1)\nran[0] // 0")
        assert board.ran == [1]
        # what is no Python never begins
        with pytest.raises(TransportExecError, match="SyntaxError"):
            repl.run("ran.append(2)\nwhile while")
        assert board.ran == [1]


def test_a_board_that_is_gone_is_an_error(monkeypatch):
    monkeypatch.setattr(careful, "TRIES", 3)
    for bytes_left in (0, 40, 200):
        board = OldBoard(silent=bytes_left)
        with pytest.raises(TransportError):
            Careful(board).run(CODE.format(text="x" * 500))
        assert board.ran == []


class Hanging(OldBoard):
    """What it runs never ends."""

    began = 0

    def take(self, byte):
        if byte == b"\x04" and self.typed == careful.RUN.encode():
            self.began += 1
            self.said += b"OK" + careful.RAN + b"so far"
        elif not self.began:
            super().take(byte)


def test_code_that_hangs_is_not_run_again(monkeypatch):
    monkeypatch.setattr(careful, "TRIES", 3)
    board = Hanging()
    with pytest.raises(TransportError):
        Careful(board).run("ran.append(1)")
    assert board.began == 1


def test_who_does_not_follow_knows_that_it_began():
    board = Hanging()
    Careful(board).run("machine.reset()", follow=False)
    assert board.began == 1
