"""Flashing, `board monitor` and the roast verbs call nothing that Windows or macOS lacks. Neither of them has run it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import other_system
from canbean.board import VirtualBoard
from canbean.board.bare import BareBoard
from gateway_load import bus_model

ROOT = Path(__file__).parents[2]
METER = ROOT / "models" / "max3010x.cbm"


def there(system, *words, **more):
    return subprocess.Popen(
        [sys.executable, other_system.__file__, system, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        **more,
    )


def run(system, *words):
    with there(system, *words) as process:
        out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    return out


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_every_module_is_imported(system):
    assert int(run(system, "import")) > 80


def test_what_is_missing_is_missed(tmp_path):
    (tmp_path / "canbean_pty.py").write_text("import os\nos.openpty()\n")
    (tmp_path / "canbean_fcntl.py").write_text("import fcntl\n")
    code = f"import sys, other_system\nsys.path.insert(0, {str(tmp_path)!r})\nother_system.move('win32')\nimport "
    for name, words in (("canbean_pty", "os has no openpty"), ("canbean_fcntl", "No module named 'fcntl'")):
        done = subprocess.run(
            [sys.executable, "-c", code + name],
            capture_output=True,
            text=True,
            cwd=ROOT / "tests",
            check=False,
        )
        assert words in done.stderr


@pytest.mark.usefixtures("vm", "impatient_esptool")
def test_a_meter_is_flashed_and_read_as_on_windows():
    with BareBoard() as board:
        words = (
            "--board",
            "wemos-d1-mini",
            "--model",
            METER,
            "--port",
            board.port,
            "--image",
            board.image,
            "--json",
        )
        done = json.loads(run("win32", "canbean", "board", "flash", *words))
        assert [step["done"] for step in done["steps"]] == [True, True, True]
        assert done["golden"] == "ok"
        assert "wemos-d1-mini" in run("win32", "canbean", "board", "list")


@pytest.mark.usefixtures("vm")
def test_a_meter_is_read_as_on_windows():
    with VirtualBoard(METER, "roastmeter") as board:
        said = json.loads(
            run("win32", "canbean", "roast", "read", "--port", board.port, "--json").splitlines()[0]
        )
        assert "quality" in json.dumps(said)


@pytest.mark.usefixtures("vm")
def test_a_gateway_is_followed_as_on_windows(tmp_path):
    car = bus_model(tmp_path / "car.cbm")
    with VirtualBoard(car, "gateway") as board, there("win32", "canbean", "board", "monitor", "--port", board.port, "--alerts", tmp_path / "alerts", "--json") as process:  # fmt: skip
        try:
            assert "hello" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert "Traceback" not in err
