from __future__ import annotations

import json
import weakref

import numpy as np
import pytest

from canbean.can import gaps
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.gaps import Gaps
from canbean.can.info import Tally, info
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


@pytest.mark.parametrize("seed", range(20))
def test_a_log_in_parts_is_told_as_the_whole(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    frames = Frames.of(
        np.cumsum(rng.integers(0, 3 * 10 ** rng.integers(1, 7), n)),
        rng.integers(0, 5, n) * 100,
        np.zeros((n, 8)),
        ext=rng.integers(0, 2, n),
        dlc=rng.integers(0, 9, n),
        flags=rng.choice([0, FD, RTR, ERR], n),
        label=rng.integers(0, 2, n),
        labels=("", "x"),
    )
    tally = Tally()
    cuts = np.sort(rng.integers(0, n + 1, 4)).tolist()
    tally.add_all(frames[a:b] for a, b in zip([0, *cuts], [*cuts, n], strict=True))
    one = Tally()
    for row in range(n):
        one.add(frames[row : row + 1])
    log = Log(frames)
    assert tally.figures(log) == one.figures(log) == info(log)
    for row in info(log)["table"]:
        t_us = frames.t_us[(frames.id == int(row["id"], 16)) & (frames.ext == row["ext"])]
        assert row["frames"] == len(t_us)
        assert row["period_ms"] == (float(np.median(np.diff(t_us))) / 1000 if len(t_us) > 1 else None)
        assert row["first_s"] == (t_us[0] - frames.t_us[0]) / 1e6
        assert row["last_s"] == (t_us[-1] - frames.t_us[0]) / 1e6


def test_parts_without_frames_are_not_kept(monkeypatch):
    monkeypatch.setattr("canbean.can.info.BATCH", 50)
    frames, alive = Frames.of(np.arange(10) * 1001, 1, np.zeros((10, 8))), []

    def parts():
        for _ in range(20):
            part = frames[np.arange(10)]
            alive.append(weakref.ref(part.t_us))
            yield part[:0]
            del part
        assert sum(ref() is not None for ref in alive) <= 2
        yield frames

    tally = Tally()
    tally.add_all(parts())
    assert tally.figures(Log(frames)) == info(Log(frames))


def test_time_that_goes_backward_between_parts():
    frames = Frames.of([0, 10, 20, 5, 15, 4_000_000], 1, np.zeros((6, 8)))
    tally = Tally()
    tally.add_all([frames[:3]])
    tally.add_all([frames[3:]])
    told = tally.figures(Log(frames))
    assert told["warnings"] == [
        "time goes backward 1 time, by up to 0.000015 s",
        "the whole bus is silent for more than 1 s 1 time, at most 4.0 s",
    ]
    assert told["table"][0] | {"dlcs": 0} == {
        "id": "001", "ext": False, "frames": 6, "period_ms": 0.01, "dlcs": 0, "first_s": 0.0, "last_s": 4.0,
    }  # fmt: skip


def test_many_different_gaps_take_bounded_memory_and_keep_the_median(monkeypatch):
    monkeypatch.setattr(gaps, "LIMIT", 10_000)
    rng, counts, seen = np.random.default_rng(1), Gaps(), []
    for _ in range(30):
        code = np.sort(rng.integers(0, 3, 2000))
        gap = rng.integers(0, 10 ** (3 + 2 * code))
        counts.add(code, gap)
        seen.append((code, gap))
    assert gaps.FEWEST <= counts.bits < 20
    assert len(counts._code) <= 10_000
    code, gap = map(np.concatenate, zip(*seen, strict=True))
    wanted = [np.median(gap[code == which]) for which in range(3)]
    assert counts.medians(4)[:3] == pytest.approx(wanted, rel=1e-3)
    assert np.isnan(counts.medians(4)[3])


@pytest.mark.parametrize("bits", [10, 11, 20, 63])
def test_rounding_is_as_close_as_said(bits):
    gap = np.unique(np.concatenate([np.arange(5000), 2 ** np.arange(53), 2 ** np.arange(1, 53) - 1]))
    near = gaps.rounded(gap, bits)
    assert (np.abs(near - gap) <= gap / 2**bits).all()
    assert np.array_equal(gaps.rounded(near, bits), near)
