"""Each kind against floating point, at the edges of its types, and as bytes."""

import itertools
import math
import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import PolynomialFeatures

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.dense import Dense, Layer
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.polynomial import Polynomial, terms
from canbean.tiny.spline import Spline


def cups(seed, n=60, d=4):
    """Standardised features on the integer grid, and scores that depend on them."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-9000, 9000, (n, d))
    z = x / 4096
    return x, 90 + 20 * z[:, 0] - 7 * z[:, -1] ** 2 + 3 * z[:, 0] * z[:, -1] + rng.standard_normal(n)


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("features", [1, 4])
def test_a_polynomial_is_within_a_fiftieth_of_a_point(degree, features):
    x, y = cups(1, d=features)
    expand = PolynomialFeatures(degree, include_bias=False)
    ridge = Ridge(1.0).fit(expand.fit_transform(x / 4096), y)
    model = Polynomial.from_float(degree, ridge.intercept_, ridge.coef_, features)
    true = ridge.predict(expand.transform(x / 4096))
    assert np.abs(model.predict(x) / 256 - true).max() < 0.02
    assert model.macs >= terms(features, degree)


def test_a_polynomial_saturates_only_past_five_deviations():
    model = Polynomial.from_float(3, 0, [0, 0, 1], 1)
    for z in (-5.0, -2.5, 4.99):
        assert abs(model.predict([[round(z * 4096)]])[0] / 256 - z**3) < 0.2
    model.predict([[-32767], [32767]])


def test_neighbours_are_those_of_scikit_learn():
    x, y = cups(2)
    x -= x % 16  # on the grid of the stored points
    model = Neighbours.from_float(5, x / 4096, y)
    query = cups(3)[0]
    query -= query % 16
    true = KNeighborsRegressor(5).fit(x / 4096, np.floor(y * 256 + 0.5)).predict(query / 4096)
    assert model.predict(query).tolist() == np.floor(true + 0.5).tolist()


def test_of_equally_close_neighbours_the_first_counts():
    model = Neighbours(2, [[16], [-16], [16], [-16]], [256, 512, 1024, 2048])
    assert model.predict([[0]]).tolist() == [(256 + 512) // 2]


def test_a_mean_of_neighbours_rounds_half_up():
    assert Neighbours(2, [[0], [0]], [1, 2]).predict([[0]]).tolist() == [2]
    assert Neighbours(2, [[0], [0]], [-1, -2]).predict([[0]]).tolist() == [-1]


def test_a_curve_is_sampled_to_a_hundredth_of_a_point():
    x, _ = cups(4, n=500, d=3)
    weights, index = np.array([0.8, -0.3, 0.1]), np.linspace(-3, 3, 65)
    model = Spline.from_float(weights, -3, 3, 180 / (1 + np.exp(-2 * index)))
    place = x / 4096 @ weights
    inside = np.abs(place) < 3
    assert inside.sum() > 400
    error = model.predict(x) / 256 - 180 / (1 + np.exp(-2 * place))
    assert np.abs(error[inside]).max() < 0.15  # a straight line a tenth of a deviation
    assert (
        np.abs(model.predict(x) / 256 - np.interp(place, index, 180 / (1 + np.exp(-2 * index))))[inside].max()
        < 0.05
    )


@given(seed=st.integers(0, 2**32 - 1))
def test_a_curve_whose_knots_rise_never_falls(seed):
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.uniform(0, 180, int(rng.integers(9, 20))))
    model = Spline.from_float([float(rng.choice([1, -1]))], -2, float(rng.uniform(2, 4)), scores)
    said = model.predict(np.arange(-32767, 32768, 37)[:, None])
    assert (np.diff(said) * model.weights[0] >= 0).all()


def test_an_end_too_steep_to_go_on_is_laid_flatter():
    model = Spline.from_float([1.0], -0.1, 0.1, [0, 1, 2, 1000])
    assert model.scores[:3].tolist() == [0, 256, 512]
    assert 512 < model.scores[3] < 1000 * 256
    model.predict([[-32767], [32767]])


def test_beyond_its_ends_a_curve_goes_on_straight():
    model = Spline.from_float([1.0], -1, 1, [40, 60, 100])
    assert (model.predict([[-8192], [0], [8188]]) / 256).round(1).tolist() == [20, 60, 140]


def network(seed, sizes, gain=1.0):
    rng = np.random.default_rng(seed)
    weights = [gain * rng.standard_normal((o, i)) / np.sqrt(i) for i, o in itertools.pairwise(sizes)]
    biases = [rng.standard_normal(o) for o in sizes[1:]]
    return weights, biases


def floating(weights, biases, x):
    for index, (w, b) in enumerate(zip(weights, biases, strict=True)):
        x = x @ w.T + b
        if index < len(weights) - 1:
            x = np.maximum(x, 0)
    return x


@pytest.mark.parametrize("sizes", [(4, 1), (4, 16, 1), (3, 16, 8, 1)])
def test_a_network_is_near_its_floating_point(sizes):
    weights, biases = network(4, sizes)
    weights[-1] *= 30
    biases[-1] += 90
    x, _ = cups(5, d=sizes[0])
    model = Dense.from_float(weights, biases, x / 4096)
    true = floating(weights, biases, x / 4096)[:, 0]
    # 8-bit weights: a percent of the spread.
    assert np.abs(model.predict(x) / 256 - true).max() < 0.02 * np.ptp(true)
    assert model.macs == sum(w.size for w in weights)


@pytest.mark.parametrize("gain", [0.0, 1e-9, 1e-3, 50.0])
def test_dead_tiny_and_large_layers_pack(gain):
    weights, biases = network(6, (4, 8, 1))
    weights[0] *= gain
    biases[0] = -np.abs(biases[0]) if gain == 0 else biases[0]
    x, _ = cups(7)
    model = Dense.from_float(weights, biases, x / 4096)
    true = floating(weights, biases, x / 4096)[:, 0]
    assert np.abs(model.predict(x) / 256 - true).max() < 0.03 * np.ptp(true) + 0.02


def litert(x, weights, bias, scales, *, zero_in, zero_out):
    """FULLY_CONNECTED as LiteRT's reference kernel does it, in Python integers."""
    out = []
    for w, b, (m, s) in zip(weights, bias, scales, strict=True):
        acc = b + sum((xi - zero_in) * wi for xi, wi in zip(x, w, strict=True))
        out.append(min(max(zero_out + ((acc * m + (1 << (s - 1))) >> s), -128), 127))
    return out


