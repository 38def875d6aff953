"""`canbean board monitor`: what it prints and writes, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from board_cases import random_frames, stand_in
from canbean.board import Record, VirtualBoard, firmware, packets
from canbean.board.monitor import Monitor
from canbean.cli.monitor import _Screen, _status
from canbean_run import canbean, failed

ALERTS = Path(__file__).parents[1] / "golden" / "alerts.jsonl"
RUN = """
import signal
from canbean.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


def test_it_runs_until_it_is_stopped(tmp_path, monkeypatch, vm):
    tree = stand_in(tmp_path / "firmware")
    monkeypatch.setattr(firmware, "folder", lambda: tree)
    (tmp_path / "good.cbm").write_text("good")
    file = tmp_path / "alerts.jsonl"
    file.write_text('{"type":"alert","n":0}\n')
    with VirtualBoard(tmp_path / "good.cbm") as board:
        command = [
            sys.executable,
            "-c",
            RUN,
            "board",
            "monitor",
            "--port",
            board.port,
            "--json",
            "--alerts",
            str(file),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                first = []
                # until then it writes to the port too
                while not first or '"status"' not in first[-1]:
                    first.append(process.stdout.readline())
                    assert first[-1]
                handle = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
                os.write(handle, packets.start(1) + packets.encode(random_frames(20)).blob)
                os.close(handle)
                end = time.monotonic() + 120
                while time.monotonic() < end and file.read_text().count("\n") < 3:
                    time.sleep(0.05)
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=120)
            finally:
                process.kill()
    assert process.returncode == 0, err
    # what was in the file stays
    assert [json.loads(line)["n"] for line in file.read_text().splitlines()] == [0, 7, 14]
    assert "boot" not in file.read_text()
    said = [json.loads(line) for line in [*first, *out.splitlines()]]
    assert {"hello", "status", "alert", "incident"} <= {one["type"] for one in said}
    assert all({"boot", "seq", "crc"} <= set(one) for one in said)
    (summary,) = err.splitlines()
    assert summary.startswith("2 alerts in ")
    assert summary.endswith("s, 0 lost; 0 incidents from the store; 0 damaged lines; 1 connection")


def shown(capsys, values, clock=None):
    following = Monitor("nowhere")
    following.clock = clock
    _Screen(following, as_json=False).show(Record(values, b""))
    return capsys.readouterr().out


def local(seconds):
    """That time as it is shown where this test runs."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"


def test_what_is_shown(capsys):
    alert = json.loads(ALERTS.read_text().splitlines()[0])
    text = shown(capsys, alert)
    assert f"{alert['t']:.3f} s" in text
    for key in ("id", "kind", "expected", "seen"):
        assert str(alert[key]) in text
    assert shown(capsys, {**alert, "t": 1.5, "id": None}, 1_764_000_000).startswith(
        f"{local(1_764_000_001)}.500       bus"
    )
    incident = {
        "type": "incident",
        "number": 3,
        "state": "closed",
        "opened": 1.0,
        "closed": 20.5,
        "count": 9,
        "ids": ["2C5", "0F1"],
        "more": 2,
        "kinds": ["timing", "dlc"],
        "severity": "high",
    }
    assert (
        shown(capsys, incident)
        == "      20.500 s  incident 3 closed: 9 alerts of 2C5, 0F1 and 2 of others; timing, dlc; high\n"
    )
    opened = {**incident, "state": "opened", "closed": None, "count": 1, "ids": [], "more": 0}
    assert (
        shown(capsys, opened) == "       1.000 s  incident 3 opened: 1 alert of the bus; timing, dlc; high\n"
    )
    stored = {**incident, "type": "stored", "record": 12, "of": "9f3a01c2", "clock": 1_764_000_000}
    assert f"{local(1_764_000_001)}.000  record 12, incident 3 of boot 9f3a01c2: 9 alerts" in shown(
        capsys, stored
    )
    assert (
        shown(capsys, {"type": "error", "reason": "no [such] thing"}) == "the board says: no [such] thing\n"
    )
    assert shown(capsys, {"type": "hello"}) == ""


def test_a_bus_that_is_not_well_is_said_once(capsys):
    screen = _Screen(Monitor("nowhere"), as_json=False)
    deaf = "no MCP2515 answers: check its power, SPI wires and CS"
    for bus in ("ok", deaf, deaf, None, "ok"):
        screen.show(Record({"type": "status", "bus": bus}, b""))
    assert capsys.readouterr().out == f"the bus: {deaf}\nthe bus: ok\n"
    screen.show(Record({"type": "status"}, b""))
    assert capsys.readouterr().out == ""


def test_the_status_in_a_line():
    values = {
        "frames": 1234,
        "alerts": 5,
        "lost": 0,
        "heap_free": None,
        "clock": None,
        "clock_age_s": None,
    }
    assert _status(values) == "1,234 frames · 5 alerts · clock not set"
    values |= {"lost": 1, "heap_free": 5000, "clock": 1, "clock_age_s": 60}
    assert _status(values) == "1,234 frames · 5 alerts · 1 lost · 5,000 bytes free · clock set 60 s ago"


def test_what_cannot_be_opened(tmp_path):
    failed(canbean("board", "monitor", "--port", "/dev/no-such-port"), "no such port")
    done = canbean("board", "monitor", "--port", "/dev/no-such-port", "--alerts", tmp_path)
    failed(done)
    assert "cannot write" in done.err
