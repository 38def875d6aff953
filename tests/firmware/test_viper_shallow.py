"""The kernels of the shallow kinds: numpy, the plain loop, viper on the VM and on 32 bits, one answer."""

import json
import struct
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board import firmware
from canbean.tiny.features import Features
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.polynomial import Polynomial, terms
from regressor_cases import EDGES, random_channel
from shallow_cases import random_forest, random_kernel
from viper32 import Kernel

ACC = 2**29 - 1
FOLDER = firmware.folder() / "canbean"
NAMES = {
    "polynomial": ("Polynomial", "polynomial"),
    "neighbours": ("Neighbours", "nearest"),
    "forest": ("Forest", "forest"),
    "rbf": ("Kernel", "kernel"),
}


def edge_polynomial(rng):
    """Weights as large as the bound of the sum admits, the bias what they leave."""
    features, degree, shift = int(rng.integers(1, 9)), int(rng.integers(1, 4)), int(rng.integers(0, 16))
    count = terms(features, degree)
    most = min(32_767, (2**29 - 2**20 << shift) // (32_767 * count))
    weights = rng.integers(-most, most, count, endpoint=True)
    weights[rng.random(count) < 0.3] = rng.choice([-most, most])
    room = ACC - int(((np.abs(weights) * 32_767 >> shift) + 1).sum())
    bias = int(rng.choice([room, -room, int(rng.integers(-room, room, endpoint=True))]))
    return Polynomial(features, degree, bias, weights, shift)


def edge_neighbours(rng):
    """Points as far apart as they may lie, or so close that many are equally far."""
    features, count = int(rng.choice([1, 5, 63])), int(rng.integers(1, 50))
    reach = int(rng.choice([2, 300, 2048]))
    points = rng.integers(-reach, reach, (count, features), endpoint=True)
    points[rng.random(count) < 0.2] = rng.choice([-reach, reach])
    most = int(rng.choice([2**14, 2**23 - 1]))
    targets = rng.integers(-most, most, count, endpoint=True)
    targets[rng.random(count) < 0.2] = rng.choice([-most, most])
    return Neighbours(int(rng.integers(1, min(count, 32) + 1)), points, targets)


def edge_forest(rng):
    return random_forest(rng, int(rng.choice([1, 4, 63])), int(rng.integers(1, 5)))


def edge_kernel(rng):
    return random_kernel(rng, int(rng.choice([1, 4, 63])), int(rng.integers(1, 5)))


MAKE = {
    "polynomial": edge_polynomial,
    "neighbours": edge_neighbours,
    "forest": edge_forest,
    "rbf": edge_kernel,
}


def edge_features(rng, kind, rows):
    x = (rng.normal(0, 6000, (rows, kind.features))).clip(-32_767, 32_767).astype(np.int64)
    x[0], x[1] = 32_767, -32_767
    x[2] = rng.choice([-32_767, 32_767], kind.features)
    return x


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_the_kernel_is_the_host(name, bits, seed):
    rng = np.random.default_rng(seed)
    kind = MAKE[name](rng)
    twin, function = NAMES[name]
    kernel = Kernel(FOLDER / f"{name}_viper.py", function, bits)
    board = getattr(firmware.module(name), twin)
    native, plain = board(kind.to_bytes(), kernel), board(kind.to_bytes(), None)
    x = edge_features(rng, kind, 5)
    expected = kind.predict(x).tolist()
    assert [plain.predict(row) for row in x.tolist()] == expected
    assert [native.predict(row) for row in x.tolist()] == expected
    if hasattr(kind, "run"):
        expected = kind.run(x).tolist()
        assert [list(plain.run(row)) for row in x.tolist()] == expected
        assert [list(native.run(row)) for row in x.tolist()] == expected
        for at, value in enumerate(x[-1].tolist()):
            native.given[at] = value
        assert native.predict(native.given) == expected[-1][0]
    assert not kernel.wrapped


VM_PREDICT = """
import json
from canbean import {0} as module
assert module.native is not None
with open("cases.json") as file:
    cases = json.load(file)
answers = []
for content, rows in cases:
    both = []
    for kernel in (None, module.native):
        board = module.{1}(bytes(content), kernel)
        run = getattr(board, "run", None)
        both.append([list(run(row)) if run else [board.predict(row)] for row in rows])
    answers.append(both)
with open("answers.json", "w") as file:
    json.dump(answers, file)
"""


@pytest.mark.parametrize("name", NAMES)
def test_viper_and_bytecode_on_the_vm_are_the_host(name, vm, tmp_path):
    rng = np.random.default_rng(8)
    kinds = [MAKE[name](rng) for _ in range(120)]
    drawn = [(kind, edge_features(rng, kind, 15)) for kind in kinds]
    (tmp_path / "cases.json").write_text(json.dumps([(list(k.to_bytes()), x.tolist()) for k, x in drawn]))
    vm.run(VM_PREDICT.format(name, NAMES[name][0]), cwd=tmp_path, heap="32M")
    answers = json.loads((tmp_path / "answers.json").read_text())
    for (kind, x), (plain, native) in zip(drawn, answers, strict=True):
        expected = kind.run(x) if hasattr(kind, "run") else kind.predict(x)[:, None]
        assert plain == native == expected.tolist()
    assert sum(len(np.unique(kind.predict(x))) for kind, x in drawn) > 350


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kernel", [None, print])
def test_a_section_not_as_long_as_it_says_is_refused(name, kernel):
    section = MAKE[name](np.random.default_rng(5)).to_bytes()
    board = getattr(firmware.module(name), NAMES[name][0])
    for length in (0, 4, 8, 12, len(section) // 2, len(section) - 4, len(section) - 1):
        with pytest.raises((ValueError, struct.error, IndexError)):
            board(section[:length], kernel)
    with pytest.raises(ValueError, match="does not hold what it says"):
        board(section + bytes(4), kernel)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_a_damaged_forest_is_refused_or_stays_inside(seed):
    """`Kernel` fails at any access outside the section, the features or the scores."""
    rng = np.random.default_rng(seed)
    kind = edge_forest(rng)
    section = bytearray(kind.to_bytes())
    for at in rng.integers(0, len(section), int(rng.integers(1, 4))):
        section[at] = int(rng.choice([0, 63, 64, 127, 128, 191, 192, 255, int(rng.integers(256))]))
    kernel = Kernel(FOLDER / "forest_viper.py", "forest")
    twin = firmware.module("forest").Forest
    try:
        native = twin(bytes(section), kernel)
    except ValueError:
        with pytest.raises(ValueError, match="FRST"):
            twin(bytes(section), None)
        return
    plain = twin(bytes(section), None)
    for row in edge_features(rng, native, 4).tolist():
        assert native.predict(row) is not None
        assert len(plain.run(row)) == native.outputs


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ("00 00 80 01 80 80", ""),
        ("01 00 80 01 80 80", "a feature that there is not"),
        ("00 00 80 01 80 81", "a row that there is not"),
        ("00 00 80 02 80 80", "a right child past the end"),
        ("00 00 80 00 80 80", "a right child in the left one"),
        ("40 00 80 01 00 80 80", ""),
        ("40 00 80 01 01 80 80", "a right child far past the end"),
        ("00 00 80 01 80 c0", "a row cut in two"),
        ("00 00 80 01 80", "no right child"),
        ("00 00 80", "cut"),
        ("80 80", "more than a tree"),
        ("", "nothing"),
    ],
)
def test_every_tree_is_walked_before_native_code_gets_it(tree, words):
    code = bytes.fromhex(tree)
    body = struct.pack("<H", len(code)) + code
    section = struct.pack("<BBBbHHiHH", 1, 1, 2, 0, 1, 1, 7, 32768 + 5, 0) + body + bytes(-len(body) % 4)
    for kernel in (None, Kernel(FOLDER / "forest_viper.py", "forest")):
        if words:
            with pytest.raises(ValueError, match="FRST"):
                firmware.module("forest").Forest(section, kernel)
        else:
            assert firmware.module("forest").Forest(section, kernel).predict([3]) == 12


