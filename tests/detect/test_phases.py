"""Ids that several senders, or one in bursts, send at fixed phases of a common period; and ordinary ones, of which nothing is said."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canbean.can import logs, simulate
from canbean.can.frames import Frames
from canbean.detect.phases import of_times, places

PERIOD = 100_000


def sent(offsets, *, cycles=1500, jitter=0.02, ppm=(), loss=0.0, seed=0, period=PERIOD):
    """Times of an id: a sender an offset, each by its own crystal; jitter in periods."""
    rng = np.random.default_rng(seed)
    own = [
        offset + period * (1 + 1e-6 * drift) * np.arange(cycles)
        for offset, drift in zip(offsets, [*ppm, *[0] * len(offsets)], strict=False)
    ]
    t_us = np.sort(np.concatenate(own) + period * jitter * rng.uniform(-1, 1, cycles * len(offsets)))
    return (t_us[rng.random(len(t_us)) >= loss] + 5_000_000).astype(np.int64)


@pytest.mark.parametrize("loss", [0, 0.02])
@pytest.mark.parametrize("jitter", [0, 0.005, 0.02])
def test_two_senders(jitter, loss):
    found = of_times(sent((0, 20_000), jitter=jitter, loss=loss))
    assert found.period_ms == pytest.approx(100, abs=0.1)
    assert found.phases_ms == pytest.approx((0, 20), abs=0.3)
    # of a uniform jitter; of drawn times the larger and the smaller change places at times
    assert found.spread_ms == pytest.approx(100 * jitter / np.sqrt(3), rel=0.1, abs=0.01)
    assert found.clocks == 1
    assert found.confirmed > 0.9
    assert re.fullmatch(
        r"2 frames a cycle of 100 ms, at 0 and (20|19\.\d|20\.\d) ms; one clock: bursts, or senders in step",
        found.words(),
    )


@pytest.mark.parametrize("ppm", [-60, 25, 60])
def test_two_crystals_drift_apart(ppm):
    # They may not meet, nor come to be half a period apart: there the gaps are alike.
    found = of_times(sent((0, 25_000), ppm=(0, ppm), cycles=3000))
    assert found.clocks == 2
    assert found.drift_ppm == pytest.approx((0, ppm), abs=6)
    assert found.words().endswith("2 senders or more")


def test_a_burst_of_three_and_a_lone_frame():
    found = of_times(sent((0, 5_000, 10_000, 60_000), jitter=0.005))
    assert np.allclose(found.phases_ms, (0, 5, 10, 60), atol=0.3) or np.allclose(
        found.phases_ms, (0, 40, 45, 50), atol=0.3
    )
    assert found.describe()["clocks"] == 1


@settings(max_examples=30)
@given(
    st.lists(st.integers(0, 19), min_size=2, max_size=4, unique=True),
    st.sampled_from([5_000, 20_000, 1_000_000]),
    st.integers(0, 2**32 - 1),
)
def test_any_places(places_, period, seed):
    offsets = np.sort(places_) * period / 20
    gaps = np.diff([*offsets, offsets[0] + period])
    found = of_times(sent(offsets, jitter=0.002, period=period, seed=seed))
    count = len(gaps)
    alike = [lag for lag in range(1, count) if np.allclose(np.roll(gaps, lag), gaps)]
    if alike:
        assert found is None or len(found.phases_ms) == alike[0] < count
        return
    got = np.diff([*found.phases_ms, found.period_ms]) * 1000
    turns = [np.abs(np.roll(gaps, lag) - got).max() for lag in range(count)]
    assert min(turns) < 0.01 * period


def test_ordinary_ids_have_one_place():
    rng = np.random.default_rng(1)
    n = 4000
    for name, t_us in {
        "periodic": sent((0,), jitter=0.1),
        "jitter that adds up": np.cumsum(rng.normal(PERIOD, PERIOD / 20, n)),
        "half a period apart": sent((0, PERIOD / 2), jitter=0.01),
        "events": np.cumsum(rng.exponential(PERIOD, n)),
        "two modes": np.cumsum(np.repeat([PERIOD, PERIOD / 5, PERIOD], n // 3)),
        "rounded to the clock": np.arange(n) * 12_500 // 1000 * 1000,
        "gaps of two kinds in no order": np.cumsum(rng.choice([20_000, 80_000], n)),
        "too few": sent((0, 20_000), cycles=50),
        "alternating at first": np.cumsum([*[20_000, 80_000] * 1200, *[50_000] * 1600]),
    }.items():
        assert of_times(np.asarray(t_us, np.int64), 1000) is None, name


def test_what_the_held_back_part_does_not_confirm_is_not_told():
    one, other = sent((0, 20_000), cycles=1200), sent((0, 35_000), cycles=800)
    assert of_times(one) is not None
    assert of_times(np.concatenate([one, other - other[0] + one[-1] + PERIOD])) is None


def test_a_drive_has_none_but_the_id_that_was_added():
    drive = simulate.drive(120, 3)
    assert places(drive) == {}
    t_us = drive.t_us[0] + sent((0, 30_000), cycles=1100)
    more = Frames.of(t_us, 0x6D0, np.zeros((len(t_us), 8), np.uint8), dlc=8).changed(buses=drive.buses)
    log = Frames.concat([drive, more]).in_time_order()
    (found,) = places(log).items()
    assert found[0] == 0x6D0
    assert found[1].phases_ms == pytest.approx((0, 30), abs=0.3)
    later = log.changed(t_us=log.t_us + 7_000_000)
    assert places(later)[0x6D0].describe() == found[1].describe()


def test_a_mustang_has_an_id_that_alternates(recordings):
    """Every 9 and 11 ms, by a log of whole milliseconds: no second crystal is claimed from that."""
    log = logs.read(recordings / "can" / "formats" / "mustang-s550.txt.gz").frames.in_time_order()
    found = places(log, 1000)
    assert list(found) == [0x85]
    assert found[0x85].clocks == 1
    assert found[0x85].period_ms == pytest.approx(20, abs=0.1)
