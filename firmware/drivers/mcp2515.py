# MCP2515 on SPI (Microchip DS20001801): frames into the ring's records, and its state. A transaction reads a buffer and frees it; with
# INT wired and no filters a frame needs no other: into empty buffers it comes first into buffer 0. Set up by mcp2515_setup.py.
import sys

import drivers
from canbean import const
from canbean.ring import DATA, head

_RESET = const(0xC0)
_READ = const(3)
_MODIFY = const(5)
_READ_STATUS = const(0xA0)
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
        self.one = bytearray(14)  # a receive buffer behind its instruction, and a status
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
        while not self.empty() and ring.count < ring.n:
            there = 1
            if self.first > 1 or not self.direct:
                self.two[0] = _READ_STATUS
                there = self.transfer(self.two)[1]
                if not there & 3 or there > 15:
                    self.unwire()  # INT does not tell the truth, or nothing answers
                    break
            if there & 1 and not there & self.first & 2:
                self.read(0x90, ring, clock)
            if there & 2 and ring.count < ring.n:
                self.read(0x94, ring, clock)
            if not self.interrupt:
                if not there & 2:
                    self.first = 1
                break
        return ring.count - before

    # READ RX BUFFER, into the next record. What is in buffer 0 after it was read came after what is in buffer 1 by then;
    # whether that is empty is asked at once, before more frames come.
    def read(self, instruction, ring, clock):
        self.one[0] = instruction
        self.transfer(self.one)
        self.first = 0x98 - instruction >> 2
        self.empty()
        self.take(ring, clock)

    # -> whether INT says that both buffers are empty. Then a frame comes into buffer 0, and needs no status.
    def empty(self):
        high = self.interrupt
        if high and (high() or high()):  # low twice, or it is noise on the wire
            self.first = 1
            return True

    def unwire(self):
        self.interrupt = None
        self.direct = False
        self.first = 1  # the buffer, 1 or 2, to be read before the other

    def take(self, ring, clock):
        b = self.one
        code = b[5]
        if code > 127:
            return self.unwire()  # no register is so: nothing answers
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
        b = self.registers(_TEC)
        if b[5] != self.control:
            return "silent chip", self.overflows, self.faults
        errors = b[2] + b[3]
        b = self.registers(_CANINTF - 10)  # CANINTF and EFLG are the last two
        flags, eflg = b[12], b[13]
        if flags & 3 and self.empty():
            self.unwire()  # its wire is gone
        if eflg & 0xC0:
            self.overflows += 1
            self.ask(_MODIFY, _EFLG, 0xC0, 0)
        if flags & 0x80:
            self.faults += 1
            self.ask(_MODIFY, _CANINTF, 0x80, 0)
        state = "bus-off" if eflg & 0x20 else "passive" if eflg & 0x18 else "warning" if eflg & 1 else "ok"
        return state, self.overflows, self.faults + errors

    # Twelve from this one on, behind two bytes.
    def registers(self, at):
        b = self.one
        b[0] = _READ
        b[1] = at
        return self.transfer(b)

    # Onto the bus, `code` + 64 for a remote frame; -> whether the chip took it.
    def send(self, key, code, data):
        from drivers import mcp2515_setup

        return mcp2515_setup.send(self, key, code, data)

    # Off the bus.
    def stop(self):
        self.ask(_RESET)
        self.unwire()
        self.control = -1  # CANCTRL, once it is set
