"""Recurrent networks and autoencoders as `.tflite` files: what LiteRT computes of them is ours, or as near as it is said to be."""

import dataclasses

import numpy as np
import pytest

from canbean.errors import QuantizeError
from canbean.tiny import tflite
from canbean.tiny.curves import sigmoid_q15, tanh_q15
from canbean.tiny.dense import Dense
from canbean.tiny.lstm import Lstm
from canbean.tiny.vae import Vae
from kind_cases import network, random_lstm, random_rows, random_vae, walks
from tflite_cases import Steps, run, sayable

STEPS = 50


@pytest.fixture
def litert():
    for package in ("flatbuffers", "tflite", "ai_edge_litert"):
        pytest.importorskip(package)


def said_lstm(rng):
    model = random_lstm(rng)
    return Lstm(sayable(model.gates), sayable(model.head), model.bits)


def said_vae(rng):
    model = random_vae(rng)
    return Vae(sayable(model.encoder), sayable(model.decoder), model.multiplier, model.shift)


def step(model, x, h, c):
    """One step of `Lstm.run`: gates, outputs, h, c."""
    gates = model.gates.run(np.concatenate([x, h], axis=1))
    i, f, g, o = np.split(gates, 4, axis=1)
    c = (((sigmoid_q15(f) * c) >> 4) + ((sigmoid_q15(i) * tanh_q15(g)) >> 8) + 1024) >> 11
    c = np.clip(c, -32767, 32767)
    half = 1 << (15 - model.bits)
    h = (((sigmoid_q15(o) * tanh_q15(c << 1)) >> 14) + half) >> (16 - model.bits)
    return gates, model.head.run(h), h, c


def apart(model, sequences):
    """How far LiteRT's h (1/32768), c (1/2048) and outputs (1/4096) are from ours.

    Returns:
        After one step from our state, the outputs being those of its own h; and when it carries its own state.
    """
    file = Steps(tflite.encode_lstm(model), len(sequences))
    h = np.zeros((len(sequences), model.cells), np.int64)
    c, own = h, (h, h)
    once, carried = np.zeros(2), np.zeros(3)
    unit = 2.0 ** (15 - model.bits)
    expected = model.run(sequences)
    for t in range(sequences.shape[1]):
        x = sequences[:, t]
        gates, y, h_next, c_next = step(model, x, h, c)
        assert (y == expected[:, t]).all()
        said, h_said, c_said = file.run(x, h, c)
        # The layers before and behind the curves are exact.
        assert (file.tensor("gates.output0") == gates).all()
        assert (said == model.head.run(h_said)).all()
        h, c = h_next, c_next
        once = np.maximum(once, [np.abs(h_said - h).max() * unit, np.abs(c_said - c).max()])
        said, *own = file.run(x, *own)
        carried = np.maximum(
            carried, [np.abs(own[0] - h).max() * unit, np.abs(own[1] - c).max(), np.abs(said - y).max()]
        )
    return once, carried


@pytest.mark.usefixtures("litert")
def test_the_gates_are_equal_and_the_state_is_near():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(25):
        model = said_lstm(rng)
        found.append(apart(model, np.stack([random_rows(rng, model, STEPS) for _ in range(8)])))
    once, carried = (np.array(part) for part in zip(*found, strict=True))
    assert (once.max(axis=0) <= [32, 2]).all()
    assert (carried.max(axis=0) <= [256, 64, 64]).all()
    # It is another arithmetic.
    assert (once.max(axis=0) > 0).all()


@pytest.mark.usefixtures("litert")
@pytest.mark.parametrize(
    ("cells", "gain", "most"), [(4, 0.5, [64, 8, 8]), (16, 1.0, [64, 8, 8]), (16, 3.0, [256, 40, 20])]
)
def test_what_a_trained_layer_says_after_many_steps_is_near(cells, gain, most):
    weights, recurrent, bias, head = network(cells, cells=cells, gain=gain)
    x = walks(3, t=STEPS)
    model = Lstm.from_float(weights, recurrent, bias, head, x / 4096)
    once, carried = apart(model, x)
    assert (once <= [32, 2]).all()
    assert (carried <= most).all()


