"""Decision trees that add up: single trees, random and extra forests, gradient boosting, isolation forests.

A tree asks `feature <= threshold` of int16 features and ends in a leaf. A leaf adds a row of numbers, one for each
output, or one number to the tree's own output, which is the tree's position modulo the number of outputs (boosting
grows a tree for each class in turn). The sums are shifted by one exponent for all and added to a bias:

`score = bias + (sum << shift)`, for a negative shift `bias + ((sum + 2**(-shift-1)) >> -shift)`

FRST:

```
u8 features | u8 outputs | u8 flags (1: inline leaves, 2: a leaf holds a row of all outputs) | i8 shift
u16 trees | u16 rows of the leaf table | i32 bias [outputs] | u16 leaf + 32768 [rows][1 or outputs], padded
a tree: u16 bytes of its nodes | nodes                           then zeros up to a multiple of 4
```

Nodes stand in preorder, the left child right behind its parent, the right one after all of the left:

```
0 l f f f f f f  feature f | u16 threshold + 32768 | bytes of the left subtree: u8, or u16 where l is set
1 l i i i i i i  a leaf: row i of the table, or where l is set row i * 256 + the next byte
1 v v v v v v v  an inline leaf: (v * 256 + the next byte) - 16384
```

The rows that most leaves use come first, a split between two equal subtrees is left out, and of the two codings the
shorter one is taken, so that one forest has one byte form.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.fixed import ACCUMULATOR_LIMIT
from canbean.tiny.packing import Reader, padded
from canbean.tiny.trees import INLINE, LEAF_BIT, LONG_BIT, NO_FEATURE, Nodes, Tree, pruned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

FEATURES_MOST = 63
OUTPUTS_MOST = 255
TREES_MOST = 65_535
TREE_BYTES_MOST = 65_535
ROWS_MOST = 1 << 14
SHIFT_MOST = 24
LEAF = 32767
# What an inline leaf holds.
LEAF_BITS = 15
_INLINE, _ROWS = 1, 2


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees with integer thresholds and leaves.

    Attributes:
        features: number of features.
        bias: (outputs,) what the sums begin with.
        shift: see above.
        roots: (trees,) the first node of each tree; a tree's nodes follow it, parents before children.
        feature: (nodes,) the feature asked for, -1 in a leaf.
        threshold: (nodes,) int16 values.
        left: (nodes,) the left child; in a leaf its row of `values`.
        right: (nodes,) the right child.
        values: (rows, 1 or outputs) int16 values.
    """

    tag: ClassVar[str] = "FRST"

    features: int
    bias: NDArray[np.int64]
    shift: int
    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    values: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("bias", "roots", "feature", "threshold", "left", "right", "values"):
            array = np.array(getattr(self, name), np.int64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if not 1 <= self.features <= FEATURES_MOST or not 1 <= self.outputs <= OUTPUTS_MOST:
            raise QuantizeError(
                f"a forest of {self.features} features and {self.outputs} outputs: "
                f"1 to {FEATURES_MOST} and 1 to {OUTPUTS_MOST} are possible"
            )
        if self.values.ndim != 2 or not len(self.values) or self.values.shape[1] not in {1, self.outputs}:
            raise QuantizeError("a leaf holds one number, or one for each output")
        if abs(self.shift) > SHIFT_MOST or np.abs(self.values).max() > LEAF:
            raise QuantizeError("a forest's leaf or shift does not fit its type")
        self._check_trees()
        self._check_sums()

    def _check_trees(self) -> None:
        nodes, trees = len(self.feature), len(self.roots)
        if not 1 <= trees <= TREES_MOST or not all(
            array.shape == (nodes,) for array in (self.threshold, self.left, self.right)
        ):
            raise QuantizeError(f"{trees} trees: 1 to {TREES_MOST} are possible, each with all its nodes")
        inner = np.flatnonzero(self.feature != NO_FEATURE)
        leaves = self.left[self.feature == NO_FEATURE]
        asked = self.feature[inner]
        if asked.size and (asked.min() < 0 or asked.max() >= self.features):
            raise QuantizeError("a tree asks for a feature that there is not")
        if np.abs(self.threshold[inner] + 0.5).max(initial=0) > LEAF + 0.5:
            raise QuantizeError("a threshold does not fit 16 bits")
        if leaves.min(initial=0) < 0 or leaves.max(initial=0) >= len(self.values):
            raise QuantizeError("a leaf has no value")
        # Every node but the roots is the child of exactly one node, of its own tree and before it.
        children = np.sort(np.concatenate([self.roots, self.left[inner], self.right[inner]]))
        tree = np.searchsorted(self.roots, np.arange(nodes), side="right")
        own = all(
            (child > inner).all() and (tree[np.minimum(child, nodes - 1)] == tree[inner]).all()
            for child in (self.left[inner], self.right[inner])
        )
        if not own or not np.array_equal(children, np.arange(nodes)) or (np.diff(self.roots) <= 0).any():
            raise QuantizeError("a forest's nodes do not make trees")

    def _check_sums(self) -> None:
        largest = np.abs(self.values).max(axis=1)
        of_node = np.where(self.feature == NO_FEATURE, largest[np.where(self.feature < 0, self.left, 0)], 0)
        of_tree = np.maximum.reduceat(of_node, self.roots)
        rows = self.values.shape[1] == self.outputs
        output = np.zeros(len(of_tree), np.int64) if rows else np.arange(len(of_tree)) % self.outputs
        total = int(np.bincount(output, of_tree).max())
        half = 1 << -self.shift >> 1 if self.shift < 0 else 0
        spread = (total << self.shift) if self.shift >= 0 else total
        if total + half >= ACCUMULATOR_LIMIT or spread + int(np.abs(self.bias).max()) >= ACCUMULATOR_LIMIT:
            raise QuantizeError("the forest's leaves are so large that their sum could overflow 30 bits")

    @classmethod
    def from_float(
        cls, trees: Sequence[Tree], bias: ArrayLike, features: int, bits: int = LEAF_BITS
    ) -> Forest:
        """Quantize the leaves of fitted trees.

        Leaves are taken less the middle of what they reach, which goes into the bias, in steps of a power of two: the
        finest at which they fit.

        Args:
            trees: with one column of values each (tree i adds to output i modulo the outputs), or one for each output.
            bias: (outputs,) in steps of the score.
            features: number of features.
            bits: of a leaf: fewer make more leaves equal, which are stored once.

        Raises:
            QuantizeError: a number is not finite, or too large for its type.
        """
        start = np.atleast_1d(np.asarray(bias, np.float64))
        if not trees:
            raise QuantizeError("a forest needs at least one tree")
        leaves = [tree.values[tree.feature == NO_FEATURE] for tree in trees]
        columns = leaves[0].shape[1]
        if not np.isfinite(start).all() or not all(np.isfinite(rows).all() for rows in leaves):
            raise QuantizeError("a forest has a leaf that is not a finite number")
        every = np.concatenate(leaves)
        # One middle for all columns: equal probabilities stay equal.
        middle = float(every.max() + every.min()) / 2
        start = start + middle * (len(trees) if columns == len(start) else len(trees) / len(start))
        reach = float(np.abs(every - middle).max())
        most = (1 << bits - 1) - 1
        shift = -SHIFT_MOST
        while shift < SHIFT_MOST and reach > most * 2.0**shift:
            shift += 1
        step = 2.0**shift
        if np.abs(start).max() >= ACCUMULATOR_LIMIT or reach > most * step:
            raise QuantizeError("a forest's leaves are too large for its score")
        table, which = np.unique(
            np.rint((every - middle) / step).astype(np.int64), axis=0, return_inverse=True
        )
        parts, at, nodes = [], 0, 0
        roots = []
        for tree, rows in zip(trees, leaves, strict=True):
            part = pruned(tree, which.reshape(-1)[at : at + len(rows)])
            part[2:][:, part[0] != NO_FEATURE] += nodes
            roots.append(nodes)
            parts.append(part)
            at += len(rows)
            nodes += part.shape[1]
        feature, threshold, left, right = np.hstack(parts)
        begin = np.rint(start).astype(np.int64)
        return cls(features, begin, shift, np.array(roots), feature, threshold, left, right, table)

    @property
    def outputs(self) -> int:
        """Number of scores."""
        return int(self.bias.size)

    @property
    def macs(self) -> int:
        """Steps of one run, as `canbean.tiny.cost` counts multiplications: the longest way through each tree."""
        depth = np.zeros(len(self.feature), np.int64)
        for node in range(len(self.feature)):
            if self.feature[node] != NO_FEATURE:
                depth[[self.left[node], self.right[node]]] = depth[node] + 1
        longest = int(np.maximum.reduceat(depth, self.roots).sum())
        return longest + len(self.roots) * int(self.values.shape[1])

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one run; its own call counts as one."""
        return 1

    def run(self, x: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d), int16, to scores (n, outputs)."""
        x = np.asarray(x, np.int64)
        outputs, columns = self.outputs, self.values.shape[1]
        total = np.zeros((len(x), outputs), np.int64)
        for index, root in enumerate(self.roots):
            node = np.full(len(x), root, np.int64)
            rows = np.flatnonzero(self.feature[node] != NO_FEATURE)
            while rows.size:
                at = node[rows]
                goes_left = x[rows, self.feature[at]] <= self.threshold[at]
                node[rows] = np.where(goes_left, self.left[at], self.right[at])
                rows = rows[self.feature[node[rows]] != NO_FEATURE]
            found = self.values[self.left[node]]
            if columns == outputs:
                total += found
            else:
                total[:, index % outputs] += found[:, 0]
        if self.shift >= 0:
            return np.asarray((total << self.shift) + self.bias, np.int64)
        return np.asarray(((total + (1 << -self.shift >> 1)) >> -self.shift) + self.bias, np.int64)

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d), int16, to the first score (n,)."""
        return self.run(x)[:, 0]

    def to_bytes(self) -> bytes:
        """The layout above.

        Raises:
            QuantizeError: over 16,384 leaves differ, or a tree takes more than 65,535 bytes.
        """
        leaf = self.feature == NO_FEATURE
        rows, which, count = np.unique(
            self.values[self.left[leaf]], axis=0, return_inverse=True, return_counts=True
        )
        order = np.argsort(-count, kind="stable")
        place = np.argsort(order, kind="stable")[which.reshape(-1)]
        found = []
        if len(rows) <= ROWS_MOST:
            codes = [
                bytes([LEAF_BIT | i] if i < LONG_BIT else [LEAF_BIT | LONG_BIT | i >> 8, i & 255])
                for i in place
            ]
            found.append(self._joined(codes, rows[order], 0))
        if rows.shape[1] == 1 and rows.min() >= -INLINE and rows.max() < INLINE:
            numbers = self.values[self.left[leaf], 0] + INLINE
            codes = [bytes([LEAF_BIT | i >> 8, i & 255]) for i in numbers.tolist()]
            found.append(self._joined(codes, rows[:0], _INLINE))
        if not found:
            raise QuantizeError(f"over {ROWS_MOST} leaves of the forest differ: let it grow fewer")
        return min(found, key=len)

    def _joined(self, codes: list[bytes], table: NDArray[np.int64], flags: int) -> bytes:
        """The section, given the code of each leaf."""
        nodes = [b""] * len(self.feature)
        for node, code in zip(np.flatnonzero(self.feature == NO_FEATURE).tolist(), codes, strict=True):
            nodes[node] = code
        inner = np.flatnonzero(self.feature != NO_FEATURE)[::-1]
        asked = (
            inner,
            self.feature[inner],
            self.threshold[inner] + 32768,
            self.left[inner],
            self.right[inner],
        )
        for node, feature, threshold, left, right in zip(*(column.tolist() for column in asked), strict=True):
            skip = len(nodes[left])
            if skip > TREE_BYTES_MOST:
                break
            head = struct.pack("<BHH", feature | LONG_BIT, threshold, skip)
            if skip < 256:
                head = struct.pack("<BHB", feature, threshold, skip)
            nodes[node] = head + nodes[left] + nodes[right]
            nodes[left] = nodes[right] = b""
        trees = [nodes[root] for root in self.roots.tolist()]
        if max(map(len, trees)) > TREE_BYTES_MOST or not all(trees):
            raise QuantizeError(f"a tree takes over {TREE_BYTES_MOST} bytes: let it grow less deep")
        if self.values.shape[1] > 1 or self.outputs == 1:
            flags |= _ROWS
        head = struct.pack("<BBBbHH", self.features, self.outputs, flags, self.shift, len(trees), len(table))
        return (
            head
            + self.bias.astype("<i4").tobytes()
            + padded((table + 32768).astype("<u2").tobytes())
            + padded(b"".join(struct.pack("<H", len(tree)) + tree for tree in trees))
        )

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Forest:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold a forest whose sums fit; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section FRST")
        features, outputs, flags, shift, trees, rows = reader.struct("BBBbHH")
        if flags > (_INLINE | _ROWS) or not outputs or not trees:
            raise ModelError(f"{reader.where}: it has flags or counts that no forest has")
        columns = outputs if flags & _ROWS else 1
        bias = reader.array("i4", outputs)
        table = reader.array("u2", rows * columns).reshape(rows, columns) - 32768
        nodes = Nodes(inline=bool(flags & _INLINE))
        size = 8 + 4 * outputs + (2 * rows * columns + 3) // 4 * 4
        for _ in range(trees):
            (length,) = reader.struct("H")
            try:
                nodes.add(bytes(reader.struct(f"{length}s")[0]))
            except IndexError:
                raise ModelError(f"{reader.where}: tree {len(nodes.roots) - 1} is cut") from None
            size += 2 + length
        if any(reader.struct(f"{-size % 4}s")[0]):
            raise ModelError(f"{reader.where}: its padding is not zero")
        reader.end()
        if nodes.inline:
            table, numbers = np.unique(np.array(nodes.leaves), return_inverse=True)
            table, leaves = table[:, None], numbers.tolist()
        else:
            leaves = nodes.leaves
        for node, leaf in zip(nodes.places, leaves, strict=True):
            nodes.left[node] = leaf
        try:
            roots, feature, threshold, left, right = (
                np.array(column, np.int64)
                for column in (nodes.roots, nodes.feature, nodes.threshold, nodes.left, nodes.right)
            )
            forest = cls(features, bias, shift, roots, feature, threshold, left, right, table)
            if forest.to_bytes() != content:
                raise ModelError(f"{reader.where}: is not coded as a packer codes it")
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error
        return forest
