"""Which filters cover the most within a rate: a cover by cubes with a budget, searched bank by bank.

An MCP2515 has two banks: two filters under one mask, four under another. Under a mask the ids fall into classes, and a filter is a class:
so many classes of one mask are to be chosen that their ids are worth the most and come no more often than the board sustains. Of one
mask the best classes are found exactly (a knapsack of at most four, by branch and bound); of standard ids all masks are tried that part
the ids in different ways, of extended ones those that a climb from bit to bit reaches. The banks take turns, each the best beside the
other, until neither gains. It begins with every set of ids that the first bank can pass where ids are few (of standard ones the
result is then the best there is), else with the most promising and with some drawn ones. The same problem and seed give the same
filters.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.filters import BITS, EACH, EXTENDED, Filters, volume, width
from canbean.detect.classes import Classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Bank = tuple[tuple[int, int], ...]
    """(mask, filter) pairs of one mask."""

FEW = 7
"""Ids of a bus of which every choice of the first bank is tried."""
DRAWN = (48, 8)
"""Masks drawn where there are more, of standard and of extended ids: a climb takes longer."""
SHARES = (1.0, 0.35, 0.6)
"""Of the rate that the first bank may fill to begin with."""
ROUNDS = 8
SLACK = 1e-9


@dataclass(frozen=True)
class Problem:
    """What is to be covered.

    Attributes:
        keys: int64 (n,), ids (`id | ext << 29`), ascending.
        worth: float (n,), what it is worth that an id passes, at least 0.
        rate: float (n,), frames a second.
        most: frames a second that may pass.
        unknown: what it is worth that all other identifiers pass, of the kinds that the bus has; a part of them counts as its share.
        bits: of a standard and of an extended identifier.
    """

    keys: NDArray[np.int64]
    worth: NDArray[np.float64]
    rate: NDArray[np.float64]
    most: float
    unknown: float = 0.0
    bits: tuple[int, int] = BITS

    @property
    def kinds(self) -> list[int]:
        """Which there are among the keys: 0 for standard, `EXTENDED` for extended ids."""
        return sorted({int(key) & EXTENDED for key in self.keys})

    def each(self, kind: int) -> float:
        """What a single identifier of a kind is worth that is none of the keys."""
        free = (1 << self.bits[kind > 0]) - int(np.sum(self.keys & EXTENDED == kind))
        return self.unknown / len(self.kinds) / free if free else 0.0

    def covered(self, cubes: Iterable[tuple[int, int]]) -> NDArray[np.bool_]:
        """Which keys pass any of (mask, filter) pairs, bool (n,)."""
        passed = np.zeros(len(self.keys), np.bool_)
        for mask, one in cubes:
            passed |= self.keys & (mask | EXTENDED) == one
        return passed

    def value(self, cubes: Iterable[tuple[int, int]]) -> float:
        """What (mask, filter) pairs cover, or -1 where more frames pass than may."""
        cubes = sorted(set(cubes))
        passed = self.covered(cubes)
        if float(self.rate[passed].sum()) > self.most + SLACK:
            return -1.0
        total = float(self.worth[passed].sum())
        for kind in self.kinds:
            own = [(mask, one) for mask, one in cubes if one & EXTENDED == kind]
            known = int(np.sum(passed & (self.keys & EXTENDED == kind)))
            # Where identifiers are narrower than the chip's, the bits above are compared with nothing.
            total += self.each(kind) * ((volume(own) >> width(kind) - self.bits[kind > 0]) - known)
        return total


def cover(problem: Problem, seed: int = 0) -> Filters | None:
    """The filters that cover the most within the rate; None where no id fits it."""
    if float(problem.rate.sum()) <= problem.most + SLACK:
        return Filters.open()
    search, best, filters = _Search(problem), 0.0, None
    for first in search.beginnings(np.random.default_rng([0xF117, seed])):
        banks = search.turns(first)
        value = problem.value([*banks[0], *banks[1]])
        if value > best + SLACK and problem.covered([*banks[0], *banks[1]]).any():
            best, filters = value, Filters.of(*banks)
    # Where other identifiers are worth so much that no known id was taken, these come first.
    return filters or (cover(replace(problem, unknown=0.0), seed) if problem.unknown else None)


@dataclass
class _Search:
    """The search for one problem; classes of masks are made once."""

    problem: Problem
    known: dict[tuple[int, bytes], Classes] = field(default_factory=dict)

    def turns(self, first: Bank) -> tuple[Bank, Bank]:
        """Both banks, from one choice of the first: each in turn the best beside the other, until neither gains."""
        banks: list[Bank] = [first, ()]
        value = self.problem.value(first)
        for turn in range(1, 2 * ROUNDS):
            here = turn % 2
            found = self.bank(banks[1 - here], EACH[here])
            now = self.problem.value([*found, *banks[1 - here]])
            if now > value + SLACK:
                banks[here], value = found, now
            elif turn > 1:
                break
        return banks[0], banks[1]

    def bank(self, beside: Bank, count: int) -> Bank:
        """The best bank of at most `count` filters beside another one."""
        offers = [
            max(self.offers(kind, beside, count, self.problem.most), default=(0.0, ()))
            for kind in self.problem.kinds
        ]
        return max(offers)[1]

    def offers(
        self, kind: int, beside: Bank, count: int, most: float, masks: NDArray[np.int64] | None = None
    ) -> list[tuple[float, Bank]]:
        """Banks of one kind, each better than the one before; of some masks alone where they are given."""
        problem = self.problem
        own = problem.keys & EXTENDED == kind
        passed = problem.covered(beside)
        worth, rate = (np.where(passed, 0.0, column)[own] for column in (problem.worth, problem.rate))
        left = most - float(problem.rate[passed].sum())

        def ask(masks: NDArray[np.int64]) -> list[tuple[float, Bank]]:
            classes = self.classes(kind, masks)
            each = problem.each(kind)
            return classes.best(worth, rate, most=left, count=count, each=each, beside=beside)

        if kind == 0 or masks is not None:
            return ask(np.arange(1 << problem.bits[0]) if masks is None else masks)
        found = ask(np.array([self.differing(kind) | kind]))
        two = False
        while found:
            value, best = found[-1]
            more = ask(_neighbours(best[0][0], problem.bits[1], two=two))
            if more and more[-1][0] > value + SLACK:
                found.append(more[-1])
            elif two:
                break
            two = not two
        return found

    def differing(self, kind: int) -> int:
        """The bits in which the ids of a kind differ."""
        own = self.problem.keys[self.problem.keys & EXTENDED == kind]
        return int(np.bitwise_or.reduce(own) ^ np.bitwise_and.reduce(own))

    def classes(self, kind: int, masks: NDArray[np.int64]) -> Classes:
        """The classes of the ids of a kind under masks."""
        name = kind, masks.tobytes()
        if name not in self.known:
            keys = self.problem.keys[self.problem.keys & EXTENDED == kind]
            self.known[name] = Classes.of(keys, masks, self.problem.bits[kind > 0])
        return self.known[name]

    def beginnings(self, rng: np.random.Generator) -> Iterator[Bank]:
        """Choices of the first bank that pass different ids, of those that pass the same the one that is worth most; and none at all."""
        best: dict[bytes, tuple[float, Bank]] = {}
        few = self.problem.kinds == [0] and len(self.problem.keys) <= FEW
        for bank in self.every() if few else self.promising(rng):
            passed, value = self.problem.covered(bank).tobytes(), self.problem.value(bank)
            if value > best.get(passed, (0.0, ()))[0]:
                best[passed] = value, bank
        yield ()
        yield from (bank for _, bank in best.values())

    def every(self) -> Iterator[Bank]:
        """All choices of classes with known ids under all standard masks."""
        classes = self.classes(0, np.arange(1 << self.problem.bits[0]))
        for mask, row, members in zip(classes.masks, classes.values, classes.members, strict=True):
            filters = row[: members.size][members > 0].tolist()
            for size in range(1, EACH[0] + 1):
                yield from (tuple((int(mask), one) for one in some) for some in combinations(filters, size))

    def promising(self, rng: np.random.Generator) -> Iterator[Bank]:
        """The best of all masks for parts of the rate, and the best of drawn masks for drawn parts."""
        problem = self.problem
        for kind in problem.kinds:
            for share in SHARES:
                yield from (bank for _, bank in self.offers(kind, (), EACH[0], share * problem.most))
            bits = problem.bits[kind > 0]
            differing = self.differing(kind)
            for _ in range(DRAWN[kind > 0]):
                mask = int(rng.integers(1 << bits)) & differing | kind
                some = rng.uniform(0.2, 1) * problem.most
                yield from (bank for _, bank in self.offers(kind, (), EACH[0], some, np.array([mask])))


def _neighbours(mask: int, bits: int, *, two: bool) -> NDArray[np.int64]:
    """The masks that differ from one in a bit, or in two."""
    one = 1 << np.arange(bits)
    return np.asarray(mask ^ (np.unique(one[:, None] ^ one)[1:] if two else one), np.int64)
