# Ids that clean traffic does not have, on a bus whose set of ids is open.
from . import const
from .bus import hash8

_LASTS = const(10)  # seconds within which new ids belong together
_MOST = const(192)  # of 256 hashes
_EXTRA = const(32)


class Novelty:
    def __init__(self, bits, burst):
        self.bits = bits
        self.burst = burst
        self.seen = bytearray(32)
        self.reset()

    def reset(self):
        self.forget()
        self.run = 0
        self.last = -_LASTS

    def forget(self):
        self.taken = 0
        for i in range(32):
            self.seen[i] = 0

    # What an unknown id is worth: each once, and more where more come than a change of mode brings.
    def frame(self, s, key):
        h = hash8(key)
        bit = 1 << (h & 7)
        if self.seen[h >> 3] & bit:
            return 0
        if self.taken == _MOST:
            self.forget()
        self.seen[h >> 3] |= bit
        self.taken += 1
        self.run = self.run + 1 if 0 <= s - self.last < _LASTS else 1
        self.last = s
        more = self.run - self.burst
        return min(self.bits + _EXTRA * more, 1023) if more > 0 else self.bits
