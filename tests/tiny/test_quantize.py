"""The choice of integers: by the caller's score, narrow first, told in full; and the networks it is made of."""

import itertools
import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.errors import QuantizeError
from canbean.tiny import tflite
from canbean.tiny.dense import Dense
from canbean.tiny.network import RULES, Network, candidates, grid, quantized, score_candidates
from canbean.tiny.quantize import Candidate, quantize


@dataclass(frozen=True)
class Model:
    """A stand-in whose score is its own."""

    score: float

    def to_bytes(self):
        return b"1234"


def offered(*rows):
    """Candidates from rows (name, bits, score); a score of text is the reason of a refusal."""

    def make(score):
        if isinstance(score, str):
            raise QuantizeError(score)
        return Model(score)

    return lambda _network, _calibration: [
        Candidate(name, bits, partial(make, score)) for name, bits, score in rows
    ]


def choose(*rows, limit=0.1, **options):
    return quantize(Model(1.0), None, lambda m: m.score, limit, candidates=offered(*rows), **options)


def test_the_best_of_the_narrowest_width_within_the_limit():
    choice = choose(("a", 8, 0.92), ("b", 8, 0.95), ("c", 8, 0.95), ("d", 16, 1.0))
    assert (choice.name, choice.model.score) == ("b", 0.95)
    assert [row.name for row in choice.tried] == ["a", "b", "c"]
    assert choice.chosen.loss == pytest.approx(0.05)
    assert choice.as_meta() == {
        "chosen": "b", "float": 1.0, "limit": 0.1, "tried": [["a", 4, 0.92], ["b", 4, 0.95], ["c", 4, 0.95]],
    }  # fmt: skip


def test_it_grows_when_the_narrow_ones_lose_too_much_or_do_not_fit():
    choice = choose(("a", 8, 0.5), ("b", 8, "too wide"), ("c", 16, 0.99))
    assert choice.name == "c"
    assert [(row.bytes, row.refused) for row in choice.tried] == [(4, ""), (0, "too wide"), (4, "")]
    assert choice.as_meta()["tried"][1] == ["b", 0, "too wide"]


def test_nothing_within_the_limit_is_an_error_unless_the_best_will_do():
    rows = ("a", 8, 0.5), ("b", 16, 0.7)
    with pytest.raises(
        QuantizeError, match=r"no integers are within 0\.1 of .* score 1: the best, b, loses 0\.3"
    ):
        choose(*rows)
    assert choose(*rows, take_best=True).name == "b"
    with pytest.raises(QuantizeError, match="the model fits no integers: a: too wide; b: too deep"):
        choose(("a", 8, "too wide"), ("b", 16, "too deep"), take_best=True)
    with pytest.raises(QuantizeError, match="there are no candidates"):
        choose()


def test_a_better_score_than_the_floats_is_no_loss():
    assert choose(("a", 8, 1.5), limit=0).chosen.loss == -0.5


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_is_a_finite_number(score):
    with pytest.raises(QuantizeError, match=r"the scorer says (nan|inf) of a: it must give a finite number"):
        choose(("a", 8, score))
    with pytest.raises(QuantizeError, match="of the float model"):
        quantize(Model(score), None, lambda m: m.score, 0.1, candidates=offered())


@pytest.mark.parametrize("limit", [-1, math.nan, math.inf])
def test_a_limit_is_a_loss(limit):
    with pytest.raises(QuantizeError, match="is not a loss"):
        choose(("a", 8, 1.0), limit=limit)


def test_an_error_of_the_scorer_is_its_own():
    def broken(_model):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        quantize(Model(1.0), None, broken, 0.1, candidates=offered())


def trained(rng, sizes=(6, 8, 3)):
    """A random network with calibration inputs."""
    weights = [rng.standard_normal((o, i)) / math.sqrt(i) for i, o in itertools.pairwise(sizes)]
    network = Network(tuple(weights), tuple(rng.standard_normal(o) / 2 for o in sizes[1:]))
    return network, rng.normal(rng.uniform(-2, 2, sizes[0]), rng.uniform(0.2, 3, sizes[0]), (300, sizes[0]))


