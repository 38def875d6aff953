# From errors of expected signals to bits. The layout and the rules are in the host's canbean.detect.residuals.
from array import array

from .bucket import bucket

UNJUDGED = 65535
WARM = 8
CAP = 1024
USUAL = 869


class Residuals:
    # Errors are normalised by `multipliers` and `shifts`; the tails end the section.
    def __init__(self, pieces, signals, multipliers, shifts):
        n = signals.count
        size = 2 * n + 3 & ~3
        self.edge, self.base, self.slope, self.cap = [array("H", pieces.take(size)) for _ in range(4)]
        self.low, self.high = [array("h", pieces.take(size)) for _ in range(2)]
        pieces.end()
        self.signals = signals
        self.multipliers = multipliers
        self.shifts = shifts
        self.error = array("i", bytes(4 * n))
        self.mean = array("i", bytes(4 * n))
        # by id: its largest error, -1 where none is judged
        self.largest = array("i", bytes(4 * signals.ids))

    def reset(self):
        self.age = 0
        for j in range(self.signals.count):
            self.mean[j] = 0

    # Whether all signals lie where clean traffic had them, but for one id's.
    def known(self, x):
        begin = self.signals.begin
        out = 0
        for i in range(self.signals.ids):
            for j in range(begin[i], begin[i + 1]):
                if not self.low[j] <= x[j] <= self.high[j]:
                    out += 1
                    break
        return out < 2

    # The normalised error of one signal.
    def normalised(self, j, d):
        if d < 0:
            return -((-d * self.multipliers[j] >> self.shifts[j] - 1) + 1 >> 1)
        return (d * self.multipliers[j] >> self.shifts[j] - 1) + 1 >> 1

    # The bits of a sample that is off by `x - expected`.
    def bits(self, x, expected, breathe=None):
        most = 0
        mean = self.mean
        signals = self.signals
        warm = self.age >= WARM
        if not warm:
            self.age += 1
        for i in range(signals.ids):
            largest = -1
            for j in range(signals.begin[i], signals.begin[i + 1]):
                u = self.normalised(j, x[j] - expected[j]) if warm else 0
                self.error[j] = u
                cap = self.cap[j]
                v = cap if u > cap else -cap if u < -cap else u
                m = mean[j]
                m += (v << 4) - m >> 3
                mean[j] = m
                if self.edge[j] == UNJUDGED:
                    continue
                largest = max(largest, abs(u))
                beyond = bucket(min(abs(m), abs(v) << 5)) - self.edge[j]
                if beyond > 0:
                    most = max(most, self.base[j] + (self.slope[j] * beyond >> 6))
            self.largest[i] = largest
            if breathe:
                breathe()
        return most if most < CAP else CAP

    # The largest error of the ids other than `i`.
    def rest(self, x, expected, i):
        most = -1
        begin = self.signals.begin
        for j in range(self.signals.count):
            if self.edge[j] != UNJUDGED and not begin[i] <= j < begin[i + 1]:
                most = max(most, abs(self.normalised(j, x[j] - expected[j])))
        return most

    # The place of the id with the largest error below `under`; of equal ones the first after `after`.
    def suspect(self, under, after):
        found = -1
        for i in range(self.signals.ids):
            e = self.largest[i]
            if (e < under or e == under and i > after) and (found < 0 or e > self.largest[found]):
                found = i
        return found

    # What was expected and what was seen of the worst signal of an id.
    def words(self, i):
        begin = self.signals.begin
        worst = begin[i]
        size = -1
        for j in range(begin[i], begin[i + 1]):
            if self.edge[j] != UNJUDGED and abs(self.error[j]) > size:
                worst = j
                size = abs(self.error[j])
        way = "high" if self.error[worst] > 0 else "low"
        seen = "too %s by %d usual errors" % (way, abs(self.error[worst]) // USUAL)
        return "relation", "bit %d in step with other ids" % self.signals.bit(worst), seen
