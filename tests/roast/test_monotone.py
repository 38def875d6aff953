"""Whether a meter falls is measured along the path that coffee takes."""

import numpy as np
import pytest

from canbean.roast import monotone, regressors, simulate
from canbean.roast.regressors import Samples
from canbean.tiny.polynomial import Polynomial
from canbean.tiny.regressor import Regressor


def samples_of(values, reference, decimals=2):
    values = np.asarray(values, float).reshape(len(reference), -1)
    lot = np.arange(len(reference))
    return Samples(values, (decimals,) * values.shape[1], np.asarray(reference, float), lot, (0.0, 180.0))


def test_a_parabola_falls_by_what_it_falls():
    s = samples_of(np.linspace(10, 12, 20), np.linspace(20, 160, 20))
    bent = Regressor(s.front, Polynomial.from_float(2, 90, [20, -20], 1), s.scale)
    # In deviations the path is -1.65..1.65, a quarter of the range more on either side; the top is at 0.5.
    assert monotone.fall(bent, s) == pytest.approx(90 + 5 - (90 + 20 * 2.47 - 20 * 2.47**2), abs=1)
    straight = Regressor(s.front, Polynomial.from_float(1, 90, [30], 1), s.scale)
    assert monotone.rises(straight, s)


def test_a_channel_that_falls_as_coffee_gets_lighter_is_walked_the_other_way():
    s = samples_of(np.linspace(12, 10, 20), np.linspace(20, 160, 20))
    down = Regressor(s.front, Polynomial.from_float(1, 90, [-30], 1), s.scale)
    assert monotone.rises(down, s)
    assert not monotone.rises(Regressor(s.front, Polynomial.from_float(1, 90, [30], 1), s.scale), s)


def test_the_path_of_several_channels_follows_those_that_follow_the_roast():
    p = simulate.pairs(20, 3, seed=2)
    s = Samples(p.channels, p.decimals, p.reference, p.lot, (0.0, 180.0))
    path = monotone.path(s)
    light, celsius = path[:, :2], path[:, 2]
    assert (np.diff(light, axis=0) >= 0).all()
    assert (celsius == np.median(p.channels[:, 2])).all()
    assert np.ptp(light[:, 1]) > 0.9 * np.ptp(p.channels[:, 1])


@pytest.mark.parametrize("name", ["quadratic", "cubic", "exponential", "bell", "power", "logistic", "spline"])
def test_curves_never_fall_in_their_index(name):
    rng = np.random.default_rng(5)
    for _ in range(4):
        x = rng.uniform(1.4, 3, 9)
        s = samples_of(x, np.clip(rng.uniform(20, 160) * x**2 / 9 + rng.normal(0, 25, 9), 0, 180), 4)
        assert monotone.fall(regressors.family(name).fit(s, 0), s) == 0
