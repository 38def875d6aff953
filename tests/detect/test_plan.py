"""Watch plans: what ids are worth, what a plan says it covers, and what of a model is left."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from canbean.can import attacks, simulate
from canbean.can.filters import Filters
from canbean.can.frames import Frames
from canbean.detect import model
from canbean.detect.detectors import sequence
from canbean.detect.fingerprint import RECENT
from canbean.detect.learn import learn
from canbean.detect.plan import Plan, coverage, narrowed, plan
from canbean.detect.replay import replay
from canbean.detect.risk import parse_priorities, rates, rates_in, read_priorities, risk, ways
from canbean.errors import LogError, ModelError, UsageError

MOST = 270


@cache
def car():
    """A gateway with checks and a sequence, and its clean log."""
    log = simulate.drive(60, 1)
    learned = learn([log])
    order = sequence.learn(learned.clean)
    return replace(learned.gateway, detectors={"sequence": order}), log


@cache
def planned(priorities=()):
    gateway, log = car()
    wanted = risk(gateway, rates_in(log, gateway.fingerprint), dict(priorities))
    return wanted, plan(wanted, MOST)


def test_rates_told_by_the_model_are_those_of_its_log():
    gateway, log = car()
    told, counted = rates(gateway.fingerprint), rates_in(log, gateway.fingerprint)
    assert told.sum() == pytest.approx(counted.sum(), rel=0.01)
    assert np.abs(told - counted).sum() < 0.05 * counted.sum()


def test_an_id_is_worth_what_is_told_at_it():
    gateway, _ = car()
    known, order = ways(gateway), gateway.detectors["sequence"]
    without = ways(replace(gateway, detectors={}))
    added = known - without
    # Half at the id, half at its partners: together one for each id whose order is told.
    assert added.sum() == pytest.approx(order.judged.sum())
    assert np.all(added[order.judged] > 0.49)
    plain = ways(replace(gateway, detectors={}, checks=None))
    checked = [one.slot for one in gateway.checks.ids]
    assert np.all(without[checked] > plain[checked])
    assert np.all(np.delete(without - plain, checked) == 0)
    assert plain.max() <= 4


def test_what_passes_stays_within_the_rate_and_is_told_truly():
    wanted, made = planned()
    said = coverage(wanted, made)
    _, log = car()
    passed = made.filters.passes(log.key)
    assert said["passing_fps"] <= MOST
    assert said["passing_fps"] == pytest.approx(passed.sum() / log.span_s, abs=0.1)
    assert said["frames"] == pytest.approx(passed.mean(), abs=0.001)
    seen = set(np.unique(log.key[passed]).tolist())
    assert said["ids_seen"] == len(seen)
    assert said["ids"] - said["ids_seen"] == len(said["unseen"]) > 0
    assert not {int(one["id"], 16) for one in said["unseen"]} & seen
    assert said["identifiers_seen"]["standard"] == pytest.approx(
        made.filters.passes(np.arange(2048, dtype=np.uint32)).mean(), abs=1e-4
    )
    assert 0.3 < said["risk"] < 1
    lost = sum(one["risk"] for one in said["unseen"])
    assert said["risk"] + lost == pytest.approx(1, abs=wanted.unknown / wanted.total + 0.001)


def test_more_rate_never_covers_less_and_all_of_it_everything():
    wanted, _ = planned()
    covered = [coverage(wanted, plan(wanted, most))["risk"] for most in (40, 600, 2000)]
    assert covered == sorted(covered)
    assert covered[-1] == 1.0
    assert plan(wanted, 2000).filters == Filters.open()
    with pytest.raises(UsageError, match="too few: no id"):
        plan(replace(wanted, rate=wanted.rate + 2), 1)


def test_a_priority_brings_an_id_in_and_another_one_keeps_it_out():
    wanted, made = planned()
    gateway, _ = car()
    unseen = [int(one["id"], 16) for one in coverage(wanted, made)["unseen"]]
    _, other = planned(((unseen[0], 100.0), (0x7E0, 50.0)))
    assert other.filters.passes(np.array([unseen[0], 0x7E0], np.uint32)).all()
    nothing = risk(gateway, rates(gateway.fingerprint), {unseen[0]: 0.0})
    assert nothing.worth[nothing.keys == unseen[0]] == 0


def test_ids_kept_away_are_not_missing_and_what_is_left_is_quiet():
    gateway, _ = car()
    _, made = planned()
    narrow = narrowed(gateway, made)
    assert set(narrow.fingerprint.keys.tolist()) < set(gateway.fingerprint.keys.tolist())
    assert narrow.detectors == {}
    # No id can have too many of the last frames, and the bus is slower.
    assert narrow.fingerprint.share == RECENT
    assert narrow.fingerprint.pace_us > 3 * gateway.fingerprint.pace_us
    other = simulate.drive(60, 5)
    assert replay(narrow, other).alerts == []
    # It still finds what passes: an id that falls silent, and what is inserted.
    for kind in ("suspension", "spoof"):
        key = int(narrow.fingerprint.keys[np.argmin(narrow.fingerprint.timeout_us)])
        bad, _ = attacks.inject(other, kind, seed=1, duration_s=5.0, id_key=key)
        assert key in {alert.key for alert in replay(narrow, bad).alerts}


def test_a_replay_sees_what_the_board_sees():
    gateway, _ = car()
    _, made = planned()
    narrow = narrowed(gateway, made)
    bad, _ = attacks.inject_all(simulate.drive(60, 6), ("fuzz", "flood"), seed=2, duration_s=3.0)
    passed = made.filters.passes(bad.key)
    whole, part = replay(narrow, bad), replay(replace(narrow, plan=None), bad[passed])
    assert whole.alerts == part.alerts
    assert whole.alerts
    assert np.array_equal(whole.bits[passed], part.bits)
    assert not whole.bits[~passed].any()


def test_an_open_plan_leaves_the_model_as_it_is():
    gateway, _ = car()
    wanted, _ = planned()
    made = plan(wanted, 5000)
    assert replace(narrowed(gateway, made), plan=None) == gateway


def test_the_plan_stands_in_the_model(tmp_path):
    gateway, _ = car()
    _, made = planned()
    learned = replace(learn([simulate.drive(30, 1)]), gateway=narrowed(gateway, made))
    packed = model.pack(learned, {"name": "m", "data": "simulated"})
    assert len(packed.sections["PLAN"]) == 36
    known = model.unpack(packed, "m")
    assert known.plan == made
    assert len(known.fingerprint) == len(narrowed(gateway, made).fingerprint)
    assert model.check(packed, "m") == 8
    for broken in (b"", packed.sections["PLAN"][:-1], packed.sections["PLAN"][:-4] + bytes(4)):
        with pytest.raises(ModelError, match=r"m: .*(plan|filters): "):
            model.unpack(replace(packed, sections={**packed.sections, "PLAN": broken}), "m")


def test_no_id_of_another_bus_passes():
    gateway, _ = car()
    with pytest.raises(ModelError, match="no id of this model"):
        narrowed(gateway, Plan(Filters.of([(0x7FF, 0x7FE)], []), MOST))
    with pytest.raises(LogError, match="of the same bus"):
        rates_in(Frames.of([0, 10**6], 0x7FE, np.zeros((2, 8))), gateway.fingerprint)


def test_priorities_are_read_from_words_and_from_files():
    assert parse_priorities(["2C5=3", "18FEF100=0.5", "2C5=4"]) == {0x2C5: 4.0, 0x18FEF100 | 1 << 29: 0.5}
    assert read_priorities("# brakes\n2C5=3  # front\n\n100=0\n", "f") == {0x2C5: 3.0, 0x100: 0.0}
    for text in ("2C5", "2C5=x", "2C5=-1", "2C5=1e9", "2C5=nan"):
        with pytest.raises(UsageError, match="give an id and its weight"):
            parse_priorities([text])
    with pytest.raises(UsageError, match=r"f: line 2: 'what'"):
        read_priorities("2C5=1\nwhat\n", "f")
    with pytest.raises(UsageError, match="hexadecimal"):
        parse_priorities(["xyz=1"])
