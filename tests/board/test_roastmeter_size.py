"""What the roast meter takes of the smallest board: heap on a 32-bit VM, files that stay loaded, estimated time."""

import pytest

from canbean.board import firmware
from canbean.tiny import cbm
from conftest import ROOT
from gateway_ledger import LEDGER_BYTES, MPY_BYTES
from roastmeter_cases import model, regressor
from roastmeter_ledger import ledger

LOADED = ("apps/roastmeter", "canbean/__init__", "boards/wemos_d1_mini")
"""Files that stay in the heap: sensor, display, model, reading, serial line and what waits for the Tonino's words are in the second."""
TONINO = "commands/tonino"
"""Loaded for a word of Artisan's."""
READY = ROOT / "models"


def test_the_ledger_of_a_32_bit_board_holds(tmp_path, vm32):
    cbm.write(tmp_path / "m.cbm", model())
    (tmp_path / "board").mkdir()
    assert 10_000 < ledger(tmp_path / "m.cbm", tmp_path / "board", 128, 64) <= LEDGER_BYTES


def holding(folder, text):
    """The one file of what is loaded for a call that holds a text."""
    (found,) = [path for path in sorted((folder / "canbean").glob("z?.mpy")) if text in path.read_bytes()]
    return "canbean/" + found.stem


@pytest.mark.parametrize("architecture", [None, "xtensa"])
@pytest.mark.parametrize("name", ["max3010x", "tcs34725"])
def test_sensor_model_display_drawing_and_tonino_take_ten_kilobytes(tmp_path, name, architecture):
    """What is loaded while the meter measures, shows and answers Artisan; not what runs once, or for a command that is rare."""
    made = cbm.read(READY / f"{name}.cbm")
    firmware.build(tmp_path, "roastmeter", "wemos_d1_mini", architecture=architecture, model=made)
    names = (*LOADED, TONINO, holding(tmp_path, b"fill_rect"))
    sizes = {name: (tmp_path / f"{name}.mpy").stat().st_size for name in names}
    assert 9_000 < sum(sizes.values()) <= MPY_BYTES, sizes
    # these are all: nothing that stays loads another file
    package = (tmp_path / "canbean" / "__init__.mpy").read_bytes()
    assert (b"TCS34725" in package) == (name == "tcs34725") != (b"MAX3010x" in package)
    for part in (b"readfrom_mem_into", b"writevto", b"reading", b"threshold"):
        assert part in package
    assert not list(tmp_path.rglob("*_viper.mpy"))


def test_what_starts_a_sensor_or_a_reading_is_not_among_it(tmp_path):
    firmware.build(tmp_path, "roastmeter", "wemos_d1_mini", model=model())
    drawing = holding(tmp_path, b"fill_rect")
    others = {f"canbean/{path.stem}" for path in (tmp_path / "canbean").glob("z?.mpy")} - {drawing}
    # the calibration's words, a reading's buffers, a sensor's registers, a text with quotes
    assert len(others) == 4
    assert all((tmp_path / f"{name}.mpy").stat().st_size <= 600 for name in others)
    # of models it has the kind that this one is of
    assert not (tmp_path / "canbean" / "polynomial.mpy").exists()
    assert (tmp_path / "canbean" / "neighbours.mpy").exists()


def test_a_reading_is_judged_in_time():
    assert regressor().board_ms <= 50


@pytest.mark.parametrize("board", ["linux", "esp32_devkit", "pico", "wemos_d1_mini"])
def test_it_is_joined_for_every_board(tmp_path, board):
    firmware.build(tmp_path, "roastmeter", board, model=model())
    assert (tmp_path / "canbean" / "boot.mpy").exists()
