"""What the roast meter takes of the smallest board: heap on a 32-bit VM, files that stay loaded, estimated time."""

import pytest

from canbean.board import firmware
from canbean.tiny import cbm
from gateway_ledger import LEDGER_BYTES, MPY_BYTES
from roastmeter_cases import model, regressor
from roastmeter_ledger import ledger

LOADED = ("apps/roastmeter", "canbean/__init__", "boards/wemos_d1_mini")
"""Files that stay in the heap: sensor, display, model, reading, serial line and what waits for the Tonino's words are in the second."""
SOMETIMES = {"commands/tonino": 800, "canbean/za": 800}
"""Loaded for a word of Artisan's, and for what a display shows: bytes at most."""


def test_the_ledger_of_a_32_bit_board_holds(tmp_path, vm32):
    cbm.write(tmp_path / "m.cbm", model())
    (tmp_path / "board").mkdir()
    assert 10_000 < ledger(tmp_path / "m.cbm", tmp_path / "board", 128, 64) <= LEDGER_BYTES


def test_the_files_that_stay_loaded_are_small(tmp_path):
    firmware.build(tmp_path, "roastmeter", "wemos_d1_mini", model=model())
    sizes = {name: (tmp_path / f"{name}.mpy").stat().st_size for name in (*LOADED, *SOMETIMES)}
    assert sum(sizes[name] for name in LOADED) <= MPY_BYTES, sizes
    assert all(sizes[name] <= most for name, most in SOMETIMES.items()), sizes
    # of models it has the kind that this one is of
    assert not (tmp_path / "canbean" / "polynomial.mpy").exists()
    assert (tmp_path / "canbean" / "neighbours.mpy").exists()


def test_a_reading_is_judged_in_time():
    assert regressor().board_ms <= 50


@pytest.mark.parametrize("board", ["linux", "esp32_devkit", "pico", "wemos_d1_mini"])
def test_it_is_joined_for_every_board(tmp_path, board):
    firmware.build(tmp_path, "roastmeter", board, model=model())
    assert (tmp_path / "canbean" / "boot.mpy").exists()
