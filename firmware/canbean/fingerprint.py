# The fingerprint detector: one frame in, its surprise in sixteenths of a bit out.
# The plain twin of `surprise` in the host's detect/fingerprint.py; both give the same integers.
import struct
from array import array

from . import const
from .bucket import bucket

try:
    from .fingerprint_viper import judge
except Exception:
    # as in dense.py: no native code here
    from .fingerprint_plain import judge

CAP = 1024
# What `judge` adds to the bits: an id that is not known, an id that is late, a bus that had slept; no data frame.
_NEW = const(1 << 16)
_LATE = const(1 << 17)
_WOKE = const(1 << 18)
_OTHER = const(1 << 19)
_HEADER = const(32)
_COLUMNS = const(12)
_RECENT = const(32)
_SHARED = const(16)

# `now`: what to do, what is known of the bus, what was found of the last frame.
_AT = const(0)  # where its record lies
_N = const(1)
_SLEEP = const(2)  # us
_CROWD = const(3)  # us that the last frames take at least where they are not crowded
_MOST = const(4)
_RATE_BITS = const(5)
_DLC_BITS = const(6)
_LEAST = const(7)  # data bytes that are read in any case
_RING = const(8)  # place of the next frame among the last ones
_NEXT = const(9)  # the next id that is asked whether it is late
_SCORED = const(10)
_WAKE_S = const(11)
_CROWD_S = const(12)  # when the bus was crowded last, -1: never
_CROWD_US = const(13)
_CROWDED = const(14)
_SHARE = const(15)
_S = const(16)
_US = const(17)
_KEY = const(18)
_CODE = const(19)
_SLOT = const(20)
_START = const(21)
_RATE = const(22)
_TIMING = const(23)
_DLC = const(24)
_BROKEN = const(25)
_SPAN = const(26)
_BYTE = const(27)
_ASKED = const(28)  # the id that is late
_SILENT = const(29)  # and for how long
_STRANGE = const(30)  # where the unknown id stands that came last
_TURN = const(31)  # and which of them has to go next
# then n keys, n timeouts, n times of a last frame in seconds (-1: never) and us with the gap before, n numbers
# of it (-1: it is missing), seconds and us of the bus's last frames, and the last unknown ids: each key, when it
# came last in ms, its usual gap in ms, how many gaps in a row were like it
_KEYS = const(32)
# `octets`: data of the frame; of each id masks, lowest and highest bytes; how many of the last frames are of it
_PAYLOAD = const(8)
_UNKNOWN = const(32)


class Fingerprint:
    def __init__(self, model, kernel=judge):
        head = struct.unpack("<HHHHHHBBHIIII", model.part("FPRN", 0, _HEADER))
        n, self.threshold, unknown_bits, columns = head[:4]
        if n == 0 or columns != _COLUMNS or model.size("FPRN") != _HEADER + n * (8 + 2 * _COLUMNS + 24):
            raise ValueError("section FPRN does not hold what it says")
        self.n = n
        self.hold_us = head[10]
        self.pace_us = head[12]
        self.kernel = kernel
        # each made at once where it stays: a small heap has no room for what it would be copied from
        now = self.now = array("i", range(_KEYS + 6 * n + 2 * _RECENT + _UNKNOWN))
        now[_N] = n
        now[_SLEEP] = head[9]
        now[_CROWD] = head[11]
        now[_MOST] = head[6]
        now[_RATE_BITS] = head[5]
        now[_DLC_BITS] = head[4]
        now[_LEAST] = 0
        # records, then how often an id's payload broke, then slots of the bus's last frames
        self.halves = array("H", range((_COLUMNS + 1) * n + _RECENT))
        self.octets = bytearray(_PAYLOAD + 25 * n + _SHARED)
        now = memoryview(now)
        self.keys = now[_KEYS : _KEYS + n]
        self.timeout = now[_KEYS + n : _KEYS + 2 * n]
        model.into("FPRN", _HEADER, now[_KEYS : _KEYS + 2 * n])
        model.into("FPRN", _HEADER + 8 * n, memoryview(self.halves)[: _COLUMNS * n])
        at = _HEADER + (8 + 2 * _COLUMNS) * n
        model.into("FPRN", at, memoryview(self.octets)[_PAYLOAD : _PAYLOAD + 24 * n])
        self.novelty = None
        if unknown_bits < CAP:
            from .novelty import Novelty

            self.novelty = Novelty(unknown_bits, head[7])
        self.reset()

    def reset(self):
        now = self.now
        n = self.n
        for at in range(_RING, _KEYS):
            now[at] = 0
        now[_CROWD_S] = -1
        for at in range(_KEYS + 2 * n, len(now)):
            now[at] = 0 if _KEYS + 5 * n <= at < _KEYS + 6 * n else -1
        for i in range(n):
            self.halves[_COLUMNS * n + i] = 0
        for i in range(n + _SHARED):
            self.octets[_PAYLOAD + 24 * n + i] = 0
        if self.novelty:
            self.novelty.reset()

    # The bits of the frame just scored, whose id is not known.
    def unknown(self):
        now = self.now
        if self.novelty:
            return min(now[_RATE] + self.novelty.frame(now[_S], now[_KEY]), CAP - 1)
        # How steadily it comes: the plain twin of the host's detect/steady.py.
        end = len(now)
        at = end - _UNKNOWN
        while at < end and now[at] != now[_KEY]:
            at += 4
        ms = (now[_S] & 0xFFFFF) * 1000 + now[_US] // 1000
        if at == end:
            at -= _UNKNOWN - now[_TURN]
            now[_TURN] = (now[_TURN] + 4) % _UNKNOWN
            now[at] = now[_KEY]
            now[at + 1] = ms
        gap = (ms - now[at + 1]) % 1048576000
        if abs(gap - now[at + 2]) > now[at + 2] >> 2:
            now[at + 2] = gap
            now[at + 3] = 0
        now[at + 1] = ms
        now[at + 3] += 1
        now[_STRANGE] = at
        return CAP

    def silence(self, i, us):
        # Surprise of an id that has been away for so long; it passed its timeout, so it is an alert in any case.
        at = i * _COLUMNS
        record = self.halves
        late = max(bucket(us) - record[at + 7], 0)
        bits = record[at + 9] + (late * record[at + 8] >> 6)
        return max(min(bits, record[at + 10], CAP), self.threshold)
