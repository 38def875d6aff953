"""The stream to the board: packets and commands, whatever noise comes between."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from board_cases import as_seen, noisy, random_frames
from canbean.board.firmware import module
from canbean.board.packets import encode, packets

Link = module("link").Link


class Ear:
    """A link and what it heard."""

    def __init__(self, chunk=64, **more):
        self.stream = bytearray()
        self.pieces = chunk
        self.commands = []
        self.packets = []
        self.errors = []
        self.link = Link(self.readinto, self.commands.append, self.packet, self.errors.append, chunk, **more)

    def readinto(self, buffer):
        n = min(len(buffer), len(self.stream), self.pieces)
        buffer[:n] = self.stream[:n]
        del self.stream[:n]
        return n or None

    def packet(self, buffer, start, end):
        self.packets.append(bytes(buffer[start:end]))

    def hear(self, data):
        self.stream += data
        while self.link.poll():
            pass
        return self


def packet(content):
    return packets(np.frombuffer(content, np.uint8).reshape(-1, 1)).tobytes()


TYPE = st.integers(1, 31).filter(lambda kind: kind not in {10, 13})
CONTENT = st.builds(lambda kind, rest: bytes([kind]) + rest, TYPE, st.binary(max_size=58))
TEXT = st.from_regex(rb"[ -~]{1,100}", fullmatch=True)
PART = CONTENT.map(lambda content: ("packet", content)) | TEXT.map(lambda text: ("text", text))


@given(st.lists(PART), st.integers(1, 70), st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\0\n"]))
def test_whatever_the_pieces_all_arrives_in_order(parts, chunk, end):
    stream = b"".join(packet(content) if kind == "packet" else content + end for kind, content in parts)
    ear = Ear(chunk).hear(stream)
    assert ear.packets == [content for kind, content in parts if kind == "packet"]
    assert ear.commands == [content for kind, content in parts if kind == "text"]
    assert ear.link.noise == 0
    assert not ear.errors


def test_crc_is_the_one_of_rfc_4880():
    # the catalogue's check value of "123456789" is 21CF02
    assert packet(b"123456789")[-4:-1] == b"\x02\xcf\x21"


@pytest.mark.parametrize("at", range(26))
def test_no_single_changed_byte_goes_through(at):
    whole = packet(bytes(range(1, 22)))
    for change in range(1, 256):
        bad = bytearray(whole)
        bad[at] ^= change
        ear = Ear().hear(bytes(bad) + b"\0" + packet(b"\x01after"))
        assert ear.packets[-1:] == [b"\x01after"]
        assert len(ear.packets) == 1
        assert not ear.commands


@pytest.mark.parametrize("start", [b"\x01", b"x"])
@pytest.mark.parametrize("length", [159, 160, 161, 400, 5000])
def test_what_is_too_long_is_dropped_to_the_next_delimiter(start, length):
    ear = Ear(50, longest=160).hear(start + b"y" * length + b"\0hello\n" + packet(b"\x02z"))
    assert ear.commands[-1] == b"hello"
    assert ear.packets == [b"\x02z"]
    assert ear.link.noise <= 2
    assert len(ear.commands) + ear.link.noise == 2


def test_a_command_typed_after_half_a_packet_is_heard_at_last():
    ear = Ear(longest=160).hear(b"\x01half\nhello\n")
    assert ear.commands == []
    ear.hear(b"status\n" * 30)
    assert b"status" in ear.commands


def test_ten_thousand_random_strings_never_stop_it():
    dice = random.Random(5)
    ear = Ear(chunk=32)
    good = encode(random_frames(50, 3)).blob
    heard = 0
    for i in range(10_000):
        kind = i % 4
        if kind == 0:
            data = dice.randbytes(dice.randrange(200))
        elif kind == 1:
            data = noisy(good[dice.randrange(len(good)) :][:300], 0.05, dice)
        elif kind == 2:
            data = bytes(
                dice.choice(b"\x00\x01\x02\x0a\x0d\x1f\x20\x40A~\x7f\x80\xff")
                for _ in range(dice.randrange(300))
            )
        else:
            data = b"hello sample 1 2 3 "[: dice.randrange(20)] + dice.randbytes(dice.randrange(4))
        ear.hear(data + dice.choice([b"\0status\n", b"\0\nstatus\n"]))
        assert ear.commands[-1] == b"status", (i, data)
        assert not ear.errors
        heard += len(ear.packets)
        ear.packets.clear()
    assert heard > 5_000
    assert ear.link.noise > 10_000


def test_what_a_handler_raises_is_handed_on_and_the_rest_is_read():
    ear = Ear()

    def stumble(buffer, start, end):
        raise OSError("x")

    ear.link.on_packet = stumble
    ear.hear(packet(b"\x01a") + packet(b"\x01b") + b"hello\n")
    assert [str(error) for error in ear.errors] == ["x", "x"]
    assert ear.commands == [b"hello"]


def test_the_end_of_the_line_is_not_an_error_of_a_handler():
    ear = Ear()

    def leave(text):
        raise EOFError

    ear.link.on_command = leave
    with pytest.raises(EOFError):
        ear.hear(b"quit\n")


ON_VM = """
import gc, io
from canbean.link import Link
from canbean.lines import Lines
from drivers.feed import Feed

