# MAX30102 or MAX30105 on I2C (Maxim 19-7740 and 19-7767): red, infrared and the temperature of the die. Both LEDs flash 200 times a
# second for 411 us, 18 bits each; the chip averages four and takes ambient light away itself. A sample is five of these
# averages: 100 ms, whole periods of lamps on 50 and on 60 Hz.
from canbean import const
from drivers.registers import Registers

# registers
_STATUS = const(0x00)
_POINTERS = const(0x04)
_DATA = const(0x07)
_MODE = const(0x09)
_CURRENTS = const(0x0C)
_TEMPERATURE = const(0x1F)
_CONVERT = const(0x21)
# more ambient light than it can take away
_OVERFLOW = const(0x20)
# bytes of an average, and of the six that are read: the first may be half of what was before
_PAIR = const(6)
_BURST = const(36)


class Max3010x(Registers):
    NAME = "MAX3010x"
    AT = 0x57
    CHANNELS = 2
    GIVES = "red infrared temperature"
    FULL = 0x3FFFF
    # ambient light, by itself
    CANCELS = True
    # of both LEDs, in 0.2 mA; what it may be
    led = 100
    LEDS = 1, 255
    # whether a clone has the LEDs in each other's place
    swapped = False

    def start(self):
        from drivers.max3010x_setup import setup

        setup(self)

    # One sample of red and infrared, and of the die's temperature.
    def sample(self, out):
        self.take(out, self.led)

    # What is left of ambient light; a quarter of all where that is too much for the chip.
    def dark(self, out):
        self.take(out, 0)

    def take(self, out, current):
        p = self.three
        b = self.burst
        self.put(_CURRENTS, current, current)
        self.put(_CONVERT, 1)
        self.put(_POINTERS, 0, 0, 0)
        # forgets an overflow of before
        self.get(_STATUS, p)
        for ms in (120, 5, 5, 5):
            self.sleep(ms)
            self.get(_POINTERS, p)
            if p[0] >= 6 or p[1]:
                break
        else:
            self.fail("gives no samples")
        if p[1] or p[2]:
            self.fail("lost samples: nobody came in time")
        self.get(_DATA, b)
        self.get(_POINTERS, p)
        if p[2] != 6:
            self.fail("was read badly: check its I2C wires")
        self.get(_STATUS, p)
        channel = 1 if self.swapped else 0
        for first in (0, 3):
            n = 2
            for i in range(_PAIR + first, _BURST, _PAIR):
                n += (b[i] & 3) << 16 | b[i + 1] << 8 | b[i + 2]
            out[channel] = n // 5 if current or not p[0] & _OVERFLOW else 0xFFFF
            channel ^= 1

    # Of the die, at the last sample, in 1/16 degrees.
    def celsius(self):
        p = self.three
        self.get(_TEMPERATURE, p)
        if p[2] & 1:
            self.fail("does not measure its temperature")
        return (p[0] ^ 128) * 16 + (p[1] & 15) - 2048

    def stop(self):
        self.put(_MODE, 0x80)
