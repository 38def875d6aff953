"""The boards' files, on both Pythons with stand-ins of their chips' modules: pins, bus, serial line, watchdog."""

import ast
import importlib
import json
import re

import pytest

import board_stand_ins
import firmware_drivers
from board_pins import HEADINGS, NEVER
from canbean.board import firmware, profiles
from gateway_load import bus_model

BOARDS = [profiles.profile(name) for name in profiles.names() if name != "linux"]
# Pins that the RP2040's SPI 0 can have (its datasheet, table 2).
SPI_0 = {"so": {0, 4, 16, 20}, "cs": {1, 5, 17, 21}, "sck": {2, 6, 18, 22}, "si": {3, 7, 19, 23}}

SCRIPT = """
from canbean.clock import Clock
from canbean.ring import Ring
from board_stand_ins import board as on
from boards import {module} as board
bus = board.open_bus()
bus.start(board.BITRATE, True, None)
assert bus.interrupt
ring, clock = Ring(board.RING), Clock(board.ticks_us)
on.chip.receive(0x123, 2, b"ab")
assert bus.receive(ring, clock) == 1
assert bytes(ring.records[7:13]) == bytes((0x23, 1, 0, 0)) + b"ab"
dog = board.watchdog()
dog.feed()
wait, readinto, write = board.open_serial()
wait(1)
buffer = bytearray(3)
assert readinto(buffer) == 3 and buffer == b"hel"
assert readinto(buffer) == 2
assert not readinto(buffer)
wait(5)
write(b"line")
assert board.heap_free() == 30000
assert board.KEPT > 4
log = on.log
log["refused"] = False
try:
    board.set_rate(57600)
except ValueError:
    log["refused"] = True
"""
ON_VM = """
import json
import sys
import board_stand_ins
real = sys.modules
real.update(board_stand_ins.modules(real))
"""


@pytest.fixture(params=BOARDS, ids=lambda board: board.name)
def board(request):
    return request.param


@pytest.fixture
def log(board):
    """What the board's file did on CPython."""
    board_stand_ins.board.reset()
    names = {}
    stand_ins = board_stand_ins.modules({})
    real = stand_ins.pop("sys")
    with firmware_drivers.names(**stand_ins):
        # CPython's own `sys` cannot be replaced
        importlib.import_module("drivers.stdio").sys = real
        exec(SCRIPT.format(module=board.module), names)
        firmware_drivers.forget("drivers.stdio")
    return names["log"]