@pytest.mark.parametrize("row", [(20_001, -26_842), (20_001, 26_842), (32_767, -32_767), (32_767, 32_767)])
def test_a_monomial_saturates_one_before_the_end_of_16_bits(row):
    assert abs(row[0] * row[1] + 8192 >> 14) > 32_767
    kind = Polynomial(2, 2, 0, [0, 0, 0, 16_000, 0], 0)
    kernel = Kernel(FOLDER / "polynomial_viper.py", "polynomial")
    (expected,) = kind.predict([row]).tolist()
    assert abs(expected) == 32_767 * 16_000 + 8 >> 4
    for board in (kernel, None):
        assert firmware.module("polynomial").Polynomial(kind.to_bytes(), board).predict(row) == expected


def front_cases(rng, rows=8):
    """A front end, and readings where its features move, where they saturate, and as large as a caller may give."""
    front = Features(tuple(random_channel(rng) for _ in range(int(rng.integers(1, 9)))))
    offset = np.array([c.offset for c in front.channels])
    reach = np.array([min(c.limit, 2**15 / c.gain if c.gain else 1) for c in front.channels])
    readings = offset + reach * rng.normal(0, 0.5, (rows, len(front.channels)))
    log = [c.transform == "log2" for c in front.channels]
    readings[:, log] = np.exp2(np.clip(readings[:, log] / 4096, 0, 30))
    edge = rng.random(readings.shape) < 0.15
    readings[edge] = rng.choice(EDGES, edge.sum())
    readings[0] = offset + [
        sign * (c.limit + 1)
        for sign, c in zip(rng.choice([-1, 1], len(front.channels)), front.channels, strict=True)
    ]
    return front, np.clip(readings, -(2**30), 2**30 - 1).astype(np.int64)


