"""Rules: what their texts mean, their section, and what they say of frames."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bus_cases import fingerprint, frames
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.detect.rules import ALLOW, DENY, MOST, Rules, verdicts
from canbean.errors import ModelError, UsageError
from rule_cases import matches, rules_for, written


def table(keys, data, dlc=8, flags=0):
    keys = np.asarray(keys, np.int64)
    data = np.asarray(data, np.uint8).reshape(len(keys), -1)
    data = np.pad(data, ((0, 0), (0, (8 if data.shape[1] <= 8 else 64) - data.shape[1])))
    nothing = np.zeros(len(keys))
    return Frames(
        t_us=np.arange(len(keys)),
        id=keys & 0x1FFFFFFF,
        ext=keys >> 29,
        flags=nothing + flags,
        dlc=nothing + dlc,
        data=data,
        bus=nothing,
        label=nothing,
    )


def attempt(error, make, given):
    """What was made, or None and why not."""
    try:
        return make(given), ""
    except error as refused:
        return None, str(refused)


@given(written(), st.data())
def test_a_text_means_what_it_says(text, draw):
    rules = Rules.parse(deny=[text])
    some = rules.rules[0]
    key = draw.draw(st.one_of(st.just(some.key), st.integers(0, 0x7FF), st.integers(1 << 29, (1 << 30) - 1)))
    data = draw.draw(st.one_of(st.just(some.value), st.binary(min_size=8, max_size=8)))
    said = verdicts(rules, table([key], list(data)))[0]
    assert said == (DENY if matches(text, key, data) else 0)


@given(st.lists(written(), max_size=6), st.lists(written(), max_size=6))
@example([], ["000#00x00.00"])
def test_text_and_bytes_come_back(allow, deny):
    rules = Rules.parse(allow).joined(Rules.parse(deny=deny))
    again = [[str(rule).split()[1] for rule in rules if rule.action == action] for action in (ALLOW, DENY)]
    assert Rules.parse(*again) == rules
    if rules:
        content = rules.to_bytes()
        assert Rules.from_bytes(content) == rules
        # compact: a rule on an id takes ten bytes, a compared byte two more
        assert len(content) == 4 + sum(10 + 2 * sum(c > 0 for c in rule.care) for rule in rules)


@given(st.text(max_size=24) | st.text("0123456789ABCDEFabcdefxX.?#/-* ", max_size=24))
@example("2C5#" + "0" * 5000)
@example("0-1FFFFFFF")
@example("٣٣٣")
def test_any_text_is_a_rule_or_refused_in_one_line(text):
    rules, refused = attempt(UsageError, Rules.parse, [text])
    if rules is None:
        assert refused.startswith("rule ")
        assert "\n" not in refused
    else:
        assert Rules.from_bytes(rules.to_bytes()) == rules


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no id"),
        ("#00", "names no id"),
        ("*", "every frame"),
        ("zz", "hexadecimal"),
        ("2C5/", "hexadecimal"),
        ("2C5/FFF", "wider than the 11 bits"),
        ("20000000", "at most 1FFFFFFF"),
        ("7FF-700", "write 700-7FF"),
        ("7FF-800", "write 29-bit ids with eight digits"),
        ("701-7FE", "widen it to 700-7FF"),
        ("18FEF101-18FEF1FE", "widen it to 18FEF100-18FEF1FF"),
        ("2C5#", "leave '#' out"),
        ("2C5#....", "leave '#' out"),
        ("2C5#123", "two for a byte"),
        ("2C5#" + "00" * 9, "at most 8 bytes"),
        ("2C5#0G", "hexadecimal digits"),
        ("2C5#11.22.33", "leave it out between bytes, or write x"),
    ],
)
def test_what_is_refused_says_what_to_write(text, says):
    with pytest.raises(UsageError, match="rule ") as raised:
        Rules.parse(deny=[text])
    assert says in str(raised.value)


@given(st.integers(0, 0x7FF), st.integers(0, 0x7FF), st.booleans())
def test_a_range_is_all_of_it_and_no_more(one, other, ext):
    low, high = sorted((one, other))
    width, base = (8, 1 << 29) if ext else (3, 0)
    try:
        rules = Rules.parse([f"{low:0{width}X}-{high:0{width}X}"])
    except UsageError:
        return
    keys = np.concatenate([np.arange(0x800), np.arange(0x800) + (1 << 29)])
    said = verdicts(rules, table(keys, np.zeros((len(keys), 8)))) == ALLOW
    assert np.array_equal(said, (keys >= base + low) & (keys <= base + high))
    assert all(rules.allows_id(int(key)) == one for key, one in zip(keys[::97], said[::97], strict=True))


def test_the_most_exact_rule_decides_whatever_the_order():
    allow, deny = ["2C5#00", "18FEF100"], ["2C5", "700-7FF", "*#FF"]
    rules = Rules.parse(allow, deny)
    assert rules == Rules.parse(allow[::-1], deny[::-1])
    assert [str(rule) for rule in rules] == [
        "allow 2C5#00",
        "deny 2C5",
        "allow 18FEF100",
        "deny 700-7FF",
        "deny *#FF",
    ]
    keys = [0x2C5, 0x2C5, 0x18FEF100 | 1 << 29, 0x123, 0x123, 0x7FF]
    said = verdicts(rules, table(keys, [0, 1, 0xFF, 0xFF, 0, 0]))
    assert said.tolist() == [ALLOW, DENY, ALLOW, DENY, 0, DENY]
    # An id of which only some frames are allowed may be missing, one that is denied too.
    assert not rules.allows_id(0x2C5)
    assert rules.allows_id(0x18FEF100 | 1 << 29)
    assert not rules.allows_id(0x18FEF100 & 0x7FF)


def test_newer_rules_replace_those_about_the_same_frames():
    rules = Rules.parse(["2C5", "100#0."]).joined(Rules.parse(deny=["2C5", "100#00"]))
    assert [str(rule) for rule in rules] == ["deny 100#00", "allow 100#0.", "deny 2C5"]
    with pytest.raises(UsageError, match="both allowed and denied"):
        Rules.parse(["2C5"], ["2c5"])
    full = Rules.parse([f"{i:03X}" for i in range(MOST)])
    assert len(full) == MOST
    assert len(full.to_bytes()) == 4 + 10 * MOST
    with pytest.raises(UsageError, match="65 rules"):
        full.joined(Rules.parse(deny=["7FF"]))


def test_what_a_frame_lacks_is_zero_and_what_is_not_scored_is_not_asked():
    rules = Rules.parse(deny=["100#0000", "200#" + "xx" * 7 + "AA", "300"])
    long = np.zeros((1, 64), np.uint8)
    long[0, 7:9] = 0xAA, 1
    assert verdicts(rules, table([0x100], [0], dlc=1)).tolist() == [DENY]
    assert verdicts(rules, table([0x200], long, dlc=64, flags=FD)).tolist() == [DENY]
    for flags in (RTR, ERR):
        assert verdicts(rules, table([0x300], [0], flags=flags)).tolist() == [0]
    assert verdicts(Rules(), table([0x300], [0])).tolist() == [0]
    assert verdicts(rules, Frames.empty()).tolist() == []


def test_words():
    rules = Rules.parse(deny=["100#.1", "18FEF100"])
    long = np.full((1, 64), 0xAB, np.uint8)
    expected = "no frame that matches a denied pattern"
    assert rules.words(table([0x100] * 2, [[0x21, 2, 3], [0x31, 2, 3]], dlc=3), 1) == (
        "payload",
        expected,
        "100#310203",
    )
    key = 0x18FEF100 | 1 << 29
    assert rules.words(table([key], long, 64, FD), 0) == (
        "unknown-id",
        expected,
        "18FEF100#" + "AB" * 8 + "...",
    )
    assert rules.words(table([key], [0], 0), 0) == ("unknown-id", expected, "18FEF100#")


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_verdicts_are_those_of_one_frame_after_the_other(seed):
    rng = np.random.default_rng(seed)
    seen = frames(rng, fingerprint(rng))
    rules = rules_for(rng, seen)
    said = verdicts(rules, seen)
    for at in range(len(seen)):
        texts = [str(rule).split() for rule in rules]
        first = next((a for a, text in texts if matches(text, int(seen.key[at]), seen.data[at, :8])), "")
        scored = not seen.flags[at] & (RTR | ERR)
        assert said[at] == {"": 0, "allow": ALLOW, "deny": DENY}[first if scored else ""]


@given(st.integers(0, 2**32), st.data())
def test_a_damaged_section_is_refused_or_still_rules(seed, draw):
    rng = np.random.default_rng(seed)
    content = bytearray(rules_for(rng, frames(rng, fingerprint(rng), 20)).to_bytes())
    for _ in range(draw.draw(st.integers(1, 3))):
        content[draw.draw(st.integers(0, len(content) - 1))] = draw.draw(st.integers(0, 255))
    end = draw.draw(st.integers(0, len(content)))
    for blob in (content[:end], content + bytes(draw.draw(st.integers(1, 9))), content):
        rules, refused = attempt(ModelError, Rules.from_bytes, bytes(blob))
        assert refused.startswith("rules: ") if rules is None else rules.to_bytes() == blob


@pytest.mark.parametrize(
    ("at", "byte", "says"),
    [
        (0, 0, "do not hold 0 rules"),
        (12, 3, "action"),
        (12, 0, "action"),
        (13, 4, "under the mask|payload"),
        (15, 0, "compared in none"),
        (15, 0x3C, "payload"),
        (14, 0xFF, ""),
        (7, 0x40, "payload"),
        (11, 0x7F, "payload"),
    ],
)
def test_what_a_section_must_not_hold(at, byte, says):
    # one rule: header 4, key 4, mask 4, action at 12, compared bytes at 13, value at 14, mask at 15
    content = bytearray(Rules.parse(deny=["2C5#FF"]).to_bytes())
    assert len(content) == 16
    content[at] = byte
    if at == 14:
        assert Rules.from_bytes(bytes(content)) == Rules.parse(deny=["2C5#FF"])
        return
    if at == 13:
        assert str(Rules.from_bytes(bytes(content)).rules[0]) == "deny 2C5#....FF"
        return
    with pytest.raises(ModelError, match=says):
        Rules.from_bytes(bytes(content))
    every = Rules.parse(deny=["*#FF"]).to_bytes()
    with pytest.raises(ModelError, match="rules: "):
        Rules.from_bytes(every[:2] + bytes(2) + every[4:13] + bytes(1))
