"""Between pieces of long judgements something else may be done, and nothing of what is said changes."""

import io

import numpy as np
import pytest

import detector_cases
import relation_cases
from board_cost_cases import gateway
from canbean.board import firmware
from canbean.detect import model
from canbean.detect.detectors import module
from fingerprint_cases import AT


def played(name, rng, breathe):
    space = {"elapsed": firmware.module("bus").elapsed}
    board = firmware.module(module(name).BOARD).Detector
    if name in ("vae", "lstm"):
        detector = relation_cases.random_detector(name, rng)
        traffic = relation_cases.random_traffic(rng, detector.signals)
        exec(relation_cases.ON_BOARD, space)
        space["breathe"] = breathe
        rows = relation_cases.seen_by_board(traffic)
        return space["run"](board, detector.to_bytes(), traffic.keys.tolist(), rows)
    traffic, sleep_us = detector_cases.random_traffic(rng)
    detector = detector_cases.RANDOM[name](rng, len(traffic.keys))
    exec(detector_cases.ON_BOARD, space)
    space.update(Detector=board, breathe=breathe)
    return space["run"](
        detector.to_bytes(), traffic.keys.tolist(), sleep_us, detector_cases.board_rows(traffic)
    )


@pytest.mark.parametrize(("name", "pieces"), [("vae", 10), ("lstm", 10), ("mixture", 2)])
def test_a_judgement_breathes_and_says_the_same(name, pieces):
    breaths = []
    judged = 0
    for seed in range(4):
        said = played(name, np.random.default_rng(seed), None)
        assert played(name, np.random.default_rng(seed), lambda: breaths.append(1)) == said
        judged += len(said[1]) if name == "mixture" else len(said)
    assert len(breaths) >= pieces * judged > 0


def test_the_watch_hands_its_hook_on():
    sections = model.sections(gateway(20, mixture=True))

    class Model:
        def __init__(self):
            self.sections = sections

        def size(self, tag):
            return len(sections[tag])

        def part(self, tag, start, length):
            return sections[tag][start : start + length]

        def place(self, tag, start, length):
            return memoryview(self.part(tag, start, length))

        def into(self, tag, start, view):
            io.BytesIO(sections[tag][start:]).readinto(view)

    watch = firmware.module("watch").Watch(Model(), None)
    for one in (watch.fingerprint, *watch.windows):
        one.threshold = 30_000
    breaths = []
    watch.breathe = lambda: breaths.append(watch.fingerprint.now[AT.S])
    record = bytearray(19)
    record[7:9] = 0x100.to_bytes(2, "little")
    for second in range(20):
        record[0] = second
        watch.frame(record, 0)
    assert set(breaths) >= set(range(2, 20))