@given(st.integers(0, 2**32 - 1))
def test_an_int8_layer_is_fully_connected(seed):
    rng = np.random.default_rng(seed)
    inputs, outputs = rng.integers(1, 24, 2)
    weights, bias = rng.integers(-128, 128, (outputs, inputs)), rng.integers(-30_000, 30_000, outputs)
    multiplier, shift = rng.integers(2**30, 2**31, outputs), rng.integers(36, 46, outputs)
    zero_in, zero_out = rng.integers(-128, 128, 2).tolist()
    layer = Layer(weights, bias, multiplier, shift, zero_in, zero_out, -128, 127)
    x = rng.integers(-128, 128, (8, inputs))
    scales = list(zip(multiplier.tolist(), shift.tolist(), strict=True))
    expected = [
        litert(row, weights.tolist(), bias.tolist(), scales, zero_in=zero_in, zero_out=zero_out)
        for row in x.tolist()
    ]
    model = Dense((layer,), -128, 127)
    assert model.run(x).tolist() == expected
    again = Dense.from_bytes(model.to_bytes())
    assert again.run(x).tolist() == expected
    assert (again.layers[0].bias == bias).all()


def test_from_float_uses_one_scale_a_row_and_the_float64_product():
    layer = Layer.from_float(
        [[1, -0.51], [100, 51]], [3, -200], input_scale=0.1, output_scale=2.5, low=-128, high=127
    )
    assert layer.weights.tolist() == [[127, -65], [127, 65]]
    assert layer.bias.tolist() == [round(3 * 127 / 0.1), round(-200 * 1.27 / 0.1)]
    real = layer.multiplier * 2.0**-layer.shift
    assert np.allclose(real, [0.1 / 127 / 2.5, 0.1 * 100 / 127 / 2.5], rtol=2**-23, atol=0)
    # 24 bits, and odd: float32 holds it, and no sum lies halfway between two small outputs.
    assert (layer.multiplier & 255 == 128).all()


