# ruff: noqa: A001, C416, PTH123, SIM115, UP031 - MicroPython has no other way
# Runs on the VM: the console with stand-ins of bus and watch, steps from a file, what was written at each as JSON.
import json
import sys

from canbean.console import Console
from canbean.ring import Ring
from canbean.watch import Watch  # noqa: F401  # as on a board, where it has been imported long before

EVIL = 0x666


class Board:
    CHUNK = 64
    WINDOW = 10
    NAME = "test"
    BITRATE = 500000

    def __init__(self, baud):
        self.BAUD = baud
        self.us = 0
        self.incoming = b""
        self.outgoing = b""

    def ticks_ms(self):
        return self.us // 1000

    def ticks_us(self):
        return self.us & 0x3FFFFFFF

    def heap_free(self):
        return None

    def open_serial(self):
        return None, self.read, self.write

    def read(self, buffer):
        n = min(len(buffer), len(self.incoming))
        buffer[:n] = self.incoming[:n]
        self.incoming = self.incoming[n:]
        return n

    def write(self, data):
        self.outgoing += bytes(data)


class Bus:
    def __init__(self, fails):
        self.calls = []
        self.fails = fails
        self.now = ["ok", 0, 0]

    def start(self, bitrate, listen_only, filters):
        self.calls.append(["start", bitrate, listen_only])
        if bitrate == self.fails:
            raise ValueError("not this one")

    def stop(self):
        self.calls.append(["stop"])

    def status(self):
        return tuple(self.now)

    def send(self, key, code, data):
        if code == 7:
            raise OSError("bus-off")
        self.calls.append(["send", key, code, [b for b in data]])


class Stand:
    def __init__(self, lines):
        self.lines = lines
        self.seen = 0

    def frame(self, records, at):
        self.seen += 1
        key = records[at + 7] | records[at + 8] << 8 | records[at + 9] << 16 | (records[at + 10] & 63) << 24
        if key & 0x7FF == EVIL:
            id = ("%08X" % (key & 0x1FFFFFFF)) if key >> 29 else "%03X" % key
            pairs = (
                ("t", b"70000.123456"),
                ("id", id if records[at + 11] else None),
                ("bus", 0),
                ("detector", "lstm"),
                ("kind", "relation"),
                ("bits", b"31.0625"),
                ("threshold", b"12.5000"),
                ("expected", "x"),
                ("seen", "y"),
                ("severity", "high"),
                ("incident", 66000),
                ("hypotheses", b"[]"),
                ("dropped", 300),
            )
            self.lines.alert(lambda: pairs, ())


class App:
    def __init__(self, options):
        self.board = Board(options.get("baud", 0))
        self.console = Console(self.board, "gateway", self)
        self.console.refused = None
        self.console.counts = lambda: (("seen", self.watch.seen),)
        self.lines = self.console.lines
        self.bus = Bus(options.get("fails")) if options.get("bus", True) else None
        self.ring = Ring(4)
        self.watch = Stand(self.lines)
        self.rate = None

    def begin(self, rate):
        self.bus.stop()
        self.bus.start(rate[0], rate[1], None)


given = json.load(open(sys.argv[1]))
app = App(given["options"])
said = []
for kind, what in given["steps"]:
    if kind == "in":
        app.board.incoming = bytes(what)
        while app.console.link.poll():
            pass
    elif kind == "frame":
        app.watch.frame(bytes(what), 0)
    elif kind == "us":
        app.board.us += what
    elif kind == "bus":
        app.bus.now = what
    elif kind == "waits":
        app.ring.count = what
    elif kind == "lost":
        app.ring.lost += what
    said.append([b for b in app.board.outgoing])
    app.board.outgoing = b""
left = [name for name in sys.modules if name.startswith("commands")]
print(
    json.dumps(
        {
            "said": said,
            "calls": app.bus.calls if app.bus else [],
            "seen": app.watch.seen,
            "left": left,
            "errors": app.console.errors,
            "noise": app.console.link.noise,
            "seq": app.lines.seq,
        }
    )
)
