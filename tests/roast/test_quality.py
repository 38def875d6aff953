"""What a reading is said to be."""

import pytest

from canbean.roast.quality import QUALITY, judge

FULL = (1 << 18) - 1
COFFEE = {
    "counts": [15_000, 68_000],
    "dark": [0, 20],
    "spread": [120, 140],
    "full": FULL,
    "milli": [8_000, 24_000],
    "empty": [10, -5],
}


def said(**changes):
    return QUALITY[int(judge(**{**COFFEE, **changes})[0])]


@pytest.mark.parametrize(
    ("quality", "changes"),
    [
        ("ok", {}),
        ("saturated", {"counts": [15_000, FULL]}),
        ("saturated", {"counts": [15_000, FULL - 900], "dark": [0, 900]}),
        ("ambient light", {"dark": [0, 9_000]}),
        ("ok", {"dark": [600, 3_000]}),
        ("not settled", {"spread": [120, 1_500]}),
        ("not calibrated", {"milli": None}),
        ("not settled", {"milli": None, "spread": [120, 1_500]}),
        ("ok", {"milli": ()}),
        ("empty", {"milli": [-100, 250]}),
        ("dirty window", {"milli": [-100, 900]}),
        ("dirty window", {"milli": [-700, 0]}),
        ("ok", {"milli": [2_000, 5_200]}),
        # what is worse is said first
        ("saturated", {"counts": [15_000, FULL], "dark": [9_000, 0], "milli": [0, 0]}),
        ("ambient light", {"dark": [9_000, 0], "spread": [9_000, 0], "milli": [0, 0]}),
    ],
)
def test_what_is_said(quality, changes):
    assert said(**changes) == quality
