"""Ticks wrap at 2**30: alerts are what they are without, through clock, ring and watch, and in the whole gateway."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus_cases import fingerprint, frames
from canbean.board.firmware import module
from canbean.cli.alarms import line_of
from canbean.detect.gateway import Gateway
from canbean.detect.replay import replay
from parity_cases import frame_records
from soak_load import ROUND_S, VARIES, gateway_of, soak, traffic

WRAP = 1 << 30

ON_BOARD = """
import json
from canbean.clock import Clock
from canbean.lines import body
from canbean.ring import Ring, head
from canbean.watch import Watch

class Section:
    def __init__(self, sections):
        self.sections = sections
    def size(self, tag):
        return len(self.sections[tag])
    def part(self, tag, start, length):
        return self.sections[tag][start : start + length]
    def place(self, tag, start, length):
        return memoryview(self.part(tag, start, length))
    def into(self, tag, start, view):
        import io
        file = io.BytesIO(self.sections[tag])
        file.seek(start)
        file.readinto(view)

class Kept:
    def __init__(self):
        self.lines = []
    def alert(self, fields, values):
        self.lines.append('{"type":"alert",%s}' % body(fields(*values)))

def run(section, start, times, records):
    kept = Kept()
    watch = Watch(Section({"FPRN": section}), kept)
    now = [start]
    clock = Clock(lambda: now[0] & 0x3FFFFFFF)
    ring = Ring(3)
    for i in range(len(times)):
        now[0] = start + times[i]
        clock.read()
        to = ring.slot()
        at = 19 * i
        key = records[at + 7] | records[at + 8] << 8 | records[at + 9] << 16 | (records[at + 10] & 63) << 24
        head(ring.records, to, clock, key, records[at + 10] >> 6, records[at + 6] >> 4)
        for k in range(11, 19):
            ring.records[to + k] = records[at + k]
        ring.put()
        watch.frame(ring.records, ring.first)
        ring.take()
    return kept.lines
"""


def on_cpython(*arguments):
    module("watch")
    space = {"__name__": "wrapping"}
    exec(ON_BOARD.replace("from canbean.", "from canbean_firmware."), space)
    return space["run"](*arguments)


def drawn(seed, m=300):
    """A fingerprint, frames of it since boot, and ticks that wrap several times meanwhile, once close to a frame."""
    rng = np.random.default_rng(seed)
    known = fingerprint(rng)
    table = frames(rng, known, m)
    steps = np.clip(np.diff(table.t_us, prepend=table.t_us[0]), 0, 900_000_000)
    table = table.changed(t_us=np.cumsum(steps))
    near = int(table.t_us[rng.integers(1, m)])
    return known, table, (-near + int(rng.integers(-2000, 2000))) % WRAP


def given_to(known, table, start):
    return known.to_bytes(), start, table.t_us.tolist(), frame_records(table.changed(t_us=0 * table.t_us))[1]


def expected(known, table):
    return [line_of(alert).decode() for alert in replay(Gateway(known), table).alerts]


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_periods_are_right_across_the_wrap(seed):
    known, table, start = drawn(seed)
    assert on_cpython(*given_to(known, table, start)) == expected(known, table)


def test_on_the_vm_too(vm, tmp_path):
    cases = [drawn(seed) for seed in range(6)]
    assert sum(start + int(table.t_us[-1]) > WRAP for _, table, start in cases) == 6
    said = [
        {"section": list(section), "start": start, "times": times, "records": list(records)}
        for section, start, times, records in (given_to(*case) for case in cases)
    ]
    (tmp_path / "cases.json").write_text(json.dumps(said))
    code = ON_BOARD + (
        "with open('cases.json') as file:\n    cases = json.load(file)\n"
        "print(json.dumps([run(bytes(c['section']), c['start'], c['times'], bytes(c['records'])) for c in cases]))\n"
    )
    lines = json.loads(vm.run(code, heap="8M", cwd=tmp_path))
    assert lines == [expected(known, table) for known, table, _ in cases]
    assert any(lines)


@pytest.mark.usefixtures("vm")
def test_the_gateway_soaks_across_the_wrap_without_growth(tmp_path):
    # Its ticks wrap in the second round. On the smallest heap every alert comes, and every incident.
    rounds, lines = 3, []
    said = soak(
        tmp_path,
        rounds=rounds,
        names=["sequence"],
        heap="23wK",
        on_alert=lambda record: lines.append(record.bare),
    )
    assert said.faults() == []
    assert said.rounds == rounds
    status = said.status[-1]
    assert (status["alerts"], status["uptime_s"]) == (said.alerts, rounds * ROUND_S)
    gateway = gateway_of("sequence")[1]
    raised = replay(gateway, traffic(rounds, attacked=True)).alerts
    assert lines == [line_of(alert) for alert in raised]
    assert len(raised) >= 2 * rounds


def test_what_a_soak_finds_fault_with(tmp_path):
    said = soak(tmp_path, rounds=2, names=[], heap="2M")
    assert said.faults() == []
    assert replace(said, alerts=said.alerts + 1).faults() == [
        f"{said.alerts + 1} alerts, {said.alerts} expected"
    ]
    last = said.status[-1]
    grown = [*said.status, {**last, "heap_free": last["heap_free"] - VARIES - 16}]
    assert "free heap fell" in replace(said, status=grown).faults()[0]
    slowly = [{**last, "heap_free": last["heap_free"] - 4 * k} for k in range(60)]
    many = replace(said, status=slowly, expected=said.alerts)
    assert "fell in the middle" in many.faults()[0]
    assert "1 lines lost" in replace(said, lost=1).faults()[0]
    assert "no round" in replace(said, status=[]).faults()[-1]
    assert replace(said, ended=1, words="why").faults() == ["the VM ended with 1: why"]
