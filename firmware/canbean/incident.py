# Alerts that follow each other within ten seconds as one incident: a line when it opens, one with every ten seconds that it
# lasts, one when it is over. The twin of the host's board/incident_lines.py.
from . import const
from .alert import id_text, severity

_QUIET = const(10)  # seconds
_IDS = const(4)


class Incident:
    def __init__(self, lines):
        self.lines = lines
        # of the one that is open; 0: none is
        self.number = 0
        # called with this when it is over
        self.closed = None
        # for commands/store.py: when it wrote (s), what waits for that, and how many will never be written
        self.stored = self.unstored = self.skipped = 0
        self.waiting = None

    # Takes what an alert tells before its line is written.
    def alert(self, s, us, key, _, words, bits, threshold, number, __):
        if number != self.number:
            # a clock that was set back ends an incident at once
            self.close(self.number and (s, us) >= (self.s, self.us))
            self.number = number
            self.opened = s, us
            self.told = s
            self.count = self.more = 0
            self.bits = -1
            self.ids = []
            self.kinds = []
        self.s = s
        self.us = us
        self.count += 1
        self.bits = max(self.bits, bits - threshold)
        if words[0] not in self.kinds:
            self.kinds.append(words[0])
        if key is not None:
            key = id_text(key)
            if key not in self.ids:
                if len(self.ids) < _IDS:
                    self.ids.append(key)
                else:
                    self.more += 1
        if self.count == 1:
            self.send("opened")
        elif s - self.told >= _QUIET:
            self.told = s
            self.send("lasts")

    # Ends it when no alert came until second `s`.
    def idle(self, s):
        if self.number and s - self.s > _QUIET:
            self.close(True)

    def close(self, idle):
        if self.number:
            if idle:
                self.s += _QUIET
            self.send("closed")
            if self.closed:
                self.closed(self)
            self.number = 0

    def send(self, state):
        self.lines.send(
            "incident",
            (
                ("number", self.number),
                ("state", state),
                ("opened", b"%d.%06d" % self.opened),
                ("closed", b"%d.%06d" % (self.s, self.us) if state == "closed" else None),
                ("count", self.count),
                # of words without quotes this is JSON
                ("ids", str(self.ids).replace("'", '"').encode()),
                ("more", self.more),
                ("kinds", str(self.kinds).replace("'", '"').encode()),
                ("severity", severity(self.bits, 0)),
            ),
        )
