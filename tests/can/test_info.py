from __future__ import annotations

import json

import numpy as np

from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.info import info
from canbean.can.logs import Log, read


def of(t_us, ids=1, **columns):
    return info(Log(Frames.of(t_us, ids, np.zeros((len(t_us), 8)), **columns), format="candump"))


def test_a_plain_log_has_no_warnings():
    told = of(np.arange(1000) * 10_037 + 11, [1, 0x18FEF100] * 500, ext=[False, True] * 500)
    assert told["warnings"] == []
    assert (told["frames"], told["ids"], told["buses"], told["skipped"]) == (1000, 2, 1, 0)
    assert told["span_s"] == 10.026963
    assert told["frames_per_second"] == 99.631
    assert told["labels"] == {"": 1000}
    assert told["table"][0] == {
        "id": "001", "ext": False, "frames": 500, "period_ms": 20.074, "dlcs": [8], "first_s": 0.0, "last_s": 10.016926,
    }  # fmt: skip
    assert told["table"][1]["id"] == "18FEF100"
    json.dumps(told)


def test_what_looks_wrong_is_said_with_counts():
    t = np.array([0, 5_000_001, 4_000_001, 4_000_001, 4_100_000])
    told = of(
        t,
        flags=[0, FD, RTR, ERR, ERR],
        bus=[0, 1, 0, 0, 0],
        buses=("a", "b"),
        label=[0, 0, 0, 0, 1],
        labels=("", "x"),
    )
    assert told["warnings"] == [
        "time goes backward 1 time, by up to 1.000000 s",
        "25 % of the frames have the time of the frame before",
        "the whole bus is silent for more than 1 s 1 time, at most 4.0 s",
        "2 buses in one log: a, b",
        "1 CAN FD frame",
        "1 remote request",
        "2 error frames",
        "1 frame labelled as not normal: learn from the others, or from another log",
    ]
    assert told["buses"] == 2
    assert told["labels"] == {"": 4, "x": 1}


def test_coarse_clocks_are_said():
    assert of(np.arange(10) * 1000)["warnings"] == [
        "times are whole milliseconds: too coarse to judge the timing of single frames"
    ]
    assert of(np.arange(10) * 1_000_000)["warnings"][0].startswith("times are whole seconds")


def test_short_logs():
    assert of([5])["warnings"] == ["only 1 frame"]
    assert of([])["frames"] == 0
    assert of([5])["frames_per_second"] == 0.0
    assert info(Log(Frames.of([1, 2_001], 1, np.zeros((2, 8))), skipped=3))["warnings"] == [
        "3 lines could not be read"
    ]


def test_the_recording_of_a_volvo(recordings):
    told = info(read(recordings / "can" / "volvo-v40" / "clean.csv.gz"))
    assert (told["frames"], told["ids"], told["warnings"]) == (245_144, 50, [])
