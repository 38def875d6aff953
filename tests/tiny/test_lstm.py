"""The LSTM against one in floating point, at its edges, and as bytes."""

import math

import numpy as np
import pytest

from canbean.errors import QuantizeError
from canbean.tiny.dense import Dense, Layer
from canbean.tiny.lstm import Lstm, run_float
from kind_cases import KINDS, flipped, network, random_lstm, truncated, walks


def plain(weights, recurrent, bias, sequence):
    """One sequence through the equations as they stand in the textbook, a number at a time."""
    cells = len(recurrent[0])
    h, c = [0.0] * cells, [0.0] * cells
    states = []
    for x in sequence:
        z = [
            b
            + sum(w * v for w, v in zip(row, x, strict=True))
            + sum(w * v for w, v in zip(back, h, strict=True))
            for row, back, b in zip(weights, recurrent, bias, strict=True)
        ]
        i, f, o = ([1 / (1 + math.exp(-z[k * cells + j])) for j in range(cells)] for k in (0, 1, 3))
        c = [f[j] * c[j] + i[j] * math.tanh(z[2 * cells + j]) for j in range(cells)]
        h = [o[j] * math.tanh(c[j]) for j in range(cells)]
        states.append(h)
    return states


def test_the_vectorised_reference_is_the_textbook():
    weights, recurrent, bias, _ = network(1, cells=5)
    x = walks(2, n=3, t=9) / 4096
    expected = [plain(weights.tolist(), recurrent.tolist(), bias.tolist(), row) for row in x.tolist()]
    assert np.allclose(run_float(weights, recurrent, bias, x), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("cells", "gain", "usual", "most"),
    [(4, 0.5, 0.008, 0.08), (8, 1.0, 0.008, 0.08), (16, 1.0, 0.008, 0.08), (16, 3.0, 0.015, 0.2)],
)
def test_it_predicts_what_floating_point_does(cells, gain, usual, most):
    weights, recurrent, bias, head = network(cells, cells=cells, gain=gain)
    x = walks(3)
    model = Lstm.from_float(weights, recurrent, bias, head, x / 4096)
    true = run_float(weights, recurrent, bias, x / 4096) @ head[0][0].T + head[0][1]
    error = model.run(x) / 4096 - true
    assert np.sqrt((error**2).mean()) < usual * true.std()
    assert np.abs(error).max() < most * true.std()


def test_the_error_does_not_grow_with_the_sequence():
    weights, recurrent, bias, head = network(5)
    x = walks(6, n=4, t=1000) % 16384 - 8192
    model = Lstm.from_float(weights, recurrent, bias, head, x[:, :100] / 4096)
    true = run_float(weights, recurrent, bias, x / 4096) @ head[0][0].T + head[0][1]
    error = np.abs(model.run(x) / 4096 - true)
    assert error[:, -200:].mean() < 1.5 * error[:, :200].mean()


def test_what_its_curves_and_states_lose():
    """The same integer weights in floating point: what is left is the arithmetic's own."""
    weights, recurrent, bias, _ = network(7)
    x = walks(8)
    model = Lstm.from_float(weights, recurrent, bias, [(np.eye(16), np.zeros(16))], x / 4096)
    layer = model.gates.layers[0]
    real = layer.multiplier * 2.0**-layer.shift
    joined = layer.weights * real[:, None]
    hidden = joined[:, 4:] * 2.0 ** (model.bits - 12)
    true = run_float(joined[:, :4], hidden, layer.bias * real / 4096, x / 4096)
    error = model.run(x) / 4096 - true
    assert np.abs(error).max() < 0.001
    assert np.sqrt((error**2).mean()) < 0.0002