def wiring(board):
    """The pins of the README's table: {"sck": 14, ...}."""
    text = (firmware.folder() / "README.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    head = next(row for row in rows if set(HEADINGS.values()) <= set(row))
    column = head.index(HEADINGS[board.name])
    table = {row[0].split()[0].lower(): row[column] for row in rows if len(row) == len(head)}
    return {pin: int(re.search(r"GP(?:IO)?(\d+)", table[pin])[1]) for pin in ("sck", "si", "so", "cs", "int")}


def test_pins_are_those_of_the_wiring_table_and_harmless(board, log):
    used = {pin: log[pin] for pin in ("sck", "si", "so", "cs", "int")}
    assert used == wiring(board)
    assert not NEVER[board.name] & set(used.values())
    assert len(set(used.values())) == 5
    if board.name == "pico":
        assert all(used[pin] in pins for pin, pins in SPI_0.items())


def test_bus_and_watchdog(board, log):
    # the MCP2515 takes 10 MHz at the most
    assert 1_000_000 <= log["hz"] <= 10_000_000
    assert log["fed"]
    # longer than a golden vector may take, within the RP2040's limit of 8.3 s
    assert log["watchdog"] in (None, 8000)
    assert log["written"] == b"line"


def test_the_esp8266_has_no_open_access_point(board, log):
    assert log.get("access point") is (False if board.chip == "ESP8266EX" else None)


def test_the_repl_does_not_hear_the_line(board, log):
    if board.chip == "ESP8266EX":
        assert log["dupterm"] == (None, 1)
    else:
        assert log["kbd_intr"] == -1


def test_a_uart_goes_on_with_another_rate(board, log):
    assert log.get("rate") == (57600 if board.chip == "ESP8266EX" else None)
    assert log["refused"] is (board.chip == "ESP32")


def test_the_same_on_the_vm(board, log, vm):
    tests = __file__.rsplit("/", 2)[0]
    script = ON_VM + SCRIPT.format(module=board.module) + "print(json.dumps(log))"
    said = json.loads(vm.run(script, path=(firmware.folder(), tests)))
    for key, value in log.items():
        text = value.decode() if isinstance(value, bytes) else value
        assert said[key] == (list(text) if isinstance(text, tuple) else text), key


def test_linux_has_the_bus_that_the_environment_names(monkeypatch):
    linux = firmware_drivers.load("boards.linux")
    monkeypatch.delenv("CANBEAN_CAN", raising=False)
    assert linux.open_bus() is None
    assert linux.watchdog() is None
    before = linux.ticks_us()
    assert 0 <= before < 1 << 30


def test_the_readme_has_the_profiles_figures(board):
    text = (firmware.folder() / "README.md").read_text()
    row = re.search(rf"^\| {HEADINGS[board.name]} \| (\d+) \| (\w+)", text, re.MULTILINE)
    assert (int(row[1]), row[2]) == (board.frames_per_second, board.frames_per_second_is)


GATEWAY = """
from apps.gateway import Gateway, finish
from board_stand_ins import board as on
from boards import {module} as board
board.slot = "model.cbm"
board.settings = board.refused = None
gateway = Gateway(board)
finish(gateway)
assert gateway.console.refused is None, gateway.console.refused
assert gateway.bus.status() == ("ok", 0, 0)
on.chip.receive(0x7FE, 8, b"whatever")
on.log["written"] = b""
gateway.turn()
alert = on.log["written"]
on.chip.count_errors(0, 200)
for i in range(3):
    on.chip.receive(0x100, 0)
print(json.dumps([alert.decode(), gateway.watch.alerts, gateway.bus.status()[:2]]))
"""


@pytest.fixture(scope="module")
def with_model(tmp_path_factory):
    """A folder with a model."""
    folder = tmp_path_factory.mktemp("model")
    bus_model(folder / "model.cbm")
    return folder


def test_a_frame_on_the_bus_raises_an_alert(board, vm, with_model):
    """The whole gateway on the VM: a frame of an unknown id comes into the chip, an alert goes out on the serial line."""
    tests = __file__.rsplit("/", 2)[0]
    said = vm.run(
        ON_VM + GATEWAY.format(module=board.module), path=(firmware.folder(), tests), cwd=with_model
    )
    line, alerts, (state, overflows) = json.loads(said)
    incident, alert = map(json.loads, line.splitlines())
    assert (incident["type"], incident["state"], incident["ids"]) == ("incident", "opened", ["7FE"])
    assert (alert["type"], alert["id"], alert["kind"]) == ("alert", "7FE", "unknown-id")
    assert (alerts, overflows) == (1, 1)
    assert state == "passive"


@pytest.mark.parametrize("module", [profiles.profile(name).module for name in profiles.names()])
def test_every_board_has_what_the_firmware_asks_of_one(module):
    """`board.NAME` anywhere in applications, commands and the package."""
    root = firmware.folder()
    asked = set()
    for room in ("apps", "canbean", "commands"):
        for path in (root / room).glob("*.py"):
            asked |= set(re.findall(r"\bboard\.([A-Za-z]\w*)", path.read_text()))
    assert {"open_serial", "open_bus", "ticks_us", "RING"} <= asked
    # what commands/boot.py finds at the start, and what a board may leave out
    asked -= {"slot", "settings", "refused", "started", "failed"}
    tree = ast.parse((root / "boards" / f"{module}.py").read_text())
    has = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            has.add(node.name)
        elif isinstance(node, ast.Assign):
            has |= {target.id for target in node.targets}
        elif isinstance(node, ast.ImportFrom):
            has |= {alias.name for alias in node.names}
    assert asked <= has
