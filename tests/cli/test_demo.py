"""The demo, on shorter drives."""

import json

from canbean.cli import demo
from canbean_run import canbean, failed


def test_the_whole_loop(tmp_path, vm, monkeypatch):
    monkeypatch.setattr(demo, "CLEAN_S", 120.0)
    monkeypatch.setattr(demo, "DRIVE_S", 110.0)
    done = canbean("demo", "-o", tmp_path / "out")
    assert done.code == 0, done.err
    assert done.out.startswith("Everything below is simulated")
    assert "byte for byte" in done.out
    for kind in ("flood", "fuzz", "spoof", "suspension", "masquerade", "replay", "diagnostic"):
        assert kind in done.out
    assert "95 % upper bound" in done.out
    assert "10 fresh cups" in done.out
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"car.cbm", "roast.cbm", "alerts.jsonl", "report.html"} <= made
    alerts = [json.loads(line) for line in (tmp_path / "out" / "alerts.jsonl").read_text().splitlines()]
    assert alerts
    assert all(alert["type"] == "alert" for alert in alerts)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "simulated" in page
    assert page.count("<svg") >= 2


def test_a_folder_that_cannot_be_made_gets_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    failed(canbean("demo", "-o", tmp_path / "file" / "out"), names="file")