def test_a_head_of_two_layers():
    weights, recurrent, bias, _ = network(9, cells=8)
    rng = np.random.default_rng(10)
    head = [
        (rng.normal(0, 0.5, (6, 8)), rng.normal(0, 0.1, 6)),
        (rng.normal(0, 0.5, (4, 6)), rng.normal(0, 0.1, 4)),
    ]
    x = walks(11)
    model = Lstm.from_float(weights, recurrent, bias, head, x / 4096)
    hidden = np.maximum(run_float(weights, recurrent, bias, x / 4096) @ head[0][0].T + head[0][1], 0)
    true = hidden @ head[1][0].T + head[1][1]
    assert np.sqrt(((model.run(x) / 4096 - true) ** 2).mean()) < 0.015 * true.std()
    assert model.macs == 32 * 12 + 8 * 6 + 6 * 4 + 4 * 8


@pytest.mark.parametrize(("part", "bits"), [(0.02, 10), (50.0, 15)])
def test_the_fraction_bits_balance_inputs_and_recurrence(part, bits):
    weights, recurrent, bias, head = network(12)
    x = walks(13)
    model = Lstm.from_float(weights, recurrent * part, bias, head, x / 4096)
    assert abs(model.bits - bits) <= 1


def test_a_single_sequence_is_that_of_many():
    model = Lstm.from_float(*network(14), walks(15) / 4096)
    x = walks(16, n=3)
    assert (model.run(x[1]) == model.run(x)[1]).all()
    assert (model.predict(x) == model.run(x)[..., 0]).all()


def good():
    return Dense((Layer([[1, 1]] * 4, [0] * 4, [2**30] * 4, [40] * 4, 0, 0, -32767, 32767),), -32767, 32767)


def one(inputs=1):
    return Dense((Layer([[1] * inputs], [0], [2**30], [40], 0, 0, -32767, 32767),), -32767, 32767)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Lstm(good(), one(), 9),
        lambda: Lstm(good(), one(), 16),
        lambda: Lstm(good(), one(2), 12),
        lambda: Lstm(one(), one(), 12),
        lambda: Lstm(Dense(good().layers, -32767, 1000), one(), 12),
        lambda: Lstm(good(), Dense(one().layers, -100, 100), 12),
        lambda: Lstm(good(), one(), 12).run([[32768]]),
        lambda: Lstm(good(), one(), 12).run([[1, 2]]),
        lambda: Lstm(good(), one(), 12).run([1]),
        lambda: Lstm.from_float([[math.nan]] * 4, [[0.0]] * 4, [0.0] * 4, [([[1.0]], [0.0])], [[[0.0]]]),
        lambda: Lstm.from_float([[1.0]] * 4, [[0.0]] * 4, [0.0] * 3, [([[1.0]], [0.0])], [[[0.0]]]),
        lambda: Lstm.from_float([[1.0]] * 4, [[0.0]] * 4, [0.0] * 4, [([[1.0]], [0.0])], [[0.0]]),
        lambda: Lstm.from_float([[1.0]] * 4, [[0.0]] * 4, [0.0] * 4, [], [[[0.0]]]),
        lambda: Lstm.from_float([[500.0]] * 4, [[0.0]] * 4, [0.0] * 4, [([[1.0]], [0.0])], [[[0.0]]]),
        lambda: Lstm.from_float(
            np.zeros((256, 65)),
            np.zeros((256, 64)),
            np.zeros(256),
            [(np.zeros((1, 64)), [0])],
            np.zeros((1, 1, 65)),
        ),
    ],
)
def test_what_does_not_fit_is_refused(make):
    with pytest.raises(QuantizeError):
        make()


def test_it_begins_anew_after_a_reset():
    from canbean.board import firmware

    model = random_lstm(np.random.default_rng(17))
    board = firmware.module(KINDS["LSTM"][0]).Lstm(model.to_bytes())
    rows = np.random.default_rng(18).integers(-9000, 9000, (5, model.features)).tolist()
    first = [board.predict(row) for row in rows]
    again = [board.predict(row) for row in rows]
    board.reset()
    assert [board.predict(row) for row in rows] == first != again


def test_its_bytes_are_its_own():
    model = Lstm.from_float(*network(19, features=2, cells=3), walks(20, features=2) / 4096)
    again = Lstm.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    x = walks(21, features=2)
    assert (again.run(x) == model.run(x)).all()
    truncated(model)
    refused, accepted = flipped(model)
    assert refused > accepted / 4 > 0
