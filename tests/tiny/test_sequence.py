"""The table of transitions against the definition, at its edges, and as bytes."""

import dataclasses
import itertools
import math
from collections import Counter

import numpy as np
import pytest

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.sequence import Transitions
from kind_cases import flipped, truncated


def walk(seed, n=2000, symbols=7):
    rng = np.random.default_rng(seed)
    steps = rng.choice([0, 1, 1, 1, 2], n)
    return (np.cumsum(steps) % symbols).tolist()


def learned(sequence, symbols=7, **options):
    return Transitions.from_counts(Counter(itertools.pairwise(sequence)), symbols, **options)


def test_its_bits_are_those_of_additive_smoothing():
    sequence = walk(1)
    model = learned(sequence, smoothing=0.5)
    counts = Counter(itertools.pairwise(sequence))
    for a, b in itertools.product(range(7), range(7)):
        row = sum(counts[a, other] for other in range(7))
        true = -math.log2((counts[a, b] + 0.5) / (row + 0.5 * 7))
        assert abs(model.predict([a, b])[1] / 16 - true) <= 1 / 32


def test_the_probabilities_of_a_row_add_up_to_one():
    model = learned(walk(2))
    for a in range(7):
        total = sum(2.0 ** -(model.predict([a, b])[1] / 16) for b in range(7))
        assert abs(total - 1) < 0.03


def test_the_first_symbol_and_the_one_after_an_unknown_cost_nothing():
    model = learned(walk(3), unknown=10.5)
    assert model.predict([0, 7, 1, -1, 2]).tolist() == [0, 168, 0, 168, 0]


def test_a_run_is_its_transitions_one_by_one():
    model = learned(walk(4))
    sequence = [*walk(5, 200), 9, *walk(6, 200)]
    expected = [0] + [
        int(model.predict([a, b])[1]) if 0 <= b < 7 else model.unknown
        for a, b in itertools.pairwise(sequence)
    ]
    assert model.predict(sequence).tolist() == expected
    assert model.run(np.array(sequence)[:, None])[:, 0].tolist() == expected
    assert model.run([]).shape == (0, 1)


def test_a_symbol_never_left_has_equal_successors():
    model = Transitions.from_counts({}, 8)
    assert model.predict([3, 4]).tolist() == [0, 3 * 16]


def test_rare_transitions_end_at_64_bits():
    model = Transitions.from_counts({(0, 0): 1e30}, 2, smoothing=1e-9)
    assert model.predict([0, 1]).tolist() == [0, 1024]
    assert model.predict([0, 0]).tolist() == [0, 0]


def test_bits_take_two_bytes_only_where_they_must():
    small = Transitions([0, 1, 1], [5, 6], [1], [255], 9)
    large = Transitions([0, 1, 1], [5, 6], [1], [256], 9)
    assert small.to_bytes()[2] == 1
    assert large.to_bytes()[2] == 2
    wasteful = bytearray(large.to_bytes())
    wasteful[-3] = 0
    with pytest.raises(ModelError, match="one byte"):
        Transitions.from_bytes(bytes(wasteful))


def test_a_busy_bus_is_a_small_table():
    rng = np.random.default_rng(7)
    sequence = np.repeat([rng.permutation(60) for _ in range(3)], 50, axis=0).ravel()
    model = learned(sequence.tolist(), symbols=60)
    assert len(model.to_bytes()) < 1000


@pytest.mark.parametrize(
    "make",
    [
        lambda: Transitions.from_counts({}, 0),
        lambda: Transitions.from_counts({}, 4097),
        lambda: Transitions.from_counts({(0, 2): 1}, 2),
        lambda: Transitions.from_counts({(-1, 0): 1}, 2),
        lambda: Transitions.from_counts({(0, 0): -1}, 2),
        lambda: Transitions.from_counts({(0, 0): math.nan}, 2),
        lambda: Transitions.from_counts({}, 2, smoothing=0),
        lambda: Transitions.from_counts({}, 2, smoothing=math.inf),
        lambda: Transitions.from_counts({}, 2, unknown=65),
        lambda: Transitions.from_counts({}, 2).run([[1, 2]]),
    ],
)
def test_what_does_not_fit_is_refused(make):
    with pytest.raises(QuantizeError):
        make()


def test_its_bytes_are_its_own():
    model = learned(walk(8, symbols=5), symbols=5)
    again = Transitions.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    assert (again.run(walk(9)) == model.run(walk(9))).all()
    for change in (
        {"start": [0, *model.start[2:], len(model.bits) + 1]},
        {"start": model.start[::-1]},
        {"successor": model.successor[::-1]},
        {"successor": model.successor + 5},
        {"bits": model.bits[:-1]},
        {"bits": model.bits + 1025},
        {"bits": [model.bits]},
        {"default": model.default[:-1]},
        {"unknown": 1025},
        {"unknown": -1},
    ):
        with pytest.raises(QuantizeError):
            dataclasses.replace(model, **change)
    truncated(model)
    refused, accepted = flipped(model)
    assert refused > accepted / 4 > 0