@pytest.mark.usefixtures("litert")
def test_the_steps_of_a_file_are_those_of_the_integers():
    model = said_lstm(np.random.default_rng(2))
    file = Steps(tflite.encode_lstm(model), 1)
    hidden = 2.0**-model.bits
    steps = {given["name"]: given["quantization"] for given in file.inputs}
    assert steps == {"x": (2**-12, 0), "h": (hidden, 0), "c": (2**-11, 0)}
    outputs = file.interpreter.get_output_details()
    assert [out["quantization"] for out in outputs] == [(2**-12, 0), (hidden, 0), (2**-11, 0)]
    assert [out["name"] for out in outputs[1:]] == ["new h", "new c"]


@pytest.mark.usefixtures("litert")
def test_an_autoencoder_gives_the_same_reconstruction():
    rng = np.random.default_rng(3)
    for _ in range(60):
        model = said_vae(rng)
        x = random_rows(rng, model, 200)
        assert (run(tflite.encode_vae(model), x) == model.reconstruct(x)).all()


@pytest.mark.usefixtures("litert")
def test_a_fitted_autoencoder_is_said_in_features():
    rng = np.random.default_rng(4)
    sizes = [(4, 6), (2, 4)], [(4, 2), (6, 4)]
    halves = [
        ([rng.normal(0, 0.6, s) for s in half], [rng.normal(0, 0.1, s[0]) for s in half]) for half in sizes
    ]
    model = Vae.from_float(*halves, [0.5] * 6, rng.normal(0, 1, (300, 6)))
    blob = tflite.encode_vae(model, "VAEN,")
    x = rng.integers(-32767, 32768, (2000, 6))
    assert (run(blob, x) == model.reconstruct(x)).all()
    assert b"the reconstruction alone" in blob
    file = Steps(blob, 1)
    assert file.inputs[0]["quantization"] == (2**-12, 0)
    assert file.interpreter.get_output_details()[0]["quantization"] == (2**-12, 0)


def test_an_autoencoder_that_cannot_be_said_is_refused_with_the_reason():
    model = said_vae(np.random.default_rng(5))
    first, code = model.encoder.layers
    shift = np.maximum(code.shift - 8, 31)
    wide = dataclasses.replace(code, low=-(2**17), high=2**17, shift=shift)
    first_back = dataclasses.replace(model.decoder.layers[0], bias=model.decoder.layers[0].bias // 64)
    decoder = Dense((first_back, model.decoder.layers[1]), -(2**17), 2**17)
    wrong = Vae(Dense((first, wide), -32767, 32767), decoder, model.multiplier, model.shift)
    with pytest.raises(QuantizeError, match=r"as int16, layer 1 is held within -131072..131072"):
        tflite.encode_vae(wrong)


def test_an_lstm_that_cannot_be_said_is_refused_with_the_reason():
    model = said_lstm(np.random.default_rng(6))
    (layer,) = model.gates.layers

    def changed(**values):
        return Dense((dataclasses.replace(layer, **values),), -32767, 32767)

    for gates, reason in (
        (changed(zero_out=7, low=-32761, high=32774), "gates: the zero point is 7"),
        (changed(multiplier=layer.multiplier + 1), "gates: layer 0: a multiplier has more than the 24 bits"),
        (changed(low=-5), "gates: .* layer 0 is held within -5..32767"),
    ):
        with pytest.raises(QuantizeError, match=reason):
            tflite.encode_lstm(Lstm(gates, model.head, model.bits))
    with pytest.raises(QuantizeError, match="head: layer 0: a multiplier"):
        head = model.head.layers
        odd = dataclasses.replace(head[0], multiplier=head[0].multiplier + 1)
        tflite.encode_lstm(Lstm(model.gates, Dense((odd, *head[1:]), -32767, 32767), model.bits))
