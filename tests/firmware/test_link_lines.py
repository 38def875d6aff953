"""Lines from the board: one formatter, its CRC, its numbers."""

import json
import struct
import zlib
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.board.firmware import module
from command_cases import command

lines = module("lines")

KEYS = st.text("abcxyz_", min_size=1, max_size=8)
SIMPLE = (
    st.integers()
    | st.text(st.characters(max_codepoint=0xFFFD, exclude_categories=["Cs"]))
    | st.none()
    | st.booleans()
)


@given(st.binary(max_size=400))
def test_crc32_is_the_one_of_zlib(text):
    high, low = lines.crc32(text)
    assert high << 16 | low == zlib.crc32(text)


@given(st.binary(), st.binary())
def test_crc32_goes_on_from_an_earlier_part(first, second):
    assert lines.crc32(second, *lines.crc32(first)) == lines.crc32(first + second)


@given(st.dictionaries(KEYS, SIMPLE))
def test_a_body_is_json_in_ascii(said):
    text = lines.body(said.items())
    assert text.isascii()
    assert text.isprintable()
    back = json.loads("{" + text + "}")
    assert back == said
    assert list(back) == list(said)


def test_raw_bytes_stand_as_they_are():
    assert lines.body((("t", b"1.250000"), ("v", b"[1,2]"))) == '"t":1.250000,"v":[1,2]'


@pytest.mark.parametrize("bad", [1.5, [1], {}, object()])
def test_what_prints_differently_on_each_side_is_refused(bad):
    with pytest.raises(TypeError):
        lines.body((("key", bad),))


def test_a_line_is_numbered_and_carries_the_crc_of_what_stands_before_it():
    out = bytearray()
    sender = lines.Lines(out.extend, "9f3a01c2")
    sender.send("alert", (("id", "2C5"), ("n", 1), ("none", None)))
    sender.send("bare")
    first, second, rest = bytes(out).split(b"\n")
    assert first.startswith(b'{"type":"alert","boot":"9f3a01c2","seq":0,"id":"2C5","n":1,"none":null,"crc":"')
    head, crc = first.split(b',"crc":"')
    assert crc == b'%08x"}' % zlib.crc32(head)
    assert second.startswith(b'{"type":"bare","boot":"9f3a01c2","seq":1,"crc":"')
    assert rest == b""


def pairs(t, words):
    return (("t", t), ("words", words))


def test_alerts_are_kept_until_they_are_acknowledged():
    out = bytearray()
    sender = lines.Lines(out.extend, "9f3a01c2", 2)
    sender.send("x")
    for n in range(3):
        sender.alert(pairs, (n, "ab"))
    first = bytes(out).splitlines()
    assert (sender.alerts, sender.lost, len(sender.kept)) == (3, 1, 2)
    out.clear()
    sender.got(0, 1)
    sender.got(3, 1)
    sender.got(4, 0)
    again = bytes(out).splitlines()
    # the same bytes under the old numbers, and what follows goes on counting
    assert [again[0], again[1], again[3]] == [first[2], first[3], first[3]]
    told = [json.loads(line) for line in (again[2], again[4])]
    assert [(one["seq"], one["kept"], one["first"]) for one in told] == [(4, 2, 2), (5, 1, 3)]
    assert all((one["alerts"], one["lost"]) == (3, 1) for one in told)
    assert sender.kept == []
    sender.reset()
    assert (sender.alerts, sender.lost) == (0, 0)


@pytest.mark.parametrize(("boot", "left"), [(0x9F3A01C2, 0), (0x9F3A01C3, 1)])
def test_an_acknowledgement_before_the_first_replay(boot, left):
    sender = lines.Lines(lambda data: None, "9f3a01c2", 2)
    sender.alert(pairs, (1, "ab"))
    app = SimpleNamespace(lines=sender)
    packet = struct.pack("<BBII", 3, 0, 1, boot)
    command("got").run(app, packet)
    assert len(sender.kept) == left
    with pytest.raises(ValueError, match="unknown packet"):
        command("got").run(app, packet[:-1])


def test_whoever_keeps_nothing_sends_nothing_again():
    out = bytearray()
    sender = lines.Lines(out.extend, "9f3a01c2")
    sender.alert(pairs, (1, "ab"))
    out.clear()
    sender.got(0, 1)
    (line,) = bytes(out).splitlines()
    assert json.loads(line)["kept"] == json.loads(line)["lost"] == 0


KEPT_ON_VM = """
from canbean.lines import Lines
text = []
lines = Lines(lambda piece: text.append(str(piece, "ascii")), "00000000", 2)
for n in range(3):
    lines.alert(lambda t, words: (("t", t), ("words", words)), (n, "ab"))
lines.got(2, 1)
print("".join(text))
"""


def test_the_vms_keep_the_same(vm, vm32):
    out = bytearray()
    sender = lines.Lines(out.extend, "00000000", 2)
    for n in range(3):
        sender.alert(pairs, (n, "ab"))
    sender.got(2, 1)
    assert vm.run(KEPT_ON_VM) == out.decode() + "\n"
    assert vm32(KEPT_ON_VM) == out.decode() + "\n"


def test_the_vm_writes_the_same_bytes(vm, vm32):
    code = r"""
from canbean.lines import Lines, crc32
print(crc32(bytes(range(256))))
text = []
Lines(lambda piece: text.append(str(piece, "ascii")), "00000000").send(
    "x", (("a", -5), ("b", 'q"\\ \t\xe9\u20ac'), ("c", None), ("d", True), ("e", b"[0.50]"), ("f", 2**31))
)
print("".join(text))
"""
    high, low = lines.crc32(bytes(range(256)))
    out = bytearray()
    said = (("a", -5), ("b", 'q"\\ \t\xe9\u20ac'), ("c", None), ("d", True), ("e", b"[0.50]"), ("f", 2**31))
    lines.Lines(out.extend, "00000000").send("x", said)
    expected = f"({high}, {low})\n{out.decode()}\n"
    assert vm.run(code) == expected
    assert vm32(code) == expected
