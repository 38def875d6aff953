"""`canbean board flash`: from a bare virtual board to alerts, through every fault, and what it leaves alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from canbean.board import Board, packets, settings, update
from canbean.board.bare import BareBoard, Faults
from canbean.board.bare.image import image
from canbean.board.flash import found, ports
from canbean.board.flash.prompt import prompt
from canbean.board.flash.repl import Repl
from canbean.tiny import cbm, keys
from canbean_run import canbean, failed
from gateway_load import bus, bus_model

pytestmark = pytest.mark.usefixtures("vm", "impatient_esptool")
ROOT = Path(__file__).parents[2]
MONITOR = """
import signal
from canbean.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


@pytest.fixture(scope="module")
def car(tmp_path_factory):
    return bus_model(tmp_path_factory.mktemp("model") / "car.cbm")


@pytest.fixture
def bare():
    with BareBoard() as board:
        yield board


@pytest.fixture(scope="module")
def first(car):
    """A bare board on which all three were put, and what that said."""
    with BareBoard() as board:
        yield board, flash(board, car, "--app", "gateway", "--image", board.image)


@pytest.fixture(scope="module")
def alive(first):
    """A board with all three on it."""
    board, done = first
    assert done.code == 0, done.err
    return board


def flash(board, model, *more):
    return canbean("board", "flash", "-b", "wemos-d1-mini", "-p", board.port, "-m", model, *more)


def steps(done):
    """Which steps had something to do."""
    assert done.code == 0, done.err
    return {one["step"]: one["done"] for one in json.loads(done.out)["steps"]}


def stopped(done, *words):
    """It ended with exit 1, and its last line says these words and what to do."""
    assert done.code == 1, (done.out, done.err)
    assert "Traceback" not in done.err
    lines = [line for line in done.err.splitlines() if line.startswith("canbean: ")]
    assert len(lines) == 1, done.err
    for word in words:
        assert word in lines[0]


def again(board):
    """Unplugged and plugged in."""
    board.unplug()
    time.sleep(0.1)
    board.plug()


