"""The mixture against scikit-learn, at its edges, and as bytes."""

import dataclasses
import math

import numpy as np
import pytest
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from canbean.errors import QuantizeError
from canbean.tiny.mixture import CONSTANT_LEAST, CONSTANT_MOST, Mixture
from kind_cases import flipped, truncated


def float_bits(weights, means, variances, x):
    """-log2 p(x) by the definition."""
    terms = np.log(weights) - 0.5 * np.log(2 * math.pi * variances).sum(axis=1)
    terms = terms - 0.5 * ((x[:, None] - means) ** 2 / variances).sum(axis=2)
    return -np.logaddexp.reduce(terms, axis=1) / math.log(2)


def clusters(seed, d=3):
    rng = np.random.default_rng(seed)
    centres, wide = rng.normal(0, 1.5, (3, d)), rng.uniform(0.1, 1, (3, d))
    which = rng.integers(0, 3, 1500)
    return centres[which] + wide[which] * rng.standard_normal((1500, d))


def grid(seed, n=4000, d=3, wide=1.5):
    x = np.random.default_rng(seed).normal(0, wide, (n, d))
    return np.clip(np.rint(x * 4096), -32767, 32767).astype(np.int64)


@pytest.mark.parametrize("d", [1, 3, 8])
def test_it_is_within_a_sixteenth_bit_of_scikit_learn(d):
    fitted = GaussianMixture(4, covariance_type="diag", random_state=0).fit(clusters(d, d))
    model = Mixture.from_float(fitted.weights_, fitted.means_, fitted.covariances_)
    assert model.pruned == ()
    x = grid(1, d=d)
    true = -fitted.score_samples(x / 4096) / math.log(2)
    found = model.predict(x) / 16
    near = true < 63.9
    assert near.mean() > 0.1
    assert np.abs(found - true)[near].max() < 1 / 16
    assert (found[true > 64.1] == 64).all()


@pytest.mark.parametrize("seed", range(5))
def test_random_mixtures_are_within_a_sixteenth_bit(seed):
    rng = np.random.default_rng(seed)
    k, d = int(rng.integers(1, 20)), int(rng.integers(1, 17))
    weights = rng.dirichlet(np.full(k, 5.0))
    means, variances = rng.normal(0, 1, (k, d)), rng.uniform(0.1, 2, (k, d)) ** 2
    model = Mixture.from_float(weights, means, variances, least_weight=0)
    x = np.rint((means[rng.integers(0, k, 3000)] + rng.normal(0, 0.7, (3000, d))) * 4096).astype(np.int64)
    x = np.clip(x, -32767, 32767)
    true = float_bits(weights, means, variances, x / 4096)
    near = true < 63.9
    assert near.any()
    assert np.abs(model.predict(x) / 16 - true)[near].max() < 1 / 16


def test_components_that_overlap_add_up():
    one = Mixture.from_float([1], [[0.0]], [[1.0]])
    many = Mixture.from_float([1 / 64] * 64, [[0.0]] * 64, [[1.0]] * 64)
    x = grid(2, d=1)
    assert np.abs(one.predict(x) - many.predict(x)).max() <= 1


def test_a_bayesian_mixture_leaves_out_what_it_does_not_use():
    data = clusters(4)
    fitted = BayesianGaussianMixture(
        n_components=10, covariance_type="diag", random_state=0, weight_concentration_prior=1e-3, max_iter=500
    ).fit(data)
    model = Mixture.from_float(fitted.weights_, fitted.means_, fitted.covariances_)
    light = np.flatnonzero(fitted.weights_ / fitted.weights_.sum() < 1e-3)
    assert len(light) > 0
    assert model.pruned == tuple(light.tolist())
    assert len(model.constant) == 10 - len(light)
    kept = np.setdiff1d(np.arange(10), light)
    x = np.clip(np.rint(data * 4096), -32767, 32767).astype(np.int64)
    weights = fitted.weights_[kept] / fitted.weights_[kept].sum()
    true = float_bits(weights, fitted.means_[kept], fitted.covariances_[kept], x / 4096)
    assert np.abs(model.predict(x) / 16 - true)[true < 63.9].max() < 1 / 16
    # With all of them it is the density of all.
    whole = Mixture.from_float(fitted.weights_, fitted.means_, fitted.covariances_, least_weight=0)
    assert whole.pruned == ()
    true = float_bits(fitted.weights_, fitted.means_, fitted.covariances_, x / 4096)
    assert np.abs(whole.predict(x) / 16 - true)[true < 63.9].max() < 1 / 16


