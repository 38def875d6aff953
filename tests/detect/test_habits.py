"""Habits of made-up ids, and what breaking them is worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.can.frames import Frames
from canbean.detect.fingerprint import SCORE_CAP, gaps
from canbean.detect.habits import USUAL, bits_of, broken, habit, shown, worth

PERIOD_US = 10_000


def test_what_no_frame_did_is_worth_what_the_frames_and_the_habit_say():
    # Twice as many frames are a bit more where nothing is known of the habit, two where all ids kept it.
    assert worth(0) == 16
    assert worth(511) == 160
    assert worth(511, 0.0) == worth(511, 1 / 4096) == 320
    assert worth(511, 1 / 4) == 192
    assert worth(10**12, 0.0) == SCORE_CAP


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_more_frames_and_fewer_broken_habits_are_worth_more(fewer, more, good, bad):
    (fewer, more), (good, bad) = sorted((fewer, more)), sorted((good, bad))
    assert worth(fewer, bad) <= worth(more, bad)
    assert worth(more, bad) <= worth(more, good)
    assert worth(more) <= worth(more, bad) <= 2 * worth(more) + 1


def test_a_breach_is_worth_what_it_showed():
    assert shown(0, 127) == 16 * 8
    assert shown(1, 2**10 * 3 // 2 - 1) == 16 * 10
    assert shown(4, 0) == 0
    assert shown(10, 1000) < shown(1, 1000) < shown(1, 10_000)
    assert [bits_of(odds) for odds in (0.1, 1, 2, 2.0**64, 2.0**70)] == [0, 0, 16, SCORE_CAP, SCORE_CAP]


def test_the_share_of_broken_habits_counts_those_that_had_one():
    assert broken([]) == broken([None, None]) == broken([True, True, None]) == 0
    assert broken([False, True, None, False]) == pytest.approx(2 / 4)
    # One more is thought of that kept it: so few ids are no proof that none does.
    assert broken([False]) == pytest.approx(1 / 2)


def frames_at(times, dlc=8, data=None):
    times = np.asarray(times).astype(np.int64)
    return Frames.of(times, 0x100, np.zeros((len(times), 8)) if data is None else data, dlc=dlc)


def habit_of(frames, held_from=0.6):
    """The habit of the only id; `held_from` is the share of its time that comes before the held-back part."""
    n = len(frames)
    nothing = np.zeros(n, np.int64)
    gap, span = gaps(frames.t_us, nothing, nothing)
    since = frames.t_us - frames.t_us[0]
    return habit(frames, np.arange(n), since >= held_from * since[-1], gap, span)


def clock(n=2000, seed=1):
    """Times of a sender's clock with one per cent of jitter."""
    return PERIOD_US * np.arange(n) + np.random.default_rng(seed).integers(0, PERIOD_US // 100, n)


def test_a_clock():
    one = habit_of(frames_at(clock()))
    assert one.clocked
    assert (one.insertion_kept, one.silence_kept, one.dlc_kept) == (True, True, True)
    assert one.period_us == pytest.approx(PERIOD_US, rel=0.01)
    assert PERIOD_US < one.usual_us < 1.02 * PERIOD_US
    assert (one.old, len(one.members), one.gaps) == (1200, 2000, 1999)
    assert len(one.gap_old) + 1 == len(one.span_old) + 2 == one.old
    assert len(one.gap_new) == len(one.span_new) == 800


@pytest.mark.parametrize(("lost", "clocked"), [(0.001, True), (0.05, False)])
def test_a_clock_whose_frames_are_lost(lost, clocked):
    times = clock(4000)
    one = habit_of(frames_at(times[np.random.default_rng(2).random(len(times)) >= lost]))
    assert one.clocked is clocked
    # A lost frame makes silences longer; it makes no two gaps shorter than one.
    assert one.insertion_kept is (True if clocked else None)
    assert (one.silence_kept is None) is not clocked


def test_what_something_sets_off():
    one = habit_of(frames_at(np.cumsum(np.random.default_rng(3).exponential(PERIOD_US, 2000)) + 1))
    assert not one.clocked
    assert (one.insertion_kept, one.silence_kept, one.usual_us) == (None, None, 0)
    assert one.dlc_kept is True


def test_an_inserted_frame_breaks_a_habit_that_was_kept_before():
    times = clock()
    short = np.argsort(np.diff(times))
    held, earlier = (times[short[part][0]] + 4321 for part in (short >= 1300, short < 1000))
    one = habit_of(frames_at(np.sort(np.append(times, held))))
    assert one.clocked
    assert (one.insertion_kept, one.silence_kept) == (False, True)
    # Where it was there before, there is no such habit.
    before = habit_of(frames_at(np.sort(np.append(times, earlier))))
    assert before.insertion_kept is None
    assert before.silence_kept is True


def test_jitter_lowers_what_marks_an_inserted_frame():
    # Some gaps are a third longer, and some pairs of gaps are no longer than those: less of the gaps is usual then.
    times = clock(4000)
    times[100::100] += PERIOD_US // 3
    once = np.zeros(4000, np.int64)
    once[2050] = 4 * PERIOD_US // 5
    one = habit_of(frames_at(np.sort(times - once)))
    assert one.clocked
    assert one.usual_us < np.quantile(np.diff(times), USUAL[0]) - PERIOD_US // 5


@pytest.mark.parametrize(("periods", "kept"), [(2, True), (4, False)])
def test_a_silence_breaks_its_habit_later(periods, kept):
    times = clock()
    times[1500:] += (periods - 1) * PERIOD_US
    one = habit_of(frames_at(times))
    assert (one.clocked, one.silence_kept) == (True, kept)
    # One that was there before may come again.
    times[500:] += 4 * PERIOD_US
    assert habit_of(frames_at(times)).silence_kept is True


def test_a_clock_that_stops_later_kept_nothing():
    rng = np.random.default_rng(4)
    times = np.append(clock(1000), 1000 * PERIOD_US + np.cumsum(rng.exponential(PERIOD_US, 660)))
    one = habit_of(frames_at(times))
    assert not one.clocked
    assert (one.insertion_kept, one.silence_kept) == (False, False)


def test_a_clock_whose_frames_are_lost_later_kept_nothing():
    times = clock(4000)
    lost = (np.arange(4000) > 2400) & (np.random.default_rng(2).random(4000) < 0.05)
    one = habit_of(frames_at(times[~lost]))
    assert not one.clocked
    assert (one.insertion_kept, one.silence_kept) == (False, False)


def test_lengths():
    dlc = np.full(2000, 8)
    dlc[1900] = 4
    assert habit_of(frames_at(clock(), dlc)).dlc_kept is False
    dlc[100] = 4
    assert habit_of(frames_at(clock(), dlc)).dlc_kept is True
    assert habit_of(frames_at(clock(20))).dlc_kept is None


def test_too_few_frames_have_no_habits():
    for n in (1, 2, 10):
        one = habit_of(frames_at(clock(n)))
        assert not one.clocked
        assert (one.insertion_kept, one.silence_kept, one.dlc_kept) == (None, None, None)
    assert habit_of(frames_at([5])).period_us == 0


def test_what_payloads_show_for_the_first_time_in_the_held_back_part():
    data = np.zeros((2000, 8), np.uint8)
    data[:1200, 0] = np.arange(1200) % 64
    data[1200:, 0] = 5
    data[1300, 1] = 1  # a bit
    data[1301, 1] = 1  # not again
    data[1400, 0] = 64  # a bit and a wider range
    data[1500, 0] = 65  # the same bits, a wider range
    data[1600, 0] = 64
    one = habit_of(frames_at(clock(), data=data))
    assert (one.wider + one.old).tolist() == [1300, 1400, 1500]
    assert np.array_equal(one.data, data)
    whole = habit_of(frames_at(clock(), data=data), held_from=2)
    assert (whole.old, len(whole.wider)) == (2000, 0)
