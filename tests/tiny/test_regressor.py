"""A regressor as a model file."""

import numpy as np
import pytest

from canbean.errors import ModelError, QuantizeError
from canbean.tiny import cbm, cost, golden
from canbean.tiny.blend import Blend
from canbean.tiny.dense import Dense
from canbean.tiny.features import Features
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.polynomial import Polynomial
from canbean.tiny.regressor import Regressor
from canbean.tiny.spline import Spline

RNG = np.random.default_rng(1)
VALUES = np.exp(RNG.standard_normal((30, 2))) * [1000, 20]
FEATURES = Features.fit(VALUES)
KINDS = [
    Polynomial.from_float(1, 90, [20, -5], 2),
    Neighbours.from_float(2, [[0, 1], [1, 0], [1, 1]], [10, 20, 190]),
    Dense.from_float([[[20, -5]]], [[90]], [[0, 0]]),
    Spline.from_float([1, 0.3], -2, 2, np.linspace(20, 160, 9)),
]
KINDS.append(Blend.from_float([KINDS[0], KINDS[3]], [0.3, 0.7]))


def model(regressor, **more):
    return cbm.Model({"META": cbm.encode_meta({"app": "x"}), **regressor.sections(), **more})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.tag)
def test_a_regressor_survives_its_file(kind):
    regressor = Regressor(FEATURES, kind, (0, 180))
    readings = FEATURES.readings(VALUES)
    packed = model(regressor, GOLD=regressor.golden(readings[:8]))
    again = Regressor.from_model(cbm.unpack(cbm.pack(packed), "m"), "m")
    assert again.predict(readings).tolist() == regressor.predict(readings).tolist()
    assert again.scale == (0, 180)
    assert again.sections() == regressor.sections()
    assert len(golden.unpack(packed.sections["GOLD"])) == 8


def test_predictions_are_clipped_to_the_scale():
    regressor = Regressor(FEATURES, Polynomial.from_float(1, 90, [1000, 0], 2), (10, 170.5))
    far = [[-1, 0], [2**28, 0]]
    assert regressor.predict(far).tolist() == [10 * 256, 170.5 * 256]


def test_another_model_is_refused():
    regressor = Regressor(FEATURES, KINDS[0], (0, 180))
    sections = regressor.sections()
    two = model(regressor, KNNS=KINDS[1].to_bytes())
    with pytest.raises(ModelError, match="m: is not the model of a meter"):
        Regressor.from_model(two, "m")
    with pytest.raises(ModelError, match="m: is not the model of a meter"):
        Regressor.from_model(cbm.Model({"FEAT": sections["FEAT"]}), "m")
    with pytest.raises(ModelError, match="m: has a section FPRT"):
        Regressor.from_model(model(regressor, FPRT=b""), "m")
    with pytest.raises(ModelError, match="m: section FEAT"):
        Regressor.from_model(cbm.Model({"FEAT": sections["FEAT"][:-4], "POLY": sections["POLY"]}), "m")
    three = Polynomial.from_float(1, 90, [1, 2, 3], 3)
    with pytest.raises(ModelError, match="m: 2 channels for a model of 3"):
        Regressor.from_model(cbm.Model({"FEAT": sections["FEAT"], "POLY": three.to_bytes()}), "m")
    Regressor.from_model(model(regressor, note=b"kept"), "m")


def test_a_blend_is_the_mean_of_its_kinds():
    readings = FEATURES.readings(VALUES)
    first, second = (Regressor(FEATURES, KINDS[k], (-500, 500)).predict(readings) for k in (0, 3))
    said = Regressor(FEATURES, KINDS[-1], (-500, 500)).predict(readings)
    assert np.abs(said - (0.3 * first + 0.7 * second)).max() <= 16  # weights are in 1/1024


def test_a_blend_that_lacks_a_kind_or_has_another_is_refused():
    sections = Regressor(FEATURES, KINDS[-1], (0, 180)).sections()
    assert list(sections) == ["FEAT", "BLND", "POLY", "SPLN"]
    lacking = {tag: content for tag, content in sections.items() if tag != "SPLN"}
    for wrong in (lacking, {**sections, "KNNS": KINDS[1].to_bytes()}):
        with pytest.raises(ModelError, match="m: is not the model of a meter"):
            Regressor.from_model(cbm.Model(wrong), "m")
    with pytest.raises(ModelError, match="m: section BLND"):
        Regressor.from_model(cbm.Model({**sections, "BLND": sections["BLND"][:-1]}), "m")
    heavy = bytearray(sections["BLND"])
    heavy[8] ^= 1
    with pytest.raises(ModelError, match="m: the weights of a blend"):
        Regressor.from_model(cbm.Model({**sections, "BLND": bytes(heavy)}), "m")


@pytest.mark.parametrize(
    ("kinds", "weights"),
    [([0], [1]), ([0, 0], [1, 1]), ([0, 3], [1, -1]), ([0, 3], [0, 0]), ([0, 3], [1, float("nan")])],
)
def test_what_is_no_blend(kinds, weights):
    with pytest.raises(QuantizeError):
        Blend.from_float([KINDS[k] for k in kinds], weights)


def test_a_golden_vector_that_differs_refuses_the_model():
    regressor = Regressor(FEATURES, KINDS[0], (0, 180))
    content, outputs = golden.unpack(regressor.golden(FEATURES.readings(VALUES[:1])))[0]
    wrong = golden.pack([(content, [outputs[0] + 1])])
    with pytest.raises(ModelError, match="m: answers"):
        Regressor.from_model(model(regressor, GOLD=wrong), "m")
    with pytest.raises(ModelError, match="channels"):
        Regressor.from_model(model(regressor, GOLD=golden.pack([(content[:4], outputs)])), "m")


@pytest.mark.parametrize("scale", [(5, 5), (180, 0), (float("nan"), 1), (0, 1e9)])
def test_a_scale_without_room_is_refused(scale):
    with pytest.raises(QuantizeError):
        Regressor(FEATURES, KINDS[0], scale)


def test_a_network_that_gives_more_than_a_score_is_refused():
    two = Dense.from_float([[[20, -5], [1, 1]]], [[90, 1]], [[0, 0]])
    with pytest.raises(QuantizeError, match="one score"):
        Regressor(FEATURES, two, (0, 180))


def test_the_cost_grows_with_the_work_and_falls_with_the_clock():
    # 1,700 instructions a multiplication, 2.5 cycles each at 80 MHz, are 53 microseconds.
    assert cost.estimated_ms(64, 0) == pytest.approx(64 * 0.053125)
    assert cost.estimated_ms(64, 0, clock_mhz=160) == pytest.approx(cost.estimated_ms(64, 0) / 2)
    assert cost.SOURCE == "estimated"
    few, many = (Neighbours.from_float(1, [[0, 0]] * n, [1] * n) for n in (5, 500))
    small, large = (Regressor(FEATURES, kind, (0, 180)).board_ms for kind in (few, many))
    assert large > 20 * small > 0
