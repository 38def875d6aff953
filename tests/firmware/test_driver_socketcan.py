"""SocketCAN's frames through the driver: from a socket pair that carries them, under CPython and under MicroPython."""

import json
import socket
import struct
import subprocess
import tempfile
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.board.firmware import folder
from driver_cases import Standing, Taken, ring, taken
from firmware_drivers import load

socketcan = load("drivers.socketcan")
EFF, RTR, ERR = 0x80000000, 0x40000000, 0x20000000


def classic(can_id, data):
    return struct.pack("<IB3x8s", can_id, len(data), data)


def flexible(can_id, data, flags=0):
    return struct.pack("<IBB2x64s", can_id, len(data), flags, data)


@pytest.fixture
def line():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        bus = socketcan.SocketCan("can0", ours)
        bus.start(500_000, True, None)
        yield bus, theirs


def received(bus, n=16):
    queue = ring.Ring(n)
    got = bus.receive(queue, Standing())
    return got, taken(queue)


def frame(key, code, data, flags=0):
    return Taken(1234, 567_890, key, flags, code, data.ljust(8, b"\0"))


def test_frames_of_every_sort(line):
    bus, theirs = line
    long = bytes(range(20))
    for sent in (
        classic(0x123, b"\x01\x02\x03"),
        classic(EFF | 0x18FEF100, b"12345678"),
        classic(RTR | 0x7FF, b""),
        flexible(0x124, long),
        flexible(EFF | 0x1FFFFFFF, b"\xff" * 64, 5),
        flexible(0x125, b"\x09", 1),
    ):
        theirs.send(sent)
    assert received(bus) == (
        6,
        [
            frame(0x123, 3, b"\x01\x02\x03"),
            frame(0x18FEF100 | 1 << 29, 8, b"12345678"),
            frame(0x7FF, 0, b"", 2),
            frame(0x124, 11, long[:8], 1),
            frame(0x3FFFFFFF, 15, b"\xff" * 8, 1),
            frame(0x125, 1, b"\x09", 1),
        ],
    )
    assert received(bus) == (0, [])
    assert bus.status() == ("ok", 0, 0)


def test_what_a_full_ring_cannot_take_waits(line):
    bus, theirs = line
    for i in range(5):
        theirs.send(classic(i, b""))
    assert [[one.key for one in received(bus, 2)[1]] for _ in range(4)] == [[0, 1], [2, 3], [4], []]


@pytest.mark.parametrize(
    ("error", "said", "state", "overflows"),
    [
        (0x40, 0, "bus-off", 0),
        (4, 0x01, "ok", 1),
        (4, 0x04, "warning", 0),
        (4, 0x08, "warning", 0),
        (4, 0x10, "passive", 0),
        (4, 0x20, "passive", 0),
        (0x80, 0, "ok", 0),
    ],
)
def test_error_frames_tell_the_state(line, error, said, state, overflows):
    bus, theirs = line
    theirs.send(classic(ERR | error, bytes((0, said, 0, 0, 0, 0, 0, 0))))
    theirs.send(classic(1, b""))
    got, frames = received(bus)
    assert (got, [one.key for one in frames]) == (1, [1])
    assert bus.status() == (state, overflows, 1)
    theirs.send(classic(ERR | 0x100, bytes(8)))
    received(bus)
    assert bus.status() == ("ok", overflows, 2)


def test_an_interface_that_goes_down(line):
    bus, _ = line

    def gone(_):
        raise OSError(100, "Network is down")

    bus.read = gone
    assert received(bus) == (0, [])
    assert bus.status()[0] == "silent chip"


@given(st.integers(0, 0x3FFFFFFF), st.binary(max_size=8))
def test_what_is_sent_comes_back(key, data):
    key = key if key >> 29 else key & 0x7FF
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        near, far = (socketcan.SocketCan("can0", one) for one in (ours, theirs))
        near.start(500_000, False, None)
        far.start(500_000, True, None)
        near.send(key, len(data), data)
        assert received(far)[1] == [frame(key, len(data), data)]


