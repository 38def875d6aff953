"""The page of a learned bus: every id, every bit by kind, without colours too, loading nothing."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from canbean.can import database, simulate
from canbean.detect.fields import Field, learn_fields
from canbean.detect.kinds import KINDS
from canbean.detect.named import learn_named
from canbean.detect.rhythm import rhythms
from canbean.report.fingerprint import (
    COLOURS,
    LETTERS,
    MEANINGS,
    PAGED,
    bit_kinds,
    fingerprint_section,
    place_words,
    strip,
    words,
)  # fmt: skip
from canbean.report.page import page
from field_cases import frames_of, put

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert('x')</script>&\"\x00"
CALIBRATION = {"clean_s": 60.0, "threshold_bits": 24.7}


@pytest.fixture(scope="module")
def drive():
    return simulate.drive(30, 2)


@pytest.fixture(scope="module")
def fields(drive):
    return learn_fields(drive)


def made(fields, frames, *, title="Car", simulated=True):
    return page("x", [fingerprint_section(fields, rhythms(frames), CALIBRATION, title, simulated=simulated)])


def tree(text):
    return ET.fromstring(text.split("\n", 1)[1])


def test_every_id_has_its_facts_its_strip_and_its_fields(drive, fields):
    root = tree(made(fields, drive))
    rows = root.findall(".//details")
    assert len(rows) == len(fields) == len(rhythms(drive))
    for row, one in zip(rows, fields, strict=True):
        summary = row.find("summary")
        told = "".join(summary.itertext())
        assert f"{one.key:03X}" in told
        assert f"{one.frames:,} frame" in told
        assert f"{one.length} bytes" in told
        assert len(summary.findall(f".//{SVG}rect")) == 8 * one.length
        shown = [f for f in one.fields if f.kind != "constant"]
        assert len(row.findall(".//tbody/tr")) == len(shown)
    assert "simulated data" in "".join(root.itertext())
    assert "simulated data" not in made(fields, drive, simulated=False)


def test_kinds_are_told_without_colour(fields):
    assert set(LETTERS) == {*KINDS, PAGED} == set(MEANINGS)
    assert len(set(LETTERS.values())) == len(LETTERS)
    assert len(set(COLOURS.values())) == len(COLOURS)
    engine = next(one for one in fields if one.key == 0x0A5)
    root = ET.fromstring(strip(engine))
    letters = [text.text for text in root.findall(f"{SVG}text")]
    kinds, begins = bit_kinds(engine)
    # Byte 0 first, in each byte bit 7 first.
    assert letters == [LETTERS[kinds[8 * byte + bit]] for byte in range(8) for bit in range(7, -1, -1)]
    assert letters[-8:] == ["X"] * 8
    assert letters[48:52] == ["C"] * 4
    assert len(root.findall(f"{SVG}line")) == len(begins)
    assert "CCCC" in root.find(f"{SVG}title").text


def test_the_page_is_whole_escaped_and_loads_nothing(drive, fields):
    hostile = Field(0, 8, "little", "physical", name=HOSTILE, unit=HOSTILE, high=3)
    one = replace(fields[0], name=HOSTILE, notes=(HOSTILE,), fields=(hostile,))
    text = made([one, *fields[1:]], drive, title=HOSTILE)
    root = tree(text)
    assert not list(root.iter("script"))
    assert not [a for node in root.iter() for a in node.attrib if a in {"src", "href", "onclick"}]
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"url\(|@import", text)


def test_pages_of_a_multiplexer_are_listed():
    rng = np.random.default_rng(1)
    data = rng.integers(0, 256, (4000, 8)).astype(np.uint8)
    data[:, 0] = rng.integers(0, 3, 4000)
    for number in range(3):
        data[np.ix_(data[:, 0] == number, [b for b in range(1, 7) if b // 2 != number])] = 0
    data[:, 7] = 0
    fields = learn_fields(frames_of(data))
    kinds, _ = bit_kinds(fields[0])
    assert "multiplexer" in kinds
    assert PAGED in kinds
    text = made(fields, frames_of(data))
    assert '<th class="text">page</th>' in text
    assert "3 pages" in text


def test_fields_in_words():
    count = Field(20, 4, "little", "counter", low=0, high=14, step=1, holds=0.99421, log2_false=-2000)
    assert (
        words(count)
        == "from 0 to 14, up by 1 and around; in 99.42 % of the frames; by chance below 2^\u2212999"
    )
    assert words(replace(count, step=14, holds=1.0, log2_false=-40.4, pauses=0.25)) == (
        "from 0 to 14, down by 1 and around, staying in 25% of the frames; in all frames; by chance below 2^\u221240"
    )
    flag = Field(3, 1, "little", "enumeration", high=1, values=(0, 1))
    assert (words(flag), place_words(flag)) == ("flag: 0, 1", "3")
    many = Field(3, 5, "little", "enumeration", high=30, values=tuple(range(0, 31, 2)))
    assert words(many) == "from 0 to 30"
    speed = Field(19, 12, "big", "physical", True, -100, 300, 2, name="v", unit="m", scale=-0.5, offset=10)
    assert words(speed) == "from -140 to 60 m, typically by 1 m at a time, signed"
    assert place_words(speed) == "12 from 19, Motorola"
    assert place_words(Field(4, 8, "little", "noise")) == "4 to 11, Intel"
    assert place_words(Field(8, 8, "little", "noise")) == "8 to 15"


def test_names_of_a_database_are_shown(drive):
    named = learn_named(drive, database.parse(simulate.dbc_text(), "car.dbc"))
    text = made(named, drive)
    assert "EngineSpeed" in text
    assert "rpm" in text
    assert '<th class="text">name</th>' in text


def test_can_fd_takes_several_rows():
    data = put(np.zeros((300, 64), np.uint8), range(400, 404), np.arange(300) % 16)
    fields = learn_fields(frames_of(data))
    root = ET.fromstring(strip(fields[0]))
    assert len(root.findall(f"{SVG}rect")) == 512
    assert float(root.get("height")) > 8 * 17


def test_it_says_what_the_score_does_not_use(drive, fields):
    text = made(fields, drive)
    assert "Enumerations and kinds of fields do not score by themselves" in text
