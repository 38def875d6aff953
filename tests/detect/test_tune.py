"""Tuning a model: what changes with the threshold, what does not, and what META says of it."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from canbean.detect import model as gateway
from canbean.detect.fingerprint import FOREVER_US
from canbean.detect.learn import alarm_at
from canbean.detect.rules import Rules
from canbean.detect.tune import HISTORY, WHAT_MOST, Settings, tuned
from canbean.errors import ModelError
from canbean.tiny import cbm
from model_cases import small
from tune_cases import car, learned

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
PARENT = "ab" * 32


def tune(of, threshold, rules=None, what="--threshold"):
    return tuned(of, "m", threshold, rules or Rules(), what=what, when=WHEN, parent=PARENT)


@pytest.mark.parametrize("change", [-100, 1, 100])
def test_what_depends_on_the_threshold_is_derived_again(change):
    old = learned().fingerprint
    made = tune(car(), old.threshold + change)
    known = gateway.unpack(made, "m")
    new = known.fingerprint
    assert new.threshold == old.threshold + change
    assert new.to_bytes() == alarm_at(old, old.threshold + change).to_bytes()
    if abs(change) > 1:
        watched = old.timeout_us < FOREVER_US
        assert watched.sum() > 10
        later = new.timeout_us.astype(np.int64) - old.timeout_us
        # A silence is no alert before some periods have passed, however many bits it has by then.
        assert np.all(later[watched] * change >= 0)
        assert later[0] * change > 0
    # Surprises do not depend on it, so golden frames do not.
    assert made.sections["GOLD"] == car().sections["GOLD"]
    assert made.sections["GOLD"] == gateway.pack(replace(learned(), gateway=known), {}).sections["GOLD"]
    assert gateway.check(made, "m") == 8


def test_there_and_back_is_the_same_model_but_for_its_history():
    was = learned().fingerprint.threshold
    for there in (was + 64, 1024, 1):
        back = tune(tune(car(), there), was)
        assert len(Settings.of(back, "m").history) == 2
        assert {**back.sections, "META": b""} == {**car().sections, "META": b""}


def test_rules_come_and_go():
    rules = Rules.parse(["2C5"], ["700-7FF#00"])
    threshold = learned().fingerprint.threshold
    made = tune(car(), threshold, rules)
    assert made.sections["RULE"] == rules.to_bytes()
    assert Settings.of(made, "m").rules == rules
    assert made.sections["FPRN"] == car().sections["FPRN"]
    assert "RULE" not in tune(made, threshold).sections
    assert gateway.unpack(made, "m").rules == rules


def test_the_history_says_when_what_and_from_what():
    made = tune(car(), 300, what="first")
    assert made.meta["tuned"] == [{"when": "2026-01-02T03:04:05Z", "what": "first", "parent": PARENT}]
    assert made.meta["calibration"] == car().meta["calibration"]
    for turn in range(HISTORY):
        made = tune(made, 300 + turn, what=str(turn) * 1000)
    told = made.meta["tuned"]
    assert len(told) == HISTORY
    assert told[0]["what"].startswith("0")
    assert {len(entry["what"]) for entry in told} == {WHAT_MOST}


def test_the_curve_of_a_model():
    plain = Settings.of(car(), "m")
    assert not plain.measured
    assert plain.told()["alerts_per_hour"] == pytest.approx(1)
    bits = learned().fingerprint.threshold / 16
    with_curve = Settings.of(car(curve={"fingerprint": [[5, bits - 2], [0.5, bits + 2]]}), "m")
    assert with_curve.measured
    assert with_curve.told()["alerts_per_hour"] == pytest.approx(5 / 10**0.5)


def test_models_that_cannot_be_tuned():
    with pytest.raises(ModelError, match="m: is a model for 'roastmeter'"):
        Settings.of(small("POLY"), "m")
    good = car()
    for meta, says in (
        ({"app": "gateway"}, "calibrated"),
        ({**good.meta, "tuned": 3}, "tuning"),
        ({**good.meta, "tuned": [3]}, "tuning"),
        ({**good.meta, "calibration": {}}, "budget"),
        ({**good.meta, "calibration": {"curve": {"fingerprint": [1]}}}, "curve"),
    ):
        with pytest.raises(ModelError, match=f"^m: .*{says}"):
            Settings.of(cbm.Model({**good.sections, "META": cbm.encode_meta(meta)}), "m")
    with pytest.raises(ModelError, match=r"^m: rules: "):
        Settings.of(cbm.Model({**good.sections, "RULE": b"\1\0\0\0"}), "m")
    with pytest.raises(ModelError, match="GOLD"):
        tune(cbm.Model({tag: c for tag, c in good.sections.items() if tag != "GOLD"}), 300)
