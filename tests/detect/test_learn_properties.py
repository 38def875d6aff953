"""What must not matter when a bus is learned, and what must."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from canbean.can import attacks, logs, simulate
from canbean.can.frames import ERR, RTR, Frames
from canbean.detect.learn import BUDGETS, learn
from canbean.detect.replay import replay
from canbean.errors import LogError

IDS = (0x0B6, 0x0F0, 0x110, 0x130, 0x1B0, 0x210, 0x2F0, 0x3F0)
"""Fast and slow ones, two that are sent when something changes, with counters and checksums and without."""
SLEPT_US = 3_600_000_000
few = settings(max_examples=6, phases=[Phase.explicit, Phase.generate])
seeds = st.integers(1, 50)


def drive(seconds, seed):
    whole = simulate.drive(seconds, seed)
    return whole[np.isin(whole.id, IDS)]


def known(*parts, per_hour=1.0):
    """The bytes of what is learned, and how it was calibrated."""
    learned = learn(parts, per_hour=per_hour)
    checks = learned.gateway.checks
    return learned.fingerprint.to_bytes(), checks and checks.to_bytes(), learned.calibration


def slept(frames, at_us, asleep_us=SLEPT_US):
    """The log with a sleep before the first frame at or after `at_us`."""
    late = frames.t_us >= at_us
    return frames.changed(t_us=frames.t_us + np.where(late, asleep_us, 0))


@few
@given(seeds, st.integers(0, 2_000_000_000_000_000))
@example(1, 999_999)
def test_when_the_log_began(seed, shift_us):
    frames = drive(40, seed)
    assert known(frames.changed(t_us=frames.t_us + shift_us)) == known(frames)


@few
@given(seeds, st.integers(0, 2_000_000_000))
def test_when_what_is_watched_began(seed, shift_s):
    """By whole seconds of the clock: the board counts seconds awake by them."""
    gateway = learn([drive(30, 1)]).gateway
    attacked, _ = attacks.inject_all(drive(50, seed), ["fuzz", "spoof"], seed=seed)
    shift_us = 1_000_000 * shift_s
    one, other = (replay(gateway, attacked.changed(t_us=attacked.t_us + us)) for us in (0, shift_us))
    assert np.array_equal(one.bits, other.bits)
    assert [replace(alert, t_us=alert.t_us + shift_us) for alert in one.alerts] == other.alerts
    assert one.alerts


@few
@given(seeds)
def test_what_other_buses_carry(seed):
    rng = np.random.default_rng(seed)
    frames, other = drive(30, seed), drive(30, seed + 1)
    other = other.changed(id=rng.permutation(other.id), t_us=other.t_us + 7)
    two = Frames.concat([frames.changed(buses=("a",)), other.changed(buses=("b",))]).in_time_order()
    with pytest.raises(LogError, match=r"several buses \(a, b\)"):
        learn([two])
    assert known(two[two.bus == two.buses.index("a")]) == known(frames)


@few
@given(seeds, st.sampled_from(IDS))
def test_an_id_that_is_not_there(seed, gone):
    frames = drive(40, seed)
    learned = learn([frames[frames.id != gone]])
    assert learned.fingerprint.keys.tolist() == [key for key in np.unique(frames.key).tolist() if key != gone]
    # What is left of the bus is as quiet as before, and the id is news.
    assert not replay(learned.gateway, frames[frames.id != gone]).alerts
    assert {alert.kind for alert in replay(learned.gateway, frames).alerts} == {"unknown-id"}


@few
@given(seeds, st.integers(12, 30), st.integers(1, 3600))
def test_logs_one_after_the_other_are_one_log_with_a_sleep(seed, at_s, asleep_s):
    frames = drive(45, seed)
    at_us = 1_000_000 * at_s
    first, second = frames[frames.t_us < at_us], frames[frames.t_us >= at_us]
    gap_us = int(second.t_us[0] - first.t_us[-1])
    # So that seconds of the clock begin at the same place in both.
    asleep_us = 1_000_000 * (1 + asleep_s) - gap_us
    one, two = learn([slept(frames, at_us, asleep_us)]), learn([first, second])
    # How long a silence is a sleep comes from the usual gaps, of which a log that sleeps has one more.
    sleep_us = two.fingerprint.sleep_us
    assert one.fingerprint.sleep_us == pytest.approx(sleep_us, rel=0.01)
    assert replace(one.fingerprint, sleep_us=sleep_us).to_bytes() == two.fingerprint.to_bytes()
    assert (one.gateway.checks, one.calibration) == (two.gateway.checks, two.calibration)
    # Each log has a clock of its own.
    assert known(first.changed(t_us=first.t_us + 10**15), second) == known(first, second)


@few
@given(seeds)
def test_time_asleep_is_no_time(seed):
    frames = drive(40, seed)
    awake, asleep = known(frames)[2], known(slept(frames, 15_000_000))[2]
    assert asleep["clean_s"] == pytest.approx(awake["clean_s"], abs=0.1)
    assert asleep["held_back_s"] == pytest.approx(awake["held_back_s"], abs=0.1)
    learned = learn([slept(frames, 15_000_000)])
    assert learned.fingerprint.sleep_us < 60_000_000
    for log in (frames, slept(frames, 27_000_000), slept(frames, 15_000_000, 10**12)):
        assert not replay(learned.gateway, log).alerts


@few
@given(seeds)
def test_the_same_log_twice(seed):
    assert known(drive(30, seed)) == known(drive(30, seed))


@few
@given(seeds, st.lists(st.sampled_from(BUDGETS), min_size=2, max_size=3))
def test_more_budget_never_raises_the_threshold(seed, budgets):
    frames = drive(30, seed)
    found = [known(frames, per_hour=budget)[2] for budget in sorted(budgets)]
    thresholds = [one["threshold_bits"] for one in found]
    assert thresholds == sorted(thresholds, reverse=True)
    for one in found:
        rates, bits = zip(*one["curve"]["fingerprint"], strict=True)
        assert (rates, list(bits)) == (BUDGETS, sorted(bits))
        assert dict(one["curve"]["fingerprint"])[one["budget_per_hour"]] == one["threshold_bits"]


@few
@given(seeds, st.sampled_from([RTR, ERR, RTR | ERR]))
def test_remote_and_error_frames_teach_nothing(seed, flags):
    rng = np.random.default_rng(seed)
    frames = drive(30, seed)
    n = 500
    ids = rng.choice([*IDS, 0x7AA], n)
    odd = Frames.of(rng.integers(0, 60_000_000, n), ids, rng.integers(0, 256, (n, 8)), dlc=8, flags=flags)
    mixed = Frames.concat([frames, odd.changed(buses=frames.buses)]).in_time_order()
    assert known(mixed) == known(frames)
    assert not replay(learn([frames]).gateway, mixed).alerts


@pytest.mark.parametrize("rows", [1009, 20_000])
def test_how_a_log_is_cut_for_reading(tmp_path, rows):
    clean = drive(30, 1)
    attacked, _ = attacks.inject_all(drive(60, 2), ["fuzz", "spoof"], seed=1)
    for name, frames in (("clean", clean), ("attacked", attacked)):
        logs.write(tmp_path / f"{name}.csv", frames)
    read = [logs.read(tmp_path / "clean.csv", rows=n).frames for n in (rows, 1 << 20)]
    assert known(read[0]) == known(read[1]) == known(clean)
    gateway = learn([clean]).gateway
    one, other = (
        replay(gateway, logs.read(tmp_path / "attacked.csv", rows=n).frames) for n in (rows, 1 << 20)
    )
    assert one.alerts == other.alerts
    assert one.alerts
    assert np.array_equal(one.bits, other.bits)
