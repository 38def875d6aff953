# Watches a bus: every frame through the detectors, one id a frame asked whether it is overdue, alerts written.
# The plain twin of the host's detect/replay.py.
from array import array

from . import const
from .bus import FOREVER, elapsed
from .fingerprint import CAP, Fingerprint

_INCIDENT = const(10000000)  # microseconds of silence that end an incident
_BITS = const(0xFFFF)
# As in fingerprint.py.
_NEW = const(1 << 16)
_LATE = const(1 << 17)
_WOKE = const(1 << 18)
_OTHER = const(1 << 19)
_AT = const(0)
_LEAST = const(7)
_SCORED = const(10)
_S = const(16)
_US = const(17)
_KEY = const(18)
_CODE = const(19)
_SLOT = const(20)
_BROKEN = const(25)
_ASKED = const(28)
_SILENT = const(29)
_KEYS = const(32)
WINDOWS = "CLCK LSTW ORDR VAEW WNDW"  # sections of detectors of windows
SECTIONS = "META GOLD FPRN CHKS RULE PLAN " + WINDOWS


# What an alert's line tells. Imported with each, so that its code need not stay in the heap.
def told(*values):
    from .alert import fields

    return fields(*values)


class Watch:
    def __init__(self, model, lines):
        fingerprint = self.fingerprint = Fingerprint(model)
        self.lines = lines
        n = fingerprint.n
        self.checks = self.rules = None
        # called between the pieces of a judgement that takes long
        self.breathe = None
        # of a watch plan: masks and filters for the bus's driver
        self.filters = array("I", model.part("PLAN", 0, 32)) if "PLAN" in model.sections else None
        if "CHKS" in model.sections:
            from .checks import Checks

            self.checks = Checks(model, n)
        if "RULE" in model.sections:
            from .rules import Rules

            self.rules = Rules(model)
            for i in range(n):
                if self.rules.allows_id(fingerprint.keys[i]):
                    fingerprint.timeout[i] = FOREVER
        self.windows = ()
        if [tag for tag in model.sections if tag in WINDOWS]:
            from . import gates

            self.windows = gates.load(model, fingerprint)
        places = n + 1 + len(self.windows)
        # when an id last raised an alert; unknown ids share a place, each detector of windows has one
        self.told = array("i", bytes(8 * places))  # in seconds (-1: never) and us
        self.dropped = array("H", bytes(2 * places))
        self.reset()

    def reset(self, base=0):
        # `base`: seconds that alerts add to the frames' own, so that those stay small integers.
        self.base = base
        self.alert_s = self.alert_us = 0
        self.fingerprint.reset()
        if self.checks:
            self.checks.reset()
        for one in self.windows:
            one.reset()
        self.unscored = 0
        self.alerts = 0
        self.incident = 0
        for i in range(len(self.dropped)):
            self.told[2 * i] = -1
            self.dropped[i] = 0

    def golden(self, model):
        # Runs the golden frames; a firmware that answers differently must not watch. They hold eight bytes whatever
        # their length.
        self.reset()
        self.fingerprint.now[_LEAST] = 8
        for given, answers in model.golden():
            if self.score(given, 0) & _BITS != answers[0]:
                raise ValueError("a golden frame is answered differently here: the model is refused")
        self.fingerprint.now[_LEAST] = 0
        self.reset()

    def score(self, records, at):
        # The surprise of a frame, by fingerprint and checks, and what the fingerprint adds to it.
        fingerprint = self.fingerprint
        now = fingerprint.now
        now[_AT] = at
        bits = fingerprint.kernel(records, now, fingerprint.halves, fingerprint.octets)
        checks = self.checks
        if bits > _BITS:
            if bits & _OTHER:
                self.unscored += 1
                return bits
            if bits & _NEW:
                bits += fingerprint.unknown()
            if bits & _WOKE:
                if checks:
                    checks.forget()
                for one in self.windows:
                    one.forget()
        # Values and the bytes they stand in are broken together: only the more surprising of the two counts.
        if checks and checks.frame(now[_SLOT], now[_CODE], fingerprint.octets):
            more = checks.counter + checks.checksum + max(checks.payload - now[_BROKEN], 0)
            bits += min(more, CAP - 1 - (bits & _BITS))
        return bits

    def frame(self, records, at):
        # Takes the frame record at `at`, where it lies: seconds u32, microseconds | DLC code << 20 u24, key | flags
        # << 30 u32 and its data, of which no more is read than the frame is long. Flags: 0 data, 1 FD, 2 remote,
        # 3 error; remote and error frames are counted and not scored.
        bits = self.score(records, at)
        if bits >= self.fingerprint.threshold or self.rules:
            if bits & _OTHER:
                return
            self.surprise(bits & _BITS)
        if self.windows:
            now = self.fingerprint.now
            octets = self.fingerprint.octets
            for one in self.windows:
                if one.kernel(now, octets, one.state, one.tables) and one.judge(self.breathe):
                    self.blame(one)
        if bits & _LATE:
            self.ask()

    def blame(self, one):
        # What a detector of windows has found.
        fingerprint = self.fingerprint
        detector = one.detector
        s = fingerprint.now[_S]
        us = fingerprint.now[_US]
        place = fingerprint.n + 1 + self.windows.index(one)
        name = fingerprint.keys[detector.blamed] if detector.blamed >= 0 else None
        allowed = name is not None and self.rules and self.rules.allows_id(name)
        if not allowed and not self.held(place, s, us):
            self.write(s, us, place, name, detector.words(), one.bits, one.threshold, one.name)

    def surprise(self, bits):
        # A frame over the threshold, or one that the rules may know.
        fingerprint = self.fingerprint
        now = fingerprint.now
        s = now[_S]
        us = now[_US]
        slot = now[_SLOT]
        key = now[_KEY]
        verdict = self.rules.verdict(key, fingerprint.octets) if self.rules else 0
        if verdict == 2:
            bits = CAP
        if bits >= fingerprint.threshold and verdict != 1 and not self.held(slot, s, us):
            words = (self.rules if verdict else self).words(key, now[_CODE], fingerprint.octets)
            self.write(s, us, slot, key, words, bits, fingerprint.threshold)

    def ask(self):
        # An id is late. While frames come less than half as often as usual the whole bus is falling silent.
        fingerprint = self.fingerprint
        now = fingerprint.now
        i = now[_ASKED]
        silent = now[_SILENT]
        seen = _KEYS + 5 * fingerprint.n + i
        if (now[_SCORED] - now[seen] & 0x3FFFFFFF) >= silent // (2 * fingerprint.pace_us):
            now[seen] = -1
            words = "missing", "a frame within %d us" % fingerprint.timeout[i], "none for %d us" % silent
            bits = fingerprint.silence(i, silent)
            self.write(now[_S], now[_US], i, fingerprint.keys[i], words, bits, fingerprint.threshold)

    def words(self, key, code, data):
        from .alert_words import words

        return words(self, key, code, data)

    def held(self, place, s, us):
        # Whether an alert is held back; if not, its time is kept.
        told = self.told
        at = 2 * place
        if told[at] >= 0:
            since = elapsed(s, us, told[at], told[at + 1])
            if 0 <= since < self.fingerprint.hold_us:
                if self.dropped[place] < 65535:
                    self.dropped[place] += 1
                return True
        told[at] = s
        told[at + 1] = us
        return False

    def write(self, s, us, place, key, words, bits, threshold, detector="fingerprint"):
        quiet = elapsed(s, us, self.alert_s, self.alert_us) if self.incident else FOREVER
        if quiet < 0 or quiet > _INCIDENT:
            self.incident += 1
        self.alert_s = s
        self.alert_us = us
        self.alerts += 1
        dropped = self.dropped[place]
        values = s + self.base, us, key, detector, words, bits, threshold, self.incident, dropped
        self.lines.alert(told, values)
        self.dropped[place] = 0
