# MCP2515 on SPI (Microchip DS20001801): its frames straight into the ring's records, and its state. One transaction
# reads a receive buffer and frees it; where the chip's INT pin is wired and no filters are set, a frame needs no other: into
# empty buffers it comes first into buffer 0. What sets the chip up is in mcp2515_setup.py and leaves the heap again.
import sys

import drivers
from canbean import const
from canbean.ring import DATA, head

_RESET = const(0xC0)
_READ = const(3)
_MODIFY = const(5)
_READ_STATUS = const(0xA0)
# registers
_CANCTRL = const(0x0F)
_TEC = const(0x1C)
_CANINTF = const(0x2C)
_EFLG = const(0x2D)


class Mcp2515:
    # `spi`: write_readinto(out, in); `cs`: takes the level of the pin; `wired`: -> the level of INT, or None where it is
    # not wired; `crystal`: MHz.
    def __init__(self, spi, cs, wired, crystal):
        self.spi = spi
        self.cs = cs
        self.wired = wired
        self.crystal = crystal
        # a receive buffer behind its instruction, and a status
        self.one = bytearray(14)
        self.two = bytearray(2)
        self.stop()
        self.overflows = self.faults = 0

    # One transaction; the answer takes the place of what was sent.
    def transfer(self, b):
        self.cs(0)
        self.spi.write_readinto(b, b)
        self.cs(1)
        return b

    def ask(self, *b):
        return self.transfer(bytearray(b))

    def start(self, bitrate, listen_only, filters):
        from drivers import mcp2515_setup

        try:
            mcp2515_setup.start(self, bitrate, listen_only, filters)
        finally:
            del sys.modules["drivers.mcp2515_setup"], drivers.mcp2515_setup

    # Frames into the ring while there are any and it has room; without INT at most the two that are there. -> how many
    def receive(self, ring, clock):
        before = ring.count
        while ring.count < ring.n:
            # low twice, or it is noise on the wire
            if self.interrupt and (self.interrupt() or self.interrupt()):
                # both buffers are empty
                self.first = 1
                break
            there = 1
            if self.first > 1 or not self.direct:
                self.two[0] = _READ_STATUS
                there = self.transfer(self.two)[1]
                if not there & 3 or there > 15:
                    # INT does not tell the truth, or nothing answers
                    self.unwire()
                    break
            # what is in the buffer that was read last came last
            bit = self.first
            for _ in range(2):
                if there & bit and ring.count < ring.n:
                    self.take(0x8C + 4 * bit, ring, clock)
                    self.first = bit ^ 3
                bit ^= 3
            if not self.interrupt:
                if there & 3 < 3:
                    self.first = 1
                break
        return ring.count - before

    def unwire(self):
        self.interrupt = None
        self.direct = False
        # the buffer, 1 or 2, to be read before the other
        self.first = 1

    # READ RX BUFFER into the next record.
    def take(self, instruction, ring, clock):
        b = self.one
        b[0] = instruction
        self.transfer(b)
        code = b[5]
        if code > 127:
            # no register is so: nothing answers
            return self.unwire()
        low = b[2]
        key = b[1] << 3 | low >> 5
        remote = low & 0x10
        if low & 8:
            key = key << 18 | (low & 3) << 16 | b[3] << 8 | b[4] | 0x20000000
            remote = code & 0x40
        code &= 15
        at = ring.slot()
        clock.read()
        head(ring.records, at, clock, key, 2 if remote else 0, code)
        if remote:
            code = 0
        for i in range(8):
            ring.records[at + DATA + i] = b[6 + i] if i < code else 0
        ring.put()

    # -> state, how often it was found that the chip had lost frames, errors: its two counters, and how often it was found
    # that a message had been faulty, which is all that it tells while it only listens.
    def status(self):
        b = self.ask(_READ, _CANCTRL, 0)
        if b[2] != self.control:
            return "silent chip", self.overflows, self.faults
        _, _, flags, eflg = self.ask(_READ, _CANINTF, 0, 0)
        if flags & 3 and self.interrupt and self.interrupt():
            # its wire is gone
            self.unwire()
        if eflg & 0xC0:
            self.overflows += 1
            self.ask(_MODIFY, _EFLG, 0xC0, 0)
        if flags & 0x80:
            self.faults += 1
            self.ask(_MODIFY, _CANINTF, 0x80, 0)
        b = self.ask(_READ, _TEC, 0, 0)
        state = "bus-off" if eflg & 0x20 else "passive" if eflg & 0x18 else "warning" if eflg & 1 else "ok"
        return state, self.overflows, self.faults + b[2] + b[3]

    # Onto the bus, `code` + 64 for a remote frame; -> whether the chip took it.
    def send(self, key, code, data):
        from drivers import mcp2515_setup

        return mcp2515_setup.send(self, key, code, data)

    # Off the bus.
    def stop(self):
        self.ask(_RESET)
        self.unwire()
        # CANCTRL, once it is set
        self.control = -1
