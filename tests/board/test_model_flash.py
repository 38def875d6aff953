"""The application `model` from a bare board on: flashed, joined for its model, and answering as the host does."""

import pytest
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier

from canbean.board import Board, firmware
from canbean.board.bare import BareBoard
from canbean.tiny import cbm
from canbean.tiny.estimators import from_sklearn
from canbean_run import canbean

pytestmark = pytest.mark.usefixtures("vm", "impatient_esptool")
X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    """A classifier of three flowers, and the file that holds it."""
    one = from_sklearn(KNeighborsClassifier(3).fit(X[::5], Y[::5]), X[::5])
    path = tmp_path_factory.mktemp("model") / "flowers.cbm"
    cbm.write(path, one.model())
    return one, path


def test_from_a_bare_board_to_a_prediction(flowers):
    model, path = flowers
    with BareBoard() as bare:
        words = ("-b", "wemos-d1-mini", "-p", bare.port, "-m", path, "--image", bare.image)
        done = canbean("board", "flash", "--app", "model", *words)
        assert done.code == 0, done.err
        assert f"model on wemos-d1-mini runs model {cbm.digest(path.read_bytes())[:16]}" in done.out
        rows = model.features.readings(X[3::40])
        expected = model.predict(rows).tolist()
        with Board(bare.port) as line:
            assert (line.hello["app"], line.hello["golden"]) == ("model", "ok")
            for row, values, (label, margin) in zip(rows, X[3::40], expected, strict=True):
                fed = line.ask("sample " + " ".join(map(str, row)), "prediction").values
                typed = line.ask("predict " + " ".join(map(str, values)), "prediction").values
                assert fed["raw"] == typed["raw"] == row.tolist()
                assert fed["class"] == typed["class"] == model.classes[label]
                assert fed["margin"] == pytest.approx(margin * 10.0**model.exponent, rel=1e-12)


@pytest.mark.parametrize("architecture", [None, "xtensa"])
def test_it_is_joined_into_files_that_a_small_board_can_load(flowers, tmp_path, architecture):
    _, path = flowers
    firmware.build(tmp_path, "model", "wemos_d1_mini", architecture=architecture, model=cbm.read(path))
    loaded = ("apps/model", "canbean/__init__", "boards/wemos_d1_mini")
    assert sum((tmp_path / f"{name}.mpy").stat().st_size for name in loaded) <= 8192
    # of models it has the kind that this one is of, and no alerts
    assert not (tmp_path / "canbean" / "neighbours.mpy").exists()
    assert (tmp_path / "canbean" / "forest.mpy").exists()
    assert b"alert" not in (tmp_path / "canbean" / "__init__.mpy").read_bytes()
