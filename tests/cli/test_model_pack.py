"""`canbean model pack` as a user types it, and what it says when something is wrong."""

import io
import json
import os

import joblib
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from canbean.board import Board, VirtualBoard
from canbean.tiny import cbm
from canbean.tiny.predictor import Predictor
from canbean_run import Done, canbean, failed

X, Y = load_iris(return_X_y=True)
NAMES = ["sepal", "width", "petal", "breadth"]
SPECIES = np.array(["setosa", "versicolor", "virginica"])[Y]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pack")
    np.savetxt(folder / "x.csv", X, "%.1f", delimiter=",", header=",".join(NAMES), comments="")
    joblib.dump(RandomForestClassifier(10, random_state=0).fit(X, SPECIES), folder / "forest.joblib")
    joblib.dump(make_pipeline(StandardScaler(), Ridge()).fit(X, Y), folder / "ridge.joblib")
    joblib.dump(make_pipeline(StandardScaler(), OneClassSVM(nu=0.1)).fit(X), folder / "odd.joblib")
    return folder


def pack(folder, name, *more, table="x.csv", output="m.cbm"):
    return canbean(
        *("model", "pack", folder / name, "--calibration", folder / table, "-o", folder / output), *more
    )


def refused(done, words):
    """Assert that behind the warning stands one clear line."""
    *before, last = done.err.splitlines()
    assert before[0].startswith("warning: ")
    assert before[1:] in ([], ["read it? y/N"])
    failed(Done(done.code, done.out, last), words)
    assert done.out == ""


def test_packing_says_what_the_integers_are_worth(folder):
    done = pack(folder, "forest.joblib")
    assert done.code == 0, done.err
    size = (folder / "m.cbm").stat().st_size
    assert f"m.cbm: {size} bytes, FRST, classification" in done.out
    assert "float against integer on 150 rows: 100.00% of the answers agree" in done.out
    assert "a joblib file runs whatever code it holds" in done.err
    shown = canbean("model", "show", folder / "m.cbm", "--quantization")
    assert "float against integer" in shown.out
    assert "agreement" in shown.out
    done = pack(folder, "ridge.joblib")
    assert "differences" in done.out
    done = pack(folder, "odd.joblib")
    assert "RBFS, anomaly" in done.out
    assert "of the answers agree; differences" in done.out


def test_json_is_one_object(folder):
    done = pack(folder, "forest.joblib", "--json", "--name", "flowers", "--trust")
    said = json.loads(done.out)
    assert said["bytes"] == (folder / "m.cbm").stat().st_size
    assert said["digest"] == cbm.digest((folder / "m.cbm").read_bytes())
    assert (said["kind"], said["task"], said["agreement"], said["rows"]) == ("FRST", "classification", 1, 150)
    assert said["inputs"] == [[name, 1] for name in NAMES]
    assert said["board_ms_source"] == "estimated"
    meta = cbm.read(folder / "m.cbm").meta
    assert (meta["name"], meta["inputs"]) == ("flowers", NAMES)
    assert meta["classes"] == ["setosa", "versicolor", "virginica"]
    shown = json.loads(canbean("model", "show", folder / "m.cbm", "--json").out)
    assert {"META", "FEAT", "TASK", "FRST", "GOLD"} == set(shown["sections"])


def test_the_packed_model_runs_on_the_board(folder, vm):
    assert pack(folder, "forest.joblib").code == 0
    host = Predictor.from_model(cbm.read(folder / "m.cbm"))
    with VirtualBoard(folder / "m.cbm", "model") as virtual, Board(virtual.port) as board:
        for row in X[::15]:
            said = board.ask(f"predict {' '.join(map(str, row))}", "prediction").values
            assert said["class"] == host.answer(row[None])[0]


def test_columns_are_found_by_name(folder):
    fitted = LinearRegression().fit(X, Y)
    fitted.feature_names_in_ = np.array(NAMES, dtype=object)
    joblib.dump(fitted, folder / "named.joblib")
    lines = (folder / "x.csv").read_text().splitlines()
    swapped = [",".join([*reversed(line.split(",")), "0" if i else "target"]) for i, line in enumerate(lines)]
    (folder / "swapped.csv").write_text("\n".join(swapped) + "\n")
    one = json.loads(pack(folder, "named.joblib", "--json").out)
    other = json.loads(pack(folder, "named.joblib", "--json", table="swapped.csv").out)
    assert one["inputs"] == other["inputs"]
    assert one["digest"] == other["digest"]
    (folder / "other.csv").write_text((folder / "x.csv").read_text().replace("petal", "stem"))
    refused(pack(folder, "named.joblib", table="other.csv"), "has no column 'petal'")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("a,b,c,d\n", "has a header and no rows"),
        ("1,2,3,4\n5,6,7,8\n", "has no header"),
        ("a,b,c,d\n1,2,3\n", "line 2: 3 fields for 4 columns"),
        ("a,b,c,d\n1,2,3,4\n1,2,x,4\n", "line 3: c: 'x' is not a finite number"),
        ("a,b,c,d\n1,2,3,nan\n", "line 2: d: 'nan' is not a finite number"),
        ('a,b,c,d\n"1,2,3,4\n', "is not a CSV file"),
    ],
)
def test_bad_tables_are_one_line(folder, content, words):
    (folder / "bad.csv").write_text(content)
    failed(pack(folder, "ridge.joblib", table="bad.csv", output="none.cbm"), words)
    assert not (folder / "none.cbm").exists()


def test_bad_estimators_are_one_line(folder):
    (folder / "text.joblib").write_text("this is not a pickle")
    refused(pack(folder, "text.joblib", output="none.cbm"), "cannot be read as a joblib file")
    (folder / "cut.joblib").write_bytes((folder / "ridge.joblib").read_bytes()[:-20])
    refused(pack(folder, "cut.joblib", output="none.cbm"), "cannot be read as a joblib file")
    (folder / "narrow.csv").write_text("a,b,c\n1,2,3\n2,3,4\n")
    refused(
        pack(folder, "ridge.joblib", table="narrow.csv", output="none.cbm"),
        "has 3 columns and the estimator takes 4",
    )
    joblib.dump(KMeans(2, n_init=1).fit(X), folder / "means.joblib")
    refused(pack(folder, "means.joblib", output="none.cbm"), "KMeans: is not taken; these are")
    joblib.dump({"a": 1}, folder / "dict.joblib")
    refused(pack(folder, "dict.joblib", output="none.cbm"), "dict: is not an estimator of scikit-learn")
    joblib.dump(Ridge(), folder / "raw.joblib")
    refused(pack(folder, "raw.joblib", output="none.cbm"), "Ridge: is not fitted")
    failed(pack(folder, "nothing.joblib", output="none.cbm"), "cannot read this joblib file")
    failed(pack(folder, "ridge.joblib", output="ridge.joblib"), "would replace the file that it is made from")
    assert not (folder / "none.cbm").exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_it_asks_first(folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    refused(pack(folder, "ridge.joblib", output="asked.cbm"), "was not read")
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert pack(folder, "ridge.joblib", output="asked.cbm").code == 0
    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert pack(folder, "ridge.joblib", "--trust", output="asked.cbm").code == 0


def test_code_in_a_file_that_is_not_trusted_does_not_run(folder, monkeypatch):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(folder / "harm"),)

    joblib.dump(Harm(), folder / "harm.joblib")

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    refused(pack(folder, "harm.joblib", output="none.cbm"), "was not read")
    assert not (folder / "harm").exists()
