# bench FRAMES: how fast this board judges frames that lie in memory, and what that takes of its heap; and how fast it
# receives, where it has a bus. A line `bench` for the fingerprint alone, for it with each other part, and for all.
#
# The frames are the model's own ids, each as often as it usually comes, with a payload in its ranges. The watch begins
# anew afterwards. Nothing else goes on meanwhile: some milliseconds a frame on an ESP8266.
import gc
import time
from array import array

from canbean import const
from canbean.said import unbucket
from canbean.bus import FOREVER
from canbean.ring import head

_BATCH = const(16)
_RECORD = const(19)
_DATA = const(11)
_COLUMNS = const(12)
_LATE = const(7)
_LOW = const(16)
_PERIOD_MOST = const(100000)  # ms

# CPython's clock is no board's
ticks_us = getattr(time, "ticks_us", None) or (lambda: time.monotonic_ns() // 1000)  # type: ignore[attr-defined]
mem_alloc = getattr(gc, "mem_alloc", None) or (lambda: 0)


class Mute:
    def alert(self, fields, values):
        pass


class Bench:
    def __init__(self, app):
        self.watch = watch = app.watch
        # the same one again; nobody else feeds it meanwhile
        self.dog = app.board.watchdog()
        self.clock = app.clock
        self.records = bytearray(_RECORD * _BATCH)
        fingerprint = watch.fingerprint
        self.period = array("i", bytes(4 * fingerprint.n))
        for i in range(fingerprint.n):
            us = unbucket(fingerprint.halves[_COLUMNS * i + _LATE])
            self.period[i] = min(max(us // 1000, 1), _PERIOD_MOST)
        self.due = array("i", self.period)
        # head() asks a clock for these
        self.s = self.us = 0

    # The next frames, of the ids that are due first.
    def make(self):
        fingerprint = self.watch.fingerprint
        due = self.due
        for at in range(0, _RECORD * _BATCH, _RECORD):
            i = 0
            for k in range(1, len(due)):
                if due[k] < due[i]:
                    i = k
            s = due[i] // 1000
            us = due[i] % 1000 * 1000
            due[i] += self.period[i]
            # no two frames at once
            self.us = self.us + 200 if s == self.s and us <= self.us else us
            self.s = s
            dlcs = fingerprint.halves[_COLUMNS * i]
            code = 0
            while code < 15 and not dlcs >> code & 1:
                code += 1
            head(self.records, at, self, fingerprint.keys[i], 0, code)
            for k in range(8):
                self.records[at + _DATA + k] = fingerprint.octets[_LOW + 24 * i + k]

    # -> microseconds and bytes that judging so many frames took.
    def judge(self, frames):
        self.watch.reset()
        for i in range(len(self.due)):
            self.due[i] = self.period[i]
        self.s = self.us = 0
        frame = self.watch.frame
        records = self.records
        took = used = 0
        for _ in range(0, frames, _BATCH):
            self.make()
            if self.dog:
                self.dog.feed()
            if self.clock:
                # or a wrap of the ticks would go unseen
                self.clock.read()
            before = mem_alloc()
            start = ticks_us()
            for at in range(0, _RECORD * _BATCH, _RECORD):
                frame(records, at)
            took += ticks_us() - start & 0x3FFFFFFF
            used += max(mem_alloc() - before, 0)
        return took, used


# -> frames of the bus, and microseconds that receiving them took, in about a second; they are not judged.
def receive(app):
    frames = took = 0
    begin = ticks_us()
    while ticks_us() - begin & 0x3FFFFFFF < 1000000:
        start = ticks_us()
        got = app.bus.receive(app.ring, app.clock)
        if got:
            took += ticks_us() - start & 0x3FFFFFFF
            frames += got
        while app.ring.count:
            app.ring.take()
    return frames, took


def say(app, part, frames, us, allocated):
    heap = app.board.heap_free()
    pairs = ("part", part), ("frames", frames), ("us", us), ("allocated", allocated), ("heap_free", heap)
    app.lines.send("bench", pairs)


def run(app, words):
    watch = app.watch
    if watch is None:
        raise ValueError("there is no model to bench")
    frames = int(words[0]) if len(words) == 1 else 0
    if not 0 < frames <= 100000:
        raise ValueError("bench 1 to 100000 frames")
    frames = (frames + _BATCH - 1) // _BATCH * _BATCH
    lines, checks, windows, fingerprint = watch.lines, watch.checks, watch.windows, watch.fingerprint
    threshold = fingerprint.threshold
    gates = [one.threshold for one in windows]
    say(app, "idle", 0, 0, 0)
    bench = Bench(app)
    watch.lines = Mute()
    # counters of these payloads stand still, their order is another one: nothing of it is an alert
    fingerprint.threshold = FOREVER
    for one in windows:
        one.threshold = FOREVER
    found = []
    try:
        parts = [("fingerprint", None, ())]
        if checks:
            parts.append(("checks", checks, ()))
        parts += [(one.name, None, (one,)) for one in windows]
        for name, watch.checks, watch.windows in parts + [("all", checks, windows)]:
            bench.judge(_BATCH)
            found.append((name,) + bench.judge(frames))
    finally:
        watch.lines, watch.checks, watch.windows = lines, checks, windows
        fingerprint.threshold = threshold
        for one, gate in zip(windows, gates):
            one.threshold = gate
        watch.reset()
    for name, took, used in found:
        say(app, name, frames, took, used)
    if app.bus:
        got, took = receive(app)
        say(app, "receive", got, took, 0)
    bench = None
    say(app, "end", 0, 0, 0)
