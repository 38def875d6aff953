from __future__ import annotations

import gzip
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import can
from canbean.can import logs
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.logs import blf, blf_objects
from canbean.errors import LogError

START = (2024, 12, 2, 31, 14, 9, 40, 222)
START_US = 1_735_654_180_222_000
MARKER = 96


def header(start=START, size=144, file_size=0):
    return struct.pack(
        "<4sIIBBBBQQII8H8H", b"LOGG", size, 0, 0, 0, 0, 0, file_size, 0, 0, 0, *start, *[0] * 8
    ).ljust(size, b"\0")


def thing(kind, body, *, ticks=0, unit=2, version=1, pad=True, size=0):
    """An object with a header of version 1 or 2."""
    begin = {1: 32, 2: 40}.get(version, 32)
    size = size or begin + len(body)
    head = struct.pack("<4sHHIIIHHQ", b"LOBJ", begin, version, size, kind, unit, 0, 0, ticks)
    return head.ljust(begin, b"\x55") + body + bytes(size % 4 if pad else 0)


def message(id_=0x123, data=bytes(8), channel=1, flags=0, dlc=None, **head):
    dlc = len(data) if dlc is None else dlc
    return thing(1, struct.pack("<HBBI8s", channel, flags, dlc, id_, data), **head)


def container(held, method=2, claimed=None, size=None):
    packed = zlib.compress(held) if method == 2 else held
    size = size or 32 + len(packed)
    claimed = len(held) if claimed is None else claimed
    return struct.pack("<4sHHIIH6xI4x", b"LOBJ", 16, 1, size, 10, method, claimed) + packed + bytes(size % 4)


def damaged(held, at, byte):
    return held[:at] + bytes([byte]) + held[at + 1 :]


def put(tmp_path, *parts, head=None, name="a.blf"):
    path = tmp_path / name
    path.write_bytes((head or header()) + b"".join(parts))
    return path


def rows_of(frames):
    """Frames as tuples: time, id, extended, flags, length, data, bus."""
    return [
        (int(t), int(i), bool(x), int(g), int(d), p[:d].tobytes(), frames.buses[b])
        for t, i, x, g, d, p, b in zip(
            frames.t_us, frames.id, frames.ext, frames.flags, frames.dlc, frames.data, frames.bus, strict=True
        )
    ]


def test_the_bytes_of_a_small_file(tmp_path):
    data = np.zeros((4, 64), np.uint8)
    data[:, :3] = [1, 2, 3]
    data[2, 11] = 0xFF
    data[1] = 0
    frames = Frames.of(
        START_US + np.array([1, 2, 2_000, 4_000]),
        [0x123, 0x18FEF100, 0x7FF, 5],
        data,
        dlc=[3, 2, 12, 4],
        flags=[0, RTR, FD, ERR],
        ext=[0, 1, 0, 0],
        bus=[0, 0, 1, 0],
        buses=("can0", "can6"),
    )
    path = tmp_path / "a.blf"
    logs.write(path, frames)
    raw = path.read_bytes()
    date = "e8070c0002001f000e0009002800"
    assert raw[:144].hex() == (
        "4c4f4747 90000000 d41a3e00 00060000".replace(" ", "")
        + struct.pack("<QQII", len(raw), 144 + 32 + 276, 4, 0).hex()
        + f"{date}de00{date}e200".ljust(208, "0")
    )
    assert raw[144:160].hex() == f"4c4f424a10000100{len(raw.rstrip(bytes(1))) - 144:02x}0000000a000000"
    assert raw[160:176].hex() == "0200000000000000" + "1401000000000000"
    head = "4c4f424a20000100{:02x}000000{:02x}000000" + "0200000000000000"
    assert zlib.decompress(raw[176:]).hex() == (
        f"{head.format(48, 1)}e803000000000000"
        "0100 00 03 23010000 0102030000000000"
        f"{head.format(48, 1)}d007000000000000"
        "0100 80 02 00f1fe98 0000000000000000"
        f"{head.format(116, 100)}80841e0000000000"
        "0700 00 09 ff070000 00000000 00 01 0c 0000000000"
        f"0102030000000000000000ff{'00' * 52}"
        f"{head.format(64, 73)}00093d0000000000"
        "0100 0000 00000000 00 00 04 00 00000000 05000000 0000 0000 0102030000000000"
    ).replace(" ", "")
    assert logs.read(path).frames.equals(frames)


