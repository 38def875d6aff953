"""Recurrent, generative and symbolic kinds: numpy on the host, the firmware on CPython and on MicroPython, one answer."""

import json
import shutil
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board import firmware
from canbean.tiny import curves, deviation
from canbean.tiny.dense import Dense, Layer
from canbean.tiny.lstm import Lstm
from canbean.tiny.mixture import Mixture
from canbean.tiny.vae import Vae
from kind_cases import INT16, KINDS, random_rows

EDGES = [
    0,
    1,
    127,
    128,
    4095,
    4096,
    24575,
    24576,
    32767,
    32768,
    49152,
    65535,
    65536,
    65537,
    69631,
    69632,
    2**29,
    2**30 - 1,
]


def on_cpython(model):
    module, name, _ = KINDS[model.tag]
    return getattr(firmware.module(module), name)(model.to_bytes())


@pytest.mark.parametrize("tag", KINDS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_host_is_firmware_on_cpython(tag, seed):
    rng = np.random.default_rng(seed)
    model = KINDS[tag][2](rng)
    board = on_cpython(model)
    assert (board.features, board.outputs) == (model.features, model.outputs)
    rows = random_rows(rng, model, 30)
    expected = model.run(rows).tolist()
    assert [list(board.run(row))[: model.outputs] for row in rows.tolist()] == expected
    if hasattr(board, "reset"):
        board.reset()
    assert [board.predict(row) for row in rows.tolist()] == model.predict(rows).tolist()
    assert [answer[0] for answer in expected] == model.predict(rows).tolist()


@pytest.mark.parametrize("tag", KINDS)
def test_a_section_that_is_not_as_long_as_it_says_is_refused_before_it_takes_memory(tag):
    module, name, make = KINDS[tag]
    board = getattr(firmware.module(module), name)
    content = make(np.random.default_rng(4)).to_bytes()
    wrong = [content[:length] for length in range(len(content))] + [content + bytes(4)]
    for at in range(0, min(len(content), 12), 2):
        wrong += [content[:at] + field + content[at + len(field) :] for field in (b"\xff\xff", bytes(4))]
    taken = []
    tracemalloc.start()
    for section in wrong:
        try:
            taken.append(board(section).features)
        except (ValueError, struct.error, IndexError):
            continue
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 16
    # what is not a length: reserved fields, numbers behind the head
    assert len(taken) <= 8


def test_the_tables_are_the_hosts():
    board = firmware.module("curves")
    assert curves.TANH_TABLE.astype("<u2").tobytes() == board.TANH
    assert curves.EXP2_TABLE.astype("<u2").tobytes() == board.EXP2


def test_curves_are_the_hosts_on_cpython():
    board = firmware.module("curves")
    both = np.concatenate([np.arange(-33_000, 33_000, 3), EDGES, -np.array(EDGES)])
    above = np.concatenate([np.arange(0, 70_000, 7), EDGES])
    assert [board.tanh_q15(x) for x in both.tolist()] == curves.tanh_q15(both).tolist()
    assert [board.sigmoid_q15(x) for x in both.tolist()] == curves.sigmoid_q15(both).tolist()
    assert [board.exp2_q15(x) for x in above.tolist()] == curves.exp2_q15(above).tolist()


@given(st.integers(0, 2**30 - 1) | st.integers(1, 2**15).map(lambda n: n * n - 1))
def test_square_roots_are_the_hosts(x):
    root = firmware.module("curves").isqrt(x)
    assert root * root <= x < (root + 1) ** 2
    assert int(curves.isqrt(x)) == root


@given(seed=st.integers(0, 2**32 - 1))
def test_deviations_are_the_hosts(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 20))
    x, mean = rng.choice([-INT16, INT16, 0, *rng.integers(-9000, 9000, 9).tolist()], (2, count))
    multiplier = rng.choice([2**13, 2**14 - 1], count)
    shift = rng.integers(1, 31, count) if seed % 2 else rng.integers(14, 20, count)
    found = firmware.module("deviation").deviation(
        x.tolist(), mean.tolist(), multiplier.tolist(), shift.tolist(), 0, count
    )
    assert found == deviation.deviation((x - mean)[None], multiplier, shift)[0]


