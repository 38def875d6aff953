"""The kernel of a frame: the plain twin's integers and the same state after each frame, on 32 and on 64 bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus_cases import fingerprint, frames
from canbean.board import firmware
from fingerprint_cases import AT, board_of, score
from parity_cases import frame_records
from viper32 import Kernel

PATH = firmware.folder() / "canbean" / "fingerprint_viper.py"
plain = firmware.module("fingerprint_plain").judge


def crowded(rng, table):
    """Stretches of it in next to no time, and steps back by seconds."""
    step = np.diff(table.t_us, prepend=table.t_us[0])
    start = rng.integers(0, len(table))
    step[start : start + 80] = rng.integers(0, 3, len(step[start : start + 80]))
    step[rng.random(len(step)) < 0.01] -= 3_000_000
    t_us = np.cumsum(step)
    return table.changed(t_us=t_us - t_us.min())


def compared(seed, bits, m=160):
    rng = np.random.default_rng(seed)
    of = fingerprint(rng)
    table = frames(rng, of, m)
    if rng.random() < 0.5:
        table = crowded(rng, table)
    _, records = frame_records(table)
    fast, slow = board_of(of, kernel=Kernel(PATH, "judge", bits)), board_of(of, kernel=plain)
    if rng.random() < 0.1:
        slow.now[AT.LEAST] = fast.now[AT.LEAST] = 8
    said = 0
    for at in range(0, len(records), 19):
        expected = score(slow, records, at)
        assert score(fast, records, at) == expected, (seed, at // 19)
        assert fast.now == slow.now
        assert fast.halves == slow.halves
        assert fast.octets == slow.octets
        said |= expected
    assert not fast.kernel.wrapped
    return said


@pytest.mark.parametrize("bits", [32, 64])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_the_kernel_equals_its_twin(bits, seed):
    compared(seed, bits)


def test_the_cases_have_everything():
    said = 0
    for seed in range(6):
        said |= compared(seed, 32)
    assert said >> 16 == 15
