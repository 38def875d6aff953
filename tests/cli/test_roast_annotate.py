"""`canbean roast annotate` as a user types it."""

import ast
import contextlib
import json
from types import SimpleNamespace

import pytest

from canbean.board import VirtualBoard
from canbean.cli import roast_annotate
from canbean_run import canbean, failed
from serial_meters import HELLO

LOG = "{'title': 'Kenya', 'ground_color': 0, 'whole_color': 0, 'color_system': ''}"


@pytest.fixture
def logs(tmp_path):
    paths = [tmp_path / "a.alog", tmp_path / "b [x].alog"]
    for path in paths:
        path.write_text(LOG)
    return paths


def read(path):
    return ast.literal_eval(path.read_text())


def test_several_logs_at_once(logs):
    done = canbean("roast", "annotate", *logs, "--ground", "87", "--whole", "80", "--system", "Agtron")
    assert done.code == 0, done.err
    for path in logs:
        assert read(path) == {
            "title": "Kenya",
            "ground_color": 87,
            "whole_color": 80,
            "color_system": "Agtron",
        }
        assert path.with_name(path.name + ".bak").read_text() == LOG
        assert f"{path}: whole_color 80, ground_color 87, color_system Agtron" in done.out
    again = canbean("roast", "annotate", *logs, "--ground", "87", "--json")
    assert json.loads(again.out) == {
        "entries": {"ground_color": 87},
        "files": [{"file": str(path), "copy": None} for path in logs],
    }


def test_wrong_usage_is_said_and_changes_nothing(logs):
    failed(canbean("roast", "annotate", logs[0]), "nothing to write")
    failed(canbean("roast", "annotate", logs[0], "--ground", "1", "--port", "x"), "not both")
    failed(canbean("roast", "annotate", logs[0], "--system", "a\nb"), "--system")
    assert canbean("roast", "annotate", logs[0], "--ground", "-1").code == 2
    failed(canbean("roast", "annotate", logs[0], "missing.alog", "--ground", "1"), "missing.alog")
    # a bad log is found before the meter is asked
    logs[1].write_text("[]")
    failed(canbean("roast", "annotate", *logs, "--port", "no-port"), logs[1])
    assert [path.read_text() for path in logs] == [LOG, "[]"]


def test_the_value_comes_from_the_meter(logs, tmp_path, vm, monkeypatch):
    model, pairs = tmp_path / "m.cbm", tmp_path / "pairs.csv"
    assert canbean("roast", "simulate", "-o", pairs, "--lots", "8").code == 0
    assert canbean("roast", "fit", pairs, "-o", model, "--models", "ridge").code == 0
    with VirtualBoard(model, "roastmeter") as board:
        failed(canbean("roast", "annotate", logs[0], "--port", board.port), "the sensor does not answer")
        assert read(logs[0])["ground_color"] == 0
        fed = canbean("roast", "read", "--port", board.port, "--samples", pairs, "-m", model, "--json")
        last = json.loads(fed.out)["cups"][-1]["reading"]
        assert canbean("roast", "annotate", logs[0], "--port", board.port).code == 0
    assert read(logs[0])["ground_color"] == int(last + 0.5)


def test_a_meter_that_settles_is_waited_for(monkeypatch, capsys):
    said = iter([("not settled", None), ("ok", 86.5)])

    def fresh(board):
        quality, value = next(said)
        return type("Record", (), {"values": {"quality": quality, "value": value}})

    monkeypatch.setattr(
        roast_annotate, "open_meter", lambda _: contextlib.nullcontext(SimpleNamespace(hello=HELLO))
    )
    monkeypatch.setattr(roast_annotate, "fresh", fresh)
    monkeypatch.setattr(roast_annotate.time, "sleep", lambda s: None)
    assert roast_annotate.ground_from("p") == 87
    assert not capsys.readouterr().err
    monkeypatch.setitem(HELLO, "sensor", "fed sensor")
    said = iter([("ok", 86.5)])
    assert roast_annotate.ground_from("p") == 87
    assert "its value is simulated" in capsys.readouterr().err
