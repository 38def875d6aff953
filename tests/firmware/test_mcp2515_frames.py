"""The MCP2515's driver against its chip: what goes in comes out, and the filters pass what they say."""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import firmware_drivers
import spi_load
from canbean.board import firmware
from mcp2515_cases import EXT, Bus, extended, frames, keys, standard
from mcp2515_chip import LISTEN, NORMAL, Chip
from viper32 import Kernel


@given(st.lists(st.lists(frames(), min_size=1, max_size=2), max_size=20), st.booleans(), st.booleans())
def test_what_goes_in_comes_out(bursts, wired, listen_only):
    """In order, bit by bit, on one or both buffers full; only normal mode shows itself on the bus."""
    bus = Bus(wired=wired, listen_only=listen_only)
    assert bus.chip.mode == (LISTEN if listen_only else NORMAL)
    for burst in bursts:
        for frame in burst:
            assert bus.chip.receive(*frame) >= 0
        assert bus.receive() == len(burst)
    assert bus.receive() == 0
    assert bus.taken() == [frame for burst in bursts for frame in burst]


class Racing(Chip):
    """A chip on which frames arrive while it is read: a fixed number of transactions apart."""

    def __init__(self, frames, apart):
        super().__init__()
        self.coming, self.apart, self.left, self.lost = list(frames), apart, 0, []

    def cs(self, level):
        super().cs(level)
        if level and self.coming and self.mode == LISTEN:
            self.left -= 1
            if self.left <= 0:
                self.left = next(self.apart)
                frame = self.coming.pop(0)
                if self.receive(*frame) == -1:
                    self.lost.append(frame)


@given(
    st.lists(frames(), max_size=30), st.lists(st.integers(1, 4), min_size=1, max_size=8), st.integers(1, 3)
)
def test_frames_that_arrive_while_it_reads_keep_their_order(stream, gaps, n):
    """With INT: whatever the chip did not lose comes out once and in order, also through a ring that fills."""

    def apart():
        while True:
            yield from gaps

    chip = Racing([(i, *frame[1:]) for i, frame in enumerate(stream)], apart())
    bus = Bus(chip=chip, n=n)
    got = []
    while chip.coming or chip.r[0x2C] & 3:
        if not bus.receive():
            chip.cs(0)
            chip.cs(1)
        got += bus.taken()
    arrived = [i for i in range(len(stream)) if i not in [frame[0] for frame in chip.lost]]
    assert [frame[0] for frame in got] == arrived
    assert bus.driver.interrupt
    assert not bus.ring.lost


@given(st.lists(st.integers(0, 2), max_size=20), st.integers(1, 3), st.booleans())
def test_frames_that_arrive_between_two_looks_keep_their_order(bursts, n, wired):
    """Also where the ring filled just when both buffers were empty, or one of them full."""
    bus = Bus(n=n, wired=wired)
    kept, got = [], []
    for burst in bursts + [0] * 4:
        for _ in range(burst):
            key = len(kept)
            if bus.chip.receive(key, 0) >= 0:
                kept.append(key)
        bus.receive()
        got += [frame[0] for frame in bus.taken()]
    assert got == kept


def passes(filters, key):
    """What masks and filters mean, in plain Python."""
    for n in range(6):
        mask, one = filters[n > 1], filters[2 + n]
        if one >> 29 == key >> 29:
            width = 29 if key >> 29 else 11
            bits = mask & 0x1FFFFFFF
            if mask >> 29 and width == 11:
                bits >>= 18
            elif not mask >> 29 and width == 29:
                bits <<= 18
            if not (one ^ key) & bits & (1 << width) - 1:
                return True
    return False


@st.composite
def filter_sets(draw):
    """Two masks, six filters: those of either kind under a mask that compares no more than both have."""
    masks, ones = [], []
    for count in (2, 4):
        kind = draw(st.integers(0, 2))
        if kind == 0:
            masks.append(draw(standard))
            ones += draw(st.lists(keys, min_size=count, max_size=count))
        elif kind == 1:
            masks.append(draw(extended))
            ones += draw(st.lists(extended, min_size=count, max_size=count))
        else:
            masks.append(draw(extended) & ~0x3FFFF)
            ones += draw(st.lists(keys, min_size=count, max_size=count))
    return masks + ones


