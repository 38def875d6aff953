"""Readings of one cup together."""

import pytest

from canbean.roast.reading import parse
from canbean.roast.trend import Trend


def follow(values):
    trend = Trend()
    for value in values:
        said = {"value": value, "quality": "ok"} if value is not None else {"quality": "empty"}
        found = trend.add(parse(said))
    return found


@pytest.mark.parametrize(
    ("values", "direction"),
    [
        ([70, 70.2, 69.9, 70.1], "steady"),
        ([70, 71, 72, 73, 74], "rising"),
        ([74, 73, 72, 71], "falling"),
        ([70, 70, 70], ""),
        ([70, 70, 90, 70, 70], ""),
    ],
)
def test_direction(values, direction):
    assert follow(values).direction == direction


def test_middle_and_spread():
    found = follow([70.0, 71.0, 72.0])
    assert (found.count, found.median, found.lowest, found.highest) == (3, 71, 70, 72)
    assert found.spread == pytest.approx(1.0)


def test_an_empty_window_or_another_cup_begins_anew():
    assert follow([70, 70, None]).count == 0
    assert follow([70, 70, 90, 90]).count == 2
    assert Trend().summary().median is None
