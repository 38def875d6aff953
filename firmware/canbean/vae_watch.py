# Signals of an id against those of all others: an autoencoder that watches. The host's canbean.detect.detectors.vae.
import struct
from array import array

from .features import Features
from .residuals import Residuals
from .signals import Pieces, Signals
from .vae import Vae

TAG = "VAEW"
BACK = 2  # samples before, from which a change is taken
TRIED = 3
NEVER = 0x3FFFFFFF


class Detector:
    def __init__(self, model, fingerprint):
        pieces = Pieces(model, TAG)
        self.threshold, self.need, self.of = struct.unpack("<HBB", pieces.take(4))
        signals = self.signals = Signals(pieces, fingerprint)
        self.kernel = signals.kernel
        self.state = signals.state
        self.tables = signals.tables
        n = signals.count
        self.features = Features(pieces.place(4 + 24 * n))
        vae = self.vae = Vae(pieces.place(struct.unpack("<I", pieces.take(4))[0]))
        if self.features.channels != 2 * n or vae.features != 2 * n:
            raise ValueError("section VAEW does not hold what it says")
        self.residuals = Residuals(pieces, signals, vae.multipliers, vae.shifts)
        # readings: values and how they changed; values of the samples before, in turns
        self.readings = array("i", bytes(8 * n))
        self.before = array("i", bytes(4 * n * BACK))
        self.x = array("i", bytes(8 * n))
        self.back = array("i", bytes(8 * n))
        self.tried = array("i", bytes(8 * n))
        self.reset()

    def reset(self):
        self.forget()

    # The bus woke up.
    def forget(self):
        self.signals.forget()
        self.begin()

    # Nothing came before the next sample.
    def begin(self):
        self.residuals.reset()
        self.turn = -1
        self.suspected = 0
        self.blamed = -1

    # Values, and how they changed since `BACK` samples before or since the state began.
    def take(self):
        values, readings, before = self.signals.values, self.readings, self.before
        n = self.signals.count
        if self.turn < 0:
            self.turn = 0
            for at in range(BACK * n):
                before[at] = values[at % n]
        at = self.turn * n
        for j in range(n):
            v = values[j]
            readings[j] = v
            readings[n + j] = v - before[at]
            before[at] = v
            at += 1
        self.turn = (self.turn + 1) % BACK

    # The bits of the sample that is due, or -1; `blamed` is the slot of the id that they are mostly about.
    def judge(self, breathe):
        signals = self.signals
        x = self.x
        if not signals.counts():
            self.begin()
            return -1
        self.take()
        self.features.apply(self.readings, x, 4)
        if not self.residuals.known(x):
            self.begin()
            return -1
        back = self.network(x, breathe)
        for j in range(2 * signals.count):
            self.back[j] = back[j]
        bits = self.residuals.bits(x, self.back, breathe)
        self.suspected = self.residuals.suspect(NEVER, -1)
        if bits >= self.threshold:
            self.suspected = self.liar(breathe)
        self.blamed = signals.slots[self.suspected]
        return bits

    def network(self, x, breathe):
        return self.vae.decoder.run(self.vae.encoder.run(x, breathe), breathe)

    # The place of the id that, given what the others say of it, leaves the smallest error.
    def liar(self, breathe):
        residuals = self.residuals
        begin = self.signals.begin
        tried = self.tried
        n = self.signals.count
        found = i = self.suspected
        least = NEVER
        for _ in range(TRIED):
            if i < 0 or residuals.largest[i] < 0:
                break
            for j in range(n):
                given = self.back if begin[i] <= j < begin[i + 1] else self.x
                tried[j] = given[j]
                tried[n + j] = given[n + j]
            rest = residuals.rest(tried, self.network(tried, breathe), i)
            if rest < least:
                least = rest
                found = i
            i = residuals.suspect(residuals.largest[i], i)
        return found

    # Kind, what was expected and what was seen, of the last judgement.
    def words(self):
        return self.residuals.words(self.suspected)