def test_from_a_bare_board_to_alerts(first, car, tmp_path):
    bare, done = first
    assert done.code == 0, done.err
    assert "the flash erased, written and verified" in done.err
    assert f"gateway on wemos-d1-mini runs model {cbm.digest(car.read_bytes())[:16]}" in done.out
    assert "golden vectors answered on the board" in done.out
    assert "bytes of heap free" in done.out
    # what it says to type next, with frames replayed onto the board meanwhile
    command = done.out.strip().splitlines()[-1].removeprefix("next: canbean ").split()
    alerts = tmp_path / "alerts.jsonl"
    command[command.index("alerts.jsonl")] = str(alerts)
    with subprocess.Popen(
        [sys.executable, "-c", MONITOR, *command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as monitor:
        try:
            assert b"hello" in monitor.stdout.readline()
            frames = bus(2, 3)[:400]
            odd = frames.changed(id=np.where(np.arange(400) % 100 == 99, 0x7F3, frames.id))
            encoded = packets.encode(odd)
            handle = os.open(bare.port, os.O_WRONLY | os.O_NOCTTY)
            os.write(handle, packets.start(1))
            for at in range(0, 400, 8):
                os.write(handle, encoded.part(at, at + 8))
                time.sleep(0.005)
            end = time.monotonic() + 120
            while time.monotonic() < end and not (alerts.exists() and alerts.read_bytes().count(b"\n") >= 2):
                time.sleep(0.05)
            os.close(handle)
            monitor.send_signal(signal.SIGINT)
            monitor.communicate(timeout=120)
        finally:
            monitor.kill()
    heard = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert [one["id"] for one in heard[:2]] == ["7F3", "7F3"]


def test_a_second_run_skips_everything(alive, car):
    assert steps(flash(alive, car, "--image", alive.image, "--json")) == dict.fromkeys(
        ("image", "firmware", "model"), False
    )
    # nobody names an image: the one that is there will do
    assert not any(steps(flash(alive, car, "--json")).values())


def test_a_dry_run_changes_nothing(alive, car):
    # or an incident of the test before might be stored meanwhile
    assert canbean("board", "settings", "--port", alive.port, "--restart").code == 0
    before = alive.flash.path.read_bytes()
    done = flash(alive, car, "--dry-run", "--erase", "--image", alive.image)
    assert done.code == 0, done.err
    assert f"python -m esptool --port {alive.port}" in done.out
    assert "write-flash --erase-all 0x0" in done.out
    assert "there already" in done.out.splitlines()[1]
    # what would be fetched is not there yet, and nobody is told to fetch it
    for more in ((), ("--only", "image")):
        done = flash(alive, car, "--dry-run", "--fetch", *more)
        assert done.code == 0, done.err
        assert "fetch the newest ESP8266_GENERIC with mpflash" in done.out
        assert "ESP8266_GENERIC-….bin" in done.out
    done = flash(alive, car, "--dry-run", "--fetch", "--romfs", "--only", "image")
    assert "fetch the newest ESP8266_GENERIC-FLASH_2M_ROMFS with mpflash" in done.out
    assert alive.flash.path.read_bytes() == before


def test_every_fault_and_then_all_is_well(bare, car, monkeypatch):
    # nothing answers in most of this
    monkeypatch.setattr(found, "ASK_S", 0.3)
    with_image = ("--image", bare.image)
    stopped(flash(bare, car), "there is no image for it", "ESP8266_GENERIC", "--image")

    bare.faults.busy = True
    time.sleep(0.1)
    stopped(flash(bare, car, *with_image), "another program has it", "close that one")
    bare.faults.busy = False
    time.sleep(0.1)

    bare.faults.silent = True
    stopped(flash(bare, car, *with_image), "no chip answers", "the board is as it was", "cable")
    bare.faults.silent = False

    bare.faults.chip = "esp32"
    stopped(flash(bare, car, *with_image), "an ESP32", "nothing was written", "--board")
    bare.faults.chip = "esp8266"

    bare.faults.bad_block = 3
    stopped(flash(bare, car, *with_image), "after seq 3", "starts nothing now", "run the same command again")
    bare.faults.bad_block = None

    bare.faults.unplug_after = 120_000
    stopped(flash(bare, car, *with_image), "the board went away", "starts nothing now", "plug it in again")
    stopped(flash(bare, car, *with_image), "no such port", "is the board plugged in")
    bare.plug()

    assert "MicroPython 1.29.0" in flash(bare, car, *with_image, "--only", "image").err
    bare.faults.mpy = 5
    again(bare)
    stopped(
        flash(bare, car),
        "reads .mpy version 5",
        "mpy-cross here writes 6",
        "no firmware was copied",
        "--image",
    )
    bare.faults.mpy = None
    again(bare)

    bare.faults.unplug_after = 60_000
    stopped(flash(bare, car), "the board went away", "starts nothing until it is", "plug it in again")
    bare.plug()
    # half a firmware starts nothing
    with Repl(bare.port) as repl:
        assert "main.py" not in repl.run("import os\nprint(os.listdir())")

    monkeypatch.undo()
    done = flash(bare, car)
    assert done.code == 0, done.err
    assert " 0 there already" not in done.err
    assert not any(steps(flash(bare, car, *with_image, "--json")).values())


def test_a_start_that_was_missed_is_asked_for_again(alive, monkeypatch):
    tries = []

    def late(*words, **named):
        tries.append(named)
        if len(tries) == 1:
            # this computer looks away until the application has the line
            found.wait(alive.port, 115200, 60)
        return Repl(*words, **named)

    monkeypatch.setattr("canbean.board.flash.prompt.Repl", late)
    runs = found.ask(alive.port, 115200)
    with prompt(alive.port, 115200, runs, None, patience=1.0) as repl:
        assert repl.run("print(6 * 7)").strip() == "42"
        repl.reset()
    assert len(tries) == 2
    assert found.wait(alive.port, 115200, 60).hello["app"] == runs.hello["app"]


def test_ctrl_c_says_what_the_board_is_left_as(alive, car, monkeypatch):
    with prompt(alive.port, 115200, found.ask(alive.port, 115200), None) as repl:
        repl.run("import os\nos.remove('commands/status.mpy')\nos.remove('manifest')")
        repl.reset()
    found.wait(alive.port, 115200, 60)

    def put(self, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Repl, "put", put)
    done = flash(alive, car)
    assert done.code == 130
    assert (
        "interrupted in the step firmware: the board starts nothing until its firmware is whole: run the same"
        in done.err
    )
    monkeypatch.undo()
    assert steps(flash(alive, car, "--json")) == {"image": False, "firmware": True, "model": False}


def test_unplugged_while_the_model_comes(alive, car):
    other = alive.folder / "other.cbm"
    model = cbm.read(car)
    meta = cbm.encode_meta({**model.meta, "name": "another one"})
    cbm.write(other, cbm.Model({**model.sections, "META": meta}))
    alive.faults.unplug_after = 2000
    stopped(flash(alive, other, "--only", "model"), "went away", "still in use", "run the same command again")
    alive.plug()
    with Board(alive.port) as line:
        assert line.hello["model"] == cbm.digest(car.read_bytes())[:16]
    assert steps(flash(alive, other, "--only", "model", "--json")) == {"model": True}
    assert steps(flash(alive, car, "--json")) == {"image": False, "firmware": False, "model": True}


def test_a_full_file_system(car):
    with BareBoard(faults=Faults(files_bytes=180 * 4096)) as board:
        board.flash.write(0, image())
        again(board)
        with Repl(board.port) as repl:
            repl.run("with open('junk', 'wb') as f:\n    for i in range(150): f.write(bytes(4096))")
        stopped(flash(board, car), "file system is full", "starts nothing now", "board shell", "--erase")
        assert canbean("board", "shell", "-p", board.port, "rm", "junk").code == 0
        done = flash(board, car)
        assert done.code == 0, done.err
        assert " 0 there already" not in done.err


def test_key_and_settings_stay(alive, car, tmp_path):
    signed = tmp_path / "signed.cbm"
    secret = keys.new_key(tmp_path / "key")
    cbm.write(signed, cbm.read(car), secret)
    done = canbean("board", "settings", "--port", alive.port, "--set", "threshold 32", "--set", "allow 2C5")
    assert done.code == 0, done.err
    with Board(alive.port) as line:
        update.with_room(line, lambda: update.set_key(line, secret))
    with_key = ("--key", tmp_path / "key")
    assert flash(alive, signed, *with_key, "--only", "model").code == 0
    with Board(alive.port) as line:
        assert line.hello["model"] == cbm.digest(signed.read_bytes())[:16]
    # a firmware that is not whole any more
    with Board(alive.port) as line:
        line.command(update.authenticated(line, "restart", secret))
    with Repl(alive.port) as repl:
        repl.run("import os\nos.remove('commands/status.mpy')\nos.remove('manifest')")
        repl.reset()
    time.sleep(0.5)
    # the port of a virtual board has no reset lines
    stopped(flash(alive, signed, "--only", "firmware"), "this board has a key", "as it was", "--key")
    done = flash(alive, signed, *with_key, "--only", "firmware")
    assert done.code == 0, done.err
    assert "1 files written" in done.err or "2 files written" in done.err
    # and an image that is another one as far as the board knows: files stay
    done = flash(alive, signed, *with_key, "--image", alive.image)
    assert done.code == 0, done.err
    with Board(alive.port) as line:
        assert line.hello["golden"] == "ok"
        now = settings.read(line)
        assert ("threshold", "32") in now.lines
        assert ("allow", "2C5") in now.lines
        update.with_room(line, lambda: update.set_key(line, None, secret), secret)


def test_what_is_asked_for_is_checked_before_the_board_is_touched(car, tmp_path):
    nowhere = BareBoard()
    nowhere.port = str(tmp_path / "no port")
    failed(flash(nowhere, car), "no such port")
    failed(flash(nowhere, car, "--app", "roastmeter"), "is a model for 'gateway'")
    failed(flash(nowhere, tmp_path / "none.cbm"), "none.cbm")
    (tmp_path / "text").write_text("text")
    failed(flash(nowhere, car, "--image", tmp_path / "text"), "is no image for a ESP8266EX")
    failed(canbean("board", "flash", "-b", "toaster", "-m", car), "no such board")
    failed(canbean("board", "flash", "-b", "linux", "-m", car), "is not flashed")
    failed(canbean("board", "flash", "-b", "pico"), "give the model")
    failed(flash(nowhere, car, "--erase", "--only", "model"), "--erase")


class Comport:
    def __init__(self, device, vid=None, pid=None):
        self.device, self.vid, self.pid, self.description = device, vid, pid, f"USB serial {device}"


def test_the_port_is_found_by_its_usb_id(monkeypatch, car):
    there = [Comport("COM9"), Comport("COM3", 0x1A86, 0x7523), Comport("COM4", 0x2E8A, 5)]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: there)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    wemos = ports.profiles.profile("wemos-d1-mini")
    assert ports.choose(wemos) == "COM3"
    assert ports.choose(ports.profiles.profile("pico")) == "COM4"
    assert [port.device for port in ports.ports()] == ["COM3", "COM4", "COM9"]
    there.append(Comport("COM7", 0x10C4, 0xEA60))
    failed(canbean("board", "flash", "-b", "wemos-d1-mini", "-m", car), "COM7")
    assert ports.choose(wemos, lambda found: found[1]) == "COM7"
    del there[1:]
    failed(canbean("board", "flash", "-b", "wemos-d1-mini", "-m", car), "no wemos-d1-mini is plugged in")


def test_board_list_tells_what_is_plugged_in(alive, monkeypatch):
    there = [Comport(alive.port, 0x1A86, 0x7523), Comport("/dev/ttyS0")]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: there)
    done = canbean("board", "list", "--json")
    assert done.code == 0, done.err
    one, two = json.loads(done.out)["ports"]
    assert one["chips"] == ["ESP32", "ESP8266EX"]
    assert one["boards"] == ["esp32-devkit", "wemos-d1-mini"]
    assert (one["runs"]["app"], one["runs"]["board"]) == ("gateway", "wemos-d1-mini")
    # it has no USB id of a board: it is left alone
    assert (two["asked"], two["runs"]) == (False, None)
    assert "gateway on wemos-d1-mini" in canbean("board", "list").out


