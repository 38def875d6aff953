"""`canbean roast serve` with a meter on a port and a professional one on another: paired over HTTP, as the page does."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import pytest

from canbean.roast import pairs
from canbean_run import canbean, failed
from roastmeter_cases import KIT
from serial_meters import HELLO, READING, Button, Meter

# pyserial does not close a socket that the other end has closed
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
RUN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from canbean.cli.main import main; main()"


@contextmanager
def serving(*words):
    """The verb as a process; gives a function that asks a path, and one that answers a question and returns what the page is told."""
    command = [sys.executable, "-c", RUN, "roast", "serve", "--http", "0", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            assert url, process.stderr.read()

            def ask(path, body=None):
                data = None if body is None else json.dumps(body).encode()
                request = urllib.request.Request(
                    url + path, data, {"Content-Type": "application/json"} if data else {}
                )
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.loads(answer.read())

            def answer(text):
                turn = ask("api/state")["pairing"]["turn"]
                return ask("api/answer", {"turn": turn, "answer": text})

            yield ask, answer
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
        finally:
            process.kill()


@pytest.mark.skipif(os.name != "posix", reason="ends by a signal")
def test_paired_with_both_meters_on_ports(tmp_path):
    file = tmp_path / "p.csv"
    reading = {**READING, "raw": [31000, 81000, 2725]}
    fed = {**HELLO, "sensor": "fed sensor"}
    with (
        Meter(reading, fed, noisy=False, calibration=KIT.words()) as meter,
        Button() as other,
        serving("--port", meter.port, "--pairs", file, "--reference-port", other.port) as (ask, answer),
    ):
        assert ask("api/state")["simulated"]
        for text in ("Kenya", "78", "", "Kenya"):
            assert answer(text)["error"] is None
        asked = answer("")["pairing"]
        assert (asked["step"], asked["reads_reference"]) == ("reference", True)
        other.press(b"82.5")
        told = answer("")
        assert told["said"] == "the professional meter says 82.5; pair 1 is kept: Kenya, cup 1, 82.5"
    found = pairs.read(file)
    assert (found.reference.tolist(), found.unit) == ([82.5], ("simulated-kitchen",))
    # the model reads counts: the unit's calibration makes reflectances of them
    assert found.channels[0, :2].tolist() == (KIT.apply([[31000, 81000]], [436])[0] / 1000).tolist()


def test_what_cannot_be_paired_is_refused_before_the_page_is_there(tmp_path):
    file = tmp_path / "p.csv"
    assert canbean("roast", "simulate", "-o", file, "--lots", "4").code == 0
    with Meter() as meter:
        words = ("roast", "serve", "--http", "0", "--port", meter.port)
        failed(canbean(*words, "--pairs", file, "--unit", "simulated-0"), "holds counts")
        failed(canbean(*words, "--pairs", tmp_path / "q.csv", "--reference-port", "/dev/none0"), "/dev/none0")
        failed(canbean(*words, "--reference-port", "/dev/none0"), "--pairs")
    failed(
        canbean("roast", "serve", "--simulate", "--reference-port", "x", "--pairs", file), "--reference-port"
    )
    failed(canbean("roast", "serve", "--simulate", "--scale", "banana"), "--scale 'banana'")
    failed(canbean("roast", "serve", "--simulate", "--port", "x"), "not both")
    failed(canbean("roast", "serve", "--simulate", "--tamps", "4"), "--pairs")
    failed(canbean("roast", "serve", "--simulate", "--pairs", file, "--unit", "mine"), "--unit")
    failed(canbean("roast", "pair", "--simulate", "--unit", "mine", "-o", file), "--unit")
    failed(canbean("roast", "pair", "--simulate", "--reference-port", "x", "-o", file), "--reference-port")
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]
