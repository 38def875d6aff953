# TCS3200 (ams TCS3200): a frequency for red, green, blue or clear, as S2 and S3 say, scaled to 2 % by S0 and S1, 12 kHz at the most.
# Counts are quarters of a hertz, from the first to the last pulse in 50 ms, whole periods of lamps on 50 and on 60 Hz.
from array import array

from canbean import const

# of S2 and S3, as bits 1 and 0: red, green, blue, clear
_FILTERS = b"\0\3\1\2"
_FASTEST = const(500)


class Tcs3200:
    NAME = "TCS3200"
    CHANNELS = 4
    GIVES = "red green blue clear"
    FULL = 40000
    CANCELS = False
    # no setting
    led = 0
    LEDS = ()

    # Pins take a level; `pulses`: as drivers/pulses.py has them; `s0` and `s1` None where they are wired to GND and 3.3 V
    def __init__(self, pulses, s2, s3, light, sleep_ms, s0=None, s1=None):
        self.pulses = pulses
        self.s2 = s2
        self.s3 = s3
        self.light = light
        self.sleep = sleep_ms
        self.s0 = s0
        self.s1 = s1
        self.found = array("i", bytes(16))

    def start(self):
        self.next = 0
        self.power(1)
        self.light(1)
        self.measure(3)
        if not self.found[3]:
            self.fail()

    # S0 low and S1 high: 2 %; both low: off.
    def power(self, level):
        if self.s0:
            self.s0(0)
            self.s1(level)

    def measure(self, i):
        pulses = self.pulses
        self.s2(_FILTERS[i] >> 1)
        self.s3(_FILTERS[i] & 1)
        self.sleep(4)
        pulses.n = 0
        self.sleep(50)
        n = pulses.n - 1
        us = pulses.last - pulses.first & 0x3FFFFFFF
        self.found[i] = self.FULL if n > _FASTEST else n * 1000000 // (us >> 2) if n > 0 and us > 3 else 0

    # Two channels in a call; -> False after the first two.
    def sample(self, out):
        return self.take(out, 1)

    def dark(self, out):
        return self.take(out, 0)

    def take(self, out, level):
        self.light(level)
        i = self.next
        self.next = 2 - i
        self.measure(i)
        self.measure(i + 1)
        if not i:
            return False
        if level and not any(self.found):
            self.fail()
        for i in range(4):
            out[i] = self.found[i]
        return True

    def fail(self):
        raise OSError("the TCS3200 gives no pulses: check its power and its wires")

    def celsius(self):
        return None

    def stop(self):
        self.light(0)
        self.power(0)
