# The gateway: frames in, alerts out.
import gc
import sys

import canbean
from canbean import const
from canbean.console import Console, refuse

_SLICE = const(16)  # frames between two looks at the serial line
_REPLAY = const(5)  # seconds without a packet after which a replay is over
_GOT = const(3)  # an acknowledgement of drivers/feed.py
_UP = const(("ok", "warning", "passive"))  # states in which frames may come


# -> watch, digest. Imported here, so that a board whose heap is too small for the detectors can still say so.
def load(lines, path="model.cbm"):
    from canbean.model import Model
    from canbean.watch import SECTIONS, Watch

    model = Model(path, "gateway", SECTIONS)
    del sys.modules["canbean.verify"], canbean.verify
    if "canbean.hmac" in sys.modules:
        del sys.modules["canbean.hmac"], canbean.hmac
    # what importing left over would lie between the model's tables
    gc.collect()
    watch = Watch(model, lines)
    watch.golden(model)
    model.close()
    unload(watch)
    return watch, model.digest


# What runs once has done its work: its code leaves the heap.
def unload(watch):
    fingerprint = watch.fingerprint
    for one in (watch, fingerprint, fingerprint.novelty, watch.checks, watch.rules):
        if one:
            type(one).__init__ = None
    for one in watch.windows:
        type(one).__init__ = type(one.detector).__init__ = None
    type(watch).golden = None
    del sys.modules["canbean.model"], canbean.model
    # what only alerts need, while there is room
    from canbean import alert, alert_words, known_words, stranger_words  # noqa: F401

    if watch.checks:
        from canbean import check_words  # noqa: F401


class Gateway:
    def __init__(self, board):
        self.board = board
        self.console = console = Console(board, "gateway", self)
        self.lines = console.lines
        self.watch = self.feed = self.bus = self.ring = self.clock = self.filters = None
        self.lines.gather = self.gather
        # of commands/incident.py and store.py: what is open, what is to be stored, and from which second of uptime on
        self.incident = self.due = None
        self.store = {}
        # the wall clock at time 0 and the second of uptime at which somebody told it
        self.epoch = None
        # frames over the line: 0 anybody's, 1 refused for want of the board's key, 3 taken until a replay is over
        self.locked = 0
        # bit rate and whether the bus's driver only listens, or None; its state; the second in which that was looked at
        self.rate = self.state = None
        self.second = 0
        # frames that the driver lost, and those of the bus while a replay went on, which is until that second
        self.overflows = self.unwatched = self.until = 0
        console.refused = None
        try:
            # the bus's driver, where this board has one
            self.bus = board.open_bus()
            if self.bus:
                from canbean.clock import Clock
                from canbean.ring import Ring

                self.ring = Ring(board.RING)
                self.clock = Clock(board.ticks_us)
                console.pause = 1
        except Exception as error:
            console.refused = str(error) or type(error).__name__

    # Starts the bus; one that does not start, or goes away, is tried again once a second. -> why it does not, or None
    def begin(self, rate):
        self.rate = rate
        try:
            self.bus.stop()
            self.bus.start(rate[0], rate[1], self.filters)
            self.state = "ok"
        except (OSError, ValueError) as error:
            if str(error) != self.state:
                self.console.error(error)
            self.state = str(error)
            return error

    # Once a second: how the bus is, and whether a replay is over.
    def look(self):
        if self.state in _UP:
            self.state, self.overflows, _ = self.bus.status()
            if self.state not in _UP:
                self.console.error(self.state)
        if self.state not in _UP:
            self.begin(self.rate)
        if 0 < self.until < self.second:
            self.until = 0
            self.locked &= 1
            self.lines.reset()
            self.watch.reset()

    # Frames of the bus into the ring, also between the pieces of a long judgement.
    def breathe(self):
        self.bus.receive(self.ring, self.clock)

    # Frames into the ring, and a few of them through the detectors, so that the line is not kept waiting.
    def turn(self):
        # also where no frame comes: or a wrap of the ticks would go unseen
        self.clock.read()
        s = self.clock.s
        if s != self.second:
            self.second = s
            self.look()
        if self.state in _UP:
            self.breathe()
        ring = self.ring
        left = _SLICE
        while ring.count and left:
            left -= 1
            try:
                if self.until:
                    self.unwatched += 1
                else:
                    self.watch.frame(ring.records, ring.first)
            finally:
                ring.take()
        if not self.until:
            self.lines.idle(s)
        return ring.count

    # A packet of the line: frames of a replay, during which those of the bus are only counted, or an acknowledgement.
    def packet(self, buffer, i, end):
        if not self.feed:
            if buffer[i] == _GOT:
                # with a bus of its own there may never be a replay
                self.console.rare("got", bytes(buffer[i:end]))
                return
            from drivers.feed import Feed

            self.feed = Feed(self.lines, self.board.WINDOW, self.watch)
        if buffer[i] != _GOT:
            if self.locked == 1:
                raise ValueError("needs the key: auth")
            if self.bus or self.locked:
                self.replay()
            else:
                # from here on the feed takes them itself
                self.console.link.on_packet = self.feed.packet
        self.feed.packet(buffer, i, end)

    # A replay goes on, or may begin.
    def replay(self):
        self.until = _REPLAY + (self.second if self.bus else self.console.uptime() // 1000)

    def idle(self):
        if self.locked > 1 and not self.bus and self.console.uptime() // 1000 > self.until:
            self.locked = 1
        if self.feed:
            self.feed.idle()
        if self.due:
            self.gather(None)

    # Alerts into incidents, and these into the store.
    def gather(self, what):
        console = self.console
        try:
            if what is not None:
                console.rare("incident", what)
            if self.due is not None and console.uptime() >= 1000 * self.due:
                console.rare("store", None)
        except Exception as error:
            console.error(error)


def start(board):
    return Gateway(board)


# The rest, for which what runs before it leaves the heap. -> the console
def finish(app):
    console = app.console
    board = app.board
    try:
        if console.refused:
            raise ValueError(console.refused)
        watch, console.model = load(app.lines, board.slot)
        app.watch = watch
        app.filters = watch.filters
        if app.bus:
            watch.breathe = app.breathe
            console.turn = app.turn
        console.idle = app.idle
        console.link.on_packet = app.packet
        if board.settings is not None:
            console.rare("load", ())
        if app.bus and not app.rate:
            app.begin((board.BITRATE, True))
    except Exception as error:
        app.watch = app.bus = None
        refuse(console, error)
    return console


def main(board):
    finish(start(board)).run()
