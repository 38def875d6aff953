"""The clocks of a bus on its page: skew and sender in an id's row, a row a sender."""

import xml.etree.ElementTree as ET

import pytest

from canbean.can import simulate
from canbean.detect.clocks import Clock, Clocks, clocks
from canbean.detect.rhythm import rhythms
from canbean.report.fingerprint import fingerprint_section
from canbean.report.page import page, section
from canbean.report.senders import clock_words, senders


@pytest.fixture(scope="module")
def drive():
    return simulate.drive(60, 2)


def test_words_of_a_clock():
    assert clock_words(Clock(0x0A5, 10_000.62, 62.04, 0.31, 0, 0.99)) == "+62.0 \u00b1 0.3 ppm, sender 1"
    assert clock_words(Clock(0x0A5, 9998.0, -200.0, 11.0, 3, 0.2)) == "\u2212200.0 \u00b1 11.0 ppm, sender 4?"


def test_every_id_with_a_clock_has_skew_and_sender_and_every_sender_a_row(drive):
    found = clocks(drive)
    calibration = {"clean_s": 60.0, "threshold_bits": 24.7}
    made = page(
        "x", [fingerprint_section([], rhythms(drive), calibration, "Car", simulated=True, clocks=found)]
    )
    root = ET.fromstring(made.split("\n", 1)[1])
    rows = {"".join(row.find("b").itertext()): row for row in root.findall(".//div[@class='id']")}
    assert len(rows) == len(rhythms(drive))
    for key, one in found.clocks.items():
        assert clock_words(one) in "".join(rows[f"{key:03X}"].itertext())
    assert sum("ppm, sender" in "".join(row.itertext()) for row in rows.values()) == len(found.clocks)
    groups = root.findall(".//tbody/tr")
    assert len(groups) == len({one.group for one in found.clocks.values()}) == 8
    listed = {word for row in groups for word in "".join(row.findall("td")[-1].itertext()).split()}
    assert listed == {f"{key:03X}" for key in found.clocks}


def test_a_bus_without_clocks_has_no_table():
    made = page("x", [section("t", *senders(Clocks({}, (1, 2))), simulated=True)])
    assert "<table" not in made
    assert "2 periodic ids left out" in made
