"""The rule of the choice, case by case."""

import numpy as np
import pytest

from canbean.roast.choice import Candidate, choose


def candidate(name, rmse, monotone=True, size=500, deviation=0.3):
    return Candidate(name, rmse, deviation, monotone, size)


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([candidate("a", 2.0), candidate("b", 1.5)], "b"),
        (
            [candidate("a", 1.74, monotone=True), candidate("b", 1.5, monotone=False)],
            "a",
        ),  # within a standard error
        ([candidate("a", 1.9, monotone=True), candidate("b", 1.5, monotone=False)], "b"),
        ([candidate("a", 1.79, size=90), candidate("b", 1.5)], "a"),  # the same, fewer bytes
        ([candidate("a", 1.81, size=90), candidate("b", 1.5)], "b"),
        ([candidate("a", 1.5, monotone=False, size=90), candidate("b", 1.5, size=900)], "b"),
        ([candidate("b", 1.5), candidate("a", 1.5)], "a"),
        ([candidate("a", 1.5, size=90), candidate("blend", 2.09)], "blend"),  # the same, and steadier
        ([candidate("a", 1.5, size=90), candidate("blend", 2.11)], "a"),
        ([candidate("a", 1.5), candidate("blend", 1.5, monotone=False)], "a"),
    ],
)
def test_of_several_channels(candidates, chosen):
    assert choose(candidates, one_channel=False) == chosen


def test_of_one_channel_the_best_that_never_falls():
    falls, rises = (
        candidate("falls", 1.0, monotone=False),
        [candidate("a", 3.0), candidate("b", 2.99, size=999)],
    )
    assert choose([falls, *rises], one_channel=True) == "b"
    assert choose([falls], one_channel=True) == "falls"


def test_the_deviation_is_that_of_the_error_over_draws_of_lots():
    rng = np.random.default_rng(0)
    lot = np.repeat(np.arange(20), 3)
    drawn = []
    for _ in range(400):
        error = (rng.normal(0, 1.5, 20)[lot] + rng.normal(0, 1, 60)) * 1.0
        drawn.append(Candidate.of("x", error, lot, monotone=True, size=1))
    assert np.mean([c.deviation for c in drawn]) == pytest.approx(np.std([c.rmse for c in drawn]), rel=0.2)
