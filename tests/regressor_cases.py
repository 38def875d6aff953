"""Regressors at random: models at the edges of what the packer admits, readings at the edges of what a sensor gives."""

import itertools

import numpy as np

from canbean.tiny.blend import WHOLE, Blend
from canbean.tiny.dense import Dense, Layer
from canbean.tiny.features import Channel, Features
from canbean.tiny.forest import Forest
from canbean.tiny.kernel import Kernel
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.polynomial import Polynomial, terms
from canbean.tiny.regressor import Regressor
from canbean.tiny.spline import FRACTION, Spline
from canbean.tiny.trees import Tree
from shallow_cases import random_forest, random_kernel

ACC = 2**29 - 1
EDGES = [-(2**30), -(2**28), -(2**28) + 1, -1, 0, 1, 2, 2**28 - 1, 2**28, 2**30 - 1]


def random_channel(rng):
    """Any admitted channel, or one that a calibration gives."""
    if rng.random() < 0.7:
        values = np.exp(rng.normal(rng.uniform(3, 10), rng.uniform(0.1, 1), 20))
        return Channel.fit(np.minimum(values, 200_000), decimals=int(rng.integers(0, 4)))
    return Channel(
        decimals=0,
        transform="log2" if rng.random() < 0.5 else "linear",
        offset=int(rng.integers(-(2**28), 2**28, endpoint=True)) if rng.random() < 0.5 else 70_000,
        multiplier=int(rng.choice([2**30, 2**31 - 1, rng.integers(2**30, 2**31)])),
        shift=int(rng.integers(2, 63)),
        zero_point=int(rng.choice([0, 32_767, -32_767, rng.integers(-32_767, 32_768)])),
    )


def reach(channel):
    """About where its feature saturates, away from the offset."""
    return min(channel.limit, round(2**15 / channel.gain) + 1 if channel.gain else channel.limit)


