"""pcap and pcapng: bytes as the pages of tcpdump.org have them, and frames that come back as they went."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import logs
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.logs import pcap, pcapng, socketcan
from canbean.can.logs.formats import Report
from canbean.errors import FileError, LogError

SECOND = 1_700_000_000


def packet(word, data=b"", *, flags=0, length=None, size=16, order=">"):
    head = struct.pack(f"{order}IBBBB", word, len(data) if length is None else length, flags, 0, 0)
    return (head + data).ljust(size, b"\0")


def captured(packets, *, order="<", magic=0xA1B2C3D4, link=227, step=100):
    """A pcap file; what is not all of a packet is given with the size that it had."""
    out = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for number, one in enumerate(packets):
        held, size = one if isinstance(one, tuple) else (one, len(one))
        out += struct.pack(f"{order}IIII", SECOND, number * step, len(held), size) + held
    return out


def block(kind, body, order="<"):
    body = body + bytes(-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def option(code, value, order="<"):
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order="<"):
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(*options, link=227, order="<"):
    return block(1, struct.pack(f"{order}HHI", link, 0, 0) + b"".join(options) + bytes(4), order)


def enhanced(ticks, one, number=0, order="<", held=None):
    head = struct.pack(
        f"{order}IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(one) if held is None else held, len(one)
    )
    return block(6, head + one, order)


@pytest.fixture
def read(tmp_path):
    def made(raw, **more):
        (tmp_path / "x").write_bytes(raw)
        return logs.read(tmp_path / "x", **more)

    return made


def told(frames):
    return [
        (int(f.id[0]), bool(f.ext[0]), int(f.flags[0]), int(f.dlc[0]), f.data[0, : f.dlc[0]].tobytes())
        for f in (frames[k : k + 1] for k in range(len(frames)))
    ]


PACKETS = [
    packet(0x123, b"\x11\x22\x33"),
    packet(0x98FEF100, bytes(range(8))),
    packet(0x40000123, length=5),
    packet(0x20000080, bytes(8)),
    packet(0x456, bytes(range(12)), flags=0x05, size=72),
    packet(0x456, b"\xaa", size=72),
]
FRAMES = [
    (0x123, False, 0, 3, b"\x11\x22\x33"),
    (0x18FEF100, True, 0, 8, bytes(range(8))),
    (0x123, False, RTR, 5, bytes(5)),
    (0x80, False, ERR, 8, bytes(8)),
    (0x456, False, FD, 12, bytes(range(12))),
    (0x456, False, FD, 1, b"\xaa"),
]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "step"), [(0xA1B2C3D4, 100), (0xA1B23C4D, 100_000)])
def test_pcap_of_both_byte_orders_in_micro_and_nanoseconds(read, order, magic, step):
    log = read(captured(PACKETS, order=order, magic=magic, step=step))
    assert (log.format, log.skipped, log.passed) == ("pcap", 0, 0)
    assert told(log.frames) == FRAMES
    assert (log.frames.t_us == SECOND * 1_000_000 + np.arange(6) * 100).all()
    assert log.frames.buses == ("can0",)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_of_both_byte_orders(read, order):
    raw = section(order) + interface(order=order)
    raw += b"".join(enhanced(SECOND * 10**6 + k, one, order=order) for k, one in enumerate(PACKETS))
    log = read(raw)
    assert (log.format, log.skipped) == ("pcapng", 0)
    assert told(log.frames) == FRAMES
    assert (log.frames.t_us == SECOND * 1_000_000 + np.arange(6)).all()


def test_what_is_written_as_the_specification_has_it(tmp_path):
    frames = Frames.of(
        SECOND * 1_000_000 + np.arange(6) * 100,
        [one[0] for one in FRAMES],
        np.stack([np.frombuffer(one[4].ljust(64, b"\0"), np.uint8) for one in FRAMES]),
        ext=[one[1] for one in FRAMES],
        flags=[one[2] for one in FRAMES],
        dlc=[one[3] for one in FRAMES],
    )
    packets = [*PACKETS[:4], packet(0x456, bytes(range(12)), flags=4, size=72)]
    packets.append(packet(0x456, b"\xaa", flags=4, size=72))
    logs.write(tmp_path / "a.pcap", frames)
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 227)
    assert (tmp_path / "a.pcap").read_bytes() == head + captured(packets)[24:]
    logs.write(tmp_path / "a.pcapng", frames)
    blocks = [section(), interface(option(2, b"can0"))]
    blocks += [enhanced(SECOND * 10**6 + k * 100, one) for k, one in enumerate(packets)]
    assert (tmp_path / "a.pcapng").read_bytes() == b"".join(blocks)


def test_golden_bytes():
    # 18FEF100 with three bytes, 1.5 s after 1970: as `tcpdump -w` on a little-endian host writes it.
    golden = bytes.fromhex(
        "d4c3b2a1 02000400 00000000 00000000 00000400 e3000000"
        "01000000 20a10700 10000000 10000000"
        "98fef100 03000000 1122330000000000"
    )
    frames = Frames.of(
        [1_500_000], [0x18FEF100], np.array([[0x11, 0x22, 0x33, 0, 0, 0, 0, 0]]), dlc=3, ext=True
    )
    from io import BytesIO

    out = BytesIO()
    pcap.write(out, [frames], frames, "")
    assert out.getvalue() == golden


def test_units_offsets_and_names_of_interfaces(read):
    ticks = [
        (option(2, b"vcan0\0") + option(9, b"\x09"), 1_500_000_999, 1_500_000),
        (option(9, b"\x03"), 1_500, 1_500_000),
        (option(9, b"\x8a") + option(14, struct.pack("<q", 100)), 1536, 101_500_000),
        (option(9, b"\x00") + option(2, b"vcan0"), 3, 3_000_000),
        (option(9, b"\x0f"), 1_500_000_000_999_999, 1_500_000),
        (option(9, b"\xb4"), 3 << 51, 1_500_000),
        (option(9, b"\x7f"), 77, 0),
    ]
    raw = section() + b"".join(interface(options) for options, _, _ in ticks)
    raw += b"".join(enhanced(tick, PACKETS[0], k) for k, (_, tick, _) in enumerate(ticks))
    log = read(raw)
    assert log.frames.t_us.tolist() == [t_us for _, _, t_us in ticks]
    names = [log.frames.buses[code] for code in log.frames.bus]
    assert names == ["vcan0", "can1", "can2", "vcan0", "can4", "can5", "can6"]


def test_sections_have_interfaces_and_a_byte_order_of_their_own(read):
    raw = section() + interface(option(2, b"a")) + enhanced(5, PACKETS[0])
    raw += section(">") + interface(option(2, b"b", ">"), order=">") + enhanced(7, PACKETS[1], order=">")
    log = read(raw)
    assert told(log.frames) == FRAMES[:2]
    assert (log.frames.t_us.tolist(), log.frames.buses) == ([5, 7], ("a", "b"))


@pytest.mark.parametrize("order", ["<", ">"])
def test_cooked_captures(read, order):
    def sll(one, protocol):
        return struct.pack(">HHH8sH", 0, 280, 0, bytes(8), protocol) + one

    def sll2(one, protocol, index):
        return struct.pack(">HHIHBB8s", protocol, 0, index, 280, 0, 0, bytes(8)) + one

    classic, fd = packet(0x98FEF100, b"\x01", order=order), packet(0x7FF, b"\x02", size=72, order=order)
    log = read(captured([sll(classic, 12), sll(fd, 13), sll(classic, 0x800)], order=order, link=113))
    assert told(log.frames) == [(0x18FEF100, True, 0, 1, b"\x01"), (0x7FF, False, FD, 1, b"\x02")]
    assert log.passed == 1
    log = read(captured([sll2(classic, 12, 3), sll2(fd, 13, 4), sll2(fd, 1, 9)], order=order, link=276))
    assert told(log.frames) == [(0x18FEF100, True, 0, 1, b"\x01"), (0x7FF, False, FD, 1, b"\x02")]
    assert [log.frames.buses[code] for code in log.frames.bus] == ["if3", "if4"]


def test_what_is_no_frame(read):
    xl = struct.pack(">IBBH", 0x123, 0x80, 0, 1) + bytes(13)
    good = PACKETS[0]
    bad = [packet(0x800), packet(0x123, length=65, size=73), (good[:10], 16), (good[:7], 16), b""]
    log = read(captured([good, xl, *bad, packet(0x123, b"\x11\x22\x33")[:11]]))
    assert told(log.frames) == [FRAMES[0], FRAMES[0]]
    assert (log.passed, log.skipped) == (1, 5)
    assert [problem.split(": ", 1)[1] for problem in log.problems] == [
        "packet 3: the id is above 7FF and not extended",
        "packet 4: longer than a frame can be",
        "packet 5: the packet is too short",
        "packet 6: the packet is too short",
        "packet 7: the packet is too short",
    ]
    with pytest.raises(LogError, match="packet 3"):
        read(captured([good, xl, *bad]), strict=True)
    with pytest.raises(LogError, match="no frames in it"):
        read(captured([bytes(60)] * 3, link=1))
    raw = section() + interface() + interface(link=1) + block(5, bytes(12)) + block(3, bytes(20))
    raw += enhanced(1, good) + enhanced(2, bytes(60), 1) + enhanced(3, good, 7) + enhanced(4, good, held=400)
    raw += interface(option(9, b"\x00")) + enhanced(1 << 63, good, 2)
    log = read(raw + enhanced(5, good))
    assert log.frames.t_us.tolist() == [1, 4, 5]
    assert (log.passed, log.skipped) == (1, 3)


@pytest.mark.parametrize("ending", ["pcap", "pcapng"])
def test_a_file_that_ends_early(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    frames = Frames.of(np.arange(3) * 1000, 0x123, np.ones((3, 8), np.uint8))
    logs.write(path, frames)
    raw = path.read_bytes()
    each = 32 if ending == "pcap" else 48
    start = len(raw) - 3 * each
    # A file of whole blocks is whole.
    ends = {start + k * each for k in range(3)} | ({28} if ending == "pcapng" else set())
    for at in range(12, len(raw)):
        path.write_bytes(raw[:at])
        if at not in ends:
            with pytest.raises(LogError, match="ends early"):
                logs.read(path)
        if at >= start + each:
            assert logs.read(path, accept_cut=True).frames.equals(frames[: (at - start) // each])
        else:
            with pytest.raises(LogError, match="no frames in it"):
                logs.read(path, accept_cut=True)


def test_a_length_that_cannot_be_is_damage(tmp_path, read):
    raw = captured(PACKETS[:2])
    with pytest.raises(LogError, match=r"x: packet 2: damaged: it says that it has 4294967295 bytes"):
        read(raw[:-24] + b"\xff" * 4 + raw[-20:])
    raw = section() + interface() + enhanced(1, PACKETS[0])
    for at, value in ((4, b"\x31"), (4, b"\x08"), (7, b"\x01"), (44, b"\x31"), (4, b"\x0c")):
        hurt = bytearray(raw + enhanced(2, PACKETS[0]))
        hurt[len(raw) + at : len(raw) + at + 1] = value
        with pytest.raises(LogError, match=r"x: block 4: damaged"):
            read(bytes(hurt))
    with pytest.raises(LogError, match="256 different buses"):
        many = b"".join(interface() + enhanced(1, PACKETS[0], k) for k in range(257))
        read(section() + many)


@st.composite
def tables(draw, names):
    n = draw(st.integers(1, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flags = rng.choice(draw(st.sampled_from([[0], [0, RTR], [0, FD], [0, FD, RTR, ERR]])), n)
    ext = rng.random(n) < draw(st.sampled_from([0, 0.5, 1]))
    dlc = np.where(flags & FD, rng.integers(0, 65, n), rng.integers(0, 9, n))
    data = rng.integers(0, 256, (n, 64)) * (np.arange(64) < (dlc * (flags & RTR == 0))[:, None])
    buses = tuple(draw(st.lists(names, min_size=1, max_size=3, unique=True)))
    return Frames.of(
        np.array(draw(st.lists(st.integers(0, (1 << 32) * 10**6 - 1), min_size=n, max_size=n)), np.int64),
        np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n)),
        data if (dlc > 8).any() else data[:, :8],
        dlc=dlc,
        ext=ext,
        flags=flags,
        bus=rng.integers(0, len(buses), n),
        buses=buses,
    )


NAMES = st.text("abc XYZ019_-é,車", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("name", "names"), [("a.pcap", st.just("can0")), ("a.pcapng", NAMES), ("a.pcapng.gz", NAMES)]
)
@settings(max_examples=25)
@given(data=st.data())
def test_they_give_back_what_was_written(tmp_path_factory, name, names, data):
    frames, rows = data.draw(tables(names)), data.draw(st.sampled_from([1, 7, 1000]))
    path = tmp_path_factory.mktemp("log") / name
    logs.write(path, frames, rows)
    parts = list(logs.chunks(path, rows))
    assert max(map(len, parts)) <= rows
    assert Frames.concat(parts).equals(frames)


@pytest.mark.parametrize("module", [pcap, pcapng])
@pytest.mark.parametrize("size", [100, 101, 4000])
def test_packets_across_blocks(tmp_path, module, size, monkeypatch):
    rng = np.random.default_rng(2)
    fd = np.repeat(rng.random(40) < 0.3, 50)
    data = rng.integers(0, 256, (2000, 64)) * (np.arange(64) < np.where(fd, 64, 8)[:, None])
    frames = Frames.of(
        np.arange(2000), rng.integers(0, 2048, 2000), data, dlc=np.where(fd, 64, 8), flags=FD * fd
    )
    path = tmp_path / f"a{module.ENDINGS[0]}"
    logs.write(path, frames)
    monkeypatch.setattr(module, "BLOCK", size)
    monkeypatch.setattr(socketcan, "RUN", 20)
    assert Frames.concat(list(logs.chunks(path))).equals(frames)


@pytest.mark.parametrize("module", [pcap, pcapng])
def test_chunks_are_bounded(tmp_path, module, monkeypatch):
    frames = Frames.of(np.arange(100_000), 0x123, np.ones((100_000, 8), np.uint8))
    path = tmp_path / f"a{module.ENDINGS[0]}"
    logs.write(path, frames)
    monkeypatch.setattr(module, "BLOCK", 1 << 16)
    report = Report(path)
    sizes = [len(part) for part in module.chunks(path, 1000, report)]
    assert (sum(sizes), max(sizes)) == (100_000, 1000)


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("a.pcap", {"label": [1], "labels": ("", "dos")}, "labels"),
        ("a.pcap", {"t_us": [-1]}, "times before 0"),
        ("a.pcap", {"t_us": [(1 << 32) * 10**6]}, "times after 2106"),
        ("a.pcap", {"buses": ("can1",)}, "a bus named 'can1'"),
        ("a.pcap", {"dlc": [9]}, "more than 8 bytes outside CAN FD"),
        ("a.pcapng", {"t_us": [-1]}, "times before 0"),
        ("a.pcapng", {"buses": ("",)}, "a bus named ''"),
        ("a.pcapng", {"label": [1], "labels": ("", "dos")}, "labels"),
    ],
)
def test_what_cannot_be_held_is_said(tmp_path, name, change, what):
    frames = Frames.of([0], [1], np.zeros((1, 64), np.uint8)).changed(**change)
    with pytest.raises(LogError, match=what):
        logs.write(tmp_path / name, frames)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".pcap", ".pcapng"])
def test_mutated_files_are_errors_or_logs(tmp_path, ending):
    rng, path = np.random.default_rng(4), tmp_path / f"a{ending}"
    flags = rng.choice([0, FD, RTR], 20)
    dlc = np.where(flags == FD, 48, 8)
    data = rng.integers(0, 256, (20, 64)) * (np.arange(64) < (dlc * (flags != RTR))[:, None])
    logs.write(path, Frames.of(np.arange(20) * 1000, 0x123, data, dlc=dlc, flags=flags))
    raw = path.read_bytes()
    kept = 0
    for _ in range(600):
        hurt = bytearray(raw)
        for _ in range(rng.integers(1, 4)):
            hurt[int(rng.integers(len(hurt)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(hurt[: None if rng.integers(3) else int(rng.integers(1, len(hurt)))]))
        try:
            log = logs.read(path, accept_cut=bool(rng.integers(2)))
        except (LogError, FileError) as error:
            assert str(path) in str(error)  # noqa: PT017 - some are errors, the others logs
            continue
        f = log.frames
        kept += len(f)
        assert not (f.id > np.where(f.ext | (f.flags & ERR != 0), 0x1FFFFFFF, 0x7FF)).any()
        assert not f.data[np.arange(f.data.shape[1]) >= f.dlc[:, None]].any()
        assert not ((f.dlc > 8) & (f.flags & FD == 0)).any()
    assert kept > 400
