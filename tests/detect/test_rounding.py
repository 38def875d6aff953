"""What integers may cost: lies in held-back samples, told to a model and to its rounded twin."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from canbean.detect import rounding
from canbean.detect.informative import relations
from canbean.detect.relation import Lesson
from canbean.detect.rounding import LIE, LIES, TRIES, TRUE, calibrated, lies, trained
from canbean.detect.signals import Samples, Signal, Signals
from canbean.detect.windows import Gate
from canbean.errors import QuantizeError
from canbean.tiny.features import Channel, Features

WIDTH, COUNT = 12, 6000


@pytest.fixture(scope="module")
def taught():
    """Three signals of each of four ids that follow two slow waves, with noise."""
    rng = np.random.default_rng(4)
    time = np.arange(COUNT) / 10
    waves = np.stack([np.sin(time / 7) + np.sin(time / 3.1), np.cos(time / 5) + np.sin(time / 11)], axis=1)
    real = waves @ rng.normal(0, 1, (2, WIDTH)) + 0.02 * rng.normal(0, 1, (COUNT, WIDTH))
    values = np.rint(1000 * real).astype(np.int64)
    channels = [
        Channel.scaled(0, "linear", v.mean(), 4096 / max(v.std(), np.abs(v - v.mean()).max() / 7))
        for v in values.T
    ]
    features = Features(tuple(channels))
    signals = Signals(
        tuple(Signal(0x100 + j // 3, 2 * (j % 3), 0, False, True, 16) for j in range(WIDTH)), (1000,) * 4
    )
    first = np.arange(COUNT) == 0
    samples = Samples(np.arange(COUNT), values, first)
    later = np.arange(COUNT) >= 0.6 * COUNT
    return Lesson(signals, features, 0, samples, features.apply(values), later, 2400 / 36_000, 3)


def linear(weights, x, _):
    """Errors of linear relations."""
    return np.rint(x - x @ weights).astype(np.int64)


@pytest.fixture(scope="module")
def weights(taught):
    return relations(taught.earlier, taught.signals.group)


def blunt(weights, x, first):
    """Errors of a model that does not look: at every third sample it errs."""
    return linear(weights, x, first) + 3000 * (np.arange(len(x)) % 3 == 0)[:, None]


def test_lies_begin_in_truth_and_one_id_lies(taught):
    told = lies(taught)
    x = told.x.reshape(-1, TRUE + LIE, WIDTH)
    assert LIES / 4 < len(x) <= LIES
    assert (np.flatnonzero(told.first) == np.arange(len(x)) * (TRUE + LIE)).all()
    held = taught.x[taught.later]
    start = [np.flatnonzero((held == one[0]).all(axis=1)) for one in x]
    for one, (begin,) in zip(x, start, strict=True):
        truth = held[begin : begin + TRUE + LIE]
        assert (one[:TRUE] == truth[:TRUE]).all()
        liars = taught.signals.group[(one != truth).any(axis=0)]
        assert len(set(liars.tolist())) == 1
    again = lies(taught)
    assert (again.x == told.x).all()


def test_no_stretch_that_is_long_enough_gives_no_lies(taught):
    broken = replace(taught.samples, first=np.arange(COUNT) % (TRUE + LIE - 1) == 0)
    assert lies(replace(taught, samples=broken)) is None


def test_a_model_finds_most_lies_and_a_blunt_one_few(taught, weights):
    told = lies(taught)
    sharp, dull = (partial(one, weights) for one in (linear, blunt))
    found = calibrated(taught, "a model", sharp)
    assert found.model == "a model"
    assert found.finds(sharp(told.x, told.first), told, found.gate.threshold) > 0.9
    other = calibrated(taught, "blunt", dull)
    assert other is None or other.finds(dull(told.x, told.first), told, other.gate.threshold) < 0.6


@dataclass
class Scripted:
    """A calibrated model whose errors say at once what share of the lies it finds at a threshold."""

    taught: Lesson
    model: int
    errors: object
    gate: Gate | None = None

    def __post_init__(self):
        self.gate = self.gate or Gate(100 + self.model, 2, 3)

    def finds(self, errors, _, threshold):
        assert threshold == 102  # the mean, for all
        return errors


@pytest.mark.parametrize(
    ("shares", "taken"),
    [
        ([(0.80, 0.81), (0.85, 0.82), (0.70, 0.70)], 1),
        ([(0.79, 0.81), (0.70, 0.82), (0.81, 0.83)], 3),
        # Less than its own twin, and no less than they find on average.
        ([(0.75, 0.90), (0.70, 0.75), (0.60, 0.65)], 1),
        ([(0.80, 0.83), (0.80, 0.82), (0.79, 0.83)], None),
    ],
)
def test_the_first_integers_that_lose_little_are_taken(taught, monkeypatch, shares, taken):
    """Shares of the lies that integers, and the same model in floating point, find."""
    monkeypatch.setattr(rounding, "calibrated", Scripted)
    seeds = []

    def attempt(lesson):
        seeds.append(lesson.seed)
        return len(seeds), *(lambda *_, share=share: share for share in shares[len(seeds) - 1])

    if taken is None:
        with pytest.raises(QuantizeError, match=f"of {TRIES} .* 2.7 points fewer, 2 at most"):
            trained(taught, attempt)
    else:
        found = trained(taught, attempt)
        assert found.model == taken
        assert found.gate == Gate(103, 2, 3)  # the highest
    assert len(set(seeds)) == TRIES


def test_a_model_without_signals_to_judge_is_none(taught, weights, monkeypatch):
    sharp = partial(linear, weights)
    assert trained(taught, lambda _: (1, sharp, sharp)).gate.need == 2
    monkeypatch.setattr(Lesson, "worth_judging", lambda self, _: np.zeros(WIDTH, bool))
    assert trained(taught, lambda _: (1, sharp, sharp)) is None
