"""Frames onto a bus: all of them, when they are due, and stopped at once."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import can
from canbean.can import player
from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.player import Address
from canbean.errors import BoardError, UsageError


class Clock:
    """A clock that moves only when it is looked at (a little) or slept on; sleeps end late."""

    def __init__(self, late_ns=70_000, look_ns=150):
        self.time = 5_000_000_000_000
        self.late_ns = late_ns
        self.look_ns = look_ns
        self.slept = 0

    def now(self):
        self.time += self.look_ns
        return self.time

    def sleep(self, seconds):
        assert seconds > 0
        self.slept += 1
        self.time += round(seconds * 1e9) + self.late_ns


def some(n, gap_us=500, start_us=1_700_000_000_000_000, **more):
    data = np.arange(n * 8, dtype=np.uint32).astype(np.uint8).reshape(n, 8)
    columns = {"dlc": 8, **more}
    return Frames.of(start_us + np.arange(n) * gap_us, 0x100 + np.arange(n) % 7, data, **columns)


def sent_at(frames, clock=None, cost_ns=3000, **options):
    """When each frame was given to the bus, in nanoseconds after the start."""
    clock = clock or Clock()
    begin, times = clock.time, []

    def send(_message):
        times.append(clock.time - begin)
        clock.time += cost_ns

    done = player.play(frames, send, clock=clock, **options)
    return np.array(times), done


@pytest.mark.parametrize("speed", [1.0, 0.25, 10.0])
def test_every_frame_is_sent_when_it_is_due_and_nothing_drifts(speed):
    frames = some(6000)
    times, done = sent_at(frames, speed=speed)
    late = times - np.arange(6000) * 500_000 / speed
    assert late.min() >= 0
    assert late.max() < 10_000
    assert done.late_us.max() < 10
    assert done.frames == 6000
    assert not done.stopped


def test_a_sleep_that_ends_late_costs_one_frame_and_not_those_after_it():
    class Hiccup(Clock):
        def sleep(self, seconds):
            super().sleep(seconds)
            if self.slept == 100:
                self.time += 5_000_000

    times, done = sent_at(some(1000), Hiccup())
    late = times - np.arange(1000) * 500_000
    assert late.max() > 4_000_000
    assert late[130:].max() < 10_000
    assert done.late_us.max() > 4000


def test_a_bus_slower_than_the_log_is_not_slept_on():
    clock = Clock()
    times, _ = sent_at(some(1000, gap_us=10), clock, cost_ns=50_000)
    assert clock.slept <= 1
    assert (np.diff(times) < 60_000).all()


def test_rounds_follow_each_other_in_rhythm():
    times, done = sent_at(some(100), rounds=3)
    assert len(times) == 300
    assert np.abs(np.diff(times) - 500_000).max() < 15_000
    assert times[-1] - 299 * 500_000 < 15_000
    assert (done.rounds, done.frames) == (3, 300)


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 10**7), min_size=1, max_size=40),
    st.sampled_from([0.1, 0.5, 1.0, 3.0, 1000.0]),
    st.integers(1, 3),
)
def test_due_times(steps, speed, rounds):
    frames = some(len(steps)).changed(t_us=np.cumsum(steps))
    due, length = player.due_ns(frames, speed)
    assert due[0] == 0
    assert np.abs(due - (frames.t_us - frames.t_us[0]) * 1000 / speed).max() <= 1
    assert length >= due[-1]
    times, _ = sent_at(frames, speed=speed, rounds=rounds)
    wanted = (np.arange(rounds)[:, None] * length + due).ravel()
    assert (times >= wanted).all()


@pytest.mark.parametrize("speed", [None, 1.0])
@pytest.mark.parametrize("at", [0, 1, 1023, 1024, 1025, 2500])
def test_an_interrupt_stops_at_once_and_tells_where(speed, at):
    frames = some(3000)
    count = itertools.count()

    def send(_message):
        if next(count) == at:
            raise KeyboardInterrupt

    done = player.play(frames, send, speed=speed, clock=Clock())
    assert done.stopped
    # The bus had that frame when it was interrupted.
    assert done.frames == done.row == at + 1
    assert done.log_s == frames.t_us[at + 1] / 1e6


def test_an_interrupt_while_waiting():
    class Interrupted(Clock):
        def sleep(self, seconds):
            super().sleep(seconds)
            if self.slept == 43:
                raise KeyboardInterrupt

    times, done = sent_at(some(3000), Interrupted())
    # The first frame is not waited for.
    assert done.stopped
    assert done.row == done.frames == len(times) == 43


def test_an_interrupt_in_a_later_round():
    count = itertools.count()

    def send(_message):
        if next(count) == 250:
            raise KeyboardInterrupt

    done = player.play(some(100), send, speed=None, rounds=None, clock=Clock())
    assert (done.rounds, done.row, done.frames) == (2, 51, 251)


def test_an_interrupt_while_frames_are_prepared_counts_only_what_was_sent(monkeypatch):
    made, sent = player.Coming, []

    def making(frames):
        if len(frames) and frames.t_us[0] == 2048 * 500:
            raise KeyboardInterrupt
        return made(frames)

    monkeypatch.setattr(player, "Coming", making)
    done = player.play(some(3000, start_us=0), sent.append, speed=None, clock=Clock())
    assert done.row == done.frames == len(sent) == 2048


def test_a_frame_that_the_bus_refuses_is_named():
    count = itertools.count()

    def send(_message):
        if next(count) == 1500:
            raise can.CanOperationError("no buffer space")

    for speed in (None, 1.0):
        count = itertools.count()
        with pytest.raises(BoardError, match=r"frame 1501 of 3000 \(id 102, 8 bytes\): no buffer space"):
            player.play(some(3000), send, speed=speed, clock=Clock())


def test_onto_a_virtual_bus():
    flags = np.array([0, 0, FD, RTR, ERR, 0], np.uint8)
    frames = some(6, flags=flags, dlc=[8, 3, 8, 5, 8, 0], ext=[0, 1, 0, 0, 0, 0])
    frames.data[:, :] = np.where(np.arange(8) < frames.dlc[:, None], frames.data, 0)
    address = Address.parse("virtual:test_onto")
    with player.opened(address) as bus, can.Bus("test_onto", interface="virtual") as listener:
        ready = player.sendable(frames)
        assert player.play(ready, player.sender(bus, address), speed=None).frames == 5
        got = [listener.recv(0) for _ in range(5)]
        assert listener.recv(0) is None
    for message, row in zip(got, (0, 1, 2, 3, 5), strict=True):
        assert message.arbitration_id == frames.id[row]
        assert message.is_extended_id == frames.ext[row]
        assert message.is_fd == bool(flags[row] & FD)
        assert message.is_remote_frame == bool(flags[row] & RTR)
        assert message.dlc == frames.dlc[row]
        length = 0 if flags[row] & RTR else frames.dlc[row]
        assert bytes(message.data) == frames.data[row, :length].tobytes()
        assert not message.is_error_frame


def test_long_payloads():
    data = np.arange(128, dtype=np.uint8).reshape(2, 64)
    made = player.Coming(Frames.of([0, 1], 5, data, dlc=[64, 12], flags=FD)).messages
    assert [bytes(message.data) for message in made] == [data[0].tobytes(), data[1, :12].tobytes()]


def test_frames_are_sent_in_the_order_of_time_and_errors_not_at_all():
    frames = some(4, flags=[0, ERR, 0, 0])
    ready = player.sendable(frames[np.array([3, 1, 0, 2])])
    assert ready.equals(frames[np.array([0, 2, 3])])


def test_nothing_to_send():
    assert player.play(Frames.empty(), lambda _: None).frames == 0
    assert player.play(some(3), lambda _: None, rounds=0).frames == 0
    assert player.play(some(1), lambda _: None, rounds=2, clock=Clock()).frames == 2


def test_progress_is_told_now_and_then():
    told = []
    player.play(some(5000), lambda _: None, clock=Clock(), progress=told.append)
    assert told == sorted(told)
    assert 4000 < told[-1] <= 5000


@pytest.mark.parametrize(
    ("text", "wanted", "real"),
    [
        ("virtual:test", Address("virtual", "test"), False),
        ("socketcan:vcan0", Address("socketcan", "vcan0"), True),
        ("slcan:/dev/ttyUSB0@500000", Address("slcan", "/dev/ttyUSB0", 500_000), True),
        ("slcan:socket://host:23@250000", Address("slcan", "socket://host:23", 250_000), True),
        ("udp_multicast:ff15:7079::6173", Address("udp_multicast", "ff15:7079::6173"), False),
        ("slcan:/dev/serial/by-id/a@b", Address("slcan", "/dev/serial/by-id/a@b"), True),
    ],
)
def test_names_of_buses(text, wanted, real):
    assert Address.parse(text) == wanted
    assert Address.parse(text).real == real
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "can0", ":can0", "virtual:", "socketcan", "tin:can0", "socketcan:@500000"]
)
def test_what_is_no_bus(text):
    with pytest.raises(UsageError) as error:
        Address.parse(text)
    assert repr(text) in str(error.value)


def test_a_bus_that_is_not_there_is_one_line():
    with (
        pytest.raises((BoardError, UsageError), match="slcan:/dev/none0@500000") as error,
        player.opened(Address("slcan", "/dev/none0", 500_000)),
    ):
        pass
    assert "\n" not in str(error.value)


def test_an_interface_that_is_not_installed_is_one_line(monkeypatch):
    def missing(**_options):
        raise can.CanInterfaceNotImplementedError(
            "Cannot import module can.interfaces.udp_multicast\nand more"
        )

    monkeypatch.setattr(can, "Bus", missing)
    with pytest.raises(UsageError, match="not installed") as error, player.opened(Address("virtual", "x")):
        pass
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("said", "package"),
    [
        ("msgpack not installed", "msgpack"),
        (
            "Cannot import module can.interfaces.gs_usb for CAN interface 'gs_usb': No module named 'usb'",
            "usb",
        ),
    ],
)
def test_a_missing_package_is_named(monkeypatch, said, package):
    def missing(**_options):
        raise can.CanInterfaceNotImplementedError(said)

    monkeypatch.setattr(can, "Bus", missing)
    with (
        pytest.raises(UsageError, match=f"not installed: it needs the Python package {package} "),
        player.opened(Address("udp_multicast", "239.74.163.2")),
    ):
        pass


def test_datagrams_stay_on_this_computer(monkeypatch):
    asked = {}

    class Bus:
        def shutdown(self):
            asked["closed"] = True

    def opening(**options):
        asked.update(options)
        return Bus()

    monkeypatch.setattr(can, "Bus", opening)
    with player.opened(Address("udp_multicast", "239.74.163.2"), fd=True):
        pass
    assert asked["hop_limit"] == 0
    assert asked["closed"]
    with player.opened(Address("socketcan", "can0"), fd=True):
        pass
    assert asked["fd"] is True
    assert "hop_limit" not in asked or asked["interface"] == "socketcan"


def test_a_full_queue_of_socketcan_is_waited_for():
    waits = []

    class Bus:
        def send(self, _message, timeout=None):
            waits.append(timeout)

    for interface in ("socketcan", "slcan"):
        player.sender(Bus(), Address(interface, "x"))(object())
    assert waits == [player.TRANSMIT_S, None]
