"""A MAX30102 or MAX30105 at the level of its registers, from the datasheets (Maxim 19-7740 and 19-7767; tables in the comments).

It hangs on an `i2c_bus.Bus`, lives on its clock, and sees a window: what each LED sends back, ambient light, the die's
temperature. Its faults: no answer, a slow or endless reset, another part id, frozen. Runs on both Pythons.
"""

STATUS, STATUS2, ENABLE, ENABLE2, WRITE, LOST, READ, DATA = 0, 1, 2, 3, 4, 5, 6, 7
FIFO, MODE, SPO2, LED1, LED2, TINT, TFRAC, TEN, PART = 8, 9, 10, 12, 13, 0x1F, 0x20, 0x21, 0xFF
# Table 6: samples a second; table 11: of those in SpO2 mode at most with pulses of 69, 118, 215, 411 us
RATES = (50, 100, 200, 400, 800, 1000, 1600, 3200)
FASTEST = (1600, 1000, 800, 400)
BITS = (15, 16, 17, 18)
DEPTH = 32
RESERVED = (0x0B, 0x0E, 0x0F)


class Chip:
    AT = 0x57

    def __init__(self, clock, red=500, infrared=1100):
        self.clock = clock
        # counts for each step of 0.2 mA at 16,384 nA, of the light that is really red and infrared
        self.red, self.infrared = red, infrared
        # what ambient light adds, and whether it is more than the chip takes away
        self.ambient = 0
        self.overflowing = False
        # counts, evenly at random
        self.noise = 20
        self.seed = 1
        self.swapped = False
        self.part = 0x15
        self.frozen = False
        # the frequency of its own clock, in 1/1000
        self.speed = 1000
        # refuses its address so many times after power-on
        self.refuses = 0
        self.reset_us = 900
        self.celsius16 = lambda us: 400
        self.r = bytearray(256)
        self.power_on()

    def power_on(self):
        """Also after its supply failed for a moment."""
        self.reset()
        self.r[STATUS] = 1

    def reset(self):
        for i in range(256):
            self.r[i] = 0
        self.r[PART] = self.part
        self.fifo = [b"\0\0\0\0\0\0"] * DEPTH
        self.full = False
        self.asleep_until = None
        self.converted_at = None
        self.pending = []
        self.at_us = self.clock.us
        self.offset = 0

    # --- I2C: the address goes up by itself, but not from the FIFO's

    def there(self):
        self.refuses -= 1
        return self.refuses < 0

    def select(self, register):
        self.run()
        self.register = register
        self.offset = 0

    def next(self):
        at = self.register
        if at != DATA:
            self.register = at + 1 & 255
        return at

    def read(self):
        self.run()
        at = self.next()
        if at == DATA:
            return self.pop()
        byte = self.r[at]
        if at == STATUS:
            self.r[at] = 0
        return byte

    def write(self, byte):
        at = self.next()
        assert at not in RESERVED, at
        if at == MODE and byte & 0x40:
            self.reset()
            self.r[MODE] = 0x40
            self.asleep_until = self.clock.us + self.reset_us
            return
        if self.asleep_until is not None:
            # it takes nothing while it resets itself
            return
        if at in (STATUS, STATUS2, TINT, TFRAC, PART):
            return
        if at in (WRITE, LOST, READ):
            byte &= 31
            self.full = False
        if at == TEN and byte & 1 and self.active():
            self.converted_at = self.clock.us + 29000
        self.r[at] = byte
        if at in (MODE, SPO2, FIFO):
            self.pending = []
            self.at_us = self.clock.us
            if self.active():
                self.check()

    def check(self):
        assert RATES[self.r[SPO2] >> 2 & 7] <= FASTEST[self.r[SPO2] & 3], "pulses do not fit"

    def active(self):
        return self.r[MODE] & 7 == 3 and not self.r[MODE] & 0x80

    # --- the FIFO: the read pointer goes on with a sample's first byte

    def pop(self):
        at = self.r[READ]
        if not self.offset:
            self.shown = self.fifo[at]
            self.r[READ] = at + 1 & 31
            self.full = False
            self.r[LOST] = 0
        byte = self.shown[self.offset]
        self.offset = (self.offset + 1) % 6
        return byte

    def push(self, red, infrared):
        if self.full and not self.r[FIFO] & 0x10:
            self.r[LOST] = min(self.r[LOST] + 1, 31)
            return
        at = self.r[WRITE]
        self.fifo[at] = bytes(
            (red >> 16, red >> 8 & 255, red & 255, infrared >> 16, infrared >> 8 & 255, infrared & 255)
        )
        self.r[WRITE] = at + 1 & 31
        if self.full:
            self.r[READ] = self.r[WRITE]
        self.full = self.r[WRITE] == self.r[READ]

    # --- time

    def run(self):
        now = self.clock.us
        if self.asleep_until is not None and now >= self.asleep_until:
            self.asleep_until = None
            self.r[MODE] = 0
        if self.converted_at is not None and now >= self.converted_at:
            t = self.celsius16(self.converted_at)
            self.r[TINT], self.r[TFRAC] = t >> 4 & 255, t & 15
            self.r[TEN] = 0
            self.converted_at = None
        if not self.active() or self.frozen:
            return
        period = 1000000000 // (RATES[self.r[SPO2] >> 2 & 7] * self.speed)
        count = 1 << min(self.r[FIFO] >> 5, 5)
        while self.at_us + period <= now:
            self.at_us += period
            self.pending.append((self.pulse(1, self.r[LED1]), self.pulse(2, self.r[LED2])))
            if len(self.pending) == count:
                red = sum([one for one, _ in self.pending]) // count
                infrared = sum([two for _, two in self.pending]) // count
                self.pending = []
                self.push(red, infrared)
            if self.overflowing and self.r[ENABLE] & 0x20:
                self.r[STATUS] |= 0x20

    def pulse(self, led, current):
        light = self.red if (led == 1) != self.swapped else self.infrared
        self.seed = (self.seed * 75 + 74) % 65537
        noise = self.seed % (2 * self.noise + 1) - self.noise if self.noise else 0
        # table 5: 2,048 nA and twice as much with each step up
        counts = (light * current << 3 - (self.r[SPO2] >> 5 & 3)) + self.ambient + noise
        counts = max(0, min(counts, 0x3FFFF))
        # left-justified, whatever the resolution
        low = 18 - BITS[self.r[SPO2] & 3]
        return counts >> low << low
