"""An MCP2515 on a board, as its tests use it: chip, driver, ring and clock; and frames for it."""

from hypothesis import strategies as st

import firmware_drivers
from canbean.board import firmware
from mcp2515_chip import Chip

Mcp2515 = firmware_drivers.load("drivers.mcp2515").Mcp2515
ring_of = firmware.module("ring").Ring
Clock = firmware.module("clock").Clock
EXT = 1 << 29

standard = st.integers(0, 0x7FF)
extended = st.integers(0, 0x1FFFFFFF).map(lambda identifier: identifier | EXT)
keys = st.one_of(standard, extended)


@st.composite
def frames(draw):
    """Key, DLC code, data, remote."""
    code = draw(st.integers(0, 8))
    remote = draw(st.booleans())
    return draw(keys), code, b"" if remote else draw(st.binary(min_size=code, max_size=code)), remote


class Bus:
    """A chip, its driver started, a ring and a clock that stands where it is put."""

    def __init__(
        self, *, wired=True, filters=None, listen_only=True, bitrate=500000, n=64, chip=None, start=True
    ):
        self.chip = chip or Chip()
        self.us = 0
        self.clock = Clock(lambda: self.us & 0x3FFFFFFF)
        self.ring = ring_of(n)
        self.driver = Mcp2515(self.chip, self.chip.cs, self.chip.interrupt if wired else None, 8)
        self.send = firmware_drivers.names()(self.driver.send)
        if start:
            self.start(bitrate, listen_only, filters)

    def start(self, *settings):
        with firmware_drivers.names():
            self.driver.start(*settings)
        self.chip.bytes = self.chip.transactions = 0

    def receive(self):
        return self.driver.receive(self.ring, self.clock)

    def taken(self):
        """The frames of the ring, each (key, code, data, remote)."""
        got = []
        while self.ring.count:
            at = self.ring.first
            record = self.ring.records[at : at + 19]
            word = int.from_bytes(record[7:11], "little")
            code = record[6] >> 4
            remote = word >> 30 == 2
            assert word >> 30 in (0, 2)
            size = 0 if remote else min(code, 8)
            assert record[11 + size :] == bytes(8 - size)
            got.append((word & 0x3FFFFFFF, code, bytes(record[11 : 11 + size]), remote))
            self.ring.take()
        return got
