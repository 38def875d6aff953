"""`canbean board virtual`: a port that any serial program can talk to."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import serial

from canbean.can import logs, simulate
from canbean.roast import pairs, virtual_cup
from canbean.roast import simulate as coffee
from canbean_run import canbean

MODELS = Path(__file__).parents[2] / "models"

# A shell without job control starts what runs in its background with SIGINT ignored, and so for all its children.
RUN = """
import signal
from canbean.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


@pytest.fixture(scope="module")
def car(tmp_path_factory):
    folder = tmp_path_factory.mktemp("virtual")
    logs.write(folder / "clean.csv", simulate.drive(30, 1))
    assert canbean("can", "learn", folder / "clean.csv", "-o", folder / "car.cbm").code == 0
    return folder / "car.cbm"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_serial_program_talks_to_it_until_it_is_switched_off(car, vm, how):
    command = [sys.executable, "-c", RUN, "board", "virtual", "-m", str(car)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().strip()
            with serial.Serial(port, 115200, timeout=60) as line:
                line.write(b"hello\n")
                # The port may be opened in the middle of what the board says at its start.
                hello = json.loads(next(said for said in iter(line.readline, b"") if said.startswith(b"{")))
                assert (hello["type"], hello["app"], hello["golden"]) == ("hello", "gateway", "ok")
            process.send_signal(how)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()  # else a test that fails would wait for it without end
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize("model", ["max3010x", "tcs3200"])
def test_a_roast_meter_has_a_simulated_cup_on_it(model, vm):
    command = [sys.executable, "-c", RUN, "board", "virtual", "-m", str(MODELS / f"{model}.cbm")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().strip()
            first = json.loads(canbean("roast", "read", "--port", port, "--json").out)
            assert canbean("board", "settings", "--port", port, "--restart").code == 0
            again = json.loads(canbean("roast", "read", "--port", port, "--json").out)
            process.send_signal(signal.SIGTERM)
            err = process.communicate(timeout=120)[1]
        finally:
            process.kill()
    assert (
        f"a simulated cup of degree 60 (of 0 to 180), read by the simulated {model} of unit simulated-1"
        in err
    )
    assert first["low"] < 60 < first["high"]
    assert [again[key] for key in ("value", "counts", "quality")] == [first["value"], first["counts"], "ok"]


def test_a_cup_for_each_kind_of_model(tmp_path):
    """Counts are those of the unit that `roast simulate` writes; channels that no sensor has get no cup."""
    pairs.write(tmp_path / "raw.csv", coffee.pairs(8))
    assert (
        canbean("roast", "fit", tmp_path / "raw.csv", "-o", tmp_path / "raw.cbm", "--models", "ridge").code
        == 0
    )
    cup = virtual_cup.of(tmp_path / "raw.cbm")
    assert (len(cup.sensed), cup.calibration) == (3, None)
    assert "unit simulated-0" in cup.words
    own = (tmp_path / "raw.csv").read_text().replace("infrared", "brightness")
    (tmp_path / "own.csv").write_text(own)
    assert (
        canbean("roast", "fit", tmp_path / "own.csv", "-o", tmp_path / "own.cbm", "--models", "ridge").code
        == 0
    )
    assert virtual_cup.of(tmp_path / "own.cbm") is None