def test_a_reference_shifts_the_answer():
    means, variances = np.zeros((1, 40)), np.full((1, 40), 9.0)
    with pytest.raises(QuantizeError, match="reference"):
        Mixture.from_float([1], means, variances)
    likeliest = 40 * math.log2(3 * math.sqrt(2 * math.pi))
    model = Mixture.from_float([1], means, variances, reference=likeliest)
    assert model.predict([[0] * 40]).tolist() == [0]
    x = grid(5, d=40, wide=2)
    true = float_bits(np.ones(1), means, variances, x / 4096) - likeliest
    assert np.abs(model.predict(x) / 16 - true).max() < 1 / 16


def test_a_component_too_wide_to_matter_is_left_out():
    narrow, broad = np.full((1, 40), 0.1), np.full((1, 40), 100.0)
    model = Mixture.from_float([0.5, 0.5], np.zeros((2, 40)), np.concatenate([narrow, broad]))
    assert model.pruned == (1,)


def test_a_density_above_one_has_negative_bits():
    model = Mixture.from_float([1], [[0.0]], [[1e-4]])
    assert model.predict([[0]]).tolist() == [round(16 * math.log2(0.01 * math.sqrt(2 * math.pi)))]


def test_far_from_all_components_is_the_cap():
    for constant in (CONSTANT_LEAST, 0, CONSTANT_MOST):
        model = Mixture([constant] * 256, [[-32767]] * 256, [[2**14 - 1]] * 256, [[1]] * 256)
        assert model.predict([[32767]]).tolist() == [1024]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Mixture.from_float([1], [[0.0]], [[0.0]]),
        lambda: Mixture.from_float([1], [[0.0]], [[-1.0]]),
        lambda: Mixture.from_float([1], [[9.0]], [[1.0]]),
        lambda: Mixture.from_float([1], [[math.nan]], [[1.0]]),
        lambda: Mixture.from_float([0], [[0.0]], [[1.0]]),
        lambda: Mixture.from_float([-1, 2], [[0.0]] * 2, [[1.0]] * 2),
        lambda: Mixture.from_float([1], [[0.0, 0.0]], [[1.0]]),
        lambda: Mixture.from_float([1, 1], [[0.0]], [[1.0]]),
        lambda: Mixture.from_float([1], [[0.0]], [[1.0]], reference=100),
        lambda: Mixture.from_float([1], [[0.0]], [[1.0]], reference=math.inf),
        lambda: Mixture.from_float([1], [[0.0]], [[1.0]], least_weight=2),
        lambda: Mixture.from_float([1] * 257, [[0.0]] * 257, [[1.0]] * 257, least_weight=0),
        lambda: Mixture.from_float([1], np.zeros((1, 64)), np.ones((1, 64)), reference=80),
        lambda: Mixture.from_float([1], [[0.0]], [[1.0]]).run([[32768]]),
    ],
)
def test_what_does_not_fit_is_refused(make):
    with pytest.raises(QuantizeError):
        make()


def test_its_bytes_are_its_own():
    model = Mixture.from_float([0.5, 0.3, 0.2], [[0, 1], [2, -3], [1, 1]], [[1, 0.1], [0.5, 2], [1, 1]])
    again = Mixture.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    assert (again.run(grid(6, d=2)) == model.run(grid(6, d=2))).all()
    for change in (
        {"constant": [CONSTANT_LEAST - 1] * 3},
        {"mean": [[-32768, 0]] * 3},
        {"shift": [[31, 1]] * 3},
    ):
        with pytest.raises(QuantizeError):
            dataclasses.replace(model, **change)
    truncated(model)
    refused, accepted = flipped(model)
    assert refused > accepted / 4 > 0
