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
    some = "ridge,cubic,neighbours,blend"
    done = canbean(
        *("roast", "fit", folder / "pairs.csv", "-o", folder / "roast.cbm", "--report", folder / "r.html"),
        *("--models", some),
    )
    assert done.code == 0, done.err
    return folder


def test_fit_prints_the_table_and_says_simulated(folder):
    done = canbean(
        "roast", "fit", folder / "pairs.csv", "-o", folder / "again.cbm", "--models", "ridge,neighbours"
    )
    assert "ridge *" in done.out
    assert "monotone" in done.out
    for words in ("rule: within 50 ms on the board the blend", "interval: ±", "Bland-Altman", "Deming"):
        assert words in done.out
    assert "simulated data" in done.out
    assert done.out.endswith("it reads what the sensor counts: it is for the meter of these pairs alone\n")
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
        *("rmse", "mae", "p95", "max", "within_tolerance", "monotone", "bytes", "board_ms", "board_ms_source")
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
        bare = json.loads(canbean(*words, "--json").out)
        assert (bare["value"], bare["quality"]) == (None, "no sensor")
        done = canbean(*words, "--samples", folder / "fresh.csv", "-m", folder / "roast.cbm", "--json")
        cups = json.loads(done.out)["cups"]
        again = canbean(*words, "--count", "2", "--every", "0")
        fed = ("--samples", folder / "fresh.csv", "-m", folder / "roast.cbm", "--count", "2")
        assert json.loads(canbean(*words, *fed, "--json").out)["cups"] == cups[:2]
        lines = canbean(*words, *fed, "--csv").out.splitlines()
    assert [cup["quality"] for cup in cups] == ["ok"] * 9
    for cup, row in zip(cups, host["rows"], strict=True):
        # The board sends tenths, half up; the host's reading is in 1/256.
        assert cup["reading"] == int(round(row["reading"] * 256) * 10 + 128 >> 8) / 10
    assert len(again.out.splitlines()) == 2
    assert lines[0] == "cup,reference,reading,quality"
    assert [line.split(",")[2] for line in lines[1:]] == [str(cup["reading"]) for cup in cups[:2]]


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
    "counts beside percent": b"lot,reference,red\n" + b"a,80,1\nb,70,2000\nc,60,3\n" * 2,
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


SAYS = {
    "no reference": "no column 'reference' (found lot, red)",
    "text in a number": "line 3, column 'reference': 'seventy' is not a number",
    "three pairs": "3 pairs; at least 6 are needed",
    "one lot": "all pairs are of lot 'a': at least 3 lots are needed",
    "outside the scale": "line 11: reference 500 is outside the scale 0:180",
}


@pytest.mark.parametrize("bad", SAYS)
def test_bad_pairs_are_told_what_and_where(tmp_path, bad):
    path = tmp_path / "bad.csv"
    path.write_bytes(BAD_PAIRS[bad])
    failed(canbean("roast", "fit", path, "-o", tmp_path / "out.cbm"), names=SAYS[bad])


def test_a_scale_has_a_name_and_degrees_come_by_conversion(folder, tmp_path):
    out, beside = tmp_path / "m.cbm", tmp_path / "beside.csv"
    fit = ("roast", "fit", folder / "pairs.csv", "-o", out, "--models", "ridge", "--json")
    said = json.loads(canbean(*fit, "--scale", "agtron-gourmet").out)
    assert (said["scale"], said["scale_name"]) == ([0, 150], "Agtron Gourmet")
    row = json.loads(canbean("roast", "score", folder / "fresh.csv", "-m", out, "--json").out)["rows"][0]
    assert (
        row["degree"] is None
        or "Dark" in row["degree"]
        or "Light" in row["degree"]
        or row["degree"] == "Medium"
    )
    beside.write_text("lot,agtron,reference\n" + "".join(f"{a},{a},{2 * a}\n" for a in range(25, 96, 10)))
    lost = canbean("roast", "fit", folder / "pairs.csv", "-o", beside, "--gourmet", beside)
    failed(lost, "would replace the file")
    assert canbean(*fit, "--scale", "0:300:1", "--gourmet", beside).code == 0
    again = json.loads(canbean("roast", "score", folder / "fresh.csv", "-m", out, "--json").out)["rows"]
    assert {r["degree"] for r in again if 70 <= r["reading"] < 97} <= {"Dark"}


def test_values_are_converted_between_scales(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("lot,agtron,reference\n" + "".join(f"{a},{a},{2 * a + 1}\n" for a in range(25, 96, 10)))
    said = json.loads(canbean("roast", "convert", path, "--value", "60", "--json").out)
    assert said["values"][0]["target"] == pytest.approx(121, abs=0.1)
    back = json.loads(canbean("roast", "convert", path, "--value", "121", "--back", "--json").out)
    assert back["values"][0]["target"] == pytest.approx(60, abs=0.1)
    assert "lots left out" in canbean("roast", "convert", path).out
    failed(canbean("roast", "convert", tmp_path / "none.csv"), names="none.csv")


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
