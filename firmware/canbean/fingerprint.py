# The fingerprint detector: one frame in, its surprise in sixteenths of a bit out.
# The plain twin of `surprise` in the host's detect/fingerprint.py; both give the same integers.
import struct
from array import array

from . import const
from .bucket import bucket
from .bus import FOREVER, Bus, elapsed

CAP = 1024
_HEADER = const(32)
_COLUMNS = const(12)
_BREACHES = const(32767)
_EXTRA_BYTE = const(16)


class Fingerprint:
    def __init__(self, model):
        head = struct.unpack("<HHHHHHBBHIIII", model.part("FPRN", 0, _HEADER))
        n, self.threshold, unknown_bits, columns, self.dlc_bits, self.rate_bits, self.most, burst = head[:8]
        sleep_us, self.hold_us, crowd_us, self.pace_us = head[9:]
        if n == 0 or columns != _COLUMNS or model.size("FPRN") != _HEADER + n * (8 + 2 * _COLUMNS + 24):
            raise ValueError("section FPRN does not hold what it says")
        self.n = n
        self.keys = array("I", model.part("FPRN", _HEADER, 4 * n))
        self.timeout = array("I", model.part("FPRN", _HEADER + 4 * n, 4 * n))
        self.record = array("H", model.part("FPRN", _HEADER + 8 * n, 2 * _COLUMNS * n))
        self.payload = model.part("FPRN", _HEADER + (8 + 2 * _COLUMNS) * n, 24 * n)
        self.last = array(
            "i", bytes(12 * n)
        )  # when an id came last, in seconds (-1: never) and us; the gap before
        self.breaches = array("H", bytes(2 * n))
        self.bus = Bus(n, sleep_us, crowd_us)
        self.novelty = None
        if unknown_bits < CAP:
            from .novelty import Novelty

            self.novelty = Novelty(unknown_bits, burst)
        self.reset()

    def reset(self):
        self.bus.reset()
        if self.novelty:
            self.novelty.reset()
        for i in range(self.n):
            self.breaches[i] = 0
        self.forget()

    def forget(self):
        # The bus has slept: nothing is known of when an id was last seen.
        for at in range(0, len(self.last), 3):
            self.last[at] = -1

    def find(self, key):
        keys = self.keys
        low = 0
        high = self.n
        while low < high:
            middle = (low + high) >> 1
            if keys[middle] < key:
                low = middle + 1
            else:
                high = middle
        return low if low < self.n and keys[low] == key else self.n

    def frame(self, s, us, key, code, data):
        # Scores a frame of DLC code `code`; what it was made of stays in
        # slot, start, rate, timing, dlc, broken, span, byte and the bus.
        i = self.slot = self.find(key)
        bus = self.bus
        bus.frame(s, us, i, key)
        if bus.woke:
            self.forget()
        self.rate = rate = self.rate_bits if bus.share > self.most else 0
        if i == self.n:
            self.start = self.timing = self.dlc = self.broken = 0
            return min(rate + self.novelty.frame(s, key), CAP - 1) if self.novelty else CAP
        last = self.last
        at = 3 * i
        gap = span = -1
        if last[at] >= 0:
            gap = elapsed(s, us, last[at], last[at + 1])
            before = last[at + 2]
            if gap >= 0 and before >= 0:
                span = min(gap + before, FOREVER)
        last[at] = s
        last[at + 1] = us
        last[at + 2] = gap
        record = self.record
        at = i * _COLUMNS
        self.span = span
        timing = 0
        # On a crowded bus frames wait for one another and then come close together.
        if gap >= 0 and not bus.crowded:
            short = record[at + 2] - bucket(gap)
            if span >= 0:
                short = max(short, record[at + 3] - bucket(span))
            if short > 0:
                timing = min(record[at + 4] + (short * record[at + 5] >> 6), record[at + 6])
        self.timing = timing
        self.dlc = dlc = 0 if record[at] >> code & 1 else self.dlc_bits
        self.broken = broken = self.check(i, record[at + 1], data)
        # an id that only comes when the bus wakes up
        self.start = start = CAP if 0 < record[at + 11] <= s - bus.wake_s else 0
        return min(start + rate + timing + dlc + broken, CAP - 1)

    def silence(self, i, us):
        # Surprise of an id that has been away for so long; it passed its timeout, so it is an alert in any case.
        at = i * _COLUMNS
        late = max(bucket(us) - self.record[at + 7], 0)
        bits = self.record[at + 9] + (late * self.record[at + 8] >> 6)
        return max(min(bits, self.record[at + 10], CAP), self.threshold)

    def check(self, i, worth, data):
        # Bytes that break a constant bit or leave their range; `byte` is the first of them.
        payload = self.payload
        at = i * 24
        wrong = 0
        for k in range(8):
            b = data[k]
            low = payload[at + 8]
            if (b ^ low) & payload[at] or b < low or b > payload[at + 16]:
                if not wrong:
                    self.byte = k
                wrong += 1
            at += 1
        if not wrong:
            return 0
        seen = self.breaches[i]
        if seen < _BREACHES:
            self.breaches[i] = seen + 1
        worth += _EXTRA_BYTE * (wrong - 1) - (bucket(2 * seen + 1) >> 2)
        return worth if worth > 0 else 0
