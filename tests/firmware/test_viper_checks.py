"""The kernel of checks: what is as usual, and kept, as without it; on 32 and on 64 bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board import firmware
from canbean.detect.checks import FROZEN
from check_cases import IDS, Section, board_rows, random_checks, random_frames
from viper32 import Kernel

PATH = firmware.folder() / "canbean" / "checks_viper.py"


def play(seed, bits, m=120):
    """How many payloads were as usual, and how many were not."""
    rng = np.random.default_rng(seed)
    checks = random_checks(rng)
    frames, row, epoch = random_frames(rng, checks, m)
    kernel = Kernel(PATH, "usual", bits)
    said = []

    def noting(*arguments):
        said.append(kernel(*arguments))
        return said[-1]

    board = firmware.module("checks").Checks
    fast = board(Section(checks.to_bytes()), IDS, kernel=noting)
    slow = board(Section(checks.to_bytes()), IDS, kernel=None)
    before = 0
    for i in range(len(slow.run)):
        if slow.table[8 * i] == FROZEN:
            fast.run[i] = slow.run[i] = rng.choice([0, 32_765])
    for now, *payload in board_rows(frames, row, epoch):
        if now != before:
            fast.forget()
            slow.forget()
        before = now
        assert fast.frame(*payload) == slow.frame(*payload)
        assert (fast.counter, fast.checksum, fast.payload) == (slow.counter, slow.checksum, slow.payload)
        assert fast.table == slow.table
        assert fast.run == slow.run
        assert fast.breaches == slow.breaches
        assert not kernel.wrapped
    return said


@pytest.mark.parametrize("bits", [32, 64])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_the_kernel_equals_its_twin(bits, seed):
    play(seed, bits)


def test_the_cases_have_both():
    said = [one for seed in range(4) for one in play(seed, 32)]
    assert said.count(0) > 50
    assert said.count(1) > 50
