# The roast meter: a sensor's channels in, a value on the scale out.
import struct
import sys

import canbean
from canbean.console import Console

SECTIONS = ("META", "GOLD", "FEAT", "BLND", "POLY", "SPLN", "KNNS", "RBFS", "FRST", "DENS")


# 1/256 points as text with one decimal, halves up.
def tenths(score):
    n = score * 10 + 128 >> 8
    return "%s%d.%d" % ("-" if n < 0 else "", abs(n) // 10, abs(n) % 10)


def load(path):
    from canbean.model import Model
    from canbean.regressor import Regressor

    model = Model(path, "roastmeter", SECTIONS)
    regressor = Regressor({tag: model.read(tag) for tag in SECTIONS[2:] if tag in model.sections})
    for given, answers in model.golden():
        if regressor.predict(struct.unpack("<%di" % regressor.channels, given)) != answers[0]:
            raise ValueError("a golden reading is answered differently here: the model is refused")
    digest = model.digest
    model.close()
    # it has done its work: its code leaves the heap
    del model, Model, sys.modules["canbean.model"], canbean.model
    return digest, regressor


def main(board):
    console = Console(board, "roastmeter")
    # it raises no alerts
    lines = type(console.lines)
    lines.alert = lines.got = lines.idle = None
    # what the files in commands/ are given
    console.application = console
    console.console = console  # type: ignore[attr-defined]
    regressor = sensor = None
    readings = 0
    try:
        # here, so that a board whose heap is too small can still say so
        from drivers.fed_sensor import FedSensor

        digest, regressor = load(board.slot)
        sensor = FedSensor(regressor.channels)
        console.model = digest
        console.refused = None
        if board.settings is not None:
            console.rare("load", ())
    except Exception as error:
        console.refused = str(error) or type(error).__name__
        if board.slot != "model.cbm":
            console.rare("refused", console.refused)

    def sample(words):
        if not console.model:
            raise ValueError(console.refused)
        sensor.feed(words)

    def read(_):
        nonlocal readings
        if not console.model:
            raise ValueError(console.refused)
        readings += 1
        ms = console.uptime()
        value = bytes(tenths(regressor.predict(sensor.values)), "ascii") if sensor.quality == "ok" else None
        raw = bytes("[" + ",".join([str(v) for v in sensor.values]) + "]", "ascii")
        console.lines.send(
            "reading",
            (
                ("t", bytes("%d.%03d" % (ms // 1000, ms % 1000), "ascii")),
                ("value", value),
                ("raw", raw),
                ("quality", sensor.quality),
            ),
        )

    console.commands["sample"] = sample
    console.commands["read"] = read
    console.counts = lambda: (("readings", readings),)
    console.run()
