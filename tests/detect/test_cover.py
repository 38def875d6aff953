"""The search for filters: against every choice there is on small buses, and what must hold on any."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can.filters import EXTENDED, Filters
from canbean.detect.classes import Classes, knapsack
from canbean.detect.cover import Problem, cover

NARROW = (4, 29)
"""Identifiers of four bits, so that every choice can be tried."""


def sets(count):
    """Every set of 4-bit identifiers that a bank of `count` filters can pass, as bits of an integer."""
    found = {0}
    for mask in range(16):
        classes = {}
        for one in range(16):
            classes[one & mask] = classes.get(one & mask, 0) | 1 << one
        for size in range(1, count + 1):
            found |= {sum(some) for some in itertools.combinations(classes.values(), size)}
    return found


@pytest.fixture(scope="module")
def everything():
    """Every set that both banks pass together, bool (sets, 16)."""
    unions = np.array(sorted({a | b for a in sets(2) for b in sets(4)}))
    return (unions[:, None] >> np.arange(16) & 1).astype(bool)


def problem(seed, unknown, bits=NARROW, n=None):
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(2, 14))
    keys = np.sort(rng.choice(1 << bits[0], n, replace=False)).astype(np.int64)
    rate = rng.choice([1, 2, 5, 10, 20, 50, 100], n).astype(float)
    return Problem(keys, rng.exponential(1, n), rate, rate.sum() * rng.uniform(0.1, 0.9), unknown, bits)


def best(everything, of):
    """The best value by trying everything, 0 where no id fits."""
    worth, rate = np.full(16, of.each(0)), np.zeros(16)
    worth[of.keys], rate[of.keys] = of.worth, of.rate
    fits = (everything @ rate <= of.most + 1e-9) & everything[:, of.keys].any(axis=1)
    return float((everything[fits] @ worth).max(initial=0.0))


def found(of):
    filters = cover(of)
    return 0.0 if filters is None else of.value(list(filters))


def test_on_small_buses_nothing_is_better(everything):
    for seed in range(24):
        of = problem(seed, 0.0)
        assert found(of) == pytest.approx(best(everything, of)), seed


def test_with_unknown_ids_it_is_close_to_the_best(everything):
    ratios = [found(of) / best(everything, of) for of in (problem(seed, 1.0) for seed in range(15))]
    assert min(ratios) > 0.95
    assert np.mean(ratios) > 0.995


@settings(max_examples=6)
@given(
    seed=st.integers(0, 1 << 20),
    n=st.integers(2, 20),
    extended=st.booleans(),
    unknown=st.sampled_from([0.0, 2.0]),
)
def test_no_more_passes_than_may_and_it_is_repeatable(seed, n, extended, unknown):
    of = problem(seed, unknown, (11, 29), n)
    if extended:
        of = Problem(of.keys << 8 | 0x18F00005 | EXTENDED, of.worth, of.rate, of.most, unknown)
    filters = cover(of)
    if filters is None:
        assert of.rate.min() > of.most
        return
    passed = filters.passes(of.keys.astype(np.uint32))
    assert 0 < of.rate[passed].sum() <= of.most + 1e-6
    assert cover(of) == filters
    # At least what the worthiest id alone is worth.
    assert of.worth[passed].sum() + unknown >= of.worth[of.rate <= of.most].max() - 1e-9


def test_a_bus_that_fits_passes_whole():
    of = problem(1, 1.0, (11, 29), 20)
    assert cover(Problem(of.keys, of.worth, of.rate, of.rate.sum())) == Filters.open()


def test_ids_of_both_kinds_share_the_banks():
    keys = np.array([0x100, 0x200, 0x0CF00400 | EXTENDED, 0x18FEF100 | EXTENDED, 0x18FEEE00 | EXTENDED])
    rate = np.array([10.0, 100.0, 100.0, 10.0, 10.0])
    filters = cover(Problem(keys, np.ones(5), rate, 35.0))
    assert filters.passes(keys.astype(np.uint32)).tolist() == [True, False, False, True, True]


@given(seed=st.integers(0, 1 << 20))
def test_a_knapsack_is_what_trying_everything_gives(seed):
    rng = np.random.default_rng(seed)
    n, count = int(rng.integers(1, 9)), int(rng.integers(1, 5))
    gain = np.sort(rng.integers(1, 20, n))[::-1].tolist()
    load, most = rng.integers(0, 20, n).tolist(), float(rng.integers(0, 40))
    value, chosen = knapsack(gain, load, most, count, 0.0)
    every = (
        sum(gain[at] for at in some)
        for size in range(count + 1)
        for some in itertools.combinations(range(n), size)
        if sum(load[at] for at in some) <= most
    )
    assert value == max(every)
    assert value == sum(gain[at] for at in chosen)
    assert sum(load[at] for at in chosen) <= most


@given(seed=st.integers(0, 1 << 20))
def test_classes_are_the_ids_that_a_mask_cannot_tell_apart(seed):
    rng = np.random.default_rng(seed)
    keys = np.sort(rng.choice(2048, int(rng.integers(1, 30)), replace=False))
    masks = rng.integers(0, 2048, 5)
    made = Classes.of(keys, masks, 11)
    for row, mask in enumerate(masks.tolist()):
        for at, key in enumerate(keys.tolist()):
            own = made.label[row, at]
            assert made.values[row, own] == key & mask
            assert made.members[row, own] == np.sum(keys & mask == key & mask)
        empty = made.values[row, len(keys) :]
        assert not set((keys & mask).tolist()) & set(empty[empty >= 0].tolist())
        assert all(int(one) & ~mask == 0 for one in empty[empty >= 0])
