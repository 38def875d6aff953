"""A roast meter's pins in the boards' files: what is found there, on both Pythons with stand-ins of their chips' modules."""

import importlib
import json
import re

import pytest

import firmware_drivers
import framebuf_stand_in
import meter_cases
import meter_stand_ins
from board_pins import HEADINGS, NEVER
from canbean.board import firmware, profiles
from canbean.board.asked import asked
from canbean.board.bundle import bundle
from canbean.board.reach import Part
from conftest import FIRMWARE, ROOT
from meter_stand_ins import meter
from sensor_cases import ON_VM

BOARDS = [profiles.profile(name) for name in profiles.names() if name != "linux"]
SENSORS = {
    "max3010x": ["MAX3010x", [50000, 110000]],
    "tcs34725": ["TCS34725", [6720, 5040, 3360, 13440]],
    "tcs3200": ["TCS3200", [4800, 3200, 2400, 9600]],
    None: [None, None],
}
DRIVERS = ("registers", "max3010x", "tcs34725", "tcs3200", "pulses", "ssd1306", "sh1106", "button", "probe")
# S3 of the Wemos, which is driven and not read, and the button of its shields
ALLOWED = {"wemos-d1-mini": {0, 16}}
VM_BOARD = """
real = sys.modules
import meter_stand_ins
real.update(meter_stand_ins.modules(real))
import meter_cases
from meter_stand_ins import meter
meter.hard = {hard}
from boards import {module} as board
print(json.dumps([meter_cases.opened(board, one, display) for one, display in {cases}]))
"""


@pytest.fixture(params=BOARDS, ids=lambda board: board.name)
def board(request):
    return request.param


@pytest.fixture
def module(board):
    """The board's file on CPython, where a roast meter's parts hang on its pins."""
    stand_ins = meter_stand_ins.modules({})
    stand_ins.pop("sys")
    meter.hang(None)
    meter.hard = board.chip != "ESP32"
    with firmware_drivers.names(framebuf=framebuf_stand_in, **stand_ins):
        yield importlib.import_module(f"boards.{board.module}")
    meter.hard = True


def cases(module):
    """Sensors, with the board's display at each of its addresses or none."""
    kind, width, height = module.DISPLAY
    displays = (None, (width, height, kind, 0x3C), (width, height, kind, 0x3D))
    return [(one, displays[i % 3]) for i, one in enumerate([*SENSORS, *SENSORS, *SENSORS])]


def test_what_hangs_there_is_found(module):
    for sensor, display in cases(module):
        found = meter_cases.opened(module, sensor, display)
        size = display and list(display[:2])
        name, counts = SENSORS[sensor]
        assert found[0] == name
        assert found[2] == size
        assert (counts and [round(one, -2) for one in counts]) == (
            found[1] and [round(one, -2) for one in found[1]]
        )
        if display:
            assert meter.display.seen() == [[0] * display[0]] * display[1]


def test_the_same_on_the_vm(board, module, vm):
    code = VM_BOARD.format(hard=meter.hard, module=board.module, cases=cases(module))
    said = json.loads(vm.run(ON_VM + code, path=(FIRMWARE, ROOT / "tests")))
    assert said == json.loads(json.dumps([meter_cases.opened(module, *one) for one in cases(module)]))


@pytest.mark.parametrize("sensor", ["max3010x", "tcs34725"])
def test_a_chip_that_refuses_its_first_access_is_found(module, sensor):
    meter.hang(sensor, None, (module.LIGHT, module.S2, module.S3))
    meter.sensor.refuses = 1
    assert SENSORS[sensor][0] == module.open_sensor().NAME


def test_a_button_to_ground(module):
    meter.hang(None)
    button = module.open_button()
    for level, ms, presses in ((1, 100, 0), (0, 100, 1), (1, 100, 0)):
        meter.levels[module.BUTTON] = level
        found = 0
        for _ in range(ms):
            meter.clock.sleep_ms(1)
            found += button.pressed()
        assert found == presses
    assert meter.log[module.BUTTON] == "in pull-up"


def test_pins_are_those_of_the_table_and_harmless(board, module):
    meter_cases.opened(module, "tcs3200")
    _, scl, sda, hertz = meter.log["i2c"]
    used = {
        "scl": scl,
        "sda": sda,
        "led": module.LIGHT,
        "out": module.PULSES,
        "s2": module.S2,
        "s3": module.S3,
        "button": module.BUTTON,
    }
    for page in ("README.md", "ROAST.md"):
        if (firmware.folder() / page).exists():
            assert used == wiring(board, page), page
    assert len(set(used.values())) == 7
    assert set(used.values()) & NEVER[board.name] == ALLOWED.get(board.name, set())
    assert hertz == 400_000
    assert meter.log[module.PULSES] == "in"
    if board.name == "pico":
        # I2C 0 (RP2040 datasheet, table 2)
        assert scl % 4 == 1
        assert sda % 4 == 0


def wiring(board, name):
    """The pins of a page's table of a roast meter."""
    text = (firmware.folder() / name).read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    column = next(row.index(HEADINGS[board.name]) for row in rows if set(HEADINGS.values()) <= set(row))
    table = {
        row[0].split(" ")[0].strip(",").lower(): row[column] for row in rows if len(row) == len(HEADINGS) + 1
    }
    names = ("scl", "sda", "led", "out", "s2", "s3", "button")
    return {name: int(re.search(r"GP(?:IO)?(\d+)", table[name])[1]) for name in names}


