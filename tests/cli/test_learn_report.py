"""`can learn --report`: the fingerprint as a page beside the model, which it does not change."""

import json

import numpy as np
import pytest

from canbean.can import logs, simulate
from canbean.can.frames import Frames
from canbean_run import canbean, failed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn")
    drive = simulate.drive(50, 4)
    logs.write(folder / "clean.csv.gz", drive.between(0, 30))
    logs.write(folder / "more.csv.gz", drive.between(30))
    (folder / "car.dbc").write_text(simulate.dbc_text())
    return folder


def test_the_report_changes_neither_model_nor_result(folder, tmp_path):
    clean = folder / "clean.csv.gz"
    plain = canbean("can", "learn", clean, "-o", tmp_path / "m.cbm", "--json")
    without = (tmp_path / "m.cbm").read_bytes()
    done = canbean("can", "learn", clean, "-o", tmp_path / "m.cbm", "--json", "--report", tmp_path / "r.html")
    assert done.code == 0, done.err
    assert json.loads(done.out) == json.loads(plain.out)
    assert (tmp_path / "m.cbm").read_bytes() == without
    text = (tmp_path / "r.html").read_text()
    assert "simulated data" in text
    assert text.count("<details") == json.loads(plain.out)["ids"]
    assert "EngineSpeed" not in text
    assert "SAE J1850" in text


def test_an_id_of_two_senders_is_told_by_report_and_json(folder, tmp_path):
    drive = simulate.drive(40, 4)
    t_us = np.sort(np.concatenate([np.arange(4000, 40_000_000, 200_000) + at_us for at_us in (0, 50_000)]))
    two = Frames.of(drive.t_us[0] + t_us, 0x6D0, np.zeros((len(t_us), 8), np.uint8), dlc=8)
    logs.write(tmp_path / "c.csv.gz", Frames.concat([drive, two.changed(buses=drive.buses)]).in_time_order())
    words = ("can", "learn", tmp_path / "c.csv.gz", "-o", tmp_path / "m.cbm", "--detectors", "fingerprint")
    done = canbean(*words, "--json", "--report", tmp_path / "r.html")
    assert done.code == 0, done.err
    (said,) = json.loads(done.out)["phases"].items()
    assert said[0] == "6D0"
    assert (said[1]["period_ms"], said[1]["phases_ms"]) == (200.0, [0.0, 50.0])
    assert (tmp_path / "r.html").read_text().count("2 frames a cycle of 200 ms, at 0 and 50 ms") == 1


def test_several_logs_and_a_database(folder, tmp_path):
    words = ("can", "learn", folder / "clean.csv.gz", folder / "more.csv.gz", "-o", tmp_path / "m.cbm")
    done = canbean(*words, "--report", tmp_path / "r.html", "--dbc", folder / "car.dbc")
    assert done.code == 0, done.err
    text = (tmp_path / "r.html").read_text()
    assert "EngineSpeed" in text
    assert "Steering1Checksum" in text


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--dbc", "{folder}/car.dbc"), "--report"),
        (("--report", "{out}/r.html", "--dbc", "{folder}/none.dbc"), "none.dbc"),
        (("--report", "{out}/r.html", "--dbc", "{folder}/clean.csv.gz"), "clean.csv.gz"),
        (("--report", "/nowhere/r.html"), "/nowhere/r.html"),
        (("--report", "{out}/m.cbm"), "m.cbm"),
        (("--report", "{folder}/clean.csv.gz"), "clean.csv.gz"),
        (("--report", "{folder}/car.dbc", "--dbc", "{folder}/car.dbc"), "car.dbc"),
    ],
)
def test_what_cannot_be_shown_is_said_before_anything_is_learned(folder, tmp_path, words, names):
    fill = {"folder": folder, "out": tmp_path}
    done = canbean(
        "can", "learn", folder / "clean.csv.gz", "-o", tmp_path / "m.cbm", *(w.format(**fill) for w in words)
    )
    failed(done, names=names)
    assert list(tmp_path.iterdir()) == []
