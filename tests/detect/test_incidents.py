"""Incidents: what belongs together, when it opened and closed, what it may be a sign of."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus_cases import fingerprint, frames
from canbean.detect.alerts import Alert
from canbean.detect.gateway import Gateway
from canbean.detect.incidents import QUIET_US, SEVERITIES, incidents, merged, most_severe_first
from canbean.detect.replay import replay
from canbean.detect.taxonomy import CLASSES, SIGNS


def alert(second, *, kind="timing", key=0x200, severity="low", bits=200, incident=1, dropped=0):
    t_us = round(second * 1e6)
    return Alert(t_us, key, 0, "fingerprint", kind, bits, 160, "a", "b", severity, incident, dropped)


def test_an_incident_counts_its_alerts():
    raised = [
        alert(1),
        alert(2, kind="payload", key=0x100, severity="high", bits=900, dropped=3),
        alert(3, kind="payload", key=0x100, severity="medium", dropped=4),
        alert(4, kind="rate", key=None),
        alert(40, incident=2),
    ]
    first, second = incidents(raised, 60_000_000)
    assert (first.number, first.opened_us, first.last_us, first.closed_us) == (
        1,
        1_000_000,
        4_000_000,
        14_000_000,
    )
    assert (first.count, first.held_back, first.bits, first.severity) == (4, 7, 900, "high")
    assert first.ids == (0x100, 0x200)
    assert first.kinds == ("payload", "timing", "rate")
    assert first.detectors == ("fingerprint",)
    assert first.alerts == tuple(raised[:4])
    assert (second.count, second.ids, second.severity) == (1, (0x200,), "low")
    assert incidents(raised[::-1], 60_000_000) == [first, second]
    assert incidents([], 0) == []


@pytest.mark.parametrize(("end", "closed"), [(5.0, None), (15.0, None), (15.000001, 15.0), (100, 15.0)])
def test_what_was_not_quiet_for_ten_seconds_is_still_open(end, closed):
    (one,) = incidents([alert(2), alert(5)], round(end * 1e6))
    assert one.describe()["closed"] == closed


def test_a_clock_that_is_set_back_ends_an_incident():
    one, two = incidents([alert(50), alert(51), alert(3, incident=2)], 60_000_000)
    assert (one.closed_us, two.closed_us) == (51_000_000, 13_000_000)


def test_json_has_the_designs_keys():
    (one,) = incidents([alert(1.5, bits=401), alert(2, key=1 << 29 | 0x18FEF100)], 3_000_000)
    said = one.describe()
    assert {"opened", "closed", "count", "ids", "kinds"} <= set(said)
    assert (said["opened"], said["last"], said["closed"], said["count"]) == (1.5, 2.0, None, 2)
    assert said["ids"] == ["200", "18FEF100"]
    assert said["bits"] == 401 / 16
    sign = said["hypotheses"][0]
    assert list(sign) == ["class", "confidence", "atm", "ics_v18", "ics_v19", "r155"]
    assert sign["class"] == "fabrication"
    assert sign["atm"] == CLASSES["fabrication"][0]


def test_hypotheses_are_merged_and_none_is_asserted():
    one = merged(["timing"])
    assert [(h.name, h.percent) for h in one] == [("fabrication", 50), ("replay", 30), ("flood", 10)]
    # 1 - .5 * .5; masquerade comes from the payload alone.
    both = {h.name: h.percent for h in merged(["timing", "payload", "timing"])}
    assert both == {"fabrication": 75, "replay": 30, "masquerade": 20, "flood": 10}
    every = merged(SIGNS)
    assert [h.percent for h in every] == sorted((h.percent for h in every), reverse=True)
    assert max(h.percent for h in every) == 95
    assert merged(["a kind without signs"]) == ()


@given(st.lists(st.sampled_from(list(SIGNS)), max_size=6), st.sampled_from(list(SIGNS)))
def test_another_kind_never_lowers_a_confidence(kinds, more):
    before = {h.name: h.percent for h in merged(kinds)}
    after = {h.name: h.percent for h in merged([*kinds, more])}
    assert all(after[name] >= percent for name, percent in before.items())
    assert all(0 < percent <= 95 for percent in after.values())


def test_the_most_severe_come_first():
    found = incidents(
        [
            alert(1, severity="medium", bits=300),
            alert(20, severity="high", bits=600, incident=2),
            alert(40, severity="odd", bits=1000, incident=3),
            alert(60, severity="high", bits=700, incident=4),
            alert(80, severity="high", bits=700, incident=5),
            alert(81, severity="high", bits=700, incident=5),
        ],
        100_000_000,
    )
    assert [one.number for one in most_severe_first(found)] == [5, 4, 2, 1, 3]
    assert SEVERITIES == ("low", "medium", "high")


@pytest.mark.parametrize("seed", range(20))
def test_incidents_of_a_replay_are_apart_by_more_than_the_quiet(seed):
    rng = np.random.default_rng(seed)
    of = replace(fingerprint(rng), threshold=40)
    log = frames(rng, of).in_time_order()
    raised = replay(Gateway(of), log).alerts
    found = incidents(raised, int(log.t_us[-1]))
    assert sum(one.count for one in found) == len(raised)
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    for one, following in pairwise(found):
        assert one.closed_us == one.last_us + QUIET_US < following.opened_us
        assert (np.diff([a.t_us for a in one.alerts]) <= QUIET_US).all()
