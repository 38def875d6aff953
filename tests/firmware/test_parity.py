"""A small run of `tools/bench parity`, and a broken twin is seen."""

import numpy as np
import pytest

import parity_vm
from parity_cases import KINDS, Batch

SIZE = 2000
CASES = [(name, executor) for name, kind in KINDS.items() for executor in (*kind.twins, *kind.others)]


@pytest.mark.parametrize(("name", "executor"), CASES)
def test_host_is_the_board(name, executor, vm, tmp_path):
    batch = Batch(name, np.random.default_rng(1), SIZE)
    assert batch.mismatches(batch.answers(executor, vm.executable, tmp_path)) == 0
    # The answers are not all at an end of their range.
    assert len(np.unique(batch.flat())) > SIZE // 40


@pytest.mark.parametrize("name", KINDS)
def test_a_differing_row_is_counted_once(name):
    batch = Batch(name, np.random.default_rng(2), 300)
    wrong = batch.flat().copy()
    wrong[: batch.expected[0].shape[1]] += 1
    wrong[-1] -= 1
    assert batch.mismatches(wrong) == 2


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if "viper" in kind.twins])
def test_a_kernel_that_is_not_called_is_an_error(name, vm, tmp_path, monkeypatch):
    """The names of the kernels lead nowhere, as on a board without native code."""
    monkeypatch.setattr(parity_vm, "COUNT", parity_vm.HIDE.replace("calls = None", "calls = 0"))
    batch = Batch(name, np.random.default_rng(4), 3000)
    with pytest.raises(AssertionError, match="the kernel was not called"):
        batch.answers("viper", vm.executable, tmp_path)


def test_a_wrong_rounding_of_the_board_is_seen(vm, tmp_path, monkeypatch):
    """Double rounding, as other runtimes do it, differs in one output of hundreds."""
    broken = KINDS["requantize"].twins["bytecode"].replace(
        "lambda x: requantize(x[0], x[1], x[2], x[3], x[4], x[5], x[6])",
        "lambda x: (requantize(x[0], x[1], x[2], 31, 0, -(1 << 40), 1 << 40)"
        " + (1 << x[3] - 31 >> 1) >> x[3] - 31) + x[4]",
    )  # fmt: skip
    monkeypatch.setitem(KINDS["requantize"].twins, "bytecode", broken)
    batch = Batch("requantize", np.random.default_rng(3), 20_000)
    assert batch.mismatches(batch.answers("bytecode", vm.executable, tmp_path)) > 20
