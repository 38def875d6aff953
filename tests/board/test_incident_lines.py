"""Incidents three times: grouped by the host, gathered by the firmware on CPython and on the VM; the same bytes."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from canbean.board.firmware import module
from canbean.board.incident_lines import incident_lines
from canbean.cli.alarms import alert_of
from canbean.detect.alerts import KINDS, Alert
from canbean.detect.incidents import QUIET_US, incidents
from canbean.detect.replay import severity
from command_cases import command

GOLDEN = Path(__file__).parents[1] / "golden" / "alerts.jsonl"

MS = 1000
GAPS_US = st.sampled_from(
    [0, 1, 300 * MS, 4_000 * MS, QUIET_US - 1, QUIET_US, QUIET_US + 1, 25_000 * MS, -1, -5_000 * MS]
)
RAISED = st.lists(
    st.tuples(
        GAPS_US,
        st.none() | st.integers(0, 9) | st.just(1 << 29 | 0x18DAF110),
        st.sampled_from(KINDS),
        st.integers(100, 900),
    ),
    max_size=30,
)


def alerts_of(raised):
    """Alerts with the numbers that a watch gives to their incidents."""
    t_us, number, made = 60_000 * MS, 0, []
    for gap_us, key, kind, bits in raised:
        t_us += gap_us
        number += not made or not 0 <= gap_us <= QUIET_US
        words = ("fingerprint", kind, bits, 100, "", "", severity(bits, 100), number, 0)
        made.append(Alert(t_us, key, 0, *words))
    return made


def values_of(alert):
    """What the watch hands over of an alert."""
    words = (alert.kind, alert.expected, alert.seen)
    s, us = divmod(alert.t_us, 1_000_000)
    return (
        s,
        us,
        alert.key,
        alert.detector,
        words,
        alert.bits,
        alert.threshold,
        alert.incident,
        alert.dropped,
    )


class App:
    """What the command looks at of a gateway, with the gateway's own way of telling that an incident is over."""

    def __init__(self):
        self.said = []
        self.incident = None
        self.store = {}
        self.lines = module("lines").Lines(None, "")
        self.lines.send = self.send
        self.lines.gather = self.gather
        self.gathered = command("incident")

    def send(self, kind, pairs, _seq=-1):
        if kind == "incident":
            self.said.append(b'{"type":"%s",%s}' % (kind.encode(), module("lines").body(pairs).encode()))

    def gather(self, what):
        self.gathered.run(self, what)

    def passes(self, t_us):
        self.lines.idle(t_us // 1_000_000)


def on_cpython(alerts, end_us):
    """What the firmware says, asked before every alert whether the incident is over."""
    app = App()
    for alert in alerts:
        app.passes(alert.t_us)
        app.lines.alert(module("alert").fields, values_of(alert))
    app.passes(end_us)
    return app.said


@given(RAISED, st.sampled_from([0, 9_000 * MS, 11_000 * MS]))
def test_the_host_and_the_board_say_the_same(raised, later_us):
    alerts = alerts_of(raised)
    end_us = alerts[-1].t_us + later_us if alerts else 0
    expected = [line for one in incidents(alerts, end_us) for line in incident_lines(one)]
    assert on_cpython(alerts, end_us) == expected


def test_what_is_said():
    alerts = alerts_of(
        [(0, 0x2C5, "timing", 120), (9_000 * MS, None, "sequence", 120)]
        + [(0, k, "dlc", 900) for k in range(6)]
    )
    opened, closed = on_cpython(alerts, alerts[-1].t_us + 11_000 * MS)
    assert json.loads(opened) == {
        "type": "incident",
        "number": 1,
        "state": "opened",
        "opened": 60.0,
        "closed": None,
        "count": 1,
        "ids": ["2C5"],
        "more": 0,
        "kinds": ["timing"],
        "severity": "low",
    }
    said = json.loads(closed)
    assert (said["state"], said["closed"], said["count"]) == ("closed", 79.0, 8)
    assert (said["ids"], said["more"]) == (["2C5", "000", "001", "002"], 3)
    assert (said["kinds"], said["severity"]) == (["timing", "sequence", "dlc"], "high")


def test_a_new_beginning_ends_an_incident_at_its_last_alert():
    app = App()
    for alert in alerts_of([(0, 1, "dlc", 900), (1, 1, "dlc", 900)]):
        app.lines.alert(module("alert").fields, values_of(alert))
    app.lines.reset()
    app.lines.reset()
    app.passes(1 << 49)
    assert [one[0] for one in app.store["closed"]] == [1]
    assert [json.loads(line)["state"] for line in app.said] == ["opened", "closed"]
    assert json.loads(app.said[-1])["closed"] == 60.000001


def test_the_word_alone_does_nothing():
    app = App()
    (alert,) = alerts_of([(0, 1, "dlc", 900)])
    app.lines.alert(module("alert").fields, values_of(alert))
    before = list(app.incident)
    for words in ([], ["1"], None):
        app.gathered.run(app, words)
    assert app.incident == before
    assert len(app.said) == 1


ON_VM = """
import json
from canbean.lines import body
from commands import incident
class App:
    incident = None
    store = {}
    class lines:
        @staticmethod
        def send(kind, pairs):
            print('{"type":"%s",%s}' % (kind, body(pairs)))
app = App()
last = None
for values in ROWS:
    if last is not None and values[0] - last > 10:
        incident.run(app, True)
    incident.run(app, values)
    last = values[0]
incident.run(app, True)
"""


def test_both_vms_say_the_same_of_the_golden_alerts(vm, vm32):
    alerts = [alert_of(line) for line in GOLDEN.read_bytes().splitlines()]
    found = incidents(alerts, 1 << 49)
    expected = b"\n".join(line for one in found for line in incident_lines(one)).decode().splitlines()
    assert len(expected) >= 2
    code = f"ROWS = {[values_of(alert) for alert in alerts]!r}\n" + ON_VM
    assert vm.run(code).splitlines() == expected
    assert vm32(code).splitlines() == expected
