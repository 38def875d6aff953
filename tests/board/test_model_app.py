"""The application `model` on the virtual board: every key as listed, every answer as the host computes it."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, IsolationForest, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, SVR

from canbean.board import Board, VirtualBoard, virtual
from canbean.errors import BoardError
from canbean.tiny import cbm
from canbean.tiny.columns import channel
from canbean.tiny.estimators import from_sklearn
from canbean.tiny.features import Features
from canbean.tiny.predictor import Predictor
from kind_cases import random_lstm, random_rows, random_transitions

pytestmark = pytest.mark.usefixtures("vm")
X, Y = load_iris(return_X_y=True)
NAMES = np.array(['one"quoted', "two", "drei ä"])


def row_of(values):
    return "predict " + " ".join(map(str, values))


def test_it_says_every_key_that_the_readme_lists(tmp_path):
    readme = (virtual.Path(virtual.__file__).parent / "README.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z]+)` \| (.*) \|$", readme, re.MULTILINE))
    cbm.write(tmp_path / "m.cbm", from_sklearn(LinearRegression().fit(X, Y), X).model())

    def said(kind, part=0):
        keys = re.findall(r"`([^`]*)`", listed[kind])[part].split()
        return ["type", "boot", "seq", *keys, "crc"]

    with VirtualBoard(tmp_path / "m.cbm", "model") as board, Board(board.port) as line:
        assert list(line.ask("hello", "hello").values) == said("hello")
        assert line.hello["app"] == "model"
        assert list(line.ask(row_of(X[0]), "prediction").values) == said("prediction")
        assert list(line.ask("status", "status").values) == said("status", 2)
        assert line.ask("status", "status").values["predictions"] == 1


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (LinearRegression(), Y * 1e-6),
        (SVR(), Y),
        (RandomForestRegressor(3, random_state=0), np.column_stack([Y, -1e9 * Y])),
        (GradientBoostingClassifier(n_estimators=5, random_state=0), NAMES[Y]),
        (SVC(), NAMES[Y]),
        (KNeighborsClassifier(3), Y > 0),
        (IsolationForest(n_estimators=5, random_state=0), None),
        (GaussianMixture(2, covariance_type="diag", random_state=0), None),
    ],
    ids=lambda v: type(v).__name__,
)
def test_predictions_are_the_hosts(tmp_path, estimator, target):
    x = X[::3] if isinstance(estimator, KNeighborsClassifier) else X
    y = target if target is None else target[::3] if len(x) < len(X) else target
    model = from_sklearn(estimator.fit(x, y), x)
    cbm.write(tmp_path / "m.cbm", model.model())
    values = X[::10] + np.array([0.04, -0.06, 0.1, 0.36])
    expected = model.predict(model.features.readings(values))
    meant = model.answer(values)
    with VirtualBoard(tmp_path / "m.cbm", "model") as board, Board(board.port) as line:
        assert line.hello["golden"] == "ok"
        for row, answer, real in zip(values, expected.tolist(), meant.tolist(), strict=True):
            said = line.ask(row_of(np.round(row, 6)), "prediction").values
            assert said["raw"] == model.features.readings(row[None])[0].tolist()
            unit = 10.0**model.exponent
            if model.task == "classification":
                assert said["class"] == real
                assert said["margin"] == pytest.approx(answer[1] * unit, rel=1e-12)
                assert said["value"] is said["anomaly"] is None
            else:
                numbers = answer[: model.outputs]
                found = said["value"] if len(numbers) > 1 else [said["value"]]
                assert found == pytest.approx([n * unit for n in numbers], rel=1e-12)
                assert said["anomaly"] == (real if model.task == "anomaly" else None)
                assert said["class"] is said["margin"] is None


def test_what_it_does_not_take_is_answered(tmp_path):
    cbm.write(tmp_path / "m.cbm", from_sklearn(LinearRegression().fit(X, Y), X).model())
    with VirtualBoard(tmp_path / "m.cbm", "model") as board, Board(board.port) as line:
        for words, reason in (
            ("predict", "this model takes 4 numbers, these are 0"),
            ("predict 1 2 3", "takes 4 numbers, these are 3"),
            ("predict 1 2 3 x", "not a decimal number: x"),
            ("predict 1 2 3 1e5", "not a decimal number: 1e5"),
            ("sample 1 2 3", "takes 4 numbers, these are 3"),
            ("sample 1 2 3 x", "x"),
            ("stream 5", "unknown command: stream"),
        ):
            with pytest.raises(BoardError, match=reason):
                line.ask(words, "prediction")
        line.ask("predict 99999999999999999999 -1 0.5 .5", "prediction")
        assert line.ask("status", "status").values["predictions"] == 1


def test_a_model_with_a_wrong_golden_answer_is_refused(tmp_path):
    model = from_sklearn(LinearRegression().fit(X, Y), X)
    good = model.model()
    gold = bytearray(good.sections["GOLD"])
    gold[-1] ^= 1
    cbm.write(tmp_path / "m.cbm", cbm.Model({**good.sections, "GOLD": bytes(gold)}))
    with VirtualBoard(tmp_path / "m.cbm", "model") as board, Board(board.port) as line:
        assert line.hello["golden"] == "failed"
        with pytest.raises(BoardError, match="a golden row is answered differently here"):
            line.ask(row_of(X[0]), "prediction")


def test_models_of_other_applications_are_refused(tmp_path):
    model = from_sklearn(LinearRegression().fit(X, Y), X).model()
    meta = cbm.encode_meta({"app": "roastmeter"})
    cbm.write(tmp_path / "m.cbm", cbm.Model({**model.sections, "META": meta}))
    with VirtualBoard(tmp_path / "m.cbm", "model") as board, Board(board.port) as line:
        assert "the model is for the application roastmeter, not model" in line.refusal


@pytest.mark.parametrize("make", [random_lstm, random_transitions])
def test_a_kind_with_a_state_goes_on_until_reset(tmp_path, make):
    """Each golden vector begins a sequence; the rows that are asked for are one."""
    rng = np.random.default_rng(8)
    kind = make(rng)
    # the features are the readings
    front = Features(tuple(channel(0, 0.0, 1.0) for _ in range(kind.features)))
    model = Predictor(front, kind, "regression")
    values = random_rows(rng, kind, 8)
    model = replace(model, examples=front.readings(values))
    cbm.write(tmp_path / "m.cbm", model.model())
    expected = model.predict(front.readings(values))
    assert len(np.unique(expected, axis=0)) > 2
    with VirtualBoard(tmp_path / "m.cbm", "model") as board, Board(board.port) as line:
        assert line.hello["golden"] == "ok"
        for _ in range(2):
            said = [line.ask(row_of(row), "prediction").values["value"] for row in values]
            assert np.array(said).reshape(expected.shape).tolist() == expected.tolist()
            line.command("reset")
