"""The enclosure: rendered where OpenSCAD is, whole, printable, and with the sensor where the host says it is."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from canbean.errors import FileError, UsageError
from canbean.roast.enclosure import DISTANCE_MM, PARTS, render
from canbean_run import canbean, failed

SOURCE = Path(__file__).parents[2] / "firmware" / "enclosure" / "roast_meter.scad"
needs_openscad = pytest.mark.skipif(shutil.which("openscad") is None, reason="openscad is not installed")

BED_MM = (180, 180, 180)
"""Of the smallest printers in common use."""
WALL_MM = 1.2
LEANS = np.sin(np.radians(45)) + 1e-3
"""A face that looks down more than this needs supports."""


def facets(path):
    """Corners of an ASCII STL's facets, (n, 3, 3), in mm."""
    numbers = re.findall(r"vertex\s+(\S+)\s+(\S+)\s+(\S+)", path.read_text())
    return np.array(numbers, float).reshape(-1, 3, 3)


def normals(corners):
    """Twice the area along each facet's outward normal."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def depth(points, directions, corners):
    """How far it is from each point along its direction to the next facet (Möller and Trumbore 1997)."""
    start, one, two = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(directions[:, None], two[None])
    scale = (across * one).sum(-1)
    # where the direction runs along a facet it meets none
    scale[np.abs(scale) < 1e-9] = np.nan
    offset = points[:, None] - start
    u = (offset * across).sum(-1) / scale
    turned = np.cross(offset, one[None])
    v = (directions[:, None] * turned).sum(-1) / scale
    far = (two * turned).sum(-1) / scale
    hit = (u > -1e-9) & (v > -1e-9) & (u + v < 1 + 1e-9) & (far > 1e-3)
    return np.where(hit, far, np.inf).min(1)


@pytest.fixture(scope="module", params=DISTANCE_MM)
def printed(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    made = render(SOURCE, request.param, folder)
    return request.param, {part: facets(path) for part, path in zip(PARTS, made, strict=True)}


@needs_openscad
def test_every_part_is_one_closed_solid(printed):
    for part, corners in printed[1].items():
        ids = np.unique(corners.reshape(-1, 3).round(5), axis=0, return_inverse=True)[1].reshape(-1, 3)
        edges = np.concatenate([ids[:, [0, 1]], ids[:, [1, 2]], ids[:, [2, 0]]])
        # each edge once in each direction: two facets meet there, and agree which side is out
        assert len(np.unique(edges, axis=0)) == len(edges), part
        assert {*map(tuple, edges)} == {*map(tuple, edges[:, ::-1])}, part
        volume = (corners[:, 0] * np.cross(corners[:, 1], corners[:, 2])).sum() / 6000
        assert {"body": 30, "cup": 2, "baffle": 0.2, "lid": 5}[part] < volume < 250, (part, volume)
        size = np.ptp(corners.reshape(-1, 3), axis=0)
        assert (size < BED_MM).all(), (part, size)


@needs_openscad
def test_every_part_prints_without_supports(printed):
    for part, corners in printed[1].items():
        area = normals(corners)
        size = np.linalg.norm(area, axis=1)
        lies = np.ptp(corners[:, :, 2], axis=1) + corners[:, :, 2].max(1) - corners[..., 2].min() < 0.01
        leans = (area[:, 2] < -LEANS * size) & ~lies
        assert size[leans].sum() / 2 < 0.01, (part, corners[leans])
        # and it stands: enough of it lies on the bed
        assert size[lies].sum() / 2 > 100, part


@needs_openscad
def test_no_wall_is_too_thin(printed):
    for part, corners in printed[1].items():
        area = normals(corners)
        size = np.linalg.norm(area, axis=1)
        large = size > 0.2
        middle, into = corners.mean(1)[large], -(area / size[:, None])[large]
        thin = depth(middle, into, corners) < WALL_MM - 1e-3
        assert not thin.any(), (part, middle[thin])


@needs_openscad
def test_the_sensor_is_where_the_calibration_takes_it_to_be(printed):
    sensor, parts = printed
    told = dict(re.findall(r"^(\w+) = ([\d.]+);", SOURCE.read_text(), re.MULTILINE))
    heights = dict(zip(("max3010x", "tcs34725", "tcs3200"), (1.55, 0.7, 1.5), strict=True))

    def flats(part):
        corners = parts[part]
        area = normals(corners)
        up = (area[:, 2] > 0) & (np.ptp(corners[..., 2], axis=1) < 1e-4)
        return {
            round(z, 2): area[up & (abs(corners[:, 0, 2] - z) < 0.01), 2].sum() / 2 for z in corners[up, 0, 2]
        }

    body = flats("body")
    told = {name: float(value) for name, value in told.items()}
    rests = told["floor_thickness"] + told["wire_room"]
    # four corners of 3 x 3 mm, less what lies in the wall
    assert 8 < body[round(rests, 2)] < 36
    face = rests + told["module_thickness"] + heights[sensor]
    (shelf,) = [z for z, area in body.items() if face < z < max(body) - 5 and area > 150]
    (ledge,) = [z for z in flats("cup") if z < 5]
    assert ledge == told["ledge"]
    assert shelf + ledge + told["window_thickness"] - face == pytest.approx(DISTANCE_MM[sensor], abs=0.01)
    # the baffle leaves 0.2 mm under the cup
    assert np.ptp(parts["baffle"][..., 2]) == pytest.approx(
        shelf - rests - told["module_thickness"] - 0.2, abs=0.01
    )


def test_source_and_host_name_the_same_distances():
    (line,) = re.findall(r"^sensor_distance = (.*);", SOURCE.read_text(), re.MULTILINE)
    named = dict(re.findall(r'"(\w+)" \? ([\d.]+)', line))
    last = re.search(r": ([\d.]+)$", line)[1]
    assert {name: float(mm) for name, mm in named.items()} | {"tcs3200": float(last)} == DISTANCE_MM


@needs_openscad
def test_a_wall_that_would_break_is_refused(tmp_path):
    thin = tmp_path / "thin.scad"
    thin.write_text(SOURCE.read_text().replace("wall = 2.0;", "wall = 0.8;"))
    with pytest.raises(FileError, match=r"does not render body: .*under 1\.2 mm"):
        render(thin, "max3010x", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="give one of max3010x"):
        render(SOURCE, "as7341", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    failed(canbean("roast", "enclosure", "-o", tmp_path), "apt-get install openscad")
    assert not list(tmp_path.iterdir())


@needs_openscad
def test_the_verb_renders_every_part(tmp_path):
    done = canbean("roast", "enclosure", "-o", tmp_path / "print")
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "print").iterdir()) == sorted(
        f"max3010x-{part}.stl" for part in PARTS
    )
    assert "3 mm from its face" in done.out
