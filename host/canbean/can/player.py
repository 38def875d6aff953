"""Playing frames onto a bus of python-can: on a schedule that does not drift, or as fast as the bus takes them."""

from __future__ import annotations

import gc
import logging
import re
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from operator import length_hint
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

import can
from canbean.can.frames import ERR, FD, RTR, Frames, id_text
from canbean.errors import BoardError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

CHUNK = 1024
"""Frames that are prepared at once: few enough to stay in the processor's cache."""
KEPT = 1 << 16
"""Frames whose lateness is remembered."""
PACED = 64
"""The same on a schedule: what is prepared for them at once must not take longer than the spin."""
SPIN_NS = 200_000
"""At most this much of a wait is spun: what is spun is taken from whoever else wants the processor, and paid for later."""
TRANSMIT_S = 1.0
"""How long a full transmit queue of SocketCAN is waited for."""
LOCAL = {"virtual": {}, "udp_multicast": {"hop_limit": 0}}
"""Interfaces that never leave this computer, and the options that see to it: datagrams with no hop left stay on the host."""

# Backends tell there what they miss; the error that is raised says it in one line.
logging.getLogger("can").addHandler(logging.NullHandler())


class Clock(Protocol):
    """What tells the time; tests bring their own."""

    def now(self) -> int:
        """Nanoseconds, never going back."""

    def sleep(self, seconds: float) -> None:
        """Wait, roughly."""


class WallClock:
    """The computer's monotonic clock."""

    def now(self) -> int:
        """Nanoseconds, never going back."""
        return time.perf_counter_ns()

    def sleep(self, seconds: float) -> None:
        """Wait, roughly."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Address:
    """A bus as it is named: `interface:channel[@bitrate]`."""

    interface: str
    channel: str
    bitrate: int | None = None

    @staticmethod
    def parse(text: str) -> Address:
        """From `virtual:test`, `socketcan:can0`, `slcan:/dev/ttyUSB0@500000`, `udp_multicast:239.74.163.2`.

        Raises:
            UsageError: not of this form, or no interface of python-can.
        """
        interface, colon, channel = text.partition(":")
        found = re.fullmatch(r"([^@].*?)(?:@(\d{1,9}))?", channel)
        if not colon or not interface or found is None:
            raise UsageError(
                f"bus {text!r}: give interface:channel[@bitrate], such as socketcan:can0 or slcan:/dev/ttyUSB0@500000"
            )
        if interface not in can.VALID_INTERFACES:
            raise UsageError(
                f"bus {text!r}: python-can has no interface {interface!r}; "
                "it has virtual, udp_multicast, socketcan, slcan and others"
            )
        return Address(interface, found[1], int(found[2]) if found[2] else None)

    @property
    def real(self) -> bool:
        """Whether what is sent may leave this computer."""
        return self.interface not in LOCAL

    def __str__(self) -> str:
        return f"{self.interface}:{self.channel}" + (f"@{self.bitrate}" if self.bitrate else "")


@contextmanager
def opened(address: Address, *, fd: bool = False, listen_only: bool = False) -> Iterator[can.BusABC]:
    """The bus, closed at the end.

    Args:
        address: which.
        fd: whether CAN FD frames will be sent, or may come.
        listen_only: whether an slcan adapter is told to acknowledge nothing; other interfaces are set up elsewhere.

    Raises:
        UsageError: an interface whose package or driver is not installed, or a channel that it does not take.
        BoardError: a bus that cannot be opened.
    """
    options: dict[str, Any] = dict(LOCAL.get(address.interface, {}))
    if address.bitrate:
        options["bitrate"] = address.bitrate
    if fd and address.interface == "socketcan":
        options["fd"] = True
    if listen_only and address.interface == "slcan":
        options["listen_only"] = True
    try:
        bus = can.Bus(channel=address.channel, interface=address.interface, ignore_config=True, **options)
    except (can.CanInterfaceNotImplementedError, ImportError) as error:
        raise UsageError(f"bus {address}: this interface is not installed: {_missing(error)}") from error
    except (ValueError, TypeError, NotImplementedError) as error:
        raise UsageError(f"bus {address}: {_first(error)}") from error
    except Exception as error:  # drivers and their libraries raise what they like
        raise BoardError(f"bus {address}: cannot be opened: {_first(error)}") from error
    try:
        yield bus
    finally:
        bus.shutdown()


def _first(error: BaseException) -> str:
    """The first line of a library's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _missing(error: BaseException) -> str:
    """What an interface lacks, as its library says it; the Python package by name where one is missing."""
    said = _first(error)
    found = re.search(r"No module named '([^']+)'|^(\S+) not installed", said)
    return f"it needs the Python package {found[1] or found[2]} ({said})" if found else said


