"""Random forests and kernel sums at the edges of what the packer admits."""

import numpy as np

from canbean.tiny.fixed import ACCUMULATOR_LIMIT
from canbean.tiny.forest import Forest
from canbean.tiny.kernel import Kernel, coarseness

ACC = ACCUMULATOR_LIMIT - 1
EDGES = [-32767, -32766, -1, 0, 1, 32766, 32767]


def random_tree(rng, features, rows):
    """Nodes (feature, threshold, left or row, right) of a tree in preorder."""
    nodes = []

    def grow(depth):
        here = len(nodes)
        if depth == 0 or rng.random() < 0.3:
            nodes.append([-1, 0, int(rng.integers(rows)), 0])
            return here
        threshold = int(rng.choice([*EDGES, rng.integers(-32768, 32768)]))
        nodes.append([int(rng.integers(features)), threshold, here + 1, 0])
        grow(depth - 1)
        nodes[here][3] = grow(depth - 1)
        return here

    grow(int(rng.integers(0, 8)))
    return np.array(nodes).T


def random_forest(rng, features, outputs):
    columns = outputs if rng.random() < 0.5 else 1
    count = int(rng.choice([1, 3, 70, 700]))  # codes of one and two bytes
    values = rng.integers(-32767, 32767, (count, columns), endpoint=True)
    if columns == 1 and rng.random() < 0.5:
        values >>= 1  # fits inline
    trees = [random_tree(rng, features, count) for _ in range(int(rng.integers(1, 12)))]
    roots, at = [], 0
    for tree in trees:
        tree[2:][:, tree[0] >= 0] += at
        roots.append(at)
        at += tree.shape[1]
    feature, threshold, left, right = np.hstack(trees)
    shift = int(rng.integers(-24, 10))
    most = int(np.abs(values).max()) * len(trees)
    room = ACC - (most << shift if shift >= 0 else most)
    bias = rng.choice([room, -room, 0], outputs)
    return Forest(features, bias, shift, roots, feature, threshold, left, right, values)


def random_kernel(rng, features, outputs):
    count = int(rng.integers(1, 20))
    coarse = coarseness(features)
    vectors = rng.integers(-32767 >> coarse, 32767 >> coarse, (count, features), endpoint=True)
    shift = int(rng.integers(0, 16))
    most = min(32767, (2**29 - 2**20 << shift) // (32768 * count) - 1)
    weights = rng.integers(-most, most, (count, outputs), endpoint=True)
    weights[rng.random(count) < 0.3] = rng.choice([-most, most])
    reach = ((np.abs(weights) * 32768 >> shift) + 1).sum(axis=0).max()
    room = ACC - 512 - int(reach)
    return Kernel(
        vectors,
        weights,
        rng.choice([room, -room, 0], outputs),
        int(rng.choice([2**30, 2**31 - 1, rng.integers(2**30, 2**31)])),
        int(rng.integers(31, 50)),
        shift,
        int(rng.integers(0, 9)),
    )
