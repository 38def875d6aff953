"""An I2C bus byte by byte, as `machine.I2C` has it, with faults; and a clock that goes on only while somebody sleeps or bytes pass.

Chips on it have `AT`, `select(register)`, `write(byte)`, `read()` and may refuse their address by `there()`. Runs on both Pythons.
"""

US_A_BYTE = 23  # nine bits at 400 kHz


class Clock:
    """Microseconds since power-on."""

    def __init__(self):
        self.us = 0
        # called with the time to come before it comes
        self.watchers = []

    def on(self, us):
        end = self.us + us
        for watcher in self.watchers:
            watcher(end)
        self.us = end

    def sleep_ms(self, ms):
        self.on(ms * 1000)

    def ticks_ms(self):
        return self.us // 1000 & 0x3FFFFFFF

    def ticks_us(self):
        return self.us & 0x3FFFFFFF


class Bus:
    def __init__(self, clock, *chips):
        self.clock = clock
        self.chips = {chip.AT: chip for chip in chips}
        self.transactions = self.bytes = 0
        # numbers of bytes at which nothing is acknowledged or the lines are disturbed; from `dead` on all of them
        self.faults = ()
        self.dead = None
        # whether a chip has taken a byte that then seems refused
        self.late = False

    def byte(self):
        n = self.bytes
        self.bytes += 1
        self.clock.on(US_A_BYTE)
        if n in self.faults or (self.dead is not None and n >= self.dead):
            raise OSError(5)

    def address(self, at):
        self.byte()
        chip = self.chips.get(at)
        if chip is None or not chip.there():
            raise OSError(19)
        return chip

    def readfrom_mem_into(self, at, register, buffer):
        self.transactions += 1
        chip = self.address(at)
        self.byte()
        chip.select(register)
        self.address(at)
        for i in range(len(buffer)):
            # what came before a fault has been given away
            buffer[i] = chip.read()
            self.byte()

    def writeto_mem(self, at, register, data):
        self.transactions += 1
        chip = self.address(at)
        self.byte()
        chip.select(register)
        for one in data:
            if self.late:
                chip.write(one)
            self.byte()
            if not self.late:
                chip.write(one)

    def writevto(self, at, parts):
        self.transactions += 1
        chip = self.address(at)
        chip.begin()
        for part in parts:
            for one in part:
                self.byte()
                chip.write(one)

    def scan(self):
        found = []
        for at in sorted(self.chips):
            try:
                self.address(at)
                found.append(at)
            except OSError:
                pass
        return found
