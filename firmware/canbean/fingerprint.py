# The fingerprint detector: one frame in, its surprise in sixteenths of a bit out.
# The plain twin of `surprise` in the host's detect/fingerprint.py; both give the same integers.
import struct
from array import array

from .bucket import bucket

FOREVER = 1000000000  # gaps saturate here: small integers of a 32-bit board end at 2**30
CAP = 1024
HEADER = 20
COLUMNS = 12
BREACHES = 32767


def elapsed(s, us, s0, us0):
    # Microseconds from (s0, us0) to (s, us): -1 if time runs backwards.
    d = s - s0
    if d >= 1000:
        return FOREVER
    if d < 0:
        return -1
    d = d * 1000000 + us - us0
    return d if d >= 0 else -1


class Fingerprint:
    def __init__(self, model):
        head = struct.unpack("<HHHHIII", model.part("FPRN", 0, HEADER))
        n, self.threshold, self.unknown_bits, columns, self.sleep_us, self.hold_us, self.crowd_us = head
        if n == 0 or columns != COLUMNS or model.size("FPRN") != HEADER + n * (8 + 2 * COLUMNS + 32):
            raise ValueError("section FPRN does not hold what it says")
        self.n = n
        self.keys = array("I", model.part("FPRN", HEADER, 4 * n))
        self.timeout = array("I", model.part("FPRN", HEADER + 4 * n, 4 * n))
        self.record = array("H", model.part("FPRN", HEADER + 8 * n, 2 * COLUMNS * n))
        self.payload = model.part("FPRN", HEADER + (8 + 2 * COLUMNS) * n, 32 * n)
        self.last_s = array("i", bytes(4 * n))
        self.last_us = array("i", bytes(4 * n))
        self.last_gap = array("i", bytes(4 * n))
        self.breaches = array("H", bytes(2 * n))
        self.reset()

    def reset(self):
        self.bus_s = -1
        self.bus_us = 0
        for i in range(self.n):
            self.breaches[i] = 0
        self.forget()

    def forget(self):
        # The bus has slept: nothing is known of when an id was last seen.
        for i in range(self.n):
            self.last_s[i] = -1

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
        # slot, timing, by_gap, dlc, broken, gap, span, byte.
        if self.bus_s >= 0 and elapsed(s, us, self.bus_s, self.bus_us) >= self.sleep_us:
            self.forget()
        self.bus_s = s
        self.bus_us = us
        i = self.slot = self.find(key)
        if i == self.n:
            self.gap = self.span = -1
            self.timing = self.dlc = self.broken = 0
            return min(self.unknown_bits, CAP)
        record = self.record
        at = i * COLUMNS
        gap = span = -1
        if self.last_s[i] >= 0:
            gap = elapsed(s, us, self.last_s[i], self.last_us[i])
            before = self.last_gap[i]
            if gap >= 0 and before >= 0:
                span = min(gap + before, FOREVER)
        self.last_s[i] = s
        self.last_us[i] = us
        self.last_gap[i] = gap
        self.gap = gap
        self.span = span
        timing = 0
        if gap >= 0:
            short = record[at + 4] - bucket(gap)
            if short > 0:
                timing = record[at + 8] + (short * record[at + 5] >> 6)
        self.by_gap = timing
        if span >= 0:
            short = record[at + 6] - bucket(span)
            if short > 0:
                timing = max(timing, record[at + 8] + (short * record[at + 7] >> 6))
        self.timing = timing
        self.dlc = 0 if record[at + 1] >> code & 1 else record[at + 2]
        self.broken = self.check(i, record[at + 3], data)
        return min(record[at] + timing + self.dlc + self.broken, CAP - 1)

    def silence(self, i, silent):
        # Surprise of an id that has been away for so long; it passed its timeout, so it is an alert in any case.
        at = i * COLUMNS
        late = max(bucket(silent) - self.record[at + 9], 0)
        bits = self.record[at] + self.record[at + 11] + (late * self.record[at + 10] >> 6)
        return max(min(bits, CAP), self.threshold)

    def check(self, i, worth, data):
        # Bytes that break a constant bit or leave their range; `byte` is the first of them.
        payload = self.payload
        at = i * 32
        wrong = 0
        for k in range(8):
            b = data[k]
            if (b ^ payload[at + 8]) & payload[at] or b < payload[at + 16] or b > payload[at + 24]:
                if not wrong:
                    self.byte = k
                wrong += 1
            at += 1
        if not wrong:
            return 0
        seen = self.breaches[i]
        if seen < BREACHES:
            self.breaches[i] = seen + 1
        worth += 32 * (wrong - 1) - (bucket(2 * seen + 1) >> 2)
        return worth if worth > 0 else 0
