"""Forests, kernel sums, polynomials of several outputs and whole predictors: the same integers on the host and the board.

Models are drawn at the edges of what the packer admits.
"""

import json
import shutil
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board import firmware
from canbean.errors import QuantizeError
from canbean.tiny.curves import EXP2_TABLE
from canbean.tiny.features import Channel, Features
from canbean.tiny.kernel import OCTAVES, Kernel, exp2_q
from canbean.tiny.predictor import Predictor
from predictor_cases import MAKE, TAGS, random_predictor
from shallow_cases import EDGES, random_forest


def answers(board, readings):
    return [list(board.predict(row))[: board.count] for row in readings]


@pytest.mark.parametrize("tag", TAGS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_host_is_firmware_on_cpython(tag, seed):
    predictor, readings = random_predictor(np.random.default_rng(seed), tag)
    board = firmware.module("predictor").Predictor(predictor.sections())
    assert board.decimals == predictor.features.decimals
    assert answers(board, readings.tolist()) == predictor.predict(readings).tolist()


@pytest.mark.parametrize("tag", ["FRST", "RBFS", "POLY"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_kinds_at_the_edges_of_their_features(tag, seed):
    rng = np.random.default_rng(seed)
    features, outputs = int(rng.choice([1, 3, 63])), int(rng.integers(1, 5))
    host = MAKE[tag](rng, features, outputs)
    module, name = {
        "FRST": ("forest", "Forest"),
        "RBFS": ("rbf", "Kernel"),
        "POLY": ("polynomial", "Polynomial"),
    }[tag]
    board = getattr(firmware.module(module), name)(host.to_bytes())
    x = rng.choice([*EDGES, int(rng.integers(-32767, 32768))], (20, features))
    x[::2] = rng.integers(-32767, 32768, x[::2].shape)
    assert [list(board.run(row)) for row in x.tolist()] == host.run(x).tolist()
    again = type(host).from_bytes(host.to_bytes())
    assert again.run(x).tolist() == host.run(x).tolist()


def test_the_table_of_powers_is_the_hosts():
    board = firmware.module("rbf")
    assert EXP2_TABLE.astype("<u2").tobytes() == board.EXP2
    assert board.OCTAVES == OCTAVES
    u = np.unique(np.concatenate([np.arange(0, OCTAVES, 97), np.arange(70_000), [OCTAVES]]))
    assert [board.exp2_q(v) for v in u.tolist()] == exp2_q(u).tolist()


@given(st.decimals(-(10**7), 10**7, places=9), st.integers(0, 6))
def test_decimal_numbers_are_read_exactly(number, decimals):
    board = firmware.module("decimal")
    words = f"{number:f}"
    nearest = floor(Fraction(words) * 10**decimals + Fraction(1, 2))
    assert board.number(words, decimals) == max(-(2**28), min(2**28, nearest))


@given(st.integers(-(2**30), 2**30 - 1), st.integers(-18, 18))
def test_decimal_numbers_are_written_exactly(n, exponent):
    text = firmware.module("decimal").text(n, exponent)
    assert Fraction(text) == n * Fraction(10) ** exponent
    assert float(json.loads(text)) == float(text)


@pytest.mark.parametrize("word", ["", "-", "x", "1e3", "--1", "1.2.3", ".", "0x1", "1_0", "nan", "inf"])
def test_what_is_no_decimal_number_is_refused(word):
    with pytest.raises((ValueError, IndexError)):
        firmware.module("decimal").number(word, 2)


RUN = """
import gc
import json
if {small}:
    gc.disable()  # this VM's collector does not see what lives in WebAssembly's own locals
from canbean.predictor import Predictor

def allocated(board, rows):
    board.predict(rows[0])
    before = gc.mem_alloc()
    for i in range(len(rows)):
        board.predict(rows[i])
    return gc.mem_alloc() - before

for line in open("{folder}/cases.json"):
    case = json.loads(line)
    sections = {{tag: bytes(content) for tag, content in case["sections"].items()}}
    board = Predictor(sections)
    rows = case["readings"]
    found = [list(board.predict(row))[:board.count] for row in rows]
    print(json.dumps([allocated(board, rows) if {small} else 0, found]))
"""


def cases(folder, seed, count):
    rng = np.random.default_rng(seed)
    drawn = [random_predictor(rng, tag) for tag in TAGS for _ in range(count)]
    with (folder / "cases.json").open("w") as file:
        for predictor, readings in drawn:
            sections = {name: list(content) for name, content in predictor.sections().items()}
            file.write(json.dumps({"sections": sections, "readings": readings.tolist()}) + "\n")
    return [predictor.predict(readings).tolist() for predictor, readings in drawn]


def test_host_is_micropython(vm, tmp_path):
    expected = cases(tmp_path, 1, 30)
    lines = vm.run(RUN.format(folder=tmp_path, small=False), heap="16M").splitlines()
    assert [json.loads(line)[1] for line in lines] == expected
    # The models do not all answer the same to everything.
    assert sum(len({tuple(row) for row in rows}) for rows in expected) > 500


def test_predicting_allocates_nothing_on_a_32_bit_board(vm32, tmp_path):
    """A single integer past 31 bits, anywhere, would be an allocation."""
    shutil.copytree(firmware.folder() / "canbean", tmp_path / "canbean")
    expected = cases(tmp_path, 2, 6)
    lines = [
        json.loads(line) for line in vm32(RUN.format(folder="/input", small=True), tmp_path).splitlines()
    ]
    assert [found for _, found in lines] == expected
    assert [spent for spent, _ in lines] == [0] * len(lines)


def test_a_broken_twin_is_seen(monkeypatch):
    """One power of the table off by one must show."""
    board = firmware.module("rbf")
    broken = bytearray(board.EXP2)
    broken[40] ^= 1
    monkeypatch.setattr(board, "EXP2", bytes(broken))
    rng = np.random.default_rng(3)
    host = Kernel.from_float(rng.integers(-9000, 9000, (40, 2)), rng.normal(0, 1e5, (40, 1)), [0], 1e-8)
    x = rng.integers(-9000, 9000, (200, 2))
    assert [board.Kernel(host.to_bytes()).run(row)[0] for row in x.tolist()] != host.run(x)[:, 0].tolist()


def test_what_does_not_fit_together_is_refused():
    forest = random_forest(np.random.default_rng(0), 2, 3)
    front = Features(tuple(Channel.fit([1.0, 2, 3]) for _ in range(2)))
    for task, more in (
        ("classification", {"classes": ("a", "b")}),
        ("classification", {"classes": ("a", "b", "c", "d"), "rule": "pairs"}),
        ("anomaly", {}),
        ("regression", {"classes": ("a", "b", "c")}),
        ("classification", {"classes": ("a", "b", "c"), "rule": "votes"}),
    ):
        with pytest.raises(QuantizeError, match=f"3 scores do not make a {task}"):
            Predictor(front, forest, task, **more)
    with pytest.raises(QuantizeError, match="1 channels for a model of 2 features"):
        Predictor(Features(front.channels[:1]), forest, "regression")
