# Seconds and microseconds since boot, from ticks that wrap at 2**30: small integers both.


class Clock:
    # ticks_us() -> microseconds modulo 2**30 or a multiple of it
    def __init__(self, ticks_us):
        self._ticks_us = ticks_us
        self._last = ticks_us()
        self.s = 0
        self.us = 0

    # Brings `s` and `us` up to now; to be called at least every 1,000 s, or a wrap goes unseen.
    def read(self):
        now = self._ticks_us()
        us = now - self._last & 0x3FFFFFFF
        self._last = now
        s = us // 1000000
        us += self.us - 1000000 * s
        if us >= 1000000:
            us -= 1000000
            s += 1
        self.s += s
        self.us = us
