"""`can replay`: incidents in words, in JSON and on a page; evidence beside the alerts."""

import json

import pytest

from canbean.can import attacks, logs, simulate
from canbean.can.frames import parse_key
from canbean.cli.alarms import alert_of, line_of
from canbean.detect.alerts import KINDS, Alert
from canbean_run import canbean, failed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("replay")
    logs.write(folder / "clean.csv", simulate.drive(60, 1))
    attacked, _ = attacks.inject_all(simulate.drive(60, 2), ["flood", "fuzz"], seed=3)
    logs.write(folder / "attacked.csv", attacked)
    logs.write(folder / "unlabelled.csv", attacked.relabelled(""))
    assert canbean("can", "learn", folder / "clean.csv", "-o", folder / "car.cbm").code == 0
    return folder


def replayed(folder, log, *words):
    done = canbean("can", "replay", folder / log, "-m", folder / "car.cbm", *words)
    assert done.code == 0, done.err
    return done


def alerts_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_json_has_the_incidents_of_the_alerts(folder, tmp_path):
    done = replayed(folder, "attacked.csv", "--json", "--alerts", tmp_path / "a.jsonl")
    said = json.loads(done.out)
    alerts = alerts_of(tmp_path / "a.jsonl")
    assert said["alerts"] == len(alerts) == sum(one["count"] for one in said["incidents"]) > 0
    for one in said["incidents"]:
        own = [alert for alert in alerts if alert["incident"] == one["incident"]]
        assert (one["opened"], one["last"], one["count"]) == (own[0]["t"], own[-1]["t"], len(own))
        assert set(one["ids"]) == {alert["id"] for alert in own}
        assert set(one["kinds"]) == {alert["kind"] for alert in own}
        assert one["held_back"] == sum(alert["dropped"] for alert in own)
        assert one["bits"] == max(alert["bits"] for alert in own)
        assert one["closed"] in (None, round(one["last"] + 10, 6))


def test_the_terminal_closes_with_the_incidents(folder):
    out = replayed(folder, "attacked.csv").out
    head = out.index(" on host: frames ")
    assert "incident" in out[head:]
    for one in json.loads(replayed(folder, "attacked.csv", "--json").out)["incidents"]:
        for word in (
            one["severity"],
            one["kinds"][0],
            one["ids"][0],
            one["hypotheses"][0]["class"],
            str(one["count"]),
        ):
            assert word in out[head:]
    assert "incident" not in replayed(folder, "clean.csv").out


def test_evidence_is_added_to_the_same_lines(folder, tmp_path):
    replayed(folder, "attacked.csv", "--alerts", tmp_path / "plain.jsonl")
    replayed(folder, "attacked.csv", "--alerts", tmp_path / "full.jsonl", "--evidence", "4")
    plain, full = (
        path.read_bytes().splitlines() for path in (tmp_path / "plain.jsonl", tmp_path / "full.jsonl")
    )
    assert len(plain) == len(full) > 0
    frames = logs.read(folder / "attacked.csv").frames
    for bare, line in zip(plain, full, strict=True):
        assert line.startswith(bare[:-1] + b',"evidence":{')
        alert = json.loads(line)
        evidence = alert["evidence"]
        assert evidence["before"] <= 4
        assert len(evidence["t"]) == len(evidence["data"]) == len(evidence["gap_us"]) <= 9
        own = frames[frames.key == parse_key(alert["id"])]
        times = (own.t_us / 1e6).tolist()
        start = times.index(evidence["t"][0]) if evidence["t"] else 0
        assert evidence["t"] == times[start : start + len(evidence["t"])]
        if alert["kind"] != "missing":
            assert evidence["t"][evidence["at"]] == alert["t"]


def test_a_page_of_a_log_without_labels(folder, tmp_path):
    pages = {}
    for log in ("attacked.csv", "unlabelled.csv", "clean.csv"):
        replayed(folder, log, "--report", tmp_path / "r.html")
        pages[log] = (tmp_path / "r.html").read_text()
    for text in pages.values():
        assert "What the model knows" in text
        assert "simulated data" in text
    assert "Incident 1" in pages["attacked.csv"]
    assert "Incident 1" in pages["unlabelled.csv"]
    assert "None: no alert was raised." in pages["clean.csv"]
    assert "<h3>Attacks</h3>" in pages["attacked.csv"]
    assert "<h3>Attacks</h3>" not in pages["unlabelled.csv"]
    assert "No attack is labelled" in pages["unlabelled.csv"]


@pytest.mark.parametrize("t_us", [0, 1, 999_999, 1_700_000_000_123_457])
def test_a_line_says_its_alert_exactly(t_us):
    for n, kind in enumerate(sorted(set(KINDS) & {"timing", "payload", "missing"})):
        for key in (None, 0x2C5, 1 << 29 | 0x7FF, 1 << 29 | 0x18FEF100):
            one = Alert(t_us, key, 0, "fingerprint", kind, 401 + n, 399, 'a "b"', "\u00e9", "low", 7, 65535)
            assert alert_of(line_of(one)) == one


def test_evidence_needs_a_file(folder):
    words = ("can", "replay", folder / "clean.csv", "-m", folder / "car.cbm")
    failed_usage = canbean(*words, "--evidence", "3")
    assert failed_usage.code in (1, 2)
    assert "--alerts" in failed_usage.err
    failed(canbean(*words, "--report", "/nowhere/r.html"), "/nowhere/r.html")
