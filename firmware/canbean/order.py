# The order of ids: how many frames of its partners lie between two frames of an id, window by window.
# The plain twin of the host's detect/detectors/sequence.py, which has the layout of section ORDR.
import struct
from array import array

from . import const
from .alert import id_text

_HEADER = const(16)
_WORTH = const(32)
_RECORD = const(24)  # three partners of eight bytes
_NEVER = const(255)  # an id that was not seen since the bus woke up
_ONCE = const(63)  # one that was seen once


class Detector:
    def __init__(self, model, fingerprint):
        head = struct.unpack("<HBBHBBHHHH", model.part("ORDR", 0, _HEADER))
        self.threshold, self.need, self.of, n, partners, self.window = head[:6]
        self.edge, self.base, self.slope = head[6:9]
        if n != fingerprint.n or partners != 3 or model.size("ORDR") != _HEADER + _WORTH + _RECORD * n:
            raise ValueError("section ORDR does not hold what it says")
        self.n = n
        self.keys = fingerprint.keys
        self.worth = array("H", model.part("ORDR", _HEADER, _WORTH))
        self.record = model.part("ORDR", _HEADER + _WORTH, _RECORD * n)
        for at in range(0, _RECORD * n, 8):
            if self.record[at] | self.record[at + 1] << 8 >= n:
                raise ValueError("section ORDR has a partner that is no id")
        self.counts = bytearray(n)  # frames of each id, modulo 256
        self.then = bytearray(3 * n)  # its partners' counts when it was seen last
        self.before = bytearray(n)  # classes of its last runs, two bits each
        self.reset()

    def reset(self):
        self.blamed = -1
        self.forget()

    def forget(self):
        for i in range(self.n):
            self.before[i] = _NEVER
        self.begin()

    def begin(self):
        self.frames = 0
        self.raw = 0
        self.most = 0

    def frame(self, s, us, slot, code, data):  # noqa: ARG002 - every detector is called so
        if slot < self.n:
            self.follow(slot)
        self.frames += 1
        if self.frames < self.window:
            return -1
        raw = self.raw
        self.blamed = -1
        if self.most:
            self.blamed = self.slot
            self.run = self.most_run
            self.told = self.most_told
        self.begin()
        if raw <= self.edge:
            return 0
        return min(self.base + ((raw - self.edge) * self.slope >> 6), 1024)

    # What the runs of an id's partners cost: the least of the three.
    def follow(self, slot):
        counts = self.counts
        counts[slot] = counts[slot] + 1 & 255
        record = self.record
        at = slot * _RECORD
        if record[at] | record[at + 1] << 8 == slot:
            return
        before = self.before[slot]
        now = 0
        least = 16
        for j in range(3):
            count = counts[record[at] | record[at + 1] << 8]
            run = count - self.then[3 * slot + j] & 255
            self.then[3 * slot + j] = count
            kind = min(max(run - record[at + 2], 0), 2)
            now |= kind << 2 * j
            if before < _ONCE:
                k = 3 * (before >> 2 * j & 3) + kind
                cost = record[at + 3 + (k >> 1)] >> ((k & 1) << 2) & 15
                if cost < least:
                    least = cost
                    told = j
                    told_run = run
            at += 8
        self.before[slot] = _ONCE if before == _NEVER else now
        if before < _ONCE:
            worth = self.worth[least]
            self.raw += worth
            if worth > self.most:
                self.most = worth
                self.slot = slot
                self.most_run = told_run
                self.most_told = told << 2 | before >> 2 * told & 3

    # Kind, what was expected and what was seen, of the window that was judged last.
    def words(self):
        at = self.blamed * _RECORD + 8 * (self.told >> 2)
        record = self.record
        usual = 0
        least = 16
        for kind in range(3):
            k = 3 * (self.told & 3) + kind
            cost = record[at + 3 + (k >> 1)] >> ((k & 1) << 2) & 15
            if cost < least:
                least = cost
                usual = kind
        other = id_text(self.keys[record[at] | record[at + 1] << 8])
        number = ("up to ", "", "from ")[usual] + str(record[at + 2] + usual)
        expected = number + " of " + other + " between two of " + id_text(self.keys[self.blamed])
        return "sequence", expected, "%d of %s" % (self.run, other)
