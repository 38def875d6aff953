"""Whether a roast meter is ready before Artisan asks, and how long it ever leaves its line alone: estimated from counted fuel.

Artisan opens the port, which may reset the board, waits 2 s, and asks. No clock of this computer is read here, and nothing of it was
measured on hardware.
"""

import pytest

from conftest import ROOT
from roastmeter_time import THRESHOLD, THRESHOLD_AT_START, spent

SLOW_MHZ, MHZ = 80, 160
"""A Wemos's, before and after its file is loaded, which sets it."""
START_MS = 1000
"""Of Artisan's 2,000: the rest is for the boot ROM and MicroPython's own start, which is not counted."""
SLICE_MS = 150
TURNS = 9
"""The sensor's start, a dark sample and five others, the judgement, the display."""


@pytest.fixture(scope="module")
def slow(vm32, tmp_path_factory):
    """The ready model, on a chip that gives its samples at the last look only: the start, and each turn until a reading is shown."""
    return spent(ROOT / "models" / "max3010x.cbm", tmp_path_factory.mktemp("time"), TURNS, late=3)


def started(parts):
    """Milliseconds of the start."""
    return parts[0].ms(SLOW_MHZ, THRESHOLD_AT_START) + parts[1].ms(MHZ, THRESHOLD_AT_START)


def test_golden_vectors_are_answered_before_artisan_asks(slow):
    start = slow[1]
    assert '"golden":"ok"' in start.said
    assert '"sensor":"max3010x","unit":"kitchen"' in start.said
    # the calibration is in, the display is cleared
    assert start.octets > 400
    assert 300 < started(slow) <= START_MS


def test_no_turn_leaves_the_line_alone_for_longer_than_a_slice(slow):
    assert len(slow) == 2 + TURNS
    waits = [turn.slept_ms for turn in slow[2:]]
    assert waits == [2, *[waits[1]] * 6, 0, 0]
    assert waits[1] == 120 + 3 * 5
    assert slow[-1].octets > 400
    assert max(turn.ms(MHZ, THRESHOLD) for turn in slow[2:]) <= SLICE_MS


def test_a_first_reading_is_shown_two_seconds_after_the_firmware_begins(slow):
    """5 s are allowed."""
    assert started(slow) + sum(turn.ms(MHZ, THRESHOLD) for turn in slow[2:]) <= 2000
