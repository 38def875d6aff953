"""Forests against scikit-learn's own trees, at the edges of their types, and as bytes."""

import contextlib
import random
import struct

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.tree import DecisionTreeRegressor

from canbean.errors import ModelError, QuantizeError
from canbean.tiny import estimators
from canbean.tiny.forest import Forest
from canbean.tiny.trees import Tree


def stump(threshold=0, left=-1.0, right=1.0):
    """One question."""
    return Tree(
        np.array([0, -1, -1]),
        np.array([threshold, 0, 0]),
        np.array([1, -1, -1]),
        np.array([2, -1, -1]),
        np.array([[0.0], [left], [right]]),
    )


def grid(seed, n=400, d=4):
    """Whole numbers: readings as a board has them."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-3000, 3000, (n, d))
    return x, x[:, 0] * (x[:, 1] > 500) + 0.3 * x[:, 2]


def test_a_sample_at_the_threshold_goes_left():
    forest = Forest.from_float([stump(7, 100, 200)], [0], 1)
    assert forest.predict([[6], [7], [8]]).tolist() == [100, 100, 200]


@pytest.mark.parametrize("threshold", [-32768, -32767, 0, 32766, 32767])
def test_thresholds_at_the_ends(threshold):
    forest = Forest.from_float([stump(threshold, 0, 16)], [0], 1)
    x = np.array([[-32768], [-32767], [0], [32766], [32767]])
    assert forest.predict(x).tolist() == np.where(x[:, 0] <= threshold, 0, 16).tolist()
    assert Forest.from_bytes(forest.to_bytes()).predict(x).tolist() == forest.predict(x).tolist()


def test_on_whole_readings_a_single_tree_is_scikit_learns():
    x, y = grid(1)
    fitted = DecisionTreeRegressor(random_state=0).fit(x, y)
    model = estimators.from_sklearn(fitted, x)
    query = grid(2, 5000)[0]
    near = np.abs(model.answer(query) - fitted.predict(query)) / np.ptp(y)
    assert near.max() < 1e-4


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("family", [RandomForestClassifier, ExtraTreesClassifier])
def test_forests_classify_as_scikit_learn(family, classes):
    rng = np.random.default_rng(classes)
    x = rng.normal([0, 50, -3, 1e4], [1, 10, 0.1, 2e3], (500, 4))
    y = np.digitize(x[:, 0] + x[:, 1] / 10 + rng.normal(0, 0.2, 500), [5.0, 5.8][: classes - 1])
    fitted = family(25, random_state=0).fit(x, y)
    model = estimators.from_sklearn(fitted, x)
    query = rng.normal([0, 50, -3, 1e4], [1, 10, 0.1, 2e3], (20_000, 4))
    assert (model.answer(query) == fitted.predict(query)).mean() >= 0.999


def test_equal_subtrees_are_one_and_the_bytes_say_so():
    assert len(Forest.from_float([stump(0, 5, 5)], [0], 1).feature) == 1
    deep = Tree(
        np.array([0, 0, -1, -1, 0, -1, -1]),
        np.array([9, 3, 0, 0, 3, 0, 0]),
        np.array([1, 2, -1, -1, 5, -1, -1]),
        np.array([4, 3, -1, -1, 6, -1, -1]),
        np.array([[0.0], [0], [100], [200], [0], [100], [200]]),
    )
    forest = Forest.from_float([deep], [0], 1)
    assert forest.feature.tolist() == [0, -1, -1]
    assert forest.predict([[3], [4], [9], [10]]).tolist() == [100, 200, 200, 200]


def test_a_node_takes_few_bytes():
    """Nodes of emlearn's C arrays take 8 bytes each, of generated Python many more."""
    x, y = grid(3)
    fitted = RandomForestClassifier(20, random_state=0).fit(x, y > 0)
    section = estimators.from_sklearn(fitted, x).sections()["FRST"]
    assert len(section) < 3 * sum(one.tree_.node_count for one in fitted.estimators_)
    boosting = GradientBoostingRegressor(n_estimators=50).fit(x, y)
    section = estimators.from_sklearn(boosting, x).sections()["FRST"]
    assert len(section) < 3.5 * sum(one.tree_.node_count for one in boosting.estimators_.ravel())


def test_sums_that_could_overflow_are_refused():
    Forest.from_float([stump(0, -1000, 1000)] * 50, [2**28], 1)
    with pytest.raises(QuantizeError, match="could overflow 30 bits"):
        Forest.from_float([stump(0, -(2.0**24), 2.0**24)] * 40, [0], 1)
    with pytest.raises(QuantizeError, match="not a finite number"):
        Forest.from_float([stump(0, np.nan, 1)], [0], 1)


def test_what_makes_no_tree_is_refused():
    good = Forest.from_float([stump()], [0], 1)
    for name, value, words in (
        ("left", [0, 0, 1], "do not make trees"),
        ("right", [1, 0, 0], "do not make trees"),
        ("feature", [1, -1, -1], "asks for a feature"),
        ("threshold", [40_000, 0, 0], "does not fit 16 bits"),
        ("roots", [1], "do not make trees"),
        ("left", [1, 0, 7], "a leaf has no value"),
        ("shift", 30, "does not fit its type"),
    ):
        with pytest.raises(QuantizeError, match=words):
            Forest(**{**vars(good), name: value})


def test_every_changed_byte_is_refused_or_another_forest():
    x, y = grid(4, 60, 3)
    content = estimators.from_sklearn(RandomForestClassifier(2, max_depth=3).fit(x, y > 0), x).sections()[
        "FRST"
    ]
    dice = random.Random(0)
    for at in range(len(content)):
        bad = bytearray(content)
        bad[at] ^= 1 << dice.randrange(8)
        with contextlib.suppress(ModelError):
            assert Forest.from_bytes(bytes(bad)).to_bytes() == bytes(bad)
    for end in range(len(content)):
        with pytest.raises(ModelError):
            Forest.from_bytes(content[:end])
    with pytest.raises(ModelError, match="4 bytes too many"):
        Forest.from_bytes(content + bytes(4))


def test_a_tree_that_reads_past_itself_is_refused():
    head = struct.pack("<BBBbHHi", 1, 1, 2, 0, 1, 1, 0) + struct.pack("<HH", 32768, 0)
    for nodes in (b"", b"\x00\x00\x80", b"\x00\x00\x80\x05\x80\x80", b"\x80\x80", b"\x00\x00\x80\x01\x80"):
        content = head + struct.pack("<H", len(nodes)) + nodes
        with pytest.raises(ModelError, match="tree 0 is cut"):
            Forest.from_bytes(content + bytes(-len(content) % 4))
