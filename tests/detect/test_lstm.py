"""The recurrent network that knows what comes next: learned in a few steps from a short simulated drive."""

import dataclasses
import sys

import numpy as np
import pytest

from canbean.can import simulate
from canbean.detect import rounding
from canbean.detect.denoising import penalty
from canbean.detect.detectors import lstm, module, names
from canbean.detect.informative import relations
from canbean.detect.windows import Gate
from canbean.errors import ModelError, UsageError
from canbean.tiny.lstm import Lstm, run_float
from kind_cases import random_lstm
from masquerade_cases import clean_of

SECONDS, STEPS = 190.0, 60
pytestmark = pytest.mark.usefixtures("short_logs")


@pytest.fixture(scope="module")
def clean():
    pytest.importorskip("jax")
    return clean_of(simulate.drive(SECONDS, 6), seed=3)


@pytest.fixture(scope="module")
def taught(clean):
    return lstm.lesson(clean, 8)


@pytest.fixture(scope="module")
def weights(taught):
    return lstm.train(taught, lstm.windows(taught), STEPS)


def test_it_is_found_by_name():
    assert "lstm" in names()
    assert module("lstm") is lstm


def test_what_is_trained_is_what_is_packed(taught, weights):
    """JAX's equations are those of the packed kind."""
    x = lstm.windows(taught)[:5]
    hidden = run_float(weights["inputs"], weights["recurrent"], weights["bias"], x)
    expected = hidden @ weights["head"].T + weights["offset"]
    assert np.allclose(np.asarray(lstm.run(weights, x.astype("float32"))), expected, atol=1e-4)


def test_training_lowers_the_price_of_lies(taught, weights):
    x, group = taught.earlier, taught.signals.group
    usual = np.maximum((x - x @ relations(x, group)).std(axis=0), lstm.FINEST)
    start = lstm.linear(x, relations(x, group), usual, np.random.default_rng(0))
    truth = lstm.windows(taught)[::20]
    prices = []
    for each in (start, weights):
        price = 0.0
        for liar in range(2):
            lied = np.broadcast_to(group == liar, truth.shape)
            told = lstm.run(each, np.where(lied, truth[::-1], truth))
            error = (truth - told)[:, lstm.IGNORED :] / usual
            price += float(penalty(error, lied[:, lstm.IGNORED :]))
        prices.append(price)
    assert prices[1] < 0.95 * prices[0]


def test_before_training_it_knows_the_linear_relations(taught):
    x, group = taught.earlier, taught.signals.group
    weights = relations(x, group)
    start = lstm.linear(x, weights, np.ones(len(group)), np.random.default_rng(0))
    told = np.asarray(lstm.run(start, lstm.windows(taught)[:50].astype("float32")))[:, -1]
    expected = lstm.windows(taught)[:50, -1] @ weights
    assert np.abs(told - expected).mean() < 0.1


def test_windows_do_not_cross_a_new_state(taught):
    count = len(lstm.windows(taught))
    broken = taught.first.copy()
    broken[500] = True
    samples = dataclasses.replace(taught.samples, first=broken)
    assert len(lstm.windows(dataclasses.replace(taught, samples=samples))) == count - lstm.WINDOW + 1


def test_every_state_begins_anew():
    rng = np.random.default_rng(1)
    model = random_lstm(rng)
    while model.outputs != model.features:
        model = random_lstm(rng)
    x = rng.integers(-9000, 9000, (30, model.features))
    first = np.zeros(30, bool)
    first[[0, 11]] = True
    found = lstm.surprises(model, x, first)
    assert found[:11].tolist() == (x[:11] - model.run(x[:11])).tolist()
    assert found[11:].tolist() == (x[11:] - model.run(x[11:])).tolist()
    # States of the same length are run together.
    first[20] = True
    for begin, end in ((0, 11), (11, 20), (20, 30)):
        assert (
            lstm.surprises(model, x, first)[begin:end].tolist()
            == (x[begin:end] - model.run(x[begin:end])).tolist()
        )
    assert not len(lstm.surprises(model, x[:0], first[:0]))


def test_learning_repeats_and_gives_a_section_that_is_read_again(clean, taught, weights, monkeypatch):
    monkeypatch.setattr(rounding, "TRIES", 1)
    learned = lstm.learn(clean, steps=STEPS, most=8)
    if learned is None:  # so few steps may leave too few signals that are told
        pytest.fail("nothing was learned")
    head = [(weights["head"], weights["offset"])]
    gates = weights["inputs"], weights["recurrent"], weights["bias"]
    again = Lstm.from_float(*gates, head, lstm.windows(taught))
    assert learned.model.to_bytes() == again.to_bytes()
    section = learned.to_bytes()
    assert len(section) <= 8192
    assert Gate.from_bytes(section) == learned.gate
    assert lstm.read(section).to_bytes() == section
    with pytest.raises(ModelError, match="LSTW"):
        lstm.read(section + bytes(4))
    said = learned.judge(clean.traffic)
    assert (np.diff(said.at) > 0).all()
    assert said.bits.max() <= 1024
    assert said.words(0)[0] == "relation"


def test_the_section_of_the_usual_size_fits(clean):
    most = lstm.SIGNALS
    taught = lstm.lesson(clean, most)
    ids = len(taught.signals.keys)
    width, cells = most, lstm.CELLS
    gates = 12 + 20 + 9 * 4 * cells + 4 * cells * (width + cells) + 12
    head = 12 + 20 + 9 * width + width * cells + 12
    assert 8 + 12 * ids + 4 * width + 4 + 12 * width + 3 * width + 4 + 12 + gates + head + 12 * width < 8192


def test_too_little_teaches_nothing(clean):
    assert lstm.learn(clean_of(clean.traffic.frames.between(None, 150)), steps=0) is None


def test_without_jax_it_says_what_to_install(clean, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(UsageError, match=r"pip install 'canbean\[neural\]'"):
        lstm.learn(clean)