@st.composite
def tables(draw):
    """Any frames that the format has a place for."""
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flags = rng.choice(
        draw(st.sampled_from([[0], [0, RTR], [0, FD], [0, FD, RTR, ERR, FD | RTR, FD | ERR]])), n
    )
    ext = rng.random(n) < draw(st.sampled_from([0, 0.5, 1]))
    dlc = np.where(flags & FD, rng.choice(blf.LENGTHS, n), rng.integers(0, 9, n))
    data = rng.integers(0, 256, (n, 64)) * (np.arange(64) < (dlc * (flags & RTR == 0))[:, None])
    names = draw(st.lists(st.integers(0, 254), min_size=1, max_size=3, unique=True))
    times = st.integers(0, blf.LATEST_US - 1) | st.integers(START_US, START_US + 10**7)
    return Frames.of(
        np.array(draw(st.lists(times, min_size=n, max_size=n)), np.int64),
        np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n)),
        data if (dlc > 8).any() else data[:, :8],
        dlc=dlc,
        ext=ext,
        flags=flags,
        bus=rng.integers(0, len(names), n),
        buses=tuple(f"can{number}" for number in names),
    )


@pytest.mark.parametrize("name", ["a.blf", "a.blf.gz"])
@settings(max_examples=100)
@given(frames=tables(), rows=st.sampled_from([1, 7, 1 << 18]))
def test_what_was_written_is_read(tmp_path_factory, name, frames, rows):
    path = tmp_path_factory.mktemp("log") / name
    logs.write(path, frames, rows)
    parts = list(logs.chunks(path, rows, strict=True))
    assert max(map(len, parts)) <= rows
    assert Frames.concat(parts).equals(frames)
    log = logs.read(path)
    assert (log.format, log.skipped, log.passed) == ("BLF", 0, 0)


def many(n):
    """Frames that fill several containers."""
    rng = np.random.default_rng(1)
    flags = rng.choice([0, 0, FD, RTR, ERR], n)
    dlc = np.where(flags == FD, rng.choice(blf.LENGTHS, n), rng.integers(0, 9, n))
    held = dlc * (flags != RTR)
    return Frames.of(
        START_US + np.cumsum(rng.integers(0, 1000, n)),
        rng.integers(0, 0x800, n),
        rng.integers(0, 256, (n, 64)) * (np.arange(64) < held[:, None]),
        dlc=dlc,
        flags=flags,
        bus=rng.integers(0, 2, n),
        buses=("can0", "can3"),
    )


@pytest.mark.parametrize("block", [1 << 10, blf.BLOCK])
def test_objects_go_on_from_container_to_container(tmp_path, monkeypatch, block):
    monkeypatch.setattr(blf, "BLOCK", block)
    frames = many(10_000)
    path = tmp_path / "a.blf"
    logs.write(path, frames)
    raw = path.read_bytes()
    assert raw.count(b"LOBJ") >= 5
    assert struct.unpack_from("<QQI", raw, 16)[::2] == (len(raw), 10_000)
    assert logs.read(path, strict=True).frames.equals(frames)


def theirs(path):
    """What python-can reads, as `rows_of` says it."""
    return [
        (
            round(one.timestamp * 1e6),
            one.arbitration_id,
            one.is_extended_id,
            FD * one.is_fd + RTR * one.is_remote_frame + ERR * one.is_error_frame,
            one.dlc,
            bytes(one.data),
            f"can{one.channel}",
        )
        for one in can.BLFReader(str(path))
    ]


