"""A blend: weights near each other, of models that are near each other; curves are one curve."""

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
    return {name: regressors.family(name).fit(samples, 0) for name in ("cubic", "quadratic", "ridge", "svr")}


def said(reference, names, noise, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: reference + rng.normal(0, size, len(reference)) for name, size in zip(names, noise, strict=True)
    }


def test_what_is_equally_good_weighs_alike_and_what_is_better_more(samples, fitted):
    names = ["cubic", "quadratic"]
    alike = blending.recipe(said(samples.reference, names, (2, 2)), samples.reference, fitted).weights
    assert alike == pytest.approx({"cubic": 0.5, "quadratic": 0.5}, abs=0.1)
    many = np.tile(samples.reference, 200)
    found = blending.recipe(said(many, names, (2, 2.6)), many, fitted).weights
    assert found["cubic"] == pytest.approx(2.6**2 / (2**2 + 2.6**2), abs=0.04)
    # the same words from both: half and half
    same = dict.fromkeys(names, samples.reference + 1)
    assert blending.recipe(same, samples.reference, fitted).weights == pytest.approx(
        dict.fromkeys(names, 0.5)
    )


def test_what_is_far_worse_is_not_asked(samples, fitted):
    found = blending.recipe(
        said(samples.reference, ["cubic", "quadratic"], (2, 8)), samples.reference, fitted
    )
    assert found.weights == {"cubic": 1.0}


def test_two_curves_are_one_and_nothing_else_is_beside_them(samples, fitted):
    words = said(samples.reference, ["cubic", "quadratic", "ridge", "svr"], (2, 2, 2, 2))
    found = blending.recipe(words, samples.reference, fitted)
    assert set(found.weights) == {"cubic", "quadratic"}
    made = blending.build(fitted, found)
    assert isinstance(made.kind, Spline)
    assert made.sections().keys() == fitted["cubic"].sections().keys()
    each = {name: fitted[name].predict(made.features.readings(samples.values)) for name in found.weights}
    assert made.predict(made.features.readings(samples.values)) == pytest.approx(found.mean(each), abs=2)


def test_one_curve_is_blended_with_other_kinds(samples, fitted):
    words = said(samples.reference, ["cubic", "ridge", "svr"], (2, 2, 2))
    found = blending.recipe(words, samples.reference, fitted)
    assert set(found.weights) == {"cubic", "ridge", "svr"}
    made = blending.build(fitted, found)
    assert isinstance(made.kind, Blend)
    assert len(made.kinds) == 3
