"""The autoencoder against floating point, at its edges, and as bytes."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from sklearn.decomposition import PCA

from canbean.errors import QuantizeError
from canbean.tiny.chain import run_float
from canbean.tiny.dense import Dense, Layer
from canbean.tiny.vae import Vae
from kind_cases import flipped, truncated


def half(seed, sizes):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(0, 1 / math.sqrt(i), (o, i)) for i, o in itertools.pairwise(sizes)]
    return weights, [rng.normal(0, 0.1, o) for o in sizes[1:]]


def features(seed, n=800, d=6):
    x = np.random.default_rng(seed).normal(0, 1, (n, d))
    return np.clip(np.rint(x * 4096), -32767, 32767).astype(np.int64)


def bits(z):
    return 0.5 / math.log(2) * (z**2).sum(axis=1)


@pytest.mark.parametrize(("middle", "sigma"), [((16, 3), 0.7), ((8, 2), 1.5), ((2,), 0.5)])
def test_its_surprise_is_that_of_floating_point(middle, sigma):
    encoder, decoder = half(1, (6, *middle)), half(2, (*middle[::-1], 6))
    x = features(3)
    model = Vae.from_float(encoder, decoder, np.full(6, sigma), x / 4096)
    back = run_float(*decoder, run_float(*encoder, x / 4096))
    assert np.abs(model.reconstruct(x) / 4096 - back).max() < 0.01 * np.ptp(back)
    true = bits((x / 4096 - back) / sigma)
    below = true < 63
    error = np.abs(model.predict(x)[below] / 16 - true[below])
    assert error.max() < 0.04 * true[below].max()
    assert error.mean() < 0.005 * true[below].mean() + 1 / 32
    assert (model.predict(x)[true > 65] == 1024).all()


def test_the_squared_error_of_its_own_reconstruction_is_exact_to_a_32nd_bit():
    model = Vae.from_float(half(4, (6, 8, 2)), half(5, (2, 8, 6)), np.linspace(0.4, 2, 6), features(6) / 4096)
    x = features(7)
    true = bits((x - model.reconstruct(x)) / 4096 / np.linspace(0.4, 2, 6))
    error = np.abs(model.predict(x) / 16 - true)[true < 64]
    assert error.max() < 1 / 32 + 0.02


def test_a_linear_autoencoder_is_a_principal_component_analysis():
    rng = np.random.default_rng(8)
    x = rng.normal(0, 1, (500, 2)) @ rng.normal(0, 0.7, (2, 5)) + rng.normal(0, 0.1, (500, 5))
    pca = PCA(2).fit(x)
    encoder = [pca.components_], [-pca.components_ @ pca.mean_]
    decoder = [pca.components_.T], [pca.mean_]
    sigma = (x - pca.inverse_transform(pca.transform(x))).std(axis=0)
    model = Vae.from_float(encoder, decoder, sigma, x)
    usual, odd = np.rint(x * 4096), np.rint(rng.normal(0, 1, (500, 5)) * 4096)
    assert np.median(model.predict(usual)) < 5 * 16
    assert np.median(model.predict(odd)) == 1024


def test_the_largest_errors_end_at_the_cap():
    model = Vae.from_float(
        half(9, (63, 2)), half(10, (2, 63)), np.full(63, 2.0**-15), features(11, d=63) / 4096
    )
    assert model.predict([[32767] * 63, [-32767] * 63]).tolist() == [1024, 1024]


def test_what_does_not_fit_is_refused():
    encoder, decoder, x = half(12, (3, 2)), half(13, (2, 3)), features(14, d=3) / 4096
    model = Vae.from_float(encoder, decoder, [1, 1, 1], x)
    narrow = Dense(model.encoder.layers, -100, 100)
    loud = Layer([[1, 1]] * 3, [0] * 3, [2**30] * 3, [40] * 3, 0, 0, -32768, 32767)
    for change in (
        {"decoder": model.encoder},
        {"encoder": narrow},
        {"decoder": Dense(model.decoder.layers, -100, 100)},
        {"decoder": Dense((loud,), -32767, 32767)},
        {"multiplier": [2**14] * 3},
        {"multiplier": [2**13 - 1] * 3},
        {"shift": [0] * 3},
        {"shift": [31] * 3},
        {"shift": [16] * 2},
    ):
        with pytest.raises(QuantizeError):
            dataclasses.replace(model, **change)
    for make in (
        lambda: Vae.from_float(encoder, decoder, [1, 1], x),
        lambda: Vae.from_float(encoder, decoder, [1, 1, 0], x),
        lambda: Vae.from_float(encoder, encoder, [1, 1, 1], x),
        lambda: Vae.from_float(([], []), decoder, [1, 1, 1], x),
        lambda: Vae.from_float(encoder, decoder, [1, 1, 1], x[:0]),
        lambda: Vae.from_float(encoder, ([np.full((3, 2), np.inf)], [np.zeros(3)]), [1, 1, 1], x),
        lambda: model.run([[32768, 0, 0]]),
    ):
        with pytest.raises(QuantizeError):
            make()


def test_its_bytes_are_its_own():
    model = Vae.from_float(half(15, (3, 2)), half(16, (2, 3)), [0.5, 1, 2], features(17, d=3) / 4096)
    again = Vae.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    assert (again.run(features(18, d=3)) == model.run(features(18, d=3))).all()
    assert model.macs == 6 + 6 + 6
    truncated(model)
    refused, accepted = flipped(model)
    assert refused > accepted / 4 > 0
