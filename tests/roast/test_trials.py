"""The trials of `tools/bench roast`, small: their parts do what they say."""

import numpy as np
import pytest

import roast_peers
import roast_trials
from canbean.roast import quality
from canbean.roast.preparation import FIGURES, QUIET


def test_a_model_of_one_unit_serves_the_others():
    trials = [
        roast_trials.trial("max3010x", k, FIGURES["least"], ["ridge"], many=12, cups=20) for k in (0, 3)
    ]
    assert [t["optics"] for t in trials] == ["kubelka-munk"] * 2
    a = roast_trials.accuracy(trials, "kubelka-munk", FIGURES["least"])
    assert a["chosen"] == {"ridge": 2}
    assert a["sets"] == 2
    assert 1.0 < a["paired_unit"]["rmse"] < 2.0
    assert a["other_units"]["rmse"] < 2.0
    assert a["other_units_mean_within_2"] == 1
    assert 1.1 < a["perfect_meter"]["rmse"] < 1.5
    # the other units are others, each time
    assert len(trials[0]["others"]) in {3 * 20, 4 * 20}
    told = roast_trials.coverage(trials)
    assert told["refits"] == 2
    assert 0.8 < told["coverage"] < 1
    assert 2 < told["half_width"] < 5


def test_temperature_is_taken_out():
    told = roast_trials.temperature("max3010x", "grains", ["ridge"], many=6, cups=10)
    assert set(told) == {"cold_start", "room_15_to_45"}
    assert all(t["p99"] < 1 for t in told.values())
    assert told["room_15_to_45"]["rms"] > 0


def test_without_a_thermometer_white_laid_on_again_takes_it_out():
    told = roast_trials.temperature("tcs34725", "grains", ["ridge"], many=10, cups=10)
    assert told["white_laid_on_again"]["rms"] < 1 < told["room_15_to_45"]["rms"]


@pytest.mark.parametrize("sensor", ["max3010x", "tcs34725"])
def test_what_can_be_wrong_is_flagged(sensor):
    told = roast_trials.flags(sensor, many=20)
    assert min(told["recognised"].values()) > 0.98
    assert told["false_flags"] < 0.005
    assert ("ambient_light" in told["recognised"]) == (sensor == "tcs34725")


def test_a_flag_that_never_rises_is_seen(monkeypatch):
    monkeypatch.setattr(quality, "judge", lambda counts, *_: np.zeros(len(counts), int))
    assert roast_trials.flags("max3010x", many=2)["recognised"]["dirty_window"] == 0


def test_the_peers_are_what_is_described():
    # 1.165 points to a thousand counts, whole thousands, less 19.3; white at 230 thousand
    said = roast_peers.juztins(np.array([68_000.0, 68_900.0, 111_000.0]), 230_000)
    assert said.tolist() == [60, 60, 110]
    colours = np.array([[1.0, 0.5, 0.25], [0.2, 0.4, 0.2], [0.3, 0.3, 0.3]])
    assert roast_peers.hsv(colours) == pytest.approx(
        np.array([[1 / 18, 0.75, 1], [1 / 3, 0.5, 0.4], [0, 0, 0.3]]), abs=1e-6
    )
    told = roast_trials.peers("kubelka-munk", QUIET, 1, many=3, cups=10)
    assert told["juztins_formula"]["rmse"] > 3


def test_a_file_of_a_dozen_pairs(recordings):
    told = roast_trials.tonino(recordings / "roast" / "tonino-colortest.csv", (0.0, 180.0), ["ridge"])
    assert told["cubic_grouped_rmse"] > 0
    assert told["grouped_rmse"] > 0


def test_a_calibrated_model_is_not_given_the_temperature_again():
    setting = roast_trials.Setting(calibrated=True)
    pairs = roast_trials.simulate.pairs(9, 2, 1, 1, setting)
    made = roast_trials.fit.fit(pairs, models=["ridge"])
    assert [name for name, _ in made.model.meta["channels"]] == ["red", "infrared"]
    raw = roast_trials.fit.fit(roast_trials.simulate.pairs(9, 2, 1, 1), models=["ridge"])
    assert [name for name, _ in raw.model.meta["channels"]] == ["red", "infrared", "temperature"]
