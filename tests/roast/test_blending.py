"""A blend: the square and the cube unless all are better by more than chance; weights near each other; curves are one curve."""

import numpy as np
import pytest

from canbean.roast import blending, regressors, simulate
from canbean.roast.regressors import Samples
from canbean.tiny.blend import Blend
from canbean.tiny.spline import Spline


@pytest.fixture(scope="module")
def samples():
    pairs = simulate.pairs(12, 2, seed=4)
    return Samples(pairs.channels, pairs.decimals, pairs.reference, pairs.lot, (0.0, 180.0))


@pytest.fixture(scope="module")
def fitted(samples):
    names = ("cubic", "power", "quadratic", "ridge", "svr")
    return {name: regressors.family(name).fit(samples, 0) for name in names}


def said(reference, names, noise, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: reference + rng.normal(0, size, len(reference)) for name, size in zip(names, noise, strict=True)
    }


def test_what_is_equally_good_weighs_alike_and_what_is_better_more(samples, fitted):
    names = ["cubic", "quadratic"]
    alike = blending.recipe(
        said(samples.reference, names, (2, 2)), samples.reference, samples.lot, fitted
    ).weights
    assert alike == pytest.approx({"cubic": 0.5, "quadratic": 0.5}, abs=0.1)
    many = np.tile(samples.reference, 200)
    found = blending.recipe(said(many, names, (2, 2.6)), many, np.tile(samples.lot, 200), fitted).weights
    assert found["cubic"] == pytest.approx(2.6**2 / (2**2 + 2.6**2), abs=0.04)
    # the same words from both: half and half
    same = dict.fromkeys(names, samples.reference + 1)
    assert blending.recipe(same, samples.reference, samples.lot, fitted).weights == pytest.approx(
        dict.fromkeys(names, 0.5)
    )


def test_what_is_far_worse_is_not_asked(samples, fitted):
    found = blending.recipe(
        said(samples.reference, ["cubic", "quadratic"], (2, 8)), samples.reference, samples.lot, fitted
    )
    assert found.weights == {"cubic": 1.0}


def test_two_curves_are_one_and_nothing_else_is_beside_them(samples, fitted):
    words = said(samples.reference, ["cubic", "quadratic", "ridge", "svr"], (2, 2, 2, 2))
    found = blending.recipe(words, samples.reference, samples.lot, fitted)
    assert set(found.weights) == {"cubic", "quadratic"}
    made = blending.build(fitted, found)
    assert isinstance(made.kind, Spline)
    assert made.sections().keys() == fitted["cubic"].sections().keys()
    each = {name: fitted[name].predict(made.features.readings(samples.values)) for name in found.weights}
    assert made.predict(made.features.readings(samples.values)) == pytest.approx(found.mean(each), abs=2)


def off_by_lots(samples, others, seed=0):
    """Square and cube are off by what lots differ, another curve by `others` of that."""
    off = np.random.default_rng(seed).normal(0, 2, samples.lot.max() + 1)[samples.lot]
    share = {"cubic": 1, "quadratic": 1, "power": others}
    return {name: samples.reference + part * off for name, part in share.items()}


def better_on_one_lot(samples):
    """All are off by 2, but another curve by nothing on one lot and by a little more on another."""
    off = np.where(samples.lot == 3, 0.0, np.where(samples.lot == 5, 2.3, 2.0))
    return {
        **dict.fromkeys(("cubic", "quadratic"), samples.reference + 2.0),
        "power": samples.reference + off,
    }


def test_square_and_cube_come_first_where_all_curves_are_no_better_than_by_chance(samples, fitted):
    # the mean of all has the least error, which one lot alone says
    words = better_on_one_lot(samples)
    everyone = blending._stacked(words, samples.reference, fitted)
    assert set(everyone.weights) == set(words)
    assert np.square(everyone.mean(words) - samples.reference).mean() < 4
    found = blending.recipe(words, samples.reference, samples.lot, fitted)
    assert found.weights == pytest.approx({"cubic": 0.5, "quadratic": 0.5})


def test_all_curves_are_blended_where_that_is_better_on_most_lots(samples, fitted):
    words = off_by_lots(samples, others=0.7)
    found = blending.recipe(words, samples.reference, samples.lot, fitted)
    assert set(found.weights) == {"cubic", "quadratic", "power"}
    assert found.weights["power"] > found.weights["cubic"]


def test_chance_is_counted_by_lots_and_not_by_rows(samples, fitted):
    words = better_on_one_lot(samples)
    # the same words of the same rows, as if each were a lot of its own and there were many
    many = {name: np.tile(rows, 40) for name, rows in words.items()}
    reference = np.tile(samples.reference, 40)
    apart = blending.recipe(many, reference, np.arange(len(reference)), fitted)
    assert set(apart.weights) == {"cubic", "quadratic", "power"}
    together = blending.recipe(many, reference, np.tile(samples.lot, 40), fitted)
    assert set(together.weights) == {"cubic", "quadratic"}


def test_square_or_cube_alone_is_one_of_all(samples, fitted):
    words = off_by_lots(samples, others=1)
    del words["quadratic"]
    found = blending.recipe(words, samples.reference, samples.lot, fitted)
    assert found.weights == pytest.approx({"cubic": 0.5, "power": 0.5})


def test_one_curve_is_blended_with_other_kinds(samples, fitted):
    words = said(samples.reference, ["cubic", "ridge", "svr"], (2, 2, 2))
    found = blending.recipe(words, samples.reference, samples.lot, fitted)
    assert set(found.weights) == {"cubic", "ridge", "svr"}
    made = blending.build(fitted, found)
    assert isinstance(made.kind, Blend)
    assert len(made.kinds) == 3
