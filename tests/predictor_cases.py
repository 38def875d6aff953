"""Predictors at random, and the kinds behind them that have several scores: at the edges of what the packer admits."""

from canbean.tiny.dense import Dense, Layer
from canbean.tiny.features import Channel, Features
from canbean.tiny.predictor import Predictor
from kind_cases import random_mixture, random_vae
from regressor_cases import random_neighbours, random_polynomial
from shallow_cases import random_forest, random_kernel

TAGS = ("POLY", "FRST", "RBFS", "KNNS", "DENS", "VAEN", "GMIX")


def wide_dense(rng, features, outputs):
    """A layer whose scores have 28 bits."""
    layer = Layer(
        rng.integers(-127, 128, (outputs, features)),
        rng.integers(-99_999, 99_999, outputs),
        rng.integers(2**30, 2**31, outputs),
        rng.integers(31, 40, outputs),
        *(0, 0, -(2**28), 2**28),
    )
    return Dense((layer,), -32767, 32767)


MAKE = {"POLY": random_polynomial, "FRST": random_forest, "RBFS": random_kernel, "DENS": wide_dense}

# of one output, a surprise
BITS = {"VAEN": random_vae, "GMIX": random_mixture}


def random_predictor(rng, tag, rows=12, widths=(1, 2, 4, 6, 20, 63)):
    """A predictor of kind `tag`, of as many channels as one of `widths`, and readings (rows, channels)."""
    features = int(rng.choice(widths))
    values = rng.normal(0, 1, (20, features)) * 10.0 ** rng.integers(-1, 5, features)
    front = Features(tuple(Channel.fit(column, transform="linear") for column in values.T))
    task = str(rng.choice(["regression", "classification", "anomaly"]))
    if tag in BITS and task == "classification":
        task = "anomaly"
    more = {"exponent": int(rng.integers(-18, 19))}
    count = int(rng.integers(2, 7))
    if tag == "KNNS":
        more["rule"] = "votes" if task == "classification" else "scores"
        kind = random_neighbours(rng, features, count if task == "classification" else 0)
    else:
        outputs = 1 if task == "anomaly" or tag in BITS else int(rng.integers(1, 6))
        if task == "classification":
            more["rule"] = str(rng.choice(["scores", "pairs"]))
            count = count if more["rule"] == "scores" else max(count, 3)
            outputs = count * (count - 1) // 2 if more["rule"] == "pairs" else count
            if count == 2 and rng.random() < 0.5:
                outputs = 1
        kind = BITS[tag](rng, features) if tag in BITS else MAKE[tag](rng, features, outputs)
    if task == "classification":
        more["classes"] = tuple(range(count))
    if task == "anomaly":
        most = 1024 if tag in BITS else 2**20
        more["threshold"] = int(rng.integers(-most, most))
    readings = front.readings(values[rng.integers(0, 20, rows)] * rng.uniform(-4, 4, (rows, 1)))
    return Predictor(front, kind, task, **more), readings
