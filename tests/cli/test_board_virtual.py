"""`canbean board virtual`: a port that any serial program can talk to."""

import json
import signal
import subprocess
import sys

import pytest
import serial

from canbean.can import logs, simulate
from canbean_run import canbean

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
            with serial.Serial(port, 115200, timeout=5) as line:
                line.write(b"hello\n")
                # The port may be opened in the middle of what the board says at its start.
                hello = json.loads(next(said for said in iter(line.readline, b"") if said.startswith(b"{")))
                assert (hello["type"], hello["app"], hello["golden"]) == ("hello", "gateway", "ok")
            process.send_signal(how)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()  # else a test that fails would wait for it without end
    assert out == ""
    assert "Traceback" not in err
