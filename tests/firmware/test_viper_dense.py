"""The dense kernel: numpy, the plain loop, viper on the VM and viper as a 32-bit board computes it, one answer."""

import itertools
import json
import struct
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board import firmware
from canbean.tiny.dense import Dense, Layer
from viper32 import Kernel, ViperError

ACC = 2**29 - 1
KERNEL = firmware.folder() / "canbean" / "dense_viper.py"


def edge_layer(rng, inputs, outputs, low, high):
    """A layer whose sums come as close to the bound as the packer admits, in about half of the rows."""
    weights = rng.integers(-128, 127, (outputs, inputs), endpoint=True)
    weights[rng.random(outputs) < 0.4] = rng.choice([-128, 127])
    most = max(abs(low), abs(high)) * 128 * inputs
    room = ACC - most
    zero_in = int(rng.choice([0, 127, -128, int(rng.integers(-65_536, 65_537))]))
    folded = rng.choice([room, -room, 0, int(rng.integers(-room, room, endpoint=True))], outputs)
    clamp = int(rng.choice([127, 32_767]))
    return Layer(
        weights,
        folded + zero_in * weights.sum(axis=1),
        rng.choice([2**30, 2**31 - 1, int(rng.integers(2**30, 2**31))], outputs),
        rng.choice([31, 62, *[31 + max(0, most.bit_length() - clamp.bit_length())] * 4], outputs),
        zero_in,
        int(rng.choice([2**28, -(2**28)] if rng.random() < 0.1 else rng.integers(-100, 100, 2))),
        -clamp,
        clamp,
    )


