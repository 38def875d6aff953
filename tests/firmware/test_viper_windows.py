"""Kernels that take frames into detectors of windows: the plain twins' integers and state, on 32 and on 64 bits."""

from array import array
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import detector_cases
import drift_cases
import relation_cases
from canbean.board import firmware
from fingerprint_cases import AT
from viper32 import Kernel

FOLDER = firmware.folder() / "canbean"
PLAIN = {"order": "order", "windows": "windows_plain", "drift": "drift_plain", "signals": "signals_plain"}


class Twins:
    """A kernel beside its plain twin: after each frame both must have said and kept the same."""

    def __init__(self, name, bits):
        self.kernel = Kernel(FOLDER / f"{name}_viper.py", "follow", bits)
        self.plain = firmware.module(PLAIN[name]).follow
        self.said = []

    def __call__(self, now, octets, state, tables):
        twin_state, twin_tables = array("i", state), bytearray(tables)
        expected = self.plain(now, octets, twin_state, twin_tables)
        said = self.kernel(now, octets, state, tables)
        assert said == int(expected)
        assert state == twin_state
        assert tables == twin_tables
        assert not self.kernel.wrapped
        self.said.append(said)
        return said


def play_windows(name, rng, twins, m=120):
    traffic, sleep_us = detector_cases.random_traffic(rng, m)
    detector = detector_cases.RANDOM[name](rng, len(traffic.keys))
    space = {"elapsed": firmware.module("bus").elapsed}
    exec(detector_cases.ON_BOARD, space)
    board = firmware.module(detector_cases.BOARD[name]).Detector
    space["Detector"] = partial(board, kernel=twins)
    rows = detector_cases.board_rows(traffic)
    said = space["run"](detector.to_bytes(), traffic.keys.tolist(), sleep_us, rows)
    assert list(said) == detector_cases.expected(detector, traffic)


def play_clock(rng, twins, m=200):
    traffic, sleep_us, periods = drift_cases.random_beats(rng, m)
    detector = drift_cases.random_clock(rng, len(traffic.keys), periods)
    space = {"elapsed": firmware.module("bus").elapsed}
    exec(drift_cases.ON_BOARD, space)
    space["Detector"] = partial(firmware.module("drift").Detector, kernel=twins)
    rows = [row[:4] for row in detector_cases.board_rows(traffic)]
    said = space["run"](detector.to_bytes(), traffic.keys.tolist(), sleep_us, rows)
    assert list(said) == detector_cases.expected(detector, traffic)


def play_signals(rng, twins):
    detector = relation_cases.random_detector("lstm", rng)
    traffic = relation_cases.random_traffic(rng, detector.signals)
    space = {}
    exec(relation_cases.ON_BOARD, space)
    signals = firmware.module("signals").Signals
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signals.__init__, "__defaults__", (twins,))
        rows = relation_cases.seen_by_board(traffic)[:400]
        space["run"](firmware.module("lstm_watch").Detector, detector.to_bytes(), traffic.keys.tolist(), rows)


PLAYS = {
    "order": partial(play_windows, "sequence"),
    "windows": partial(play_windows, "mixture"),
    "drift": play_clock,
    "signals": play_signals,
}


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", PLAYS)
@settings(max_examples=6)
@given(seed=st.integers(0, 2**32))
def test_the_kernel_equals_its_twin(name, bits, seed):
    PLAYS[name](np.random.default_rng(seed), Twins(name, bits))


@pytest.mark.parametrize("name", PLAYS)
def test_the_cases_say_something(name):
    twins = Twins(name, 32)
    for seed in range(3):
        PLAYS[name](np.random.default_rng(seed), twins)
    assert sum(twins.said) > 2
    assert twins.said.count(0) > 10


def of_one_id(gap=0):
    """What the fingerprint has of a frame of the only id."""
    now = array("i", bytes(4 * (AT.KEYS + 6)))
    now[AT.N], now[AT.CODE] = 1, 8
    now[AT.KEYS + 4] = gap
    return now


@pytest.mark.parametrize("bits", [32, 64])
def test_a_clock_at_its_tolerance(bits):
    for gap in (-1, 0, 949, 950, 1000, 1050, 1051):
        twins = Twins("drift", bits)
        # one clock: its period, its tolerance, and an offset below 0; its fraction, frames a batch, its id
        state, tables = array("i", [1, 0, 0, 1000, 50, -5000, -70, 3]), bytearray([7, 8, 0])
        twins(of_one_id(gap), bytearray(8), state, tables)
        assert twins.said == [int(not 950 <= gap <= 1050)]


@pytest.mark.parametrize("bits", [32, 64])
def test_a_signal_at_its_age(bits):
    for late in (-1, 0, 1):
        twins = Twins("signals", bits)
        # a sample every ms, one id that came 300 us ago, or is stale after them, and a signal of 13 bits with a sign
        state = array("i", [5, 0, 1000, 1, 1, 0, 5, 700 + late, 300, 0])
        tables = bytearray([1, 8, *range(200, 208), 1, 16 + 3, 13, 0])
        now = of_one_id()
        now[AT.S], now[AT.US] = 5, 1000
        now[AT.CODE] = 7  # too short for the signals of the id
        twins(now, bytearray(8), state, tables)
        assert twins.said == [1]
        assert state[5] == int(late >= 0)
        assert (state[9] < 0) == (late >= 0)
