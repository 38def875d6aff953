"""The CAN verbs as a user types them."""

import gzip
import json

import numpy as np
import pytest

from canbean.can import logs, simulate
from canbean.can.frames import Frames
from canbean_run import canbean, failed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("can")
    logs.write(folder / "clean.csv.gz", simulate.drive(60, 1))
    logs.write(folder / "other.csv", simulate.drive(40, 2))
    assert canbean("can", "learn", folder / "clean.csv.gz", "-o", folder / "car.cbm").code == 0
    return folder


def said(*arguments):
    done = canbean(*arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_info_tells_what_a_log_holds(folder):
    told = said("can", "info", folder / "clean.csv.gz")
    assert told["data"] == "simulated"
    assert {"frames", "span_s", "ids", "buses", "skipped", "warnings"} <= set(told)
    shown = canbean("can", "info", folder / "clean.csv.gz")
    assert str(told["frames"]) in shown.out
    assert "simulated" in shown.out


def test_learn_says_what_so_short_a_log_can_promise(folder):
    told = said("can", "learn", folder / "clean.csv.gz", "-o", folder / "again.cbm", "--budget", "10/h")
    assert told["calibration"]["budget_per_hour"] == 10
    assert told["calibration"]["budget_verified"] is False
    shown = canbean("can", "learn", folder / "clean.csv.gz", "-o", folder / "again.cbm")
    assert "not verified" in shown.out


def test_the_same_log_gives_the_same_file(folder):
    blobs = []
    for _ in range(2):
        assert canbean("can", "learn", folder / "clean.csv.gz", "-o", folder / "a.cbm").code == 0
        blobs.append((folder / "a.cbm").read_bytes())
    assert blobs[0] == blobs[1]


def test_attack_score_and_fail_on(folder):
    attacked = folder / "attacked.csv"
    done = said(
        "can", "attack", folder / "other.csv", "--kind", "suspension", "--every", "15", "-o", attacked
    )
    assert done["data"] == "simulated"
    rows = done["events_file"]
    told = said("can", "score", attacked, "-m", folder / "car.cbm", "--events", rows)
    assert told["data"] == "simulated"
    assert told["attacks"]["suspension"]["events"] == done["events"]
    held = canbean("can", "score", attacked, "-m", folder / "car.cbm", "--fail-on", "frames>0")
    assert held.code == 3
    assert canbean("can", "score", attacked, "-m", folder / "car.cbm", "--fail-on", "frames<0").code == 0


def test_from_and_to_count_from_the_first_frame(folder):
    whole = said("can", "info", folder / "other.csv")["frames"]
    first = said("can", "info", folder / "other.csv", "--to", "20")["frames"]
    rest = said("can", "info", folder / "other.csv", "--from", "20")["frames"]
    assert 0 < first < whole
    assert first + rest == whole


def test_info_of_one_bus_and_a_part(tmp_path):
    n = 1000
    which = np.arange(n) % 4 == 3
    frames = Frames.of(
        np.arange(n) * 1001, np.arange(n) % 5, np.zeros((n, 8)), bus=which, buses=("can0", "can1")
    )
    logs.write(tmp_path / "two.log", frames)
    told = said("can", "info", tmp_path / "two.log", "--bus", "can1", "--from", "0.5", "--to", "0.75")
    inside = frames.between(0.5, 0.75)
    assert told["frames"] == int((inside.bus == 1).sum())
    assert (told["buses"], told["bus_names"]) == (1, ["can1"])
    assert said("can", "info", tmp_path / "two.log")["bus_names"] == ["can0", "can1"]
    failed(canbean("can", "info", tmp_path / "two.log", "--bus", "can2"), "two.log: has no bus 'can2'")
    failed(canbean("can", "info", tmp_path / "two.log", "--from", "9"), "two.log: holds no frames")


def test_replay_on_host_and_on_the_virtual_board_write_the_same_alerts(folder, vm):
    attacked = folder / "flooded.csv"
    assert (
        canbean(
            "can", "attack", folder / "other.csv", "--kind", "flood", "--every", "15", "-o", attacked
        ).code
        == 0
    )
    for where in ("host", "vm"):
        told = said(
            "can",
            "replay",
            attacked,
            "-m",
            folder / "car.cbm",
            "--on",
            where,
            "--alerts",
            folder / f"{where}.jsonl",
        )
        assert told["on"] == where
        assert told["alerts"] > 0
    assert (folder / "host.jsonl").read_bytes() == (folder / "vm.jsonl").read_bytes()
    alert = json.loads((folder / "vm.jsonl").read_text().splitlines()[0])
    assert list(alert) == [
        *("type", "t", "id", "bus", "detector", "kind", "bits", "threshold", "expected", "seen"),
        *("severity", "incident", "hypotheses", "dropped"),
    ]


def test_a_report_is_one_file_without_outside_references(folder):
    done = canbean(
        "can", "replay", folder / "other.csv", "-m", folder / "car.cbm", "--report", folder / "r.html"
    )
    assert done.code == 0
    page = (folder / "r.html").read_text()
    assert "simulated" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_a_simulated_drive_and_its_dbc(tmp_path):
    done = canbean("can", "simulate", "-o", tmp_path / "d.csv", "--seconds", "5", "--dbc", tmp_path / "d.dbc")
    assert done.code == 0
    assert "simulated" in done.out
    assert "BO_ " in (tmp_path / "d.dbc").read_text()


BAD_LOGS = {
    "missing": None,
    "empty": b"",
    "wrong format": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
    "cut line": b"t,id,ext,dlc,data,label\n0.000000,10,0,8,0011223344556677,\n0.010000,10,0,8,00112233",
    "cut gzip": gzip.compress(b"t,id,ext,dlc,data,label\n" + b"0.000000,10,0,8,0011223344556677,\n" * 500)[
        :60
    ],
    "header only": b"t,id,ext,dlc,data,label\n",
}
VERBS = {
    "info": ("can", "info", "{log}"),
    "learn": ("can", "learn", "{log}", "-o", "{out}"),
    "replay": ("can", "replay", "{log}", "-m", "{model}", "--alerts", "{out}"),
    "score": ("can", "score", "{log}", "-m", "{model}", "--alerts", "{out}"),
    "attack": ("can", "attack", "{log}", "--kind", "flood", "-o", "{out}"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("bad", [*BAD_LOGS, "folder"])
def test_a_bad_log_gets_one_line(folder, tmp_path, verb, bad):
    log = tmp_path / "bad.csv"
    if bad == "folder":
        log.mkdir()
    elif BAD_LOGS[bad] is not None:
        log.write_bytes(BAD_LOGS[bad])
    out = tmp_path / "out.csv"
    words = [w.format(log=log, out=out, model=folder / "car.cbm") for w in VERBS[verb]]
    failed(canbean(*words), names="bad.csv")
    assert not out.exists()
    assert sorted(p.name for p in tmp_path.iterdir() if p != log) == []


@pytest.mark.parametrize("words", [("info", "{log}"), ("cut", "{log}", "{out}", "--to", "1")])
def test_a_line_that_cannot_be_read_is_counted_or_an_error_on_demand(folder, tmp_path, words):
    log, out = tmp_path / "odd.csv", tmp_path / "out.csv"
    text = (folder / "other.csv").read_text().splitlines(keepends=True)
    log.write_text("".join([*text[:5], "0.1,xyz,0,1,00,\n", *text[5:400]]))
    words = ["can", *(word.format(log=log, out=out) for word in words)]
    done = canbean(*words)
    assert done.code == 0
    assert "skipped 1" in done.err
    assert "odd.csv: line 6" in done.err
    out.unlink(missing_ok=True)
    failed(canbean(*words, "--strict"), names="odd.csv: line 6")
    assert not out.exists()


def test_learning_says_which_timing_a_coarse_clock_leaves_out(folder, tmp_path):
    clean = logs.read(folder / "clean.csv.gz").frames
    logs.write(tmp_path / "coarse.csv", clean.changed(t_us=clean.t_us // 1_000_000 * 1_000_000))
    done = canbean("can", "learn", tmp_path / "coarse.csv", "-o", tmp_path / "coarse.cbm")
    assert done.code == 0
    assert "steps of 1000 ms" in done.err


@pytest.mark.parametrize("lost", [2, 9, 18, 22, 30])
def test_a_cut_log_can_be_read_on_demand(folder, tmp_path, lost):
    log = tmp_path / "cut.csv"
    log.write_bytes((folder / "other.csv").read_bytes()[:-lost])
    failed(canbean("can", "info", log), names="cut.csv")
    done = canbean("can", "info", log, "--accept-cut")
    assert done.code == 0
    assert "skipped 1" in done.err


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("can", "learn", "{clean}", "-o", "{out}", "--to", "5"), "needs at least"),
        (("can", "learn", "{clean}", "-o", "{out}", "--budget", "often"), "--budget"),
        (("can", "learn", "{clean}", "-o", "{out}", "--bus", "can7"), "can7"),
        (("can", "learn", "{clean}", "-o", "/nowhere/at/all.cbm"), "/nowhere/at/all.cbm"),
        (("can", "replay", "{clean}", "-m", "{model}", "--speed", "fast"), "--speed"),
        (("can", "replay", "{clean}", "-m", "{model}", "--on", "/dev/none0"), "/dev/none0"),
        (("can", "replay", "{clean}", "-m", "{clean}"), "clean.csv.gz"),
        (("can", "score", "{clean}", "-m", "{model}", "--fail-on", "nonsense"), "nonsense"),
        (("can", "score", "{clean}", "-m", "{model}", "--events", "{clean}"), "clean.csv.gz"),
        (("can", "attack", "{clean}", "--kind", "tickle", "-o", "{out}"), "tickle"),
        (("can", "attack", "{clean}", "--kind", "spoof", "--id", "7FF", "-o", "{out}"), "7FF"),
        (("can", "attack", "{clean}", "--kind", "spoof", "--id", "xyz", "-o", "{out}"), "xyz"),
        (("can", "info", "{clean}", "--from", "900"), "clean.csv.gz"),
    ],
)
def test_what_cannot_be_done_gets_one_line(folder, tmp_path, words, names):
    out = tmp_path / "out.csv"
    fill = {"clean": folder / "clean.csv.gz", "out": out, "model": folder / "car.cbm"}
    failed(canbean(*(w.format(**fill) for w in words)), names=names)
    assert not out.exists()


def test_a_damaged_model_gets_one_line(folder, tmp_path):
    blob = bytearray((folder / "car.cbm").read_bytes())
    blob[len(blob) // 2] ^= 1
    (tmp_path / "bent.cbm").write_bytes(blob)
    for words in (
        ("can", "score", folder / "other.csv", "-m"),
        ("model", "show"),
        ("board", "virtual", "-m"),
    ):
        failed(canbean(*words, tmp_path / "bent.cbm"), names="bent.cbm")


def test_wrong_usage_ends_with_2():
    assert canbean("can", "learn").code == 2
    assert canbean("can", "no-such-verb").code == 2
