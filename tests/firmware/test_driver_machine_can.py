"""`machine.CAN` through the driver, with a stand-in of that class as MicroPython's documentation of 1.28 has it."""

from array import array
from collections import deque

import pytest

from driver_cases import Standing, Taken, ring, taken
from firmware_drivers import load

machine_can = load("drivers.machine_can")


class Port:
    """What is used of `machine.CAN`; tests put messages into `waiting`."""

    MODE_NORMAL, MODE_SILENT = 0, 3
    STATE_STOPPED, STATE_ACTIVE, STATE_WARNING, STATE_PASSIVE, STATE_BUS_OFF = range(5)
    FLAG_RTR, FLAG_EXT_ID = 1, 2
    RECV_ERR_FULL, RECV_ERR_OVERRUN = 1, 2
    FILTERS_MAX = 14
    TX_QUEUE_LEN = 3
    made = None

    def __init__(self, number, bitrate, mode=MODE_NORMAL):
        if bitrate == 83_333:
            raise ValueError("unable to calculate BRP for baudrate")
        Port.made = self
        self.number, self.bitrate, self.mode = number, bitrate, mode
        self.waiting = deque()
        self.sent = []
        self.filters = ()
        self.now = Port.STATE_ACTIVE
        self.counters = [0] * 8

    def set_filters(self, filters):
        if filters is not None:
            for one, mask, flags in filters:
                limit = 0x1FFFFFFF if flags & Port.FLAG_EXT_ID else 0x7FF
                if one > limit or mask > limit:
                    raise ValueError("invalid id")
        self.filters = filters

    def recv(self, into):
        if not self.waiting or self.filters == ():
            return None
        one, data, flags, errors = self.waiting.popleft()
        whole = into[1].obj
        whole[: len(data)] = data
        into[:] = one, memoryview(whole)[: len(data)], flags, errors
        return into

    def send(self, one, data, flags=0):
        if len(self.sent) == Port.TX_QUEUE_LEN:
            return None
        self.sent.append((one, bytes(data), flags))
        return len(self.sent) - 1

    def state(self):
        return self.now

    def get_counters(self, into):
        into[:] = self.counters
        return into

    def restart(self):
        self.now = Port.STATE_ACTIVE
        self.counters[2:5] = [0, 0, 0]

    def deinit(self):
        self.now = Port.STATE_STOPPED


def started(filters=None, listen_only=True):
    bus = machine_can.MachineCan(Port, 1)
    bus.start(250_000, listen_only, filters)
    return bus, Port.made


def test_it_listens_only_unless_told():
    assert [started(None, listen)[1].mode for listen in (True, False)] == [Port.MODE_SILENT, Port.MODE_NORMAL]
    assert (Port.made.number, Port.made.bitrate, Port.made.filters) == (1, 250_000, None)


def test_frames_of_every_sort():
    bus, port = started()
    port.waiting += [
        (0x123, b"12345678", 0, 0),
        (0x18FEF100, b"ab", Port.FLAG_EXT_ID, 0),
        (0x7FF, bytes(4), Port.FLAG_RTR, 0),
        (0x1FFFFFFF, b"", Port.FLAG_EXT_ID, Port.RECV_ERR_FULL),
    ]
    queue = ring.Ring(8)
    assert bus.receive(queue, Standing()) == 4
    assert taken(queue) == [
        Taken(1234, 567_890, 0x123, 0, 8, b"12345678"),
        Taken(1234, 567_890, 0x18FEF100 | 1 << 29, 0, 2, b"ab" + bytes(6)),
        Taken(1234, 567_890, 0x7FF, 2, 4, bytes(8)),
        Taken(1234, 567_890, 0x3FFFFFFF, 0, 0, bytes(8)),
    ]
    assert bus.receive(queue, Standing()) == 0
    assert bus.status() == ("ok", 0, 0)


def test_what_a_full_ring_cannot_take_waits():
    bus, port = started()
    port.waiting += [(i, b"", 0, 0) for i in range(5)]
    queue = ring.Ring(3)
    assert (bus.receive(queue, Standing()), bus.receive(queue, Standing())) == (3, 0)
    assert [one.key for one in taken(queue)] == [0, 1, 2]
    assert (bus.receive(queue, Standing()), queue.lost) == (2, 0)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (Port.STATE_ACTIVE, "ok"),
        (Port.STATE_WARNING, "warning"),
        (Port.STATE_PASSIVE, "passive"),
        (Port.STATE_STOPPED, "silent chip"),
    ],
)
def test_states(state, word):
    bus, port = started()
    port.now, port.counters = state, [9, 9, 3, 2, 0, 0, 0, 7]
    assert bus.status() == (word, 7, 5)


def test_off_the_bus_it_starts_again_and_its_errors_stay_counted():
    bus, port = started()
    port.now, port.counters = Port.STATE_BUS_OFF, [0, 0, 1, 1, 1, 0, 0, 2]
    assert bus.status() == ("bus-off", 2, 3)
    assert bus.status() == ("ok", 2, 3)
    port.counters[2] = 1
    assert bus.status() == ("ok", 2, 4)


def test_lost_frames_where_the_controller_does_not_count_them():
    bus, port = started()
    port.counters = [0, 0, None, None, None, 0, 0, None]
    port.waiting += [(1, b"", 0, Port.RECV_ERR_OVERRUN), (2, b"", 0, Port.RECV_ERR_OVERRUN | 1)]
    bus.receive(ring.Ring(8), Standing())
    assert bus.status() == ("ok", 2, 0)


def test_filters_as_the_port_takes_them():
    ext = 1 << 29
    keys = [0x7FF, 0x1FFF0000 | ext, 0x123, 0x456, 0x18FE0001 | ext, 0x18FE0001 | ext, 0x700, 0x700]
    _, port = started(array("I", keys))
    assert port.filters == [
        (0x123, 0x7FF, 0),
        (0x456, 0x7FF, 0),
        (0x18FE0001, 0x1FFF0000, Port.FLAG_EXT_ID),
        # the upper 11 bits of the mask serve a filter of 11 bits
        (0x700, 0x7FF, 0),
    ]


def test_refusals_in_plain_words(monkeypatch):
    with pytest.raises(ValueError, match="CAN 1 at 83333 bit/s"):
        machine_can.MachineCan(Port, 1).start(83_333, True, None)
    monkeypatch.setattr(Port, "FILTERS_MAX", 1)
    with pytest.raises(ValueError, match="has 1 filters, not 2"):
        started(array("I", [0x7FF, 0x7FF, 1, 1, 2, 2, 2, 2]))


def test_sending_and_stopping():
    bus, port = started(listen_only=False)
    bus.send(0x123, 2, b"ab")
    bus.send(0x123 | 1 << 29, 8, b"12345678")
    bus.send(1, 0, b"")
    assert port.sent == [(0x123, b"ab", 0), (0x123, b"12345678", Port.FLAG_EXT_ID), (1, b"", 0)]
    with pytest.raises(OSError, match="queue is full"):
        bus.send(1, 0, b"")
    bus.stop()
    assert bus.status() == ("silent chip", 0, 0)
    assert port.now == Port.STATE_STOPPED