def test_after_opening_the_prober_has_left(module):
    meter_cases.opened(module, "max3010x", (64, 48))
    loaded = importlib.import_module("sys").modules
    assert "drivers.probe" not in loaded
    assert "drivers.max3010x" in loaded


APP = b"""
from canbean.begin import reading


class App:
    def __init__(self, board):
        self.display = board.open_display()
        self.button = board.open_button()
        self.reading = reading(board.open_sensor())

    def run(self):
        while not self.reading.step():
            pass
        self.display.fill(1)
        self.display.show()
        print([list(self.reading.counts), self.reading.quality, self.button.pressed()])


def start(board):
    return App(board)


def main(board):
    start(board).run()
"""
RUN = """
import sys
import meter_stand_ins
from meter_stand_ins import meter
made = meter_stand_ins.modules(sys.modules)
sys.modules.update([(name, made[name]) for name in made if name not in ("sys", "os")])
from boards import wemos_d1_mini as board
meter.hang("{sensor}", (64, 48), {pins})
from apps import tiny
tiny.main(board)
assert meter.display.seen() == [[1] * 64] * 48
"""


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """The Wemos's files with the drivers of one sensor in the joined one, the others beside it; and its LED, S2 and S3."""
    contents = {
        path.relative_to(FIRMWARE).with_suffix("").as_posix(): path.read_bytes()
        for room in ("canbean", "drivers")
        for path in (FIRMWARE / room).glob("*.py")
        if not path.stem.endswith("_viper")
    }
    board = "boards/wemos_d1_mini"
    source = (FIRMWARE / f"{board}.py").read_bytes()
    contents |= {"apps/tiny": APP, board: asked(source, [APP])}
    starting = [Part(board, name) for name in ("open_sensor", "open_display", "open_button")]
    drivers = [f"drivers/{name}" for name in ("max3010x", "ssd1306", "button")]
    made = bundle(contents, ["apps/tiny", *drivers], [], [], starting=starting)
    folder = tmp_path_factory.mktemp("joined")
    for name, text in made.files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(firmware.CONST + text)
    (folder / "texts").write_bytes(made.texts)
    return folder, [
        int(re.search(rb"^%s = (\d+)" % name, source, re.MULTILINE)[1]) for name in (b"LIGHT", b"S2", b"S3")
    ]


@pytest.mark.parametrize("sensor", ["max3010x", "tcs34725", "tcs3200"])
def test_joined_with_short_names_it_reads_the_same(sensor, vm, joined):
    folder, pins = joined
    said = vm.run(RUN.format(sensor=sensor, pins=pins), path=(ROOT / "tests", folder), cwd=folder)
    counts, *more = json.loads(said.replace("'", '"').replace("False", "false"))
    assert [round(one, -1) for one in counts] == SENSORS[sensor][1]
    assert more == ["ok", False]


def test_drivers_are_small():
    """Bytes of .mpy, each for itself; joined with short names they take about two thirds of that."""
    size = {
        name: len(firmware._compile(f"{name}.py", (FIRMWARE / f"{name}.py").read_bytes(), None))
        for name in (f"drivers/{one}" for one in DRIVERS)
    }
    assert max(size.values()) <= 1100, size
    assert size["drivers/registers"] + size["drivers/max3010x"] + size["drivers/ssd1306"] <= 2100, size


# --- what an application does not ask for is not on its board


def sources(app):
    folder = firmware.folder()
    paths = [folder / "apps" / f"{app}.py", folder / "apps" / "console.py"]
    for room in ("canbean", "drivers", "commands"):
        paths += (folder / room).glob("*.py")
    return [path.read_bytes() for path in paths]


def test_a_gateway_has_no_meters_pins(board):
    source = (firmware.folder() / "boards" / f"{board.module}.py").read_bytes()
    kept = asked(source, sources("gateway"))
    for name in (
        b"open_bus",
        b"open_serial",
        b"watchdog",
        b"CS = ",
        b"RING = ",
        b"KEPT = ",
        b"import machine",
    ):
        assert name in kept, name
    for name in (
        b"open_sensor",
        b"open_display",
        b"open_button",
        b"open_i2c",
        b"SCL =",
        b"DISPLAY =",
        b"S3 =",
    ):
        assert name in source
        assert name not in kept, name
    # what is left runs: every name in it is there
    compile(kept, "board.py", "exec")
    assert asked(kept, sources("gateway")) == kept


def test_names_are_found_as_attributes_and_as_texts():
    source = (
        b'A = 1\nB = A\n\n\ndef f():\n    return B\n\n\ndef g():\n    return C\n\n\nC = 2\nD = f"{A}"\nf()\n'
    )
    assert asked(source, []) == b"A = 1\nB = A\n\n\ndef f():\n    return B\n\n\n\n\nf()\n"
    assert b"def g" in asked(source, [b"board.g()"])
    assert b"C = 2" in asked(source, [b"x = 'g'"])
    assert b"C = 2" in asked(source, [b"from boards.here import g"])
    assert b"D =" in asked(source, [b"getattr(board, 'D')"])
