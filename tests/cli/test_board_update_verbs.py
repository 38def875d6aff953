"""`canbean board model | settings | key` and `canbean model tune --on`, on the virtual board."""

import json
import shlex

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


def test_of_several_changes_those_before_a_refused_one_are_kept_and_said(on):
    virtual, _ = on
    several = [word for line in ("allow 2C5", "bitrate 3", "threshold 8") for word in ("--set", line)]
    done = canbean("board", "settings", "--port", virtual.port, *several)
    failed(
        done,
        "bitrate: 10000 to 1000000; what came before it is kept: set allow 2C5; not sent: set threshold 8",
    )
    assert now(virtual.port).lines == (("allow", "2C5"),)
    # what can be told without the board is, before anything is sent
    done = canbean("board", "settings", "--port", virtual.port, "--set", "deny 2C6", "--set", "colour blue")
    failed(done, "no such setting: colour")
    assert now(virtual.port).lines == (("allow", "2C5"),)


def test_a_calibration_that_another_light_takes_away_is_said(tmp_path):
    cbm.write(tmp_path / "m.cbm", small("POLY"))
    calibration = "calibration 2026-11-26 kit 460 245570 139529 -7660 15348 84911 141126 -7183 5307"
    with VirtualBoard(tmp_path / "m.cbm", "roastmeter", cup=(31000, 81000, 436)) as virtual:
        change = ("board", "settings", "--port", virtual.port)
        assert canbean(*change, "--set", "led 6").err == ""
        assert canbean(*change, "--set", calibration).err == ""
        assert canbean(*change, "--set", "led 6").err == ""
        for refused in ((), ("--set", "swap 7")):
            done = canbean(*change, "--set", "led 5", *refused)
            assert done.code == len(refused) // 2
            said = done.err.splitlines()[0]
            assert said.startswith(
                "the calibration of 2026-11-26 (kit) was made in another light and is gone: "
            )
            # as it says
            assert canbean(*shlex.split(said[said.index("board settings") :])).err == ""
            assert dict(now(virtual.port).lines) == {"led": "6", "calibration": calibration.partition(" ")[2]}
        assert canbean(*change, "--unset", "calibration").err == ""


def test_a_key_says_what_becomes_of_the_model_that_runs(on):
    virtual, folder = on
    key, change = folder / "K", ("board", "settings", "--port", virtual.port)
    done = canbean("board", "key", "--port", virtual.port, "-o", key)
    with Board(virtual.port) as board:
        runs = board.hello["model"]
    assert (
        f"the model that runs, {runs}, is not signed with it: the board refuses it at its next start"
        in done.err
    )
    typed = done.err.strip().partition("now: canbean ")[2].replace("MODEL.cbm", str(folder / "car.cbm"))
    sign, send = (
        shlex.split(part.replace("signed.cbm", str(folder / "signed.cbm")))
        for part in typed.split(" && canbean ")
    )
    done = canbean(*change, "--set", "threshold 8", "--restart", "--key", key)
    failed(
        done,
        "refuses the model that it ran: the model is not signed, and this board has a key; now: canbean model sign",
    )
    assert now(virtual.port).threshold == 8
    for words in (sign, send):
        assert canbean(*words).code == 0
    assert canbean(*change, "--restart", "--key", key).code == 0


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
