"""The page of a curve: every length, every attack, what was left out, what was not measured."""

import copy
import math
import re
import xml.etree.ElementTree as ET

import pytest

from canbean.report.curve import HIGH, LEFT, RIGHT, TALL, TOP, WIDTH, curve_section
from canbean.report.page import page

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('x')</script>&\"\x00"


def point(minutes, upper, recall):
    attack = {"events": 15, "detected": 9, "recall": recall, "skill": recall - 0.1}
    return {
        "minutes": minutes, "threshold_bits": 20.0, "shown_per_hour_upper95": 3.0,
        "false_alerts": 2, "false_alerts_per_hour": upper / 2, "false_alerts_per_hour_upper95": upper,
        "false_episodes": 1, "false_episodes_per_hour": 1.0, "false_episodes_per_hour_upper95": upper,
        "attacks": {"spoof": attack, "flood": {**attack, "skill": None}},
    }  # fmt: skip


RESULT = {
    "data": "simulated", "attacks_from": "injected", "budget_per_hour": 1.0, "held_out_s": 300.0, "held_out_from_s": 60.0,
    "left_out": [{"minutes": 10.0, "reason": "leaves less than 60 s"}], "same_drive": [],
    "points": [point(0.5, 40.0, 0.5), point(1.0, 20.0, 0.75), point(4.0, 10.0, 1.0)],
}  # fmt: skip


def made(result, title="clean.csv"):
    return page("x", [curve_section(result, title)])


def tree(text):
    return ET.fromstring(text.split("\n", 1)[1])


def test_points_stand_where_they_were_measured():
    root = tree(made(RESULT))
    alarms, recalls = (svg for svg in root.iter(f"{SVG}svg"))
    dots = next(group for group in alarms.iter(f"{SVG}g") if group.get("class") == "dots")
    left, right, floor = LEFT + 20 + 12, WIDTH - RIGHT - 12, TOP + TALL
    for circle, (minutes, rate) in zip(dots, [(0.5, 20), (1, 10), (4, 5)], strict=True):
        assert float(circle.get("cx")) == pytest.approx(
            left + (right - left) * math.log2(minutes / 0.5) / 3, abs=0.01
        )
        assert float(circle.get("cy")) == pytest.approx(floor - TALL * rate / (40 * 1.08), abs=0.01)
    groups = [group for group in recalls.iter(f"{SVG}g") if group.get("class") == "dots"]
    assert [len(group) for group in groups] == [3, 3]
    heights = [float(circle.get("cy")) for circle in groups[0]]
    assert heights == pytest.approx([TOP + HIGH * (1 - recall) for recall in (0.5, 0.75, 1)], abs=0.01)
    diamonds = [
        path.get("d").count("M") for path in recalls.iter(f"{SVG}path") if path.get("class") == "read"
    ]
    # Skill was not measured for the flood.
    assert diamonds == [3, 0]


def test_tables_have_every_length_and_every_attack():
    text = made(RESULT)
    root = tree(text)
    rows = [
        ["".join(cell.itertext()) for cell in row] for row in root.iter("tr") if row.find("td") is not None
    ]
    assert rows[0] == ["0.5", "20.00", "2", "20.0", "40.0", "1", "40.0"]
    assert rows[3] == ["spoof", "15", "0.500", "0.400", "0.750", "0.650", "1.000", "0.900"]
    assert rows[4][3] == "\u2013"
    assert rows[5] == ["10 min", "leaves less than 60 s"]
    assert "simulated data" in text
    assert "that was learned" not in text


def test_what_was_not_measured():
    result = copy.deepcopy(RESULT)
    result |= {"data": "recorded", "attacks_from": "labelled", "left_out": [], "same_drive": [0]}
    for one in result["points"]:
        one["false_alerts_per_hour"] = one["false_alerts_per_hour_upper95"] = None
    del result["points"][0]["attacks"]["spoof"]
    text = made(result)
    tree(text)
    assert "Too little was held out for a rate." in text
    assert "that was learned" in text
    assert "simulated" not in text
    for one in result["points"]:
        one["attacks"] = {}
    assert "<h3>Recall</h3>" not in made(result)
    tree(made({**result, "points": result["points"][:1]}))


def test_hostile_names():
    result = copy.deepcopy(RESULT)
    for one in result["points"]:
        one["attacks"] = {HOSTILE: one["attacks"]["spoof"]}
    result["left_out"][0]["reason"] = HOSTILE
    text = made(result, HOSTILE)
    tree(text)
    assert "<script" not in text
    assert set(re.findall(r"[a-z]+://[^\"'\s<]*", text)) == {"http://www.w3.org/2000/svg"}
