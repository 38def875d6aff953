# The senders' clocks: how far ids drift from their learned periods, in sums over batches of about a second.
# The plain twin of the host's detect/drift.py; detect/detectors/clock.py has the layout of section CLCK.
import struct
from array import array

from . import const

try:
    from .drift_viper import follow
except Exception:
    # as in dense.py: no native code here
    from .drift_plain import follow

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
# `state`: how many clocks, the one to be judged, whether it is off; then of each its period, its tolerance, its offset
# since the mean of the batch before in 1/256 us, the total of the offsets of this batch in us, and how many they are,
# with `STARTED`
_CLOCKS = const(0)
_EVENT = const(1)
_OFF = const(2)
_PERIOD = const(3)


class Detector:
    def __init__(self, model, fingerprint, kernel=follow):
        head = struct.unpack("<HBBHHHHHH", model.part("CLCK", 0, HEADER))
        self.threshold, self.need, self.of, n, k = head[:5]
        self.edge, self.base, self.slope = head[5:8]
        if n != fingerprint.n or not 0 < k <= CLOCKS or model.size("CLCK") != HEADER + (RECORD * k + 3 & ~3):
            raise ValueError("section CLCK does not hold what it says")
        self.fingerprint = fingerprint
        self.kernel = kernel
        self.k = k
        state = bytes(4 * _PERIOD) + model.part("CLCK", HEADER, 4 * k) + bytes(16 * k)
        state = self.state = array("i", state)
        state[_CLOCKS] = k
        # rows, tolerances, slacks, worths
        self.words16 = array("H", model.part("CLCK", HEADER + 4 * k, 8 * k))
        # fractions, frames a batch, and of each id its clock
        tables = self.tables = bytearray(model.part("CLCK", HEADER + 12 * k, 2 * k) + b"\xff" * n)
        for j in range(k):
            ms = tables[k + j] * state[_PERIOD + j] // 1000
            if self.words16[j] >= n or not 0 < tables[k + j] <= 64 or not 0 < ms <= 300000:
                raise ValueError("section CLCK has a clock that is none")
            tables[2 * k + self.words16[j]] = j
            state[_PERIOD + k + j] = self.words16[k + j]
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
        for i in range(2, 5):
            self.state[_PERIOD + i * self.k + j] = 0
        self.sums[j] = self.most[j] = self.age[j] = 0

    def judge(self, _):
        state = self.state
        j = state[_EVENT]
        k = self.k
        if state[_OFF]:
            self.restart(j)
            return -1
        frames = self.tables[k + j]
        mean = state[_PERIOD + 3 * k + j] // frames
        started = state[_PERIOD + 4 * k + j] >= STARTED
        state[_PERIOD + 2 * k + j] -= mean << 8
        state[_PERIOD + 3 * k + j] = 0
        state[_PERIOD + 4 * k + j] = STARTED
        if not started:
            return -1
        self.add(j, mean)
        self.blamed = self.words16[j]
        sum = self.sums[j]
        counted = max((sum if sum > 0 else -sum) - self.most[j], 0)
        raw = min(counted * self.words16[3 * k + j] >> 8, 16383)
        if raw <= self.edge:
            return 0
        return min(self.base + ((raw - self.edge) * self.slope >> 6), 1024)

    def batch_ms(self, j):
        return self.tables[self.k + j] * self.state[_PERIOD + j] // 1000

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
        from .said import id_text

        j = self.tables[2 * self.k + self.blamed]
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