def test_python_can_reads_what_was_written(tmp_path):
    frames = many(5_000)
    logs.write(tmp_path / "a.blf", frames)
    ours = rows_of(frames)
    with can.BLFReader(str(tmp_path / "a.blf")) as reader:
        assert reader.object_count == 5_000
        assert round(reader.start_timestamp * 1000) == frames.t_us[0] // 1000
        assert round(reader.stop_timestamp * 1000) == frames.t_us[-1] // 1000
    for mine, other in zip(ours, theirs(tmp_path / "a.blf"), strict=True):
        held = b"" if mine[3] & RTR else mine[5]
        assert (*mine[:5], mine[6]) == (*other[:5], other[6])
        assert other[5].rstrip(b"\0") == held.rstrip(b"\0")


@pytest.mark.parametrize("level", [-1, 0])
def test_what_python_can_wrote_is_read(tmp_path, level):
    path, rng = tmp_path / "a.blf", np.random.default_rng(2)
    writer = can.BLFWriter(str(path), compression_level=level)
    for k in range(6_000):
        way, ext = rng.integers(5), bool(rng.integers(2))
        length = int(rng.choice(blf.LENGTHS)) if way == 1 else int(rng.integers(9))
        writer.on_message_received(
            can.Message(
                timestamp=1_700_000_000 + k * 0.000_321,
                arbitration_id=int(rng.integers(1 << 29 if ext else 1 << 11)),
                is_extended_id=ext,
                is_fd=way == 1,
                bitrate_switch=way == 1 and bool(rng.integers(2)),
                is_remote_frame=way == 2,
                is_error_frame=way == 3,
                is_rx=bool(rng.integers(2)),
                dlc=length,
                data=b"" if way == 2 else rng.bytes(length),
                channel=int(rng.integers(3)),
            )
        )
        if k % 1000 == 0:
            writer.log_event("an event" + "!" * (k // 1000), 1_700_000_000.0)
    writer.stop()
    log = logs.read(path, strict=True)
    assert (log.passed, log.notes) == (6, [blf.UTC_NOTE])
    expected = [(*row[:5], row[5].ljust(row[4], b"\0"), row[6]) for row in theirs(path)]
    assert rows_of(log.frames) == expected


NAMES = [
    "issue_1905",
    *(f"test_Can{kind}" for kind in ("Message", "Message2", "FdMessage", "FdMessage64", "ErrorFrameExt")),
]


@pytest.mark.parametrize("name", NAMES)
def test_recordings_are_read_as_python_can_reads_them(recordings, name):
    path = recordings / "can" / "formats" / "python-can" / f"{name}.blf"
    log = logs.read(path, strict=True)
    assert log.passed == 2
    for mine, (t_us, id_, ext, flags, dlc, data, bus) in zip(rows_of(log.frames), theirs(path), strict=True):
        assert abs(mine[0] - t_us) <= 1
        assert mine[1:4] == (id_, ext or id_ > 0x7FF, flags)
        # Some were made up: their length is none of classic CAN, or they are remote requests with data.
        assert mine[4] == dlc if dlc in blf.LENGTHS else mine[4] == 8
        assert mine[5] == bytes(mine[4]) if flags & RTR else mine[5] == data[: mine[4]]
        assert mine[6] == bus


FLEXIBLE = struct.pack("<HBBIIBBB5x", 2, 0, 9, 0x123, 0, 0, 1, 12) + bytes(range(64))


def flexible_64(flags=0x1000, dlc=9, valid=12, end=0, data=bytes(range(1, 13))):
    return struct.pack("<BBBBIIIIIIIHBBI", 3, dlc, valid, 0, 0x98FEF100, 0, flags, *[0] * 5, 0, end, 0) + data


ERROR_64 = struct.pack("<BBBBHHHBxIIIIIIIHH", 3, 9, 12, 0, 0, 0, 0x80, 0, 0x123, *[0] * 6, 0, 0) + b"\1" * 12
KINDS = {
    "classic": (message(0x123, b"ab", 2), (0x123, False, 0, 2, b"ab", "can1")),
    "sent": (message(0x123, b"ab", 2, flags=1), (0x123, False, 0, 2, b"ab", "can1")),
    "extended": (message(0x80000001, b"a"), (1, True, 0, 1, b"a", "can0")),
    "remote": (message(5, b"ab", flags=0x80), (5, False, RTR, 2, bytes(2), "can0")),
    "a code above 8": (message(5, b"a" * 8, dlc=13), (5, False, 0, 8, b"a" * 8, "can0")),
    "after its length": (message(5, b"a" * 8, dlc=1), (5, False, 0, 1, b"a", "can0")),
    "channel 300": (message(5, b"a", 300), (5, False, 0, 1, b"a", "can299")),
    "header 2": (message(5, b"a", version=2), (5, False, 0, 1, b"a", "can0")),
    "message 2": (thing(86, message()[32:] + bytes(8)), (0x123, False, 0, 8, bytes(8), "can0")),
    "flexible": (thing(100, FLEXIBLE), (0x123, False, FD, 12, bytes(range(12)), "can1")),
    "flexible 64": (
        thing(101, flexible_64(), version=2),
        (0x18FEF100, True, FD, 12, bytes(range(1, 13)), "can2"),
    ),
    "flexible 64, remote": (
        thing(101, flexible_64(0x1010, 9, 0, data=b"")),
        (0x18FEF100, True, FD | RTR, 12, bytes(12), "can2"),
    ),
    "flexible 64, classic": (
        thing(101, flexible_64(0, 15, 8)),
        (0x18FEF100, True, 0, 8, bytes(range(1, 9)), "can2"),
    ),
    "more said than there is": (
        thing(101, flexible_64(valid=12, data=b"abc")),
        (0x18FEF100, True, FD, 12, b"abc" + bytes(9), "can2"),
    ),
    "more data than valid": (
        thing(101, flexible_64(valid=2)),
        (0x18FEF100, True, FD, 12, b"\1\2" + bytes(10), "can2"),
    ),
    "the data end early": (
        thing(101, flexible_64(end=32 + 40 + 4)),
        (0x18FEF100, True, FD, 12, b"\1\2\3\4" + bytes(8), "can2"),
    ),
    "the data end behind the object": (
        thing(101, flexible_64(end=200, data=b"abc")),
        (0x18FEF100, True, FD, 12, b"abc" + bytes(9), "can2"),
    ),
    "the data end before they begin": (
        thing(101, flexible_64(end=7)),
        (0x18FEF100, True, FD, 12, bytes(12), "can2"),
    ),
    "error": (thing(2, struct.pack("<HHI", 2, 0, 7)), (0, False, ERR, 0, b"", "can1")),
    "error 64": (thing(104, ERROR_64), (0x123, False, ERR | FD, 12, b"\1" * 12, "can2")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", [None, 0, 2])
def test_kinds_of_objects(tmp_path, kind, method):
    made, row = KINDS[kind]
    around = message(0x7FF, b"!")
    held = around + made + around
    log = logs.read(put(tmp_path, held if method is None else container(held, method)), strict=True)
    end = (START_US, 0x7FF, False, 0, 1, b"!", "can0")
    assert rows_of(log.frames) == [end, (START_US, *row), end]


@pytest.mark.parametrize(
    ("unit", "ticks", "t_us"),
    [
        (2, 0, 0),
        (2, 499, 0),
        (2, 500, 1),
        (2, 1_000_000_001, 1_000_000),
        (2, (1 << 64) - 1, 18_446_744_073_709_552),
        (0, 7_000, 7),
        (1, 7, 70),
        (1, 10**12, 10**13),
    ],
)
def test_units_of_time(tmp_path, unit, ticks, t_us):
    path = put(tmp_path, message(unit=unit, ticks=ticks))
    assert logs.read(path).frames.t_us.tolist() == [START_US + t_us]


@pytest.mark.parametrize(
    ("start", "t_us", "notes"),
    [
        (START, START_US, [blf.UTC_NOTE]),
        ((0,) * 8, 0, []),
        ((2024, 13, 2, 31, 14, 9, 40, 222), 0, [blf.NO_DATE]),
    ],
)
def test_the_start_of_the_measurement(tmp_path, start, t_us, notes):
    log = logs.read(put(tmp_path, message(), head=header(start)))
    assert (log.frames.t_us.tolist(), log.notes) == ([t_us], notes)


@pytest.mark.parametrize("size", [72, 73, 144, 1000])
def test_headers_of_any_size(tmp_path, size):
    assert len(logs.read(put(tmp_path, message(), head=header(size=size)), strict=True).frames) == 1


def test_objects_of_odd_sizes_with_and_without_bytes_between(tmp_path):
    sizes = range(1, 9)
    padded = b"".join(thing(MARKER, b"m" * size) + message(size) for size in sizes)
    close = b"".join(thing(MARKER, b"m" * size, pad=False) + message(size) for size in sizes)
    for held in (padded, close):
        for parts in ((held,), (container(held),), (container(held[:333]), container(held[333:], 0))):
            log = logs.read(put(tmp_path, *parts), strict=True)
            assert (log.frames.id.tolist(), log.passed) == (list(sizes), 8)


def test_objects_between_containers_keep_their_place(tmp_path):
    parts = container(message(1)), message(2), container(message(3), 0), thing(MARKER, b"a" * 3), message(4)
    log = logs.read(put(tmp_path, *parts), strict=True)
    assert (log.frames.id.tolist(), log.passed) == ([1, 2, 3, 4], 1)


def test_a_large_object_is_waited_for(tmp_path):
    held = message(1) + thing(MARKER, bytes(3 * blf.BLOCK)) + message(2)
    for parts in ((held,), (container(held),), (container(held[:-60]), container(held[-60:], 0))):
        log = logs.read(put(tmp_path, *parts), strict=True)
        assert (log.frames.id.tolist(), log.passed) == ([1, 2], 1)


@pytest.mark.parametrize(("kind", "size"), [(1, 5_000), (MARKER, (16 << 20) + 1), (MARKER, 15)])
def test_an_object_of_no_possible_size_is_none(tmp_path, kind, size):
    log = logs.read(put(tmp_path, message(1), thing(kind, b"", size=size), message(2)))
    assert (log.frames.id.tolist(), log.skipped, log.passed) == ([1, 2], 1, 0)


def test_the_signature_in_data_is_no_object(tmp_path):
    held = b"".join(message(k, b"LOBJLOBJ") for k in range(50))
    log = logs.read(put(tmp_path, container(held), container(held, 0), held), strict=True)
    assert log.frames.id.tolist() == [*range(50)] * 3


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (message(version=3), 1),
        (damaged(message(version=2), 4, 32), 1),
        (thing(1, bytes(15)), 2),
        (thing(100, bytes(83)), 2),
        (message(unit=1, ticks=1 << 60), 3),
        (message(channel=0), 4),
    ],
)
def test_an_object_that_cannot_be_read_is_told(tmp_path, bad, reason):
    held = message(1) + bad + message(2)
    for parts, where in (((held,), "byte 192"), ((container(held),), "byte 144: in this container byte 48")):
        path = put(tmp_path, *parts)
        log = logs.read(path)
        assert log.frames.id.tolist() == [1, 2]
        assert log.problems == [f"{path}: {where}: {blf_objects.REASONS[reason]}"]
        with pytest.raises(LogError, match=where):
            logs.read(path, strict=True)


@pytest.mark.parametrize(
    ("at", "byte", "without", "where"),
    [
        (48, 0, [1], 48),  # no signature
        (56, 52, [], 100),  # the size says too much
        (57, 1, [], 352),  # far too much
        (59, 255, [1], 48),
        (56, 44, [1], 48),  # too short for its kind
        (56, 8, [1], 48),
    ],
)
def test_reading_goes_on_after_damage(tmp_path, at, byte, without, where):
    held = damaged(b"".join(message(k) for k in range(20)), at, byte)
    ids = [k for k in range(20) if k not in without]
    for parts, place in (
        ((held, message(99)), f"byte {144 + where}: "),
        ((container(held), container(message(99))), f"byte 144: in this container byte {where}: "),
    ):
        path = put(tmp_path, *parts)
        log = logs.read(path)
        assert (log.frames.id.tolist(), log.skipped) == ([*ids, 99], 1)
        assert log.problems[0].startswith(f"{path}: {place}")


def test_a_damaged_container_is_left_out_and_reading_goes_on(tmp_path):
    held = b"".join(message(k) for k in range(300))
    first, second, third = (container(part) for part in (held[:4_820], held[4_820:9_640], held[9_640:]))
    second = damaged(second, len(second) // 2, second[len(second) // 2] ^ 1)
    path = put(tmp_path, first, second, third)
    log = logs.read(path)
    # An object of two containers is lost at either end.
    assert log.frames.id.tolist() == [*range(100), *range(201, 300)]
    assert log.skipped == 1
    assert f"{path}: byte {144 + len(first)}: a container that cannot be unpacked" in log.problems[0]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (container(message(1), 7), "compressed in the way 7, which is not known"),
        (struct.pack("<4sHHII", b"LOBJ", 16, 1, 16, 10), "it has no header"),
        (container(b"")[:-2] + b"??", "incorrect data check"),
    ],
)
def test_a_container_that_cannot_be_unpacked(tmp_path, bad, why):
    log = logs.read(put(tmp_path, container(message(0)), bad, container(message(2))))
    assert (log.frames.id.tolist(), log.skipped) == ([0, 2], 1)
    assert why in log.problems[0]


@pytest.mark.parametrize("claimed", [0, 1, 1 << 20, (1 << 32) - 1])
def test_what_a_container_says_to_hold_is_not_needed(tmp_path, claimed):
    held = b"".join(message(k) for k in range(50))
    log = logs.read(put(tmp_path, container(held, claimed=claimed)), strict=True)
    assert log.frames.id.tolist() == [*range(50)]


@pytest.mark.parametrize("method", [0, 2])
@pytest.mark.parametrize("lie", [1, 40, -8, -40])
def test_containers_with_a_wrong_size(tmp_path, method, lie):
    held = b"".join(message(k) for k in range(20))
    right = container(held, method)
    size = struct.unpack_from("<I", right, 8)[0]
    wrong = right[:8] + struct.pack("<I", size + lie) + right[12:]
    path = put(tmp_path, wrong, container(message(50)), container(message(51)))
    log = logs.read(path)
    ids = log.frames.id.tolist()
    assert ids == sorted(set(ids))
    assert ids[-2:] == [50, 51]
    assert log.skipped <= 3
    if lie > 1 or method == 0:
        assert ids == [*range(20), 50, 51]


def test_a_log_that_was_never_finished(tmp_path):
    path = tmp_path / "a.blf"
    writer = can.BLFWriter(str(path), max_container_size=1000)
    for k in range(200):
        writer.on_message_received(can.Message(arbitration_id=k, is_extended_id=False, timestamp=k))
    writer.file.flush()
    (tmp_path / "b.blf").write_bytes(path.read_bytes())
    writer.stop()
    unfinished = (tmp_path / "b.blf").read_bytes()
    assert struct.unpack_from("<QQI", unfinished, 16) == (144, 144, 0)
    for zeros in (unfinished, unfinished[:16] + bytes(128) + unfinished[144:]):
        (tmp_path / "b.blf").write_bytes(zeros)
        log = logs.read(tmp_path / "b.blf", accept_cut=True)
        assert 150 < len(log.frames) < 200
        assert log.frames.id.tolist() == [*range(len(log.frames))]


def test_a_file_that_ends_before_its_header_says_is_cut(tmp_path):
    path = put(tmp_path, message(), head=header(file_size=193))
    with pytest.raises(LogError, match=r"byte 192: the file ends early \(--accept-cut"):
        logs.read(path)
    assert len(logs.read(path, accept_cut=True).frames) == 1
    assert len(logs.read(put(tmp_path, message(), head=header(file_size=192))).frames) == 1


def samples(*kinds):
    """Files of these kinds of objects, in containers of both kinds and outside."""
    held = b"".join(KINDS[kind][0] for kind in kinds) + thing(MARKER, b"abc")
    half = len(held) // 2
    stored = container(held[:half], 0), container(held[half:], 0), message(7)
    packed = container(held[:half]), container(held[half:]), thing(MARKER, b"a")
    return [header() + b"".join(parts) for parts in (stored, packed, (held,))]


@pytest.mark.parametrize("which", range(3))
def test_a_file_cut_at_any_byte_is_an_error_or_a_log(tmp_path, which):
    content = samples("classic", "flexible 64", "header 2", "error")[which]
    path = tmp_path / "cut.blf"
    path.write_bytes(content)
    whole = rows_of(logs.read(path, strict=True).frames)
    errors = 0
    for at in range(1, len(content)):
        path.write_bytes(content[:at])
        try:
            log = logs.read(path, accept_cut=at % 2 == 0)
        except LogError as error:
            assert str(path) in str(error)  # noqa: PT017 - some cuts are errors, the others logs
            errors += 1
            continue
        assert rows_of(log.frames) == whole[: len(log.frames)]
        assert log.skipped <= 2 * (at % 2 == 0)
    assert errors >= len(content) // 2 - 20


def checked(path, **how):
    """A log or None where it is an error that names the file; what is read keeps to the rules of frames."""
    try:
        log = logs.read(path, **how)
    except LogError as error:
        assert str(path) in str(error)  # noqa: PT017 - some are errors, the others logs
        return None
    frames = log.frames
    assert not (frames.id > np.where(frames.ext, 0x1FFFFFFF, 0x7FF)).any()
    assert not ((frames.dlc > 8) & (frames.flags & FD == 0)).any()
    assert np.isin(frames.dlc, blf.LENGTHS).all()
    assert not frames.data[np.arange(frames.data.shape[1]) >= frames.dlc[:, None]].any()
    assert len(log.problems) == min(log.skipped, 5)
    return log


@pytest.mark.parametrize("which", range(3))
def test_wounded_files_are_errors_or_logs(tmp_path, which):
    content, path, rng = samples(*KINDS)[which], tmp_path / "m.blf", np.random.default_rng(which)
    read = 0
    for k in range(300):
        wounded = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            at, way = int(rng.integers(144 if k % 4 else 0, len(wounded))), rng.integers(5)
            if way == 0:
                wounded[at] ^= 1 << int(rng.integers(8))
            elif way == 1:
                wounded[at] = int(rng.choice([0, 255]))
            elif way == 2:
                del wounded[at : at + int(rng.integers(1, 50))]
            elif way == 3:
                wounded[at:at] = rng.bytes(int(rng.integers(1, 50)))
            else:
                wounded[at : at + 4] = b"LOBJ"
        path.write_bytes(wounded)
        read += checked(path, accept_cut=bool(k % 2)) is not None
    assert read > 100


def test_garbage_behind_the_header(tmp_path):
    rng = np.random.default_rng(3)
    for k in range(100):
        size = int(rng.integers(5, 400))
        junk = (
            rng.choice(np.frombuffer(b"LOBJ\0\1\x0a\x30", np.uint8), size).tobytes()
            if k % 2
            else rng.bytes(size)
        )
        assert checked(put(tmp_path, junk), accept_cut=bool(k % 3)) is None
        log = checked(put(tmp_path, junk, message(1), message(2)), accept_cut=True)
        assert log is None or (log.frames.id.tolist()[-1] == 2 and log.skipped)


def test_a_wide_gap_of_zeros_is_one_problem(tmp_path):
    log = logs.read(put(tmp_path, message(1), bytes(3 * blf.BLOCK), message(2), bytes(3 * blf.BLOCK)))
    assert (log.frames.id.tolist(), log.skipped) == ([1, 2], 2)
    log = logs.read(put(tmp_path, container(message(1) + bytes(3 * blf.BLOCK) + message(2))))
    assert (log.frames.id.tolist(), log.skipped) == ([1, 2], 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: container(message(1) + bytes(50 << 20), claimed=1),
        lambda: container(message(1) * 1_000_000, claimed=(1 << 32) - 1),
        lambda: container(message(1) + thing(MARKER, b"", size=(1 << 32) - 4)),
        lambda: message(1) + container(b"", claimed=(1 << 32) - 1, size=(1 << 32) - 4),
    ],
    ids=["zeros", "frames", "an object of 4 GB", "a container of 4 GB"],
)
def test_memory_does_not_grow_with_what_a_container_claims_or_holds(tmp_path, make):
    path = put(tmp_path, make())
    tracemalloc.start()
    try:
        assert sum(len(frames) for frames in logs.chunks(path, accept_cut=True)) >= 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 * blf.BLOCK


