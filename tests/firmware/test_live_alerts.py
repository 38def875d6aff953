"""Alerts of a live bus: the gateway on the VM with a clock, a bus and a line of ours."""

import json
import shutil
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden" / "gateway.cbm"

LIVE = """
import sys
from apps.gateway import Gateway, finish
from canbean.ring import head

class Time:
    us = 7

class Bus:
    frames = 0
    def start(self, *_):
        pass
    def stop(self):
        pass
    def status(self):
        return "ok", 0, 0
    def receive(self, ring, clock):
        while self.frames:
            self.frames -= 1
            at = ring.slot()
            clock.read()
            head(ring.records, at, clock, 0x7FE, 0, 8)
            ring.put()

class Board:
    NAME = "test"
    CHUNK = 64
    WINDOW = 10
    KEPT = 2
    RING = 4
    BITRATE = 500000
    slot = "model.cbm"
    settings = refused = None
    bus = Bus()
    ticks_ms = staticmethod(lambda: Time.us // 1000 & 0x3FFFFFFF)
    ticks_us = staticmethod(lambda: Time.us & 0x3FFFFFFF)
    heap_free = staticmethod(lambda: None)
    def open_bus(self):
        return self.bus
    def open_serial(self):
        return None, None, lambda data: sys.stdout.write(str(data, "ascii"))

def passes(seconds, frames=0):
    Time.us += 1000000 * seconds
    gateway.console.uptime()
    gateway.bus.frames = frames
    gateway.turn()
    gateway.idle()

gateway = Gateway(Board())
finish(gateway)
say = gateway.console._command
"""


def live(vm, folder, script):
    """The lines that the gateway says."""
    shutil.copy(GOLDEN, folder / "model.cbm")
    said = vm.run(LIVE + script, cwd=folder)
    return [json.loads(line) for line in said.splitlines()]


def test_an_incident_is_over_when_the_bus_falls_silent(vm, tmp_path):
    said = live(vm, tmp_path, "passes(5, 1)\npasses(10)\npasses(1)\npasses(1)\nsay(b'incidents')\n")
    assert [one["type"] for one in said] == ["incident", "alert", "incident", "stored", "store"]
    opened, alert, closed, stored, store = said
    assert (alert["t"], alert["id"], opened["opened"]) == (5.000000, "7FE", alert["t"])
    assert (closed["state"], closed["closed"], closed["count"]) == ("closed", 15.0, 1)
    assert (stored["number"], stored["closed"], store["last"]) == (1, 15.0, 1)


def test_alerts_that_nobody_acknowledged_give_way(vm, tmp_path):
    script = "for i in range(5):\n    passes(60, 1)\nsay(b'again')\nsay(b'got 9999')\nsay(b'again')\nsay(b'status')\n"
    said = live(vm, tmp_path, script)
    alerts = [one for one in said if one["type"] == "alert"]
    assert [one["t"] for one in alerts[:5]] == [60.0, 120.0, 180.0, 240.0, 300.0]
    # the last two came again, as they were
    assert alerts[5:] == alerts[3:5]
    first, second = [one for one in said if one["type"] == "kept"]
    assert (first["alerts"], first["lost"], first["kept"], first["first"]) == (5, 3, 2, alerts[3]["seq"])
    assert (second["lost"], second["kept"]) == (3, 0)
    assert (said[-1]["lost"], said[-1]["kept"]) == (3, 0)


def test_an_acknowledgement_loads_no_replay(vm, tmp_path):
    script = """
passes(60, 1)
packet = bytearray(b"\\0\\x03\\1") + (99).to_bytes(4, "little") + int(str(gateway.lines.boot, "ascii"), 16).to_bytes(4, "little")
gateway.packet(packet, 1, 11)
say(b"status")
assert gateway.feed is None and "drivers.feed" not in sys.modules
"""
    kept, status = live(vm, tmp_path, script)[-2:]
    assert (kept["type"], kept["kept"], status["kept"]) == ("kept", 0, 0)


def test_the_clock_goes_on_through_wraps_of_the_ticks(vm, tmp_path):
    # ticks wrap every 1,073 s
    script = "for i in range(9):\n    passes(500)\nsay(b'time 1764000000')\npasses(500)\npasses(0, 1)\nsay(b'status')\n"
    *_, status, _, alert, again = live(vm, tmp_path, script)
    assert (status["clock"], status["clock_age_s"], status["uptime_s"]) == (1764000000 - 4500, 0, 4500)
    assert alert["t"] == 5000.0
    assert (again["clock"], again["clock_age_s"]) == (1764000000 - 4500, 500)


def test_what_waits_for_its_turn_is_stored_when_that_comes(vm, tmp_path):
    script = """
for i in range(3):
    passes(12, 1)
passes(12)
say(b"incidents")
passes(35)
passes(1)
say(b"incidents 2")
"""
    said = live(vm, tmp_path, script)
    first, second = [one for one in said if one["type"] == "store"]
    assert (first["last"], first["waiting"], first["unstored"]) == (1, 1, 1)
    assert (second["last"], second["waiting"], second["unstored"]) == (2, 0, 1)
    # of two that are as severe the earlier one
    assert [(one["record"], one["number"], one["skipped"]) for one in said if one["type"] == "stored"] == [
        (1, 1, 0),
        (2, 2, 1),
    ]
