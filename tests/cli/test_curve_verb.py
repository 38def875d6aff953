"""`canbean can curve` as a user types it."""

import json

import pytest

from canbean.can import attacks, events, logs, simulate
from canbean_run import canbean, failed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curve")
    clean = simulate.drive(130, 1)
    logs.write(folder / "clean.csv", clean)
    for name, kind in (("spoof", "spoof"), ("silent", "suspension")):
        attacked, rows = attacks.inject(simulate.drive(70, 2), kind, seed=3)
        logs.write(folder / f"{name}.csv", attacked)
        events.write(folder / f"{name}.events.csv", [row for row in rows if not row.frames])
    same, _ = attacks.inject(clean, "fuzz", seed=3)
    logs.write(folder / "same.csv", same)
    return folder


def said(*words):
    done = canbean("can", "curve", *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out), done.err


def test_curve_on_labelled_logs(folder):
    told, err = said(
        folder / "clean.csv",
        *("--labelled", folder / "spoof.csv", "--labelled", folder / "same.csv"),
        *("--minutes", "1,0.5", "--budget", "10/h"),
    )
    assert told["clean"] == str(folder / "clean.csv")
    assert (told["data"], told["attacks_from"], told["budget_per_hour"]) == ("simulated", "labelled", 10)
    assert [point["minutes"] for point in told["points"]] == [0.5, 1]
    for point in told["points"]:
        assert {"threshold_bits", "false_alerts_per_hour", "false_alerts_per_hour_upper95"} <= set(point)
        assert set(point["attacks"]) == {"spoof", "fuzz"}
        assert {"recall", "skill"} <= set(point["attacks"]["spoof"])
    assert "same.csv" in err
    assert "--from 60" in err
    assert "spoof.csv" not in err


def test_from_cuts_the_labelled_logs_and_the_warning_goes(folder):
    words = (folder / "clean.csv", "--labelled", folder / "same.csv", "--minutes", "1")
    whole, _ = said(*words)
    rest, err = said(*words, "--from", "60")
    assert err == ""
    events_of = [told["points"][0]["attacks"]["fuzz"]["events"] for told in (whole, rest)]
    assert 0 < events_of[1] < events_of[0]
    assert rest["held_out_s"] == whole["held_out_s"]


def test_events_of_attacks_that_remove_frames(folder):
    words = (folder / "clean.csv", "--labelled", folder / "silent.csv", "--minutes", "1")
    assert said(*words)[0]["points"][0]["attacks"] == {}
    told, _ = said(*words, "--events", folder / "silent.events.csv")
    assert told["points"][0]["attacks"]["suspension"]["events"] > 0


def test_the_tables_and_the_page(folder, tmp_path):
    words = ("can", "curve", folder / "clean.csv", "--minutes", "0.2,0.5,1,5")
    done = canbean(*words, "--report", tmp_path / "r.html")
    assert done.code == 0, done.err
    page = (tmp_path / "r.html").read_text()
    for said in (*attacks.KINDS, "0.5 min", "Left out", "simulated data"):
        assert said in page
    assert "simulated, injected into the part held out" in done.out
    assert "95 % upper" in done.out
    for words in (*attacks.SINGLE, "recall", "skill", "0.5 min", "1 min", "not learned from 5 min"):
        assert words in done.out
    assert "not learned from 0.2 min" in done.out


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("{clean}", "--minutes", "soon"), "--minutes 'soon'"),
        (("{clean}", "--minutes", "1,-2"), "--minutes"),
        (("{clean}", "--minutes", "30"), "to hold out 60 s"),
        (("{clean}", "--minutes", "0.1"), "needs at least"),
        (("{clean}", "--budget", "often"), "--budget"),
        (("{clean}", "--from", "5"), "--labelled"),
        (("{clean}", "--events", "{clean}"), "--events"),
        (("{clean}", "--labelled", "{gone}", "--minutes", "1"), "gone.csv"),
        (("{gone}",), "gone.csv"),
        (("{clean}", "--report", "{clean}"), "clean.csv"),
        (("{clean}", "--report", "/nowhere/r.html"), "/nowhere/r.html"),
        (("{attacked}", "--minutes", "1"), "not clean"),
    ],
)
def test_what_cannot_be_done_gets_one_line(folder, tmp_path, words, names):
    fill = {"clean": folder / "clean.csv", "gone": tmp_path / "gone.csv", "attacked": folder / "same.csv"}
    failed(canbean("can", "curve", *(word.format(**fill) for word in words)), names=names)