@pytest.mark.parametrize("bits", [32, 64])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_the_front_end_in_viper_is_the_host(bits, seed):
    front, readings = front_cases(np.random.default_rng(seed))
    kernel = Kernel(FOLDER / "features_viper.py", "apply", bits)
    module = firmware.module("features")
    native, plain = module.Features(front.to_bytes(), kernel), module.Features(front.to_bytes(), None)
    out = [array(kind, bytes(4 * native.channels))[: native.channels] for kind in "hi"]
    for row, expected in zip(readings.tolist(), front.apply(readings).tolist(), strict=True):
        plain.apply(row, out[0])
        assert out[0].tolist() == expected
        for step in (2, 4):
            out[step // 2 - 1][0] = 77
            native.apply(row, out[step // 2 - 1], step)
            assert out[step // 2 - 1].tolist() == expected
    assert not kernel.wrapped


VM_FRONT = """
import json
from array import array
from canbean import features as module
assert module.native is not None
with open("cases.json") as file:
    cases = json.load(file)
answers = []
for content, rows in cases:
    both = []
    for kernel, kind, step in ((None, "h", 2), (module.native, "h", 2), (module.native, "i", 4)):
        board = module.Features(bytes(content), kernel)
        out = array(kind, [0] * board.channels)
        found = []
        for row in rows:
            board.apply(row, out, step)
            found.append(list(out))
        both.append(found)
    answers.append(both)
with open("answers.json", "w") as file:
    json.dump(answers, file)
"""


def test_the_front_end_on_the_vm_is_the_host(vm, tmp_path):
    rng = np.random.default_rng(9)
    drawn = [front_cases(rng, 15) for _ in range(150)]
    (tmp_path / "cases.json").write_text(json.dumps([(list(f.to_bytes()), x.tolist()) for f, x in drawn]))
    vm.run(VM_FRONT, cwd=tmp_path, heap="32M")
    answers = json.loads((tmp_path / "answers.json").read_text())
    for (front, readings), found in zip(drawn, answers, strict=True):
        assert found == [front.apply(readings).tolist()] * 3
    assert sum(len(np.unique(front.apply(x))) for front, x in drawn) > 2000


def test_a_front_end_shorter_than_it_says_never_reaches_native_code():
    front, _ = front_cases(np.random.default_rng(4))
    section = front.to_bytes()
    module = firmware.module("features")
    for wrong in (section[:-4], section[:4], bytes(4), b"\xff\xff" + section[2:]):
        with pytest.raises(ValueError, match="FEAT"):
            module.Features(wrong, print)
    for shift in (0, 1, 63, 255):
        with pytest.raises(ValueError, match="FEAT"):
            module.Features(section[:5] + bytes([shift]) + section[6:], print)


def test_leaves_inside_the_nodes():
    code = bytes.fromhex("00 00 80 02 c0 05 bf fd")
    section = struct.pack("<BBBbHHiH", 1, 1, 3, 0, 1, 0, 7, len(code)) + code + bytes(2)
    for kernel in (None, Kernel(FOLDER / "forest_viper.py", "forest")):
        board = firmware.module("forest").Forest(section, kernel)
        assert [board.predict([x]) for x in (-1, 0, 1)] == [12, 12, 4]
