"""Frame records as lines of slcan, and lines of a host as frames: properties of both, on CPython."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_drivers import load

EXT = 1 << 29

lines = load("commands.slcan_lines")
send = load("commands.slcan_send").send

keys = st.one_of(st.integers(0, 0x7FF), st.integers(EXT, (1 << 30) - 1))


class Bus:
    def __init__(self):
        self.sent = None

    def send(self, key, code, data):
        self.sent = key, code, bytes(data)


frames = st.tuples(keys, st.integers(0, 15), st.binary(min_size=8, max_size=8), st.booleans())
times = st.tuples(st.integers(0, 2**30 - 1), st.integers(0, 999_999))


@given(frames, times, st.booleans(), st.integers(0, 40))
def test_a_record_as_a_line(frame, time, stamped, at):
    (key, code, data, remote), (s, us) = frame, time
    record = s.to_bytes(4, "little") + (us | code << 20).to_bytes(3, "little")
    record += (key | (2 << 30 if remote else 0)).to_bytes(4, "little") + data
    line = bytearray(b"\xee" * 40)
    n = lines.text(line, b"\xff" * at + record, at, stamped)
    assert n == lines.length(b"\xff" * at + record, at, stamped) <= 31
    size = min(code, 8)
    letter = ("R" if remote else "T") if key >> 29 else ("r" if remote else "t")
    expected = letter + (f"{key & 0x1FFFFFFF:08X}" if key >> 29 else f"{key:03X}") + str(size)
    expected += "" if remote else data[:size].hex().upper()
    expected += f"{s % 60 * 1000 + us // 1000:04X}" if stamped else ""
    assert bytes(line) == expected.encode() + b"\r" + b"\xee" * (39 - len(expected))


@given(keys, st.binary(max_size=8))
def test_a_line_as_a_frame(key, data):
    bus = Bus()
    text = f"T{key & 0x1FFFFFFF:08X}" if key >> 29 else f"t{key:03X}"
    assert send(bus, text + str(len(data)) + data.hex()) == (b"Z\r" if key >> 29 else b"z\r")
    assert bus.sent == (key, len(data), data)


@given(st.one_of(st.text(max_size=30), st.from_regex(r"[tT][0-9a-fA-F]{0,30}", fullmatch=True)))
def test_only_whole_frames_are_sent(text):
    bus = Bus()
    answer = send(bus, text or "t")
    if answer == b"\a":
        assert bus.sent is None
        return
    key, code, data = bus.sent
    head = text[:9] if text[0] == "T" else text[:4]
    assert int(head[1:], 16) & 0x1FFFFFFF == key & 0x1FFFFFFF
    assert text[len(head) :].lower() == str(code) + data.hex()
    assert len(data) == code <= 8
