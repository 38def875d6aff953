"""The simulated meter stays within the published figures and says that it is simulated."""

import numpy as np
import pytest

from canbean.roast import pairs, simulate


@pytest.mark.parametrize("nanometres", [660, 880])
def test_lighter_coffee_reflects_more(nanometres):
    r = simulate.reflectance(np.linspace(0, 180, 721), nanometres)
    assert (np.diff(r) > 0).all()
    assert ((r > 0) & (r < 1)).all()


@pytest.mark.parametrize(
    ("degree", "infrared", "red", "counts"),
    # ranges of R(880) and R(640-660), and counts of a MAX3010x, in thousands, for ground tamped coffee
    [
        (25, (0.08, 0.15), (0.04, 0.05), 38),
        (45, (0.15, 0.22), (0.06, 0.07), 55),
        (60, (0.21, 0.27), (0.08, 0.09), 68),
        (80, (0.29, 0.34), (0.10, 0.12), 85),
        (110, (0.40, 0.45), (0.14, 0.17), 111),
    ],
)
def test_published_reflectances_and_counts(degree, infrared, red, counts):
    nir, vis = simulate.reflectance(degree, 880), simulate.reflectance(degree, 660)
    assert infrared[0] <= nir <= infrared[1]
    assert red[0] <= vis <= red[1]
    seen = simulate.Unit().counts(np.array([vis]), np.array([nir]), 25.0)[0, 1]
    assert seen == pytest.approx(counts * 1000, rel=0.05)


def test_the_law_is_no_polynomial_in_log_counts():
    degree = np.linspace(25, 150, 200)
    unit = simulate.Unit()
    counts = unit.counts(simulate.reflectance(degree, 660), simulate.reflectance(degree, 880), 25.0)[:, 1]
    x = np.log(counts)
    misfit = np.polynomial.Polynomial.fit(x, degree, 1)(x) - degree
    assert np.abs(misfit).max() > 3


def test_leds_fade_as_they_warm():
    unit = simulate.Unit()
    cold = unit.counts(np.array([0.08]), np.array([0.24]), 25.0)
    warm = unit.counts(np.array([0.08]), np.array([0.24]), 30.0)
    assert (warm / cold).ravel() == pytest.approx([1 - 0.0325, 1 - 0.035])


def test_units_differ_and_the_same_unit_does_not():
    units = [simulate.Unit.drawn(seed) for seed in range(1, 201)]
    gain = np.array([u.gain for u in units]) / 236_000
    window = np.array([u.window for u in units])
    assert 0.75 <= gain.min() < 0.8
    assert 1.2 < gain.max() <= 1.25
    assert 5_000 <= window.min() < window.max() <= 25_000
    assert simulate.Unit.drawn(3) == units[2]
    assert simulate.Unit.drawn(0) == simulate.Unit()


def test_pairs_are_seeded_spread_and_named_simulated():
    p = simulate.pairs(20, 3, seed=5)
    assert p.raw.tolist() == simulate.pairs(20, 3, seed=5).raw.tolist()
    assert p.raw.tolist() != simulate.pairs(20, 3, seed=6).raw.tolist()
    assert (len(p), len(p.lots)) == (60, 20)
    assert p.simulated
    assert p.name.startswith("simulated")
    assert all(name.startswith("simulated") for name in (*p.lots, *p.unit))
    assert p.reference.min() < 35
    assert p.reference.max() > 140
    assert (p.reference == np.rint(p.reference)).all()
    counts = p.channels[:, :2]
    assert (counts == np.rint(counts)).all()
    assert 0 < counts.min() < counts.max() < simulate.FULL_SCALE
    assert (p.channels[:, 2] * 16 == np.rint(p.channels[:, 2] * 16)).all()
    assert not pairs.check(p, (0, 180)).warnings


def test_a_simulated_file_carries_its_digest(tmp_path):
    p = simulate.pairs(4, 2)
    pairs.write(tmp_path / "s.csv", p)
    back = pairs.read(tmp_path / "s.csv")
    assert back.digest == p.digest
    assert back.simulated
    assert back.raw.tolist() == p.raw.tolist()


def test_counts_never_leave_eighteen_bits():
    bright = simulate.read_cups([180.0] * 40, np.arange(40), seed=1, unit=9)
    assert bright.channels[:, :2].max() <= simulate.FULL_SCALE


def test_fresh_cups_know_their_true_degree():
    c = simulate.cups(10, seed=3)
    assert len(c.lots) == 10
    assert not np.array_equal(c.reference, np.rint(c.reference))
    quiet = simulate.Figures(lot=0, lot_spectrum=0, tamp=0, grind=0, counts=0, ambient=(20.5, 0), warm_up=0)
    exact = simulate.cups(10, seed=3, figures=quiet)
    order = np.argsort(exact.reference)
    assert (np.diff(exact.channels[order, 1]) > 0).all()
    assert exact.reference.tolist() == c.reference.tolist()


def test_noise_is_of_the_size_it_is_said_to_be():
    quiet = simulate.Figures(lot=0, lot_spectrum=0, tamp=2.0, grind=0, counts=0, ambient=(25, 0), warm_up=0)
    many = simulate.read_cups([60.0], np.zeros(4000, int), seed=1, figures=quiet)
    slope = np.diff(simulate.Unit().counts(np.zeros(2), simulate.reflectance([59.5, 60.5], 880), 25.0)[:, 1])[
        0
    ]
    assert many.channels[:, 1].std() / slope == pytest.approx(2.0, rel=0.05)
