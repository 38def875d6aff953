"""Lanes of ids: who gets one, what the picture holds, where the marks are; a page of bounded size."""

import base64
import re
import struct
import xml.etree.ElementTree as ET
import zlib
from collections import Counter

import numpy as np
import pytest

from canbean.can.frames import Frames
from canbean.detect.alerts import KINDS, Alert
from canbean.detect.score import score
from canbean.detect.truth import truth
from canbean.report.can import can_section
from canbean.report.lanes import MOST, PLACES, TALL, chosen, density, lanes, legend, shades
from canbean.report.page import page
from canbean.report.picture import SHADES, data_uri, shades_png

SVG = "{http://www.w3.org/2000/svg}"


def pixels(png):
    """The levels of a picture, as a reader of PNG finds them."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, chunks = 8, {}
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        tag, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(tag + data)
        chunks[tag] = data
        at += 12 + length
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [4, 3, 0, 0, 0]
    assert len(chunks[b"PLTE"]) == 3 * SHADES
    assert (chunks[b"tRNS"][0], len(chunks[b"tRNS"])) == (0, SHADES)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 0).all()
    return np.stack([rows[:, 1:] >> 4, rows[:, 1:] & 15], axis=2).reshape(height, -1)[:, :width]


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (5, 8)])
def test_a_picture_holds_its_shades(shape):
    levels = np.random.default_rng(0).integers(0, SHADES, shape).astype(np.uint8)
    assert (pixels(shades_png(levels)) == levels).all()
    assert base64.b64decode(data_uri(shades_png(levels)).split(",")[1]) == shades_png(levels)


def test_shades_show_what_is_missing_and_what_floods():
    shade = shades(np.array([[10, 10, 0, 10, 40, 4000, 1], [0] * 7]))
    assert shade[0].tolist() == [6, 6, 0, 6, 12, 15, 3]
    assert not shade[1].any()


def test_density_counts_every_frame_once():
    counts = density(np.array([0.0, 0.24, 0.26, 1.0, 1.0]), np.array([0, 0, 0, 0, 1]), 2, 4)
    assert counts.tolist() == [[2, 1, 0, 1], [0, 0, 0, 1]]


def log(seconds=100):
    """Ids 100 and 101 every 100 ms; 101 falls silent in the second half."""
    n = seconds * 10
    t_us = np.repeat(np.arange(n) * 100_000, 2)
    keep = ~((np.arange(2 * n) % 2 == 1) & (t_us > seconds * 500_000))
    return Frames.of(t_us, 0x100 + np.arange(2 * n) % 2, np.zeros((2 * n, 8)))[keep]


def alert(second, key=0x101, kind="timing", incident=1):
    return Alert(round(second * 1e6), key, 0, "f", kind, 200, 160, "a", "b", "low", incident, 0)


def drawn(frames, alerts):
    return ET.fromstring(lanes(frames, alerts, truth(frames)))


def test_lanes_show_silence_and_marks():
    root = drawn(
        log(), [alert(50.1), alert(50.1), alert(99, 0x7FF, "unknown-id"), alert(1, None, "bus-load")]
    )
    titles = [
        text.find(f"{SVG}title").text
        for text in root.iter(f"{SVG}text")
        if text.find(f"{SVG}title") is not None
    ]
    assert titles == ["bus: 1", "101: 2", "7FF: 1", "100: "]
    inner = root.find(f".//{SVG}svg/{SVG}svg")
    far, fine = (image.get("href").split(",")[1] for image in inner.iter(f"{SVG}image"))
    picture = pixels(base64.b64decode(far))
    assert picture.shape == (4, PLACES)
    assert pixels(base64.b64decode(fine)).shape == (4, 8 * PLACES)
    half = PLACES // 2
    assert picture[0, :half].any()
    assert picture[0, half:].any()
    assert picture[1, :half].any()
    assert not picture[1, half + 10 :].any()
    assert picture[3, half:].any()
    assert not picture[2].any()
    marks = {path.get("class"): path for path in inner.iter(f"{SVG}path")}
    place = 820 * 50.1 / 99.9
    ((x, y),) = re.findall(r"M([\d.]+) (\d+)v", marks["mark k2"].get("d"))
    assert float(x) == pytest.approx(place, abs=1 / 16)
    assert int(y) == TALL + 1
    assert marks["mark k2"].find(f"{SVG}title").text == "timing: 2"
    # 8.208 px, to a sixteenth.
    assert marks["mark k10"].get("d").startswith("M8.1875 1v")


def test_those_with_alerts_come_first_then_the_others_by_id():
    frames_of = {5: 10, 3: 100, 4: 1000, 9: 50}
    assert chosen(frames_of, Counter({9: 3, 5: 7})) == [5, 9, 3, 4]


def test_a_fuzzer_does_not_take_the_lanes_of_the_bus():
    known = dict.fromkeys(range(60), 1000)
    fuzzed = dict.fromkeys(range(1000, 2000), 1)
    raised = Counter(dict.fromkeys(fuzzed, 1)) + Counter({7: 3})
    shown = chosen(known | fuzzed, raised)
    assert shown == [7, *(key for key in known if key != 7)]
    # Where there are few ids each has its lane.
    assert chosen({1: 1000, 1000: 1}, Counter({1000: 1})) == [1000, 1]
    many = chosen({key: 10 + key for key in range(300)}, Counter(dict.fromkeys(range(100), 5)))
    assert len(many) == MOST
    assert sum(key < 100 for key in many) == 50


def test_the_others_share_one_lane():
    n = 9000
    frames = Frames.of(np.arange(n) * 10_000, np.arange(n) % 90, np.zeros((n, 8)))
    root = drawn(frames, [alert(1, key) for key in range(90)])
    text = "".join(root.itertext())
    assert f"{90 - MOST} other ids" in text


def test_every_kind_has_its_own_mark_without_colour():
    root = ET.fromstring(legend(KINDS))
    paths = [path.get("stroke-dasharray") for path in root.iter(f"{SVG}path")]
    assert len(set(paths)) == len(KINDS)


def test_a_large_log_makes_a_page_of_bounded_size():
    rng = np.random.default_rng(0)
    n, a = 200_000, 20_000
    t_us = np.sort(rng.integers(0, 1_000_000_000, n))
    frames = Frames.of(t_us, rng.integers(0, 300, n), rng.integers(0, 256, (n, 8)))
    at = np.sort(rng.integers(0, n, a)).tolist()
    alerts = [
        alert(int(t_us[k]) / 1e6, int(frames.id[k]), KINDS[j % 11], int(t_us[k]) // 12_000_000 + 1)
        for j, k in enumerate(at)
    ]
    few = score(frames, alerts[:1])
    text = page("x", [can_section(frames, alerts, few, "x", simulated=True)])
    assert len(text) < 1_500_000
    assert text.count('class="incident"') == 40
