"""`--fail-on` conditions, and the score in words."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.detect.condition import holds
from canbean.detect.score import percentile
from canbean.detect.summary import HEADINGS, NONE, alarm_table, attack_table, clean_time, share
from canbean.errors import UsageError

ATTACK = {
    "events": 3, "detected": 2, "recall": 2 / 3, "recall_id_named": 0.5, "chance_recall": None, "skill": None,
    "alarmed_fraction": 0.9996, "delay_ms_median": 12.34, "delay_ms_p95": None, "frames": 1234,
    "frame_auroc": None, "frame_average_precision": None,
}  # fmt: skip
RESULT = {
    "model": "m", "data": "simulated", "frames": 10, "clean_hours": 0.5, "precision": None, "unattributed_alerts": 0,
    "false_alerts": 2, "false_alerts_per_hour": 4.0, "false_alerts_per_hour_upper95": 12.59,
    "false_episodes": 0, "false_episodes_per_hour": None, "false_episodes_per_hour_upper95": None,
    "attacks": {"flood": ATTACK, "fuzz 0.5": {**ATTACK, "recall": 1.0, "delay_ms_p95": 20.0}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "held"),
    [
        ("false_episodes>0", False),
        ("false_alerts>0", True),
        (" false_alerts >= 2 ", True),
        ("false_alerts<2", False),
        ("false_alerts<=2", True),
        ("false_alerts==2", True),
        ("false_alerts!=2", False),
        ("false_alerts_per_hour>3.5e0", True),
        ("attacks.flood.recall<0.9", True),
        ("attacks.fuzz 0.5.recall<0.9", False),
        # A delay that is null is infinite; other nulls were not measured.
        ("attacks.flood.delay_ms_p95>50", True),
        ("attacks.flood.delay_ms_p95<50", False),
        ("attacks.fuzz 0.5.delay_ms_p95>50", False),
        ("attacks.flood.skill<0.9", False),
        ("precision<0.9", False),
        ("precision!=1", False),
        ("false_episodes_per_hour_upper95>0", False),
    ],
)
def test_conditions(expression, held):
    assert holds(RESULT, expression) is held


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "expected NAME OP NUMBER"),
        ("false_alerts", "expected NAME OP NUMBER"),
        ("false_alerts>", "expected NAME OP NUMBER"),
        ("false_alerts>1 2", "expected NAME OP NUMBER"),
        (">3", "expected NAME OP NUMBER"),
        ("false_alerts=1", "'=' is not one of"),
        ("false_alerts=>1", "'=>' is not one of"),
        ("false_alerts<>1", "'<>' is not one of"),
        ("false_alerts>x", "'x' is not a number"),
        ("false_alerts>nan", "'nan' is not a number"),
        ("nope>1", "no 'nope' here; there are frames"),
        ("attacks.nope.recall>1", "no 'attacks.nope.recall'"),
        ("attacks.flood.nope>1", "no 'attacks.flood.nope'"),
        ("frames.x>1", "no 'frames.x'"),
        ("data>1", "'data' is not a number"),
        ("attacks>1", "'attacks' is not a number"),
        ("__import__('os')>1", "no \"__import__('os')\" here"),
    ],
)
def test_what_is_wrong_with_a_condition_is_named(expression, says):
    with pytest.raises(UsageError) as caught:
        holds(RESULT, expression)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_condition_or_a_usage_error(text):
    with contextlib.suppress(UsageError):
        assert holds(RESULT, text) in (True, False)


def test_tables_are_words_and_say_what_was_missed():
    headings, rows = attack_table(RESULT)
    assert headings is HEADINGS
    assert rows[0] == (
        "flood", "3", "2", "0.666", "0.500", NONE, NONE, "0.999", "12.3 ms", "missed", "1,234", NONE,
    )  # fmt: skip
    assert all(len(row) == len(headings) for row in rows)
    assert alarm_table(RESULT)[1] == [
        ("false alerts", "2", "4.00", "12.6"),
        ("false episodes", "0", NONE, NONE),
    ]
    assert clean_time(RESULT) == "30.0 min of clean log"
    assert clean_time({"clean_hours": 0.01}) == "36.0 s of clean log: too short for a rate"
    assert share(0.99999) == "0.999"
    assert share(1) == "1.000"
    assert share(0.29) == "0.290"
    assert share(-0.5) == "-0.500"


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.integers(0, 100))
def test_percentiles_are_those_of_numpy_where_all_is_finite(values, percent):
    assert percentile(np.array(values), percent) == pytest.approx(np.percentile(values, percent), abs=1e-6)


@pytest.mark.parametrize(("values", "median"), [([1, np.inf], None), ([1, 2, np.inf], 2), ([np.inf], None)])
def test_percentiles_with_misses(values, median):
    assert percentile(np.array(values, float), 50) == median
