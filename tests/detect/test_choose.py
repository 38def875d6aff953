"""The choice of detectors, with stand-ins for what they do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.detect.choose import Limits, Outcome, choose
from canbean.errors import UsageError

EVENTS = 20
KINDS = ("flood", "plateau", "ramp")


class Bench:
    """Each detector finds some events of some kinds, together the union; and takes bytes, RAM and time."""

    def __init__(self, found, *, alerts=None, size=None, allowed=1):
        self.found, self.alerts, self.size, self.allowed = found, alerts or {}, size or {}, allowed
        self.asked = []

    def __call__(self, names):
        self.asked.append(names)
        seen = {kind: set().union(*(self.found[name].get(kind, set()) for name in names)) for kind in KINDS}
        size = sum(self.size.get(name, 1000) for name in names)
        return Outcome(
            {kind: (len(events), EVENTS) for kind, events in seen.items()},
            sum(self.alerts.get(name, 0) for name in names),
            self.allowed,
            size,
            2 * size,
            size / 10,
        )


FOUND = {
    "fingerprint": {"flood": set(range(20))},
    "sequence": {"flood": set(range(20)), "plateau": {1}},
    "lstm": {"plateau": set(range(12)), "ramp": set(range(4))},
    "vae": {"plateau": set(range(8)), "ramp": set(range(10))},
    "mixture": {"plateau": {1, 2}},
}
NAMES = tuple(FOUND)


def rows_of(choice):
    return {row["detector"]: row for row in choice.table}


def test_each_that_is_kept_adds_most_to_those_before_it():
    bench = Bench(FOUND)
    choice = choose(NAMES, bench)
    assert choice.names == ("fingerprint", "vae", "lstm")
    rows = rows_of(choice)
    assert [row["detector"] for row in choice.table] == ["fingerprint", "vae", "lstm", "sequence", "mixture"]
    assert [row["kept"] for row in choice.table] == [True, True, True, False, False]
    assert rows["fingerprint"]["added_recall"] == pytest.approx(1 / 3, abs=1e-6)
    assert rows["vae"]["added_recall"] == pytest.approx(18 / 60, abs=1e-6)
    assert rows["lstm"]["added_recall"] == pytest.approx(4 / 60, abs=1e-6)
    assert rows["lstm"]["added_events"] == 4
    assert rows["lstm"]["reason"] == "adds 6.7 points of recall, 4 events"
    assert rows["mixture"]["reason"] == "adds 0.0 points of recall, 0 events: too little"
    assert choice.outcome.detected == 20 + 12 + 10
    assert rows["vae"]["bytes"] == 1000
    assert rows["vae"]["ram_bytes"] == 2000
    assert rows["vae"]["board_us_per_frame"] == 100
    assert json.loads(json.dumps(choice.table)) == list(choice.table)


def test_a_set_is_evaluated_once_and_in_the_order_of_the_candidates():
    bench = Bench(FOUND)
    choose(NAMES, bench)
    assert len(bench.asked) == len(set(bench.asked)) <= 15
    assert bench.asked[0] == ("fingerprint",)
    assert all(list(names) == sorted(names, key=NAMES.index) for names in bench.asked)


def test_what_breaks_the_budget_is_not_kept_and_it_is_said():
    choice = choose(NAMES, Bench(FOUND, alerts={"vae": 3}))
    assert choice.names == ("fingerprint", "lstm")
    assert rows_of(choice)["vae"]["reason"] == (
        "breaks the budget: 3 alerts on the held-back clean log, 1 allowed"
    )


def test_a_detector_that_only_breaks_the_budget_beside_another_stays_out():
    choice = choose(NAMES, Bench(FOUND, alerts={"vae": 1, "lstm": 1}))
    assert choice.names == ("fingerprint", "vae")
    assert "breaks the budget: 2 alerts" in rows_of(choice)["lstm"]["reason"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(model_bytes=2500), "too big for the board: 3,000 bytes of model of 2,500"),
        (Limits(ram_bytes=5000), "too big for the board: 6,000 bytes of RAM of 5,000"),
        (Limits(us_per_frame=250), "too big for the board: 300 us a frame of 250"),
    ],
)
def test_what_the_board_has_no_room_for_is_not_kept(limits, words):
    choice = choose(NAMES, Bench(FOUND), limits=limits)
    assert choice.names == ("fingerprint", "vae")
    assert {rows_of(choice)[name]["reason"] for name in ("sequence", "lstm", "mixture")} == {words}


def test_a_smaller_one_is_taken_where_the_best_does_not_fit():
    choice = choose(NAMES, Bench(FOUND, size={"vae": 9000}), limits=Limits(model_bytes=4000))
    assert choice.names == ("fingerprint", "lstm")
    assert choice.outcome.model_bytes == 2000


def test_the_least_gain_is_in_recall_and_in_events():
    one = {"fingerprint": {"flood": {0}}, "vae": {"ramp": {1}}}
    assert choose(("fingerprint", "vae"), Bench(one)).names == ("fingerprint", "vae")
    assert choose(("fingerprint", "vae"), Bench(one), least_events=2).names == ("fingerprint",)
    assert choose(("fingerprint", "vae"), Bench(one), least_recall=0.02).names == ("fingerprint",)
    assert choose(("fingerprint", "vae"), Bench(one), least_recall=1 / 60).names == ("fingerprint", "vae")


def test_the_first_is_kept_whatever_it_does():
    choice = choose(("fingerprint",), Bench({"fingerprint": {}}), limits=Limits(model_bytes=10))
    assert choice.names == ("fingerprint",)
    assert choice.table[0]["reason"] == "too big for the board: 1,000 bytes of model of 10"
    assert choice.outcome.recall == 0
    assert Outcome({}, 0, 0, 0, 0, 0.0).recall == 0


@pytest.mark.parametrize("names", [("vae", "lstm"), ("fingerprint", "vae", "vae")])
def test_candidates_that_make_no_sense_are_refused(names):
    with pytest.raises(UsageError, match="detectors "):
        choose(names, Bench(FOUND))


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d"]),
        st.tuples(
            st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)), st.integers(0, 2), st.integers(1, 3000)
        ),
    )
)
def test_whatever_is_chosen_keeps_to_budget_and_board_and_no_one_left_would_have_helped(drawn):
    found = {name: {"plateau": one, "ramp": two} for name, (one, two, _, _) in drawn.items()}
    found["fingerprint"] = {"flood": set(range(20))}
    bench = Bench(
        found,
        alerts={name: one[2] for name, one in drawn.items()},
        size={name: one[3] for name, one in drawn.items()},
    )
    limits = Limits(model_bytes=5000)
    choice = choose(["fingerprint", *drawn], bench, limits=limits)
    assert choice.outcome.false_alerts <= 1
    assert choice.outcome.model_bytes <= 5000
    assert {row["detector"] for row in choice.table} == set(found)
    for row in choice.table:
        assert row["reason"]
        if row["detector"] != "fingerprint" and row["kept"]:
            assert row["added_recall"] >= 0.005
        elif not row["kept"]:
            more = bench((*choice.names, row["detector"]))
            assert (
                more.false_alerts > 1 or more.model_bytes > 5000 or more.detected == choice.outcome.detected
            )
