"""Golden vectors: a model, a log and the alerts it raises, the same bytes on every platform and executor.

The files change only with a version of the arithmetic or of the alert line.
"""

import json
from pathlib import Path

import numpy as np

from canbean.board.firmware import module
from canbean.can import logs
from canbean.can.frames import key_text
from canbean.cli.alarms import line_of
from canbean.detect import model
from canbean.detect.replay import replay
from canbean.tiny import cbm
from parity_cases import frame_records

GOLDEN = Path(__file__).parents[1] / "golden"
ALERTS = (GOLDEN / "alerts.jsonl").read_bytes().splitlines()


def test_the_host_raises_the_golden_alerts():
    known = model.unpack(cbm.read(GOLDEN / "gateway.cbm"), "gateway.cbm")
    frames = logs.read(GOLDEN / "attacked.csv.gz").frames
    assert [line_of(alert) for alert in replay(known, frames).alerts] == ALERTS


def test_the_firmware_raises_the_golden_alerts():
    class Kept(list):
        def alert(self, make, what):
            self.append(b'{"type":"alert",%s}' % module("lines").body(make(*what)).encode())

    kept = Kept()
    found = module("model").Model(str(GOLDEN / "gateway.cbm"), "gateway", module("watch").SECTIONS)
    watch = module("watch").Watch(found, kept)
    watch.golden(found)
    found.close()
    frames = logs.read(GOLDEN / "attacked.csv.gz").frames
    base, records = frame_records(frames)
    watch.reset(base)
    for at in range(0, len(records), 19):
        watch.frame(records, at)
    assert kept == ALERTS


def test_the_golden_model_packs_to_the_same_bytes():
    blob = (GOLDEN / "gateway.cbm").read_bytes()
    packed = cbm.unpack(blob, "gateway.cbm")
    assert cbm.pack(packed) == blob
    assert model.sections(model.unpack(packed, "gateway.cbm")) == {
        t: c for t, c in packed.sections.items() if t != "META"
    }


def test_the_golden_alerts_show_what_they_should():
    said = [json.loads(line) for line in ALERTS]
    assert {"unknown-id", "timing", "dlc", "counter", "missing"} <= {alert["kind"] for alert in said}
    frames = logs.read(GOLDEN / "attacked.csv.gz").frames
    ids = {key_text(int(key)) for key in np.unique(frames.key)}
    assert all(alert["id"] in ids and alert["bits"] >= alert["threshold"] for alert in said)
