"""`canbean roast pair` and `roast read` as a person uses them, with meters that answer on a TCP port."""

import builtins
import csv
import io
import json
from pathlib import Path

import pytest

from canbean.board import VirtualBoard, roastmeter
from canbean.cli import roast_live
from canbean.roast import pairs
from canbean.roast.reading import parse
from canbean.roast.trend import Trend
from canbean_run import canbean, failed
from roastmeter_cases import KIT
from serial_meters import EMPTY, READING, Button, Meter, Tonino

MODELS = Path(__file__).parents[2] / "models"
# pyserial does not close a socket that the other end has closed
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def typing(monkeypatch):
    """What is typed, line by line; after the last the keyboard is closed."""

    def types(*lines):
        rest = iter(lines)

        def read(*_):
            line = next(rest, None)
            if line is None:
                raise EOFError
            if isinstance(line, BaseException):
                raise line
            return line() if callable(line) else line

        monkeypatch.setattr(builtins, "input", read)

    return types


def test_simulated_from_begin_to_fit(tmp_path):
    file = tmp_path / "p.csv"
    done = canbean("roast", "pair", "--simulate", "-o", file, "--target", "24", "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    assert said["data"] == "simulated"
    assert said["ended"]
    assert said["pairs"] == len(pairs.read(file)) >= 24
    assert "This looks odd" in done.err or said["redone"] == 0
    # the same command has nothing to do; a larger one goes on, with other tamps of the same coffee
    again = json.loads(canbean("roast", "pair", "--simulate", "-o", file, "--target", "24", "--json").out)
    assert again["pairs"] == said["pairs"]
    more = json.loads(canbean("roast", "pair", "--simulate", "-o", file, "--target", "30", "--json").out)
    assert more["pairs"] >= 30
    fitted = canbean("roast", "fit", file, "-o", tmp_path / "m.cbm", "--models", "ridge", "--json")
    assert json.loads(fitted.out)["data"] == "simulated"


def test_a_person_at_the_keyboard(tmp_path, typing):
    file = tmp_path / "p.csv"
    with Meter([{**READING, "counts": [k, k]} for k in range(1, 400)]) as meter:
        typing(
            *("Kenya", "78", "Brazil", "medium", ""),
            *("", ""),  # the first lot, which is put on our meter
            *("seventy", "back", "", "61"),  # typed wrong, taken back, read again
            KeyboardInterrupt(),
        )
        done = canbean("roast", "pair", "--port", meter.port, "-o", file)
    assert done.code == 0, done.err
    assert "'seventy' is not a number" in done.err
    assert "Next: Kenya" in done.err
    assert "The same command goes on" in done.err
    found = pairs.read(file)
    assert found.reference.tolist() == [61]
    assert found.unit == ("kitchen",)
    assert found.channel_names == ("red", "infrared", "temperature")
    assert found.channels.tolist() == [[8.123, 27.456, 27.25]]
    assert found.decimals == (3, 3, 2)

    with Meter() as meter:
        # it goes on with the cup that stands there: this tamp the professional meter is first
        typing("", "60")
        done = canbean("roast", "pair", "--port", meter.port, "-o", file, "--json")
    assert "Go on with Kenya, cup 1: 1 of its 3 tamps are done" in done.err
    assert json.loads(done.out)["pairs"] == 1


def test_a_reading_that_is_none_is_said_and_asked_again(tmp_path, typing):
    with Meter(EMPTY) as meter:

        def laid():
            meter.reading = READING
            return ""

        typing("Kenya", "?", "", "", "", laid, "78", "done")
        done = canbean("roast", "pair", "--port", meter.port, "-o", tmp_path / "p.csv", "--json")
    assert "nothing lies on the window" in done.err
    assert json.loads(done.out)["pairs"] == 1


def test_counts_of_a_unit_that_is_not_calibrated(tmp_path, typing, monkeypatch):
    monkeypatch.setattr(roastmeter, "FRESH_S", 0.3)
    raw = {**READING, "value": None, "quality": "not calibrated", "counts": [31000, 81000]}
    with Meter(raw, noisy=False) as meter:
        typing("Kenya", "?", "", "", "", "78", "done")
        canbean("roast", "pair", "--port", meter.port, "-o", tmp_path / "p.csv", "--counts", "--unit", "mine")
        typing()
        refused = canbean("roast", "pair", "--port", meter.port, "-o", tmp_path / "q.csv")
    found = pairs.read(tmp_path / "p.csv")
    assert found.channels.tolist() == [[31000, 81000, 27.25]]
    assert found.unit == ("mine",)
    failed(
        refused,
        f"not calibrated: run `canbean roast calibrate --port {meter.port}`, or pair its counts with --counts",
    )
    assert not list(tmp_path.glob("q.csv*"))


def test_the_other_kind_is_refused_before_the_first_question(tmp_path, typing):
    file = tmp_path / "p.csv"
    typing()
    with Meter({**READING, "quality": "empty"}) as meter:
        assert canbean("roast", "simulate", "-o", file, "--lots", "4").code == 0
        words = ("roast", "pair", "--port", meter.port, "-o", file, "--unit", "simulated-0")
        failed(canbean(*words), "holds counts")
        assert canbean("roast", "simulate", "-o", file, "--lots", "4", "--calibrated").code == 0
        failed(canbean(*words, "--counts"), "holds reflectances")
        failed(canbean(*words[:-2]), "holds pairs of simulated-0, this is kitchen")
    failed(canbean("roast", "pair", "--simulate", "-o", file, "--counts"), "holds reflectances")
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


def test_reflectances_with_a_model_of_counts_on_the_meter(tmp_path, typing):
    """The unit's calibration makes them, whatever model the board has."""
    with Meter({**READING, "raw": [31000, 81000, 2725]}, noisy=False, calibration=KIT.words()) as meter:
        typing("Kenya", "?", "", "", "", "78", "done")
        done = canbean("roast", "pair", "--port", meter.port, "-o", tmp_path / "p.csv")
    assert done.code == 0, done.err
    found = pairs.read(tmp_path / "p.csv")
    milli = KIT.apply([[31000, 81000]], [436])[0] / 1000
    assert found.channels.tolist() == [[*milli.tolist(), 27.25]]


def test_a_meter_without_a_sensor_is_said_at_once(tmp_path, typing):
    typing()
    with Meter({**EMPTY, "quality": "no sensor", "counts": None}) as meter:
        failed(canbean("roast", "pair", "--port", meter.port, "-o", tmp_path / "p.csv"), "look at its wires")


def test_the_meter_may_be_unplugged_meanwhile(tmp_path, typing):
    with Meter() as meter:

        def unplugged():
            meter.unplug()
            return ""

        def plugged():
            meter.plug()
            return ""

        typing("Kenya", "?", "", "", unplugged, plugged, "78", "done")
        done = canbean("roast", "pair", "--port", meter.port, "-o", tmp_path / "p.csv", "--json")
    assert "went away" in done.err or "no answer" in done.err
    assert json.loads(done.out)["pairs"] == 1


@pytest.mark.parametrize("kind", ["plain", "tonino"])
def test_the_professional_meter_on_its_own_port(tmp_path, typing, kind):
    with Meter() as meter, Button() if kind == "plain" else Tonino(b"SCAN:82\n") as other:

        def pressed():
            if kind == "plain":
                other.press(b"82.0")
            return ""

        typing("Kenya", "?", "", "", "", pressed, "done")
        words = ("--reference-port", other.port, "--reference-format", kind)
        done = canbean("roast", "pair", "--port", meter.port, "-o", tmp_path / "p.csv", *words)
    assert "the professional meter says 82" in done.err
    assert pairs.read(tmp_path / "p.csv").reference.tolist() == [82]


def test_a_virtual_board_measures_the_simulated_coffee(tmp_path, vm):
    """Ready model, simulated unit: calibrated, paired and scored, all on the board."""
    model, file = MODELS / "max3010x.cbm", tmp_path / "p.csv"
    with VirtualBoard(model, "roastmeter", heap="64wK") as board:
        words = ("roast", "pair", "--simulate", "--port", board.port, "-o", file, "--target", "9", "--json")
        refused = canbean(*words)
        assert refused.code == 1
        assert "not calibrated" in refused.err.splitlines()[-1]
        calibrated = canbean("roast", "calibrate", "--simulate", "--port", board.port)
        assert calibrated.code == 0, calibrated.err
        done = canbean(*words)
    said = json.loads(done.out)
    assert (said["data"], said["ended"]) == ("simulated", True)
    found = pairs.read(file)
    assert found.decimals == (3, 3, 2)
    assert set(found.unit) == {"simulated-1"}
    scored = json.loads(canbean("roast", "score", file, "-m", model, "--json").out)
    assert scored["rmse"] < 8


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), "--simulate"),
        (("--simulate", "--port", "/dev/none0"), "/dev/none0"),
        (("--port", "/dev/none0"), "/dev/none0"),
        (("--simulate", "--scale", "180:0"), "--scale"),
    ],
)
def test_what_cannot_be_done_gets_one_line(tmp_path, words, names):
    failed(canbean("roast", "pair", "-o", tmp_path / "p.csv", *words), names=names)


