"""Markup that data cannot break, scales and ticks."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.report import svg
from canbean.report.markup import Markup, element, escape, join
from canbean.report.page import page, section, table

HOSTILE = "<script>alert(1)</script>\"'&\x00\x1b]]>"


@given(st.text(st.characters(codec=None), max_size=40), st.text(st.characters(codec=None), max_size=40))
def test_any_text_is_well_formed(content, attribute):
    made = element("p", content, title=attribute)
    parsed = ET.fromstring(made)
    assert not list(parsed)
    assert made.encode("utf-8")


def test_markup_stays_and_text_is_escaped():
    inner = element("b", "a < b")
    assert element("p", inner, "c & d", class_="x", data_n=1.50, hidden=None) == (
        '<p class="x" data-n="1.5"><b>a &lt; b</b>c &amp; d</p>'
    )
    assert isinstance(join(inner, HOSTILE), Markup)
    assert "<script" not in join(inner, HOSTILE)
    assert escape(escape("<")) == "&lt;"


def test_a_section_of_plain_text_is_refused():
    with pytest.raises(TypeError, match="a section is made by"):
        page("x", ["<b>by hand</b>"])


def test_headings_and_cells_are_escaped_and_rows_counted():
    made = section(HOSTILE, table([HOSTILE, "b"], [(HOSTILE, 1), ("x", 2)], chosen=1), simulated=True)
    root = ET.fromstring(made)
    assert len(root.findall(".//tbody/tr")) == 2
    assert [row.get("class") for row in root.findall(".//tbody/tr")] == [None, "chosen"]
    assert root.find(".//script") is None
    assert root.find(".//th").text.startswith("<script>")
    assert root.find(".//h2/span").text == "simulated data"
    assert "simulated" not in section("x", simulated=False)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 12))
def test_ticks_are_within_the_scale_and_about_as_many_as_asked(low, extent, count):
    scale = svg.Scale(low, low + extent, 0, 100)
    if not scale.high - scale.low > 1e-6 * max(abs(low), 1):
        return
    ticks = scale.ticks(count)
    slack = extent * 1e-6
    assert 0 < len(ticks) <= count + 2
    assert all(low - slack <= t <= low + extent + slack for t in ticks)
    assert ticks == sorted(ticks)


def test_ticks_are_round():
    assert svg.Scale(0, 100, 0, 1).ticks(5) == [0, 20, 40, 60, 80, 100]
    assert svg.Scale(-7, 7, 0, 1).ticks(6) == [-5, 0, 5]
    assert svg.Scale(3, 3, 0, 10).ticks() == [3]
    assert svg.Scale(3, 3, 0, 10)(3) == 5
    assert svg.Scale(0, 10, 100, 0)(2.5) == 75
    assert [svg.tick_text(v) for v in (0.0, -0.0, 1500, -2.5, 0.30000000000000004)] == [
        "0", "0", "1,500", "\u22122.5", "0.3",
    ]  # fmt: skip


def test_steps_hold_from_edge_to_edge():
    x, y = svg.Scale(0, 2, 0, 20), svg.Scale(0, 10, 100, 0)
    root = ET.fromstring(f"<g>{svg.step_line([0, 1, 2], [5, 10], x, y)}</g>")
    area, step = root
    assert step.get("d") == "M0.0 50.0V50.0H10.0V0.0H20.0"
    assert area.get("d") == "M0.0 100.0L0.0 50.0V50.0H10.0V0.0H20.0V100.0Z"
    assert not svg.step_line([], [], x, y)