@given(filter_sets(), st.lists(keys, max_size=20), st.data())
def test_filters_pass_what_masks_and_filters_say(filters, others, data):
    bus = Bus(filters=filters)
    near = [one ^ 1 << data.draw(st.integers(0, 28 if one >> 29 else 10)) for one in filters[2:]]
    for key in others + filters[2:] + near:
        passed = bus.chip.receive(key, 2, b"\xc3\x5a")
        assert (passed is not None) == passes(filters, key), hex(key)
        bus.receive()
        assert bus.taken() == ([(key, 2, b"\xc3\x5a", False)] if passed is not None else [])


def test_a_standard_filter_under_an_extended_mask_is_refused():
    # its lower bits would be compared with the data of standard frames
    with pytest.raises(ValueError, match="filter 3 is standard, its mask extended"):
        Bus(filters=[0, EXT | 1, 0, 0, EXT, 0x123, EXT, EXT])


def test_a_full_ring_leaves_frames_in_the_chip():
    bus = Bus(n=3)
    for key in range(2):
        bus.chip.receive(key, 0)
    assert bus.receive() == 2
    for key in range(2, 4):
        bus.chip.receive(key, 0)
    assert bus.receive() == 1
    assert bus.receive() == 0
    bus.ring.take()
    assert bus.receive() == 1
    assert [frame[0] for frame in bus.taken()] == [1, 2, 3]
    assert not bus.ring.lost


def test_time_is_the_clocks_when_it_is_read():
    bus = Bus()
    bus.us = 3_000_000_007
    bus.clock.read()
    bus.us += 5_250_000
    bus.chip.receive(1, 0)
    bus.receive()
    record = bus.ring.records
    assert int.from_bytes(record[:4], "little") == bus.clock.s
    assert int.from_bytes(record[4:7], "little") & 0xFFFFF == bus.clock.us


@given(st.lists(frames(), max_size=10))
def test_sends_where_enabled(stream):
    bus = Bus(listen_only=False)
    for key, code, data, remote in stream:
        assert bus.send(key, code + 64 * remote, data)
    assert bus.chip.sent == stream


def test_sends_nothing_where_it_only_listens():
    bus = Bus()
    with pytest.raises(OSError, match="this board only listens"):
        bus.send(1, 0, b"")
    assert not bus.chip.sent
    assert not bus.chip.transactions


def test_a_frame_that_still_waits_is_not_overwritten():
    bus = Bus(listen_only=False)
    bus.chip.busy = True
    assert bus.send(1, 1, b"a")
    assert not bus.send(2, 1, b"b")
    bus.chip.fail()
    assert bus.driver.status()[2] == 8 + 1
    bus.chip.busy = False
    bus.chip.transmit()
    assert bus.send(3, 1, b"c")
    assert [frame[0] for frame in bus.chip.sent] == [1, 3]
    # its flags are not taken for frames
    assert bus.receive() == 0


KERNEL = firmware.folder() / "drivers" / "mcp2515_viper.py"
registers = st.tuples(
    st.binary(min_size=4, max_size=4), st.integers(0, 127), st.binary(min_size=8, max_size=8)
)


@pytest.mark.parametrize("bits", [32, 64])
@settings(max_examples=50)
@given(registers, st.integers(0, (1 << 30) - 1), st.integers(0, 999_999))
def test_native_code_writes_the_same_record(bits, read, s, us):
    """Of any registers, on 32 and on 64 bits."""
    burst = bytearray(b"\x90" + read[0] + bytes((read[1],)) + read[2])
    kernel = Kernel(KERNEL, "record", bits)
    bus = Bus(start=False)
    bus.driver.one[:] = burst
    bus.clock.s, bus.clock.us = s, us
    bus.ring.put()
    bus.driver.take(bus.ring, bus.clock)
    records = bytearray(len(bus.ring.records))
    kernel(records, 19, bus.driver.one, array("i", (s, us)))
    assert records == bus.ring.records
    assert not kernel.wrapped


