"""What changed between two captures is found, and nothing else."""

import numpy as np
import pytest

from canbean.can.difference import difference
from canbean.can.frames import ERR, RTR, Frames


def capture(n=100, *, period_us=10_000, id_=0x100, data=None, dlc=8, jitter=0, **more):
    rng = np.random.default_rng(id_)
    t_us = np.arange(n) * period_us + rng.integers(-jitter, jitter + 1, n)
    payload = np.zeros((n, 8), np.uint8)
    payload[:, 0] = np.arange(n) % 200
    payload[:, 1] = 0x40
    if data is not None:
        data(payload)
    return Frames.of(t_us, id_, payload, dlc=dlc, **more)


def log(*parts):
    return Frames.concat(list(parts)).in_time_order()


def only(found):
    """The single changed id."""
    assert found["new"] == found["missing"] == []
    assert len(found["changed"]) == 1, found["changed"]
    return found["changed"][0]


def test_a_capture_and_itself():
    frames = log(
        capture(), capture(id_=0x200, period_us=7000, jitter=900), capture(5, id_=0x18FEF100, ext=True)
    )
    found = difference(frames, frames)
    assert found["same"]
    assert found["unchanged"] == 3
    assert found["new"] == found["missing"] == found["changed"] == found["notes"] == []


def test_new_and_missing_ids():
    found = difference(
        log(capture(), capture(id_=0x200)), log(capture(), capture(50, id_=0x100, ext=True, dlc=3))
    )
    assert [row["id"] for row in found["new"]] == ["00000100"]
    assert [row["id"] for row in found["missing"]] == ["200"]
    assert found["new"][0]["period_ms"] == 10
    assert found["new"][0]["dlcs"] == [3]
    assert found["new"][0]["data"] == "004000"
    assert found["missing"][0]["expected"] == 99
    assert not found["same"]


@pytest.mark.parametrize(
    ("period_us", "changed"), [(10_000, False), (10_500, False), (12_000, True), (5_000, True)]
)
def test_a_period(period_us, changed):
    found = difference(capture(jitter=300), capture(period_us=period_us, jitter=300))
    assert ("period_ms" in str(found["changed"])) == changed
    if changed:
        assert only(found)["period_ms"] == [
            pytest.approx(10, rel=0.1),
            pytest.approx(period_us / 1000, rel=0.1),
        ]


def test_a_period_that_varies_widely_is_not_told_as_changed():
    found = difference(capture(jitter=9000), capture(period_us=12_000, jitter=9000))
    assert found["same"]


def test_lengths():
    assert only(difference(capture(dlc=8), capture(dlc=4)))["dlcs"] == [[8], [4]]


def test_a_constant_bit_that_changed():
    def other(data):
        data[:, 1] = 0x41

    row = only(difference(capture(), capture(data=other)))
    assert row["constant"] == [{"byte": 1, "mask": "01", "was": "00", "now": "01"}]
    assert row["ranges"] == [{"byte": 1, "was": [64, 64], "now": [65, 65]}]
    assert "flips" not in row


def test_a_bit_that_flips_now():
    def flips(data):
        data[40:43, 5] = 0x81

    row = only(difference(capture(), capture(data=flips)))
    assert row["flips"] == [{"byte": 5, "mask": "81"}]
    assert row["deviating"] == 3
    assert row["deviating_s"] == 0.4
    assert row["ranges"] == [{"byte": 5, "was": [0, 0], "now": [0, 0x81]}]
    assert only(difference(capture(data=flips), capture()))["still"] == [{"byte": 5, "mask": "81"}]


def test_values_beyond_those_before():
    def higher(data):
        data[:, 0] = 20 + np.arange(100)

    row = only(difference(capture(), capture(data=higher)))
    assert set(row) == {"id", "bus", "frames", "ranges"}
    assert row["ranges"] == [{"byte": 0, "was": [0, 99], "now": [20, 119]}]


def test_bytes_beyond_the_shortest_frame_are_not_compared():
    def still(data):
        data[:, 0] = 0

    short = log(capture(99, data=still), capture(1, data=still, dlc=1).changed(t_us=np.array([990_000])))
    short.data[99, 1:] = 0
    found = only(difference(capture(data=still), short))
    assert set(found) == {"id", "bus", "frames", "dlcs"}


def test_few_frames_are_no_evidence_of_flips():
    def flips(data):
        data[1, 5] = 1

    row = only(difference(capture(4), capture(4, data=flips)))
    assert "flips" not in row
    assert row["ranges"][0]["byte"] == 5


def test_what_matters_most_comes_first():
    a = log(*(capture(id_=i) for i in (1, 2, 3, 4)))

    def constant(data):
        data[:, 1] = 0

    def flips(data):
        data[7, 7] = 1

    b = log(
        capture(id_=1, data=flips),
        capture(id_=2, data=constant),
        capture(id_=3, period_us=4000),
        capture(id_=4, dlc=7),
    )
    assert [row["id"] for row in difference(a, b)["changed"]] == ["004", "003", "002", "001"]


def test_buses_are_told_apart_where_both_captures_have_them():
    two = log(capture(buses=("can0",)), capture(id_=0x100, dlc=2, buses=("can1",)))
    assert difference(two, two)["unchanged"] == 2
    only_one = difference(two, log(capture(buses=("can0",))))
    assert "buses" in only_one["notes"][0]
    swapped = log(capture(buses=("can1",)), capture(id_=0x100, dlc=2, buses=("can0",)))
    assert [(row["bus"], row["dlcs"]) for row in difference(two, swapped)["changed"]] == [
        ("can0", [[8], [2]]),
        ("can1", [[2], [8]]),
    ]


def test_error_and_remote_frames_are_counted_not_compared():
    found = difference(capture(), log(capture(), capture(7, flags=ERR), capture(3, id_=0x300, flags=RTR)))
    assert found["same"]
    assert (found["b"]["error"], found["b"]["remote"]) == (7, 3)


def test_nothing_at_all():
    assert difference(Frames.empty(), Frames.empty())["same"]
    assert len(difference(Frames.empty(), capture())["new"]) == 1


def test_steps_back_in_time_are_told():
    frames = capture()
    order = np.arange(100)
    order[[3, 4]] = [4, 3]
    found = difference(frames, frames[order])
    assert found["same"]
    assert "second" in found["notes"][0]


def test_long_payloads():
    wide = np.zeros((20, 64), np.uint8)
    a = Frames.of(np.arange(20) * 1000, 5, wide, dlc=64, flags=1)
    wide = wide.copy()
    wide[5, 40] = 2
    assert only(difference(a, Frames.of(np.arange(20) * 1000, 5, wide, dlc=64, flags=1)))["flips"] == [
        {"byte": 40, "mask": "02"}
    ]
    assert only(difference(capture(20, id_=5, period_us=1000), a))["dlcs"] == [[8], [64]]
