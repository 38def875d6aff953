"""Following the virtual board over a port that is noisy, goes away, or has another board behind it."""

import os
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board_cases import ALERT_EVERY, random_frames, stand_in
from canbean.board import Record, VirtualBoard, firmware, link, packets
from canbean.board.monitor import WAITING_S, Monitor, Notice, _Store
from canbean.errors import BoardError
from noise_cases import NoisyPort

pytestmark = pytest.mark.usefixtures("vm")

FRAMES = random_frames(300)
ENCODED = packets.encode(FRAMES)
FIRST = packets.start(1)
REFUSED = re.compile(rb"unknown command: behind.*\n")


@pytest.fixture
def good(tmp_path, monkeypatch):
    tree = stand_in(tmp_path / "firmware")
    monkeypatch.setattr(firmware, "folder", lambda: tree)
    (tmp_path / "good.cbm").write_text("good")
    return tmp_path / "good.cbm"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("canbean.board.monitor.POLL_S", 0.2)
    monkeypatch.setattr("canbean.board.monitor.STATUS_S", 1.0)
    monkeypatch.setattr("canbean.board.alerts.AGAIN_S", 0.1)


class Cables:
    """Opens ports for a monitor; its last one can be pulled out, and another board be put behind the name."""

    def __init__(self, monkeypatch, port, rate=0.0):
        self.port = port
        self.rate = rate
        self.line = None
        self.pulled = False
        self.open = link.serial.serial_for_url
        monkeypatch.setattr(link.serial, "serial_for_url", self)

    def __call__(self, _name, **settings):
        self.pulled = False
        self.line = NoisyPort(self.open(self.port, **settings), self.rate, seed=1)
        read = self.line.read
        self.line.read = lambda size: self._gone() if self.pulled else read(size)
        return self.line

    def _gone(self):
        raise OSError(5, "Input/output error")

    def frames(self, start, end):
        """Frames onto the bus of the board, as a replay has them."""
        self.line.port.write((FIRST if start == 0 else b"") + ENCODED.part(start, end))


def behind(port, data):
    """Write to a port, and read away what its board answers until it has done all of it."""
    handle = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    said = b""
    try:
        # A board does one thing after the other: who refuses this has done what came before. A status it may have been asked for by
        # the monitor.
        os.write(handle, data + b"\0behind\n")
        end = time.monotonic() + 120
        while not REFUSED.search(said):
            assert time.monotonic() < end, said
            try:
                said += os.read(handle, 4096)
            except BlockingIOError:
                time.sleep(0.01)
    finally:
        os.close(handle)


class Heard:
    """What a monitor has said so far."""

    def __init__(self, monitor):
        self.monitor = monitor
        self.events = monitor.events()
        self.alerts = []
        self.notices = []
        self.lines = []

    def until(self, condition, seconds=120):
        end = time.monotonic() + seconds
        for event in self.events:
            if isinstance(event, Notice):
                self.notices.append(event.words)
            elif event.values["type"] == "alert":
                self.alerts.append(event.values["n"])
            else:
                self.lines.append(event.values)
            if condition():
                return
            assert time.monotonic() < end, (self.alerts, self.notices)

    def kinds(self, kind):
        return [values for values in self.lines if values["type"] == kind]


def alerts_of(start, end):
    return [n for n in range(start + 1, end + 1) if n % ALERT_EVERY == 0]


def test_what_was_missed_is_asked_for(good, monkeypatch):
    with VirtualBoard(good) as board:
        cables = Cables(monkeypatch, board.port)
        pauses = []
        monitor = Monitor(board.port, sleep=pauses.append)
        heard = Heard(monitor)
        heard.until(lambda: heard.kinds("status"))
        assert (
            abs(heard.kinds("status")[0]["clock"] + heard.kinds("status")[0]["uptime_s"] - time.time()) < 10
        )
        assert monitor.clock == heard.kinds("status")[0]["clock"]
        cables.frames(0, 30)
        heard.until(lambda: len(heard.alerts) == 4)

        def away(_):
            # while nobody listens: four alerts more, and an end of the incident
            behind(board.port, ENCODED.part(30, 60))

        monitor._sleep = away
        cables.pulled = True
        heard.until(lambda: len(heard.alerts) == 8)
        assert heard.alerts == alerts_of(0, 60)
        assert monitor.given == 8
        assert monitor.missed == 0
        assert monitor.connections == 2
        assert any(
            "the board went away: Input/output error; trying again" in words for words in heard.notices
        )

        def another(_):
            behind(board.port, FIRST + ENCODED.part(0, 10))

        monitor._sleep = another
        cables.pulled = True
        heard.until(lambda: heard.kinds("stored"))
        (stored,) = heard.kinds("stored")
        assert (stored["record"], stored["count"], monitor.stored) == (1, 8, 1)
        heard.until(lambda: len(heard.alerts) == 9)
        assert heard.alerts == [*alerts_of(0, 60), 7]
        assert monitor.missed == 0


def test_alerts_that_gave_way_are_counted(good, monkeypatch):
    with VirtualBoard(good) as board:
        cables = Cables(monkeypatch, board.port)
        monitor = Monitor(board.port)
        heard = Heard(monitor)
        heard.until(lambda: heard.kinds("status"))
        cables.frames(0, 10)
        heard.until(lambda: heard.alerts == [7])
        # the acknowledgement of a stranger takes alerts away that the monitor has not seen
        monitor._sleep = lambda _: behind(board.port, ENCODED.part(10, 30) + b"\0got 1000000\n")
        cables.pulled = True
        heard.until(lambda: any("3 alerts are lost" in words for words in heard.notices))
        assert (monitor.given, monitor.missed) == (1, 3)
        cables.frames(30, 40)
        heard.until(lambda: len(heard.alerts) == 2)
        assert heard.alerts == [7, 35]


