"""A packed meter is scored in its own integers, and only where it belongs."""

import json
from dataclasses import replace

import numpy as np
import pytest

from canbean.errors import ModelError
from canbean.roast import fit as fitting
from canbean.roast import meter, simulate
from canbean.roast.score import score
from canbean.tiny import cbm


@pytest.fixture(scope="module")
def fitted():
    return fitting.fit(simulate.pairs(15, 2, seed=8), models=["ridge"])


def with_meta(model, **changes):
    return cbm.Model({**model.sections, "META": cbm.encode_meta({**model.meta, **changes})})


def test_figures_and_rows(fitted):
    cups = simulate.cups(40, seed=2)
    s = json.loads(json.dumps(score(fitted.model, cups), allow_nan=False))
    assert s["model"] == cbm.digest(cbm.pack(fitted.model))
    assert (s["pairs"], s["groups"], s["data"]) == (40, 40, "simulated")
    assert len(s["rows"]) == 40
    error = np.array([row["reading"] - row["reference"] for row in s["rows"]])
    assert s["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert s["bias"] == pytest.approx(error.mean())
    assert s["rmse"] < 3
    assert all(0 <= row["low"] <= row["reading"] <= row["high"] <= 180 for row in s["rows"])
    inside = [row["low"] <= row["reference"] <= row["high"] for row in s["rows"]]
    assert s["coverage90"] == np.mean(inside)
    assert all((row["reading"] * 256).is_integer() for row in s["rows"])
    assert not s["warnings"]


def test_the_pairs_it_was_fitted_on_are_recognised(fitted):
    assert any("fitted on these very pairs" in w for w in score(fitted.model, fitted.pairs)["warnings"])


def test_counts_are_no_reflectances(fitted):
    percent = simulate.pairs(6, 2, seed=8)
    small = replace(percent, channels=percent.channels / 4000)
    calibrated = fitting.fit(small, models=["ridge"], calibrated=True).model
    assert score(calibrated, small)["pairs"] == 12
    with pytest.raises(ModelError, match=r"reads calibrated reflectances in percent, and .* holds counts"):
        score(calibrated, percent)
    with pytest.raises(ModelError, match=r"reads what one unit's sensor counts, and .* holds reflectances"):
        score(fitted.model, small)


def test_channels_are_found_by_name_not_by_place(fitted):
    cups = simulate.cups(10, seed=2)
    turned = replace(
        cups,
        channel_names=cups.channel_names[::-1],
        channels=cups.channels[:, ::-1],
        decimals=cups.decimals[::-1],
    )
    assert score(fitted.model, turned)["rows"] == score(fitted.model, cups)["rows"]


def test_a_missing_channel_is_named(fitted):
    cups = simulate.cups(10)
    blind = replace(cups, channel_names=("red", "ir", "temperature"))
    with pytest.raises(
        ModelError, match=r"^m\.cbm: reads the channel 'infrared', which simulated pairs does not have"
    ):
        score(fitted.model, blind, name="m.cbm")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"app": "gateway"}, r"^m\.cbm: is a model for 'gateway', not for 'roastmeter'"),
        ({"channels": [["red", 0]]}, r"^m\.cbm: the channels that META names are not the 3 of FEAT"),
        ({"channels": [["red", 1], ["infrared", 0], ["temperature", 4]]}, r"are not the 3 of FEAT"),
        ({"channels": "red"}, r"are not the 3 of FEAT"),
        ({"channels": [[0, 0], [1, 0], [2, 4]]}, r"are not the 3 of FEAT"),
        ({"half_width": "wide"}, r"half_width in META is not a number"),
    ],
)
def test_a_model_of_something_else(fitted, changes, message):
    with pytest.raises(ModelError, match=message):
        score(with_meta(fitted.model, **changes), simulate.cups(3), name="m.cbm")


def test_sections_of_something_else(fitted):
    other = cbm.Model({"META": fitted.model.sections["META"], "FPRN": b"1234"})
    with pytest.raises(ModelError, match=r"^m\.cbm: "):
        score(other, simulate.cups(3), name="m.cbm")
    changed = bytearray(fitted.model.sections["POLY"])
    changed[5] ^= 0x40  # the bias
    with pytest.raises(ModelError, match="golden vector 0"):
        score(cbm.Model({**fitted.model.sections, "POLY": bytes(changed)}), simulate.cups(3))


def test_a_meter_without_an_interval(fitted):
    s = score(with_meta(fitted.model, half_width=None), simulate.cups(3))
    assert s["coverage90"] is None
    assert s["rows"][0]["low"] is None


def test_golden_vectors_stay_within_their_second(fitted, monkeypatch):
    p = fitted.pairs
    regressor = meter.load(fitted.model).regressor
    monkeypatch.setattr(meter, "GOLDEN_MS", 3.5 * regressor.board_ms)
    model = meter.build(regressor, p.channel_names, p.channels, p.reference, fitted.shown, {})
    assert model.sections["GOLD"][0] == 3
