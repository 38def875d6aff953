# What every application shares: it says hello, answers commands, reports errors as lines, and never stops.
import gc
import os

from . import const
from .lines import Lines
from .link import Link
from .passing import passing

_HELD = const(60000)  # milliseconds after which a start is none that failed


class Console:
    # `application`: what the files in commands/ are given.
    def __init__(self, board, app, application=None):
        self.board = board
        self.app = app
        self.application = application
        self._wait, readinto, write = board.open_serial()
        boot = "".join(["%02x" % byte for byte in os.urandom(4)])
        # only a gateway has alerts
        self.lines = Lines(write, boot, getattr(board, "KEPT", 0) if app == "gateway" else None)
        self.link = Link(readinto, self._command, self.no_packet, self.error, board.CHUNK)
        self.commands = {}
        # the file in commands/ that takes words in capitals, LAWICEL's or the Tonino's, and how many came since the last other one
        self.capitals = "slcan"
        self.upper = 0
        # digest of the model; why there is none, or not the one that came last: the application stays on the line and says so
        self.model = None
        self.refused = "no model"
        # called every time round, true where it found work; and when the line has nothing more
        self.turn = None
        self.idle = None
        # milliseconds to wait for the line when there is nothing to do
        self.pause = 1000
        # -> more (key, value) pairs for the status line
        self.counts = None
        self.errors = 0
        self._reason = None
        self._ticks = board.ticks_ms()
        self._ms = 0

    # Counts an error and says it; the same one again is said less and less often.
    def error(self, error):
        self.errors += 1
        n = self.errors
        reason = str(error) or type(error).__name__
        if reason != self._reason or n & n - 1 == 0:
            self._reason = reason
            try:
                self.lines.send("error", (("reason", reason), ("errors", n)))
            except MemoryError:
                # no room to say it: it is counted
                pass

    def _command(self, text):
        words = str(text, "ascii").split()
        # what is wrong with a command is always said
        self._reason = None
        self.upper = text.isupper() and self.upper + 1
        if self.upper:
            words.insert(0, self.capitals)
        command = self.commands.get(words[0]) if words else None
        if command:
            command(words[1:])
        elif not words or not words[0].isalpha() or not self.rare(words[0], words[1:], "key" in os.listdir()):
            raise ValueError("unknown command: " + str(text[:32], "ascii"))

    # Runs a file in commands/, whose code takes heap only while it is needed; false if there is none. `locked`: one that
    # changes something is refused.
    def rare(self, name, words, locked=False):
        try:
            module = passing("commands/" + name)
            if module:
                if locked and not hasattr(module, "READS"):
                    raise ValueError("needs the key: auth")
                module.run(self.application, words)
            return module
        finally:
            passing(None)

    def no_packet(self, *_):
        raise ValueError(self.refused or "this application takes no packets")

    # Milliseconds since the start; ticks wrap at 2**30, so it must be asked more often than that.
    def uptime(self):
        now = self.board.ticks_ms()
        self._ms += now - self._ticks & 0x3FFFFFFF
        self._ticks = now
        return self._ms

    # Until the line is gone.
    def run(self):
        gc.collect()
        if hasattr(gc, "threshold"):
            # while it runs garbage is rare and short-lived
            gc.threshold(4096)
        dog = self.board.watchdog()
        held = False
        greet = True
        while True:
            try:
                if greet:
                    greet = False
                    self.rare("hello", ())
                got = self.link.poll()
                busy = self.turn and self.turn()
                if dog:
                    # not after an error: a board that does nothing else starts anew
                    dog.feed()
                if not got:
                    if self.uptime() > _HELD and not held:
                        held = True
                        # this start is none that failed (commands/boot.py)
                        if "boot" in os.listdir():
                            os.remove("boot")
                    if self.idle:
                        self.idle()
                    if not busy:
                        self._wait(self.pause)
            except EOFError:
                return
            except Exception as error:
                self.error(error)


# Why an application has no model: it stays on the line and says so, and where the model was sent, the one before gets its turn.
def refuse(console, error):
    console.refused = str(error) or type(error).__name__
    console.model = console.turn = None
    if console.board.slot != "model.cbm":
        console.rare("refused", console.refused)