def test_a_bare_board_says_how_it_is_flashed():
    command = [sys.executable, "-c", MONITOR, "board", "virtual", "--bare"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().strip()
            assert Path(port).is_symlink()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=120)
        finally:
            process.kill()
    # each of its lines can be typed as it is
    ready = "models/max3010x.cbm"
    assert (
        f"board flash --board wemos-d1-mini --model {ready} --port {port} --image {Path(port).parent}" in err
    )
    assert ("roast ready --sensor max3010x -o models" in err) == (not Path(ready).is_file())
    assert not Path(port).parent.exists()
    failed(canbean("board", "virtual"), "--bare")
    failed(canbean("board", "virtual", "--bare", "-m", "none.cbm"), "none.cbm: no such file")
    failed(canbean("board", "virtual", "--bare", "--key", "key"), "board key")
    failed(canbean("board", "virtual", "--romfs", "-m", "car.cbm"), "--bare")


def test_from_a_bare_board_to_a_roast_value(bare, tmp_path):
    pairs, roast = tmp_path / "pairs.csv", tmp_path / "roast.cbm"
    assert canbean("roast", "simulate", "-o", pairs, "--lots", "8").code == 0
    done = canbean("roast", "fit", pairs, "-o", roast, "--models", "ridge")
    assert done.code == 0, done.err
    done = flash(bare, roast, "--app", "roastmeter", "--image", bare.image)
    assert done.code == 0, done.err
    assert "roastmeter on wemos-d1-mini runs model" in done.out
    assert f"next: canbean roast read --port {bare.port}" in done.out
    done = canbean("roast", "read", "--port", bare.port, "--samples", pairs, "-m", roast, "--json")
    assert done.code == 0, done.err
    assert "ok" in done.out
    assert not any(steps(flash(bare, roast, "--json")).values())
    # a calibration stays, whatever else is put there
    line = "calibration 2026-11-01 kitchen 400 100 2000 5 90 110 1900 3 95"
    done = canbean("board", "settings", "--port", bare.port, "--set", line)
    assert done.code == 0, done.err
    with prompt(bare.port, 115200, found.ask(bare.port, 115200), None) as repl:
        repl.run("import os\nos.remove('commands/status.mpy')\nos.remove('manifest')")
        repl.reset()
    time.sleep(0.5)
    assert steps(flash(bare, roast, "--only", "firmware", "--json")) == {"firmware": True}
    model = cbm.read(roast)
    cbm.write(roast, cbm.Model({**model.sections, "META": cbm.encode_meta({**model.meta, "name": "other"})}))
    assert steps(flash(bare, roast, "--only", "model", "--json")) == {"model": True}
    with Board(bare.port) as there:
        assert there.hello["model"] == cbm.digest(roast.read_bytes())[:16]
        assert ("calibration", line.partition(" ")[2]) in settings.read(there).lines


def test_what_another_application_left_is_not_told():
    left = "b.cbm: the model is for the application roastmeter, not gateway"
    assert found.Found({"golden": "ok"}, reason=left).wrong is None
    # of what runs, or where nothing does
    for hello, reason in (
        ({"golden": "ok"}, "the sensor does not answer"),
        ({"golden": None}, left),
        ({}, left),
    ):
        assert found.Found(hello, reason=reason).wrong == reason


def test_a_shell_stops_what_runs_only_when_told_to(alive):
    failed(canbean("board", "shell", "-p", alive.port, "fs", "ls"), "--stop")
    assert (
        canbean("board", "shell", "-p", alive.port, "--stop", "exec", "open('mine', 'w').close()").code == 0
    )
    with Repl(alive.port) as repl:
        assert "mine" in repl.run("import os\nprint(os.listdir())")
        repl.run("import os\nos.remove('mine')")
    assert canbean("board", "shell", "-p", alive.port, "reset").code == 0
    time.sleep(0.5)
    with Board(alive.port) as line:
        assert line.hello["app"] == "gateway"
