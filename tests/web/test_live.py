"""The meter followed in the background."""

import queue
import threading

import pytest

from canbean.errors import BoardError
from canbean.roast.reading import parse
from canbean.web import live as live_module
from canbean.web.live import Live, State
from serial_meters import READING


class Source:
    """Gives what is put into it; None ends."""

    def __init__(self):
        self.events = queue.Queue()

    def __call__(self, live):
        while (event := self.events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            if not isinstance(event, State):
                self.fresh = live.anew()
            yield event


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def live(source):
    made = Live(source)
    source.events.put(State(there=True, words="there"))
    made.start()
    yield made
    source.events.put(None)
    made.close()


def next_event(page, kind):
    while True:
        event = page.get(timeout=60)
        if event[0] == kind:
            return event[1]


def test_pages_get_readings_and_states(live, source):
    one, two = live.open_page(), live.open_page()
    source.events.put(parse(READING))
    source.events.put(State(there=False, words="away"))
    for page in (one, two):
        told = next_event(page, "reading")
        assert (told["value"], told["trend"]["count"], told["warnings"]) == (78.3, 1, [])
        assert next_event(page, "state") == {"there": False, "words": "away"}
    assert [told["value"] for told in live.seen()] == [78.3]
    live.close_page(one)
    assert live.pages == 1


def test_a_page_that_does_not_keep_up_is_let_go(live, monkeypatch):
    page = live.open_page()
    for k in range(live_module.WAITING + 1):
        live.publish("state", k)
    assert live.pages == 0
    got = [page.get_nowait() for _ in range(page.qsize())]
    assert got[-1] is None


def test_listeners_get_readings_and_one_that_fails_harms_nobody(source):
    said, heard = [], []
    live = Live(source, say=said.append)
    live.listeners += [lambda _: 1 / 0, heard.append]
    page = live.open_page()
    source.events.put(State(there=True, words="there"))
    live.start()
    for _ in range(3):
        source.events.put(parse(READING))
        next_event(page, "reading")
    source.events.put(None)
    live.close()
    assert len(heard) == 3
    assert said == ["a listener failed: ZeroDivisionError: division by zero"]


def test_a_fresh_reading_is_one_that_begins_after_it_was_asked_for(live, source):
    answers = []
    page = live.open_page()
    # this one has begun already: `anew` was asked before
    waiting = threading.Thread(target=lambda: answers.append(live.fresh(5)))
    source.events.put(parse(READING))
    next_event(page, "reading")
    assert not source.fresh
    waiting.start()
    while not live._wished:
        pass
    source.events.put(parse({**READING, "value": 60.0}))
    waiting.join(5)
    assert [reading.value for reading in answers] == [60.0]
    assert source.fresh


def test_no_fresh_reading_from_a_meter_that_is_away(live, source):
    page = live.open_page()
    with pytest.raises(BoardError, match="in time"):
        live.fresh(0.05)
    source.events.put(State(there=False, words="unplugged"))
    next_event(page, "state")
    with pytest.raises(BoardError, match="away: unplugged"):
        live.fresh()


def test_a_meter_that_does_not_answer_at_first_is_an_error(source):
    source.events.put(BoardError("/dev/none0: no such port"))
    with pytest.raises(BoardError, match="none0"):
        Live(source).start()


def test_an_error_later_is_shown(live, source):
    page = live.open_page()
    source.events.put(BoardError("a reading whose value is 'x'"))
    assert next_event(page, "state")["there"] is False
    assert "whose value" in live.state.words
