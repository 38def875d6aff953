"""A `.tflite` file gives our integers: under ai-edge-litert all of them, under tflite-runtime by its own rounding."""

import dataclasses

import numpy as np
import pytest

from canbean.errors import CanbeanError, ModelError, QuantizeError
from canbean.tiny import cbm, tflite, tflite_file
from canbean.tiny.dense import Dense, Layer
from tflite_cases import (
    double_rounding,
    fifteen_bits,
    random_inputs,
    random_network,
    run,
    run_with,
    runtime,
    writable,
)  # fmt: skip

FOUND = runtime() if writable() else None
needs_litert = pytest.mark.skipif(FOUND is None or FOUND[0] != "litert", reason="needs ai-edge-litert")
needs_other = pytest.mark.skipif(
    FOUND is None or FOUND[0] != "tflite-runtime", reason="needs tflite-runtime: tools/test --tflite-runtime"
)
needs_writer = pytest.mark.skipif(not writable(), reason="needs tflite and flatbuffers")
GOOD = {"multiplier": [2**30 + 128], "shift": [40], "zero_in": 0, "zero_out": 0, "low": -128, "high": 127}


@needs_litert
@pytest.mark.parametrize("bits", [8, 16])
def test_litert_gives_our_integers(bits):
    rng = np.random.default_rng(bits)
    seen = set()
    for _ in range(150):
        network = random_network(rng, bits)
        planned = tflite.plan(network)
        assert bits in {planned.bits, 16}
        x = random_inputs(rng, network, 100)
        expected = network.run(x)
        assert (run(tflite.encode(network), x) + planned.offset == expected).all()
        seen |= set(expected.ravel().tolist())
    assert len(seen) > 200


@needs_litert
@pytest.mark.parametrize("bits", [8, 16])
def test_a_clamp_one_above_the_types_least_is_a_maximum(bits):
    rng = np.random.default_rng(bits)
    floored = 0
    for _ in range(60):
        drawn = random_network(rng, bits)
        layers = [
            layer if layer.low == layer.zero_out else dataclasses.replace(layer, low=layer.low + 1)
            for layer in drawn.layers
        ]
        network = Dense(tuple(layers), drawn.input_low, drawn.input_high)
        planned = tflite.plan(network)
        floored += any(layer.floored for layer in planned.layers)
        x = random_inputs(rng, network, 100)
        assert (run(tflite.encode(network), x) + planned.offset == network.run(x)).all()
    assert floored > 20


@needs_other
@pytest.mark.parametrize(("bits", "rule"), [(8, double_rounding), (16, fifteen_bits)])
def test_tflite_runtime_gives_our_sums_rounded_its_way(bits, rule):
    rng = np.random.default_rng(bits)
    ours = 0
    for _ in range(150):
        network = random_network(rng, bits)
        planned = tflite.plan(network)
        if planned.bits != bits:
            continue
        x = random_inputs(rng, network, 100)
        said = run(tflite.encode(network), x) + planned.offset
        assert (said == run_with(network, x, rule)).all()
        ours += int((said != network.run(x)).sum())
    # It is another rule.
    assert ours > 0


def test_halfway_matters_to_negative_sums_only_there():
    """Why such a layer is refused."""
    layer = Layer([[2]], [0], **GOOD | {"multiplier": [2**30], "shift": [32]})
    assert tflite._halfway(layer, 128, 8)
    assert layer.run(np.array([[-3], [-1], [1], [3]])).ravel().tolist() == [-1, 0, 1, 2]
    # Where the type ends before the first such output, or no sum comes so far, it is taken.
    assert not tflite._halfway(Layer([[2]], [0], **GOOD), 128, 8)
    assert not tflite._halfway(Layer([[2]], [0], **GOOD | {"multiplier": [2**30], "shift": [62]}), 128, 8)


@needs_litert
def test_a_fitted_network_is_said_with_the_steps_of_features_and_points():
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, (200, 4))
    weights = [rng.standard_normal((8, 4)), 20 * rng.standard_normal((1, 8))]
    network = Dense.from_float(weights, [rng.standard_normal(8), [90]], x, around=90)
    planned = tflite.plan(network)
    assert (planned.bits, planned.offset) == (16, 90 * 256)
    assert [layer.relu for layer in planned.layers] == [True, False]
    rows = rng.integers(-32767, 32768, (2000, 4))
    blob = tflite.encode(network)
    assert (run(blob, rows) + planned.offset == network.run(rows)).all()
    interpreter = FOUND[1].Interpreter(model_content=blob)
    given, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert (given["quantization"], out["quantization"]) == ((2**-12, 0), (2**-8, 0))
    assert b"add 23040 to the outputs" in blob


@needs_writer
def test_the_same_network_gives_the_same_bytes():
    network = random_network(np.random.default_rng(1), 8)
    assert tflite.encode(network) == tflite.encode(network)


def test_an_unsaturated_output_is_said_only_where_it_stays_small():
    rng = np.random.default_rng(4)
    x = rng.normal(0, 1, (50, 2))
    assert tflite.plan(Dense.from_float([[[1.0, 1.0]]], [[0]], x)).bits == 16
    with pytest.raises(QuantizeError, match=r"as int8, its inputs.* as int16, layer 0 is held within"):
        tflite.plan(Dense.from_float([[[20.0, -5.0]]], [[90]], x))


@pytest.mark.parametrize(
    ("layers", "low", "reason"),
    [
        ([Layer([[1]], [0], **GOOD | {"multiplier": [2**30 + 1]})], -128, "24 bits"),
        ([Layer([[1]], [0], **GOOD)], -40_000, "too wide"),
        ([Layer([[127]], [0], **GOOD | {"multiplier": [2**30], "shift": [33]})], -128, "layer 0 could have a sum halfway"),
        ([Layer([[127]], [0], **GOOD | {"shift": [31], "low": -5})], -128, "layer 0 is held within -5..127"),
        ([Layer([[127]], [0], **GOOD | {"zero_out": 200, "high": 300})] * 2, -128, "layer 0 has the zero point 200"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_with_the_reason(layers, low, reason):
    with pytest.raises(QuantizeError, match=reason):
        tflite.plan(Dense(tuple(layers), low, 127))


def test_a_missing_package_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name, name=name)

    monkeypatch.setattr(tflite_file.importlib, "import_module", missing)
    with pytest.raises(CanbeanError, match=r"flatbuffers is not installed: pip install canbean\[tflite\]"):
        tflite.encode(Dense((Layer([[1]], [0], **GOOD),), -128, 127))


@needs_writer
def test_export_takes_the_section():
    network = Dense((Layer([[1]], [0], **GOOD),), -128, 127)
    blob = tflite.export(cbm.Model({"DENS": network.to_bytes()}))
    assert blob[4:8] == b"TFL3"


def test_export_refuses_what_holds_no_network():
    with pytest.raises(QuantizeError, match="no part that"):
        tflite.export(cbm.Model({"POLY": b""}), "m.cbm")
    with pytest.raises(ModelError, match=r"m\.cbm: section DENS"):
        tflite.export(cbm.Model({"DENS": b"xx"}), "m.cbm")