def test_deviations_end_at_128_bits():
    board = firmware.module("deviation")
    for roots in (
        [11585, 84],
        [11585, 86],
        [11586],
        [8192, 8192],
        [8192, 8191],
        [11585, 11585, 1],
        [11585, 1, 11585],
    ):
        x, zeros, count = np.array(roots), [0] * len(roots), len(roots)
        one = [2**13] * count, [13] * count
        found = board.deviation(roots, zeros, *one, 0, count)
        assert found == min((x**2).sum(), 2**27) == deviation.deviation(x[None], *map(np.array, one))[0]


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_cell_that_ran_into_its_clamp_comes_back_from_there(sign):
    """Gates always open, and a candidate that follows the input: up to 16, then down past 0."""
    open_gate, follow = [0, 0], [127, 0]
    layer = Layer([open_gate, open_gate, follow, open_gate], [2**28, 2**28, 0, 2**28], [2**30] * 4, [36] * 4, 0, 0,
                  -INT16, INT16)  # fmt: skip
    head = Layer([[127]], [0], [2**30], [37], 0, 0, -INT16, INT16)
    model = Lstm(Dense((layer,), -INT16, INT16), Dense((head,), -INT16, INT16), 15)
    rows = sign * np.repeat([INT16, -INT16], 25)[:, None]
    expected = model.predict(rows)
    board = on_cpython(model)
    assert [board.predict(row) for row in rows.tolist()] == expected.tolist()
    assert (expected[:25] * sign > 0).all()
    assert (expected[-5:] * sign < 0).all()
    assert len(set(expected[25:].tolist())) > 5


def test_halves_round_up():
    """Where a 1/16 bit or a 1/4096 bit hangs on the last one of 31 bits; random inputs seldom come there."""
    both = Layer([[0], [0]], [0, 0], [2**30] * 2, [31] * 2, 0, 0, -INT16, INT16)
    shrink = Layer([[0, 0]], [0], [2**30], [31], 0, 0, -INT16, INT16)
    vae = Vae(Dense((shrink,), -INT16, INT16), Dense((both,), -INT16, INT16), [2**13] * 2, [13] * 2)
    for model, rows, expected in (
        (vae, [[128, 128], [128, 127], [8192, 8191]], [1, 0, 1024]),
        (Mixture([127], [[0, 0]], [[2**13] * 2], [[13] * 2]), [[8, 8], [8, 7]], [1, 0]),
        (Mixture([128], [[0]], [[2**13]], [[13]]), [[0], [8]], [1, 1]),
    ):
        assert model.predict(rows).tolist() == expected
        assert [on_cpython(model).predict(row) for row in rows] == expected


VM_RUN = """
import json
kinds = {kinds}
number = 0
with open("answers.json", "w") as answers:
    for line in open("cases.json"):
        case = json.loads(line)
        module, name, _ = kinds[case["tag"]]
        board = getattr(__import__("canbean." + module, None, None, [name]), name)(bytes(case["section"]))
        answers.write(json.dumps([list(board.run(row))[:board.outputs] for row in case["rows"]]) + "\\n")
"""


def write_cases(path, drawn):
    with path.open("w") as file:
        for model, rows in drawn:
            case = {"tag": model.tag, "section": list(model.to_bytes()), "rows": rows.tolist()}
            file.write(json.dumps(case) + "\n")


def names():
    return {tag: (module, name, None) for tag, (module, name, _) in KINDS.items()}


def draw(seed, models, rows):
    rng = np.random.default_rng(seed)
    for tag in KINDS:
        for _ in range(models):
            model = KINDS[tag][2](rng)
            yield model, random_rows(rng, model, rows)


