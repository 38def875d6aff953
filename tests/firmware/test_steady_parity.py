"""How steadily unknown ids come: numpy and a dict on the host, a small table on the board, the same words."""

import base64
import json
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bus_cases import fingerprint
from canbean.board.firmware import module
from canbean.can.frames import Frames
from canbean.detect.fingerprint import SCORE_CAP, surprise
from canbean.detect.steady import novelties
from fingerprint_cases import AT, Section
from parity_cases import frame_records

ON_BOARD = f"""
class Known:
    pass

def run(Fingerprint, words, model, records):
    watch = Known()
    board = watch.fingerprint = Fingerprint(model)
    now = board.now
    said = []
    # What came before leaves nothing behind.
    for step in (3, 1):
        board.reset()
        said = []
        for at in range(0, len(records), 19 * step):
            now[{AT.AT}] = at
            if board.kernel(records, now, board.halves, board.octets) & {AT.NEW}:
                board.unknown()
            told = words(watch, now[{AT.KEY}], 8, b"")
            said.append([told[2][6:], told[3:] == ("low",)])
    return said
"""


def closed(rng):
    """A fingerprint of a closed bus; `share` and pace are such that some periods are too short on it."""
    of = fingerprint(rng)
    return replace(
        of,
        unknown_bits=SCORE_CAP,
        threshold=int(rng.integers(1, 900)),
        share=int(rng.integers(2, 33)),
        pace_us=int(rng.choice([1, 1000, 30_000])),
        crowd_us=int(rng.choice([1, 30_000])),
        hold_us=1,
    )


def unknown(rng, of):
    """Ids that come steadily, nearly so, or not; more of them at times than are remembered; odd times."""
    parts = []
    for key in rng.choice(np.arange(0x600, 0x700), int(rng.integers(1, 12)), replace=False).tolist():
        count = int(rng.integers(5, 40))
        period = int(np.exp(rng.uniform(np.log(300), np.log(2e6))))
        gaps = period * (1 + rng.choice([0, 0.05, 0.2, 0.3]) * rng.uniform(-1, 1, count))
        gaps[rng.random(count) < 0.03] *= 3
        t_us = int(rng.integers(0, 5_000_000)) + np.cumsum(gaps).astype(int)
        if rng.random() < 0.1:
            t_us[count // 2 :] += 2_000_000_000
        parts.append(Frames.of(t_us, key, np.zeros((count, 8), np.uint8), dlc=8))
    every = Frames.concat(parts).in_time_order()
    t_us = every.t_us.copy()
    back = rng.random(len(t_us)) < 0.02
    t_us[back] = np.maximum(t_us[back] - 400_000, 0)
    return every.changed(t_us=t_us)


def cases(seed):
    rng = np.random.default_rng(seed)
    of = closed(rng)
    return of, unknown(rng, of)


def expected(of, log):
    """What the host says at each frame."""
    told = novelties(of, log, surprise(of, log))
    return [[told.get(at, ""), at in told] for at in range(len(log))]


def on_cpython(of, log):
    space = {}
    exec(ON_BOARD, space)
    board, words = module("fingerprint").Fingerprint, module("alert_words").words
    return space["run"](board, words, Section(of.to_bytes()), frame_records(log)[1])


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_host_and_firmware_say_the_same(seed):
    of, log = cases(seed)
    assert on_cpython(of, log) == expected(of, log)


def test_the_cases_say_something():
    told = [novelties(of, log, surprise(of, log)) for of, log in map(cases, range(40))]
    assert sum(map(len, told)) > 500
    assert sum(not one for one in told) > 3


def test_micropython_says_the_same(vm, tmp_path):
    drawn = [cases(seed) for seed in range(12)]
    contents = [(of.to_bytes(), frame_records(log)[1]) for of, log in drawn]
    (tmp_path / "cases.json").write_text(
        json.dumps([[base64.b64encode(c).decode() for c in one] for one in contents])
    )
    code = (
        ON_BOARD
        + """
import json
from binascii import a2b_base64
from canbean.alert_words import words
from canbean.fingerprint import Fingerprint

class Section:
    def __init__(self, content):
        self.content = content
    def size(self, tag):
        return len(self.content)
    def part(self, tag, start, length):
        return self.content[start : start + length]
    def into(self, tag, start, view):
        import io
        file = io.BytesIO(self.content)
        file.seek(start)
        file.readinto(view)

for content, records in json.load(open("cases.json")):
    print(json.dumps(run(Fingerprint, words, Section(a2b_base64(content)), a2b_base64(records))))
"""
    )
    said = [json.loads(line) for line in vm.run(code, heap="64M", cwd=tmp_path).splitlines()]
    assert said == [expected(of, log) for of, log in drawn]
