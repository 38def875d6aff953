"""The gateway's detector three times: numpy on the host, the firmware on CPython, the firmware on MicroPython."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus_cases import fingerprint, frames
from canbean.board.firmware import module
from canbean.can.frames import RTR
from canbean.cli.alarms import line_of
from canbean.detect.checks import Checks
from canbean.detect.fingerprint import SCORE_CAP, surprise
from canbean.detect.gateway import Gateway, scored
from canbean.detect.replay import replay
from canbean.detect.rules import Rules, verdicts
from check_cases import random_checks
from fingerprint_cases import AT, BITS, PARTS, board_of, score
from parity_cases import frame_records
from rule_cases import rules_for

ON_BOARD = """
import json
from canbean.lines import body
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
    def alert(self, make, what):
        self.lines.append('{"type":"alert",%s}' % body(make(*what)))

def run(sections, base, records):
    kept = Kept()
    watch = Watch(Section(sections), kept)
    # A replay before this one leaves nothing behind.
    for at in range(0, len(records), 3 * 19):
        watch.frame(records, at)
    kept.lines = []
    watch.reset(base)
    for at in range(0, len(records), 19):
        watch.frame(records, at)
    return kept.lines, watch.unscored
"""


def on_cpython(sections, base, records):
    space = {"__name__": "watching"}
    code = ON_BOARD.replace("canbean.lines", "canbean_firmware.lines").replace(
        "canbean.watch", "canbean_firmware.watch"
    )
    module("watch")
    exec(code, space)
    return space["run"](sections, base, records)


def sections_of(gateway):
    """What the board reads of a gateway."""
    found = {"FPRN": gateway.fingerprint.to_bytes()}
    if gateway.checks is not None:
        found["CHKS"] = gateway.checks.to_bytes()
    if gateway.rules:
        found["RULE"] = gateway.rules.to_bytes()
    return found


def gateways(rng, m=400):
    """A gateway with whatever it may have, and frames for it."""
    known = fingerprint(rng)
    table = frames(rng, known, m)
    if rng.random() < 0.5:
        # An id that is new, on a bus whose set of ids is closed, and comes steadily.
        known = replace(known, unknown_bits=SCORE_CAP)
        new = np.arange(m) % 15 == 0
        table = table.changed(
            t_us=table.t_us[0] + 200_000 * np.arange(m),
            id=np.where(new, 0x7A0, table.id),
            ext=np.where(new, 0, table.ext),
            flags=np.where(new, 0, table.flags),
        )
    checks = None
    if rng.random() < 0.5:
        checks = Checks(tuple(one for one in random_checks(rng).ids if one.slot < len(known)))
    return Gateway(known, checks, rules=rules_for(rng, table) if rng.random() < 0.5 else Rules()), table


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_host_and_firmware_raise_the_same_alerts(seed):
    gateway, table = gateways(np.random.default_rng(seed))
    raised = replay(gateway, table)
    lines, unscored = on_cpython(sections_of(gateway), *frame_records(table))
    assert [line_of(alert).decode() for alert in raised.alerts] == lines
    assert raised.unscored == unscored


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_rules_have_the_last_word(seed):
    rng = np.random.default_rng(seed)
    gateway, table = gateways(rng)
    gateway = replace(gateway, rules=rules_for(rng, table))
    raised = replay(gateway, table)
    said = verdicts(gateway.rules, table)
    assert not np.any(raised.bits[said == 1])
    denied = {alert.t_us for alert in raised.alerts if "denied" in alert.expected}
    assert denied <= set(table.t_us[said == 2].tolist())
    assert not [a for a in raised.alerts if a.kind == "missing" and gateway.rules.allows_id(a.key)]


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_every_score_is_the_same(seed):
    rng = np.random.default_rng(seed)
    known = fingerprint(rng)
    table = frames(rng, known)
    table = table[table.flags < RTR]
    board = board_of(known)
    said = surprise(known, table)
    _, records = frame_records(table)
    for at in range(len(table)):
        assert score(board, records, 19 * at) & BITS == said.bits[at]
        assert board.now[AT.SLOT] == said.slot[at]
        assert [board.now[part] for part in PARTS] == said.parts[:, at].tolist()


@pytest.mark.parametrize("first", [0, 20])
def test_micropython_raises_the_same_alerts(vm, tmp_path, first):
    cases, expected = [], []
    for seed in range(first, first + 20):
        gateway, table = gateways(np.random.default_rng(seed), 200)
        base, records = frame_records(table)
        sections = {tag: base64.b64encode(part).decode() for tag, part in sections_of(gateway).items()}
        cases.append([sections, base, base64.b64encode(records).decode()])
        raised = replay(gateway, table)
        expected.append([[line_of(alert).decode() for alert in raised.alerts], raised.unscored])
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    code = (
        ON_BOARD
        + """
from binascii import a2b_base64
for sections, base, records in json.load(open("cases.json")):
    sections = {tag: a2b_base64(part) for tag, part in sections.items()}
    print(json.dumps(run(sections, base, a2b_base64(records))))
"""
    )
    said = [json.loads(line) for line in vm.run(code, heap="64M", cwd=tmp_path).splitlines()]
    assert said == expected
    assert sum(len(lines) for lines, _ in said) > 100
    assert any(" times" in line for lines, _ in said for line in lines)


def test_nothing_is_allocated_a_frame(vm32):
    """On a VM with 31-bit small integers: a big integer would show."""
    rng = np.random.default_rng(5)
    known = fingerprint(rng)
    checks = Checks(tuple(one for one in random_checks(rng).ids if one.slot < len(known)))
    gateway = Gateway(known, checks)
    assert len(checks)
    table = frames(rng, known, 300)
    table = table[scored(gateway, table).bits < known.threshold]
    _, quiet = frame_records(table)
    code = (
        ON_BOARD
        + f"""
import gc
gc.disable()
kept = Kept()
watch = Watch(Section({sections_of(gateway)!r}), kept)
records = {quiet!r}
for i in range(watch.fingerprint.n):
    watch.fingerprint.timeout[i] = 1000000000
watch.fingerprint.threshold = 2000
frame = watch.frame
def play():
    for at in range(0, len(records), 19):
        frame(records, at)
play()
before = gc.mem_alloc()
play()
print(gc.mem_alloc() - before, len(records) // 19)
"""
    )
    grown, count = map(int, vm32(code).split())
    assert count > 100
    assert grown <= 64  # the call itself and the loop, not the frames
