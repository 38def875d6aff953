# The senders' clocks: how far ids drift from their learned periods, in sums over batches of about a second.
# The plain twin of the host's detect/drift.py; detect/detectors/clock.py has the layout of section CLCK.
import struct
from array import array

from .alert import id_text

HEADER = 16
RECORD = 14
CLOCKS = 96
NONE = 255  # an id whose clock is not followed
STARTED = 128  # in `count`: there was a whole batch since the measurement began
LEAK = 5
SUM = 32767
AGE = 255
CONSENSUS = 3200  # 200 ppm
STEPS = 4096


class Detector:
    def __init__(self, model, fingerprint):
        head = struct.unpack("<HBBHHHHHH", model.part("CLCK", 0, HEADER))
        self.threshold, self.need, self.of, n, k = head[:5]
        self.edge, self.base, self.slope = head[5:8]
        if n != fingerprint.n or not 0 < k <= CLOCKS or model.size("CLCK") != HEADER + (RECORD * k + 3 & ~3):
            raise ValueError("section CLCK does not hold what it says")
        self.fingerprint = fingerprint
        self.n = n
        self.k = k
        self.period = array("I", model.part("CLCK", HEADER, 4 * k))
        self.words16 = array(
            "H", model.part("CLCK", HEADER + 4 * k, 8 * k)
        )  # rows, tolerances, slacks, worths
        small = model.part("CLCK", HEADER + 12 * k, 2 * k)
        self.small = small  # fractions, frames a batch
        self.clock = bytearray(n)
        for i in range(n):
            self.clock[i] = NONE
        for j in range(k):
            ms = small[k + j] * self.period[j] // 1000
            if self.words16[j] >= n or not 0 < small[k + j] <= 64 or not 0 < ms <= 300000:
                raise ValueError("section CLCK has a clock that is none")
            self.clock[self.words16[j]] = j
        self.offset = array("i", bytes(4 * k))  # 1/256 us, since the mean of the batch before
        self.total = array("i", bytes(4 * k))  # of the offsets of this batch, microseconds
        self.count = bytearray(k)  # frames of this batch, and `STARTED`
        self.sums = array("h", bytes(2 * k))
        self.most = array("h", bytes(2 * k))  # the largest difference in a sum
        self.age = bytearray(k)  # batches since a sum was 0
        self.reset()

    def reset(self):
        self.blamed = -1
        self.consensus = 0  # 1/16 ppm: what the median of all clocks is off
        self.judged = 0  # batches
        for j in range(self.k):
            self.restart(j)

    # The first frame of an id after a sleep has no gap and restarts its measurement; what all clocks are off stays.
    def forget(self):
        pass

    def restart(self, j):
        self.offset[j] = self.total[j] = self.count[j] = self.sums[j] = self.most[j] = self.age[j] = 0

    def frame(self, s, us, slot, code, data):  # noqa: ARG002 - every detector is called so
        if slot >= self.n:
            return -1
        j = self.clock[slot]
        if j == NONE:
            return -1
        gap = self.fingerprint.last[3 * slot + 2]
        k = self.k
        error = gap - self.period[j]
        tolerance = self.words16[k + j]
        if gap < 0 or error > tolerance or error < -tolerance:
            self.restart(j)
            return -1
        offset = self.offset[j] + (error << 8) - self.small[j]
        total = self.total[j] + (offset >> 8)
        count = self.count[j] + 1
        frames = self.small[k + j]
        if count & 127 < frames:
            self.offset[j] = offset
            self.total[j] = total
            self.count[j] = count
            return -1
        mean = total // frames
        self.offset[j] = offset - (mean << 8)
        self.total[j] = 0
        self.count[j] = STARTED
        if count < STARTED:
            return -1
        self.add(j, mean)
        self.blamed = slot
        sum = self.sums[j]
        counted = max((sum if sum > 0 else -sum) - self.most[j], 0)
        raw = min(counted * self.words16[3 * k + j] >> 8, 16383)
        if raw <= self.edge:
            return 0
        return min(self.base + ((raw - self.edge) * self.slope >> 6), 1024)

    def batch_ms(self, j):
        return self.small[self.k + j] * self.period[j] // 1000

    # Adds a batch's drift to its sum, and follows what is common to all clocks.
    def add(self, j, drift):
        common = self.consensus * self.batch_ms(j) // 16000
        step = max(STEPS // (self.judged + 64), 1)
        self.judged = min(self.judged + 1, STEPS)
        if drift > common:
            self.consensus = min(self.consensus + step, CONSENSUS)
        elif drift < common:
            self.consensus = max(self.consensus - step, -CONSENSUS)
        if self.judged <= 4 * self.k:
            return
        drift -= common
        slack = self.words16[2 * self.k + j]
        before = self.sums[j]
        now = before - (before >> LEAK) + drift
        now = max(now - slack, 0) if now > 0 else min(now + slack, 0)
        now = max(min(now, SUM), -SUM)
        if now * before <= 0:
            self.most[j] = self.age[j] = 0
        self.sums[j] = now
        if now:
            self.most[j] = min(max(self.most[j], drift if now > 0 else -drift), SUM)
            self.age[j] = min(self.age[j] + 1, AGE)

    # Kind, what was expected and what was seen, of the batch that was judged last.
    def words(self):
        j = self.clock[self.blamed]
        ms = self.batch_ms(j)
        within = self.words16[2 * self.k + j] * 1000 // ms
        took = self.age[j] * ms
        sum = self.sums[j]
        rate = (sum if sum > 0 else -sum) * 1000 // took + within
        expected = "clock of %s within -%d..%d ppm" % (
            id_text(self.fingerprint.keys[self.blamed]),
            within,
            within,
        )
        return "timing", expected, "%d ppm over %d s" % (rate if sum > 0 else -rate, took // 1000)