def test_a_folder_that_is_not_there_gets_one_line(tmp_path):
    failed(canbean("roast", "pair", "--simulate", "-o", tmp_path / "none" / "p.csv"), names="none")


def test_read_as_lines():
    with Meter([EMPTY, READING, {**READING, "stale": True}]) as meter:
        words = ("roast", "read", "--port", meter.port, "--every", "0")
        lines = canbean(*words, "--count", "3").out.splitlines()
    assert lines[0] == "--  nothing lies on the window: put a tamped cup on it"
    assert lines[1] == "78.3 (75.1 to 81.5)  Medium Light"
    assert lines[2].endswith(
        f"warning: the calibration is stale: run `canbean roast calibrate --port {meter.port}`"
    )


def test_read_as_json_lines_and_csv():
    with Meter([EMPTY, READING], noisy=False) as meter:
        words = ("roast", "read", "--port", meter.port, "--every", "0", "--count", "2")
        first, second = map(json.loads, canbean(*words, "--json").out.splitlines())
        table = list(csv.DictReader(io.StringIO(canbean(*words, "--csv").out)))
    assert (first["value"], first["quality"]) == (None, "empty")
    assert {key: second[key] for key in READING} == READING
    # by then it has gone on to its last reading
    assert table[0]["value"] == "78.3"
    assert table[0]["raw"] == "8123 27456 2725"
    assert table[0]["stale"] == "false"
    assert len(table) == 2
    failed(canbean(*words, "--json", "--csv"), names="not both")


