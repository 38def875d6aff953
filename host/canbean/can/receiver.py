"""Frames from a bus of python-can, read by a thread of its own: what is done with them may take its time."""

from __future__ import annotations

from collections import deque
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

import can
from canbean.errors import BoardError

if TYPE_CHECKING:
    from types import TracebackType

MOST = 1 << 16
"""Frames that may wait: sixteen seconds of a full bus of 500 kbit/s."""
LOOK_S = 0.1
"""How long the thread waits for a frame before it looks whether it should end."""


class Receiver:
    """Reads a bus between `with` and its end.

    Attributes:
        lost: frames that came while there was no room for them.
        damaged: what an adapter sent and was no frame.
    """

    def __init__(self, bus: can.BusABC, most: int = MOST) -> None:
        self.lost = 0
        self.damaged = 0
        self._bus = bus
        self._most = most
        self._waiting: deque[can.Message] = deque()
        self._there = Event()
        self._end = False
        self._error: Exception | None = None
        self._thread = Thread(target=self._read, name="canbean-receiver", daemon=True)

    def messages(self, wait_s: float = 0.2) -> list[can.Message]:
        """All frames that have come, in order; waits for one at most so long.

        Raises:
            BoardError: the bus is gone, and all frames before that have been given.
        """
        self._there.wait(wait_s)
        self._there.clear()
        waiting = self._waiting
        found = [waiting.popleft() for _ in range(len(waiting))]
        if not found and self._error is not None:
            raise BoardError(f"the bus is gone: {self._error}") from self._error
        return found

    def _read(self) -> None:
        while not self._end:
            try:
                message = self._bus.recv(LOOK_S)
            except (ValueError, IndexError):
                # such as half a line of a serial adapter
                self.damaged += 1
                continue
            except (can.CanError, OSError) as error:
                self._error = error
                self._there.set()
                return
            if message is None:
                continue
            if len(self._waiting) < self._most:
                self._waiting.append(message)
                self._there.set()
            else:
                self.lost += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end = True
        self._thread.join()
