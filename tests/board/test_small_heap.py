"""The joined gateway on a heap with little left: a command that does not fit says so in one line, and the board goes on."""

import time

import pytest

from canbean.board import Board, VirtualBoard, update
from canbean.board.feed import feed
from canbean.can.frames import Frames
from canbean.errors import BoardError
from canbean.tiny import cbm
from gateway_load import bus, bus_model
from model_cases import KEY

pytestmark = pytest.mark.usefixtures("vm")

COMMANDS = {
    "settings": "settings",
    "set threshold 3": "settings",
    "incidents 1": "store",
    "bench 16": "bench",
}


def said(board, kind):
    """The answer to a command, also after an error line: a board without a model says why before its hello."""
    board.command(kind)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for record in board.read():
            if record.values["type"] == kind:
                return record.values
    raise AssertionError(f"no {kind}")


@pytest.mark.parametrize("heap", ["23wK", "25wK"])
@pytest.mark.parametrize("detectors", [("fingerprint",), ("fingerprint", "sequence")])
def test_a_command_that_does_not_fit(tmp_path, heap, detectors):
    path = bus_model(tmp_path / "m.cbm", detectors)
    with VirtualBoard(path, heap=heap) as virtual, Board(virtual.port) as board:
        boot, refusal = board.lines.boot, board.refusal
        for command, kind in COMMANDS.items():
            try:
                board.ask(command, kind)
            except BoardError as error:
                reason = str(error)
                assert "memory allocation failed" in reason or "there is no model" in reason, reason
                assert len(reason.splitlines()) == 1
            # names that were read stay on its heap, so that the next command may find no room; the board is there
            assert said(board, "hello")["boot"] == boot
        if board.hello["golden"] == "ok":
            assert feed(board, bus(10, 7)[:300]).frames == 300
        else:
            assert "memory allocation failed" in refusal


def test_the_gateway_of_fifty_ids_does_all_it_should_on_the_smallest_heap(tmp_path):
    """With fingerprint and sequence, signed: it answers, takes settings, replays, keeps alerts, takes a model."""
    path = bus_model(tmp_path / "m.cbm", ("fingerprint", "sequence"))
    model = cbm.read(path)
    cbm.write(path, model, KEY)
    with VirtualBoard(path, heap="23wK", key=KEY) as virtual, Board(virtual.port) as board:
        assert (board.hello["golden"], board.refusal) == ("ok", None)
        for kind in ("status", "settings", "hello"):
            assert said(board, kind)
        free = said(board, "status")["heap_free"]
        with pytest.raises(BoardError, match="has a key"):
            board.ask("set threshold -16", "settings")
        assert update.ask(board, "set threshold -16", "settings", KEY).values["count"] == 1
        frames = bus(10, 7)
        strange = frames[:200].changed(id=frames.id[:200] ^ 0x7FF)
        mixed = Frames.concat([frames[:300], strange, frames[300:600]]).in_time_order()
        counts = feed(board, mixed, key=KEY)
        assert counts.frames == len(mixed)
        assert counts.alerts > 0
        # what has been loaded, or found no room, has left nothing behind
        assert said(board, "status")["heap_free"] > free - 2500
        other = cbm.Model({**model.sections, "note": b"another"})
        update.send_model(board, cbm.pack(other, KEY), "x.cbm", KEY)
        assert board.hello["model"] == cbm.digest(cbm.pack(other))[:16]
