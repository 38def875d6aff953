"""Simulated pairs are seeded, spread over the scale, and say that they are simulated."""

from dataclasses import replace

import numpy as np
import pytest

from canbean.roast import pairs, preparation, simulate
from canbean.roast.optics import OPTICS
from canbean.roast.preparation import QUIET
from canbean.roast.simulate import Setting


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
    assert 0 < counts.min() < counts.max() < 1 << 18
    assert (p.channels[:, 2] * 16 == np.rint(p.channels[:, 2] * 16)).all()
    assert not pairs.check(p, (0, 180)).warnings


def test_a_simulated_file_carries_its_digest(tmp_path):
    p = simulate.pairs(4, 2)
    pairs.write(tmp_path / "s.csv", p)
    back = pairs.read(tmp_path / "s.csv")
    assert back.digest == p.digest
    assert back.simulated
    # a board gives hundredths of a degree
    assert back.raw.tolist() == replace(p, decimals=(0, 0, 2)).raw.tolist()


def test_fresh_cups_know_their_true_degree():
    c = simulate.cups(10, seed=3)
    assert len(c.lots) == 10
    assert not np.array_equal(c.reference, np.rint(c.reference))
    exact = simulate.cups(10, seed=3, setting=Setting(figures=QUIET, room=(20, 20), since=60))
    order = np.argsort(exact.reference)
    assert (np.diff(exact.channels[order, 1]) > 0).all()
    assert exact.reference.tolist() == c.reference.tolist()


@pytest.mark.parametrize("sensor", ["max3010x", "tcs34725", "tcs3200"])
@pytest.mark.parametrize("optics", OPTICS)
def test_calibrated_units_see_the_same_reflectance(sensor, optics):
    setting = Setting(sensor, optics, calibrated=True, figures=QUIET, room=(23, 23), since=60)
    many = [simulate.cups(30, 1, unit, setting) for unit in (1, 2, 3)]
    light = [name for name in many[0].channel_names if name != "temperature"]
    table = np.array([p.channels[:, : len(light)] for p in many])
    assert table.std(axis=0) / table.mean(axis=0) == pytest.approx(0, abs=0.04)
    # and far from that before
    raw = np.array(
        [simulate.cups(30, 1, u, replace(setting, calibrated=False)).channels[:, 0] for u in (1, 2, 3)]
    )
    assert (raw.std(axis=0) / raw.mean(axis=0)).max() > 0.06
    assert many[0].decimals[0] == 3


def test_the_same_cups_whichever_unit_reads_them():
    assert (
        simulate.pairs(5, 2, 1, unit=1).reference.tolist()
        == simulate.pairs(5, 2, 1, unit=2).reference.tolist()
    )


@pytest.mark.parametrize(
    ("name", "least", "most"), [("least", 1.1, 1.5), ("middle", 1.5, 1.9), ("most", 2.0, 2.4)]
)
def test_two_perfect_meters_differ_as_the_page_says(name, least, most):
    degree = np.full(3000, 60.0)
    model = OPTICS["kubelka-munk"]
    made = preparation.prepare(
        degree, np.arange(3000), model, preparation.FIGURES[name], np.random.default_rng(1)
    )
    grid = np.linspace(40, 80, 4001)
    ours = np.interp(made.reflectance[:, 4], model(grid)[:, 4], grid)
    assert least < np.sqrt(np.mean((ours - made.reference) ** 2)) < most
