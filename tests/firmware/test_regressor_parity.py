"""The same integers three times: numpy on the host, the firmware on CPython, the firmware on MicroPython.

Models are drawn at the edges of what the packer admits, readings at the edges of what a sensor gives.
"""

import itertools
import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board import firmware
from canbean.tiny import fixed
from canbean.tiny.dense import Dense, Layer
from canbean.tiny.features import Features
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.regressor import Regressor
from regressor_cases import ACC, EDGES, random_channel, random_readings, random_regressor, shallow_regressor

TAGS = ("POLY", "SPLN", "KNNS", "RBFS", "FRST", "DENS", "BLND")


@pytest.mark.parametrize("tag", TAGS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_host_is_firmware_on_cpython(tag, seed):
    rng = np.random.default_rng(seed)
    regressor = random_regressor(rng, tag)
    board = firmware.module("regressor").Regressor(regressor.sections())
    assert board.channels == len(regressor.features.channels)
    assert board.decimals == regressor.features.decimals
    readings = random_readings(rng, regressor, 20)
    expected = regressor.predict(readings).tolist()
    assert [board.predict(row) for row in readings.tolist()] == expected


@given(seed=st.integers(0, 2**32 - 1), beyond=st.integers(-2, 2))
def test_features_are_the_hosts(seed, beyond):
    rng = np.random.default_rng(seed)
    front = Features(tuple(random_channel(rng) for _ in range(6)))
    scale = Neighbours(1, np.zeros((1, 6)), [0])
    board = firmware.module("features").Features(Regressor(front, scale, (0, 1)).sections()["FEAT"])
    ends = [[c.offset + sign * (c.limit + beyond) for c in front.channels] for sign in (-1, 1)]
    out = [0] * 6
    for readings in [*ends, rng.choice(EDGES, 6).tolist()]:
        board.apply(readings, out)
        assert out == front.apply([readings])[0].tolist()


@given(
    acc=st.integers(-ACC, ACC) | st.sampled_from([-ACC, -1, 0, 1, ACC]),
    multiplier=st.integers(2**30, 2**31 - 1) | st.sampled_from([2**30, 2**31 - 1]),
    shift=st.integers(31, 62),
    zero=st.integers(-(2**29) + 1, 2**29 - 1),
)
def test_requantize_never_leaves_31_bits(acc, multiplier, shift, zero):
    """The firmware's own source on integers that refuse to leave -2**30..2**30-1."""

    class Small(int):
        def __new__(cls, value):
            assert -(2**30) <= value < 2**30
            return super().__new__(cls, value)

    for name in ("add", "radd", "sub", "mul", "rmul", "and", "rshift"):
        method = f"__{name}__"
        setattr(Small, method, lambda a, b, m=method: Small(getattr(int, m)(a, b)))
    m1, m0 = (Small(int(half)) for half in fixed.halves(multiplier))
    low, high = Small(-(2**30)), Small(2**30 - 1)
    found = firmware.module("fixed").requantize(Small(acc), m1, m0, Small(shift), Small(zero), low, high)
    assert found == zero + ((acc * multiplier + (1 << (shift - 1))) >> shift)


@given(st.integers(1, 2**30 - 1) | st.sampled_from([1, 2, 3, 2**18 - 1, 2**18, 2**19 - 1, 2**19, 2**30 - 1]))
def test_logarithms_are_the_hosts(x):
    board = firmware.module("fixed")
    logarithm = firmware.module("bucket")
    assert logarithm.floor_log2(x) == int(fixed.floor_log2(x)) == x.bit_length() - 1
    assert board.log2_q12(x) == int(fixed.log2_q12(x))
    assert logarithm.bucket(x) == int(fixed.bucket(x))
    assert logarithm.bucket(-x) == logarithm.bucket(0) == 0


def test_the_logarithm_table_is_the_hosts():
    assert fixed.LOG2_TABLE.astype("<u2").tobytes() == firmware.module("fixed").LOG2


def test_a_network_of_several_outputs_is_the_hosts():
    """int8 activations with zero points, as a LiteRT network has them."""
    rng = np.random.default_rng(5)
    layers = [
        Layer(
            rng.integers(-127, 128, (o, i)), rng.integers(-9999, 9999, o), rng.integers(2**30, 2**31, o),
            rng.integers(38, 42, o), int(rng.integers(-128, 128)), zero, zero if i == 32 else -128, 127,
        )
        for (i, o), zero in zip([(32, 16), (16, 8), (8, 16), (16, 32)], (-128, -5, 17, 3), strict=True)
    ]  # fmt: skip
    host = Dense(tuple(layers), -128, 127)
    board = firmware.module("dense").Dense(host.to_bytes())
    x = rng.integers(-128, 128, (50, 32))
    assert [list(board.run(row)) for row in x.tolist()] == host.run(x).tolist()
    assert np.median(np.ptp(host.run(x), axis=0)) > 10


VM_PREDICT = """
import json
from canbean.regressor import Regressor
for number in range({count}):
    with open("case%d.json" % number) as file:
        case = json.load(file)
    sections = {{tag: bytes(content) for tag, content in case["sections"].items()}}
    board = Regressor(sections)
    with open("answer%d.json" % number, "w") as file:
        json.dump([board.predict(row) for row in case["readings"]], file)
"""


@pytest.mark.parametrize("tag", TAGS)
def test_host_is_micropython(tag, vm, tmp_path):
    rng = np.random.default_rng(TAGS.index(tag))
    expected = []
    for number in range(60):
        regressor = random_regressor(rng, tag)
        readings = random_readings(rng, regressor, 100)
        expected.append(regressor.predict(readings).tolist())
        sections = {name: list(content) for name, content in regressor.sections().items()}
        case = {"sections": sections, "readings": readings.tolist()}
        (tmp_path / f"case{number}.json").write_text(json.dumps(case))
    vm.run(VM_PREDICT.format(count=len(expected)), cwd=tmp_path, heap="8M")
    answers = [json.loads((tmp_path / f"answer{n}.json").read_text()) for n in range(len(expected))]
    assert answers == expected
    # The models do not all sit at an end of their scale.
    assert sum(len(set(scores)) for scores in expected) > 150


def test_arithmetic_is_the_hosts_on_micropython(vm, tmp_path):
    rng = np.random.default_rng(9)
    n = 20_000
    m1, m0 = rng.integers(0, 2**15, (2, n))
    m1[: n // 10], m0[: n // 20] = 32767, 32767
    acc = rng.integers(-ACC, ACC + 1, n)
    acc[: n // 40] = ACC
    acc[n // 40 : n // 20] = -ACC
    shift = rng.integers(31, 63, n)
    x = np.exp2(rng.uniform(0, 29.9999, n)).astype(np.int64)
    x[:30] = 1 << np.arange(30)
    (tmp_path / "in.json").write_text(json.dumps([v.tolist() for v in (acc, m1, m0, shift, x)]))
    vm.run(
        """
import json
from canbean import fixed
from canbean.bucket import bucket
acc, m1, m0, shift, x = json.load(open("in.json"))
out = [[fixed.requantize(acc[i], m1[i], m0[i], shift[i], 7, -100000, 1 << 29) for i in range(len(acc))],
       [fixed.log2_q12(v) for v in x], [bucket(v) for v in x]]
with open("out.json", "w") as file:
    json.dump(out, file)
""",
        cwd=tmp_path,
        heap="16M",
    )
    answers = json.loads((tmp_path / "out.json").read_text())
    host = fixed.requantize(acc, fixed.joined(m1, m0), shift, 7, -100_000, 1 << 29)
    assert answers == [host.tolist(), fixed.log2_q12(x).tolist(), fixed.bucket(x).tolist()]


VM32_PREDICT = """
import gc
import json
gc.disable()  # this VM's collector does not see what lives in WebAssembly's own locals
from canbean.regressor import Regressor

def allocated(board, rows, out):
    board.predict(rows[0])
    before = gc.mem_alloc()
    for i in range(len(rows)):
        out[i] = board.predict(rows[i])
    return gc.mem_alloc() - before

for line in open("/input/cases.json"):
    case = json.loads(line)
    sections, rows = {tag: bytes(content) for tag, content in case["sections"].items()}, case["readings"]
    out = [0] * len(rows)
    print(allocated(Regressor(sections), rows, out), *out)
"""


def test_predicting_allocates_nothing_on_a_32_bit_board(vm32, tmp_path):
    """A single integer past 31 bits, anywhere, would be an allocation."""
    rng = np.random.default_rng(11)
    drawn = [(regressor, random_readings(rng, regressor, 16))
             for tag in TAGS for regressor in (random_regressor(rng, tag) for _ in range(8))]  # fmt: skip
    drawn += [shallow_regressor(rng, tag) for tag in TAGS]
    shutil.copytree(firmware.folder() / "canbean", tmp_path / "canbean")
    with (tmp_path / "cases.json").open("w") as file:
        for regressor, rows in drawn:
            sections = {name: list(content) for name, content in regressor.sections().items()}
            file.write(json.dumps({"sections": sections, "readings": rows.tolist()}) + "\n")
    lines = [list(map(int, line.split())) for line in vm32(VM32_PREDICT, folder=tmp_path).splitlines()]
    assert [line[1:] for line in lines] == [r.predict(rows).tolist() for r, rows in drawn]
    assert [line[0] for line in lines] == [0] * len(drawn)


VM32_FIXED = """
import gc
gc.disable()
from canbean import fixed
from canbean.bucket import bucket

def allocated(cases, xs, out):
    fixed.requantize(1, 0, 0, 31, 0, 0, 1)
    before = gc.mem_alloc()
    for i in range(len(cases)):
        acc, m1, m0, shift = cases[i]
        out[i] = fixed.requantize(acc, m1, m0, shift, 0, -0x40000000, 0x3fffffff)
    for i in range(len(xs)):
        fixed.log2_q12(xs[i])
        bucket(xs[i])
    return gc.mem_alloc() - before

cases = [(acc, m1, m0, shift) for acc in {acc} for m1 in {half} for m0 in {half} for shift in {shift}]
out = [0] * len(cases)
print(allocated(cases, {xs}, out), *out)
"""


def test_arithmetic_allocates_nothing_at_its_edges(vm32):
    accs = (-ACC, -ACC + 1, -32768, -1, 0, 1, 32767, ACC - 1, ACC)
    half, shifts = (0, 1, 32767), (31, 32, 33, 34, 45, 61, 62)
    xs = [1 << e for e in range(30)] + [(1 << e) - 1 for e in range(1, 31)]
    spent, *found = map(int, vm32(VM32_FIXED.format(acc=accs, half=half, shift=shifts, xs=xs)).split())
    acc, m1, m0, shift = np.array(list(itertools.product(accs, half, half, shifts))).T
    assert found == fixed.requantize(acc, fixed.joined(m1, m0), shift, 0, -(2**30), 2**30 - 1).tolist()
    assert spent == 0
