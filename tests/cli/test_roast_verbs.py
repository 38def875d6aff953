"""The roast verbs as a user types them."""

import json

import pytest

from canbean.board import VirtualBoard
from canbean_run import canbean, failed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roast")
    assert canbean("roast", "simulate", "-o", folder / "pairs.csv", "--lots", "8").code == 0
    assert canbean("roast", "simulate", "-o", folder / "fresh.csv", "--lots", "3", "--seed", "5").code == 0
    done = canbean(
        "roast", "fit", folder / "pairs.csv", "-o", folder / "roast.cbm", "--report", folder / "r.html"
    )
    assert done.code == 0, done.err
    return folder


def test_fit_prints_the_table_and_says_simulated(folder):
    done = canbean(
        "roast", "fit", folder / "pairs.csv", "-o", folder / "again.cbm", "--models", "ridge,neighbours"
    )
    assert "ridge *" in done.out
    assert "simulated data" in done.out
    assert "simulated" in (folder / "r.html").read_text()


def test_fit_json_is_as_designed(folder):
    done = canbean(
        "roast",
        "fit",
        folder / "pairs.csv",
        "-o",
        folder / "again.cbm",
        "--models",
        "ridge",
        "--scale",
        "0:180",
        "--json",
    )
    said = json.loads(done.out)
    assert {"pairs", "groups", "scale", "chosen", "models", "selected"} <= set(said)
    assert set(said["models"]["ridge"]) == {
        *("rmse", "mae", "p95", "max", "within_tolerance", "bytes", "board_ms", "board_ms_source")
    }
    assert set(said["selected"]) == {"rmse", "p95", "max", "coverage90"}
    assert said["scale"] == [0, 180]
    assert said["data"] == "simulated"


def test_score_reads_pairs_with_the_packed_integers(folder):
    said = json.loads(
        canbean("roast", "score", folder / "fresh.csv", "-m", folder / "roast.cbm", "--json").out
    )
    assert said["pairs"] == 9
    assert len(said["rows"]) == 9
    shown = canbean("roast", "score", folder / "fresh.csv", "-m", folder / "roast.cbm")
    assert "rmse" in shown.out


def test_the_board_reads_what_the_host_reads(folder, vm):
    host = json.loads(
        canbean("roast", "score", folder / "fresh.csv", "-m", folder / "roast.cbm", "--json").out
    )
    with VirtualBoard(folder / "roast.cbm", "roastmeter") as board:
        words = ("roast", "read", "--port", board.port)
        empty = json.loads(canbean(*words, "--json").out)
        assert (empty["value"], empty["quality"]) == (None, "empty")
        done = canbean(*words, "--samples", folder / "fresh.csv", "-m", folder / "roast.cbm", "--json")
        cups = json.loads(done.out)["cups"]
        again = canbean(*words, "--count", "2", "--every", "0")
    assert [cup["quality"] for cup in cups] == ["ok"] * 9
    for cup, row in zip(cups, host["rows"], strict=True):
        # The board sends tenths, half up; the host's reading is in 1/256.
        assert cup["reading"] == int(round(row["reading"] * 256) * 10 + 128 >> 8) / 10
    assert len(again.out.splitlines()) == 2


BAD_PAIRS = {
    "missing": None,
    "empty": b"",
    "header only": b"lot,reference,red\n",
    "no reference": b"lot,red\na,1\n",
    "text in a number": b"lot,reference,red\na,80,1\nb,seventy,2\n",
    "three pairs": b"lot,reference,red\na,80,1\nb,70,2\nc,60,3\n",
    "one lot": b"lot,reference,red\n" + b"a,80,1\na,81,2\n" * 4,
    "outside the scale": b"lot,reference,red\n" + b"a,80,1\nb,70,2\nc,60,3\n" * 3 + b"d,500,4\n",
    "wrong format": bytes(range(256)),
    "cut line": b"lot,reference,red\na,80,1\nb,70,2\nc,60",
}


@pytest.mark.parametrize("bad", [*BAD_PAIRS, "folder"])
def test_bad_pairs_get_one_line(tmp_path, bad):
    path = tmp_path / "bad.csv"
    if bad == "folder":
        path.mkdir()
    elif BAD_PAIRS[bad] is not None:
        path.write_bytes(BAD_PAIRS[bad])
    failed(canbean("roast", "fit", path, "-o", tmp_path / "out.cbm"), names="bad.csv")
    assert [p.name for p in tmp_path.iterdir() if p != path] == []


def test_a_model_of_the_other_application_gets_one_line(folder, tmp_path):
    assert canbean("can", "simulate", "-o", tmp_path / "d.csv", "--seconds", "30").code == 0
    assert canbean("can", "learn", tmp_path / "d.csv", "-o", tmp_path / "car.cbm").code == 0
    failed(canbean("roast", "score", folder / "fresh.csv", "-m", tmp_path / "car.cbm"), names="car.cbm")
    failed(canbean("can", "score", tmp_path / "d.csv", "-m", folder / "roast.cbm"), names="roast.cbm")


def test_a_board_of_the_other_application_gets_one_line(folder, vm):
    with VirtualBoard(folder / "roast.cbm", "roastmeter") as board:
        lines = canbean("can", "simulate", "-o", folder / "d.csv", "--seconds", "30")
        assert lines.code == 0
        assert canbean("can", "learn", folder / "d.csv", "-o", folder / "car.cbm").code == 0
        failed(
            canbean("can", "replay", folder / "d.csv", "-m", folder / "car.cbm", "--on", board.port),
            names="roastmeter",
        )


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("fit", "{pairs}", "-o", "{out}", "--scale", "180"), "--scale"),
        (("fit", "{pairs}", "-o", "{out}", "--models", "oracle"), "oracle"),
        (("fit", "{pairs}", "-o", "{out}", "--tolerance", "0"), "tolerance"),
        (("read", "--port", "/dev/none0"), "/dev/none0"),
    ],
)
def test_what_cannot_be_done_gets_one_line(folder, tmp_path, words, names):
    out = tmp_path / "out.cbm"
    failed(canbean("roast", *(w.format(pairs=folder / "pairs.csv", out=out) for w in words)), names=names)
    assert not out.exists()
