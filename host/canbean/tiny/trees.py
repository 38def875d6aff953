"""One tree of a forest: as its fit left it, without what is the same on both sides, and read from its codes.

The codes are written down in `canbean.tiny.forest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_FEATURE = -1
INLINE = 1 << 14
LEAF_BIT, LONG_BIT = 0x80, 0x40


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree as its fit left it.

    Attributes:
        feature: (nodes,) the feature asked for, -1 in a leaf. The root comes first, children after their parents.
        threshold: (nodes,) integers: a sample goes left where its feature is at most this.
        left: (nodes,) the left child.
        right: (nodes,) the right child.
        values: (nodes, columns) what a leaf adds, in steps of the score.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    values: NDArray[np.float64]


def pruned(tree: Tree, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """A tree in preorder without splits between equal subtrees: (4, nodes) feature, threshold, left or row, right.

    Args:
        tree: as its fit left it.
        rows: the row of the leaf table for each of its leaves.
    """
    row = np.zeros(len(tree.feature), np.int64)
    row[tree.feature == NO_FEATURE] = rows
    stands_for = list(range(len(row)))
    known: dict[tuple[int, ...], int] = {}
    kind = [0] * len(row)
    columns = (tree.feature, tree.threshold, tree.left, tree.right, row)
    nodes = list(zip(*(column.tolist() for column in columns), strict=True))
    for node in range(len(nodes) - 1, -1, -1):
        feature, threshold, left, right, leaf = nodes[node]
        if feature != NO_FEATURE and kind[left] == kind[right]:
            stands_for[node], kind[node] = stands_for[left], kind[left]
            continue
        key = (leaf,) if feature == NO_FEATURE else (feature, threshold, kind[left], kind[right])
        kind[node] = known.setdefault(key, len(known))
    made: list[list[int]] = []
    # Nodes still to come, each with the parent that waits for it as its right child.
    waiting = [(0, NO_FEATURE)]
    while waiting:
        node, parent = waiting.pop()
        feature, threshold, left, right, leaf = nodes[stands_for[node]]
        here = len(made)
        if parent != NO_FEATURE:
            made[parent][3] = here
        if feature == NO_FEATURE:
            made.append([NO_FEATURE, 0, leaf, 0])
        else:
            made.append([feature, threshold, here + 1, 0])
            waiting += [(right, here), (left, NO_FEATURE)]
    return np.array(made, np.int64).T


class Nodes:
    """Nodes read from their codes, tree by tree."""

    def __init__(self, *, inline: bool) -> None:
        self.inline = inline
        self.roots: list[int] = []
        self.feature: list[int] = []
        self.threshold: list[int] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.places: list[int] = []
        """The leaves' nodes; `leaves` has what each holds."""
        self.leaves: list[int] = []

    def add(self, code: bytes) -> None:
        """Read one tree; an IndexError says that it is cut or its parts overlap."""
        self.roots.append(len(self.feature))
        # Who waits for a right child, and where that must begin.
        waiting: list[tuple[int, int]] = []
        at = 0
        while True:
            head = code[at]
            node = len(self.feature)
            self.right.append(0)
            if not head & LEAF_BIT:
                long = head >> 6
                skip = code[at + 3] | (code[at + 4] << 8 if long else 0)
                self.feature.append(head & 63)
                self.threshold.append((code[at + 1] | code[at + 2] << 8) - 32768)
                self.left.append(node + 1)
                at += 4 + long
                waiting.append((node, at + skip))
                continue
            two = self.inline or head & LONG_BIT
            number = (head & (127 if self.inline else 63)) << 8 | code[at + 1] if two else head & 63
            self.feature.append(NO_FEATURE)
            self.threshold.append(0)
            self.left.append(0)
            self.places.append(node)
            self.leaves.append(number - INLINE if self.inline else number)
            at += 2 if two else 1
            if not waiting:
                break
            parent, begins = waiting.pop()
            if at != begins:
                raise IndexError
            self.right[parent] = node + 1
        if at != len(code):
            raise IndexError
