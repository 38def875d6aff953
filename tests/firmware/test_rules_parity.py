"""Rules twice: vectorised on the host, one frame after the other in the firmware, on CPython and on MicroPython."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus_cases import fingerprint, frames
from canbean.board.firmware import module
from canbean.can.frames import ERR, LENGTHS, RTR
from canbean.detect.rules import DENY, MOST, Rules, verdicts
from rule_cases import rules_for

ON_BOARD = """
class Section:
    def __init__(self, content):
        self.content = content
    def size(self, tag):
        return len(self.content)
    def part(self, tag, start, length):
        return self.content[start : start + length]

def run(Rules, section, rows):
    rules = Rules(Section(section))
    said = []
    for key, code, data in rows:
        verdict = rules.verdict(key, data)
        words = rules.words(key, code, data) if verdict == 2 else ()
        said.append([verdict, rules.allows_id(key), list(words)])
    return said
"""
SPACE = {}
exec(ON_BOARD, SPACE)


def case(seed, m=400):
    """Rules, frames, and what the host says of them: verdict, whether the id is allowed as a whole, words."""
    rng = np.random.default_rng(seed)
    seen = frames(rng, fingerprint(rng), m)
    seen = seen[seen.flags & (RTR | ERR) == 0]
    rules = rules_for(rng, seen)
    said = [
        [int(verdict), rules.allows_id(int(key)), list(rules.words(seen, at)) if verdict == DENY else []]
        for at, (verdict, key) in enumerate(zip(verdicts(rules, seen), seen.key, strict=True))
    ]
    codes = np.searchsorted(LENGTHS, seen.dlc)
    rows = list(zip(seen.key.tolist(), codes.tolist(), map(bytes, seen.data[:, :8]), strict=True))
    return rules, rows, said


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_host_and_firmware_say_the_same(seed):
    rules, rows, said = case(seed)
    assert SPACE["run"](module("rules").Rules, rules.to_bytes(), rows) == said


def test_micropython_says_the_same(vm, tmp_path):
    cases, expected = [], []
    for seed in range(40):
        rules, rows, said = case(seed, 100)
        rows = [[key, code, base64.b64encode(data).decode()] for key, code, data in rows]
        cases.append([base64.b64encode(rules.to_bytes()).decode(), rows])
        expected.append(said)
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    code = (
        "import json\nfrom canbean.rules import Rules\n"
        + ON_BOARD
        + """
from binascii import a2b_base64
for section, rows in json.load(open("cases.json")):
    rows = [row[:2] + [a2b_base64(row[2])] for row in rows]
    print(json.dumps(run(Rules, a2b_base64(section), rows)))
"""
    )
    said = [json.loads(line) for line in vm.run(code, heap="64M", cwd=tmp_path).splitlines()]
    assert said == expected
    found = {tuple(row[:2]) for rows in said for row in rows}
    assert {(0, False), (1, False), (1, True), (2, False)} <= found


def test_nothing_is_allocated_a_frame(vm32):
    """On a VM with 31-bit small integers, with the largest keys there are and as many rules as a model holds."""
    deny = [f"1FFFFF{i:02X}#{'xx' * 7}{i:02X}" for i in range(MOST - 2)]
    rules = Rules.parse(["1FFFFFFF"], [*deny, "*#FF"])
    rows = [((1 << 30) - 1 - i, bytes([0, 0, 0, 0, 0, 0, 0, 255 - i & ~1])) for i in (0, *range(150, 256))]
    code = f"""
import gc
from canbean.rules import Rules
{ON_BOARD}
gc.disable()
rules = Rules(Section({rules.to_bytes()!r}))
rows = {rows!r}
verdict, allows_id = rules.verdict, rules.allows_id
found = [0, 0, 0]
def play():
    for key, data in rows:
        found[verdict(key, data)] += 1
        allows_id(key)
play()
before = gc.mem_alloc()
play()
print(gc.mem_alloc() - before, found[1], found[2])
"""
    grown, allowed, denied = map(int, vm32(code).split())
    assert grown <= 64  # the call itself and the loop, not the frames
    assert allowed == 2
    assert denied == 2 * (MOST - 2) // 2  # of each second id the last byte is the one that is denied


GOOD = Rules.parse(["2C5"], ["100#FF"]).to_bytes()


@pytest.mark.parametrize(
    "section",
    [
        GOOD[:-1],
        GOOD + b"\0",
        b"\0" * len(GOOD),
        b"\0\0\0\0",
        b"\x41\0\0\0" + bytes(650),
        GOOD[:20] + b"\3" + GOOD[21:],  # an action that there is not
        GOOD[:22] + b"\3" + GOOD[23:],  # more bytes compared than there are
        GOOD[:7] + b"\x40" + GOOD[8:],  # a key that is none
    ],
)
def test_a_section_that_does_not_hold_what_it_says_is_refused(section):
    rules = module("rules")
    rules.Rules(SPACE["Section"](GOOD))
    with pytest.raises(ValueError, match="section RULE"):
        rules.Rules(SPACE["Section"](section))