def random_polynomial(rng, features, outputs=1):
    degree = int(rng.integers(1, 4)) if features <= 5 else 1
    shift = int(rng.integers(0, 16))
    count = terms(features, degree)
    most = min(32767, (2**29 - 2**20 << shift) // (32767 * count))
    weights = rng.integers(-most, most, (outputs, count), endpoint=True)
    weights[rng.random(weights.shape) < 0.3] = rng.choice([-most, most])
    room = ACC - int(((np.abs(weights) * 32767 >> shift) + 1).sum(axis=1).max())
    bias = rng.choice([room, -room, rng.integers(-room, room)], outputs)
    return Polynomial(
        features, degree, bias if outputs > 1 else bias[0], weights if outputs > 1 else weights[0], shift
    )


def random_neighbours(rng, features, classes=0, most=40):
    """At most so many points; their targets are numbers, or those of classes."""
    count = int(rng.integers(1, most))
    reach = int(rng.choice([3, 300, 2048]))  # a small reach makes ties
    points = rng.integers(-reach, reach, (count, features), endpoint=True)
    largest = int(rng.choice([2**14, 2**23 - 1]))
    targets = (
        rng.integers(0, classes, count) if classes else rng.integers(-largest, largest, count, endpoint=True)
    )
    return Neighbours(int(rng.integers(1, min(count, 32) + 1)), points, targets)


def random_layer(rng, inputs, outputs, low, high):
    """A layer whose sums come as close to the limit as the packer admits, or one that seldom saturates."""
    weights = rng.integers(-128, 127, (outputs, inputs), endpoint=True)
    weights[rng.random(outputs) < 0.2] = rng.choice([-128, 127])
    zero_in = int(rng.integers(-128, 128))
    most = max(-low, high) * 128 * inputs
    room = ACC - most
    shift = rng.integers(31, 50, outputs)
    folded = rng.choice([room, -room, 0, int(rng.integers(-room, room))], outputs)
    if rng.random() < 0.7:
        shift = rng.integers(31, 34, outputs) + max(0, most.bit_length() - 16)
        folded = rng.integers(-most // 4, most // 4, outputs)
    ends = np.sort(rng.integers(-32767, 32768, 2))
    return Layer(
        weights,
        folded + zero_in * weights.sum(axis=1),
        rng.choice([2**30, 2**31 - 1, int(rng.integers(2**30, 2**31))], outputs),
        shift,
        zero_in,
        int(rng.integers(-1000, 1000)),
        *(ends.tolist() if rng.random() < 0.3 else (-32767, 32767)),
    )


def random_dense(rng, features):
    sizes = [features, *rng.integers(1, 9, int(rng.integers(0, 3))).tolist(), 1]
    layers, low, high = [], -32767, 32767
    for inputs, outputs in itertools.pairwise(sizes):
        layers.append(random_layer(rng, inputs, outputs, low, high))
        low, high = layers[-1].low, layers[-1].high
    return Dense(tuple(layers), -32767, 32767)


def random_spline(rng, features):
    """Some whose index or score comes as near to 30 bits as the packer admits; most have their knots where features are."""
    intervals = int(rng.choice([1, 2, 9, 255]))
    weights = rng.integers(-16384 // features, 16384 // features, features)
    room = ACC - int(np.abs(weights).sum()) * 32767
    bias = int(rng.choice([room, -room, rng.integers(-room, room)]))
    shift = int(rng.integers(0, 16))
    if rng.random() < 0.7:
        shift = min(15, int(np.abs(weights).max() * 40_000 / (intervals << FRACTION)).bit_length())
        bias = min(room, intervals << FRACTION >> 1 << shift)
    reach = int(np.abs(weights).sum()) * 32767 + abs(bias)
    far = max((reach >> shift) + 1, 1 << FRACTION)
    steepest = min((ACC - (2 << FRACTION)) // (far + intervals + 1), 1 << 17)
    steps = rng.integers(-steepest, steepest, intervals, endpoint=True)
    steps[rng.random(intervals) < 0.2] = rng.choice([steepest, -steepest, 0])
    return Spline(weights, bias, shift, np.concatenate([[0], steps.cumsum()]))


MAKE = {
    "POLY": random_polynomial,
    "SPLN": random_spline,
    "KNNS": random_neighbours,
    "RBFS": lambda rng, features: random_kernel(rng, features, 1),
    "FRST": lambda rng, features: random_forest(rng, features, 1),
    "DENS": random_dense,
}


def random_blend(rng, features):
    """Two to four kinds; some count for nothing."""
    tags = rng.permutation(list(MAKE)[:6])[: int(rng.integers(2, 5))]
    cuts = np.sort(rng.integers(0, WHOLE + 1, len(tags) - 1))
    weights = np.diff([0, *cuts, WHOLE]).tolist()
    return Blend(tuple(MAKE[str(tag)](rng, features) for tag in tags), tuple(weights))


MAKE["BLND"] = random_blend


def random_regressor(rng, tag):
    features = int(rng.integers(1, 7))
    front = Features(tuple(random_channel(rng) for _ in range(features)))
    limit = ACC if rng.random() < 0.5 else 180 * 256
    return Regressor(front, MAKE[tag](rng, features), (-limit / 256, limit / 256))


def random_readings(rng, regressor, rows):
    """Readings where each channel's feature moves, some at the edges."""
    columns = []
    for channel in regressor.features.channels:
        moved = channel.offset + reach(channel) * rng.normal(0, 0.3, rows)
        if channel.transform == "log2":
            moved = np.exp2(np.clip(moved / 4096, 0, 30))
        column = np.clip(moved, -(2**30), 2**30 - 1).astype(np.int64)
        edge = rng.random(rows) < 0.1
        column[edge] = rng.choice(EDGES, edge.sum())
        columns.append(column)
    return np.stack(columns, axis=1)


def stump(feature, points):
    """A tree that asks once whether a feature is above its mean."""
    none, leaves = np.array([-1, -1]), 256.0 * points * np.array([[0.0], [-1], [1]])
    asked, children = np.concatenate([[feature], none]), np.array([[1, 0, 0], [2, 0, 0]])
    return Tree(asked, np.zeros(3, np.int64), *children, leaves)


def shallow_regressor(rng, tag):
    """What `roast fit` packs: calibrated channels, parameters from floating point."""
    values = np.exp(rng.normal([7, 8, 5], 0.4, (30, 3)))
    front = Features.fit(values)
    x = front.apply(front.readings(values)) / 4096
    kinds = {
        "POLY": lambda: Polynomial.from_float(3, 90, 5 * rng.standard_normal(terms(3, 3)), 3),
        "SPLN": lambda: Spline.from_float(
            rng.standard_normal(3), -3, 3, 180 / (1 + np.exp(-np.linspace(-4, 4, 33)))
        ),
        "KNNS": lambda: Neighbours.from_float(5, x, rng.uniform(0, 180, len(x))),
        "RBFS": lambda: Kernel.from_float(x * 4096, 9e3 * rng.standard_normal((len(x), 1)), [9e4], 1e-8),
        "FRST": lambda: Forest.from_float(
            [stump(*half) for half in ((0, 20), (1, -30), (2, 9))], [23_000], 3
        ),
        "DENS": lambda: Dense.from_float(
            [rng.standard_normal((8, 3)), 20 * rng.standard_normal((1, 8))], [rng.standard_normal(8), [90]], x
        ),
    }
    made = (
        Blend.from_float([kinds[t]() for t in ("POLY", "SPLN", "RBFS")], [5, 2, 3])
        if tag == "BLND"
        else kinds[tag]()
    )
    return Regressor(front, made, (0, 180)), front.readings(np.exp(rng.normal([7, 8, 5], 0.6, (64, 3))))
