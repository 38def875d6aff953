# Signals after all that came before: a recurrent network that watches. The host's canbean.detect.detectors.lstm.
import struct
from array import array

from .features import Features
from .lstm import Lstm
from .residuals import Residuals
from .signals import Pieces, Signals

TAG = "LSTW"
ALL = 0x3FFFFFFF


class Detector:
    def __init__(self, model, fingerprint):
        pieces = Pieces(model, TAG)
        self.threshold, self.need, self.of = struct.unpack("<HBB", pieces.take(4))
        signals = self.signals = Signals(pieces, fingerprint)
        self.kernel = signals.kernel
        self.state = signals.state
        self.tables = signals.tables
        n = signals.count
        self.features = Features(pieces.place(4 + 12 * n))
        multipliers = array("H", pieces.take(2 * n + 3 & ~3))
        shifts = pieces.take(n + 3 & ~3)
        lstm = self.lstm = Lstm(pieces.place(struct.unpack("<I", pieces.take(4))[0]))
        if self.features.channels != n or lstm.features != n or lstm.outputs != n:
            raise ValueError("section LSTW does not hold what it says")
        self.residuals = Residuals(pieces, signals, multipliers, shifts)
        self.x = array("i", bytes(4 * n))
        self.reset()

    def reset(self):
        self.forget()

    # The bus woke up.
    def forget(self):
        self.signals.forget()
        self.begin()

    # A sequence begins.
    def begin(self):
        self.lstm.reset()
        self.residuals.reset()
        self.suspected = 0
        self.blamed = -1

    # The bits of the sample that is due, or -1; `blamed` is the slot of the id that they are mostly about.
    def judge(self, breathe):
        signals = self.signals
        if not signals.counts():
            self.begin()
            return -1
        x = self.x
        self.features.apply(signals.values, x, 4)
        if not self.residuals.known(x):
            self.begin()
            return -1
        bits = self.residuals.bits(x, self.lstm.run(x, breathe), breathe)
        self.suspected = self.residuals.suspect(ALL, -1)
        self.blamed = signals.slots[self.suspected]
        return bits

    # Kind, what was expected and what was seen, of the last judgement.
    def words(self):
        return self.residuals.words(self.suspected)
