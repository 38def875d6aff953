# settle SECONDS: listens for so long to a clean bus, by the frames' own times, and then says of each id what this board's
# clock made of it. It stands among the detectors of windows, so that it sees every frame that the fingerprint has just
# scored, and finds nothing. `settle 0` ends it at once. A reset, and so each replay, begins it anew.
from array import array

from canbean import const
from canbean.said import id_text
from canbean.bus import elapsed

# As in fingerprint.py.
_CROWD_S = const(12)
_CROWD_US = const(13)
_CROWDED = const(14)
_S = const(16)
_US = const(17)
_KEY = const(18)
_SLOT = const(20)
_SPAN = const(26)
_KEYS = const(32)


# Frames that this board's driver and ring have dropped since the start.
def lost(app):
    return (app.ring.lost if app.ring else 0) + (app.bus.status()[1] if app.bus else 0)


class Settle:
    name = "settle"
    state = tables = None
    threshold = 0

    def __init__(self, app, seconds):
        self.app = app
        self.seconds = seconds
        self.kernel = self.see
        # of each id the shortest gap, the shortest two gaps and the longest silence in us, -1 where there was none
        self.times = array("i", bytes(12 * app.watch.fingerprint.n))
        app.watch.windows = tuple(app.watch.windows) + (self,)
        self.reset()

    def reset(self):
        for at in range(len(self.times)):
            self.times[at] = -1
        self.first = -1
        self.frames = self.unknown = self.last = 0
        self.stranger = None
        self.lost = lost(self.app)
        self.alerts = self.app.watch.alerts

    def forget(self):
        pass

    def see(self, now, octets, state, tables):  # noqa: ARG002 - every detector is called so
        s = now[_S]
        if self.first < 0:
            self.first = s
        self.last = s
        self.frames = self.frames + 1 & 0x3FFFFFFF
        i = now[_SLOT]
        n = len(self.times) // 3
        if i == n:
            self.unknown += 1
            self.stranger = now[_KEY]
        else:
            gap = now[_KEYS + 2 * n + 3 * i + 2]
            if gap >= 0:
                self.note(now, 3 * i, gap)
        if s - self.first >= self.seconds:
            self.end()
        return False

    # On a crowded bus frames wait for one another: what is judged then is not measured then.
    def note(self, now, at, gap):
        times = self.times
        if not now[_CROWDED]:
            if times[at] < 0 or gap < times[at]:
                times[at] = gap
            span = now[_SPAN]
            if span >= 0 and (times[at + 1] < 0 or span < times[at + 1]):
                times[at + 1] = span
        if now[_CROWD_S] >= 0:
            gap = min(gap, elapsed(now[_S], now[_US], now[_CROWD_S], now[_CROWD_US]))
        if gap > times[at + 2]:
            times[at + 2] = gap

    def say(self, done):
        stranger = None if self.stranger is None else id_text(self.stranger)
        self.app.lines.send(
            "settle",
            (
                ("done", done),
                ("seconds", max(self.last - self.first, 0)),
                ("frames", self.frames),
                ("unknown", self.unknown),
                ("stranger", stranger),
                ("lost", lost(self.app) - self.lost),
                ("alerts", self.app.watch.alerts - self.alerts),
            ),
        )

    def end(self):
        watch = self.app.watch
        watch.windows = tuple([one for one in watch.windows if one is not self])
        times = self.times
        for at in range(0, len(times), 3):
            gap, span, silence = [us if us >= 0 else None for us in times[at : at + 3]]
            if gap is not None or silence is not None:
                pairs = ("gap", gap), ("span", span), ("silence", silence)
                self.app.lines.send("settled", (("id", id_text(watch.fingerprint.keys[at // 3])),) + pairs)
        self.say(True)


def run(app, words):
    if app.watch is None:
        raise ValueError("there is no model to settle")
    seconds = int(words[0]) if len(words) == 1 else -1
    if not 0 <= seconds <= 86400:
        raise ValueError("settle for 1 to 86400 seconds, or 0 to end it")
    running = [one for one in app.watch.windows if one.name == "settle"]
    if running:
        if seconds:
            raise ValueError("the board is settling already: settle 0 ends it")
        running[0].end()
    elif seconds:
        Settle(app, seconds).say(False)
    else:
        raise ValueError("the board is not settling")
