"""The whole line, both halves, in memory and over a bad cable: every frame once, in order."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board_cases import ALERT_EVERY, MemoryBoard, as_seen, frames_strategy, noisy, random_frames, told
from canbean.board import link, packets
from canbean.board.feed import Window, feed
from canbean.board.link import Board
from canbean.board.packets import encode
from canbean.errors import BoardError, LogError


def opened(monkeypatch, memory):
    monkeypatch.setattr(link.serial, "serial_for_url", lambda *args, **kwargs: memory)
    return Board("memory", clock=memory.clock)


@pytest.mark.parametrize("window", [2, 10, 120, 127])
@pytest.mark.parametrize("rate", [0.0, 0.001, 0.004])
def test_every_frame_is_handled_once_and_in_order(monkeypatch, window, rate):
    memory = MemoryBoard(window, rate, seed=window, kept=64)
    frames = random_frames(1000, seed=window)
    board = opened(monkeypatch, memory)
    alerts = []
    steps = []
    counts = feed(
        board,
        frames,
        lambda record: alerts.append(record) if record.values["type"] == "alert" else None,
        progress=steps.append,
        clock=memory.clock,
    )
    assert memory.watch.seen == as_seen(frames)
    assert counts.frames == 1000
    assert steps == sorted(steps)
    assert steps[-1] == 1000
    numbers = [record.values["n"] for record in alerts]
    assert numbers == list(range(ALERT_EVERY, 1001, ALERT_EVERY))
    assert counts.alerts == len(alerts)
    assert counts.missed == 0
    assert (counts.again > 0) == (memory.feed.ignored > 0) or rate
    if rate == 0:
        assert counts.again == counts.missed == counts.lost == counts.noise == counts.errors == 0
    else:
        assert memory.console.link.noise > 0


@settings(max_examples=40)
@given(
    st.integers(0, 400),
    st.sampled_from([2, 10, 120]),
    st.sampled_from([1, 2, 5, 16]),
    st.sampled_from([0.0, 0.001, 0.005]),
    st.integers(0, 1 << 16),
)
def test_every_alert_comes_once_and_in_order(n, window, kept, rate, seed):
    """However few are kept, and with lines of which few come whole."""
    memory = MemoryBoard(window, 0.0, seed, kept)
    frames = random_frames(n, seed)
    alerts = []
    with pytest.MonkeyPatch.context() as patch:
        board = opened(patch, memory)
        memory.rate = rate
        counts = feed(board, frames, alerts.append, clock=memory.clock)
    assert memory.watch.seen == as_seen(frames)
    numbers = [record.values["n"] for record in alerts if record.values["type"] == "alert"]
    assert numbers == list(range(ALERT_EVERY, n + 1, ALERT_EVERY))
    assert (counts.alerts, counts.missed) == (len(numbers), 0)
    assert memory.console.lines.lost == 0


def test_frames_that_were_refused_are_sent_again_as_soon_as_there_is_room(monkeypatch):
    memory = MemoryBoard(window=20, kept=1)
    counts = feed(opened(monkeypatch, memory), random_frames(200), clock=memory.clock)
    assert counts.again > 100
    # in no case after a timer
    assert counts.seconds < 0.3


def test_a_stranger_or_an_earlier_boot_acknowledges_nothing(monkeypatch):
    memory = MemoryBoard(rate=0.0)
    board = opened(monkeypatch, memory)
    lines = memory.console.lines
    for n in (7, 14):
        lines.alert(told, (0, 0, n))
    for boot, left in (("", 2), ("00000001", 2), (lines.boot.decode(), 1)):
        board.write(packets.got(lines.kept[0][0] + 1, boot, again=False))
        list(board.read())
        assert len(lines.kept) == left
    assert memory.console.errors == 0


def test_an_alert_that_the_board_no_longer_has_is_counted(monkeypatch):
    memory = MemoryBoard(rate=0.0)
    board = opened(monkeypatch, memory)
    alert = memory.console.lines.alert

    def forgetful(make, what):
        alert(make, what)
        if memory.watch.alerts == 3:
            memory.outgoing[-30:-20] = b""
            memory.console.lines.kept.pop()

    memory.console.lines.alert = forgetful
    records = []
    counts = feed(board, random_frames(100), records.append, clock=memory.clock)
    assert [record.values["n"] for record in records] == [7 * i for i in range(1, 15) if i != 3]
    assert (counts.alerts, counts.missed) == (13, 1)


@settings(max_examples=15)
@given(frames_strategy, st.integers(0, 1 << 16))
def test_any_frames_survive_a_very_bad_cable(frames, seed):
    memory = MemoryBoard(window=20, rate=0.0, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        board = opened(patch, memory)
        memory.rate = 0.005
        feed(board, frames, clock=memory.clock)
    assert memory.watch.seen == as_seen(frames)


def test_a_second_replay_begins_anew(monkeypatch):
    memory = MemoryBoard()
    board = opened(monkeypatch, memory)
    for seed in (1, 2):
        frames = random_frames(300, seed)
        assert feed(board, frames, clock=memory.clock).frames == 300
        assert memory.watch.seen == as_seen(frames)


def test_nothing_to_replay(monkeypatch):
    memory = MemoryBoard()
    counts = feed(opened(monkeypatch, memory), random_frames(0), clock=memory.clock)
    assert (counts.frames, counts.alerts) == (0, 0)


def test_alerts_come_as_an_alerts_file_holds_them(monkeypatch):
    memory = MemoryBoard()
    frames = random_frames(ALERT_EVERY)
    records = []
    feed(opened(monkeypatch, memory), frames, records.append, clock=memory.clock)
    t_us = int(frames.t_us[-1])
    assert records[-1].bare == b'{"type":"alert","t":%d.%06d,"n":7}' % (t_us // 1_000_000, t_us % 1_000_000)


def test_speed_holds_frames_back_until_their_time(monkeypatch):
    memory = MemoryBoard()
    frames = random_frames(200).changed(t_us=5_000_000 + 50_000 * np.arange(200))
    board = opened(monkeypatch, memory)
    times = {}
    counts = feed(
        board, frames, speed=2.0, progress=lambda n: times.setdefault(n, memory.now), clock=memory.clock
    )
    assert counts.seconds == pytest.approx(199 * 0.05 / 2, abs=0.1)
    first = min(times.values())
    for n, now in times.items():
        assert now - first >= (n - 1) * 0.025 - 0.05
    assert memory.watch.seen == as_seen(frames)


def test_a_board_that_stops_answering(monkeypatch):
    memory = MemoryBoard()
    board = opened(monkeypatch, memory)
    seen = memory.watch.frame

    def stuck(*frame):
        seen(*frame)
        if memory.watch.alerts == 3:
            memory.write = len

    memory.watch.frame = stuck
    with pytest.raises(BoardError, match=r"memory: the board stopped answering after \d+ frames"):
        feed(board, random_frames(1000), clock=memory.clock)


def test_a_board_that_counts_what_was_never_sent(monkeypatch):
    memory = MemoryBoard()
    board = opened(monkeypatch, memory)

    def twice(*frame):
        memory.feed.frames += 1

    memory.watch.frame = twice
    with pytest.raises(BoardError, match=r"memory: the board counts \d+ frames of the \d+ sent"):
        feed(board, random_frames(100), clock=memory.clock)


def test_a_board_that_restarts(monkeypatch):
    memory = MemoryBoard()
    board = opened(monkeypatch, memory)

    def restart(*frame):
        memory.console.lines.boot = b"ffffffff"

    memory.watch.frame = restart
    with pytest.raises(BoardError, match="memory: the board restarted after"):
        feed(board, random_frames(1000), clock=memory.clock)


def test_a_board_that_knows_no_replay(monkeypatch):
    memory = MemoryBoard()
    board = opened(monkeypatch, memory)
    memory.console.link.on_packet = lambda *packet: None
    with pytest.raises(BoardError, match="memory: the board does not start a replay"):
        feed(board, random_frames(10), clock=memory.clock)


def test_a_refused_model_is_named_with_its_reason(monkeypatch):
    memory = MemoryBoard()
    memory.console.model = None
    memory.console.refused = "the model is damaged"
    board = opened(monkeypatch, memory)
    with pytest.raises(BoardError, match="memory: the board refuses its model: the model is damaged"):
        feed(board, random_frames(10), clock=memory.clock)


def test_an_error_of_a_detector_is_counted_and_the_frame_too(monkeypatch):
    memory = MemoryBoard()
    board = opened(monkeypatch, memory)

    def stumble(*frame):
        raise ZeroDivisionError("no")

    memory.watch.frame = stumble
    reasons = []
    counts = feed(board, random_frames(100), lambda r: reasons.append(r.values), clock=memory.clock)
    assert counts.frames == 100
    assert memory.console.errors == 100
    assert counts.errors == 7
    assert [r["errors"] for r in reasons] == [1, 2, 4, 8, 16, 32, 64]


def test_a_packet_that_is_none_of_the_feed_is_an_error(monkeypatch):
    memory = MemoryBoard()
    board = opened(monkeypatch, memory)
    for content in (b"\x01", b"\x01\0", b"\x01" * 12, b"\x01" * 22, b"\x02", b"\x02ab", b"\x03a"):
        board.write(packets.packets(np.frombuffer(content, np.uint8).reshape(-1, 1)).tobytes())
    list(board.read())
    assert board.refusal == "unknown packet"
    assert memory.console.errors == 7
    assert memory.watch.seen == []


def test_an_error_that_there_is_no_room_to_say_is_counted(monkeypatch):
    memory = MemoryBoard()

    def full(*args):
        raise MemoryError

    monkeypatch.setattr(memory.console.lines, "send", full)
    memory.incoming += b"hello\nhello\nwhat\n"
    memory.console.link.poll()
    assert memory.console.errors == 3


def test_more_frames_than_are_encoded_at_once(monkeypatch):
    memory = MemoryBoard()
    monkeypatch.setattr("canbean.board.feed.CHUNK", 100)
    frames = random_frames(450, start_s=1_700_000_000)
    assert feed(opened(monkeypatch, memory), frames, clock=memory.clock).frames == 450
    assert memory.watch.seen == as_seen(frames)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"t_us": [-1]}, "time is not within"),
        ({"t_us": [1 << 53]}, "time is not within"),
        ({"dlc": [9]}, "length is not one"),
    ],
)
def test_a_frame_that_no_packet_holds(change, words):
    frame = random_frames(1).changed(t_us=[0], flags=[0], dlc=[0])
    with pytest.raises(LogError, match=f"frame 0 at .* s: its {words}"):
        encode(frame.changed(**change))


def test_an_answer_of_an_earlier_talk_changes_nothing():
    window = Window(10, 0.0)
    window.next(100, 0.0)
    window.answer(50, False, 0.0)
    assert (window.done, window.sent) == (0, 10)
    window.answer(10, False, 0.0)
    window.answer(3, True, 0.0)
    assert (window.done, window.sent) == (10, 10)


def test_a_gap_is_stepped_back_for_once():
    window = Window(10, 0.0)
    assert window.next(100, 0.0) == (0, 10)
    window.answer(4, True, 0.0)
    assert window.next(100, 0.0) == (4, 14)
    window.answer(4, True, 0.0)
    assert window.next(100, 0.0) == (14, 14)
    # until it is late enough for the second try to have been lost too
    assert window.next(100, 0.04) == (14, 14)
    assert window.next(100, 0.06) == (4, 14)
    # or the timer says so of the third
    assert window.next(100, 0.3) == (14, 14)
    assert window.next(100, 0.4) == (4, 14)
    assert window.again == 26


def test_the_noise_of_these_tests_is_noise():
    data = bytes(range(256)) * 40
    out = noisy(data, 0.01, random.Random(1))
    assert out != data
    assert abs(len(out) - len(data)) < 50
