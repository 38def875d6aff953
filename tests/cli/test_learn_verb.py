"""`can learn` with detectors, boards and rules, and the whole model on the virtual board."""

import json

import pytest

from canbean.can import logs, simulate
from canbean.detect import detectors
from canbean_run import canbean, failed

ALL = "checks,sequence,mixture"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn")
    logs.write(folder / "clean.csv.gz", simulate.drive(100, 1))
    logs.write(folder / "other.csv", simulate.drive(60, 2))
    done = canbean(
        "can", "attack", folder / "other.csv", "--kind", "spoof", "--kind", "flood", "--kind", "masquerade",
        "-o", folder / "bad.csv",
    )  # fmt: skip
    assert done.code == 0, done.err
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Only detectors that learn in a second."""
    monkeypatch.setattr(detectors, "names", lambda: ["mixture", "sequence"])


def learned(folder, *words):
    done = canbean("can", "learn", folder / "clean.csv.gz", "-o", folder / "m.cbm", *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_left_to_itself_it_prints_what_each_detector_adds(folder):
    done = canbean("can", "learn", folder / "clean.csv.gz", "-o", folder / "auto.cbm")
    assert done.code == 0, done.err
    for words in ("adds recall", "fingerprint", "part of the fingerprint", "sequence: ", "mixture: "):
        assert words in done.out
    assert max(len(line) for line in done.out.splitlines() if ".cbm" not in line) < 160
    said = learned(folder)
    assert [row["detector"] for row in said["choice"]][:2] == ["fingerprint", "checks"]
    assert said["board"] == "linux"


def test_the_smallest_board_gets_what_it_can_hold(folder):
    said = learned(folder, "--board", "wemos-d1-mini")
    assert "mixture" not in said["detectors"]
    assert said["board"] == "wemos-d1-mini"


def test_every_detector_raises_the_same_alerts_here_and_on_the_virtual_board(folder, vm):
    said = learned(folder, "--detectors", ALL, "--budget", "900", "--deny", "*#..FF", "--allow", "0A5")
    assert said["detectors"] == ["fingerprint", "checks", "sequence", "mixture"]
    words = ("can", "replay", folder / "bad.csv", "-m", folder / "m.cbm", "--to", "40", "--alerts")
    for where in ("host", "vm"):
        done = canbean(*words, folder / f"{where}.jsonl", "--on", where, "--json")
        assert done.code == 0, done.err
    host = (folder / "host.jsonl").read_text()
    assert (folder / "vm.jsonl").read_text() == host
    raised = [json.loads(line) for line in host.splitlines()]
    assert {"fingerprint", "sequence"} <= {alert["detector"] for alert in raised}
    assert not [alert for alert in raised if alert["id"] == "0A5" and "denied" not in alert["expected"]]


def test_the_same_log_gives_the_same_file_with_all_detectors(folder):
    blobs = set()
    for _ in range(2):
        learned(folder, "--detectors", ALL)
        blobs.add((folder / "m.cbm").read_bytes())
    assert len(blobs) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--detectors", "oracle"), "known are fingerprint, checks"),
        (("--detectors", ""), "known are"),
        (("--board", "toaster"), "no such board"),
        (("--allow", "xyz"), "xyz"),
        (("--budget", "0"), "--budget"),
    ],
)
def test_words_that_mean_nothing_get_one_line(folder, words, reason):
    done = canbean("can", "learn", folder / "clean.csv.gz", "-o", folder / "no.cbm", *words)
    failed(done, reason)
    assert not (folder / "no.cbm").exists()


def test_a_model_that_a_board_may_be_too_small_for_is_warned_about(folder):
    words = ("can", "learn", folder / "clean.csv.gz", "-o", folder / "big.cbm", "--detectors", ALL)
    done = canbean(*words, "--board", "wemos-d1-mini")
    assert done.code == 0
    assert "wemos-d1-mini has 24,576 for it: leave out" in done.err
    assert "the build refuses it" in done.err
    assert "warning" not in canbean(*words).err
    failed(canbean(*words, "--board", "pico", "--romfs"), "no official image for pico has a ROMFS")


def test_boards_are_listed():
    done = canbean("board", "list")
    assert done.code == 0
    assert "wemos-d1-mini" in done.out
    assert "30,720" in done.out
    assert "which detectors fit where" in done.out
    assert "all but vae, lstm" in done.out
    assert "…" not in done.out
    said = json.loads(canbean("board", "list", "--json").out)
    assert {row["boards"]["linux"] for row in said["fits"]} == {"fits"}
    assert [board["heap_left"] for board in said["boards"] if board["name"] == "wemos-d1-mini"] == [24576]


def test_events_beside_a_log_are_asked_for_and_a_twin_serves_several_logs(folder):
    attacked = folder / "gone.csv"
    words = ("can", "attack", folder / "other.csv", "--kind", "suspension", "--every", "15", "-o", attacked)
    assert canbean(*words).code == 0
    model = folder / "plain.cbm"
    assert canbean("can", "learn", folder / "clean.csv.gz", "-o", model, "--detectors", "checks").code == 0
    logs_ = (attacked, folder / "bad.csv")
    done = canbean("can", "score", *logs_, "-m", model, "--twin", folder / "other.csv")
    assert done.code == 0, done.err
    assert "gone.events.csv is not used: give --events" in done.err
    with_events = canbean("can", "score", attacked, "-m", model, "--events", folder / "gone.events.csv")
    assert "not used" not in with_events.err
