"""A board as an slcan adapter over its serial port: python-can reads frames from it, cantools the alerts."""

import time
from pathlib import Path

import cantools
import pytest

import can
from can_board import CanBoard, on_cpython
from canbean.board import Board

GOLDEN = Path(__file__).parents[1] / "golden" / "gateway.cbm"
DBC = Path(__file__).parents[2] / "host" / "canbean" / "board" / "alerts.dbc"


@pytest.fixture(scope="module")
def board(vm):
    with CanBoard(GOLDEN, heap="2M") as on:
        yield on


def opened(board, **options):
    options = {"bitrate": 500_000, "sleep_after_open": 0, **options}
    bus = can.Bus(interface="slcan", channel=board.port, ignore_config=True, **options)
    # commands are answered in order: the channel is open when this is
    assert bus.get_version(10) == (1, 1)
    return bus


def heard(bus, n, seconds=60.0):
    """The bus's frames until there are `n` that are not of the board itself; and those."""
    frames, own = [], []
    end = time.monotonic() + seconds
    while len(frames) < n and time.monotonic() < end:
        message = bus.recv(0.2)
        if message is not None:
            ours = 0x1FBEA500 <= message.arbitration_id <= 0x1FBEA503
            (own if ours else frames).append(message)
    return frames, own


def test_python_can_reads_frames_and_cantools_alerts(board):
    database = cantools.database.load_file(DBC)
    sent = [(0x7E5 + n % 2 | (n % 3 == 0) << 29, bytes(range(n % 9))) for n in range(200)]
    with opened(board) as bus:
        for at in range(0, len(sent), 20):
            board.frames(*sent[at : at + 20])
        frames, own = heard(bus, len(sent))
        assert len(bus.get_serial_number(2)) == 4
    assert [(m.arbitration_id | m.is_extended_id << 29, bytes(m.data)) for m in frames] == sent
    said = [database.get_message_by_frame_id(m.arbitration_id).name for m in own]
    at = said.index("CanbeanAlert")
    assert said[at : at + 3] == ["CanbeanAlert", "CanbeanSubject", "CanbeanTime"]
    what, subject, when = (database.decode_message(m.arbitration_id, m.data) for m in own[at : at + 3])
    assert (what["Detector"], what["Kind"], what["Severity"]) == ("fingerprint", "unknown-id", "high")
    assert what["Bits"] > what["Threshold"] > 0
    assert (subject["Id"], subject["Extended"], subject["Named"]) == (0x7E5, "29 bit", "id")
    assert (subject["Incident"], subject["Dropped"]) == (1, 0)
    assert what["Alert"] == subject["Alert"] == when["Alert"] == 1
    assert 0 <= when["Microseconds"] < 1_000_000
    assert "CanbeanBus" in said
    # and JSON again
    with Board(board.port) as again:
        status = again.ask("status", "status").values
        assert status["alerts"] >= 1
        assert status["errors"] == 0


def test_a_host_that_leaves_without_a_word(board):
    """SavvyCAN closes the port and no more: the next one who says hello in words gets JSON."""
    bus = opened(board)
    board.frames((0x123, b"1"))
    frames, _ = heard(bus, 1)
    bus.close = lambda: None
    bus.shutdown()
    board.frames((0x124, b"2"))
    with Board(board.port) as again:
        assert again.hello["golden"] == "ok"
    assert len(frames) == 1


def test_it_never_transmits_unless_that_was_enabled(board):
    with opened(board) as bus:
        bus.send(can.Message(arbitration_id=0x123, data=b"12", is_extended_id=False))
        board.frames((0x321, b""))
        frames, _ = heard(bus, 1)
        assert [m.arbitration_id for m in frames] == [0x321]


def test_the_gateway_under_cpython(tmp_path):
    with on_cpython(GOLDEN, tmp_path) as board:
        with Board(board.port) as line:
            assert line.hello["golden"] == "ok", line.refusal
        with opened(board) as bus:
            board.frames((0x7E5, b"12"), (0x123 | 1 << 29, b""))
            frames, own = heard(bus, 2)
        assert [(m.arbitration_id, m.is_extended_id) for m in frames] == [(0x7E5, False), (0x123, True)]
        assert 0x1FBEA500 in {m.arbitration_id for m in own}
        with Board(board.port) as line:
            assert line.ask("status", "status").values["errors"] == 0
