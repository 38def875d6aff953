"""The gateway's detector three times: numpy on the host, the firmware on CPython, the firmware on MicroPython."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus_cases import fingerprint, frames
from canbean.board.firmware import module
from canbean.can.frames import RTR
from canbean.cli.alarms import line_of
from canbean.detect.fingerprint import surprise
from canbean.detect.replay import replay
from parity_cases import watched

ON_BOARD = """
import json
from canbean.lines import body
from canbean.watch import Watch

class Section:
    def __init__(self, content):
        self.content = content
    def size(self, tag):
        return len(self.content)
    def part(self, tag, start, length):
        return self.content[start : start + length]

class Kept:
    def __init__(self):
        self.lines = []
    def send(self, kind, pairs):
        self.lines.append('{"type":"%s",%s}' % (kind, body(pairs)))

def run(section, base, rows):
    kept = Kept()
    watch = Watch(Section(section), kept)
    # A replay before this one leaves nothing behind.
    for s, us, key, flags, code, data in rows[::3]:
        watch.frame(s, us, key, flags, code, data)
    kept.lines = []
    watch.reset(base)
    for s, us, key, flags, code, data in rows:
        watch.frame(s, us, key, flags, code, data)
    return kept.lines, watch.unscored
"""


def rows_of(table):
    """What the feed hands to the watch, row by row."""
    base, columns = watched(table)
    return base, list(
        zip(*(column.tolist() for column in columns), map(bytes, table.data[:, :8]), strict=True)
    )


def on_cpython(section, base, rows):
    space = {"__name__": "watching"}
    code = ON_BOARD.replace("canbean.lines", "canbean_firmware.lines").replace(
        "canbean.watch", "canbean_firmware.watch"
    )
    module("watch")
    exec(code, space)
    return space["run"](section, base, rows)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_host_and_firmware_raise_the_same_alerts(seed):
    rng = np.random.default_rng(seed)
    known = fingerprint(rng)
    table = frames(rng, known)
    raised = replay(known, table)
    lines, unscored = on_cpython(known.to_bytes(), *rows_of(table))
    assert [line_of(alert).decode() for alert in raised.alerts] == lines
    assert raised.unscored == unscored


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_every_score_is_the_same(seed):
    rng = np.random.default_rng(seed)
    known = fingerprint(rng)
    table = frames(rng, known)
    table = table[table.flags < RTR]
    content = known.to_bytes()

    class Section:
        def size(self, tag):
            return len(content)

        def part(self, tag, start, length):
            return content[start : start + length]

    board = module("fingerprint").Fingerprint(Section())
    said = surprise(known, table)
    for at, (s, us, key, _, code, data) in enumerate(rows_of(table)[1]):
        assert board.frame(s, us, key, code, data) == said.bits[at]
        assert board.slot == said.slot[at]
        assert (board.timing, board.dlc, board.broken) == tuple(said.parts[:, at])


@pytest.mark.parametrize("first", [0, 20])
def test_micropython_raises_the_same_alerts(vm, tmp_path, first):
    cases, expected = [], []
    for seed in range(first, first + 20):
        rng = np.random.default_rng(seed)
        known = fingerprint(rng)
        table = frames(rng, known, 200)
        base, rows = rows_of(table)
        rows = [[*row[:5], base64.b64encode(row[5]).decode()] for row in rows]
        cases.append([base64.b64encode(known.to_bytes()).decode(), base, rows])
        raised = replay(known, table)
        expected.append([[line_of(alert).decode() for alert in raised.alerts], raised.unscored])
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    code = (
        ON_BOARD
        + """
from binascii import a2b_base64
for section, base, rows in json.load(open("cases.json")):
    rows = [row[:5] + [a2b_base64(row[5])] for row in rows]
    print(json.dumps(run(a2b_base64(section), base, rows)))
"""
    )
    said = [json.loads(line) for line in vm.run(code, heap="64M", cwd=tmp_path).splitlines()]
    assert said == expected
    assert sum(len(lines) for lines, _ in said) > 100


def test_nothing_is_allocated_a_frame(vm32):
    """On a VM with 31-bit small integers: a big integer would show."""
    rng = np.random.default_rng(5)
    known = fingerprint(rng)
    table = frames(rng, known, 300)
    table = table[surprise(known, table).bits < known.threshold]
    quiet = [row for row in rows_of(table)[1] if row[0] < 1 << 30]
    code = (
        ON_BOARD
        + f"""
import gc
gc.disable()
kept = Kept()
watch = Watch(Section({known.to_bytes()!r}), kept)
rows = {quiet!r}
for i in range(watch.fingerprint.n):
    watch.fingerprint.timeout[i] = 1000000000
watch.fingerprint.threshold = 2000
frame = watch.frame
def play():
    for s, us, key, flags, code, data in rows:
        frame(s, us, key, flags, code, data)
play()
before = gc.mem_alloc()
play()
print(gc.mem_alloc() - before, len(rows))
"""
    )
    grown, count = map(int, vm32(code).split())
    assert count > 100
    assert grown <= 64  # the call itself and the loop, not the frames
