"""Following a roast meter, through unplugging; and the serial line of a professional one."""

import contextlib
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canbean.board.reference_meter import ReferenceMeter, plain_value, tonino_value
from canbean.board.roastmeter import Link, follow, fresh, open_meter
from canbean.errors import BoardError, UsageError
from serial_meters import EMPTY, HELLO, READING, Button, Meter, Tonino

# pyserial does not close a socket that the other end has closed
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_readings_come_one_after_the_other():
    with Meter([EMPTY, READING]) as meter:
        events = list(itertools.islice(follow(meter.port, lambda: False), 3))
    assert events[0].there
    assert events[0].hello["unit"] == "kitchen"
    assert [event.values["quality"] for event in events[1:]] == ["empty", "ok"]


def test_it_goes_on_when_the_meter_comes_back():
    waited = []
    with Meter() as meter:

        def retry(seconds):
            waited.append(seconds)
            if len(waited) == 3:
                meter.plug()
            return False

        events = follow(meter.port, lambda: False, retry=retry)
        assert next(events).there
        next(events)
        meter.unplug()
        away = next(e for e in events if isinstance(e, Link))
        assert not away.there
        assert meter.port in away.words
        rest = list(itertools.takewhile(lambda e: not isinstance(e, Link) or not e.there, events))
        # each reason is told once, not with every try
        assert len({e.words for e in rest}) == len(rest)
        assert next(events).values["value"] == 78.3
    assert len(waited) == 3


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        ({**HELLO, "app": "gateway"}, "'gateway', not the roast meter"),
        ({**HELLO, "golden": "refused"}, "refuses"),
    ],
)
def test_another_board_is_told(hello, why):
    with Meter(hello=hello) as meter:
        meter_says = meter.take

        def take(line):
            meter_says(line)
            if line == "hello" and hello["golden"] != "ok":
                meter.say("error", reason="damaged", errors=1)

        meter.take = take
        with pytest.raises(BoardError, match=why):
            open_meter(meter.port)


def test_a_fresh_reading_is_one_that_began_later():
    """The first that is told began before, the second may have: the counts change with each."""
    old = [{**READING, "counts": [n, n]} for n in (1, 1, 1, 2, 2, 3, 3)]
    with Meter(old, noisy=False) as meter, open_meter(meter.port) as board:
        assert fresh(board, sleep=lambda _: None).values["counts"] == [3, 3]


def test_a_sensor_without_noise_is_believed_after_a_while():
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    with Meter(noisy=False) as meter, open_meter(meter.port) as board:
        assert fresh(board, lambda: now[0], sleep).values["value"] == 78.3
        assert 4 <= now[0] < 5
    older = {"t": 1.0, "value": 80.0, "raw": [1], "quality": "ok"}
    with Meter(older) as meter, open_meter(meter.port) as board:
        assert fresh(board, sleep=lambda _: pytest.fail("it has no counts to wait for")).values["value"] == 80


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("78", 78),
        ("78.5", 78.5),
        ("78,5", 78.5),
        ("Agtron 78", 78),
        ("  +78.50 ", 78.5),
        ("val=61", 61),
        ("L*:31.2", 31.2),
    ],
)
def test_a_plain_line(line, value):
    assert plain_value(line) == value


@pytest.mark.parametrize("line", ["", "ready", "78 79", "CM-100", "1.2.3", "a1b2"])
def test_a_line_that_is_no_value(line):
    with pytest.raises(BoardError, match="type the value"):
        plain_value(line)


@given(st.text(max_size=30))
def test_any_line_is_a_value_or_a_clear_error(line):
    for parse in (plain_value, tonino_value):
        with contextlib.suppress(BoardError):
            parse(line)


def test_a_button_is_waited_for():
    with Button() as other, ReferenceMeter(other.port) as meter:
        time.sleep(0.05)
        other.press(b"61")
        time.sleep(0.05)
        meter.forget()
        other.press(b"")
        other.press(b"78.5")
        assert meter.value(5) == 78.5
        with pytest.raises(BoardError, match=r"sent nothing for 0\.2 s: type the value"):
            meter.value(0.2)
        other.unplug()
        with pytest.raises(BoardError, match=r"went away|sent nothing"):
            meter.value(1)


def test_a_tonino_is_asked_as_artisan_does():
    pauses = []
    with Tonino() as other, ReferenceMeter(other.port, "tonino", sleep=pauses.append) as meter:
        assert meter.value(5) == 87
        assert meter.value(5) == 87
    assert pauses == [2.0]
    assert [line for line in other.heard if line] == ["TONINO", "SCAN", "SCAN"]


@pytest.mark.parametrize("answer", [b"SCAN:\n", b"SCAN:8x\n", b"GETCAL:1\n", b"87\n"])
def test_a_tonino_that_says_something_else(answer):
    with (
        Tonino(answer) as other,
        ReferenceMeter(other.port, "tonino", sleep=lambda _: None) as meter,
        pytest.raises(BoardError, match="type the value"),
    ):
        meter.value(5)


def test_what_cannot_be_opened():
    with pytest.raises(UsageError, match="plain or tonino"):
        ReferenceMeter("/dev/none0", "difluid")
    with pytest.raises(BoardError, match="/dev/none0"):
        ReferenceMeter("/dev/none0")
