"""Predictors at random, and the kinds behind them that have several scores: at the edges of what the packer admits."""

import numpy as np

from canbean.tiny.dense import Dense, Layer
from canbean.tiny.features import Channel, Features
from canbean.tiny.forest import Forest
from canbean.tiny.kernel import Kernel, coarseness
from canbean.tiny.predictor import Predictor
from kind_cases import random_mixture, random_vae
from regressor_cases import ACC, random_neighbours, random_polynomial

TAGS = ("POLY", "FRST", "RBFS", "KNNS", "DENS", "VAEN", "GMIX")
EDGES = [-32767, -32766, -1, 0, 1, 32766, 32767]


def random_tree(rng, features, rows):
    """Nodes (feature, threshold, left or row, right) of a tree in preorder."""
    nodes = []

    def grow(depth):
        here = len(nodes)
        if depth == 0 or rng.random() < 0.3:
            nodes.append([-1, 0, int(rng.integers(rows)), 0])
            return here
        threshold = int(rng.choice([*EDGES, rng.integers(-32768, 32768)]))
        nodes.append([int(rng.integers(features)), threshold, here + 1, 0])
        grow(depth - 1)
        nodes[here][3] = grow(depth - 1)
        return here

    grow(int(rng.integers(0, 8)))
    return np.array(nodes).T


def random_forest(rng, features, outputs):
    columns = outputs if rng.random() < 0.5 else 1
    count = int(rng.choice([1, 3, 70, 700]))  # codes of one and two bytes
    values = rng.integers(-32767, 32767, (count, columns), endpoint=True)
    if columns == 1 and rng.random() < 0.5:
        values >>= 1  # fits inline
    trees = [random_tree(rng, features, count) for _ in range(int(rng.integers(1, 12)))]
    roots, at = [], 0
    for tree in trees:
        tree[2:][:, tree[0] >= 0] += at
        roots.append(at)
        at += tree.shape[1]
    feature, threshold, left, right = np.hstack(trees)
    shift = int(rng.integers(-24, 10))
    most = int(np.abs(values).max()) * len(trees)
    room = ACC - (most << shift if shift >= 0 else most)
    bias = rng.choice([room, -room, 0], outputs)
    return Forest(features, bias, shift, roots, feature, threshold, left, right, values)


def random_kernel(rng, features, outputs):
    count = int(rng.integers(1, 20))
    coarse = coarseness(features)
    vectors = rng.integers(-32767 >> coarse, 32767 >> coarse, (count, features), endpoint=True)
    shift = int(rng.integers(0, 16))
    most = min(32767, (2**29 - 2**20 << shift) // (32768 * count) - 1)
    weights = rng.integers(-most, most, (count, outputs), endpoint=True)
    weights[rng.random(count) < 0.3] = rng.choice([-most, most])
    reach = ((np.abs(weights) * 32768 >> shift) + 1).sum(axis=0).max()
    room = ACC - 512 - int(reach)
    return Kernel(
        vectors,
        weights,
        rng.choice([room, -room, 0], outputs),
        int(rng.choice([2**30, 2**31 - 1, rng.integers(2**30, 2**31)])),
        int(rng.integers(31, 50)),
        shift,
        int(rng.integers(0, 9)),
    )


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
