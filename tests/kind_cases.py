"""Random models of the recurrent, generative and symbolic kinds at the edges of what is admitted, and their inputs."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from canbean.errors import ModelError
from canbean.tiny.dense import Dense, Layer
from canbean.tiny.lstm import Lstm
from canbean.tiny.mixture import CONSTANT_LEAST, CONSTANT_MOST, Mixture
from canbean.tiny.sequence import Transitions
from canbean.tiny.vae import Vae

ACC = 2**29 - 1
INT16 = 32767


def random_layer(rng, inputs, outputs, reach=INT16):
    """A layer whose outputs move for inputs within +-reach; its sums may come as close to the limit as is admitted."""
    weights = rng.integers(-128, 127, (outputs, inputs), endpoint=True)
    weights[rng.random(outputs) < 0.2] = rng.choice([-128, 127])
    most = reach * 128 * inputs
    room = ACC - max(reach, INT16) * 128 * inputs
    edge = rng.random(outputs) < 0.1
    folded = np.where(edge, rng.choice([room, -room], outputs), rng.integers(-most // 4, most // 4, outputs))
    folded = np.clip(folded, -room, room)
    shift = rng.integers(30, 33, outputs) + max(1, most.bit_length() - 15)
    zero_in = int(rng.integers(-128, 128))
    multiplier = rng.choice([2**30, 2**31 - 1, int(rng.integers(2**30, 2**31))], outputs)
    bias = folded + zero_in * weights.sum(axis=1)
    return Layer(weights, bias, multiplier, shift, zero_in, int(rng.integers(-999, 999)), -INT16, INT16)


def random_dense(rng, sizes, reach=INT16):
    layers = [
        random_layer(rng, i, o, reach if n == 0 else INT16)
        for n, (i, o) in enumerate(itertools.pairwise(sizes))
    ]
    return Dense(tuple(layers), -INT16, INT16)


def random_lstm(rng, most=(7, 9, 4)):
    """Of fewer features, cells and outputs than `most`."""
    features, cells, outputs = rng.integers(1, most).tolist()
    bits = int(rng.integers(10, 16))
    layer = random_layer(rng, features + cells, 4 * cells)
    if rng.random() < 0.4:
        # Gates that stay open: the cells run into their clamps, half of them into the lower one.
        most = INT16 * 128 * (features + cells)
        sign = np.where(rng.random(cells) < 0.5, -2, 2)
        layer = dataclasses.replace(
            layer, bias=most * np.concatenate([[2] * 2 * cells, sign, [0] * cells]), zero_in=0
        )
    gates = Dense((layer,), -INT16, INT16)
    hidden = [int(rng.integers(1, 5))] if rng.random() < 0.5 else []
    return Lstm(gates, random_dense(rng, [cells, *hidden, outputs], reach=1 << bits), bits)


def network(seed, features=4, cells=16, gain=1.0):
    """An LSTM's weights as a layer has them before and after training, with a forget gate that mostly remembers."""
    rng = np.random.default_rng(seed)
    reach = gain / math.sqrt(cells)
    weights = rng.uniform(-gain, gain, (4 * cells, features))
    recurrent = rng.uniform(-reach, reach, (4 * cells, cells))
    bias = rng.normal(0, 0.5, 4 * cells)
    bias[cells : 2 * cells] += 1
    head = [(rng.normal(0, 1 / math.sqrt(cells), (features, cells)), rng.normal(0, 0.1, features))]
    return weights, recurrent, bias, head


def walks(seed, n=20, t=50, features=4):
    """Sequences (n, t, features) that wander, for it."""
    x = np.random.default_rng(seed).normal(0, 0.2, (n, t, features)).cumsum(axis=1)
    return np.clip(np.rint(x * 4096), -32767, 32767).astype(np.int64)


def random_vae(rng, features=None):
    drawn, code, wide = rng.integers(1, [9, 4, 6]).tolist()
    features = features or drawn
    shift = rng.integers(1, 31, features)
    if rng.random() < 0.7:
        shift = rng.integers(13, 19, features)
    return Vae(
        random_dense(rng, [features, wide, code]),
        random_dense(rng, [code, wide, features]),
        rng.choice([2**13, 2**14 - 1, int(rng.integers(2**13, 2**14))], features),
        shift,
    )


def random_mixture(rng, features=None):
    components, features = int(rng.integers(1, 9)), features or int(rng.integers(1, 7))
    constant = rng.integers(-20_000, 40_000, components)
    if rng.random() < 0.3:
        constant = rng.choice([CONSTANT_LEAST, CONSTANT_MOST, 0], components)
    mean = rng.integers(-6000, 6000, (components, features))
    if rng.random() < 0.2:
        mean = rng.choice([-INT16, INT16], (components, features))
    wide = rng.random() < 0.7
    shift = rng.integers(16, 19, mean.shape) if wide else rng.integers(1, 31, mean.shape)
    multiplier = rng.integers(2**13, 2**14, mean.shape)
    multiplier[rng.random(mean.shape) < 0.1] = 2**14 - 1
    return Mixture(constant, mean, multiplier, shift)


def random_transitions(rng):
    symbols = int(rng.integers(1, 12))
    table = rng.random((symbols, symbols)) < rng.choice([0, 0.3, 1])
    row, successor = np.nonzero(table)
    most = int(rng.choice([255, 1024]))
    return Transitions(
        np.searchsorted(row, np.arange(symbols + 1)),
        rng.integers(0, 1025, symbols),
        successor,
        rng.integers(0, most, len(row), endpoint=True),
        int(rng.integers(0, 1025)),
    )


KINDS = {
    "LSTM": ("lstm", "Lstm", random_lstm),
    "VAEN": ("vae", "Vae", random_vae),
    "GMIX": ("mixture", "Mixture", random_mixture),
    "SEQN": ("sequence", "Transitions", random_transitions),
}


def random_rows(rng, model, count):
    """Inputs that move the answers, some at the edges of their range."""
    if model.tag == "SEQN":
        return rng.integers(-1, model.symbols + 1, (count, 1))
    x = np.clip(rng.normal(0, 4096 * rng.choice([0.5, 1, 4]), (count, model.features)), -INT16, INT16)
    edge = rng.random(x.shape) < 0.05
    x[edge] = rng.choice([-INT16, -1, 0, 1, INT16], edge.sum())
    return x.astype(np.int64)


def flipped(model):
    """Every byte of the model's section changed in four ways: how many are refused, how many are another model.

    What is not refused must be read to the last bit and compute.
    """
    content = model.to_bytes()
    refused = accepted = 0
    for at, change in itertools.product(range(len(content)), (0x01, 0x10, 0x80, 0xFF)):
        wrong = bytearray(content)
        wrong[at] ^= change
        try:
            again = type(model).from_bytes(bytes(wrong), "m")
        except ModelError:
            refused += 1
            continue
        assert again.to_bytes() == wrong
        edges = np.repeat([[-INT16], [INT16]], again.features, axis=1)
        assert np.abs(again.run(edges)).max() < 2**30
        accepted += 1
    return refused, accepted


def truncated(model):
    """Every beginning of the model's section, and one longer than it: all must be refused."""
    content = model.to_bytes()
    for wrong in [*(content[:length] for length in range(len(content))), content + bytes(4)]:
        with pytest.raises(ModelError, match=f"m: section {model.tag}"):
            type(model).from_bytes(wrong, "m")
