# Watches a bus: every frame through the detectors, one id a frame asked whether it is overdue, alerts written.
# The plain twin of the host's detect/replay.py.
from array import array

from . import const
from .bus import FOREVER, elapsed
from .fingerprint import CAP, Fingerprint

_INCIDENT = const(10000000)  # microseconds of silence that end an incident
WINDOWS = ("CLCK", "LSTW", "ORDR", "VAEW", "WNDW")  # sections of detectors of windows
SECTIONS = ("META", "GOLD", "FPRN", "CHKS", "RULE") + WINDOWS


class Watch:
    def __init__(self, model, lines):
        fingerprint = self.fingerprint = Fingerprint(model)
        self.lines = lines
        self.data = bytearray(8)  # of a frame, zeros past its end
        n = fingerprint.n
        self.checks = self.rules = None
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
        if [tag for tag in WINDOWS if tag in model.sections]:
            from . import gates

            self.windows = gates.load(model, fingerprint)
        places = n + 1 + len(self.windows)
        # how many frames there had been when an id came last, -1 while it is missing
        self.seen = array("i", bytes(4 * n))
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
        self.scored = 0
        self.alerts = 0
        self.incident = 0
        self.next = 0
        for i in range(self.fingerprint.n):
            self.seen[i] = 0
        for i in range(len(self.dropped)):
            self.told[2 * i] = -1
            self.dropped[i] = 0

    def golden(self, model):
        # Runs the golden frames; a firmware that answers differently must not watch. A frame is stored as the
        # feed sends it: seconds u32, microseconds and DLC code u24, key u32, eight bytes.
        self.reset()
        for given, answers in model.golden():
            s = given[0] | given[1] << 8 | given[2] << 16 | given[3] << 24
            us = given[4] | given[5] << 8 | (given[6] & 15) << 16
            key = given[7] | given[8] << 8 | given[9] << 16 | (given[10] & 63) << 24
            if self.score(s, us, key, given[6] >> 4, given[11:19]) != answers[0]:
                raise ValueError("a golden frame is answered differently here: the model is refused")
        self.reset()

    def score(self, s, us, key, code, data):
        # The surprise of a frame, by fingerprint and checks.
        fingerprint = self.fingerprint
        bits = fingerprint.frame(s, us, key, code, data)
        if self.checks:
            if fingerprint.bus.woke:
                self.checks.forget()
            # Values and the bytes they stand in are broken together: only the more surprising of the two counts.
            if self.checks.frame(fingerprint.slot, code, data):
                checks = self.checks
                more = checks.counter + checks.checksum + max(checks.payload - fingerprint.broken, 0)
                bits = min(bits + more, CAP - 1)
        return bits

    def frame(self, records, at):
        # Takes the frame record at `at`, where it lies: seconds u32, microseconds | DLC code << 20 u24, key | flags
        # << 30 u32 and its data, of which no more is read than the frame is long. Flags: 0 data, 1 FD, 2 remote,
        # 3 error; remote and error frames are counted and not scored.
        top = records[at + 10]
        if top > 127:
            self.unscored += 1
            return
        s = records[at] | records[at + 1] << 8 | records[at + 2] << 16 | (records[at + 3] & 63) << 24
        code = records[at + 6]
        us = records[at + 4] | records[at + 5] << 8 | (code & 15) << 16
        code >>= 4
        key = records[at + 7] | records[at + 8] << 8 | records[at + 9] << 16 | (top & 63) << 24
        data = self.data
        for k in range(8):
            data[k] = records[at + 11 + k] if k < code else 0
        bits = self.score(s, us, key, code, data)
        fingerprint = self.fingerprint
        slot = fingerprint.slot
        self.scored = self.scored + 1 & 0x3FFFFFFF
        if slot < fingerprint.n:
            self.seen[slot] = self.scored
        verdict = self.rules.verdict(key, data) if self.rules else 0
        if verdict == 2:
            bits = CAP
        if bits >= fingerprint.threshold and verdict != 1 and not self.held(slot, s, us):
            words = (self.rules if verdict else self).words(key, code, data)
            self.write(s, us, slot, key, words, bits, fingerprint.threshold)
        place = fingerprint.n
        for one in self.windows:
            place += 1
            if one.judge(fingerprint.bus.woke, s, us, slot, code, data):
                blamed = one.detector.blamed
                name = fingerprint.keys[blamed] if blamed >= 0 else None
                allowed = name is not None and self.rules and self.rules.allows_id(name)
                if not allowed and not self.held(place, s, us):
                    self.write(s, us, place, name, one.detector.words(), one.bits, one.threshold, one.name)
        i = self.next
        self.next = i + 1 if i + 1 < fingerprint.n else 0
        if fingerprint.last[3 * i] >= 0 and self.seen[i] >= 0:
            self.ask(s, us, i)

    def ask(self, s, us, i):
        # Whether an id is missing.
        fingerprint = self.fingerprint
        last = fingerprint.last
        silent = waited = elapsed(s, us, last[3 * i], last[3 * i + 1])
        bus = fingerprint.bus
        if bus.crowd_s >= 0:
            # On a crowded bus an id is delayed, not gone: its time counts from the end of the crowd.
            waited = min(silent, elapsed(s, us, bus.crowd_s, bus.crowd_us))
        # While frames come less than half as often as usual the whole bus is falling silent.
        came = self.scored - self.seen[i] & 0x3FFFFFFF
        if waited > fingerprint.timeout[i] and came >= silent // (2 * fingerprint.pace_us):
            self.seen[i] = -1
            words = "missing", "a frame within %d us" % fingerprint.timeout[i], "none for %d us" % silent
            self.write(
                s, us, i, fingerprint.keys[i], words, fingerprint.silence(i, silent), fingerprint.threshold
            )

    def words(self, key, code, data):
        from .alert import words

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
        # imported here, so that it is not in the way of the model's loader
        from .alert import fields

        s += self.base
        pairs = fields(s, us, key, detector, words, bits, threshold, self.incident, dropped)
        self.lines.send("alert", pairs)
        self.dropped[place] = 0
