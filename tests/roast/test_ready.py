"""The ready models are what their recipe makes, say that they are simulated, and run on the board."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from canbean.board import VirtualBoard
from canbean.roast import meter, ready
from canbean.roast.enclosure import DISTANCE_MM
from canbean.tiny import cbm
from canbean_run import canbean, failed

MODELS = Path(__file__).parents[2] / "models"
AGAIN = "canbean roast ready -o models"


@pytest.mark.parametrize("sensor", ready.names())
def test_a_model_is_rebuilt_byte_for_byte(sensor):
    made = ready.build(sensor)
    assert made.content == (MODELS / f"{sensor}.cbm").read_bytes(), f"rebuild: {AGAIN}"
    assert made.card == (MODELS / f"{sensor}.md").read_text(), f"rebuild: {AGAIN}"


@pytest.mark.parametrize("sensor", ready.names())
def test_a_card_says_what_its_model_is(sensor):
    card, path = (MODELS / f"{sensor}.md").read_text(), MODELS / f"{sensor}.cbm"
    opened = meter.load(cbm.read(path))
    assert opened.meta["data"] == "simulated"
    assert opened.meta["calibrated"] is True
    assert "**Trained on simulation.**" in card
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card
    assert f"| size | {path.stat().st_size} bytes |" in card
    for channel in opened.channels:
        assert f"`{channel}`" in card
    assert AGAIN in card
    # 0-180 within 5: of the units that are judged nine readings in ten at least
    assert all(int(share) >= 90 for share in re.findall(r"\| (\d+)% \|$", card, re.MULTILINE))
    assert f"`{sensor}.cbm`" in (MODELS / "README.md").read_text()


def test_every_sensor_has_one_and_nothing_else_lies_there():
    assert set(ready.names()) == set(DISTANCE_MM)
    wanted = {f"{name}.{end}" for name in ready.names() for end in ("cbm", "md")} | {"README.md"}
    assert {path.name for path in MODELS.iterdir()} == wanted


@pytest.mark.parametrize("sensor", ready.names())
def test_a_board_takes_it(sensor, vm):
    with VirtualBoard(MODELS / f"{sensor}.cbm", "roastmeter") as board:
        done = canbean("roast", "read", "--port", board.port, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out.splitlines()[0])["value"] is None


def test_the_verb_writes_model_and_card(tmp_path, monkeypatch):
    monkeypatch.setattr(ready, "build", lambda name: ready.Ready(name, b"of " + name.encode(), f"# {name}"))
    done = canbean("roast", "ready", "-o", tmp_path, "--sensor", "tcs3200")
    assert done.code == 0, done.err
    assert "trained on simulation" in done.out
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "tcs3200.cbm": "of tcs3200",
        "tcs3200.md": "# tcs3200",
    }
    said = json.loads(canbean("roast", "ready", "-o", tmp_path, "--json").out)
    assert [row["sensor"] for row in said["models"]] == list(ready.names())
    assert said["data"] == "simulated"
    failed(canbean("roast", "ready", "-o", tmp_path, "--sensor", "as7341"), "max3010x")
    failed(canbean("roast", "ready", "-o", tmp_path / "none"), "none")