def sender(bus: can.BusABC, address: Address) -> Callable[[can.Message], None]:
    """What sends a message on the bus, waiting where its transmit queue is full."""
    if address.interface != "socketcan":
        return bus.send

    def send(message: can.Message) -> None:
        bus.send(message, TRANSMIT_S)

    return send


@dataclass
class Played:
    """What was sent.

    Attributes:
        frames: frames sent, over all rounds.
        rounds: rounds completed.
        stopped: whether it was interrupted.
        row: of the next frame that would have been sent, in the table that was played; 0 when it was not stopped.
        log_s: that frame's time on the log's own clock, in seconds; when it was not stopped, the last frame's.
        seconds: how long it took.
        late_us: int64, of each frame of the last 65,536 how late it was sent, in microseconds; empty at full speed.
    """

    frames: int = 0
    rounds: int = 0
    stopped: bool = False
    row: int = 0
    log_s: float = 0.0
    seconds: float = 0.0
    late_us: NDArray[np.int64] | None = None


def sendable(frames: Frames) -> Frames:
    """The frames in the order of time, without error frames: those cannot be sent."""
    errors = (frames.flags & ERR) != 0
    return (frames[~errors] if errors.any() else frames).in_time_order()


def due_ns(frames: Frames, speed: float) -> tuple[NDArray[np.int64], int]:
    """When each frame is due, in nanoseconds after the first, and how long a round is.

    A round ends one mean gap after its last frame, so that the next begins in rhythm.
    """
    due = np.rint((frames.t_us - frames.t_us[:1]) * (1000.0 / speed)).astype(np.int64)
    last = int(due[-1]) if len(due) else 0
    return due, last + (round(last / (len(due) - 1)) if len(due) > 1 else 0)


class Outgoing(can.Message):
    """A message that is only sent; buses copy what they keep.

    What is the same for all of them stands in the class: so it is made in a third of the time.
    """

    __slots__ = ()
    timestamp = 0.0
    channel = None
    is_rx = is_error_frame = bitrate_switch = error_state_indicator = False

    def __init__(  # noqa: PLR0917 - `map` gives them by position
        self, id_: int, extended: bool, remote: bool, fd: bool, length: int, data: bytearray
    ) -> None:
        self.arbitration_id = id_
        self.is_extended_id = extended
        self.is_remote_frame = remote
        self.is_fd = fd
        self.dlc = length
        self.data = data


class Coming:
    """Frames as python-can messages, each made when it is asked for: one at a time takes the least memory and time."""

    def __init__(self, frames: Frames) -> None:
        plain = not frames.flags.any()
        remote, fd = (repeat(False) if plain else (frames.flags & bit != 0).tolist() for bit in (RTR, FD))
        width, size = frames.data.shape[1], len(frames)
        held = np.where(frames.flags & RTR != 0, 0, frames.dlc)
        raw = frames.data.tobytes()
        starts = np.arange(0, width * size, width)
        parts = map(slice, starts.tolist(), (starts + held).tolist())
        data = map(bytearray, map(raw.__getitem__, parts))
        self._ids = iter(frames.id.tolist())
        self.messages: Iterator[can.Message] = map(
            Outgoing, self._ids, frames.ext.tolist(), remote, fd, frames.dlc.tolist(), data
        )

    def __len__(self) -> int:
        """How many are still to be made."""
        return length_hint(self._ids)


