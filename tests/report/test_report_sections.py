"""The sections of a drive and of a roast meter: what they count, what they say, what they load (nothing)."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from canbean.can.events import Event
from canbean.can.frames import Frames
from canbean.detect.alerts import KINDS, Alert
from canbean.detect.score import score
from canbean.report.can import can_section
from canbean.report.page import page
from canbean.report.roast import roast_section
from canbean.report.timeline import frames_per_second
from canbean.report.zoom import SCRIPT

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('x')</script>&\"\x00"
START = 1_600_000_000_000_000


def drive(seconds=120, label="spoof", attacks=((20, 21), (40, 45))):
    """100 frames/s, and attack frames every 20 ms in the given seconds."""
    clean = np.arange(0, seconds * 1_000_000, 10_000)
    attack = np.concatenate([[], *[np.arange(a * 1_000_000, b * 1_000_000, 20_000) for a, b in attacks]])
    t = np.r_[clean, attack].astype(np.int64)
    n = len(t)
    marked = (np.arange(n) >= len(clean)).astype(np.int16)
    return Frames(
        t_us=t + START,
        id=np.where(marked, 0x200, 0x100).astype(np.uint32),
        ext=np.zeros(n, bool),
        flags=np.zeros(n, np.uint8),
        dlc=np.full(n, 8, np.uint8),
        data=np.zeros((n, 8), np.uint8),
        bus=np.zeros(n, np.uint8),
        label=marked,
        labels=("", label),
    )


def alert(second, kind="timing", key=0x200, words=("period 10.0 ms", "gap 2.0 ms")):
    return Alert(START + round(second * 1e6), key, 0, "fingerprint", kind, 200, 160, *words, "high", 1, 0)


def made(frames, alerts, *, events=None, title="Drive", simulated=True):
    outcome = score(frames, alerts, events=events)
    return page("Report", [can_section(frames, alerts, outcome, title, simulated=simulated, events=events)])


def tree(text):
    """The whole page as XML: it is well formed from end to end."""
    assert text.startswith("<!DOCTYPE html>\n")
    return ET.fromstring(text.split("\n", 1)[1])


def marks(root):
    """The lanes of the timeline, which is the first drawing."""
    return [
        path
        for path in next(root.iter(f"{SVG}svg")).iter(f"{SVG}path")
        if (path.get("class") or "").startswith("mark")
    ]


def test_the_timeline_has_every_event_and_every_alert():
    alerts = [alert(20.5), alert(41), alert(42.5), alert(60, "dlc"), alert(61, "odd-kind", None)]
    rows = [Event("suspension", START + 80_000_000, START + 90_000_000, (0x100,), frames=False)]
    text = made(drive(), alerts, events=rows)
    root = tree(text)
    shades = [group for group in root.iter(f"{SVG}g") if group.get("class") == "shade"]
    # In the timeline, and behind the lanes of ids.
    assert [len(group.findall(f"{SVG}rect")) for group in shades] == [3, 3]
    attacks = [group for group in root.iter(f"{SVG}g") if group.get("class") == "attack"]
    assert [len(group.findall(f"{SVG}rect")) for group in attacks] == [2, 1]
    lanes = marks(root)
    # One lane a kind, in the order of KINDS, those it does not know last.
    assert [path.find(f"{SVG}title").text for path in lanes] == [
        "dlc: 1",
        "timing: 3",
        "odd-kind: 1",
    ]
    assert sum(path.get("d").count("M") for path in lanes) == len(alerts)
    assert len({path.get("class") for path in lanes}) == 3
    assert "3 events, 1 incidents and 5 alerts" in text


def test_marks_stand_where_the_alerts_are():
    root = tree(made(drive(seconds=100), [alert(0), alert(50)]))
    path = marks(root)[0]
    first, second = (float(x) for x in re.findall(r"M([\d.]+)", path.get("d")))
    left, right = 176, 1010 - 14
    assert first == pytest.approx(left, abs=0.26)
    # The last frame is at 99.99 s.
    assert second == pytest.approx(left + (right - left) * 50 / 99.99, abs=0.26)


def test_an_alert_after_the_last_frame_has_room_and_one_far_away_stands_at_the_edge():
    # The axis ends at 101 s, or 2 % and a second beyond the last frame at the most.
    for second, share in ((101.0, 1), (99.99, 99.99 / 101), (10_000, 1), (-10_000, 0)):
        root = tree(made(drive(seconds=100), [alert(101, "missing"), alert(second)]))
        path = marks(root)[0]
        assert path.find(f"{SVG}title").text.startswith("timing")
        assert float(re.findall(r"M([\d.]+)", path.get("d"))[0]) == pytest.approx(176 + 820 * share, abs=0.26)


def test_a_page_stays_small_however_many_alerts():
    few = made(drive(), [alert(0.06 * n) for n in range(2000)])
    many = made(drive(), [alert(0.006 * n) for n in range(20000)])
    # A mark a sixteenth of a px of the one lane at the most.
    assert len(many) < len(few) + 16 * 820 * 15


def own_scripts(text):
    """How many scripts there are; none that is not ours."""
    assert text.count("<script") == text.count(f"<script>{SCRIPT}</script>")
    return text.count("<script")


def test_hostile_text_stays_text():
    frames = drive(label=HOSTILE)
    alerts = [
        replace(alert(20.5, words=(HOSTILE, HOSTILE)), detector=HOSTILE, kind=HOSTILE, severity=HOSTILE)
    ]
    text = made(frames, alerts, title=HOSTILE)
    assert own_scripts(text) == 1
    root = tree(text)
    assert sum("<script>" in (node.text or "") for node in root.iter()) >= 8


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_data_is_called_so(simulated):
    assert ("simulated data" in made(drive(), [], simulated=simulated)) is simulated
    assert ("simulated data" in meter(simulated=simulated)) is simulated


def test_nothing_is_loaded_from_anywhere():
    for text in (made(drive(), [alert(20.5)]), meter()):
        assert set(re.findall(r"[a-z]+://[^\"'\s<]*", text)) == {"http://www.w3.org/2000/svg"}
        without = text.replace(SCRIPT, "")
        assert not re.search(r"<(link|img|iframe|object|embed)|\bsrc=|@import|url\(", without)
        assert all(
            re.match("#|data:image/png;base64,", href) for href in re.findall(r'\bhref="([^"]*)', without)
        )
    assert not re.search(r"fetch|XMLHttp|import|eval|innerHTML|document\.write|localStorage|<|&", SCRIPT)


def test_a_log_without_attacks_or_alerts_or_frames():
    quiet = made(drive(attacks=()), [])
    tree(quiet)
    assert "None: no alert was raised." in quiet
    assert "No attack is labelled" in quiet
    assert "no alerts" in quiet
    assert "<h3>Attacks</h3>" not in quiet
    assert "95 % upper bound" in quiet
    empty = made(Frames.empty(), [alert(1)])
    tree(empty)
    assert "The log has no frames." in empty
    tree(made(drive().between(0, 0.001), [alert(500)]))


def test_false_alarms_stand_with_their_bound():
    frames = drive(seconds=3600, attacks=())
    root = tree(made(frames, [alert(100), alert(2000)]))
    rows = [[cell.text for cell in row] for row in root.iter("tr") if len(row.findall("td")) == 4]
    assert rows == [["false alerts", "2", "2.00", "6.30"], ["false episodes", "2", "2.00", "6.30"]]


def test_every_kind_has_its_colour():
    alerts = [alert(n + 1, kind) for n, kind in enumerate(KINDS)]
    root = tree(made(drive(), alerts))
    assert len({path.get("class") for path in marks(root)}) == len(KINDS)
    # And without colour: no two of them are broken alike in the lanes of ids.
    lanes = [path for path in root.iter(f"{SVG}path") if (path.get("class") or "").startswith("mark")][
        -len(KINDS) :
    ]
    assert len({path.get("stroke-dasharray") for path in lanes}) == len(KINDS)


@pytest.mark.parametrize("seconds", [1, 59.97, 60.01, 60.05, 100, 601, 1234.5])
def test_frames_per_second_do_not_drop_at_the_end(seconds):
    frames = drive(seconds=1300, attacks=()).between(0, seconds)
    edges, rates = frames_per_second(frames)
    assert len(edges) == len(rates) + 1 <= 601
    assert (np.diff(edges) > 0).all()
    np.testing.assert_allclose((rates * np.diff(edges)).sum(), len(frames))
    np.testing.assert_allclose(rates, 100, rtol=0.04)


FIT = {
    "pairs": 30, "groups": 10, "scale": [0, 180], "chosen": "ridge",
    "models": {
        name: {"rmse": 1.5, "mae": 1.1, "p95": 3.0, "max": 4.5, "within_tolerance": 1.0, "bytes": 1234,
               "board_ms": None if name == "knn" else 2.5, "board_ms_source": "estimated"}
        for name in ("knn", "ridge")
    },
    "selected": {"rmse": 1.6, "p95": 3.1, "max": 4.6, "coverage90": 0.9},
    "agreement": {"bias": -0.12, "limits": [-3.4, 3.1], "slope": 0.987, "slope_se": 0.012, "intercept": None,
                  "intercept_se": None, "reference_noise": None, "source": "Deming 1943"},
}  # fmt: skip
CUPS = [("cup 1", 80.0, 82.5), ("cup 2", 90.0, 84.0)]


def meter(*, simulated=True, fit=FIT, cups=CUPS):
    reference = np.linspace(20, 170, 30)
    predicted = reference + np.sin(reference)
    return page(
        "Roast", [roast_section(fit, reference.tolist(), predicted.tolist(), cups, simulated=simulated)]
    )


def test_the_meters_plot_has_every_pair_twice_and_its_cups():
    root = tree(meter())
    dots = [group for group in root.iter(f"{SVG}g") if group.get("class") == "dots"]
    assert [len(group.findall(f"{SVG}circle")) for group in dots] == [30, 30, 1]
    read = [path for path in root.iter(f"{SVG}path") if path.get("class") == "read"]
    assert [path.get("d").count("M") for path in read] == [2, 2, 1]


def test_the_meters_agreement_is_a_table_of_its_own():
    text = meter()
    for words in ("Deming slope", "0.987 \u00b1 0.012", "\u22123.4 to +3.1", "Deming 1943"):
        assert words in text
    assert "Deming" not in meter(fit={k: v for k, v in FIT.items() if k != "agreement"})


def test_dots_lie_in_the_square():
    root = tree(meter())
    dots, errors, _ = (group for group in root.iter(f"{SVG}g") if group.get("class") == "dots")
    # 20 on a scale of 0 to 180, in the square from 52 to 472 across and from 454 up.
    assert float(dots[0].get("cx")) == pytest.approx(52 + 420 * 20 / 180, abs=0.01)
    assert float(dots[0].get("cy")) == pytest.approx(454 - 420 * (20 + np.sin(20)) / 180, abs=0.01)
    assert float(errors[0].get("cx")) == pytest.approx(564 + 420 * 20 / 180, abs=0.01)
    # The error's axis reaches 1.6 tolerances, or just beyond the largest error: 8, in 210 px either way from 244.
    assert float(errors[0].get("cy")) == pytest.approx(244 - 210 * np.sin(20) / 8, abs=0.01)


def test_tables_of_models_and_cups():
    text = meter()
    root = tree(text)
    models = [row for row in root.iter("tr") if len(row.findall("td")) == 9]
    assert [row.get("class") for row in models] == [None, "chosen"]
    assert models[1][0].text == "ridge (chosen)"
    assert models[0][8].text == "\u2013 ms (estimated)"
    cups = [[cell.text for cell in row] for row in root.iter("tr") if len(row.findall("td")) == 4]
    assert cups == [["cup 1", "80.0", "82.5", "+2.5"], ["cup 2", "90.0", "84.0", "\u22126.0"]]
    assert "1 of 2 within \u00b15." in text
    assert "Cups read" not in meter(cups=None)


def test_hostile_models_and_cups():
    fit = {**FIT, "models": {HOSTILE: FIT["models"]["ridge"]}, "chosen": HOSTILE}
    text = meter(fit=fit, cups=[(HOSTILE, 1.0, 2.0)])
    assert "<script" not in text
    tree(text)
