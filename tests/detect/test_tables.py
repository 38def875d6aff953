"""Tables of made-up buses: each column is what its habit says, whatever the others do."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from canbean.can.frames import Frames
from canbean.detect.fingerprint import FOREVER_US, NOVEL_S, RECENT, SCORE_CAP, epochs
from canbean.detect.habits import shown, worth
from canbean.detect.tables import NEWCOMERS, STEPS_A_PERIOD, tables
from canbean.tiny.fixed import bucket

SLEEP_US = 1_000_000
MINUTE_US = 60_000_000


@dataclass
class Bus:
    """A bus of a minute: times and payloads of each id."""

    times: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    dlc: dict = field(default_factory=dict)

    def clock(self, key, period_us, *, jitter_us=20, until_us=MINUTE_US):
        n = until_us // period_us
        jitter = np.random.default_rng(key).integers(0, jitter_us + 1, n)
        return self.add(key, np.arange(n) * period_us + jitter + 7 * key)

    def poisson(self, key, period_us):
        rng = np.random.default_rng(key)
        times = np.cumsum(rng.exponential(period_us, 3 * MINUTE_US // period_us) + 100)
        return self.add(key, times[times < MINUTE_US])

    def add(self, key, times):
        self.times[key] = np.asarray(times).astype(np.int64)
        self.data[key] = np.zeros((len(times), 8), np.uint8)
        self.dlc[key] = np.full(len(times), 8)
        return self

    def frames(self):
        parts = [Frames.of(t, key, self.data[key], dlc=self.dlc[key]) for key, t in self.times.items()]
        return Frames.concat(parts).in_time_order()

    def learned(self, step_us=1):
        frames = self.frames()
        steps = np.diff(frames.t_us, prepend=frames.t_us[:1])
        awake = np.cumsum(np.where(steps < SLEEP_US, steps, 0))
        return tables(frames, awake >= 0.6 * awake[-1], awake, SLEEP_US, step_us)


def column(learned, name, key):
    known = learned.fingerprint
    return int(known.column(name)[known.keys.tolist().index(key)])


@pytest.fixture
def bus():
    return Bus().clock(1, 10_000).clock(2, 20_000).clock(3, 100_000).poisson(4, 50_000)


def test_nothing_is_set_that_the_threshold_sets(bus):
    known = bus.learned().fingerprint
    assert known.threshold == 0
    assert (known.timeout_us == FOREVER_US).all()
    assert known.keys.tolist() == [1, 2, 3, 4]
    assert known.sleep_us == SLEEP_US


def test_a_clock_and_what_something_sets_off(bus):
    learned = bus.learned()
    for key, period in ((1, 10_000), (2, 20_000), (3, 100_000)):
        # Two gaps as short as one are an inserted frame: a single short gap says nothing beyond that.
        assert column(learned, "gap_edge", key) == 0
        assert 0 <= column(learned, "span_edge", key) - int(bucket(period)) <= 2
        gaps = len(bus.times[key]) - 1
        assert column(learned, "early_most", key) == column(learned, "late_most", key) == worth(gaps, 0.0)
        assert 0 <= column(learned, "late_edge", key) - int(bucket(period)) <= 2
    assert column(learned, "late_most", 4) == 0
    assert column(learned, "early_most", 4) == worth(len(bus.times[4]) - 1)
    assert column(learned, "span_edge", 4) < bucket(100_000)


def test_one_id_that_breaks_a_habit_later_makes_it_worth_less_for_all(bus):
    times = bus.times[2]
    bus.add(2, np.sort(np.append(times, times[2500:2503] + 5_000)))
    bus.add(3, np.delete(bus.times[3], [500, 501, 502, 503]))
    learned = bus.learned()
    gaps = len(bus.times[1]) - 1
    # Two of three ids kept it, and one more is thought of: a quarter broke it.
    assert column(learned, "early_most", 1) == worth(gaps, 1 / 4)
    assert column(learned, "late_most", 1) == worth(gaps, 1 / 4)
    assert column(learned, "late_most", 3) == worth(len(bus.times[3]) - 1)
    assert column(learned, "early_most", 2) == worth(len(bus.times[2]) - 1)


def test_a_clock_too_coarse_for_an_id(bus):
    learned = bus.learned(step_us=10_000 // STEPS_A_PERIOD + 1)
    assert learned.untimed == 1
    for name in ("gap_edge", "span_edge", "early_most", "late_edge", "late_most"):
        assert column(learned, name, 1) == 0
        assert name == "gap_edge" or column(learned, name, 2) > 0
    assert bus.learned(step_us=10_000 // STEPS_A_PERIOD).untimed == 0


def test_payloads_and_lengths(bus):
    rng = np.random.default_rng(1)
    n = len(bus.times[1])
    bus.data[1][:, 0] = rng.integers(3, 90, n)
    bus.data[1][:, 1] = 0xA0 | rng.integers(0, 2, n)
    bus.data[1][n - 10, 2] = 4
    bus.dlc[2][::7] = 5
    learned = bus.learned()
    known = learned.fingerprint
    for row, key in enumerate(known.keys.tolist()):
        data = bus.data[key]
        assert np.array_equal(known.low[row], data.min(axis=0))
        assert np.array_equal(known.high[row], data.max(axis=0))
        for bit in range(64):
            values = {int(byte) >> bit % 8 & 1 for byte in data[:, bit // 8]}
            assert bool(known.mask[row, bit // 8] >> bit % 8 & 1) is (len(values) == 1)
    assert [column(learned, "dlcs", key) for key in (1, 2)] == [1 << 8, 1 << 8 | 1 << 5]
    assert known.dlc_bits == worth(len(bus.frames()), 0.0)
    # What the held-back part showed for the first time is one breach; where it showed nothing, none is promised either.
    frames = bus.frames()
    assert (
        np.flatnonzero(learned.news).tolist() == np.flatnonzero(frames.t_us == bus.times[1][n - 10]).tolist()
    )
    new = int(
        np.sum(
            (frames.id == 1) & (np.arange(len(frames)) >= np.searchsorted(frames.t_us, 0.6 * frames.t_us[-1]))
        )
    )
    assert column(learned, "payload_bits", 1) == pytest.approx(shown(1, new), abs=1)
    assert column(learned, "payload_bits", 2) == worth(len(bus.times[2]))


def test_a_new_length_in_the_held_back_part_makes_lengths_worth_less(bus):
    bus.dlc[2][-100:] = 4
    assert bus.learned().fingerprint.dlc_bits == worth(len(bus.frames()), 1 / 5)


def test_a_closed_bus_and_an_open_one(bus):
    known = bus.learned().fingerprint
    assert (known.unknown_bits, known.burst) == (SCORE_CAP, NEWCOMERS)
    # Three at once, and one later: 4 new ids since the first eighth.
    for key, at_s in ((9, 20), (10, 22), (11, 20 + NOVEL_S - 1), (12, 45)):
        bus.add(key, [1_000_000 * at_s + 50])
    known = bus.learned().fingerprint
    frames = bus.frames()
    since = frames.t_us - frames.t_us[0]
    assert known.unknown_bits == shown(4, int(np.sum(since > since[-1] / 8)))
    assert known.burst == 2 * 3 + NEWCOMERS


def test_an_id_that_comes_when_the_bus_wakes_up(bus):
    bus.add(9, [200_000, 1_100_000, 2_900_000])
    learned = bus.learned()
    assert column(learned, "start_s", 9) == 2 * 2 + 2
    assert [column(learned, "start_s", key) for key in (1, 2, 3, 4)] == [0] * 4
    # Where new ids come at any time, one that stays away may come again.
    bus.add(10, [50_000_000])
    assert column(bus.learned(), "start_s", 9) == 0


def test_it_wakes_up_twice(bus):
    for key in bus.times:
        bus.times[key] = bus.times[key] + np.where(bus.times[key] >= 30_000_000, 100_000_000, 0)
    bus.add(9, [200_000, 131_000_000])
    learned = bus.learned()
    assert column(learned, "start_s", 9) in (2 * 1 + 2, 2 * 0 + 2)
    # The sleep is no gap of anyone.
    assert column(learned, "late_edge", 1) < bucket(11_000)
    assert epochs(bus.frames().t_us, SLEEP_US).max() == 1


def test_the_last_frames_of_the_bus(bus):
    bus.add(9, 30_000_000 + 100 * np.arange(12))
    known = bus.learned().fingerprint
    frames = bus.frames()
    counts = [
        np.sum(frames.id[max(at - RECENT + 1, 0) : at + 1] == frames.id[at]) for at in range(len(frames))
    ]
    assert known.share == min(2 * max(counts) + 1, RECENT)
    assert known.rate_bits == worth(len(frames) // RECENT, 0.0)
    took = frames.t_us[RECENT:] - frames.t_us[:-RECENT]
    assert known.crowd_us == int(0.9 * took.min())
    assert known.pace_us == (frames.t_us[-1] - frames.t_us[0]) // len(frames)


def test_rare_ids(bus):
    bus.add(9, [5_000_000]).add(10, [3_000_000, 25_000_000, 48_000_000])
    learned = bus.learned()
    for key in (9, 10):
        assert column(learned, "late_most", key) == 0
        assert column(learned, "early_most", key) == worth(max(len(bus.times[key]) - 1, 0))
        assert column(learned, "late_edge", key) >= bucket(20_000_000)
