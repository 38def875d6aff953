# The gateway: frames in, alerts out.
import gc
import sys

import canbean
from canbean import const
from canbean.console import Console
from drivers.feed import Feed

_SLICE = const(16)  # frames between two looks at the serial line


# -> watch, digest. Imported here, so that a board whose heap is too small for the detectors can still say so.
def load(lines, path="model.cbm"):  # noqa: F811
    global load, unload
    from canbean.model import Model
    from canbean.watch import SECTIONS, Watch

    # what importing left over would lie between the model's tables
    gc.collect()
    model = Model(path, "gateway", SECTIONS)
    watch = Watch(model, lines)
    watch.golden(model)
    model.close()
    unload(watch)
    # and so have these two
    del load, unload
    return watch, model.digest


# What runs once has done its work: its code leaves the heap.
def unload(watch):  # noqa: F811
    fingerprint = watch.fingerprint
    for one in (watch, fingerprint, fingerprint.novelty, watch.checks, watch.rules):
        if one:
            type(one).__init__ = None
    for one in watch.windows:
        type(one).__init__ = type(one.detector).__init__ = None
    type(watch).golden = None
    del sys.modules["canbean.model"], canbean.model
    if "canbean.hmac" in sys.modules:
        del sys.modules["canbean.hmac"], canbean.hmac
    # what only alerts need, while there is room
    from canbean import alert  # noqa: F401

    if watch.checks:
        from canbean import check_words  # noqa: F401


class Gateway:
    def __init__(self, board):
        self.board = board
        self.console = console = Console(board, "gateway", self)
        self.lines = console.lines
        self.watch = self.feed = self.bus = self.ring = self.clock = None
        self.lines.gather = self.gather
        # of commands/incident.py and store.py: what is open, what is to be stored, and from which second of uptime on
        self.incident = self.due = None
        self.store = {}
        # the wall clock at time 0 and the second of uptime at which somebody told it
        self.epoch = None
        try:
            self.watch, console.model = load(self.lines, board.slot)
            self.feed = Feed(self.lines, board.WINDOW, self.watch)
            self.open()
            console.idle = self.idle
            console.link.on_packet = self.feed.packet
            if board.settings is not None:
                console.rare("load", ())
            else:
                console.refused = None
        except Exception as error:
            console.refused = str(error) or type(error).__name__
            if board.slot != "model.cbm":
                console.rare("refused", console.refused)

    # The bus, where this board has one.
    def open(self):
        self.bus = self.board.open_bus()
        if self.bus:
            from canbean.clock import Clock
            from canbean.ring import Ring

            self.ring = Ring(self.board.RING)
            self.clock = Clock(self.board.ticks_us)
            self.bus.start(self.board.BITRATE, True, None)
            self.console.turn = self.turn
            self.console.pause = 1

    # Frames of the bus into the ring, and a few of them through the detectors, so that the line is not kept waiting.
    def turn(self):
        ring = self.ring
        self.bus.receive(ring, self.clock)
        left = _SLICE
        while ring.count and left:
            left -= 1
            try:
                self.watch.frame(ring.records, ring.first)
            finally:
                ring.take()
        # also where no frame comes: or a wrap of the ticks would go unseen
        self.clock.read()
        self.lines.idle(self.clock.s)
        return ring.count

    def idle(self):
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


def main(board):
    Gateway(board).console.run()
