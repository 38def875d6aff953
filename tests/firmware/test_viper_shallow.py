"""The kernels of the shallow kinds: numpy, the plain loop, viper on the VM and on 32 bits, one answer."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board import firmware
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.polynomial import Polynomial, terms
from viper32 import Kernel

ACC = 2**29 - 1
FOLDER = firmware.folder() / "canbean"
NAMES = {"polynomial": ("Polynomial", "polynomial"), "neighbours": ("Neighbours", "nearest")}


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


MAKE = {"polynomial": edge_polynomial, "neighbours": edge_neighbours}


def edge_features(rng, kind, rows):
    x = (rng.normal(0, 6000, (rows, kind.features))).clip(-32_767, 32_767).astype(np.int64)
    x[0], x[1] = 32_767, -32_767
    x[2] = rng.choice([-32_767, 32_767], kind.features)
    return x


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
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
        both.append([board.predict(row) for row in rows])
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
        assert plain == native == kind.predict(x).tolist()
    assert sum(len(np.unique(kind.predict(x))) for kind, x in drawn) > 800


@pytest.mark.parametrize("name", NAMES)
def test_a_section_shorter_than_it_says_never_reaches_native_code(name):
    section = MAKE[name](np.random.default_rng(5)).to_bytes()
    for cut in (4, 8, len(section) // 2, len(section) - 4):
        with pytest.raises((ValueError, struct.error)):
            getattr(firmware.module(name), NAMES[name][0])(section[:-cut], print)


@pytest.mark.parametrize("row", [(20_001, -26_842), (20_001, 26_842), (32_767, -32_767), (32_767, 32_767)])
def test_a_monomial_saturates_one_before_the_end_of_16_bits(row):
    assert abs(row[0] * row[1] + 8192 >> 14) > 32_767
    kind = Polynomial(2, 2, 0, [0, 0, 0, 16_000, 0], 0)
    kernel = Kernel(FOLDER / "polynomial_viper.py", "polynomial")
    (expected,) = kind.predict([row]).tolist()
    assert abs(expected) == 32_767 * 16_000 + 8 >> 4
    for board in (kernel, None):
        assert firmware.module("polynomial").Polynomial(kind.to_bytes(), board).predict(row) == expected
