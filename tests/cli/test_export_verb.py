"""`model export` and `model show --quantization` as a user types them."""

import json

import numpy as np
import pytest

from canbean.board import firmware
from canbean.cli.export import reveal
from canbean.tiny import cbm, predictor
from canbean.tiny.dense import Dense
from canbean.tiny.features import Features
from canbean.tiny.lstm import Lstm
from canbean.tiny.network import Network, score_candidates
from canbean.tiny.quantize import quantize
from canbean.tiny.regressor import KINDS, Regressor
from canbean.tiny.vae import Vae
from canbean_run import canbean, failed
from kind_cases import random_lstm, random_transitions, random_vae
from predictor_cases import random_predictor
from regressor_cases import random_channel, random_readings, random_regressor
from tflite_cases import Steps, run, runtime, sayable, writable

needs_runtime = pytest.mark.skipif(not writable() or runtime() is None, reason="needs canbean[tflite]")


def network_file(path):
    """A meter with a network, chosen by score; its regressor."""
    rng = np.random.default_rng(3)
    values = np.exp(rng.normal([7, 8, 5], 0.4, (60, 3)))
    front = Features.fit(values)
    x = front.apply(front.readings(values)) / 4096
    network = Network((rng.standard_normal((6, 3)), 10 * rng.standard_normal((1, 6))), (np.zeros(6), [90.0]))
    true = network.run(x)
    choice = quantize(
        network,
        x,
        lambda model: -float(np.abs(model.run(x) - true).max()),
        0.3,
        candidates=lambda n, c: score_candidates(n, c, 90),
    )
    regressor = Regressor(front, choice.model.dense, (0, 180))
    meta = {"app": "roastmeter", "quantization": choice.as_meta()}
    cbm.write(path, cbm.Model({"META": cbm.encode_meta(meta), **regressor.sections()}))
    return regressor


@needs_runtime
def test_a_network_is_exported_and_answers_the_same(tmp_path):
    rng = np.random.default_rng(4)
    network = Dense.from_float([rng.normal(0, 1, (8, 3)), rng.normal(0, 9, (1, 8))], [np.ones(8), [90]],
                               rng.normal(0, 1, (50, 3)), around=90)  # fmt: skip
    cbm.write(tmp_path / "m.cbm", cbm.Model({"META": b"{}", "DENS": network.to_bytes()}))
    done = canbean("model", "export", tmp_path / "m.cbm", "--format", "tflite", "-o", tmp_path / "m.tflite")
    assert (done.code, done.err) == (0, "")
    x = rng.integers(-32767, 32768, (100, 3))
    if runtime()[0] == "litert":
        assert (run((tmp_path / "m.tflite").read_bytes(), x) + 90 * 256 == network.run(x)).all()


@needs_runtime
def test_an_autoencoder_and_an_lstm_are_exported(tmp_path):
    rng = np.random.default_rng(7)
    vae, lstm = random_vae(rng), random_lstm(rng)
    vae = Vae(sayable(vae.encoder), sayable(vae.decoder), vae.multiplier, vae.shift)
    lstm = Lstm(sayable(lstm.gates), sayable(lstm.head), lstm.bits)
    for kind in (vae, lstm):
        path = tmp_path / f"{kind.tag}.tflite"
        cbm.write(tmp_path / "m.cbm", cbm.Model({"META": b"{}", kind.tag: kind.to_bytes()}))
        done = canbean("model", "export", tmp_path / "m.cbm", "--format", "tflite", "-o", path)
        assert (done.code, done.err) == (0, "")
        assert f"{kind.tag}, ".encode() in path.read_bytes()
    if runtime()[0] == "litert":
        x = rng.integers(-9000, 9000, (50, vae.features))
        assert (run((tmp_path / "VAEN.tflite").read_bytes(), x) == vae.reconstruct(x)).all()
    zeros = np.zeros((1, lstm.cells), np.int64)
    said = Steps((tmp_path / "LSTM.tflite").read_bytes(), 1).run(np.ones((1, lstm.features)), zeros, zeros)
    assert [part.shape[1] for part in said] == [lstm.outputs, lstm.cells, lstm.cells]
    # As they were drawn, their multipliers have 31 bits.
    cbm.write(tmp_path / "m.cbm", cbm.Model({"META": b"{}", "LSTM": random_lstm(rng).to_bytes()}))
    tflite = "--format", "tflite", "-o", tmp_path / "m.tflite"
    failed(canbean("model", "export", tmp_path / "m.cbm", *tflite), "gates: layer 0: a multiplier")


