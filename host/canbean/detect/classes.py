"""Classes of ids under masks: which ids a filter cannot tell apart, for many masks at once, and the best few classes of one mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.filters import EXTENDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EMPTY = 4
"""Classes without known ids of each mask that are offered: the lowest, since low ids win the bus and floods have them."""


@dataclass(frozen=True)
class Classes:
    """The classes of n ids of one kind under m masks; column i of a mask is the class of its id i, where that is its first.

    Attributes:
        masks: int64 (m,), bits that are compared, `EXTENDED` among them for extended ids.
        values: int64 (m, n + 4), the filter of each class: of the first of its ids, then of classes without any, -1 where there is none.
        label: int64 (m, n), the column of each id's class.
        members: int64 (m, n + 4), ids of each class, 0 where the column is none.
        free: int64 (m,), identifiers of each class, known or not.
    """

    masks: NDArray[np.int64]
    values: NDArray[np.int64]
    label: NDArray[np.int64]
    members: NDArray[np.int64]
    free: NDArray[np.int64]

    @classmethod
    def of(cls, keys: NDArray[np.int64], masks: NDArray[np.int64], bits: int) -> Classes:
        """The classes of ids (`id | ext << 29`, of one kind, ascending) of `bits` bits."""
        m, n = len(masks), len(keys)
        filters = keys & masks[:, None]
        order = np.argsort(filters, axis=1, kind="stable")
        ordered = np.take_along_axis(filters, order, axis=1)
        begins = np.ones((m, n), np.bool_)
        begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        start = np.maximum.accumulate(np.where(begins, np.arange(n), 0), axis=1)
        label = np.empty((m, n), np.int64)
        np.put_along_axis(label, order, np.take_along_axis(order, start, axis=1), axis=1)
        flat = (np.arange(m)[:, None] * n + label).ravel()
        members = np.bincount(flat, minlength=m * n).reshape(m, n)
        values = np.where(members > 0, filters, -1)
        empty = np.array(
            [_empty(int(mask), set(row.tolist())) for mask, row in zip(masks, filters, strict=True)]
        )
        compared = np.array([(int(mask) & ~EXTENDED).bit_count() for mask in masks])
        return cls(
            masks, np.concatenate([values, empty.reshape(m, EMPTY)], axis=1), label,
            np.concatenate([members, np.zeros((m, EMPTY), np.int64)], axis=1), np.int64(1) << bits - compared,
        )  # fmt: skip

    def best(
        self,
        worth: NDArray[np.float64],
        rate: NDArray[np.float64],
        *,
        most: float,
        count: int,
        each: float,
        beside: Sequence[tuple[int, int]],
    ) -> list[tuple[float, tuple[tuple[int, int], ...]]]:
        """Of each mask that may be the best, the classes that are worth most together, the best mask last.

        Args:
            worth: float (n,), what each id adds.
            rate: float (n,), how often it comes.
            most: what may come.
            count: classes that may be chosen.
            each: what an identifier that is not known adds.
            beside: disjoint (mask, filter) pairs that pass already.

        Returns:
            What they are worth, and the (mask, filter) pairs: those that were better than all before.
        """
        m, n = self.label.shape
        flat = (np.arange(m)[:, None] * n + self.label).ravel()
        gain, load = (
            np.pad(np.bincount(flat, np.tile(one, m), m * n).reshape(m, n), ((0, 0), (0, EMPTY)))
            for one in (worth, rate)
        )
        more = each * self._unknown(beside) if each else 0.0
        gain = np.where((self.values >= 0) & (load <= most), gain + more, 0.0)
        top = np.sort(gain, axis=1)[:, : -count - 1 : -1]
        bound = top.sum(axis=1)
        found: list[tuple[float, tuple[tuple[int, int], ...]]] = []
        least = 0.0
        for row in np.argsort(-bound, kind="stable").tolist():
            if bound[row] <= least:
                break
            columns = np.flatnonzero(gain[row] > 0)
            columns = columns[np.argsort(-gain[row, columns], kind="stable")]
            value, chosen = knapsack(
                gain[row, columns].tolist(), load[row, columns].tolist(), most, count, least
            )
            if chosen:
                least = value
                mask = int(self.masks[row])
                found.append((value, tuple((mask, int(self.values[row, columns[at]])) for at in chosen)))
        return found

    def _unknown(self, beside: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """How many identifiers of each class are no known ones and do not pass already, (m, n + 4)."""
        unknown = self.free[:, None] - self.members.astype(np.float64)
        for mask, one in beside:
            if (one ^ int(self.masks[0])) & EXTENDED:
                continue
            agrees = (self.values ^ one) & self.masks[:, None] & mask == 0
            more = np.array([(mask & ~int(own)).bit_count() for own in self.masks])
            unknown -= np.where(agrees, self.free[:, None] / (1 << more)[:, None], 0.0)
        return np.maximum(unknown, 0.0)


def _empty(mask: int, taken: set[int]) -> list[int]:
    """The lowest filters under a mask that are no class of a known id."""
    kind, mask = mask & EXTENDED, mask & ~EXTENDED
    found: list[int] = []
    one = 0
    while len(found) < EMPTY:
        if one | kind not in taken:
            found.append(one | kind)
        one = (one - mask) & mask
        if not one:
            break
    return found + [-1] * (EMPTY - len(found))


def knapsack(
    gain: Sequence[float], load: Sequence[float], most: float, count: int, least: float
) -> tuple[float, tuple[int, ...]]:
    """At most `count` things whose gains sum to the most and their loads to no more than `most`; exact, by branch and bound.

    Args:
        gain: descending, each above 0.
        load: of each.
        most: what the loads may sum to.
        count: how many may be taken.
        least: only what is worth more counts.

    Returns:
        The sum and the places of what is taken; `least` and nothing where nothing is worth more.
    """
    best: tuple[float, tuple[int, ...]] = (least, ())
    stack: list[tuple[int, float, float, tuple[int, ...]]] = [(0, 0.0, most, ())]
    n = len(gain)
    while stack:
        at, value, left, taken = stack.pop()
        if value > best[0] + 1e-12:
            best = value, taken
        room = count - len(taken)
        if at == n or not room or value + sum(gain[at : at + room]) <= best[0] + 1e-12:
            continue
        stack.append((at + 1, value, left, taken))
        if load[at] <= left + 1e-9:
            stack.append((at + 1, value + gain[at], left - load[at], (*taken, at)))
    return best
