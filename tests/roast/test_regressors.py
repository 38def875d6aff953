"""Each family gives integers that say what its floating-point fit says; lots are never split."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.preprocessing import PolynomialFeatures

from canbean.errors import UsageError
from canbean.roast import regressors, simulate
from canbean.roast.regressors import Samples, _curve, mlp, neighbours, ridge
from canbean.tiny.features import ONE


def samples_of(pairs, scale=(0.0, 180.0)):
    return Samples(pairs.channels, pairs.decimals, pairs.reference, pairs.lot, scale)


@pytest.fixture(scope="module")
def samples():
    return samples_of(simulate.pairs(12, 2, seed=4))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(2, 10))
def test_a_lot_is_never_split(lots, most):
    lot = np.array(lots)
    folds = regressors.folds(lot, most)
    assert len(folds) == (min(most, len(set(lots))) if len(set(lots)) > 1 else 0)
    for learn, check in folds:
        assert not set(lot[learn]) & set(lot[check])
        assert sorted([*learn, *check]) == list(range(len(lot)))
    if folds:
        assert sorted(np.concatenate([check for _, check in folds])) == list(range(len(lot)))


def test_families_are_the_files(tmp_path, monkeypatch):
    assert regressors.names() == [
        "bell", "boosting", "cubic", "exponential", "forest", "logistic", "mlp", "neighbours", "power", "quadratic",
        "ridge", "spline", "svr",
    ]  # fmt: skip
    (tmp_path / "flat.py").write_text("def fit(samples, seed):\n    return 'flat'\n")
    monkeypatch.setattr(regressors, "__path__", [*regressors.__path__, str(tmp_path)])
    assert "flat" in regressors.names()
    assert regressors.family("flat").fit(None, 0) == "flat"
    monkeypatch.delattr(regressors, "flat", raising=False)
    sys.modules.pop("canbean.roast.regressors.flat")


def test_a_family_that_is_not_here():
    with pytest.raises(UsageError, match=r"no model 'oracle': there are bell, .*svr, blend"):
        list(regressors.chosen(["oracle"]))
    for none in ([], ["blend"]):
        with pytest.raises(UsageError, match="no model is named beside the blend"):
            list(regressors.chosen(none))


@pytest.mark.parametrize("name", ["mlp", "neighbours", "ridge"])
def test_integers_are_seeded_finite_and_close(name, samples):
    family = regressors.family(name)
    first, again = family.fit(samples, 3), family.fit(samples, 3)
    assert first.sections() == again.sections()
    said = first.predict(first.features.readings(samples.values)) / 256
    assert np.sqrt(np.mean((said - samples.reference) ** 2)) < 8
    assert first.features.decimals == samples.decimals
    assert first.scale == samples.scale


def test_the_networks_gradient_is_that_of_its_loss():
    rng = np.random.default_rng(5)
    table, target = rng.normal(size=(7, 3)), rng.normal(size=7)
    theta = [rng.normal(size=shape) for shape in ((3, 4), (4,), (4,), (1,))]
    _, gradient = mlp.loss(theta, table, target)
    steps = []
    for part in theta:
        for at in np.ndindex(part.shape):
            ends = []
            for sign in (1, -1):
                part[at] += sign * 1e-6
                ends.append(mlp.loss(theta, table, target)[0])
                part[at] -= sign * 1e-6
            steps.append((ends[0] - ends[1]) / 2e-6)
    assert gradient == pytest.approx(np.array(steps), abs=1e-6)
    found, least = mlp.descend(table, target, rng)
    assert least < mlp.loss(theta, table, target)[0]
    assert np.abs(mlp.loss(found, table, target)[1]).max() < 0.1


def test_curves_share_an_index_that_rises_and_is_the_light(samples):
    index = _curve.index_of(samples)
    at = samples.table @ index.weights
    assert at.std() == pytest.approx(1)
    assert np.corrcoef(at, samples.reference)[0, 1] > 0.95
    kinds = [regressors.family(name).fit(samples, 0).kind for name in ("quadratic", "power", "spline")]
    assert len({(kind.weights.tobytes(), kind.bias, kind.shift, kind.intervals) for kind in kinds}) == 1
    # of one channel that is a logarithm the light is the channel itself, and so it is of one that falls
    x = np.linspace(10, 40, 12)
    for value in (x, 400 / x):
        one = Samples(value[:, None], (3,), 3 * x, np.arange(12), (0.0, 180.0))
        light = _curve.index_of(one).light(one.table @ _curve.index_of(one).weights)
        assert (np.diff(light) > 0).all()
        assert abs(np.corrcoef(light, value)[0, 1]) > 0.99999
    # a channel of no consequence turns the index by little
    noise = np.random.default_rng(1).normal(0, 1, 12)
    two = Samples(np.column_stack([x, noise]), (3, 3), 3 * x, np.arange(12), (0.0, 180.0))
    weights = _curve.index_of(two).weights
    assert abs(weights[1]) < 0.05 * abs(weights[0])


def test_ridge_is_scikit_learns_and_its_integers_agree(samples):
    table = ridge.monomials(samples.table, 3)
    assert table == pytest.approx(PolynomialFeatures(3, include_bias=False).fit_transform(samples.table))
    intercept, weights = ridge.solve(table, samples.reference, 0.01)
    theirs = Ridge(0.01 * len(table)).fit(table, samples.reference)
    assert intercept == pytest.approx(theirs.intercept_)
    assert weights == pytest.approx(theirs.coef_)
    regressor = ridge.fit(samples, 0)
    degree, penalty = ridge.best(samples)
    intercept, weights = ridge.solve(ridge.monomials(samples.table, degree), samples.reference, penalty)
    exact = np.clip(intercept + ridge.monomials(samples.table, degree) @ weights, *samples.scale)
    said = regressor.predict(regressor.features.readings(samples.values)) / 256
    assert np.abs(said - exact).max() < 0.1


def test_ridge_chooses_the_degree_that_holds_for_new_lots():
    x = np.repeat(np.linspace(1, 9, 15), 2)
    lot = np.repeat(np.arange(15), 2)
    noise = np.random.default_rng(0).normal(0, 0.3, 30)
    for degree, law in ((1, 10 * x), (2, 180 - 2 * (x - 5) ** 2), (3, 90 + (x - 5) ** 3)):
        # Wide counts would be taken as logarithms: an offset keeps the channel linear.
        found, _ = ridge.best(Samples((x + 100)[:, None], (6,), law + noise, lot, (0.0, 180.0)))
        assert found == degree
    alone = Samples(x[:, None], (6,), 10 * x, np.zeros(30, int), (0.0, 180.0))
    assert ridge.best(alone) == (1, 1.0)


def test_neighbours_scale_what_says_little(samples):
    regressor = neighbours.fit(samples, 0)
    spread = (regressor.features.apply(regressor.features.readings(samples.values)) / ONE).std(axis=0)
    assert spread.max() == pytest.approx(1, abs=0.02)
    assert spread[2] < 0.4  # the temperature of the die
    assert spread.min() >= 0.06


def test_neighbours_find_a_pair_again():
    pairs = simulate.pairs(8, 1, seed=2)
    one = neighbours.Neighbours.from_float(1, samples_of(pairs).table, pairs.reference)
    assert (one.predict(samples_of(pairs).front.apply(pairs.raw)) / 256).tolist() == pairs.reference.tolist()


def test_one_channel_one_row_and_no_change_are_survived():
    for n in (1, 2, 6):
        for values in (np.full((n, 1), 7.0), np.arange(1.0, n + 1)[:, None]):
            s = Samples(values, (0,), np.linspace(20, 90, n), np.arange(n), (0.0, 180.0))
            for name, family in regressors.chosen(None):
                regressor = family.fit(s, 0)
                assert np.isfinite(regressor.predict(regressor.features.readings(values))).all(), name
