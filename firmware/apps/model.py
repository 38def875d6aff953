# Any model: a row of features in, the prediction out.
import struct
import sys

import canbean
from canbean import decimal
from canbean.console import Console, refuse


# -> digest, predictor, names of classes. Imported here, so that a board whose heap is too small can still say so.
def load(path):
    import json

    from canbean.kinds import TAGS
    from canbean.model import Model
    from canbean.predictor import Predictor

    known = ("META", "GOLD", "FEAT", "TASK") + TAGS
    model = Model(path, "model", known)
    # the check's code leaves the heap
    del sys.modules["canbean.verify"], canbean.verify
    if "canbean.hmac" in sys.modules:
        del sys.modules["canbean.hmac"], canbean.hmac
    needed = ("FEAT", "TASK")
    predictor = Predictor(
        {tag: model.read(tag) for tag in known[2:] if tag in needed or tag in model.sections}
    )
    # each golden row, and the first one asked for, begins a sequence
    anew(predictor)
    for given, answers in model.golden():
        found = predictor.predict(struct.unpack("<%di" % predictor.channels, given))
        if tuple(found)[: predictor.count] != answers:
            raise ValueError("a golden row is answered differently here: the model is refused")
        anew(predictor)
    names = json.loads(model.read("META")).get("classes", ())
    if len(names) != predictor.classes:
        raise ValueError("the model does not name its classes")
    digest = model.digest
    model.close()
    # it has done its work: its code leaves the heap
    del model, Model, sys.modules["canbean.model"], canbean.model
    return digest, predictor, names


def anew(predictor):
    if hasattr(predictor.kind, "reset"):
        predictor.kind.reset()


class AnyModel:
    def __init__(self, board):
        self.console = console = Console(board, "model", self)
        self.lines = console.lines
        self.predictions = 0
        self.predictor = None
        self.names = ()
        console.commands["predict"] = self.predict
        console.commands["sample"] = self.sample
        console.counts = self.counts
        try:
            console.model, self.predictor, self.names = load(board.slot)
            console.refused = None
            if hasattr(self.predictor.kind, "reset"):
                # the next row begins a sequence
                console.commands["reset"] = self.reset
            if board.settings is not None:
                console.rare("load", ())
        except Exception as error:
            refuse(console, error)

    # Of the status line.
    def counts(self):
        return (("predictions", self.predictions),)

    def reset(self, _):
        self.predictor.kind.reset()

    # A row of decimal numbers.
    def predict(self, words):
        raw = self.row(words)
        decimals = self.predictor.decimals
        for i in range(len(words)):
            raw[i] = decimal.number(words[i], decimals[i])
        self.answer(raw)

    # A row of integers, which the predictor is given as they are.
    def sample(self, words):
        raw = self.row(words)
        for i in range(len(words)):
            raw[i] = max(-decimal.LIMIT, min(int(words[i]), decimal.LIMIT))
        self.answer(raw)

    def row(self, words):
        if not self.console.model:
            raise ValueError(self.console.refused)
        count = self.predictor.channels
        if len(words) != count:
            raise ValueError("this model takes %d numbers, these are %d" % (count, len(words)))
        return self.predictor.given

    def number(self, i):
        return decimal.text(self.predictor.answers[i], self.predictor.exponent)

    def answer(self, raw):
        predictor = self.predictor
        self.predictions += 1
        ms = self.console.uptime()
        answers = predictor.predict(raw)
        value = name = margin = anomaly = None
        if predictor.task == 1:
            name = self.names[answers[0]]
            margin = bytes(self.number(1), "ascii")
        else:
            value = self.number(0)
            if predictor.task == 2:
                anomaly = answers[1] > 0
            elif predictor.count > 1:
                value = "[" + ",".join([self.number(i) for i in range(predictor.count)]) + "]"
            value = bytes(value, "ascii")
        self.lines.send(
            "prediction",
            (
                ("t", bytes("%d.%03d" % (ms // 1000, ms % 1000), "ascii")),
                ("value", value),
                ("class", name),
                ("margin", margin),
                ("anomaly", anomaly),
                (
                    "raw",
                    bytes("[" + ",".join([str(raw[i]) for i in range(predictor.channels)]) + "]", "ascii"),
                ),
            ),
        )


def start(board):
    return AnyModel(board).console


def main(board):
    start(board).run()
