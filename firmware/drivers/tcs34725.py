# TCS34725 or TCS34727 on I2C (ams TCS3472), alone or on a GY-33 whose own controller is bypassed: red, green, blue, clear. It
# integrates in steps of 2.4 ms: 42 of them are 100.8 ms, the nearest to whole periods of lamps on 50 and on 60 Hz.
from canbean import const
from drivers.registers import Registers

# registers, with the command bit and the address going up
_ENABLE = const(0xA0)
_CONTROL = const(0xAF)
_ID = const(0xB2)
_STATUS = const(0xB3)
_STEPS = const(42)


class Tcs34725(Registers):
    NAME = "TCS34725"
    AT = 0x29
    CHANNELS = 4
    GIVES = "red green blue clear"
    FULL = 1024 * _STEPS
    CANCELS = False
    # its gain, as nobody sets the LED's current: 1, 4, 16 or 60 times
    led = 1
    LEDS = 0, 3

    # `light`: takes the level of the LED's pin
    def __init__(self, i2c, sleep_ms, light):
        self.i2c = i2c
        self.sleep = sleep_ms
        self.light = light

    def start(self):
        # status and the four channels
        self.nine = bytearray(9)
        one = bytearray(1)
        self.get(_ID, one)
        if one[0] not in (0x44, 0x4D):
            self.fail("is not what answers at its address: id %02x" % one[0])

    def sample(self, out):
        self.take(out, 1)

    def dark(self, out):
        self.take(out, 0)

    def take(self, out, level):
        b = self.nine
        self.light(level)
        # off, so that nothing of before is integrated; all settings anew, for it may have lost its power
        self.put(_ENABLE, 0, 256 - _STEPS)
        self.put(_CONTROL, self.led)
        self.put(_ENABLE, 1)
        self.sleep(3)
        self.put(_ENABLE, 3)
        # its clock may be 7 % slow
        for ms in (111, 7, 7, 7):
            self.sleep(ms)
            self.get(_STATUS, b)
            if b[0] & 1:
                break
        else:
            self.fail("gives no samples")
        for i in range(4):
            # clear comes first there, and last here
            at = 2 * i + 3 & 7
            out[i] = b[at] | b[at + 1] << 8

    def celsius(self):
        return None

    def stop(self):
        self.light(0)
        self.put(_ENABLE, 0)
