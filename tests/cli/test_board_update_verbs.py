"""`canbean board model | settings | key` and `canbean model tune --on`, on the virtual board."""

import json

import pytest

from canbean.board import Board, VirtualBoard, settings
from canbean.tiny import cbm, keys
from canbean_run import canbean, failed
from model_cases import small
from tune_cases import THRESHOLD, car

pytestmark = pytest.mark.usefixtures("vm")


@pytest.fixture
def on(tmp_path):
    cbm.write(tmp_path / "car.cbm", car())
    cbm.write(tmp_path / "new.cbm", car(note="new"))
    with VirtualBoard(tmp_path / "car.cbm", heap="128wK") as virtual:
        yield virtual, tmp_path


def said(*words):
    done = canbean(*words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def now(port):
    with Board(port) as board:
        return settings.read(board)


def test_a_model_goes_onto_the_board(on):
    virtual, folder = on
    told = said("board", "model", folder / "new.cbm", "--port", virtual.port)
    assert told["after"] == told["digest"][:16] != told["before"]
    assert told["slot"] == "a.cbm"
    done = canbean("board", "model", folder / "car.cbm", "--port", virtual.port)
    assert done.code == 0
    assert "runs" in done.out
    assert done.out.endswith(f"next: canbean board monitor --port {virtual.port} --alerts alerts.jsonl\n")
    cbm.write(folder / "meter.cbm", small("POLY"))
    failed(
        canbean("board", "model", folder / "meter.cbm", "--port", virtual.port),
        "and the board runs 'gateway'",
    )
    (folder / "cut.cbm").write_bytes(b"CBM1")
    failed(canbean("board", "model", folder / "cut.cbm", "--port", virtual.port), "cut.cbm")
    gold = bytearray(car().sections["GOLD"])
    gold[-4] ^= 1
    cbm.write(folder / "wrong.cbm", cbm.Model({**car().sections, "GOLD": bytes(gold)}))
    done = canbean("board", "model", folder / "wrong.cbm", "--port", virtual.port)
    failed(done, "a golden frame is answered differently here")
    assert now(virtual.port).slot == "b.cbm"


def test_settings(on):
    virtual, _ = on
    told = said("board", "settings", "--port", virtual.port, "--set", "bitrate 250000", "--set", "allow 2c5")
    assert told["settings"] == ["bitrate 250000", "allow 2C5"]
    assert (told["number"], told["rules_in_use"]) == (2, 1)
    told = said("board", "settings", "--port", virtual.port, "--unset", "bitrate", "--restart")
    assert told["settings"] == ["allow 2C5"]
    done = canbean("board", "settings", "--port", virtual.port)
    assert "allow 2C5" in done.out
    assert f"digest {told['digest']}" in done.out
    failed(
        canbean("board", "settings", "--port", virtual.port, "--set", "bitrate 3"),
        "bitrate: 10000 to 1000000",
    )
    for words, says in (("threshold abc", "whole number"), ("threshold", "value is missing")):
        failed(canbean("board", "settings", "--port", virtual.port, "--set", words), says)
    failed(
        canbean("board", "settings", "--port", virtual.port, "--unset", "listen"), "nothing of that is set"
    )


def test_a_key(on):
    virtual, folder = on
    port = virtual.port
    key, other = folder / "K", folder / "L"
    failed(canbean("board", "key", "--port", port), "give -o K")
    assert canbean("board", "key", "--port", port, "-o", key).code == 0
    assert keys.read_key(key).hex() == (virtual.folder / "key").read_text()
    failed(
        canbean("board", "settings", "--port", port, "--set", "listen 0"),
        "this board has a key: give it with --key",
    )
    failed(canbean("board", "key", "--port", port, "-o", other), "this board has a key: give it with --key")
    assert not other.exists()
    keys.new_key(other)
    assert said("board", "settings", "--port", port, "--set", "listen 0", "--key", key)["settings"] == [
        "listen 0"
    ]
    failed(
        canbean("board", "settings", "--port", port, "--set", "listen 1", "--key", other),
        "the MAC does not fit",
    )
    failed(canbean("board", "model", folder / "new.cbm", "--port", port, "--key", key), "is not signed")
    assert canbean("model", "sign", folder / "new.cbm", "--key", key, "-o", folder / "signed.cbm").code == 0
    assert said("board", "model", folder / "signed.cbm", "--port", port, "--key", key)["slot"] == "a.cbm"
    assert canbean("board", "key", "--port", port, "--remove", "--key", key).code == 0
    assert not (virtual.folder / "key").exists()


def test_tuned_on_the_board(on):
    virtual, folder = on
    tune = ("model", "tune", folder / "car.cbm", "--on", virtual.port)
    told = said(*tune, "--threshold", "30", "--allow", "700-7FF", "--deny", "2C5#00..FF")
    assert told["changed"]
    assert told["before"]["threshold_bits"] == THRESHOLD / 16
    assert told["after"]["threshold_bits"] == 30
    assert told["after"]["settings"] == [
        f"threshold {30 * 16 - THRESHOLD}",
        "deny 2C5#00..FF",
        "allow 700/700",
    ]
    # steps go from what is in use, rules are added
    told = said(*tune, "--more-precision", "--deny", "2C6")
    assert told["after"]["threshold_bits"] > 30
    assert len(told["after"]["settings"]) == 4
    assert told["after"]["rules_in_use"] == 3
    assert not said(*tune, "--deny", "2C6")["changed"]
    assert said(*tune, "--list")["after"] == told["after"]
    told = said(*tune, "--threshold", f"{THRESHOLD / 16}", "--clear-rules")
    assert told["after"]["settings"] == []
    assert told["after"]["rules_in_use"] == 0
    done = canbean(*tune, "--clear-rules")
    assert "nothing was changed" in done.err
    failed(canbean(*tune, "--threshold", "3"), "under 4 bits")
    failed(canbean(*tune, "--threshold", "9", "-o", folder / "x.cbm"), "give one")
    failed(canbean(*tune), "nothing to tune")
    many = [word for i in range(64) for word in ("--allow", f"{i:03X}#{i:02X}112233445566")]
    failed(canbean(*tune, *many), "bytes does not fit")
    other = ("model", "tune", folder / "new.cbm", "--on", virtual.port, "--deny", "2C6")
    failed(canbean(*other), "the board runs the model")
