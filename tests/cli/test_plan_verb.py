"""`can plan`, and the loop it begins: plan, learn as the board will see the bus, watch."""

import json

import pytest

from canbean.board import VirtualBoard
from canbean.can import logs, simulate
from canbean.detect import detectors
from canbean.detect import model as models
from canbean.tiny import cbm
from canbean_run import canbean, failed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    logs.write(folder / "clean.csv.gz", simulate.drive(60, 1))
    logs.write(folder / "other.csv", simulate.drive(30, 2))
    learn(folder, "m", "checks,sequence")
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Only detectors that learn in a second."""
    monkeypatch.setattr(detectors, "names", lambda: ["mixture", "sequence"])


def learn(folder, name, wanted, *words):
    out = folder / f"{name}.cbm"
    done = canbean(
        "can", "learn", folder / "clean.csv.gz", "-o", out, "--detectors", wanted, "--json", *words
    )
    assert done.code == 0, done.err
    return json.loads(done.out)


def plan(folder, *words):
    return canbean("can", "plan", "-m", folder / "m.cbm", "-o", folder / "m2.cbm", *words)


def test_the_loop_from_a_plan_to_alerts_on_the_board(folder, vm):
    said = json.loads(plan(folder, "--json", "--priority", "0D0=50").out)
    assert said["passing_fps"] <= said["max_fps"] == 270
    assert said["data"] == "simulated"
    assert "not run on hardware" in said["max_fps_from"]
    assert said["detectors_left_out"] == ["sequence"]
    assert "0D0" not in {one["id"] for one in said["unseen"]}
    meta = cbm.read(folder / "m2.cbm").meta
    assert meta["board"] == "wemos-d1-mini"
    assert meta["plan"].startswith(f"{said['ids_seen']} of {said['ids']} ids, ")
    assert meta["tuned"][-1]["what"] == "can plan"
    # What watches until it is learned anew.
    canbean("can", "attack", folder / "other.csv", "--kind", "fuzz", "-o", folder / "bad.csv")
    lines = {}
    with VirtualBoard(folder / "m2.cbm", heap="2M") as board:
        for where in ("host", board.port):
            out = folder / "alerts.jsonl"
            words = ("-m", folder / "m2.cbm", "--on", where, "--alerts", out, "--json")
            done = canbean("can", "replay", folder / "bad.csv", *words)
            assert done.code == 0, done.err
            assert json.loads(done.out)["unseen"] > 0
            lines[where] = out.read_bytes()
    assert lines["host"] == lines[board.port] != b""
    # Learned anew, with what counts frames.
    again = learn(folder, "m3", "checks,sequence", "--plan", folder / "m2.cbm")
    assert again["ids"] == said["ids_seen"]
    assert again["detectors"] == ["fingerprint", "checks", "sequence"]
    assert again["frames"] == pytest.approx(60 * said["passing_fps"], rel=0.01)
    new = cbm.read(folder / "m3.cbm")
    assert new.meta["plan"] == meta["plan"]
    assert models.unpack(new, "m3").plan == models.unpack(cbm.read(folder / "m2.cbm"), "m2").plan
    score = canbean(
        "can",
        "score",
        folder / "other.csv",
        "-m",
        folder / "m3.cbm",
        "--json",
        "--fail-on",
        "false_episodes>0",
    )
    assert score.code == 0, score.out + score.err


def test_it_says_what_is_not_seen(folder):
    done = plan(folder, "--max-fps", "100", "--log", folder / "clean.csv.gz", "--priority", "7E0=0.001")
    assert done.code == 0, done.err
    for words in (
        "% of the risk: ",
        "passing ",
        "sustains 100 (given)",
        "not seen: ",
        "an unknown id is seen where",
        "buffer",
    ):
        assert words in done.out
    assert "now learn as the board will see the bus: canbean can learn CLEAN --plan" in done.err


def test_the_rate_comes_from_a_bench_too(folder):
    bench = folder / "bench.json"
    bench.write_text(json.dumps({"board": "wemos-d1-mini", "frames_per_second": 2000.5}))
    said = json.loads(plan(folder, "--max-fps", bench, "--json").out)
    assert said["max_fps"] == 2000
    assert said["ids_seen"] == said["ids"]
    assert said["detectors_left_out"] == said["unseen"] == []


def test_the_bench_of_another_board_is_refused(folder):
    bench = folder / "other.json"
    bench.write_text(json.dumps({"board": "linux", "frames_per_second": 2000.5}))
    refused = plan(folder, "--max-fps", bench)
    failed(
        refused,
        f"{bench}: was measured on the board linux, and this plan is for wemos-d1-mini: give --board linux, or",
    )
    assert json.loads(plan(folder, "--max-fps", bench, "--board", "linux", "--json").out)["max_fps"] == 2000
    for nameless in ({}, {"board": None}):
        bench.write_text(json.dumps({**nameless, "frames_per_second": 2000.5}))
        assert json.loads(plan(folder, "--max-fps", bench, "--json").out)["max_fps"] == 2000


def test_a_priority_of_an_id_that_the_model_lacks_is_told_and_not_counted(folder, tmp_path):
    def risk(done):
        return json.loads(done.out)["risk"]

    usual = plan(folder, "--json")
    typo = plan(folder, "--priority", "7FE=3", "--priority", "0D0=1", "--json")
    assert "the model has no id 7FE, which a priority names" in typo.err
    assert "7FE" in json.loads(typo.out)["others"]
    assert risk(typo) <= risk(usual) + 0.005
    # A wide enough board sees all there is, with it and without.
    assert risk(plan(folder, "--priority", "7FE=1000", "--max-fps", "5000", "--json")) == 1
    listed = tmp_path / "p.txt"
    listed.write_text("0D0=2\n000=2\n")
    assert "the model has no id" not in plan(folder, "--priorities", listed).err


def test_no_input_is_lost(folder):
    model, log, bench = folder / "m.cbm", folder / "clean.csv.gz", folder / "bench.json"
    bench.write_text(json.dumps({"board": "wemos-d1-mini", "frames_per_second": 2000.5}))
    kept = {path: path.read_bytes() for path in (model, log, bench)}
    words = ("can", "plan", "-m", model, "--log", log, "--max-fps", bench)
    for path in kept:
        failed(canbean(*words, "-o", path), f"{path}: would replace the file that it is made from")
    learned = ("can", "learn", log, "--plan", model)
    failed(canbean(*learned, "-o", model), "would replace the file that it is made from")
    failed(canbean(*learned, "-o", folder / "n.cbm", "--report", model), "would replace the file")
    failed(canbean("board", "settle", "-p", "none", "-m", model, "-o", model), "would replace the file")
    failed(
        canbean("board", "settle", "-p", "none", "-m", model, "-o", log, "--replay", log),
        "would replace the file",
    )
    failed(
        canbean("can", "score", log, "-m", model, "--twin", log, "--alerts", log), "would replace the file"
    )
    other = folder / "other.csv"
    for option in ("--twin", "--events"):
        scored = canbean("can", "score", log, "-m", model, option, other, "--alerts", other)
        failed(scored, "would replace the file")
    assert {path: path.read_bytes() for path in kept} == kept


def test_without_an_output_it_is_only_shown(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = canbean("can", "plan", "-m", folder / "m.cbm", "--board", "wemos-d1-mini", "--max-fps", "5000")
    assert done.code == 0, done.err
    assert "covers 100.0 % of the risk" in done.out
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_is_one_clear_line(folder, tmp_path):
    failed(plan(folder, "--board", "linux"), "give --max-fps")
    failed(plan(folder, "--max-fps", "0"), "--max-fps 0")
    failed(plan(folder, "--max-fps", folder / "clean.csv.gz"), "neither a number")
    failed(plan(folder, "--max-fps", folder / "none.json"), "none.json")
    failed(plan(folder, "--priority", "2C5"), "2C5=3")
    wrong = tmp_path / "p.txt"
    wrong.write_text("2C5=1\n\nwhat\n")
    failed(plan(folder, "--priorities", wrong), f"{wrong}: line 3")
    assert plan(folder, "--max-fps", "5000").code == 0
    twice = canbean("can", "plan", "-m", folder / "m2.cbm", "-o", folder / "m4.cbm")
    failed(twice, "has a plan already")
    no_plan = canbean(
        "can", "learn", folder / "clean.csv.gz", "-o", folder / "m5.cbm", "--plan", folder / "m.cbm"
    )
    failed(no_plan, "has no plan")