def play(
    frames: Frames,
    send: Callable[[can.Message], None],
    *,
    speed: float | None = 1.0,
    rounds: int | None = 1,
    clock: Clock | None = None,
    progress: Callable[[int], None] | None = None,
) -> Played:
    """Send frames (as of `sendable`) when they are due; an interrupt (ctrl-C) stops it at once and is told.

    Each frame is due at an absolute time after the first one, over all rounds: what one frame is late, the next is not. The
    wait is a sleep that ends as much early as sleeps end late, and a spin to the due time.

    Args:
        frames: what to send.
        send: sends one message.
        speed: times real time; None is as fast as `send` takes them.
        rounds: how often; None is until it is interrupted.
        clock: what tells the time.
        progress: is told the number of frames sent, about ten times a second at most.

    Raises:
        BoardError: the bus refuses a frame.
    """
    ticks = clock or WallClock()
    done = Played(late_us=np.zeros(0, np.int64))
    if not len(frames) or rounds == 0:
        return done
    due, length = due_ns(frames, speed) if speed is not None else (None, 0)
    late: deque[int] = deque(maxlen=KEPT)
    begin = ticks.now()
    told, end, size = begin, 0, CHUNK if due is None else PACED
    coming = Coming(frames[:0])
    wait = Wait(ticks)
    try:
        with _few_collections():
            while rounds is None or done.rounds < rounds:
                start = begin + done.rounds * length
                for at in range(0, len(frames), size):
                    part = frames[at : at + size]
                    coming, end = Coming(part), at + len(part)
                    if due is None:
                        deque(map(send, coming.messages), 0)
                    else:
                        for when in (due[at : at + size] + start).tolist():
                            wait.until(when)
                            send(next(coming.messages))
                            late.append(ticks.now() - when)
                    if progress is not None and ticks.now() - told > 100_000_000:
                        told = ticks.now()
                        progress(done.rounds * len(frames) + end)
                done.rounds += 1
                end = 0
    except KeyboardInterrupt:
        done.stopped = True
    except (can.CanError, OSError, ValueError, NotImplementedError) as error:
        row = end - len(coming) - 1
        id_ = id_text(int(frames.id[row]), bool(frames.ext[row]))
        raise BoardError(
            f"the bus refuses frame {row + 1} of {len(frames)} (id {id_}, {frames.dlc[row]} bytes): {_first(error)}"
        ) from error
    done.row = end - len(coming)
    done.frames = done.rounds * len(frames) + done.row
    done.log_s = int(frames.t_us[min(done.row, len(frames) - 1) if done.stopped else -1]) / 1e6
    done.seconds = (ticks.now() - begin) / 1e9
    done.late_us = np.array(late, np.int64) // 1000
    return done


class Wait:
    """Waits for times of a clock, and learns how late its sleeps end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._early_ns = SPIN_NS // 2

    def until(self, when_ns: int) -> None:
        """Return at that time, or at once when it is past."""
        left = when_ns - self._clock.now()
        while left > self._early_ns:
            self._clock.sleep((left - self._early_ns) / 1e9)
            left = when_ns - self._clock.now()
            # It settles where one sleep of ten ends later than that.
            self._early_ns += 4500 if left < 0 else -500
            self._early_ns = min(max(self._early_ns, 0), SPIN_NS)
        while left > 0:
            left = when_ns - self._clock.now()


@contextmanager
def _few_collections() -> Iterator[None]:
    """Keep the garbage collector from going through everything there is while frames are due."""
    first, second, third = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(first, second, 1 << 30)
    try:
        yield
    finally:
        gc.set_threshold(first, second, third)
        gc.unfreeze()
