"""`canbean model tune`, as a user would run it."""

import json
import re

import pytest

from canbean.cli import tune as verb
from canbean.detect import model as gateway
from canbean.tiny import cbm, keys
from canbean_run import canbean, failed
from model_cases import small
from tune_cases import car

CURVE = [[10, 30.0], [1, 34.5], [0.1, 41.0]]


@pytest.fixture
def folder(tmp_path):
    cbm.write(tmp_path / "car.cbm", car())
    cbm.write(tmp_path / "curved.cbm", car(curve={"fingerprint": CURVE}))
    keys.write_key(tmp_path / "K", bytes(range(32)))
    keys.write_key(tmp_path / "L", bytes(32))
    return tmp_path


def tuned(folder, model, *words, output="new.cbm"):
    """What `--json` says; the model that was made is whole and has what was said."""
    done = canbean("model", "tune", folder / model, "-o", folder / output, *words, "--json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    blob = (folder / output).read_bytes()
    assert said["model"] == str(folder / output)
    assert said["data"] == "simulated"
    assert (said["bytes"], said["digest"]) == (len(blob), cbm.digest(blob))
    found = cbm.unpack(blob, "new")
    assert gateway.check(found, "new") == 8
    assert found.meta["tuned"] == said["tuned"]
    return said, done.err


def test_a_budget_on_a_measured_curve(folder):
    said, err = tuned(folder, "curved.cbm", "--budget", "0.1/h")
    assert said["parent"] == cbm.digest((folder / "curved.cbm").read_bytes())
    assert said["after"]["threshold_bits"] == 41.0
    assert said["after"]["alerts_per_hour_source"] == "curve"
    assert said["after"]["alerts_per_hour"] == pytest.approx(0.1)
    assert "extrapolated" not in err
    entry = said["tuned"][0]
    assert entry["parent"] == said["parent"]
    assert re.fullmatch(r"--budget 0\.1/h: [0-9.]+ to 41 bits", entry["what"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["when"])
    again, _ = tuned(folder, "new.cbm", "--more-recall", output="newer.cbm")
    assert again["after"]["threshold_bits"] == 34.5
    assert [entry["parent"] for entry in again["tuned"]] == [said["parent"], said["digest"]]
    precise, _ = tuned(folder, "newer.cbm", "--more-precision", output="newest.cbm")
    assert precise["after"] == said["after"]


def test_without_a_curve_halving_the_budget_costs_a_bit(folder):
    said, err = tuned(folder, "car.cbm", "--budget", "0.5")
    assert said["after"]["threshold_bits"] == said["before"]["threshold_bits"] + 1
    assert said["after"]["alerts_per_hour_source"] == "extrapolated"
    assert "extrapolated" in said["tuned"][0]["what"]
    assert "not verified" in err
    up, _ = tuned(folder, "car.cbm", "--more-precision")
    assert up["after"] == said["after"]
    assert "far faster" not in err
    assert "far faster" in tuned(folder, "car.cbm", "--more-recall")[1]
    tuned(folder, "car.cbm", "--budget", "0.5")
    back, _ = tuned(folder, "new.cbm", "--budget", "1", output="back.cbm")
    assert back["after"] == said["before"]


def test_rules_are_added_replaced_and_cleared(folder):
    said, _ = tuned(folder, "car.cbm", "--allow", "2C5", "--deny", "700-7FF", "--deny", "2C5#00..FF")
    assert said["before"]["rules"] == []
    assert said["after"]["rules"] == ["deny 2C5#00..FF", "allow 2C5", "deny 700-7FF"]
    assert said["tuned"][0]["what"] == "--deny 2C5#00..FF; --allow 2C5; --deny 700-7FF"
    said, _ = tuned(folder, "new.cbm", "--deny", "2C5", output="new.cbm")
    assert said["after"]["rules"] == ["deny 2C5#00..FF", "deny 2C5", "deny 700-7FF"]
    shown = canbean("model", "show", folder / "new.cbm").out
    assert "\nrule deny 2C5#00..FF\nrule deny 2C5\nrule deny 700-7FF\n" in shown
    assert len(re.findall(r"^tuned 20\S+Z: --.*\(from [0-9a-f]{16}\)$", shown, re.MULTILINE)) == 2
    assert (
        json.loads(canbean("model", "show", folder / "new.cbm", "--json").out)["rules"]
        == said["after"]["rules"]
    )
    assert canbean("model", "verify", folder / "new.cbm").code == 0
    said, _ = tuned(folder, "new.cbm", "--clear-rules", "--allow", "100", output="new.cbm")
    assert said["after"]["rules"] == ["allow 100"]
    said, _ = tuned(folder, "new.cbm", "--clear-rules", output="new.cbm")
    assert said["after"]["rules"] == []
    assert "RULE" not in cbm.read(folder / "new.cbm").sections


def test_what_is_so_already_stays_as_it_is(folder):
    tuned(folder, "car.cbm", "--allow", "2C5")
    said, _ = tuned(folder, "new.cbm", "--allow", "2c5", output="same.cbm")
    assert not said["changed"]
    assert (folder / "same.cbm").read_bytes() == (folder / "new.cbm").read_bytes()


def test_words_and_list(folder):
    done = canbean(
        "model",
        "tune",
        folder / "curved.cbm",
        "-o",
        folder / "new.cbm",
        "--threshold",
        "34.5",
        "--allow",
        "2C5",
    )
    assert done.code == 0, done.err
    assert re.search(r"threshold, bits +[0-9.]+ +34\.5 *\n", done.out)
    assert re.search(r"false alerts an hour +[0-9.-]+ +1 *\n", done.out)
    assert "rule allow 2C5" in done.out
    blob = (folder / "new.cbm").read_bytes()
    listed = canbean("model", "tune", folder / "new.cbm", "--list")
    assert listed.code == 0
    assert "rule allow 2C5" in listed.out
    assert re.search(r"10 +30 *\n +1 +34\.5 *\n", listed.out)
    assert "tuned 20" in listed.out
    said = json.loads(canbean("model", "tune", folder / "new.cbm", "--list", "--json").out)
    assert said["curve"] == CURVE
    assert said["rules"] == ["allow 2C5"]
    assert "extrapolated" in canbean("model", "tune", folder / "car.cbm", "--list").out
    assert (folder / "new.cbm").read_bytes() == blob
    assert sorted(path.name for path in folder.iterdir()) == ["K", "L", "car.cbm", "curved.cbm", "new.cbm"]


def test_in_place_only_where_that_is_said(folder):
    before = (folder / "car.cbm").read_bytes()
    failed(canbean("model", "tune", folder / "car.cbm", "--allow", "2C5"), "-o NEW.cbm")
    assert (folder / "car.cbm").read_bytes() == before
    said, _ = tuned(folder, "car.cbm", "--allow", "2C5", output="car.cbm")
    assert said["parent"] == cbm.digest(before)
    assert (folder / "car.cbm").read_bytes() != before


def test_signatures(folder):
    signed, new = folder / "signed.cbm", folder / "new.cbm"
    assert canbean("model", "sign", folder / "car.cbm", "--key", folder / "K", "-o", signed).code == 0
    said, err = tuned(folder, "signed.cbm", "--allow", "2C5")
    assert not said["signed"]
    assert not cbm.read(new).signed
    assert "sign it with 'model sign'" in err
    # the parent is named by its digest, which signing does not change
    assert said["parent"] == cbm.digest((folder / "car.cbm").read_bytes())
    said, err = tuned(folder, "signed.cbm", "--allow", "2C5", "--key", folder / "K")
    assert said["signed"]
    assert cbm.read(new, keys.read_key(folder / "K")).signed
    assert "sign it" not in err
    new.unlink()
    words = ("model", "tune", signed, "-o", new, "--allow", "2C5", "--key", folder / "L")
    failed(canbean(*words), "another key")
    failed(
        canbean("model", "tune", signed, "-o", folder / "K", "--allow", "2C5", "--key", folder / "K"),
        folder / "K",
    )
    assert not new.exists()


def test_what_a_person_might_not_expect_is_said(folder):
    said, err = tuned(folder, "car.cbm", "--threshold", "49")
    assert said["after"]["unknown_ids_alert"]
    assert "warning" not in err
    said, err = tuned(folder, "car.cbm", "--threshold", "64")
    assert said["before"]["ids_watched_for_silence"] - said["after"]["ids_watched_for_silence"] == 1
    assert "the silence of 1 ids is no longer watched" in err
    assert "an unknown id alone raises no alert" in err
    _, err = tuned(folder, "car.cbm", "--deny", "000-07F", "--deny", "0A5", "--allow", "100-1FF")
    assert "the clean traffic has 0A5, now denied" in err
    _, err = tuned(folder, "new.cbm", "--deny", "0A5#00", "--deny", "100-1FF")
    assert re.search(r"has 110, 120, 130, 145 and \d+ more, now denied", err)
    for turn in range(verb.HISTORY + 1):
        _, err = tuned(folder, "car.cbm", "--allow", f"{turn:03X}", output="car.cbm")
    assert "the oldest was dropped" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "nothing to tune"),
        (("--budget", "1", "--threshold", "30"), "give one"),
        (("--more-recall", "--more-precision"), "give one"),
        (("--list",), "--list changes nothing"),
        (("--budget", "often"), "--budget"),
        (("--budget", "0.01"), "0.1 to 10 an hour"),
        (("--budget", "11"), "0.1 to 10 an hour"),
        (("--threshold", "0"), "--threshold 0"),
        (("--threshold", "64.1"), "--threshold 64.1"),
        (("--threshold", "nan"), "--threshold nan"),
        (("--threshold", "1e308"), "--threshold"),
        (("--allow", "*"), "every frame"),
        (("--allow", "2C5", "--deny", "2C5"), "both allowed and denied"),
        (("--deny", "xyz"), "xyz"),
        (("--deny", "2C5#0"), "two for a byte"),
        (("--allow", "2C5", "--key", "nowhere"), "nowhere"),
        ([word for i in range(65) for word in ("--allow", f"{i:03X}")], "65 rules"),
    ],
)
def test_wrong_words_get_one_line(folder, words, says):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    failed(canbean("model", "tune", folder / "curved.cbm", "-o", folder / "new.cbm", *words), says)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_that_are_no_gateway_get_one_line(folder):
    blob = (folder / "car.cbm").read_bytes()
    bent = bytearray(blob)
    bent[len(bent) // 2] ^= 1
    (folder / "empty").write_bytes(b"")
    (folder / "cut").write_bytes(blob[:-40])
    (folder / "bent").write_bytes(bent)
    (folder / "text").write_text("2C5#00\n" * 100)
    cbm.write(folder / "meter", small("POLY"))
    cbm.write(folder / "ruled", cbm.Model({**cbm.read(folder / "car.cbm").sections, "RULE": b"\1\0\0\0"}))
    for name, says in (
        ("empty", "is empty"),
        ("cut", "cut off"),
        ("bent", "damaged"),
        ("text", "is not a canbean model"),
        ("meter", "not for the CAN gateway"),
        ("ruled", "rules: "),
        ("absent", "cannot read"),
        (".", "is a folder"),
    ):
        for words in (("-o", folder / "new.cbm", "--allow", "2C5"), ("--list",)):
            done = canbean("model", "tune", folder / name, *words)
            failed(done, folder / name)
            assert says in done.err
    failed(canbean("model", "show", folder / "ruled"), "rules: ")
    failed(canbean("model", "verify", folder / "ruled"), "rules: ")
    for output in (folder, folder / "none" / "new.cbm"):
        failed(canbean("model", "tune", folder / "car.cbm", "-o", output, "--allow", "2C5"), output)
    assert not (folder / "new.cbm").exists()
