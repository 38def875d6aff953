"""`canbean board flash` onto a virtual board whose MicroPython has a ROMFS: there, interrupted, back to files, and where there is none."""

import contextlib
import json
import time
from dataclasses import replace

import pytest

from canbean.board import Board, firmware
from canbean.board import profiles as board_profiles
from canbean.board.bare import BareBoard
from canbean.board.bare.image import image
from canbean.board.flash import files, found, romfs
from canbean.board.flash.repl import Repl
from canbean.board.profiles import profile
from canbean.detect import board_cost
from canbean.detect.model import unpack
from canbean.tiny import cbm
from canbean_run import canbean, failed
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
        assert "into its ROMFS, with the model: an image of" in plan.out
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
        assert {name.split("/")[0] for name in inside} == {*files.ROOMS, "model.cbm"}
        assert inside["model.cbm"] == car.read_bytes()
        # it runs from there, and nothing was sent
        assert "in the ROMFS, read where it lies" in done.err
        in_rom = told(flash(board, car, "--json", "--romfs"))
        assert not any(step["done"] for step in in_rom["steps"])
        assert in_rom["slot"] == files.SLOT
        # it lies there alone, and a damaged block is found
        board.unplug()
        time.sleep(0.1)
        # of a command that nobody asks for here
        board.flash.write(ROM + blob.index(inside["commands/incidents.mpy"]) + 16, bytes(16))
        board.plug()
        with Repl(board.port) as repl:
            here = repl.run("import os\nprint(os.listdir())")
            assert not any(room in here for room in (*files.ROOMS, ".cbm"))
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


def renamed(model, name, target):
    """The same model as another one."""
    cbm.write(target, cbm.Model({**model.sections, "META": cbm.encode_meta({**model.meta, "name": name})}))
    return target


def runs(board, refused=""):
    """Slot, model and what is wrong; what was refused is told with a hello, half of which may be from before the port was opened."""
    for _ in range(5):
        now = found.ask(board.port, 115200, 20)
        if refused in (now.reason or ""):
            break
    return now.slot, now.hello["model"], now.reason


def test_a_model_sent_later_wins_and_falls_back(car, tmp_path):
    model = cbm.read(car)
    second = renamed(model, "second", tmp_path / "second.cbm")
    # its golden answers are wrong: the board refuses it
    gold = bytearray(model.sections["GOLD"])
    gold[-1] ^= 64
    cbm.write(tmp_path / "bad.cbm", cbm.Model({**model.sections, "GOLD": bytes(gold)}))
    names = [cbm.digest(path.read_bytes())[:16] for path in (car, second)]
    with BareBoard(romfs=True) as board:
        on(board)
        flash(board, car, "--only", "firmware")
        assert runs(board) == (files.SLOT, names[0], None)
        assert (
            f"model {files.SLOT}, settings changed 0 times"
            in canbean("board", "settings", "--port", board.port).out
        )
        # over the line, with nothing of the ROMFS touched
        before = board.flash.read(ROM, WEMOS.romfs_bytes)
        done = canbean("board", "model", tmp_path / "bad.cbm", "--port", board.port)
        assert done.code == 1
        slot, name, reason = runs(board, "a.cbm")
        assert (slot, name) == (files.SLOT, names[0])
        assert "a.cbm: a golden frame is answered differently" in reason
        sent = told(flash(board, second, "--only", "model", "--json"))
        assert (sent["slot"], sent["model"]) == ("a.cbm", names[1])
        assert board.flash.read(ROM, WEMOS.romfs_bytes) == before
        # damaged where it lies: that of the ROMFS has its turn
        with Board(board.port) as line:
            line.command("restart")
        with Repl(board.port) as repl:
            repl.run("f = open('a.cbm', 'r+b')\nf.seek(400)\nf.write(b'damage')\nf.close()")
            repl.reset()
        found.wait(board.port, 115200, 30)
        slot, name, reason = runs(board, "a.cbm")
        assert (slot, name) == (files.SLOT, names[0])
        assert "a.cbm: the model is damaged" in reason
        # the whole command puts it into the ROMFS, from which it is taken instead of that file
        told(flash(board, second, "--only", "model", "--json"))
        assert runs(board)[:2] == ("a.cbm", names[1])
        all_of_it = told(flash(board, second, "--json"))
        assert [step["done"] for step in all_of_it["steps"]] == [False, True, True]
        assert "that in the ROMFS taken" in all_of_it["steps"][2]["words"]
        assert (all_of_it["slot"], all_of_it["model"], all_of_it["reason"]) == (files.SLOT, names[1], None)
        # a model that is damaged there: the one that was sent before has its turn
        at = board.flash.read(ROM, WEMOS.romfs_bytes).index(second.read_bytes())
        board.unplug()
        time.sleep(0.1)
        board.flash.write(ROM + at + 400, bytes(16))
        board.plug()
        found.wait(board.port, 115200, 30)
        slot, name, reason = runs(board, "/rom")
        assert (slot, name) == ("a.cbm", names[1])
        assert "/rom/model.cbm: the model is damaged" in reason


def test_a_model_that_needs_it_goes_there_by_itself(car, monkeypatch):
    heap = board_cost.ram_bytes(unpack(cbm.read(car), "car"), romfs=True)
    monkeypatch.setattr(
        board_profiles,
        "profile",
        lambda name: replace(profile(name), heap_left=heap) if name == "wemos-d1-mini" else profile(name),
    )
    monkeypatch.setattr(firmware, "profile", board_profiles.profile)
    with BareBoard() as board:
        on(board)
        done = flash(board, car)
        assert done.code == 1
        assert "from a ROMFS alone: firmware and model go there" in done.err
        assert "has no ROMFS" in done.err
        assert "ESP8266_GENERIC-FLASH_2M_ROMFS" in done.err
        assert "this one only fits its heap from a ROMFS" in done.err
    with BareBoard(romfs=True) as board:
        on(board)
        done = flash(board, car)
        assert done.code == 0, done.err
        assert "from a ROMFS alone" in done.err
        assert runs(board)[0] == files.SLOT
        failed(flash(board, car, "--no-romfs"), "board flash")


@pytest.mark.parametrize("needs", [False, True])
def test_a_bare_virtual_board_has_one_where_its_model_needs_it(car, monkeypatch, needs):
    made = []

    class Bare(contextlib.nullcontext):
        port = image = "here"

        def __init__(self, **said):
            super().__init__(self)
            made.append(said["romfs"])

        def wait(self):
            pass

    monkeypatch.setattr("canbean.board.bare.BareBoard", Bare)
    monkeypatch.setattr("canbean.cli.board.needs_romfs", lambda *_: needs)
    done = canbean("board", "virtual", "--bare", "-m", car)
    assert done.code == 0, done.err
    assert (made, "from a ROMFS alone" in done.err) == ([needs], needs)


def test_a_board_without_one_is_left_alone(car):
    with BareBoard() as board:
        on(board)
        done = flash(board, car, "--only", "firmware", "--romfs")
        assert done.code == 1
        assert "has no ROMFS; no firmware was copied: put the image" in done.err
        assert "ESP8266_GENERIC-FLASH_2M_ROMFS" in done.err
        with Repl(board.port) as repl:
            assert repl.run("import os\nprint(os.listdir())").strip() == "[]"