def test_a_meter_with_a_key_takes_no_time_and_its_readings_are_dated_here():
    old = KIT.words().replace(KIT.date.isoformat(), "2020-01-01")
    with Meter({**READING, "stale": None}, calibration=old, key=True) as meter:
        said = json.loads(canbean("roast", "read", "--port", meter.port, "--json").out)
    assert said["stale"] is True


def test_read_says_what_an_error_says():
    with Meter("no sensor here") as meter:
        done = canbean("roast", "read", "--port", meter.port, "--count", "1")
        failed(done, names="no sensor here") if done.code else None


def test_the_panel():
    screen = roast_live.Screen("/dev/ttyUSB0")
    trend = Trend()
    for value in (70, 72, 74, 76, 78.3):
        found = parse({**READING, "value": value, "stale": True})
        summary = trend.add(found)
        screen.take(found)
    out = io.StringIO()
    from rich.console import Console

    console = Console(file=out, width=80)
    console.print(screen.panel(found, summary))
    console.print(screen.panel(parse(EMPTY), summary))
    console.print(screen.panel(None, summary, "the meter went away"))
    shown = out.getvalue()
    for words in (
        "78.3",
        "75.1 to 81.5",
        "Medium Light",
        "rising",
        "stale",
        "nothing lies",
        "went away",
        "▁",
    ):
        assert words in shown, words
