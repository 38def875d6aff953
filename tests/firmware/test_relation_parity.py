"""Detectors of relations: numpy on the host, the firmware on CPython and on MicroPython, one answer."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.board import firmware
from canbean.detect.detectors import module
from relation_cases import ON_BOARD, expected, random_detector, random_traffic, seen_by_board

NAMES = ("vae", "lstm")


def on_cpython(name, section, traffic):
    space = {}
    exec(ON_BOARD, space)
    board = firmware.module(f"{name}_watch").Detector
    return space["run"](board, section, traffic.keys.tolist(), seen_by_board(traffic))


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_host_is_firmware_on_cpython(name, seed):
    rng = np.random.default_rng(seed)
    detector = random_detector(name, rng)
    traffic = random_traffic(rng, detector.signals)
    assert on_cpython(name, detector.to_bytes(), traffic) == expected(detector, traffic)


@pytest.mark.parametrize("name", NAMES)
def test_the_cases_say_something(name):
    said = []
    blamed = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        detector = random_detector(name, rng)
        traffic = random_traffic(rng, detector.signals)
        rows = expected(detector, traffic)
        said += [row[1] for row in rows]
        blamed += len({row[2] for row in rows})
    assert len(said) > 150
    assert len(set(said)) > 50
    assert blamed > 15


@pytest.mark.parametrize("name", NAMES)
def test_the_gate_stands_first(name):
    detector = random_detector(name, np.random.default_rng(1))
    space = {}
    exec(ON_BOARD, space)
    known = space["Known"](detector.signals.keys.tolist())
    board = firmware.module(f"{name}_watch").Detector(space["Section"](detector.to_bytes()), known)
    assert (board.threshold, board.need, board.of) == (
        detector.gate.threshold,
        detector.gate.need,
        detector.gate.of,
    )


def test_suspects_come_by_their_errors_and_equal_ones_in_order():
    space = {}
    exec(ON_BOARD, space)
    detector = random_detector("vae", np.random.default_rng(5))
    known = space["Known"](detector.signals.keys.tolist())
    residuals = firmware.module("vae_watch").Detector(space["Section"](detector.to_bytes()), known).residuals
    ids = len(detector.signals.keys)
    assert ids > 2
    for drawn in np.random.default_rng(1).integers(-1, 3, (40, ids)):
        residuals.largest[:] = type(residuals.largest)("i", drawn.tolist())
        found = [residuals.suspect(2**30 - 1, -1)]
        while len(found) < ids:
            found.append(residuals.suspect(residuals.largest[found[-1]], found[-1]))
        assert found == np.argsort(-drawn, kind="stable").tolist()


@pytest.mark.parametrize("name", NAMES)
def test_a_section_that_is_cut_is_refused(name):
    space = {}
    exec(ON_BOARD, space)
    detector = random_detector(name, np.random.default_rng(2))
    content, board = detector.to_bytes(), firmware.module(f"{name}_watch").Detector
    known = space["Known"](detector.signals.keys.tolist())
    for length in range(0, len(content), 7):
        with pytest.raises((ValueError, IndexError)):
            board(space["Section"](content[:length]), known)
        with pytest.raises(ValueError):
            module(name).read(content[:length])
    with pytest.raises(ValueError):
        board(space["Section"](content + bytes(4)), known)
    with pytest.raises(ValueError, match="fingerprint"):
        board(space["Section"](content), space["Known"]([99]))


@pytest.mark.parametrize("name", NAMES)
def test_host_is_micropython(vm, tmp_path, name):
    cases, answers = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        detector = random_detector(name, rng)
        traffic = random_traffic(rng, detector.signals, 400)
        rows = [[*row[:5], base64.b64encode(row[5]).decode()] for row in seen_by_board(traffic)]
        cases.append([base64.b64encode(detector.to_bytes()).decode(), traffic.keys.tolist(), rows])
        answers.append(expected(detector, traffic))
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    code = (
        ON_BOARD
        + f"""
import json
from binascii import a2b_base64
from canbean.{name}_watch import Detector
for section, keys, rows in json.load(open("cases.json")):
    rows = [row[:5] + [a2b_base64(row[5])] for row in rows]
    print(json.dumps(run(Detector, a2b_base64(section), keys, rows)))
"""
    )
    said = [json.loads(line) for line in vm.run(code, heap="64M", cwd=tmp_path).splitlines()]
    assert said == answers
