"""Error figures, and an interval that covers what it says on lots not seen."""

import numpy as np
import pytest

from canbean.roast import measures


def test_figures_by_hand():
    said, true = np.array([10.0, 20.0, 36.0, 40.0]), np.array([11.0, 20.0, 30.0, 41.0])
    e = measures.errors(said, true, tolerance=1.0)
    assert e["rmse"] == pytest.approx((38 / 4) ** 0.5)
    assert e["mae"] == 2.0
    assert e["max"] == e["p95"] == 6.0
    assert e["within_tolerance"] == 0.75
    assert e["bias"] == 1.0


def test_the_deviation_of_a_mean_is_that_over_draws_of_lots():
    rng = np.random.default_rng(2)
    lot = np.repeat([0, 2, 3, *range(5, 22)], 3)
    drawn = [rng.normal(0, 1.5, 22)[lot] + rng.normal(0, 1, 60) for _ in range(400)]
    told = np.mean([measures.deviation(values, lot) for values in drawn])
    assert told == pytest.approx(np.std([values.mean() for values in drawn]), rel=0.1)


def test_lots_count_alike_whatever_their_rows():
    # A lot measured a hundred times with large errors is still one lot of ten.
    residuals = np.concatenate([np.full(100, 9.0), np.arange(1, 10) / 10])
    lot = np.concatenate([np.zeros(100, int), np.arange(1, 10)])
    assert measures.half_width(residuals, lot, 0.8) < 1
    assert measures.half_width(residuals, lot, 0.99) == 9.0


def test_covers_nine_in_ten_of_new_lots():
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(600):
        residuals = np.repeat(rng.normal(0, 1, 24), 3) + rng.normal(0, 1, 72)
        width = measures.half_width(residuals[:60], np.repeat(np.arange(20), 3))
        covered.append(np.mean(np.abs(residuals[60:]) <= width))
    assert 0.88 <= np.mean(covered) <= 0.92
