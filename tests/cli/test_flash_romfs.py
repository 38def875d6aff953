"""`canbean board flash` onto a virtual board whose MicroPython has a ROMFS: there, interrupted, back to files, and where there is none."""

import json
import time

import pytest

from canbean.board.bare import BareBoard
from canbean.board.bare.image import image
from canbean.board.flash import files, found, romfs
from canbean.board.flash.repl import Repl
from canbean.board.profiles import profile
from canbean_run import canbean
from gateway_load import bus_model

pytestmark = pytest.mark.usefixtures("vm")
WEMOS = profile("wemos-d1-mini")
ROM = WEMOS.flash_map["files"] - WEMOS.romfs_bytes


@pytest.fixture(scope="module")
def car(tmp_path_factory):
    return bus_model(tmp_path_factory.mktemp("model") / "car.cbm")


def on(board):
    """With its image, as esptool would leave it."""
    board.flash.write(0, image())
    again(board)
    return board


def again(board):
    board.unplug()
    time.sleep(0.1)
    board.plug()


def flash(board, model, *more):
    return canbean("board", "flash", "-b", "wemos-d1-mini", "-p", board.port, "-m", model, *more)


def told(done):
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_into_the_romfs_and_back(car):
    with BareBoard(romfs=True) as board:
        on(board)
        plan = flash(board, car, "--only", "firmware", "--dry-run", "--romfs")
        assert "into its ROMFS: an image of" in plan.out
        # pulled out in the middle of it
        board.faults.unplug_after = 60_000
        done = flash(board, car)
        assert done.code == 1
        assert "the board went away" in done.err
        assert "starts nothing until it is" in done.err
        board.plug()
        with Repl(board.port) as repl:
            assert "main.py" not in repl.run("import os\nprint(os.listdir())")
        done = flash(board, car)
        assert done.code == 0, done.err
        assert "files and blocks of ROMFS" in done.err
        assert " 0 there already" not in done.err
        assert "golden vectors answered on the board" in done.out
        blob = board.flash.read(ROM, WEMOS.romfs_bytes)
        inside = romfs.read(blob)
        assert {name.split("/")[0] for name in inside} == set(files.ROOMS)
        in_rom = told(flash(board, car, "--json", "--romfs"))
        assert not any(step["done"] for step in in_rom["steps"])
        # it lies there alone, and a damaged block is found
        board.unplug()
        time.sleep(0.1)
        # of a command that nobody asks for here
        board.flash.write(ROM + blob.index(inside["commands/incidents.mpy"]) + 16, bytes(16))
        board.plug()
        with Repl(board.port) as repl:
            here = repl.run("import os\nprint(os.listdir())")
            assert not any(room in here for room in files.ROOMS)
            # and its sector is written again
            repl.run("import os\nos.remove('manifest')")
            repl.reset()
        found.wait(board.port, 115200, 20)
        done = flash(board, car, "--only", "firmware")
        assert "firmware  gateway: 1 files and blocks" in done.err or "2 files and blocks" in done.err, (
            done.err
        )
        assert board.flash.read(ROM, WEMOS.romfs_bytes) == blob
        # files hide what the ROMFS still has, and take heap
        as_files = told(flash(board, car, "--json", "--no-romfs"))
        assert [step["done"] for step in as_files["steps"]] == [False, True, False]
        assert as_files["golden"] == "ok"
        assert as_files["heap_free"] < in_rom["heap_free"] - 4096
        # either will do for who does not say
        assert not any(step["done"] for step in told(flash(board, car, "--json"))["steps"])
        back = told(flash(board, car, "--json", "--romfs", "--only", "firmware"))
        assert back["firmware"] == in_rom["firmware"]


def test_a_board_without_one_is_left_alone(car):
    with BareBoard() as board:
        on(board)
        done = flash(board, car, "--only", "firmware", "--romfs")
        assert done.code == 1
        assert "has no ROMFS; no firmware was copied, the board is as it was" in done.err
        assert "ESP8266_GENERIC-FLASH_2M_ROMFS" in done.err
        with Repl(board.port) as repl:
            assert repl.run("import os\nprint(os.listdir())").strip() == "[]"
