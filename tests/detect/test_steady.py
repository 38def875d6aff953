"""A new periodic id is told from an attack: by its words and its severity, and never by silence."""

from dataclasses import replace

import numpy as np
import pytest

from canbean.can import simulate
from canbean.can.frames import Frames
from canbean.detect.fingerprint import SCORE_CAP, surprise
from canbean.detect.incidents import incidents
from canbean.detect.learn import learn
from canbean.detect.replay import replay
from canbean.detect.rules import Rules
from canbean.detect.steady import GAPS, IDS, novelties

DRIVE = simulate.drive(20, 5)


@pytest.fixture(scope="module")
def gateway():
    found = learn([simulate.drive(60, 4)]).gateway
    assert found.fingerprint.unknown_bits == SCORE_CAP
    return found


def new(key, times_us):
    """Frames of a new id."""
    return Frames.of(np.asarray(times_us), key, np.zeros((len(times_us), 8), np.uint8), dlc=8)


def every(period_us, count=60, jitter=0.05, start_us=3_000_000, seed=1):
    """Times of an id of this period."""
    rng = np.random.default_rng(seed)
    return (
        start_us + period_us * np.arange(count) + (jitter * period_us * rng.uniform(-1, 1, count)).astype(int)
    )


def raised(gateway, *more):
    """Alerts of unknown ids in a drive, and its only incident."""
    log = Frames.concat([DRIVE, *(one.changed(buses=DRIVE.buses) for one in more)]).in_time_order()
    alerts = [one for one in replay(gateway, log).alerts if one.kind == "unknown-id"]
    (incident,) = incidents(alerts, int(log.t_us[-1]))
    return alerts, incident


def test_a_new_periodic_id_is_a_novelty_from_its_ninth_frame_on(gateway):
    alerts, incident = raised(gateway, new(0x5A1, every(100_000, jitter=0)))
    assert len(alerts) == 60  # it is alerted as often as ever
    assert [one.severity for one in alerts] == ["high"] * GAPS + ["low"] * (60 - GAPS)
    assert alerts[0].seen == "id 5A1"
    assert alerts[GAPS].seen == "id 5A1, every 100 ms, 8 times"
    assert alerts[-1].seen == "id 5A1, every 100 ms, 59 times"
    assert alerts[-1].bits == SCORE_CAP
    assert incident.severity == "low"
    assert incident.bits == SCORE_CAP


def test_jitter_is_forgiven_and_several_new_ids_are_one_novelty(gateway):
    periods = (50_000, 100_000, 200_000, 240_000)
    more = [
        new(0x5A0 + i, every(p, 12_000_000 // p, 0.08, 3_000_000 + 1000 * i, i))
        for i, p in enumerate(periods)
    ]
    _, incident = raised(gateway, *more)
    assert len(incident.ids) == len(periods)
    assert incident.severity == "low"


def irregular(rng, count):
    return 3_000_000 + np.cumsum(rng.exponential(100_000, count)).astype(int)


def test_what_is_no_sender_keeps_its_severity(gateway):
    rng = np.random.default_rng(3)
    fast = 2 * gateway.fingerprint.pace_us
    many = [new(0x580 + i, every(100_000, 40, 0, 3_000_000 + 1000 * i)) for i in range(IDS + 1)]
    fuzz = [new(int(key), [3_000_000 + 20_000 * i]) for i, key in enumerate(rng.integers(0x700, 0x7E0, 100))]
    for more in ([new(0x5A1, irregular(rng, 60))], [new(0x5A1, every(fast, 2000, 0))], many, fuzz):
        alerts, incident = raised(gateway, *more)
        assert incident.severity == "high"
        assert {one.severity for one in alerts} == {"high"}


def test_one_that_is_steady_no_longer_makes_its_incident_high_again(gateway):
    steady = every(100_000, 30, 0)
    later = irregular(np.random.default_rng(1), 40) + 3_000_000
    assert raised(gateway, new(0x5A1, [*steady, *later]))[1].severity == "high"
    # Beside a fuzzer a novelty is none.
    assert raised(gateway, new(0x5A1, steady), new(0x7C0, later))[1].severity == "high"


def test_what_an_engineer_denies_is_none(gateway):
    denied = replace(gateway, rules=Rules.parse(deny=["5A1"]))
    alerts, incident = raised(denied, new(0x5A1, every(100_000, jitter=0)))
    assert incident.severity == "high"
    assert {one.seen for one in alerts} == {"5A1#0000000000000000"}


def test_on_an_open_bus_a_new_id_is_alerted_once_if_at_all(gateway):
    known = replace(gateway.fingerprint, unknown_bits=100)
    log = new(0x5A1, every(100_000))
    assert novelties(known, log, surprise(known, log)) == {}
