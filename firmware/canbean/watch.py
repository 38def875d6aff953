# Watches a bus: every frame through the fingerprint, one id a frame asked whether it is overdue, alerts written.
# The plain twin of the host's detect/replay.py.
from array import array

from . import alert
from .fingerprint import FOREVER, Fingerprint, elapsed

INCIDENT = 10000000  # microseconds of silence that end an incident
RECENT = 32  # frames over which the bus is looked at for a crowd
SECTIONS = ("META", "GOLD", "FPRN")


class Watch:
    def __init__(self, model, lines):
        self.fingerprint = Fingerprint(model)
        self.lines = lines
        n = self.fingerprint.n
        self.missing = bytearray(n)
        # when an id last raised an alert; unknown ids share the last place
        self.held_s = array("i", bytes(4 * (n + 1)))
        self.held_us = array("i", bytes(4 * (n + 1)))
        self.dropped = array("H", bytes(2 * (n + 1)))
        self.recent_s = array("i", bytes(4 * RECENT))  # the last frames of the bus
        self.recent_us = array("i", bytes(4 * RECENT))
        self.reset()

    def reset(self, base=0):
        # `base`: seconds that alerts add to the frames' own, so that those stay small integers.
        self.base = base
        self.alert_s = self.alert_us = 0
        self.fingerprint.reset()
        self.frames = 0
        self.unscored = 0
        self.place = 0
        self.crowd_s = -1
        self.crowd_us = 0
        for i in range(RECENT):
            self.recent_s[i] = -1
        self.alerts = 0
        self.incident = 0
        self.next = 0
        for i in range(self.fingerprint.n):
            self.missing[i] = 0
        for i in range(self.fingerprint.n + 1):
            self.held_s[i] = -1
            self.dropped[i] = 0

    def golden(self, model):
        # Runs the golden frames; a firmware that answers differently must not watch. A frame is stored as the
        # feed sends it: seconds u32, microseconds and DLC code u24, key u32, eight bytes.
        self.reset()
        for given, answers in model.golden():
            s = given[0] | given[1] << 8 | given[2] << 16 | given[3] << 24
            us = given[4] | given[5] << 8 | (given[6] & 15) << 16
            key = given[7] | given[8] << 8 | given[9] << 16 | (given[10] & 63) << 24
            if self.fingerprint.frame(s, us, key, given[6] >> 4, given[11:19]) != answers[0]:
                raise ValueError("a golden frame is answered differently here: the model is refused")
        self.reset()

    def frame(self, s, us, key, flags, code, data):
        # `flags`: 0 data, 1 FD, 2 remote, 3 error; remote and error frames are counted and not scored.
        self.frames += 1
        if flags > 1:
            self.unscored += 1
            return
        fingerprint = self.fingerprint
        bits = fingerprint.frame(s, us, key, code, data)
        slot = fingerprint.slot
        missing = self.missing
        i = self.place
        self.place = i + 1 & RECENT - 1
        if self.recent_s[i] >= 0:
            took = elapsed(s, us, self.recent_s[i], self.recent_us[i])
            if 0 <= took < fingerprint.crowd_us:
                self.crowd_s = s
                self.crowd_us = us
        self.recent_s[i] = s
        self.recent_us[i] = us
        if slot < fingerprint.n:
            missing[slot] = 0
        if bits >= fingerprint.threshold:
            self.raise_frame(s, us, key, code, data, bits)
        i = self.next
        self.next = i + 1 if i + 1 < fingerprint.n else 0
        if fingerprint.last_s[i] >= 0 and not missing[i]:
            silent = elapsed(s, us, fingerprint.last_s[i], fingerprint.last_us[i])
            waited = silent
            if self.crowd_s >= 0:
                # On a crowded bus an id is delayed, not gone: its time counts from the end of the crowd.
                waited = min(silent, elapsed(s, us, self.crowd_s, self.crowd_us))
            if waited > fingerprint.timeout[i]:
                missing[i] = 1
                bits = fingerprint.silence(i, silent)
                expected = "a frame within %d us" % fingerprint.timeout[i]
                seen = "none for %d us" % silent
                self.write(s, us, i, fingerprint.keys[i], "missing", bits, expected, seen)

    def raise_frame(self, s, us, key, code, data, bits):
        slot = self.fingerprint.slot
        if self.held_s[slot] >= 0:
            since = elapsed(s, us, self.held_s[slot], self.held_us[slot])
            if 0 <= since < self.fingerprint.hold_us:
                if self.dropped[slot] < 65535:
                    self.dropped[slot] += 1
                return
        kind, expected, seen = alert.words(self.fingerprint, key, code, data)
        self.write(s, us, slot, key, kind, bits, expected, seen)

    def write(self, s, us, slot, key, kind, bits, expected, seen):
        quiet = elapsed(s, us, self.alert_s, self.alert_us) if self.incident else FOREVER
        if quiet < 0 or quiet > INCIDENT:
            self.incident += 1
        self.alert_s = s
        self.alert_us = us
        self.alerts += 1
        threshold = self.fingerprint.threshold
        fields = alert.fields(
            self.base + s, us, key, kind, bits, threshold, expected, seen, self.incident, self.dropped[slot]
        )
        self.lines.send("alert", fields)
        self.dropped[slot] = 0
        if kind != "missing":
            self.held_s[slot] = s
            self.held_us[slot] = us