def edge_network(rng, widest=20):
    """Up to three layers; the inputs are 8 or 16 bits wide, or as wide as the first layer's sums allow."""
    sizes = rng.integers(1, widest, int(rng.integers(2, 5))).tolist()
    most = int(rng.choice([128, 32_767, ACC // (128 * sizes[0])]))
    layers, low, high = [], -most, most
    for inputs, outputs in itertools.pairwise(sizes):
        layers.append(edge_layer(rng, inputs, outputs, low, high))
        low, high = layers[-1].low, layers[-1].high
    return Dense(tuple(layers), -most, most)


def edge_inputs(rng, network, rows):
    most = network.input_high
    x = rng.integers(-most, most, (rows, network.features), endpoint=True)
    x[0], x[1] = most, -most
    x[2] = rng.choice([-most, most], network.features)
    return x


def last_layer_wide(rng):
    """Outputs of the last layer as far out as a clamp may lie."""
    layer = edge_layer(rng, 4, 3, -127, 127)
    return Layer(layer.weights, layer.bias, [2**31 - 1] * 3, [31] * 3, layer.zero_in, 2**28, -(2**28), 2**28)


@pytest.mark.parametrize("bits", [32, 64])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_the_kernel_is_the_host(bits, seed):
    rng = np.random.default_rng(seed)
    network = edge_network(rng) if rng.random() < 0.9 else Dense((last_layer_wide(rng),), -127, 127)
    kernel = Kernel(KERNEL, "layer", bits)
    board = firmware.module("dense")
    section = network.to_bytes()
    native, plain = board.Dense(section, kernel), board.Dense(section, None)
    x = edge_inputs(rng, network, 5)
    expected = network.run(x).tolist()
    assert [list(plain.run(row))[: network.layers[-1].weights.shape[0]] for row in x.tolist()] == expected
    assert [list(native.run(row))[: network.layers[-1].weights.shape[0]] for row in x.tolist()] == expected
    # The packer's bounds hold for every intermediate of this kernel: nothing comes near 32 bits.
    assert not kernel.wrapped


def test_inputs_written_where_the_kernel_reads_them():
    rng = np.random.default_rng(1)
    network = edge_network(rng)
    board = firmware.module("dense").Dense(network.to_bytes(), Kernel(KERNEL, "layer"))
    (x,) = edge_inputs(rng, network, 3)[2:].tolist()
    for i, value in enumerate(x):
        board.given[i] = value
    assert board.predict(board.given) == network.predict([x])[0]


VM_RUN = """
import json
from canbean import dense
assert dense.native is not None
with open("cases.json") as file:
    cases = json.load(file)
answers = []
for content, rows in cases:
    both = []
    for kernel in (None, dense.native):
        board = dense.Dense(bytes(content), kernel)
        both.append([list(board.run(row))[: board.outputs] for row in rows])
    answers.append(both)
with open("answers.json", "w") as file:
    json.dump(answers, file)
"""


def test_viper_and_bytecode_on_the_vm_are_the_host(vm, tmp_path):
    rng = np.random.default_rng(3)
    networks = [edge_network(rng) for _ in range(150)]
    networks += [Dense((last_layer_wide(rng),), -127, 127) for _ in range(10)]
    drawn = [(network, edge_inputs(rng, network, 12)) for network in networks]
    (tmp_path / "cases.json").write_text(json.dumps([(list(n.to_bytes()), x.tolist()) for n, x in drawn]))
    vm.run(VM_RUN, cwd=tmp_path, heap="32M")
    answers = json.loads((tmp_path / "answers.json").read_text())
    for (network, x), (plain, native) in zip(drawn, answers, strict=True):
        assert plain == native == network.run(x).tolist()
    assert sum(len(np.unique(network.run(x))) for network, x in drawn) > 2000


def test_native_code_that_does_not_load_leaves_the_plain_loop(vm, tmp_path):
    """As on a board whose memory for native code is full, or with an .mpy for another processor."""
    package = tmp_path / "canbean"
    package.mkdir()
    for name in ("__init__", "bucket", "dense", "fixed"):
        (package / f"{name}.py").write_bytes((firmware.folder() / "canbean" / f"{name}.py").read_bytes())
    network = edge_network(np.random.default_rng(4))
    code = f"""
from canbean import dense
print(dense.native, dense.Dense({network.to_bytes()!r}).predict({[1] * network.features}))
"""
    (expected,) = network.predict([[1] * network.features]).tolist()
    assert vm.run(code, path=(tmp_path,)).split() == ["None", str(expected)]
    (package / "dense_viper.py").write_text("raise MemoryError('memory allocation failed')\n")
    assert vm.run(code, path=(tmp_path,)).split() == ["None", str(expected)]
    (package / "dense_viper.py").unlink()
    made = firmware._compile("canbean/dense_viper.py", KERNEL.read_bytes(), "xtensa")
    (package / "dense_viper.mpy").write_bytes(made)
    assert vm.run(code, path=(tmp_path,)).split() == ["None", str(expected)]


def test_a_section_shorter_than_it_says_never_reaches_native_code():
    section = edge_network(np.random.default_rng(5)).to_bytes()
    for cut in (4, 8, len(section) // 2):
        with pytest.raises((ValueError, struct.error)):
            firmware.module("dense").Dense(section[:-cut], Kernel(KERNEL, "layer"))


def kernel(tmp_path, body, arguments="x: ptr8", bits=32):
    (tmp_path / "k.py").write_text(f"@micropython.viper\ndef f({arguments}) -> int:\n{body}\n")
    return Kernel(tmp_path / "k.py", "f", bits)


def test_the_interpreter_wraps_and_counts(tmp_path):
    f = kernel(tmp_path, "    y = a * a\n    return y + 1", "a: int")
    assert (f(46341), dict(f.wrapped)) == (46341**2 + 1 - 2**32, {3: 1})
    assert kernel(tmp_path, "    return a * a", "a: int", 64)(1 << 20) == 1 << 40
    assert kernel(tmp_path, "    return x[0]", "x: ptr32")(array("i", [-5])) == -5
    assert kernel(tmp_path, "    return x[0]", "x: ptr32", 64)(array("i", [-5])) == 2**32 - 5
    assert kernel(tmp_path, "    return x[1]", "x: ptr16")(array("h", [0, -1])) == 65535


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    return x[4]", "outside every buffer"),
        ("    return x[-1]", "outside every buffer"),
        ("    p = ptr16(int(x) + 1)\n    return p[0]", "not a multiple of 2"),
        ("    x[0] = 1\n    return 0", "writes into bytes"),
        ("    return 1 << 32", "shifts by 32"),
        ("    return x[0] // 2", "not known"),
        ("    y = 1\n    y = x\n    return y", "was int, not ptr8"),
        ("    return x", "returns ptr8"),
        ("    return 0x40000000", "no small integer"),
        ("    return x[0] + y", "y is not set"),
        ("    import os\n    return 0", "not known"),
        ("    return x + 1", "ptr8 and int"),
    ],
)
def test_the_interpreter_refuses_what_a_board_would_not_do(tmp_path, body, words):
    with pytest.raises(ViperError, match=words):
        kernel(tmp_path, body)(b"\1\2\3\4")
