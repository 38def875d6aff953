"""Checks of payloads three times: numpy on the host, the firmware on CPython, the firmware on MicroPython."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board.firmware import module
from canbean.detect.check_judge import judge
from canbean.detect.checks import Checks
from canbean.detect.crcs import ALGORITHMS, tables
from check_cases import (
    IDS,
    RUN,
    Section,
    as_told,
    board_rows,
    on_cpython,
    random_checks,
    random_frames,
)

ON_BOARD = """
import gc, json
from binascii import a2b_base64
from canbean.checks import Checks
from canbean.check_words import PARTS, words

class Section:
    def __init__(self, content):
        self.content = content
    def size(self, tag):
        return len(self.content)
    def part(self, tag, start, length):
        return self.content[start : start + length]
"""


def case(seed, m=400):
    rng = np.random.default_rng(seed)
    checks = random_checks(rng)
    return checks, *random_frames(rng, checks, m)


@settings(max_examples=80)
@given(st.integers(0, 2**32))
def test_host_and_firmware_say_the_same(seed):
    checks, frames, row, epoch = case(seed)
    said = judge(checks, frames, row, epoch)
    assert on_cpython(checks.to_bytes(), IDS, board_rows(frames, row, epoch)) == as_told(checks, said, row)


def test_random_cases_break_checks_of_all_parts():
    totals = np.zeros(3, np.int64)
    for seed in range(10):
        checks, frames, row, epoch = case(seed)
        bits = judge(checks, frames, row, epoch).bits
        totals += (bits > 0).sum(axis=1)
        assert np.all(bits.max(axis=1) <= 1024)
    assert np.all(totals > 100)


def test_what_a_frame_is_worth_does_not_depend_on_frames_of_other_ids():
    checks, frames, row, epoch = case(7)
    whole = judge(checks, frames, row, epoch).bits
    for slot in {one.slot for one in checks.ids}:
        own = row == slot
        assert np.array_equal(judge(checks, frames[own], row[own], epoch[own]).bits, whole[:, own])


def test_micropython_says_the_same(vm, tmp_path):
    cases, expected = [], []
    for seed in range(25):
        checks, frames, row, epoch = case(seed, 200)
        rows = [[*one[:3], base64.b64encode(one[3]).decode()] for one in board_rows(frames, row, epoch)]
        cases.append([base64.b64encode(checks.to_bytes()).decode(), rows])
        expected.append(as_told(checks, judge(checks, frames, row, epoch), row))
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    code = (
        ON_BOARD
        + RUN
        + f"""
for section, rows in json.load(open("cases.json")):
    rows = [row[:3] + [a2b_base64(row[3])] for row in rows]
    print(json.dumps(run(a2b_base64(section), {IDS}, rows)))
"""
    )
    said = [json.loads(line) for line in vm.run(code, heap="64M", cwd=tmp_path).splitlines()]
    assert said == expected


def test_nothing_is_allocated_a_frame(vm32):
    checks, frames, row, epoch = case(3)
    assert len(checks) > 10
    rows = [one[1:] for one in board_rows(frames, row, epoch)]
    code = (
        ON_BOARD
        + f"""
gc.disable()
checks = Checks(Section({checks.to_bytes()!r}), {IDS})
rows = {rows!r}
frame = checks.frame
def play():
    for slot, code, data in rows:
        frame(slot, code, data)
play()
checks.reset()
before = gc.mem_alloc()
play()
print(gc.mem_alloc() - before)
"""
    )
    assert int(vm32(code)) <= 64  # the call itself and the loop, not the frames


def test_the_tables_of_a_crc_are_the_hosts():
    table = module("payload").crc_table
    for number in (0, 1, 4, 15, 16, 200, len(ALGORITHMS) - 1):
        assert table(*ALGORITHMS[number]) == tables()[number].tobytes()


def test_a_damaged_section_is_refused():
    section = next(checks for seed in range(9) if (checks := case(seed)[0]).ids).to_bytes()
    board = module("checks").Checks
    board(Section(section), IDS)
    slot = int.from_bytes(section[4:6], "little")
    more = bytes([section[7] + 1])
    for damaged, n in (
        (section[:-1], IDS),
        (section + b"\0", IDS),
        (section[:7] + more + section[8:], IDS),
        (section, slot),
    ):
        with pytest.raises(ValueError, match="section CHKS"):
            board(Section(damaged), n)
    assert Checks.from_bytes(section, IDS).to_bytes() == section
