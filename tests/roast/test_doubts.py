"""Doubts: what is odd about a pair, and how seldom a good one is doubted."""

import pytest

from canbean.roast import doubts
from canbean.roast.doubts import Pair
from pair_cases import SCALE, cup


def pair(number, lot, name, degree, wiggle=0.0, reference=None):  # noqa: PLR0917
    channels = {c.name: c.value for c in cup(degree, wiggle)}
    return Pair(lot, name, channels, degree if reference is None else reference, number)


@pytest.fixture
def earlier():
    degrees = (35, 50, 62, 75, 90, 105, 120, 135)
    return [
        pair(3 * k + tamp + 1, f"lot {k}", str(k + 1), degree, wiggle)
        for k, degree in enumerate(degrees)
        for tamp, wiggle in enumerate((0, 0.01, -0.01))
    ]


def kinds(new, earlier):
    return [doubt.kind for doubt in doubts.doubts(new, earlier, SCALE)]


def test_good_pairs_are_not_doubted(earlier):
    for degree in range(30, 145, 5):
        for wiggle in (-0.02, 0.003, 0.02):
            assert kinds(pair(99, "new", "9", degree, wiggle), earlier) == [], (degree, wiggle)
    assert doubts.odd_ones(earlier, SCALE) == []


@pytest.mark.parametrize(("said", "meant"), [(38, 83), (8.3, 83), (830, 83), (83, None), (120, None)])
def test_a_slip_of_the_finger_is_named(earlier, said, meant):
    found = doubts.doubts(pair(99, "new", "9", 83, 0.004, said), earlier, (0, 1000))
    if said == 83:
        assert found == []
        return
    assert [doubt.kind for doubt in found] == ["fit"]
    assert ("was 83 meant?" in found[0].words) == (meant is not None)


def test_the_same_reading_twice_is_named(earlier):
    found = doubts.doubts(pair(99, "lot 0", "1", 35, 0.01), earlier, SCALE)
    assert [(doubt.kind, doubt.beside) for doubt in found] == [("duplicate", 2)]


def test_tamps_of_a_cup_are_compared(earlier):
    assert kinds(pair(99, "lot 0", "1", 35, 0.12), earlier) == ["tamp"]
    assert kinds(pair(99, "lot 0", "1", 35, 0.004, 43), earlier)[0] == "reference"
    # another cup of the same lot may differ by as much
    assert "tamp" not in kinds(pair(99, "lot 0", "9", 35, 0.12), earlier)


def test_one_wrong_pair_does_not_bend_the_check(earlier):
    wrong = [pair(4, "lot 1", "2", 50, 0, 150), pair(5, "lot 1", "2", 50, 0.01, 150)]
    spoiled = [*earlier[:3], *wrong, *earlier[5:]]
    found = doubts.odd_ones(spoiled, SCALE)
    assert {one.number for one, _ in found} == {4, 5}
    assert kinds(pair(99, "new", "9", 100), spoiled) == []


def test_few_pairs_are_not_judged_by_a_fit(earlier):
    assert kinds(pair(99, "new", "9", 100, 0, 20), earlier[:9]) == []
    assert kinds(pair(99, "new", "9", 100, 0, 20), []) == []


def test_a_sensor_that_never_moves_is_not_fitted(earlier):
    still = [Pair(p.lot, p.cup, {"red": 5.0}, p.reference, p.number) for p in earlier]
    assert doubts.expected(Pair("new", "9", {"red": 5.0}, 80.0), still) is None
    assert doubts.expected(Pair("new", "9", {"red": 0.0}, 80.0), earlier) is not None
