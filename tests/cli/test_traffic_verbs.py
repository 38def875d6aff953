"""`can convert`, `can cut` and `can diff` as a user types them."""

import json

import numpy as np
import pytest

from canbean.can import logs, simulate
from canbean.can.frames import Frames
from canbean_run import canbean, failed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traffic")
    frames = simulate.drive(10, 1)
    logs.write(folder / "a.csv", frames)
    # A new id, a missing one, a length, a bit that flips now.
    key = frames.key
    data, dlc = frames.data.copy(), frames.dlc.copy()
    second, third = np.unique(key)[1:3]
    dlc[key == second] = 1
    data[key == second, 1:] = 0
    other = frames.changed(data=data, dlc=dlc)[key != third]
    extra = Frames.of(frames.t_us[:50], 0x7E0, np.zeros((50, 8), np.uint8), buses=("simulated",))
    logs.write(folder / "b.csv", Frames.concat([other, extra]).in_time_order())
    labelled = frames.changed(label=(np.arange(len(frames)) % 100 == 0), labels=("", "flood"))
    logs.write(folder / "labelled.csv", labelled)
    return folder


def said(*words):
    done = canbean(*words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_convert(folder, tmp_path):
    told = said("can", "convert", folder / "a.csv", tmp_path / "a.log")
    assert told["data"] == "simulated"
    assert (told["from_format"], told["format"]) == ("labelled CSV", "candump")
    assert logs.read(tmp_path / "a.log").frames.equals(logs.read(folder / "a.csv").frames)
    shown = canbean("can", "convert", folder / "a.csv", tmp_path / "b.log")
    assert f"{told['frames']} simulated frames" in shown.out


def test_convert_what_has_no_place(folder, tmp_path):
    out = tmp_path / "out.log"
    failed(canbean("can", "convert", folder / "labelled.csv", out), names="--lossy")
    assert not out.exists()
    done = canbean("can", "convert", folder / "labelled.csv", out, "--lossy")
    assert done.code == 0
    assert "labels of" in done.err
    assert said("can", "convert", folder / "labelled.csv", out, "--lossy")["lost"]


def test_cut(folder, tmp_path):
    frames = logs.read(folder / "a.csv").frames
    ids = sorted({int(id_) for id_ in frames.id[:50]})[:2]
    words = [word for id_ in ids for word in ("--id", f"{id_:03X}")]
    told = said("can", "cut", folder / "a.csv", tmp_path / "part.csv", "--from", 2, "--to", 4, *words)
    wanted = frames.between(2, 4)
    wanted = wanted[np.isin(wanted.id, ids)]
    assert told["frames"] == len(wanted)
    assert logs.read(tmp_path / "part.csv").frames.equals(wanted)
    assert said("can", "cut", folder / "a.csv", tmp_path / "bus.csv", "--bus", "simulated")["frames"] == len(
        frames
    )


def test_no_log_is_lost_to_its_own_part(folder, tmp_path, monkeypatch):
    """By its name, another spelling of it, a link, and what is one file for another reason, as case may make it."""
    own, link, twin = tmp_path / "own.csv", tmp_path / "link.csv", tmp_path / "twin.csv"
    own.write_bytes(before := (folder / "a.csv").read_bytes())
    link.symlink_to(own)
    twin.hardlink_to(own)
    monkeypatch.chdir(tmp_path)
    for target in (own, "own.csv", f"../{tmp_path.name}/own.csv", link, twin):
        for words in (("cut", own, target, "--to", 5), ("convert", own, target)):
            failed(canbean("can", *words), f"{target}: would replace the file that it is made from")
    failed(canbean("can", "cut", link, own, "--to", 5), "would replace the file that it is made from")
    assert own.read_bytes() == before


def test_diff_says_what_changed_first(folder):
    told = said("can", "diff", folder / "a.csv", folder / "b.csv")
    assert told["data"] == "simulated"
    assert [row["id"] for row in told["new"]] == ["7E0"]
    assert len(told["missing"]) == 1
    assert [row["dlcs"][1] for row in told["changed"]] == [[1]]
    shown = canbean("can", "diff", folder / "a.csv", folder / "b.csv").out
    places = [shown.index(word) for word in ("new in", "missing in", "length", "as before")]
    assert places == sorted(places)
    assert "7E0" in shown


def test_diff_of_a_log_and_itself(folder):
    assert said("can", "diff", folder / "a.csv", folder / "a.csv")["same"] is True
    assert canbean("can", "diff", folder / "a.csv", folder / "a.csv").out.startswith("nothing changed")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("can", "convert", "{a}", "{out}.docx"), "docx"),
        (("can", "convert", "{none}", "{out}.csv"), "none.csv"),
        (("can", "convert", "{a}", "/nowhere/at/all.csv"), "/nowhere/at/all.csv"),
        (("can", "cut", "{a}", "{out}.csv", "--id", "xyz"), "xyz"),
        (("can", "cut", "{a}", "{out}.csv", "--id", "7FF"), "7FF"),
        (("can", "cut", "{a}", "{out}.csv", "--bus", "can9"), "can9"),
        (("can", "cut", "{a}", "{out}.csv", "--from", "900"), "a.csv"),
        (("can", "diff", "{a}", "{none}"), "none.csv"),
        (("can", "diff", "{a}", "{a}", "--bus", "can9"), "can9"),
    ],
)
def test_what_cannot_be_done_gets_one_line(folder, tmp_path, words, names):
    fill = {"a": folder / "a.csv", "none": folder / "none.csv", "out": tmp_path / "out"}
    failed(canbean(*(word.format(**fill) for word in words)), names=names)
    assert list(tmp_path.iterdir()) == []
