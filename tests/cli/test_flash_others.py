"""`canbean board flash` onto the other boards: an ESP32 from its empty flash on, and what a Pico gets once its image is there."""

import json

import pytest

from canbean.board.bare import BareBoard
from canbean.board.flash import job
from canbean.board.profiles import profile
from canbean.tiny import cbm
from canbean_run import canbean, failed
from gateway_load import bus_model

pytestmark = pytest.mark.usefixtures("vm", "impatient_esptool")


@pytest.fixture(scope="module")
def car(tmp_path_factory):
    return bus_model(tmp_path_factory.mktemp("model") / "car.cbm")


@pytest.fixture(scope="module")
def bare():
    with BareBoard("esp32-devkit") as board:
        yield board


def flash(board, name, model, *more):
    return canbean("board", "flash", "-b", name, "-p", board.port, "-m", model, *more)


def test_an_esp32_from_the_shop_to_alerts(bare, car):
    wrong = flash(bare, "wemos-d1-mini", car, "--image", bare.image)
    assert wrong.code == 1
    assert (
        "the chip there is an ESP32, and a wemos-d1-mini has an ESP8266EX; nothing was written" in wrong.err
    )
    done = flash(bare, "esp32-devkit", car, "--image", bare.image)
    assert done.code == 0, done.err
    assert "the flash erased, written and verified" in done.err
    assert f"gateway on esp32-devkit runs model {cbm.digest(car.read_bytes())[:16]}" in done.out
    # in bytecode, for this VM is of another processor; and found again
    again = json.loads(flash(bare, "esp32-devkit", car, "--image", bare.image, "--json").out)
    assert not any(step["done"] for step in again["steps"])


def test_a_pico_s_firmware_runs(bare, car):
    """Its chip is not here: its image is that of the board before."""
    done = flash(bare, "pico", car, "--only", "firmware", "--json")
    assert done.code == 0, done.err
    done = flash(bare, "pico", car, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["board"], told["app"], told["golden"]) == ("pico", "gateway", "ok")


def test_native_code_goes_to_whom_it_fits():
    pico, esp32 = profile("pico"), profile("esp32-devkit")
    assert job.runs_native(pico, "armv6m")
    # of a newer chip of the same maker
    assert job.runs_native(pico, "armv7emsp")
    assert not job.runs_native(pico, "rv32imc")
    assert not job.runs_native(esp32, "xtensa")
    assert not job.runs_native(esp32, None)
    failed(canbean("board", "flash", "-b", "esp32-devkit", "--romfs", "-m", "none.cbm"), "none.cbm")
