# The last frames of the bus: whether it had slept, whether they are crowded, and how many of them one id sends.
from array import array

from . import const

_RECENT = const(32)
_SHARED = const(16)
FOREVER = 1000000000  # gaps saturate here: small integers of a 32-bit board end at 2**30


# Microseconds from (s0, us0) to (s, us), times as seconds and microseconds: -1 if time runs backwards.
def elapsed(s, us, s0, us0):
    if s == s0:
        return us - us0 if us >= us0 else -1
    d = s - s0
    if d >= 1000:
        return FOREVER
    if d < 0:
        return -1
    d = d * 1000000 + us - us0
    return d if d >= 0 else -1


# A hash of an id, 0 to 255.
def hash8(key):
    return (key ^ key >> 7 ^ key >> 13 ^ key >> 21) & 255


class Bus:
    # `limit`: so many microseconds the last frames take at least where they are not crowded.
    def __init__(self, n, sleep_us, limit):
        self.n = n
        self.sleep_us = sleep_us
        self.limit = limit
        # of each frame its seconds (-1: none), microseconds and slot; then how many there are of each slot
        times = bytes(4 * _RECENT)
        slots = array("H", bytes(2 * _RECENT))
        self.recent = array("i", times), array("i", times), slots, bytearray(n + _SHARED)
        self.reset()

    def reset(self):
        self.i = 0
        self.crowd_s = -1
        self.crowd_us = 0
        all_s, _, _, counts = self.recent
        for i in range(_RECENT):
            all_s[i] = -1
        for i in range(len(counts)):
            counts[i] = 0

    # Takes a frame of a slot (n for an unknown id); `woke`, `crowded` and `share` then tell of it and those before.
    def frame(self, s, us, slot, key):
        if slot == self.n:
            slot += hash8(key) % _SHARED
        all_s, all_us, slots, counts = self.recent
        i = self.i
        last_s = all_s[i - 1]
        self.woke = last_s < 0 or elapsed(s, us, last_s, all_us[i - 1]) >= self.sleep_us
        if self.woke:
            self.wake_s = s
        self.crowded = False
        last_s = all_s[i]
        if last_s >= 0:
            counts[slots[i]] -= 1
            if 0 <= elapsed(s, us, last_s, all_us[i]) < self.limit:
                self.crowded = True
                self.crowd_s = s
                self.crowd_us = us
        all_s[i] = s
        all_us[i] = us
        slots[i] = slot
        self.share = counts[slot] = counts[slot] + 1
        self.i = i + 1 & _RECENT - 1
