# Any model: a row of features in, the prediction out.
import struct
import sys

import canbean
from canbean.console import Console


# -> digest, predictor, names of classes, decimal. Imported here, so that a board whose heap is too small can still say so.
def load(path):
    import json

    from canbean import decimal
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
    reset = getattr(predictor.kind, "reset", None) or (lambda: None)
    for given, answers in model.golden():
        reset()
        found = predictor.predict(struct.unpack("<%di" % predictor.channels, given))
        if tuple(found)[: predictor.count] != answers:
            raise ValueError("a golden row is answered differently here: the model is refused")
    reset()
    names = json.loads(model.read("META")).get("classes", ())
    if len(names) != predictor.classes:
        raise ValueError("the model does not name its classes")
    digest = model.digest
    model.close()
    # it has done its work: its code leaves the heap
    del model, Model, sys.modules["canbean.model"], canbean.model
    return digest, predictor, names, decimal


def main(board):
    console = Console(board, "model")
    # it raises no alerts
    lines = type(console.lines)
    lines.alert = lines.got = lines.idle = None
    # what the files in commands/ are given
    console.application = console
    console.console = console  # type: ignore[attr-defined]
    predictor = decimal = None
    names = ()
    predictions = 0
    try:
        console.model, predictor, names, decimal = load(board.slot)
        console.refused = None
        if board.settings is not None:
            console.rare("load", ())
    except Exception as error:
        console.refused = str(error) or type(error).__name__
        if board.slot != "model.cbm":
            console.rare("refused", console.refused)

    def number(i):
        return decimal.text(predictor.answers[i], predictor.exponent)

    def predict(words):
        nonlocal predictions
        if not console.model:
            raise ValueError(console.refused)
        count = predictor.channels
        if len(words) != count:
            raise ValueError("this model takes %d numbers, these are %d" % (count, len(words)))
        raw = predictor.given
        for i in range(count):
            raw[i] = decimal.number(words[i], predictor.decimals[i])
        predictions += 1
        ms = console.uptime()
        answers = predictor.predict(raw)
        value = name = margin = anomaly = None
        if predictor.task == 1:
            name = names[answers[0]]
            margin = bytes(number(1), "ascii")
        else:
            value = number(0)
            if predictor.task == 2:
                anomaly = answers[1] > 0
            elif predictor.count > 1:
                value = "[" + ",".join([number(i) for i in range(predictor.count)]) + "]"
            value = bytes(value, "ascii")
        console.lines.send(
            "prediction",
            (
                ("t", bytes("%d.%03d" % (ms // 1000, ms % 1000), "ascii")),
                ("value", value),
                ("class", name),
                ("margin", margin),
                ("anomaly", anomaly),
                ("raw", bytes("[" + ",".join([str(raw[i]) for i in range(count)]) + "]", "ascii")),
            ),
        )

    console.commands["predict"] = predict
    if hasattr(predictor and predictor.kind, "reset"):
        # the next row begins a sequence
        console.commands["reset"] = lambda _: predictor.kind.reset()
    console.counts = lambda: (("predictions", predictions),)
    console.run()
