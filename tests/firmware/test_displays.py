"""Displays on models of their controllers: what is drawn is seen, on CPython and on the VM with its own `framebuf`."""

import json
from types import SimpleNamespace

import pytest

import firmware_drivers
import framebuf_stand_in
import meter_cases
from conftest import FIRMWARE, ROOT
from i2c_bus import Bus, Clock
from oled_chip import Chip
from sensor_cases import ON_VM

KINDS = [("ssd1306", 64, 48), ("ssd1306", 128, 64), ("sh1106", 128, 64)]


def load(name):
    return firmware_drivers.load(name, framebuf=framebuf_stand_in)


def drawn(width, height):
    """The drawing of `meter_cases`, drawn without a driver: rows of text."""
    rows = [["0"] * width for _ in range(height)]

    def fill_rect(x, y, wide, high, colour):
        for row in rows[y : y + high]:
            row[x : x + wide] = [str(colour)] * wide

    meter_cases.draw(
        SimpleNamespace(
            width=width,
            height=height,
            fill_rect=fill_rect,
            hline=lambda x, y, n, c: fill_rect(x, y, n, 1, c),
            vline=lambda x, y, n, c: fill_rect(x, y, 1, n, c),
            pixel=lambda x, y, c: fill_rect(x, y, 1, 1, c),
        )
    )
    return ["".join(row) for row in rows]


@pytest.fixture(scope="module")
def shown():
    return meter_cases.shown(load, framebuf_stand_in)


def test_what_is_drawn_is_seen_upright(shown):
    for (_, _, _, rows), (width, height, _) in zip(shown, meter_cases.DISPLAYS, strict=True):
        assert rows == drawn(width, height)


def test_the_same_on_the_vm(shown, vm):
    code = "import framebuf\nimport meter_cases\nprint(json.dumps(meter_cases.shown(load, framebuf)))"
    assert json.loads(vm.run(ON_VM + code, path=(FIRMWARE, ROOT / "tests"))) == json.loads(json.dumps(shown))


def test_bytes_of_a_picture(shown):
    """As drivers/README.md has them: six or eight pages, address and pixels."""
    assert [cost for _, _, cost, _ in shown] == [6 * (5 + 66), 8 * (5 + 130), 8 * (5 + 130)]


def started(kind, width, height, **settings):
    chip = Chip(width, height, kind)
    bus = Bus(Clock(), chip)
    vars(bus).update(settings)
    pixels = bytearray(width * height // 8)
    display = getattr(load("drivers." + kind), kind[0].upper() + kind[1:])(pixels, width, height, 0)
    display.switch_on(bus, pixels, width, height)
    return chip, bus, display


@pytest.mark.parametrize(("kind", "width", "height"), KINDS)
def test_a_display_that_goes_away_is_said(kind, width, height):
    chip, _, display = started(kind, width, height)
    chip.missing = True
    with pytest.raises(OSError, match="the display does not answer: check its power and its I2C wires"):
        display.show()
    chip.missing = False
    display.show()


@pytest.mark.parametrize(("kind", "width", "height"), KINDS[:1])
def test_lines_disturbed_at_any_byte(kind, width, height):
    _, bus, _ = started(kind, width, height)
    for at in range(0, bus.bytes, 3):
        # a page that came half comes again, further on in its row: the next picture is right
        chip, _, display = started(kind, width, height, faults=(at,))
        display.fill(1)
        display.show()
        assert chip.seen() == [[1] * width] * height
    for at in range(0, bus.bytes, 7):
        with pytest.raises(OSError, match="the display does not answer"):
            started(kind, width, height, dead=at)


def test_the_stand_in_draws_as_framebuf_does(vm):
    """Whatever displays here use, but for the shapes of letters."""
    draw = """
pixels = bytearray(64)
one = framebuf.FrameBuffer(pixels, 32, 16, framebuf.MONO_VLSB)
one.fill(1)
one.fill_rect(-3, 4, 9, 30, 0)
one.hline(5, 2, 40, 0)
one.vline(30, -2, 7, 0)
one.pixel(8, 8, 0)
one.pixel(99, 8, 0)
said = list(pixels) + [one.pixel(8, 8), one.pixel(9, 8)]
"""
    names = {"framebuf": framebuf_stand_in}
    exec(draw, names)
    assert json.loads(vm.run("import framebuf\n" + draw + "print(said)")) == names["said"]