@given(seed=st.integers(0, 2**32 - 1), bits=st.sampled_from([8, 16]), rule=st.sampled_from(RULES))
@settings(max_examples=60)
def test_a_quantized_network_is_close_whole_and_can_be_said_elsewhere(seed, bits, rule):
    network, x = trained(np.random.default_rng(seed))
    model = quantized(network, x, bits=bits, rule=rule)
    true = network.run(x)
    error = np.sqrt(np.mean((model.run(x) - true) ** 2)) / true.std()
    # A percentile cuts the ends off.
    assert error < (0.25 if rule == "percentile" else 0.06 if bits == 8 else 0.03)
    again = Dense.from_bytes(model.to_bytes())
    assert (again.run(model.inputs.integers(x)) == model.dense.run(model.inputs.integers(x))).all()
    planned = tflite.plan(model.dense)
    assert (planned.bits, planned.offset) == (bits, 0)


def error_of(x, network):
    true = network.run(x)
    return lambda model: -float(np.sqrt(np.mean((model.run(x) - true) ** 2)) / true.std())


def test_the_choice_grows_to_int16_where_int8_is_not_enough():
    network, x = trained(np.random.default_rng(7))
    score = error_of(x, network)
    loose, tight = (quantize(network, x, score, limit, candidates=candidates) for limit in (0.05, 0.01))
    assert loose.name.startswith("int8")
    assert len(loose.tried) == 3
    assert tight.name.startswith("int16")
    assert len(tight.tried) == 6
    assert tight.chosen.loss <= 0.01 < min(row.loss for row in tight.tried[:3])


def test_an_outlier_is_cut_off_where_that_pays():
    """One calibration row a thousand times too large leaves no steps for the others, but by the other rules."""
    rng = np.random.default_rng(8)
    network, x = trained(rng)
    score = error_of(x, network)
    spoilt = np.vstack([np.tile(x, (4, 1)), 1000 * x[:1]])
    choice = quantize(network, spoilt, score, 0.2, candidates=candidates)
    assert choice.name == "int8 percentile"
    assert choice.tried[0].loss > 0.2


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_scores_are_points_whatever_they_lie_around(seed):
    rng = np.random.default_rng(seed)
    network, x = trained(rng, (4, 6, 1))
    x = rng.uniform(-3, 3, x.shape)
    points = Network(network.weights, (network.biases[0], network.biases[1] + 90))
    for around in (None, 90):
        for one in score_candidates(points, x, around):
            model = one.make()
            assert np.abs(model.run(x) - points.run(x)).max() < 0.3
            features = np.clip(np.rint(x * 4096), -32767, 32767).astype(int)
            assert np.abs(model.dense.predict(features) / 256 - points.run(x)[:, 0]).max() < 0.3
            if around is not None and one.bits == 16:
                assert tflite.plan(model.dense).offset == 90 * 256


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.sampled_from([8, 16]), st.sampled_from(RULES)
)
def test_a_grid_holds_zero_exactly_and_its_values_within_half_a_step(values, bits, rule):
    array = np.array(values)
    found = grid(array, bits, rule)
    assert found.low <= found.zero <= found.high
    assert found.reals(found.integers(0.0)) == 0
    if rule == "min-max":
        assert np.abs(found.reals(found.integers(array)) - array).max() <= found.step * 1.001


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Network((), ()), "needs layers"),
        (lambda: Network((np.ones((2, 3)), np.ones((1, 3))), (np.ones(2), np.ones(1))), "layer 1: weights"),
        (lambda: quantized(Network((np.ones((1, 2)),), (np.ones(1),)), [[1.0]], bits=8, rule="mse"), "2 inputs"),
        (lambda: grid(np.ones(3), 8, "median"), "no calibration 'median': there are min-max, percentile, mse"),
    ],
)  # fmt: skip
def test_what_is_no_network_is_refused(make, reason):
    with pytest.raises(QuantizeError, match=reason):
        make()