@given(st.lists(st.integers(0, 0x3FFFFFFF), min_size=8, max_size=8), st.integers(0, 0x3FFFFFFF))
def test_the_kernel_filters_as_the_chip_would(keys, key):
    def alike(mask, wanted):
        if key >> 29 != wanted >> 29:
            return False
        if mask >> 29:
            mask &= 0x1FFFFFFF
            mask = mask if key >> 29 else mask >> 18
        else:
            mask = (mask & 0x7FF) << 18 if key >> 29 else mask & 0x7FF
        return not (key ^ wanted) & mask & 0x1FFFFFFF

    keys = [one if one >> 29 else one & 0x7FF for one in keys]
    key = key if key >> 29 else key & 0x7FF
    passes = any(alike(keys[i > 1], wanted) for i, wanted in enumerate(keys[2:]))
    kernel = struct.iter_unpack("<II", socketcan.kernel_filters(array("I", keys)))
    can_id = key & 0x1FFFFFFF | (EFF if key >> 29 else 0)
    assert any(can_id & mask == one & mask for one, mask in kernel) == passes


def test_without_an_interface():
    with pytest.raises(OSError, match="no CAN interface can99"):
        socketcan.SocketCan("can99").start(500_000, True, None)


def test_an_interface_that_is_down(monkeypatch):
    monkeypatch.setattr(socketcan, "sysfs", lambda name, what: 4 if what == "ifindex" else 0)
    with pytest.raises(OSError, match="can0 is down: ip link set can0 up"):
        socketcan.SocketCan("can0").start(500_000, True, None)


def test_on_vcan0():
    try:
        near, far = socketcan.SocketCan("vcan0"), socketcan.SocketCan("vcan0")
        far.start(500_000, True, array("I", [0x7FF] * 2 + [0x123] * 6))
        near.start(500_000, False, None)
    except OSError as error:
        pytest.skip(f"needs vcan0: {error}")
    near.send(0x124, 1, b"x")
    near.send(0x123, 2, b"ab")
    got, frames = received(far)
    assert (got, frames[0][2:]) == (1, (0x123, 0, 2, b"ab".ljust(8, b"\0")))


ON_VM = """
import gc, json, socket, struct, sys
from canbean.clock import Clock
from canbean.ring import Ring
from drivers.socketcan import SocketCan
import time

path = sys.argv[1].encode()
line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
line.bind(struct.pack("<H", 1) + path + bytes(108 - len(path)))
bus = SocketCan("can0", line)
bus.start(500000, True, None)
ring = Ring(8)
clock = Clock(time.ticks_us)
print("ready")
rows = []
while len(rows) < 3:
    bus.receive(ring, clock)
    while ring.count:
        rows.append([b for b in ring.records[ring.first + 4 : ring.first + 19]])
        ring.take()
print(json.dumps(rows))
gc.collect()
gc.disable()
before = gc.mem_alloc()
for _ in range(1000):
    bus.receive(ring, clock)
print(gc.mem_alloc() - before < 200, bus.receive(ring, clock), bus.status())
"""


def test_under_micropython(vm):
    with tempfile.TemporaryDirectory() as place:
        path = f"{place}/bus"
        head = f"import sys\nsys.path.insert(0, {str(folder())!r})\n"
        with subprocess.Popen(
            [vm.executable, "-c", head + ON_VM, path], stdout=subprocess.PIPE, text=True, cwd=place
        ) as process:
            assert process.stdout.readline() == "ready\n"
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.connect(path)
                for sent in (
                    classic(EFF | 0x18FEF100, b"ab"),
                    flexible(0x7FF, bytes(range(64)), 4),
                    classic(ERR | 0x40, bytes(8)),
                    classic(RTR | 5, b""),
                ):
                    sender.send(sent)
            rows = json.loads(process.stdout.readline())
            rest = process.stdout.readline()
    keys = [int.from_bytes(bytes(row[3:7]), "little") for row in rows]
    assert keys == [0x18FEF100 | 1 << 29, 0x7FF | 1 << 30, 5 | 2 << 30]
    assert [row[2] >> 4 for row in rows] == [2, 15, 0]
    assert rows[1][7:] == list(range(8))
    assert rest == "True 0 ('bus-off', 0, 1)\n"
