"""Artisan's exchange with a Tonino, replayed against the virtual board: as Artisan's users and the Tonino's document describe it.

Artisan opens the port (which may reset the board), waits 2 s, writes a blank line and TONINO, reads one line whatever it is,
and for each scan throws away what is there, writes a blank line and SCAN, and reads one line within 2 s; it takes the number
behind the colon, and tries twice more where there is none.
"""

import os
import re
import time

import pytest
import serial

from canbean.board import Board, VirtualBoard, update
from canbean.tiny import cbm
from roastmeter_cases import KIT, model, regressor

pytestmark = pytest.mark.usefixtures("vm")
CUP = "sense 39000 81667 480"
EMPTY = "sense 9100 15200 400"
TIMEOUT_S = 60.0
"""Artisan's are 2 s: a board's are counted (`test_roastmeter_time.py`), this machine may be slow."""


class Artisan:
    """That side of the exchange."""

    def __init__(self, port, baud=115200, pause=2.0):
        self.port = serial.Serial(port, baud, timeout=TIMEOUT_S)
        time.sleep(pause)
        self.port.write(b"\nTONINO\n")
        self.greeting = self.port.readline()
        self.tries = 0

    def scan(self, retry=2):
        """The value, or -1."""
        self.tries += 1
        self.port.reset_input_buffer()
        self.port.write(b"\nSCAN\n")
        line = self.port.readline().decode("ascii", "replace")
        try:
            if "SCAN" in line:
                return int(line.split(":")[1])
        except (IndexError, ValueError):
            pass
        return self.scan(retry - 1) if retry else -1

    def close(self):
        self.port.close()


@pytest.fixture(scope="module")
def virtual(tmp_path_factory):
    path = tmp_path_factory.mktemp("artisan") / "m.cbm"
    cbm.write(path, model())
    with VirtualBoard(path, "roastmeter", heap="2M") as board:
        yield board


@pytest.fixture
def port(virtual):
    with Board(virtual.port) as board:
        board.command("stream off")
        update.ask(board, f"set calibration {KIT.words()}", "settings")
        told(board, CUP)
    return virtual.port


def told(board, command):
    board.command(command)
    return board.ask("read", "reading").values


@pytest.fixture(scope="module")
def value():
    raw = [*KIT.apply([[39000, 81667]], [480])[0].tolist(), 3000]
    return int(regressor().predict([raw])[0]) + 128 >> 8


@pytest.mark.parametrize("baud", [115200, 57600])
def test_connect_scan_ten_times_unplug_plug_again(port, value, baud):
    for pause in (2.0, 0.2):
        artisan = Artisan(port, baud, pause)
        assert re.fullmatch(rb"TONINO:\d+ \d+ \d+\n", artisan.greeting)
        for n in range(10):
            assert artisan.scan() == value
            if n == 5:
                # in the middle of a word
                artisan.port.write(b"\nSC")
                artisan.close()
                artisan = Artisan(port, baud, 0.1)
        # nothing follows: no echo, no second line, no answer to the blank one
        artisan.port.timeout = 0.5
        assert artisan.port.read() == b""
        assert artisan.tries == 4
        artisan.close()


def test_streams_end_as_soon_as_it_greets(port, value):
    for stream in ("stream 20", "stream colortrack"):
        with Board(port) as board:
            board.command(stream)
        artisan = Artisan(port, pause=0.3)
        assert [artisan.scan() for _ in range(10)] == [value] * 10
        # whatever was on its way when it greeted may have cost the first scan a try
        assert artisan.tries <= 11
        artisan.port.timeout = 0.5
        assert artisan.port.read() == b""
        artisan.close()


def test_boot_chatter_before_it_greets_is_harmless(virtual, port, value):
    """What waits in the buffer is taken for the greeting; the first scan comes before the true one is out."""
    with Board(port) as board:
        board.command("restart")
        time.sleep(0.7)
        told(board, CUP)
        board.command("hello")
        board.command("status")
        time.sleep(0.3)
    artisan = Artisan.__new__(Artisan)
    artisan.port, artisan.tries = serial.Serial(port, 115200, timeout=TIMEOUT_S), 0
    slave = os.open(port, os.O_RDWR | os.O_NOCTTY)
    artisan.port.write(b"hello\n")
    time.sleep(0.2)
    artisan.port.write(b"\nTONINO\n")
    assert b"hello" in artisan.port.readline()
    assert [artisan.scan() for _ in range(10)] == [value] * 10
    assert artisan.tries == 10
    os.close(slave)
    artisan.close()


def test_what_may_not_be_believed_is_not_filled_in(port, value):
    artisan = Artisan(port, pause=0.1)
    for command, wrong in (
        (EMPTY, "empty"),
        ("sense 262143 262143 480", "saturated"),
        ("sense 12000 15200 400", "dirty window"),
    ):
        with Board(port) as board:
            told(board, command)
        artisan.port.reset_input_buffer()
        assert artisan.scan() == -1
        artisan.port.write(b"SCAN\n")
        assert artisan.port.readline() == b"SCAN:%s\n" % wrong.encode()
    with Board(port) as board:
        told(board, CUP)
    assert artisan.scan() == value
    artisan.close()


def test_a_scan_waits_for_a_reading_that_is_on_its_way(port, value):
    """As after a start: Artisan would take "not settled" for an error."""
    artisan = Artisan(port, pause=0.1)
    artisan.port.write(b"set swap 0\nSCAN\n")
    assert artisan.port.readline().startswith(b'{"type":"settings"')
    assert artisan.port.readline() == b"SCAN:%d\n" % value
    artisan.close()


def test_other_words_of_the_tonino(port, value):
    artisan = Artisan(port, pause=0.1)

    def ask(word):
        artisan.port.write(word + b"\n")
        return artisan.port.readline()

    answer = re.fullmatch(rb"I_SCAN:(\d+\.\d+)\n", ask(b"I_SCAN"))
    assert abs(float(answer[1]) - value) <= 0.5
    # the value is the scale's already: slope and intercept, and the cubic, leave it as it is
    assert ask(b"GETCAL") == b"GETCAL:1.000000 0.000000\n"
    assert ask(b"GETSCALING") == b"GETSCALING:0.000000 0.000000 1.000000 0.000000\n"
    artisan.port.timeout = 0.3
    for word in (
        b"SETCAL 1.0 0.0",
        b"SETSCALING 0 0 1 0",
        b"RESETDEF",
        b"II_SCAN",
        b"D_SCAN",
        b"LIGHT 1",
        b"X",
    ):
        assert ask(word) == b""
    # a command of ours ends it
    artisan.port.timeout = 2
    assert ask(b"hello").startswith(b'{"type":"hello"')
    assert b"unknown command: RESETDEF" in ask(b"RESETDEF")
    artisan.close()


def test_a_meter_without_a_model_fills_in_nothing(tmp_path):
    (tmp_path / "bad.cbm").write_bytes(b"no model")
    with VirtualBoard(tmp_path / "bad.cbm", "roastmeter", heap="2M") as board:
        artisan = Artisan(board.port, pause=0.5)
        assert artisan.scan() == -1
        artisan.close()
