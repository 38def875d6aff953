"""Timing widened: outward only, within the bound, and not for what looks like something else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus_cases import fingerprint as random_fingerprint
from canbean.detect.fingerprint import FOREVER_US, RECORD
from canbean.detect.learn import alarm_at
from canbean.detect.settle import BOUND, refuse, widened
from canbean.detect.words import unbucket
from canbean.errors import ModelError
from canbean.tiny.fixed import bucket
from tune_cases import learned

EDGES = {"gap": "gap_edge", "span": "span_edge", "silence": "late_edge"}


def usual(fingerprint):
    """Times at the edges themselves."""
    columns = [fingerprint.column(EDGES[what]).tolist() for what in ("gap", "span", "silence")]
    keys = fingerprint.keys.tolist()
    return {key: tuple(map(unbucket, edges)) for key, *edges in zip(keys, *columns, strict=True)}


@settings(max_examples=60)
@given(seed=st.integers(0, 1 << 20), lost=st.booleans())
def test_edges_move_outward_by_what_was_seen_and_no_further_than_the_bound(seed, lost):
    rng = np.random.default_rng(seed)
    known = random_fingerprint(rng)
    known = alarm_at(known, known.threshold)
    times = {
        key: tuple(int(us * rng.choice([0.3, 0.84, 0.9, 1, 1.1, 1.19, 4])) for us in edges)
        for key, edges in usual(known).items()
        if rng.random() < 0.9
    }
    try:
        made, rows = widened(known, times, lost=int(lost))
    except ModelError:  # further off than the bound
        return
    moved = {(one.key, one.what): one for one in rows}
    for row, key in enumerate(known.keys.tolist()):
        for at, what in enumerate(("gap", "span", "silence")):
            before, after = (int(one.column(EDGES[what])[row]) for one in (known, made))
            by = (after - before) * (1 if what == "silence" else -1)
            assert 0 <= by <= BOUND
            assert ((key, what) in moved) == (by > 0)
            if by:
                beyond = abs(int(bucket(times[key][at])) - before)
                assert by == min(beyond, BOUND)
                assert moved[key, what].seen_us == times[key][at]
                assert not (lost and what == "silence")
    others = [name for name in RECORD if name not in EDGES.values()]
    assert all(np.array_equal(known.column(name), made.column(name)) for name in others)
    assert np.all((made.timeout_us == FOREVER_US) | (known.timeout_us < FOREVER_US))
    assert np.all(made.timeout_us >= known.timeout_us)


def test_what_the_log_foresaw_moves_nothing():
    known = learned().fingerprint
    made, rows = widened(known, usual(known))
    assert rows == []
    assert made.to_bytes() == known.to_bytes()


def test_what_alarms_even_with_the_edge_at_its_bound_is_no_jitter():
    known = learned().fingerprint
    record = known.record.copy()
    record[0, [RECORD.index(name) for name in ("early_base", "early_slope", "early_most")]] = 600, 16, 900
    known = replace(known, record=record)
    key = int(known.keys[0])
    gap, span, silence = usual(known)[key]
    _, rows = widened(known, {key: (gap, int(0.85 * span), silence)})
    assert [one.what for one in rows] == ["span"]
    with pytest.raises(ModelError, match=f"two gaps of {int(0.7 * span)} us of id {key:03X}"):
        widened(known, {key: (gap, int(0.7 * span), silence)})
    timeout = int(known.timeout_us[0])
    with pytest.raises(ModelError, match=f"a silence of {2 * timeout} us"):
        widened(known, {key: (gap, span, 2 * timeout)})
    # A board that loses frames makes silences of its own.
    assert widened(known, {key: (gap, span, 2 * timeout)}, lost=1)[1] == []


SEEN = {"seconds": 300, "frames": 5000, "unknown": 0, "stranger": None, "alerts": {}}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"frames": 999}, "say too little"),
        ({"seconds": 19}, "say too little"),
        ({"unknown": 2, "stranger": "7E0"}, "2 frames are of ids that the model does not know, 7E0"),
        ({"alerts": {"timing": 9, "payload": 2}}, r"no jitter raises \(2 payload\)"),
        ({"alerts": {"": 1}}, "1 unreadable"),
    ],
)
def test_what_does_not_look_like_the_clean_bus_is_refused(other, reason):
    known = learned().fingerprint
    refuse(known, usual(known), **SEEN)
    refuse(known, usual(known), **SEEN | {"alerts": {"timing": 9, "missing": 1}})
    with pytest.raises(ModelError, match=reason):
        refuse(known, usual(known), **SEEN | other)


def test_ids_that_do_not_come_are_another_bus():
    known = learned().fingerprint
    times = usual(known)
    few = dict(list(times.items())[: len(times) // 2])
    with pytest.raises(ModelError, match="ids did not come"):
        refuse(known, few, **SEEN)
    # Where ids keep appearing a new one is no other bus.
    refuse(replace(known, unknown_bits=known.threshold - 1), times, **SEEN | {"unknown": 1})
