# The roast meter: a sensor's channels in, a value on the scale out.
import struct
import sys

import canbean
from canbean import const
from canbean.console import Console, refuse
from canbean.decimal import text

_AGAIN = const(1000)  # milliseconds until a sensor that went away is tried again
_FAR = const(320)  # 1/16 degrees from the temperature of the calibration


# -> digest, regressor; with it the scale. Imported here, so that a board whose heap is too small can still say so.
def load(path, sensor=None):
    from canbean.kinds import TAGS
    from canbean.model import Model

    known = ("META", "GOLD", "FEAT", "BLND") + TAGS
    model = Model(path, "roastmeter", known)
    # the check's code leaves the heap before what follows comes
    del sys.modules["canbean.verify"], canbean.verify
    if "canbean.hmac" in sys.modules:
        del sys.modules["canbean.hmac"], canbean.hmac
    from canbean.fit import fit
    from canbean.regressor import Regressor
    from canbean.scale import Scale

    fit(bytes(model.read("META")), sensor)
    regressor = Regressor({tag: model.read(tag) for tag in known[2:] if tag in model.sections})
    for given, answers in model.golden():
        if regressor.predict(struct.unpack("<%di" % regressor.channels, given)) != answers[0]:
            raise ValueError("a golden reading is answered differently here: the model is refused")
    regressor.scale = Scale(model.read("scal") if "scal" in model.sections else None)  # type: ignore[attr-defined]
    digest = model.digest
    model.close()
    # it has done its work: its code leaves the heap
    del model, Model, sys.modules["canbean.model"], canbean.model, sys.modules["canbean.kinds"], canbean.kinds
    return digest, regressor


class RoastMeter:
    def __init__(self, board):
        self.board = board
        self.console = console = Console(board, "roastmeter", self)
        self.lines = console.lines
        # of commands/time.py: the wall clock at time 0; of metering.py: when the calibration is too old, in seconds of uptime
        self.clock = self.epoch = self.expires = None
        self.sensor = self.display = self.button = self.reflectance = self.reading = self.regressor = None
        # what was read last, in 1/256 point where it may be believed, and of what
        self.quality = "no sensor"
        self.score = self.counts = self.celsius = None
        # whether that is a sample that was given and has not been told yet
        self.fed = False
        # what is to be done: 2 judge a reading, 1 show it
        self.todo = 0
        # lines told, when the last one of a stream was, milliseconds between them: 0 none, -1 as ColorTrack has them
        self.readings = self.told = self.every = 0
        # after such words nothing is said but their answers
        console.capitals = "tonino"
        # bits a second of the line that were set, as text
        self.baud = None
        # when a sensor that went away is tried again
        self.due = 0
        console.commands["read"] = self.read
        self.line_rate = board.set_rate
        console.refused = None
        try:
            self.sensor = board.open_sensor()
            self.display = board.open_display()
            self.button = board.open_button()
        except Exception as error:
            console.refused = str(error) or type(error).__name__

    # A piece of a reading, or what is to be done with one: the line waits for no more.
    def turn(self):
        todo = self.todo
        if todo:
            self.todo = todo - 1
            if todo == 1:
                self.show()
            else:
                self.judge()
            return
        if self.button and self.button.pressed() and not self.console.upper:
            self.read(None)
        now = self.console.uptime()
        if now < self.due:
            return
        try:
            if self.reading.step():
                self.todo = 2
        except OSError:
            self.due = now + _AGAIN
            self.quality = "no sensor"
            self.score = None
            self.todo = 1
            if not self.console.upper:
                raise

    def judge(self):
        if self.fed:
            return
        reading = self.reading
        self.quality = reading.quality
        self.raw = reading.channels[: self.regressor.channels]
        self.counts = reading.counts
        self.celsius = reading.celsius16
        self.score = self.regressor.predict(self.raw) if self.quality == "ok" else None
        now = self.console.uptime()
        if self.every and now - self.told >= self.every:
            self.told = now
            if self.every > 0:
                self.read(None)
            else:
                self.console.rare("colortrack", ())

    # Whether the calibration is too old for this reading, or too warm or cold; None where that is not known.
    def stale(self):
        if self.reflectance and self.reflectance.at is not None and self.celsius is not None:
            if abs(self.celsius - self.reflectance.at) > _FAR:
                return True
        return None if self.expires is None else self.console.uptime() // 1000 >= self.expires

    # -> value, half width of its interval, degree; None where there is none
    def words(self):
        score = self.score
        if score is None:
            return None, None, None
        scale = self.regressor.scale
        return scale.words(score), scale.half(score), scale.degree(score)

    def show(self):
        if self.display:
            from canbean.display import draw

            value, half, degree = self.words()
            if half is not None:
                half = self.regressor.scale.words(half)
            draw(self.display, value, half, degree, self.stale(), self.quality)

    # The line `reading`.
    def read(self, _):
        if not self.console.model:
            raise ValueError(self.console.refused)
        self.readings += 1
        self.fed = False
        value, low, degree = self.words()
        high = None
        if value:
            # a number, as it is
            value = value.encode()
        if low is not None:
            regressor, score, half = self.regressor, self.score, low
            low = regressor.scale.words(max(score - half, regressor.low)).encode()
            high = regressor.scale.words(min(score + half, regressor.high)).encode()
        celsius = self.celsius
        self.lines.send(
            "reading",
            (
                ("t", text(self.console.uptime(), -3).encode()),
                ("value", value),
                ("low", low),
                ("high", high),
                ("degree", degree),
                ("quality", self.quality),
                ("stale", self.stale()),
                ("raw", numbers(self.raw)),
                ("counts", self.counts and numbers(self.counts)),
                ("celsius", None if celsius is None else text(celsius * 625, -4).encode()),
            ),
        )


def numbers(values):
    return str(list(values)).replace(" ", "").encode()


def start(board):
    return RoastMeter(board)


# The rest, for which what runs before it leaves the heap. -> the console
def finish(app):
    console = app.console
    board = app.board
    try:
        if console.refused:
            raise ValueError(console.refused)
        console.model, app.regressor = load(board.slot, app.sensor)
        app.raw = [0] * app.regressor.channels
        if board.settings is not None:
            console.rare("load", ())
        if not app.reading:
            from canbean.begin import begin

            begin(app)
    except Exception as error:
        refuse(console, error)
    return console


def main(board):
    finish(start(board)).run()