def test_sums_that_could_overflow_are_refused():
    good = {"multiplier": [2**30], "shift": [31], "zero_in": 0, "zero_out": 0, "low": 0, "high": 1}
    with pytest.raises(QuantizeError, match="overflow"):
        Dense((Layer([[0]], [2**29 - 1], **good),), -128, 127)
    with pytest.raises(QuantizeError, match="overflow"):
        Dense((Layer([[127] * 128], [0], **good),), -32768, 32767)
    # The bias alone fits; with the zero point folded in it does not.
    with pytest.raises(QuantizeError, match="overflow"):
        Dense((Layer([[127] * 100], [2**28], **good | {"zero_in": -30_000}),), -128, 127)
    with pytest.raises(QuantizeError, match="overflow"):
        Polynomial(2, 1, 2**29 - 40_000, [32767, 32767], 15)
    Polynomial(2, 1, 2**29 - 70_000, [32767, 32767], 15)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Polynomial.from_float(4, 0, [0] * 4, 1),
        lambda: Polynomial.from_float(1, 0, [0, 0], 1),
        lambda: Polynomial.from_float(1, math.nan, [0], 1),
        lambda: Polynomial.from_float(1, 0, [math.inf], 1),
        lambda: Polynomial.from_float(1, 0, [1e9], 1),
        lambda: Polynomial.from_float(1, 1e9, [1], 1),
        lambda: Neighbours.from_float(3, [[1], [2]], [1, 2]),
        lambda: Neighbours.from_float(0, [[1], [2]], [1, 2]),
        lambda: Neighbours.from_float(1, [[math.nan]], [1]),
        lambda: Neighbours.from_float(1, [[1]], [1e9]),
        lambda: Neighbours.from_float(1, [[1]], [1, 2]),
        lambda: Neighbours.from_float(1, np.zeros((1, 64)), [1]),
        lambda: Neighbours.from_float(1, np.zeros((0, 4)), []),
        lambda: Spline.from_float([1.0], 1, 1, [0, 1]),
        lambda: Spline.from_float([1.0], -1, 1, [0]),
        lambda: Spline.from_float([math.nan], -1, 1, [0, 1]),
        lambda: Spline.from_float([1.0], -1, 1, [0, math.inf]),
        lambda: Spline.from_float([1.0], -1e-7, 1e-7, [0, 1]),
        lambda: Spline.from_float([1.0], -1, 1, [0, 1e7]),
        lambda: Spline.from_float([1.0], -1, 1, np.zeros(300)),
        lambda: Dense.from_float([], [], [[0.0]]),
        lambda: Dense.from_float([[[1.0, 2.0]]], [[0.0]], [[0.0]]),
        lambda: Dense.from_float([[[math.nan]]], [[0.0]], [[0.0]]),
        lambda: Dense.from_float([[[1e6]]], [[0.0]], [[0.0]]),
        lambda: Dense.from_float([[[1.0]]], [[0.0]], np.zeros((0, 1))),
        lambda: Layer.from_float([[1.0]], [1.0, 2.0], input_scale=1, output_scale=1, low=0, high=1),
        lambda: Dense.from_float([[[1.0]]], [[0.0]], [[0.0]]).run([[32768]]),
    ],
)
def test_what_does_not_fit_is_refused(make):
    with pytest.raises(QuantizeError):
        make()


def kinds():
    x, y = cups(8)
    weights, biases = network(9, (4, 6, 1))
    return [
        Polynomial.from_float(2, 90, np.linspace(-3, 5, terms(4, 2)), 4),
        Spline.from_float([1, 0.5, -0.2, 0.1], -2, 2, np.linspace(20, 160, 33)),
        Neighbours.from_float(3, x[:7] / 4096, y[:7]),
        Dense.from_float(weights, biases, x / 4096),
    ]


@pytest.mark.parametrize("model", kinds(), ids=lambda model: model.tag)
def test_a_kind_survives_its_bytes(model):
    content = model.to_bytes()
    assert len(content) % 4 == 0
    again = type(model).from_bytes(content)
    assert again.to_bytes() == content
    x, _ = cups(10)
    assert again.predict(x).tolist() == model.predict(x).tolist()
    for length in range(len(content)):
        with pytest.raises(ModelError, match=f"m: section {model.tag}"):
            type(model).from_bytes(content[:length], "m")
    with pytest.raises(ModelError, match="too many"):
        type(model).from_bytes(content + bytes(4))


@pytest.mark.parametrize("model", kinds(), ids=lambda model: model.tag)
def test_a_mutated_section_is_refused_or_computes(model):
    content, rng = model.to_bytes(), random.Random(11)
    accepted = 0
    for _ in range(2000):
        wrong = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(wrong) - 3)
            wrong[at : at + 4] = struct.pack("<I", rng.choice([rng.getrandbits(32), 0, 2**32 - 1, 2**31]))
        try:
            again = type(model).from_bytes(bytes(wrong))
        except ModelError:
            continue
        accepted += 1
        low, high = getattr(again, "input_low", -32767), getattr(again, "input_high", 32767)
        x = np.array([[low] * again.features, [high] * again.features])
        assert np.abs(again.predict(x)).max() < 2**30
    assert accepted
