"""A scale is data: it is shown, named and packed by it, and the board computes the same from the bytes."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.errors import ModelError, QuantizeError, UsageError
from canbean.roast import scale
from canbean.roast.scale import SCALES, Scale, Shown

names = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=24)


@st.composite
def shown(draw):
    """What a section may hold."""
    low = draw(st.integers(-1000 * 256, 999 * 256))
    high = draw(st.integers(low + 1, 1000 * 256))
    rounding = draw(st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10]))
    falling = sorted(draw(st.sets(st.integers(-100, 100), max_size=8)), reverse=True)
    degrees = tuple((draw(names), float(limit)) for limit in falling)
    scores = sorted(draw(st.sets(st.integers(0, 180 * 256), max_size=4)))
    knots = [(s, draw(st.integers(0, 20 * 256))) for s in scores]
    return Shown(Scale(draw(names), low / 256, high / 256, rounding, degrees), knots, draw(st.booleans()))


@given(shown())
def test_the_section_says_it_all(s):
    again = Shown.from_bytes(s.to_bytes(), "m")
    assert again.scale == s.scale
    assert again.knots.tolist() == s.knots.tolist()
    assert again.calibrated is s.calibrated
    assert len(s.to_bytes()) % 4 == 0


def test_the_layout_is_the_one_written_down():
    s = Shown(Scale("T", 0, 200, 0.5, (("Hi", 100.0),)), [(256, 512)], calibrated=True)
    assert s.to_bytes() == bytes.fromhex(
        "01 01 01 01 0500 0000 00000000 00c80000 00010000 00020000 e8030000 01 54 02 48 69 000000"
    )


@given(st.binary(max_size=80))
def test_noise_is_no_section(content):
    with pytest.raises(ModelError, match=r"^m: section scal: "):
        Shown.from_bytes(content, "m")


@given(shown(), st.data())
def test_a_damaged_section_is_refused_or_means_what_it_says(s, data):
    content = bytearray(s.to_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        again = Shown.from_bytes(bytes(content), "m")
    except ModelError as error:
        assert str(error).startswith("m: section scal: ")  # noqa: PT017 - either is right
    else:
        assert again.to_bytes() == content


@given(st.integers(-1000 * 256, 1000 * 256), st.sampled_from(["0.01", "0.1", "0.25", "0.5", "1", "5"]))
def test_a_score_is_shown_rounded_half_up(score, rounding):
    step = Decimal(rounding)
    steps = (Decimal(score) / 256 / step + Decimal("0.5")).to_integral_value("ROUND_FLOOR")
    assert Decimal(Scale("s", -1000, 1000, float(rounding)).words(score)) == steps * step


def test_digits_shown_are_those_of_the_rounding():
    assert [Scale("s", 0, 180, r).words(int(87.126 * 256)) for r in (0.01, 0.1, 0.5, 1, 5)] == [
        "87.13",
        "87.1",
        "87.0",
        "87",
        "85",
    ]
    assert Scale("s", -9, 9, 0.1).words(-20) == "-0.1"
    assert Scale("s", -9, 9, 0.1).words(-1) == "0.0"


def test_degrees_are_named_by_what_is_shown():
    gourmet = SCALES["agtron-gourmet"]
    said = [gourmet.degree(round(v * 256)) for v in (150, 108, 107.96, 107.9, 93, 64, 23, 22.9, 0)]
    assert said == [
        "Very Light",
        "Very Light",
        "Very Light",
        "Light",
        "Light",
        "Medium",
        "Very Dark",
        None,
        None,
    ]
    assert SCALES["tonino"].degree(100 * 256) is None


@given(shown(), st.integers(-200 * 256, 400 * 256))
def test_half_widths_are_straight_lines_between_knots(s, score):
    if not len(s.knots):
        assert s.half(score) is None
        return
    at, width = s.knots.T
    assert abs(int(s.half(score)) - np.interp(score, at, width)) <= 1
    assert s.half(at).tolist() == width.tolist()


def test_knots_that_no_board_can_use():
    for knots in ([(5, 1), (5, 2)], [(5, -1)], [(0, 0), (180 * 256, 180 * 256)], [(k, 1) for k in range(17)]):
        with pytest.raises(QuantizeError):
            Shown(scale.DEFAULT, knots)


def test_scales_by_name_and_custom():
    assert scale.parse("Agtron Gourmet") is SCALES["agtron-gourmet"]
    assert scale.parse("tonino").span == (0, 200)
    assert scale.parse("0:180") == Scale("0-180", 0, 180, 0.1)
    assert scale.parse("-5:99.5:0.5") == Scale("-5-99.5", -5, 99.5, 0.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "0",
        "0:",
        "180:0",
        "5:5",
        "0:1001",
        "nan:5",
        "0:180:0",
        "0:180:0.001",
        "0:1:1:1",
        "0:1e3",
        "0:180:-1",
    ],
)
def test_a_scale_that_is_none(text):
    with pytest.raises(UsageError, match=r"^--scale "):
        scale.parse(text)
