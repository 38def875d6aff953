"""`canbean roast calibrate` on simulated units, a stand-in board, and people who do it wrong."""

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from canbean.board import Board, VirtualBoard, settings
from canbean.cli import roast_calibrate
from canbean.errors import BoardError
from canbean.roast import pairs, simulate, units
from canbean.roast.calibrate import PIECES, WHITES
from canbean.roast.calibration import Calibration
from canbean.roast.simulate import Setting
from canbean_run import canbean, failed

MODELS = Path(__file__).parents[2] / "models"


def test_a_simulated_unit():
    done = canbean("roast", "calibrate", "--simulate", "--number", "4", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert (said["data"], said["unit"], said["sensor"]) == ("simulated", "simulated-4", "max3010x")
    assert (said["coefficients"], said["swapped"], said["kept_on"]) == ("measured", False, None)
    made = Calibration.parse(said["calibration"])
    drift = np.array(units.Unit.drawn(4).drift) * 100
    assert list(said["percent_per_degree"].values()) == pytest.approx(drift, abs=0.05)
    assert len(made.channels) == 2


def test_a_clone_with_swapped_leds_is_told_in_words():
    done = canbean("roast", "calibrate", "--simulate", "--swapped")
    assert done.code == 0, done.err
    assert "simulated unit simulated-1" in done.out
    assert "swapped" in done.out
    assert "\ncalibration 20" in done.out


@pytest.mark.parametrize("sensor", ["tcs34725", "tcs3200"])
def test_a_sensor_without_a_thermometer(sensor):
    said = json.loads(canbean("roast", "calibrate", "--simulate", "--sensor", sensor, "--json").out)
    made = Calibration.parse(said["calibration"])
    assert made.at is None
    assert len(made.channels) == 4


def test_on_known_cups(tmp_path):
    first = simulate.pairs(10, 3, 1, 3, Setting(calibrated=True))
    pairs.write(tmp_path / "first.csv", first)
    said = json.loads(
        canbean(
            "roast", "calibrate", "--simulate", "--cups", tmp_path / "first.csv", "--number", "9", "--json"
        ).out
    )
    made = Calibration.parse(said["calibration"])
    by_tiles = simulate.unit_of("max3010x", 9)[1]
    for one, other in zip(made.channels, by_tiles.channels, strict=True):
        assert one.gain == pytest.approx(other.gain, rel=0.06)
    assert said["coefficients"] == "nominal"
    raw = simulate.pairs(10, 3, 1, 3)
    pairs.write(tmp_path / "raw.csv", raw)
    failed(
        canbean("roast", "calibrate", "--simulate", "--cups", tmp_path / "raw.csv"),
        "counts, not reflectances",
    )
    pairs.write(tmp_path / "two.csv", simulate.pairs(2, 3, 1, 3, Setting(calibrated=True)))
    failed(canbean("roast", "calibrate", "--simulate", "--cups", tmp_path / "two.csv"), "2 lots")


def test_what_makes_no_sense():
    failed(canbean("roast", "calibrate"), "--port")
    failed(canbean("roast", "calibrate", "--simulate", "--white", "flour"), "ptfe-sheet")
    failed(canbean("roast", "calibrate", "--port", "P", "--unit", "a b/c"), "--unit 'a b/c' is no name")
    failed(canbean("roast", "calibrate", "--simulate", "--unit", "mine"), "--number")
    failed(canbean("roast", "calibrate", "--again", "--port", "P", "--unit", "mine"), "leave out --unit")


class StandIn:
    """A board that measures what a simulated unit on the bench does, and keeps settings."""

    def __init__(self, number=5):
        self.port = "stand-in"
        self.hello = {"app": "roastmeter"}
        self.meter = simulate.Meter(units.Unit.drawn(number), number)
        self.lines = (("baud", "115200"), ("calibration", "an older one"))
        self.keeps = True
        self.written = []
        self.sensed = None

    def change(self, verb, name, words=""):
        self.written.append(verb + " " + name)
        if self.keeps:
            kept = tuple(line for line in self.lines if line[0] != name)
            self.lines = (*kept, (name, words)) if verb == "set" else kept

    def command(self, text):
        assert text.startswith("sense ")
        self.sensed = [int(word) for word in text.split()[1:]]

    def ask(self, text, kind, timeout=5.0):
        if kind == "settings":
            self.change(*text.split(" ", 2))
            return None
        if self.sensed:
            *counts, celsius16 = self.sensed
        else:
            made = self.meter.read()
            counts, celsius16 = made.counts[0].tolist(), int(made.celsius16[0])
        said = {"counts": counts, "celsius": round(celsius16 / 16, 2), "quality": "not calibrated"}
        return type("Record", (), {"values": said})


@pytest.fixture
def board(monkeypatch):
    stand_in = StandIn()

    @contextmanager
    def opened(port):
        yield stand_in

    def read(board):
        return roast_calibrate.settings.Settings(board.lines)

    monkeypatch.setattr(roast_calibrate, "open_meter", opened)
    monkeypatch.setattr(roast_calibrate.settings, "read", read)
    monkeypatch.setattr(roast_calibrate.time, "sleep", lambda s: None)
    return stand_in


def person(board, monkeypatch, mistakes=()):
    """A person who lays on what is asked for, or first what `mistakes` has for a step."""
    left = dict(mistakes)
    asked = []

    def prompt(text, **_):
        name = text.partition(":")[0]
        asked.append(name)
        guide = roast_calibrate.Guide(
            board.meter.unit.sensor,
            roast_calibrate.references.white("ptfe-sheet"),
            roast_calibrate.references.black("toner"),
        )
        board.meter.follow(roast_calibrate.Step(left.pop(name, name), ""), guide)
        return ""

    monkeypatch.setattr(roast_calibrate.typer, "prompt", prompt)
    return asked


def test_a_person_at_a_board(board, monkeypatch):
    asked = person(board, monkeypatch)
    done = canbean("roast", "calibrate", "--port", "P", "--unit", "bar-2")
    assert done.code == 0, done.err
    assert asked == ["white", *(f"white {k}" for k in range(2, WHITES + 1)), "black", "empty", "coffee"]
    kept = dict(board.lines)
    assert kept["baud"] == "115200"
    assert Calibration.parse(kept["calibration"]).unit == "bar-2"
    assert "swap" not in kept
    assert board.written == ["set calibration"]
    assert "unit bar-2" in done.out
    assert "simulated" not in done.out


def test_the_white_alone_is_laid_on_again_in_a_warmer_room(board, monkeypatch):
    person(board, monkeypatch)
    failed(canbean("roast", "calibrate", "--again"), "--port P")
    failed(canbean("roast", "calibrate", "--port", "P", "--again", "--cups", "x.csv"), "--cups")
    failed(canbean("roast", "calibrate", "--port", "P", "--again"), "calibrate again")
    board.lines = ()
    failed(canbean("roast", "calibrate", "--port", "P", "--again"), "without --again")
    assert canbean("roast", "calibrate", "--port", "P", "--unit", "bar-2").code == 0
    before = Calibration.parse(dict(board.lines)["calibration"])
    board.meter.unit = replace(board.meter.unit, gain=tuple(0.95 * g for g in board.meter.unit.gain))
    board.meter.unit = replace(board.meter.unit, window=tuple(0.95 * w for w in board.meter.unit.window))
    asked = person(board, monkeypatch)
    done = canbean("roast", "calibrate", "--port", "P", "--again", "--json")
    assert done.code == 0, done.err
    assert asked == ["white", *(f"white {k}" for k in range(2, PIECES + 1))]
    assert "run for a minute" in done.err
    after = Calibration.parse(dict(board.lines)["calibration"])
    assert json.loads(done.out)["calibration"] == after.words()
    assert after.unit == "bar-2"
    for old, new in zip(before.channels, after.channels, strict=True):
        assert new.gain / old.gain == pytest.approx(1 / 0.95, rel=0.01)
        assert new.zero / old.zero == pytest.approx(0.95, rel=0.01)
        assert new.alpha == old.alpha


def test_a_person_who_mistakes_one_for_another_is_asked_again(board, monkeypatch):
    mistakes = {"black": "white", "empty": "black", "white 3": "black", "coffee": "white"}
    asked = person(board, monkeypatch, mistakes)
    done = canbean("roast", "calibrate", "--port", "P")
    assert done.code == 0, done.err
    assert asked == [
        *("white", "white 2", "white 3", "white 3", *(f"white {k}" for k in range(4, WHITES + 1))),
        *("black", "black", "empty", "empty", "coffee", "coffee"),
    ]
    for words in (
        "does not lie flat",
        "this is no black",
        "something lies on the window",
        "no ground coffee",
    ):
        assert words in done.err


def test_a_sensor_that_is_not_there_or_another_one(board, monkeypatch):
    person(board, monkeypatch)
    failed(
        canbean("roast", "calibrate", "--port", "P", "--sensor", "tcs34725"),
        "the meter's sensor has 2 channels, a tcs34725 has 4: leave out --sensor",
    )
    read = type("Record", (), {"values": {"counts": None, "quality": "no sensor"}})
    monkeypatch.setattr(board, "ask", lambda *_: read)
    failed(canbean("roast", "calibrate", "--port", "P"), "the sensor does not answer: look at its wires")
    assert board.written == []


@pytest.mark.parametrize("words", [(), ("--calibrated",)])
def test_whatever_model_the_board_has(tmp_path, vm, words):
    """One of counts too, again and again; the cup is then read in what the model takes."""
    assert canbean("roast", "simulate", "-o", tmp_path / "p.csv", "--unit", "1", *words).code == 0
    model = tmp_path / "m.cbm"
    assert canbean("roast", "fit", tmp_path / "p.csv", "-o", model, "--models", "ridge").code == 0
    with VirtualBoard(model, "roastmeter") as virtual:
        kept = []
        for _ in range(2):
            done = canbean("roast", "calibrate", "--simulate", "--port", virtual.port, "--json")
            assert done.code == 0, done.err
            kept.append(json.loads(done.out)["calibration"])
        said = json.loads(canbean("roast", "read", "--port", virtual.port, "--json").out)
    assert Calibration.parse(kept[0]).words() == kept[0] == kept[1]
    assert said["low"] < 60 < said["high"], said
    assert (said["raw"][:2] == said["counts"]) is (not words)


def test_killed_before_the_end_nothing_is_written(board, monkeypatch):
    before = board.lines

    def prompt(text, **_):
        if text.startswith("empty"):
            raise KeyboardInterrupt
        board.meter.follow(
            roast_calibrate.Step(text.partition(":")[0], ""),
            roast_calibrate.Guide(
                board.meter.unit.sensor,
                roast_calibrate.references.white("ptfe-sheet"),
                roast_calibrate.references.black("toner"),
            ),
        )

    monkeypatch.setattr(roast_calibrate.typer, "prompt", prompt)
    assert canbean("roast", "calibrate", "--port", "P").code != 0
    assert (board.lines, board.written) == (before, [])


def test_a_board_that_does_not_keep_it(board, monkeypatch):
    person(board, monkeypatch)
    board.keeps = False
    done = canbean("roast", "calibrate", "--port", "P")
    assert done.code == 1
    assert "did not keep the calibration" in done.err


def test_a_simulated_unit_through_a_board(board):
    said = json.loads(canbean("roast", "calibrate", "--simulate", "--port", "P", "--swapped", "--json").out)
    assert said["swapped"]
    assert said["kept_on"] == "P"
    assert dict(board.lines)["swap"] == "1"
    assert dict(board.lines)["calibration"] == said["calibration"]
    # never a calibration of one order beside the other order
    assert board.written == ["unset calibration", "set swap", "set calibration"]
    again = json.loads(canbean("roast", "calibrate", "--simulate", "--port", "P", "--swapped", "--json").out)
    assert not again["swapped"]
    assert board.written[3:] == ["set calibration"]
    assert dict(board.lines)["swap"] == "1"


def test_the_cup_that_lay_on_a_virtual_board_lies_there_again(board):
    board.sensed = [31937, 53491, 439]
    assert canbean("roast", "calibrate", "--simulate", "--port", "P").code == 0
    assert board.sensed == [31937, 53491, 439]
    board.keeps = False
    assert canbean("roast", "calibrate", "--simulate", "--port", "P", "--number", "9").code == 1
    assert board.sensed == [31937, 53491, 439]


def test_a_meter_that_says_too_little(board):
    board.ask = lambda *_: type("Record", (), {"values": {"counts": None}})
    failed(canbean("roast", "calibrate", "--port", "P"), "no counts: update its firmware")
    with pytest.raises(BoardError, match="no counts"):
        roast_calibrate._said({"counts": None}, "P")


def test_simulated_pairs_of_any_sensor_and_unit(tmp_path):
    done = canbean(
        *("roast", "simulate", "-o", tmp_path / "p.csv", "--sensor", "tcs34725", "--optics", "grains"),
        *("--unit", "7", "--calibrated", "--noise", "least", "--lots", "5"),
    )
    assert done.code == 0, done.err
    made = pairs.read(tmp_path / "p.csv")
    assert made.channel_names == ("red", "green", "blue", "clear")
    assert set(made.unit) == {"simulated-7"}
    assert made.channels.max() < 100
    for option in ("--sensor", "--optics", "--noise"):
        failed(canbean("roast", "simulate", "-o", tmp_path / "q.csv", option, "x"), "there are")


def test_on_the_virtual_board(vm):
    """The board's own reading, calibration and settings, on the smallest board's heap."""
    with VirtualBoard(MODELS / "max3010x.cbm", "roastmeter") as board:
        done = canbean(
            "roast", "calibrate", "--simulate", "--port", board.port, "--number", "9", "--swapped", "--json"
        )
        assert done.code == 0, done.err
        with Board(board.port) as meter:
            lines = dict(settings.read(meter).lines)
    assert lines == {"calibration": json.loads(done.out)["calibration"], "swap": "1"}