@pytest.mark.parametrize("tag", ["POLY", "KNNS", "DENS"])
def test_json_holds_every_number(tag, tmp_path):
    """The model is built again from the JSON alone, and is the same bytes."""
    rng = np.random.default_rng(5)
    regressor = random_regressor(rng, tag)
    gold = regressor.golden(random_readings(rng, regressor, 3))
    sections = {"META": b'{"a":1}', **regressor.sections(), "GOLD": gold, "note": b"\0\xff"}
    cbm.write(tmp_path / "m.cbm", cbm.Model(sections))
    assert (
        canbean("model", "export", tmp_path / "m.cbm", "--format", "json", "-o", tmp_path / "m.json").code
        == 0
    )
    said = json.loads((tmp_path / "m.json").read_text())
    assert (said["format"], list(said["sections"])) == ("CBM1", list(sections))
    found = said["sections"]
    assert found["META"] == {"a": 1}
    assert found["note"] == {"base64": "AP8="}
    assert len(found["GOLD"]["vectors"]) == 3
    fields = dict(found[tag])
    if tag == "DENS":
        from canbean.tiny.dense import Layer

        fields["layers"] = tuple(Layer(**layer) for layer in fields["layers"])
    assert KINDS[tag](**fields).to_bytes() == sections[tag]
    assert [c["decimals"] for c in found["FEAT"]["channels"]] == list(regressor.features.decimals)


def rebuilt(kind, fields):
    """An object from its fields in JSON."""
    from canbean.tiny.dense import Layer

    fields = {
        key: rebuilt(Dense, value) if isinstance(value, dict) else value for key, value in fields.items()
    }
    if kind is Dense:
        fields["layers"] = tuple(Layer(**layer) for layer in fields["layers"])
    return kind(**fields)


@pytest.mark.parametrize("tag", predictor.KINDS)
def test_json_holds_every_number_of_a_predictor(tag, tmp_path):
    rng = np.random.default_rng(6)
    others = {"LSTM": random_lstm, "SEQN": random_transitions}
    if tag in others:
        kind = others[tag](rng)
        front = Features(tuple(random_channel(rng) for _ in range(kind.features)))
        sections = predictor.Predictor(front, kind, "regression").sections()
    else:
        sections = random_predictor(rng, tag)[0].sections()
    cbm.write(tmp_path / "m.cbm", cbm.Model({"META": b"{}", **sections}))
    done = canbean("model", "export", tmp_path / "m.cbm", "--format", "json", "-o", tmp_path / "m.json")
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "m.json").read_text())["sections"]
    assert rebuilt(predictor.KINDS[tag], found[tag]).to_bytes() == sections[tag]
    assert list(found["FEAT"]) == ["channels"]
    task = found["TASK"]
    assert (
        predictor.TASK.pack(
            *(predictor.TASKS.index(task["task"]), predictor.RULES.index(task["rule"]), task["scores"]),
            *(task["exponent"], task["threshold"], task["classes"], 0),
        )
        == sections["TASK"]
    )


def test_json_of_a_fingerprint(tmp_path):
    golden = firmware.folder().parent / "tests" / "golden" / "gateway.cbm"
    done = canbean("model", "export", golden, "--format", "json", "-o", tmp_path / "g.json")
    assert done.code == 0, done.err
    fingerprint = json.loads((tmp_path / "g.json").read_text())["sections"]["FPRN"]
    assert len(fingerprint["keys"]) == len(fingerprint["record"]) > 0
    assert reveal(cbm.read(golden))["sections"]["FPRN"].keys() == {"base64"}


def test_show_tells_float_against_integers(tmp_path):
    network_file(tmp_path / "m.cbm")
    done = canbean("model", "show", tmp_path / "m.cbm", "--quantization")
    assert done.code == 0, done.err
    for word in ("float", "int8 min-max", "refused", "int16 min-max *", "may be 0.3"):
        assert word in done.out
    assert "int8 mse: a layer's weights, up to" in done.err
    told = json.loads(canbean("model", "show", tmp_path / "m.cbm", "--quantization", "--json").out)
    assert told["quantization"]["float"] == 0
    assert {"chosen", "limit", "tried"} <= told["quantization"].keys()


def test_what_cannot_be_done_is_one_line(tmp_path):
    cbm.write(tmp_path / "m.cbm", cbm.Model({"META": b"{}", "POLY": b"xxxx"}))
    failed(canbean("model", "show", tmp_path / "m.cbm", "--quantization"), "does not say how")
    tflite = "--format", "tflite", "-o", tmp_path / "m.tflite"
    failed(
        canbean("model", "export", tmp_path / "m.cbm", *tflite),
        "no part that a .tflite file can hold (DENS, VAEN, LSTM)",
    )
    assert not (tmp_path / "m.tflite").exists()
    as_json = "--format", "json", "-o", tmp_path / "m.json"
    failed(canbean("model", "export", tmp_path / "m.cbm", *as_json), "section POLY")
    own = "--format", "json", "-o", tmp_path / "m.cbm"
    failed(canbean("model", "export", tmp_path / "m.cbm", *own), "m.cbm")
    for told in (
        '{"quantization":{"chosen":1}}',
        '{"quantization":{"float":1,"limit":1,"chosen":"a","tried":[3]}}',
    ):
        cbm.write(tmp_path / "q.cbm", cbm.Model({"META": told.encode()}))
        failed(canbean("model", "show", tmp_path / "q.cbm", "--quantization"), "makes no sense")