def test_more_channels_than_there_can_be(tmp_path):
    path = put(tmp_path, *(message(1, channel=k) for k in range(1, 258)))
    with pytest.raises(LogError, match=r"a\.blf: byte 144: more than 256 different buses"):
        logs.read(path)


@pytest.mark.parametrize("size", [0, 71, (1 << 32) - 1])
def test_a_header_of_no_size(tmp_path, size):
    head = header()[:4] + struct.pack("<I", size) + header()[8:]
    with pytest.raises(LogError, match=r"a\.blf: (byte 4: a header of|no frames in it)"):
        logs.read(put(tmp_path, message(), head=head))


def test_a_compressed_one_is_as_one_that_was_not_finished(tmp_path):
    frames = many(100)
    logs.write(tmp_path / "a.blf.gz", frames)
    logs.write(tmp_path / "a.blf", frames)
    packed = gzip.decompress((tmp_path / "a.blf.gz").read_bytes())
    plain = (tmp_path / "a.blf").read_bytes()
    assert packed == plain[:16] + bytes(24) + plain[40:]
    assert logs.read(tmp_path / "a.blf.gz", strict=True).frames.equals(frames)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"label": [1], "labels": ("", "dos")}, "labels"),
        ({"t_us": [-1]}, "times before 1970"),
        ({"t_us": [blf.LATEST_US]}, "after 2554"),
        ({"dlc": [12]}, "more than 8 bytes outside CAN FD"),
        ({"dlc": [9], "flags": [FD]}, "lengths that CAN FD does not know"),
        ({"flags": [ERR | RTR]}, "error frames that are remote requests"),
        ({"buses": ("vcan0",)}, "a bus named 'vcan0'"),
        ({"buses": ("can255",)}, "a bus named 'can255'"),
    ],
)
def test_what_cannot_be_held_is_said(tmp_path, change, what):
    frames = Frames.of([0], [1], np.zeros((1, 64), np.uint8)).changed(**change)
    with pytest.raises(LogError, match=what):
        logs.write(tmp_path / "a.blf", frames)
    assert not list(tmp_path.iterdir())
