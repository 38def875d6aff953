"""Three models keep to the published reflectances, and are not one another."""

import numpy as np
import pytest

from canbean.errors import UsageError
from canbean.roast.optics import GRAIN_UM, OPTICS, WAVELENGTHS, named

DEGREES = np.linspace(15, 180, 681)


@pytest.mark.parametrize("name", OPTICS)
def test_lighter_coffee_reflects_more(name):
    r = OPTICS[name](DEGREES)
    assert r.shape == (681, len(WAVELENGTHS))
    assert (np.diff(r, axis=0) > 0).all()
    assert ((r > 0) & (r < 1)).all()


@pytest.mark.parametrize("name", OPTICS)
@pytest.mark.parametrize(
    ("degree", "infrared", "red", "blue"),
    # ranges of R(880), R(640-660) and R(450-470) of ground tamped coffee, in percent
    [
        (25, (8, 15), (4, 5), (2, 3)),
        (45, (15, 22), (6, 7), (2.5, 3.5)),
        (60, (21, 27), (8, 9), (3, 4)),
        (80, (29, 34), (10, 12), (4, 5)),
        (110, (40, 45), (14, 17), (5, 7)),
    ],
)
def test_published_reflectances(name, degree, infrared, red, blue):
    r = 100 * OPTICS[name](degree)
    for found, (low, high) in zip(r[[4, 3, 0]], (infrared, red, blue), strict=True):
        assert low <= found <= high


def test_they_differ_by_points_within_and_beyond():
    infrared = {name: model(DEGREES)[:, 4] for name, model in OPTICS.items()}
    for one, other in (("kubelka-munk", "grains"), ("grains", "formulas"), ("formulas", "kubelka-munk")):
        apart = np.interp(infrared[one], infrared[other], DEGREES) - DEGREES
        assert np.abs(apart[(DEGREES > 30) & (DEGREES < 110)]).max() > 1
        assert np.abs(apart[(DEGREES > 130) & (DEGREES < 150)]).max() > 1.5


@pytest.mark.parametrize("name", OPTICS)
def test_none_is_a_polynomial_in_the_logarithm(name):
    d = np.linspace(25, 150, 200)
    x = np.log(OPTICS[name](d)[:, 4])
    misfit = np.polynomial.Polynomial.fit(x, d, 1)(x) - d
    assert np.abs(misfit).max() > 3


@pytest.mark.parametrize(
    ("name", "least", "most"), [("kubelka-munk", 2, 4), ("grains", 2, 4), ("formulas", 0, 0)]
)
def test_finer_grains_are_lighter_by_what_is_published(name, least, most):
    fine = OPTICS[name](60.0, 1 - 20 / GRAIN_UM)[4]
    points = 5 * (np.interp(fine, OPTICS[name](DEGREES)[:, 4], DEGREES) - 60)
    assert least <= round(points, 6) <= most


def test_an_unknown_model_is_named():
    with pytest.raises(UsageError, match="no optics 'magic': there are kubelka-munk"):
        named("magic")