def test_host_is_micropython(vm, tmp_path):
    drawn = list(draw(3, 60, 60))
    write_cases(tmp_path / "cases.json", drawn)
    vm.run(VM_RUN.format(kinds=names()), cwd=tmp_path, heap="16M")
    answers = [json.loads(line) for line in (tmp_path / "answers.json").read_text().splitlines()]
    expected = [model.run(rows).tolist() for model, rows in drawn]
    assert answers == expected
    # The answers move: they do not all sit at a clamp or a cap.
    for tag in KINDS:
        own = [e for (model, _), e in zip(drawn, expected, strict=True) if model.tag == tag]
        assert sum(len({tuple(row) for row in e}) for e in own) > 400


def test_curves_are_the_hosts_on_micropython(vm, tmp_path):
    both = np.concatenate([np.arange(-33_000, 33_000, 5), EDGES, -np.array(EDGES)])
    above = np.concatenate([np.arange(0, 70_000, 11), EDGES])
    roots = np.concatenate(
        [np.random.default_rng(2).integers(0, 2**30, 5000), np.arange(1, 2**15, 9) ** 2 - 1, EDGES]
    )
    (tmp_path / "in.json").write_text(json.dumps([v.tolist() for v in (both, above, roots)]))
    vm.run(
        """
import json
from canbean.curves import exp2_q15, isqrt, sigmoid_q15, tanh_q15
both, above, roots = json.load(open("in.json"))
out = [[tanh_q15(x) for x in both], [sigmoid_q15(x) for x in both], [exp2_q15(x) for x in above], [isqrt(x) for x in roots]]
with open("out.json", "w") as file:
    json.dump(out, file)
""",
        cwd=tmp_path,
        heap="16M",
    )
    host = [curves.tanh_q15(both), curves.sigmoid_q15(both), curves.exp2_q15(above), curves.isqrt(roots)]
    assert json.loads((tmp_path / "out.json").read_text()) == [values.tolist() for values in host]


VM32_RUN = """
import gc
import json
gc.disable()  # this VM's collector does not see what lives in WebAssembly's own locals
from canbean.curves import exp2_q15, isqrt, sigmoid_q15, tanh_q15
kinds = {kinds}

def allocated(board, rows, out):
    board.run(rows[0])
    if hasattr(board, "reset"):
        board.reset()
    before = gc.mem_alloc()
    for i in range(len(rows)):
        answer = board.run(rows[i])
        for j in range(board.outputs):
            out[i * board.outputs + j] = answer[j]
    return gc.mem_alloc() - before

def curves(xs):
    exp2_q15(xs[0])
    before = gc.mem_alloc()
    for x in xs:
        tanh_q15(x)
        tanh_q15(-x)
        sigmoid_q15(x)
        sigmoid_q15(-x)
        exp2_q15(x)
        isqrt(x)
    return gc.mem_alloc() - before

for line in open("/input/cases.json"):
    case = json.loads(line)
    module, name, _ = kinds[case["tag"]]
    board = getattr(__import__("canbean." + module, None, None, [name]), name)(bytes(case["section"]))
    rows = case["rows"]
    out = [0] * (len(rows) * board.outputs)
    print(allocated(board, rows, out), *out)
print(curves({edges}))
"""


def test_running_allocates_nothing_on_a_32_bit_board(vm32, tmp_path):
    """A single integer past 31 bits, anywhere, would be an allocation."""
    drawn = list(draw(5, 10, 12))
    shutil.copytree(firmware.folder() / "canbean", tmp_path / "canbean")
    write_cases(tmp_path / "cases.json", drawn)
    said = vm32(VM32_RUN.format(kinds=names(), edges=EDGES), folder=tmp_path).splitlines()
    lines = [list(map(int, line.split())) for line in said]
    assert [line[1:] for line in lines[:-1]] == [model.run(rows).ravel().tolist() for model, rows in drawn]
    assert [line[0] for line in lines] == [0] * (len(drawn) + 1)
