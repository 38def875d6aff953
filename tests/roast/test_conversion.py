"""From one scale to another, by cups that both meters have read."""

import numpy as np
import pytest

from canbean.errors import PairsError
from canbean.roast import conversion, pairs
from canbean.roast.scale import DEFAULT


def beside(x, y, lot=None, name="agtron"):
    rows = [f"{lot[i] if lot is not None else i},{x[i]!r},{y[i]!r}" for i in range(len(x))]
    return pairs.parse("\n".join([f"lot,{name},reference", *rows]).encode(), "c.csv")


def both(curve, noise=1.0, seed=0, n=60):
    rng = np.random.default_rng(seed)
    true = rng.uniform(30, 110, n)
    return beside((true + rng.normal(0, noise, n)).tolist(), (curve(true) + rng.normal(0, noise, n)).tolist())


def test_a_line_is_found_through_noise_on_both_sides():
    c = conversion.fit(both(lambda a: 1.3 * a + 10, noise=3))
    assert c.degree == 1
    assert c.apply(np.array([40.0, 100])) == pytest.approx([62, 140], abs=2)
    back = c.reversed()
    assert back.apply(c.apply(np.array([55.0]))) == pytest.approx([55])
    assert back.source == "reference"


@pytest.mark.parametrize("curve", [lambda a: 200 * (a / 120) ** 2, lambda a: 20 * np.exp(a / 60)])
def test_a_curve_is_found_and_never_falls(curve):
    c = conversion.fit(both(curve))
    assert c.degree > 1
    at = np.linspace(35, 105, 9)
    assert np.abs(c.apply(at) - curve(at)).max() < 3
    assert (np.diff(c.apply(np.linspace(-50, 250, 500))) >= 0).all()
    assert 1 < c.rmse < 4


def test_degrees_are_named_on_another_scale():
    scale = conversion.named(DEFAULT, conversion.fit(both(lambda a: 1.3 * a + 10, noise=0.1)))
    assert scale.degree(round((1.3 * 64 + 10 + 1) * 256)) == "Medium"
    assert scale.degree(round((1.3 * 64 + 10 - 1) * 256)) == "Medium Dark"


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (b"lot,a,b,reference\nx,1,2,3\ny,2,3,4\nz,3,4,5\n", "one column of values"),
        (b"lot,a,reference\nx,1,3\nx,2,4\nx,3,5\n", "at least 3 lots"),
        (b"lot,a,reference\nx,1,5\ny,2,4\nz,3,3\n", "do not rise together"),
    ],
)
def test_what_is_no_conversion(table, why):
    with pytest.raises(PairsError, match=why):
        conversion.fit(pairs.parse(table, "c.csv"))