def test_a_restarted_board_is_followed_on(good, monkeypatch):
    with VirtualBoard(good) as one, VirtualBoard(good) as other:
        cables = Cables(monkeypatch, one.port)
        monitor = Monitor(one.port, sleep=lambda _: setattr(cables, "port", other.port))
        heard = Heard(monitor)
        heard.until(lambda: heard.kinds("status"))
        cables.frames(0, 10)
        heard.until(lambda: heard.alerts == [7])
        cables.pulled = True
        heard.until(lambda: any("the board has restarted" in words for words in heard.notices))
        cables.frames(0, 20)
        heard.until(lambda: len(heard.alerts) == 3)
        assert heard.alerts == [7, 7, 14]
        assert (monitor.given, monitor.missed) == (3, 0)


def test_noise_loses_nothing(good, monkeypatch):
    with VirtualBoard(good) as board:
        cables = Cables(monkeypatch, board.port)
        monitor = Monitor(board.port, since=1)
        heard = Heard(monitor)
        heard.until(lambda: heard.kinds("status"))
        cables.frames(0, 1)
        cables.line.rate = 0.003
        for start in range(1, 281, 28):
            # as many alerts as the board takes without an acknowledgement
            cables.frames(start, start + 28)
            wanted = (start + 28) // ALERT_EVERY
            heard.until(lambda wanted=wanted: len(heard.alerts) >= wanted, 60)
        assert heard.alerts == alerts_of(0, 281)
        assert monitor.missed == 0
        assert monitor.noise > 0


def test_a_silent_board_is_tried_again(good, monkeypatch):
    monkeypatch.setattr("canbean.board.monitor.SILENCE_S", 0.3)
    with VirtualBoard(good) as board:
        cables = Cables(monkeypatch, board.port)
        heard = Heard(Monitor(board.port, sleep=lambda _: None))
        heard.until(lambda: heard.kinds("status"))
        cables.line.read = lambda size: b""
        heard.until(lambda: len(heard.notices) == 2)
        assert heard.notices[0].endswith("the board stopped answering; trying again")
        assert heard.notices[1].endswith("the board is there again")
        cables.frames(0, 10)
        heard.until(lambda: heard.alerts == [7])


@given(
    st.integers(0, 150),
    st.sets(st.integers(1, 150)),
    st.none() | st.integers(1, 200),
    st.lists(st.booleans(), max_size=60),
)
def test_records_of_the_store_are_given_out_once_however_many_lines_are_lost(last, damaged, since, losses):
    store, given_out, now = _Store(since), [], 0.0
    losses = iter(losses)

    def hear(kind, **values):
        if next(losses, False):
            return []
        record = Record({"type": kind, **values}, b"")
        return store.take(record) or [] if kind == "stored" else store.end(record.values)

    store.begin()
    for _ in range(100):
        now += 10.0
        command = store.command(now)
        if not command:
            break
        # what firmware/commands/incidents.py does
        start = min(max(int(command.split()[1]), last - 63, 1), last + 1)
        end = min(start + 16, last + 1)
        for number in range(start, end):
            if number not in damaged:
                hear("stored", record=number, of="9f3a01c2", number=number)
        bad = len(damaged & set(range(start, end)))
        given_out += [
            one.values["record"] for one in hear("store", next=end, last=last, damaged=bad, waiting=0)
        ]
    else:
        raise AssertionError("it asks without end")
    first = last + 1 if since is None else max(since, last - 63, 1)
    assert given_out == [number for number in range(first, last + 1) if number not in damaged]
    assert store.next == last + 1


def test_a_record_that_waits_for_its_turn_is_asked_for_again():
    store = _Store(1)

    def answered(last, waiting):
        for number in range(store.next, last + 1):
            store.take(Record({"type": "stored", "record": number, "of": "9f3a01c2", "number": number}, b""))
        ended = store.end({"next": last + 1, "last": last, "damaged": 0, "waiting": waiting})
        return [one.values["record"] for one in ended]

    store.begin()
    assert store.command(0.0) == "incidents 1"
    assert answered(1, waiting=1) == [1]
    assert store.command(WAITING_S - 1) == ""
    assert store.command(WAITING_S) == "incidents 2"
    assert answered(1, waiting=1) == []
    assert store.command(2 * WAITING_S) == "incidents 2"
    assert answered(2, waiting=0) == [2]
    assert store.command(1000.0) == ""


def test_who_is_not_there_or_no_gateway(good, tmp_path):
    with pytest.raises(BoardError, match="no such port"):
        next(Monitor("/dev/no-such-port").events())
    with (
        VirtualBoard(good, "roastmeter") as board,
        pytest.raises(BoardError, match="is no gateway: it runs roastmeter"),
    ):
        next(Monitor(board.port).events())
    (tmp_path / "bad.cbm").write_text("bad")
    with (
        VirtualBoard(tmp_path / "bad.cbm") as board,
        pytest.raises(BoardError, match="the board refuses its model: the model is damaged"),
    ):
        next(Monitor(board.port).events())
