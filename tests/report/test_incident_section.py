"""Incidents on the page: the worst first, their evidence true to the frames, none missing without a word."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from bus_cases import fingerprint as some_fingerprint
from canbean.can.frames import Frames
from canbean.detect.alerts import Alert
from canbean.detect.fingerprint import FOREVER_US
from canbean.detect.incidents import incidents
from canbean.detect.score import score
from canbean.report.can import can_section
from canbean.report.incidents import incident_list, incident_table, milliseconds
from canbean.report.known import bits, known, ranges
from canbean.report.page import page
from canbean.report.timeline import HEIGHTS, bands

SVG = "{http://www.w3.org/2000/svg}"
BEGIN = 1_600_000_000_000_000


def log(n=1000, ids=2, **columns):
    """A frame each 10 ms, of the ids in turn; byte 3 counts."""
    data = np.zeros((n, 8), np.uint8)
    data[:, 3] = np.arange(n) // ids % 256
    return Frames.of(BEGIN + np.arange(n) * 10_000, 0x100 + np.arange(n) % ids, data, **columns)


def alert(frame, *, incident=1, key=0x100, kind="timing", severity="high", words=("2 gaps", "7 us")):
    return Alert(BEGIN + frame * 10_000, key, 0, "fingerprint", kind, 480, 160, *words, severity, incident, 0)


def parsed(parts):
    return ET.fromstring(f"<div>{''.join(parts)}</div>")


def shown(frames, alerts):
    found = incidents(alerts, int(frames.t_us.max()))
    return parsed(incident_list(frames, found, None, BEGIN, "i"))


def lines(table):
    return [["".join(cell.itertext()) for cell in row] for row in table.findall("tbody/tr")]


def test_the_frames_of_the_id_stand_around_the_alert():
    root = shown(log(), [alert(200)])
    (table,) = root.findall(".//table[thead]")[-1:]
    rows = lines(table)
    assert rows[0] == ["84 more before"]
    assert rows[-1] == ["383 more after"]
    assert len(rows) == 33 + 2
    assert rows[17] == ["\u25b6 0.000", "20.000", "00 00 00 64 00 00 00 00"]
    assert rows[16] == ["\u221220.000", "20.000", "00 00 00 63 00 00 00 00"]
    assert rows[18][0] == "+20.000"
    about = [row for row in table.findall("tbody/tr") if row.get("class") == "about"]
    assert len(about) == 1
    # Only the byte that counts is bold.
    assert [bold.text for bold in table.findall(".//b")] == [f"{n:02X}" for n in range(84, 117)]
    text = "".join(root.itertext())
    assert "expected 2 gaps" in text
    assert "seen 7 us" in text


def test_the_ends_of_the_log_cut_and_an_absent_frame_is_said():
    root = shown(log(n=20), [alert(4), alert(19, kind="missing"), alert(9, key=0x7FF)])
    early, nothing, late = (lines(table) for table in root.findall(".//div[@class='evidence']/div/table"))
    assert early[0] == ["the log has no more before"]
    assert early[1][1] == "\u2013"
    assert early[-1] == ["the log has no more after"]
    assert late[-2] == ["\u25b6 the alert: no frame of it"]
    assert nothing == [
        ["the log has no more before"],
        ["\u25b6 the alert: no frame of it"],
        ["the log has no more after"],
    ]


def test_an_alert_about_the_bus_shows_all_ids():
    root = shown(log(), [alert(200, key=None, kind="bus-load")])
    rows = lines(root.find(".//div[@class='evidence']/div/table"))
    assert [row[2] for row in rows[1:4]] == ["100", "101", "100"]
    assert [row[1] for row in rows[1:4]] == ["20.000"] * 3
    assert "bus bus-load" in "".join(root.itertext())


def test_hypotheses_have_identifiers_and_confidence():
    root = shown(log(), [alert(200), alert(210, kind="payload")])
    rows = [row for row in lines(root.find(".//table")) if row]
    assert rows[0] == ["fabrication", "75 % 75 %", "ATM-T0071", "T0855", "T1692.001", "11.1"]
    assert [row[0] for row in rows] == ["fabrication", "replay", "masquerade", "flood"]
    assert [meter.get("value") for meter in root.iter("meter")] == ["75", "30", "20", "10"]
    unknown = shown(log(), [alert(200, kind="odd")])
    assert "not known" in "".join(unknown.itertext())


def test_only_the_first_alerts_are_shown_and_the_others_counted():
    root = shown(log(), [alert(200 + n) for n in range(25)])
    assert len(root.findall(".//div[@class='evidence']/div")) == 3
    text = "".join(root.itertext())
    assert "3 of 25 alerts, the first of each kind and the first of all; 22 more are not shown." in text
    mixed = [alert(200 + n, kind="dlc" if n == 20 else "payload" if n == 9 else "timing") for n in range(25)]
    heads = [head.text for head in shown(log(), mixed).iter("h4")]
    assert heads == ["100 timing", "100 payload", "100 dlc"]


def test_the_worst_is_unfolded_and_the_table_leads_to_each():
    alerts = [
        alert(100, incident=1, severity="low"),
        alert(300, incident=2, severity="high"),
        alert(500, incident=3, severity="medium"),
    ]
    frames = log()
    found = incidents(alerts, int(frames.t_us.max()))
    details = parsed(incident_list(frames, found, None, BEGIN, "i")).findall("details")
    assert [node.get("open") for node in details] == [None, "open", None]
    assert [node.get("data-from") for node in details] == ["1.000000", "3.000000", "5.000000"]
    table = parsed([incident_table(found, BEGIN, "i")])
    assert [link.get("href")[1:] for link in table.iter("a")] == ["i-2", "i-3", "i-1"]
    assert {node.get("id") for node in details} == {"i-1", "i-2", "i-3"}
    rows = list(lines(table.find(".//table")))
    assert [row[0] for row in rows] == ["\u25b2 high", "\u25c6 medium", "\u25cf low"]
    assert rows[0][2:5] == ["3.000", "3.000", "13.000"]
    assert rows[2][4] == "11.000"


def test_many_incidents_are_counted():
    alerts = [alert(3 * n, incident=n + 1, severity="low" if n % 2 else "high") for n in range(100)]
    frames = log()
    found = incidents(alerts, int(frames.t_us.max()))
    root = parsed(incident_list(frames, found, None, BEGIN, "i"))
    assert len(root.findall("details")) == 40
    assert "60 less severe incidents are not shown." in "".join(root.itertext())
    table = parsed([incident_table(found, BEGIN, "i")])
    assert len(lines(table.find(".//table"))) == 10
    assert "The 10 most severe of 100 incidents." in "".join(table.itertext())


def test_a_band_is_as_tall_as_its_severity_and_as_wide_as_it_lasts():
    alerts = [
        alert(100, incident=1, severity="low"),
        alert(200, incident=1, severity="low"),
        alert(500, incident=2, severity="high"),
        alert(700, incident=3, severity="odd"),
    ]
    groups = [
        part
        for part in bands(incidents(alerts, BEGIN), lambda t: (t - BEGIN) / 1e4, 0)
        if part.startswith("<g")
    ]
    rects = {ET.fromstring(group).get("class"): ET.fromstring(group)[0] for group in groups}
    assert set(rects) == {"other", "s0", "s2"}
    assert [float(rects[name].get("height")) for name in ("other", "s0", "s2")] == [
        HEIGHTS[0],
        HEIGHTS[0],
        HEIGHTS[2],
    ]
    assert (float(rects["s0"].get("x")), float(rects["s0"].get("width"))) == (100, 100)
    assert float(rects["s2"].get("width")) == 3


def test_milliseconds():
    assert [milliseconds(us, signed=True) for us in (0, 5, -1234, 1_234_567)] == [
        "0.000", "+0.005", "\u22121.234", "+1,234.567",
    ]  # fmt: skip
    assert milliseconds(1500) == "1.500"


@pytest.mark.parametrize("seed", range(5))
def test_what_the_model_knows_is_what_its_tables_say(seed):
    of = some_fingerprint(np.random.default_rng(seed))
    root = ET.fromstring(known(of))
    rows, codes = lines(root.find(".//table")), list(root.iter("code"))
    assert len(rows) == len(of)
    for n, row in enumerate(rows):
        strip, byte_ranges = ["".join(code.itertext()) for code in codes[2 * n : 2 * n + 2]]
        at = {9 * k: byte_ranges[9 * k : 9 * k + 8].strip() for k in range(8)}
        strip = strip.replace(" ", "")
        fixed = np.unpackbits(of.mask[n])[: len(strip)]
        value = np.unpackbits(of.low[n])[: len(strip)]
        assert strip == "".join(str(v) if f else "\u00b7" for f, v in zip(fixed, value, strict=True))
        assert (row[3] == "\u2013") is bool(of.timeout_us[n] >= FOREVER_US)
        for k in range(len(strip) // 8):
            low, high = of.low[n, k], of.high[n, k]
            assert at[9 * k] == (f"{low:02X}..{high:02X}" if low != high else "")
    assert len(bits(of, 0, 0)) < 20
    assert ranges(of, 0, 0) == ""


def test_the_section_shows_the_model_where_it_is_given():
    frames = log()
    outcome = score(frames, [])
    of = some_fingerprint(np.random.default_rng(1))
    with_model, without = (
        page("x", [can_section(frames, [], outcome, "x", simulated=False, fingerprint=given)])
        for given in (of, None)
    )
    assert "What the model knows" in with_model
    assert "What the model knows" not in without
