"""The choice of detectors: what each must add, what the board holds, and what an engineer names."""

import numpy as np
import pytest

from canbean.can import simulate
from canbean.detect import detectors
from canbean.detect.choose import FIRST, Limits
from canbean.detect.learn import learn
from canbean.detect.model import pack, sections, unpack
from canbean.detect.replay import replay
from canbean.detect.select import CHECKS, known, select, shared
from canbean.errors import UsageError
from canbean.tiny import cbm

QUICK = ("checks", "sequence", "mixture")


@pytest.fixture(scope="module")
def learned():
    return learn([simulate.drive(120, 5)])


@pytest.fixture(scope="module")
def quick():
    """Only detectors that learn in a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detectors, "names", lambda: ["mixture", "sequence"])
        yield


@pytest.fixture(scope="module")
def chosen(learned, quick):
    return select(learned)


def test_the_table_tells_of_every_candidate_and_the_model_holds_what_was_kept(learned, chosen):
    rows = {row["detector"]: row for row in chosen.table}
    assert list(rows)[:2] == [FIRST, CHECKS]
    assert set(rows) == {FIRST, CHECKS, "sequence", "mixture"}
    gateway = chosen.learned.gateway
    assert set(gateway.detectors) == {n for n, row in rows.items() if row["kept"]} - {FIRST, CHECKS}
    assert rows[FIRST]["kept"]
    assert rows[CHECKS]["kept"]
    assert gateway.checks is not None
    assert all(row["reason"] for row in rows.values())
    for name, row in rows.items():
        if name not in (FIRST, CHECKS):
            enough = row["added_recall"] >= 0.005 and row["added_events"] >= 1
            assert row["kept"] == (enough and not row["reason"].startswith(("breaks", "too")))


def test_the_choice_is_the_same_each_time(learned, chosen, quick):
    again = select(learned)
    assert again.table == chosen.table
    assert sections(again.learned.gateway) == sections(chosen.learned.gateway)


def test_what_is_named_is_kept_in_a_model_that_comes_back(learned, quick):
    selected = select(learned, QUICK)
    assert selected.table == []
    named = selected.learned
    assert list(named.gateway.detectors) == ["sequence", "mixture"]  # in the order of their tags
    packed = pack(named, {"name": "m", "data": "simulated", "made_from": "a test"})
    back = unpack(cbm.unpack(cbm.pack(packed), "m"), "m")
    frames = simulate.drive(30, 6)
    assert replay(back, frames).alerts == replay(named.gateway, frames).alerts
    assert sections(back) == sections(named.gateway)
    alone = select(learned, [FIRST]).learned.gateway
    assert alone.checks is None
    assert not alone.detectors


def test_what_does_not_fit_the_board_stays_out(learned, quick, monkeypatch):
    from canbean.detect import board_cost

    monkeypatch.setattr(
        board_cost,
        "ram_bytes",
        lambda g, romfs: 20_000 + 5_000 * (g.checks is not None) + 9_000 * len(g.detectors),
    )
    said = select(learned, limits=Limits(ram_bytes=24_576))
    assert said.learned.gateway.checks is None
    assert not said.learned.gateway.detectors
    reasons = {row["detector"]: row["reason"] for row in said.table}
    assert reasons[CHECKS] == "too big for the board: 25,000 bytes of RAM of 24,576"
    assert reasons["sequence"].startswith("too big for the board: 29,000 bytes of RAM")


def test_detectors_of_windows_share_a_part_of_the_budget(learned, quick):
    both = select(learned, QUICK).learned.gateway.detectors
    one = select(learned, ["sequence"]).learned.gateway.detectors
    alone = detectors.module("sequence").learn(learned.clean)
    left = 1 - learned.calibration["own_share"]
    assert 1 / 16 <= left <= 15 / 16
    assert one["sequence"].gate == shared(alone, left).gate
    assert both["sequence"].gate == shared(alone, left / 2).gate
    assert both["sequence"].gate.threshold - one["sequence"].gate.threshold in (15, 16, 17)


def test_names_that_mean_nothing_are_refused(learned, quick):
    with pytest.raises(UsageError, match="known are fingerprint, checks, mixture, sequence"):
        select(learned, ["oracle"])
    with pytest.raises(UsageError, match="each once"):
        select(learned, ["sequence", "sequence"])
    assert known()[:2] == [FIRST, CHECKS]


def test_a_detector_that_learns_nothing_is_told_and_refused_if_it_was_named(learned, quick, monkeypatch):
    monkeypatch.setattr(detectors.module("mixture"), "learn", lambda clean: None)
    rows = {row["detector"]: row for row in select(learned).table}
    assert rows["mixture"]["kept"] is False
    reason = rows["mixture"]["reason"]
    assert reason == "finds nothing regular enough to judge by in 120 s of clean log: 500 s or more may do"
    with pytest.raises(UsageError, match="detector mixture"):
        select(learned, ["mixture"])


def test_a_log_that_is_too_short_is_told_with_the_length_that_is_needed(learned, quick, monkeypatch):
    monkeypatch.setattr(detectors, "names", lambda: ["mixture", "vae"])
    monkeypatch.setattr(detectors.module("vae"), "learn", lambda clean: None)
    whole = detectors.module("mixture").learn
    monkeypatch.setattr(
        detectors.module("mixture"), "learn", lambda clean: whole(clean) if clean.awake_s > 100 else None
    )
    reasons = {row["detector"]: row["reason"] for row in select(learned).table}
    # The choice tries it on what the first three fifths alone have taught.
    assert (
        reasons["vae"] == "needs more than 500 s of clean log in which the bus is awake, and this has 120 s"
    )
    assert reasons["mixture"] == (
        "cannot be learned from one part and tried on the other, in 120 s of clean log: 500 s or more may do"
    )
    with pytest.raises(UsageError, match=r"needs more than 300 s of clean log .* this has 120 s"):
        select(learned, ["vae"])


def test_the_seed_reaches_the_detectors(learned, quick, monkeypatch):
    seen = []
    monkeypatch.setattr(detectors.module("mixture"), "learn", lambda clean: seen.append(clean.seed))
    select(learned, seed=7)
    assert seen == [7]


def test_the_held_back_part_is_later_than_what_tables_come_from(learned):
    clean = learned.clean
    assert np.all(np.diff(clean.later.astype(int)) >= 0)
    assert 0.3 < clean.later.mean() < 0.5
    assert clean.later_hours == pytest.approx(48 / 3600, rel=0.02)
