"""A TCS34725 at the level of its registers, from the datasheet (ams TCS3472 v1-02), with the LED of its board.

It hangs on an `i2c_bus.Bus`. Light is integrated in tenths of a millisecond, so that lamps flicker. Runs on both Pythons.
"""

ENABLE, ATIME, CONTROL, ID, STATUS, CLEAR = 0x00, 0x01, 0x0F, 0x12, 0x13, 0x14
GAINS = (1, 4, 16, 60)
STEP_US = 2400
TENTH_US = 100


class Chip:
    AT = 0x29

    def __init__(self, clock, light=(40, 30, 20, 80)):
        self.clock = clock
        # counts a step at gain 1 that the LED sends back: red, green, blue, clear; and of ambient light
        self.light = list(light)
        self.ambient = [0, 0, 0, 0]
        # Hz of a lamp's light, which is on half of the time; 0: daylight
        self.flicker = 0
        self.led_level = 0
        self.id = 0x44
        self.frozen = False
        self.refuses = 0
        # of its clock, in 1/1000; the datasheet allows 93.7 to 105.7
        self.speed = 1000
        # whether AVALID stays from the integration before
        self.stale = False
        self.power_on()

    def power_on(self):
        self.r = bytearray(32)
        self.r[ATIME] = 0xFF
        self.r[ID] = self.id
        self.begins = None

    def led(self, level):
        """Its LED's pin."""
        self.run()
        self.led_level = level

    def there(self):
        self.refuses -= 1
        return self.refuses < 0

    def select(self, command):
        # the command bit, and the address going up by itself or not
        assert command & 0x80
        assert command >> 5 & 3 < 2
        self.run()
        self.up = command >> 5 & 1
        self.at = command & 31

    def next(self):
        at = self.at
        self.at = at + self.up & 31
        return at

    def read(self):
        self.run()
        return self.r[self.next()]

    def write(self, byte):
        at = self.next()
        if at >= ID:
            return
        if at == ENABLE:
            was = self.r[ENABLE]
            if byte & 3 == 3 and was & 3 != 3 and self.begins is None:
                # 2.4 ms from PON to AEN, and as long until it integrates
                assert was & 1, "AEN before PON"
                assert self.clock.us - self.on_since >= STEP_US
                if not self.stale:
                    self.r[STATUS] = 0
                self.start(self.clock.us + self.step())
            elif byte & 1 and not was & 1:
                self.on_since = self.clock.us
            # without its clock it stops at once, without AEN where an integration ends
            if not byte & 1:
                self.begins = None
        self.r[at] = byte

    def step(self):
        return STEP_US * 1000 // self.speed

    def start(self, us):
        self.begins = self.at_us = us
        self.sums = [0, 0, 0, 0]

    def shining(self, us):
        # a lamp that is on in the first half of each period
        return not self.flicker or us * self.flicker % 1000000 < 500000

    def run(self):
        if self.begins is None or self.frozen:
            return
        now = self.clock.us
        steps = 256 - self.r[ATIME]
        while self.begins is not None and self.at_us < now:
            ends = self.begins + steps * self.step()
            to = min(self.at_us + TENTH_US, now, ends)
            for i in range(4):
                light = self.light[i] * self.led_level + self.ambient[i] * self.shining(self.at_us)
                self.sums[i] += light * (to - self.at_us)
            self.at_us = to
            if to == ends:
                full = min(65535, 1024 * steps)
                for i in range(4):
                    n = min(full, self.sums[i] * GAINS[self.r[CONTROL] & 3] // STEP_US)
                    at = CLEAR + 2 * (i + 1 & 3)
                    self.r[at], self.r[at + 1] = n & 255, n >> 8
                self.r[STATUS] |= 1
                if self.r[ENABLE] & 2:
                    self.start(ends)
                else:
                    self.begins = None