class Watch:
    alerts = 0
    def reset(self):
        pass
    def frame(self, records, at):
        pass

def fail(error):
    raise error

with open(sys.argv[1], "rb") as file:
    stream = io.BytesIO(file.read())
# a window so wide that no answer is written
feed = Feed(Lines(None, "00000000"), 1 << 29, Watch())
link = Link(stream.readinto, fail, feed.packet, fail, 256)
gc.collect()
gc.disable()
before = gc.mem_alloc()
while link.poll():
    pass
print(feed.frames, link.noise, gc.mem_alloc() - before)
"""


def test_ten_thousand_packets_allocate_nothing(vm, tmp_path):
    (tmp_path / "packets").write_bytes(encode(random_frames(10_000)).blob)
    assert vm.run(ON_VM, tmp_path / "packets").split() == ["10000", "0", "0"]


ON_BOTH = """
import struct
from canbean.link import Link
from canbean.lines import Lines
from drivers.feed import Feed

class Watch:
    alerts = 0
    def reset(self):
        pass
    def frame(self, records, at):
        s, low, code, key = struct.unpack_from("<IHBI", records, at)
        flags, code, us = key >> 30, code >> 4, low | (code & 15) << 16
        count = 0 if flags == 2 else min(code, 8)
        data = [records[at + 11 + k] if k < count else 0 for k in range(8)]
        print(s, us, key & 0x3FFFFFFF, flags, code, " ".join(["%d" % byte for byte in data]))

def fail(error):
    raise error

with open(PATH, "rb") as file:
    feed = Feed(Lines(lambda piece: None, "00000000"), 1 << 29, Watch())
    link = Link(file.readinto, fail, feed.packet, fail, 100)
    while link.poll():
        pass
"""


def test_both_vms_read_what_the_host_encodes(vm, vm32, tmp_path):
    frames = random_frames(500, 9)
    blob = encode(frames).blob
    (tmp_path / "packets").write_bytes(blob)
    expected = [
        f"{s} {us} {key} {flags} {code} {' '.join(map(str, data))}"
        for s, us, key, flags, code, data in as_seen(frames)
    ]
    assert vm.run(f"PATH = {str(tmp_path / 'packets')!r}\n" + ON_BOTH).splitlines() == expected
    inline = ON_BOTH.replace(
        'with open(PATH, "rb") as file:', f"import io\nif True:\n    file = io.BytesIO({blob!r})"
    )
    assert vm32(inline).splitlines() == expected