BOTH = """
import sys
from array import array
from mcp2515_chip import Chip
from canbean.clock import Clock
from canbean.ring import Ring
from drivers.{module} import Mcp2515
chip = Chip()
driver = Mcp2515(chip, chip.cs, chip.interrupt, 16)
driver.start(500000, True, None)
assert "drivers.mcp2515_setup" not in sys.modules
ring, now = Ring(4), [0]
clock = Clock(lambda: now[0] & 0x3FFFFFFF)
seed = 1
for i in range(500):
    seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
    key = seed & 0x1FFFFFFF | 1 << 29 if i & 1 else seed & 0x7FF
    chip.receive(key, i % 9, bytes([i & 255] * (i % 9)), i % 7 == 0)
    if i & 3 == 3:
        now[0] += 1000001
        while driver.receive(ring, clock):
            while ring.count:
                print(bytes(ring.records[ring.first:ring.first + 19]))
                ring.take()
print(driver.status())
only = [0x7FF, 1 << 29 | 0x1FFFFFFF, 0x123, 0x124] + [1 << 29 | 5] * 4
driver.start(125000, False, array("I", only))
print([chip.receive(key, 0) for key in (0x123, 1 << 29 | 5, 0x125, 1 << 29 | 4)])
print(driver.receive(ring, clock), driver.send(0x456, 2, b"ab"), chip.sent)
driver.stop()
"""


@pytest.mark.parametrize("module", ["mcp2515", "mcp2515_viper"])
def test_both_pythons_write_the_same_records(vm, module):
    """On the VM, in bytecode and in native code, and the very same code on CPython."""
    tests = __file__.rsplit("/", 2)[0]
    said = vm.run(BOTH.replace("{module}", module), path=(firmware.folder(), tests))
    got = []
    with firmware_drivers.names():
        exec(
            BOTH.replace("{module}", "mcp2515"), {"print": lambda *said: got.append(" ".join(map(str, said)))}
        )
    assert said.split("\n")[:-1] == got
    assert len(got) > 200


ALLOCATES = """
import gc
from canbean.clock import Clock
from canbean.ring import Ring
from drivers.{module} import Mcp2515

class Spi:
    # Answers without a heap: buffer 0, then both by status, each frame an extended one.
    level = 0
    def write_readinto(self, out, into):
        if len(into) == 2:
            into[1] = 3
        elif len(into) == 14:
            for i in range(1, 14):
                into[i] = 0x0B + i & 0x7F

spi = Spi()
driver = Mcp2515(spi, lambda level: None, None, 8)
interrupt = lambda: 0
ring = Ring(4)
ticks = 0
def ticks_us():
    global ticks
    ticks = ticks + 1000 & 0x3FFFFFFF
    return ticks
clock = Clock(ticks_us)
def run(n):
    for i in range(n):
        driver.receive(ring, clock)
        while ring.count:
            ring.take()
before = 0
for with_interrupt in (False, True):
    if with_interrupt:
        driver.interrupt = interrupt
        driver.direct = True
    run(4)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    run(5000)
    print(gc.mem_alloc() - before)
    gc.enable()
driver.control = 0x0B + 5
def three():
    return driver.first, driver.first, driver.first
def taken(call):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for i in range(100):
        call()
    after = gc.mem_alloc()
    gc.enable()
    return after - before
for i in range(2):
    of_three, of_status = taken(three), taken(driver.status)
print(driver.status()[0] != "silent chip", of_status - of_three)
"""


def test_receiving_allocates_nothing(vm, vm32):
    """And its state no more than the three that it returns."""
    said = ["0", "0", "True", "0"]
    assert vm.run(ALLOCATES.replace("{module}", "mcp2515")).split() == said
    assert vm.run(ALLOCATES.replace("{module}", "mcp2515_viper")).split() == said
    assert vm32(ALLOCATES.replace("{module}", "mcp2515")).split() == said


def test_transactions_and_bytes_of_a_frame():
    """At most 1.5 and 16 on average under load; none while the bus is silent, where INT is wired."""
    said = spi_load.spi_load(500)
    assert said["spi_transactions_per_frame"] <= 1.5
    assert said["spi_transactions_per_frame_most"] <= 1.5
    assert said["spi_bytes_per_frame_most"] <= 16
    assert said["spi_frames_out_of_order"] == 0
    assert said["spi_transactions_per_frame_without_int"] <= 2
    assert said["spi_bytes_per_frame_without_int"] <= 16
    bus = Bus()
    assert bus.receive() == 0
    assert not bus.chip.transactions
    bus.chip.receive(1, 8, bytes(8))
    assert bus.receive() == 1
    assert (bus.chip.transactions, bus.chip.bytes) == (1, 14)
    for _ in range(2):
        bus.chip.receive(1, 8, bytes(8))
    assert bus.receive() == 2
    assert (bus.chip.transactions, bus.chip.bytes) == (1 + 3, 14 + 30)
