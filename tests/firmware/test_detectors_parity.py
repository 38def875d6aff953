"""Detectors of windows three times: numpy on the host, the firmware on CPython, the firmware on MicroPython."""

import base64
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board.firmware import module
from detector_cases import BOARD, ON_BOARD, RANDOM, board_rows, expected, random_traffic, traffic_of

IMPORTS = "from canbean.bus import elapsed\nfrom canbean.{module} import Detector\n"
NAMES = sorted(BOARD)


def on_cpython(name):
    space = {"Detector": module(BOARD[name]).Detector, "elapsed": module("bus").elapsed}
    exec(ON_BOARD, space)
    return space["run"]


def drawn(name, seed, m=400):
    rng = np.random.default_rng(seed)
    traffic, sleep_us = random_traffic(rng, m)
    return RANDOM[name](rng, len(traffic.keys)), traffic, sleep_us


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_host_and_firmware_judge_alike(name, seed):
    detector, traffic, sleep_us = drawn(name, seed)
    said = on_cpython(name)(detector.to_bytes(), traffic.keys.tolist(), sleep_us, board_rows(traffic))
    assert list(said) == expected(detector, traffic)


@pytest.mark.parametrize("name", NAMES)
def test_next_to_no_traffic_is_judged_too(name):
    rng = np.random.default_rng(3)
    traffic, sleep_us = random_traffic(rng)
    detector = RANDOM[name](rng, len(traffic.keys))
    for count in (1, 2, 3, 33):
        few = traffic_of(traffic.frames[:count], traffic.keys, sleep_us)
        said = on_cpython(name)(detector.to_bytes(), traffic.keys.tolist(), sleep_us, board_rows(few))
        assert list(said) == expected(detector, few)
    assert not len(detector.judge(traffic_of(traffic.frames[:0], traffic.keys, sleep_us)).at)


@pytest.mark.parametrize("name", NAMES)
def test_an_id_that_comes_hundreds_of_times_between_two_frames_of_others(name):
    rng = np.random.default_rng(6)
    traffic, sleep_us = random_traffic(rng)
    keys = traffic.keys
    assert len(keys) > 3
    table = traffic.frames[rng.integers(0, len(traffic.row), 2000)]
    key = np.where(rng.random(2000) < 0.01, rng.choice(keys, 2000), keys[1])
    step = rng.integers(0, 9, 2000)
    table = table.changed(t_us=np.cumsum(step), id=key & 0x1FFFFFFF, ext=key >> 29)
    many = traffic_of(table, keys, sleep_us)
    detector = RANDOM[name](rng, len(keys))
    if name == "sequence":
        others = np.array([row if row == 1 else 1 for row in range(len(keys))])
        partner = np.repeat(others[:, None], 3, axis=1)
        detector = replace(detector, partner=partner, fewest=np.full((len(keys), 3), 200))
    said = on_cpython(name)(detector.to_bytes(), keys.tolist(), sleep_us, board_rows(many))
    assert list(said) == expected(detector, many)


@pytest.mark.parametrize("name", NAMES)
def test_micropython_judges_alike(name, vm, tmp_path):
    cases, answers = [], []
    for seed in range(25):
        detector, traffic, sleep_us = drawn(name, seed, 250)
        rows = [[*row[:4], base64.b64encode(row[4]).decode()] for row in board_rows(traffic)]
        cases.append([base64.b64encode(detector.to_bytes()).decode(), traffic.keys.tolist(), sleep_us, rows])
        answers.append(expected(detector, traffic))
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    code = (
        IMPORTS.format(module=BOARD[name])
        + ON_BOARD
        + """
import json
import struct
from binascii import a2b_base64
for section, keys, sleep_us, rows in json.load(open("cases.json")):
    rows = [row[:4] + [a2b_base64(row[4])] for row in rows]
    print(json.dumps(run(a2b_base64(section), keys, sleep_us, rows)))
"""
    )
    said = [json.loads(line) for line in vm.run(code, heap="64M", cwd=tmp_path).splitlines()]
    assert said == answers
    assert sum(bits > 0 for _, out in answers for _, bits, _, _ in out) > 30


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_allocated_a_frame(name, vm32):
    """On a VM with 31-bit small integers: a big integer would show."""
    detector, traffic, _ = drawn(name, 4, 300)
    rows = [row for row in board_rows(traffic) if row[0] < 1 << 30]
    code = (
        IMPORTS.format(module=BOARD[name])
        + ON_BOARD
        + f"""
import gc
gc.disable()
known = Known({traffic.keys.tolist()!r})
detector = Detector(Section({detector.to_bytes()!r}), known)
rows = {rows!r}
def play():
    judged = 0
    for s, us, slot, code, data in rows:
        if step(detector, known, s, us, slot, code, data) >= 0:
            judged += 1
    return judged
play()
before = gc.mem_alloc()
judged = play()
print(gc.mem_alloc() - before, judged)
"""
    )
    grown, judged = map(int, vm32(code).split())
    assert judged > 3
    assert grown <= 64  # the call itself and the loop, not the frames


@pytest.mark.parametrize("name", NAMES)
def test_a_section_of_another_length_or_bus_is_refused(name):
    detector, traffic, sleep_us = drawn(name, 7)
    run, content = on_cpython(name), detector.to_bytes()
    keys = traffic.keys.tolist()
    for wrong in (content[:-1], content[:-4], content + bytes(4), content[:20], b""):
        with pytest.raises((ValueError, struct.error)):
            run(wrong, keys, sleep_us, [])
    with pytest.raises(ValueError, match="does not hold"):
        run(content, [*keys, 1 << 30], sleep_us, [])
