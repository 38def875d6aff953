"""A meter followed in the background: what it says goes to every page that is open and to every listener."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from canbean.errors import BoardError, CanbeanError
from canbean.roast.trend import Trend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from canbean.roast.reading import Reading

HISTORY = 600
"""Readings that a page which opens late gets to see."""
WAITING = 200
"""Events that a page may be behind; one that is slower begins anew."""
FRESH_S = 20.0
"""So long somebody waits for a reading that was asked for."""


@dataclass(frozen=True)
class State:
    """Whether the meter is there, and in words."""

    there: bool
    words: str


class Live:
    """Follows a meter in a thread.

    Attributes:
        listeners: each is called with each reading, in the thread that reads: a callable that takes long delays the next
            reading. One that fails is said once, and goes on to be called.
        state: whether the meter is there.
    """

    def __init__(
        self,
        source: Callable[[Live], Iterator[Reading | State]],
        every: float = 1.0,
        say: Callable[[str], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            source: readings and states without end; it waits with `sleep` and `wait`, and asks `anew` before a reading.
            every: seconds between readings.
            say: is told what somebody should know, such as a listener that fails.
            wall: seconds since 1970, for tests.
        """
        self.listeners: list[Callable[[Reading], None]] = []
        self.state = State(there=False, words="waiting for the meter")
        self._source = source
        self._every = every
        self._say = say
        self._wall = wall
        self._trend = Trend()
        self._history: deque[dict[str, Any]] = deque(maxlen=HISTORY)
        self._pages: list[queue.Queue[tuple[str, Any] | None]] = []
        self._change = threading.Condition()
        self._stop = False
        self._wished = self._begun = self._served = 0
        self._served_reading: Reading | None = None
        self._error: CanbeanError | None = None
        self._began = False
        self._failed: set[Callable[[Reading], None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to follow; returns when the meter is there.

        Raises:
            CanbeanError: it is not.
        """
        self._thread.start()
        with self._change:
            self._change.wait_for(lambda: self._began or self._error is not None)
        if self._error is not None and not self._began:
            raise self._error

    def close(self) -> None:
        """End, and let every page go."""
        with self._change:
            self._stop = True
            self._change.notify_all()
            pages = list(self._pages)
        for page in pages:
            _offer(page, None)
        if self._thread.ident is not None:
            self._thread.join(5)

    # for the source

    def sleep(self) -> bool:
        """Wait until the next reading is due, or somebody wants a fresh one; True ends."""
        with self._change:
            self._change.wait_for(lambda: self._stop or self._wished > self._begun, self._every)
            return self._stop

    def wait(self, seconds: float) -> bool:
        """Wait so long; True ends."""
        with self._change:
            return self._change.wait_for(lambda: self._stop, seconds)

    def anew(self) -> bool:
        """Whether somebody waits for a reading that begins now."""
        with self._change:
            self._begun = self._wished
            return self._begun > self._served

    # for pages

    def fresh(self, timeout: float = FRESH_S) -> Reading:
        """A reading that begins after now.

        Raises:
            BoardError: the meter is away, or gives none in time.
        """
        with self._change:
            if not self.state.there:
                raise BoardError(f"the meter is away: {self.state.words}")
            self._wished += 1
            mine = self._wished
            self._change.notify_all()
            self._change.wait_for(lambda: self._served >= mine or self._stop or not self.state.there, timeout)
            if self._served < mine or self._served_reading is None:
                raise BoardError(
                    f"the meter gave no reading: {self.state.words}"
                    if not self.state.there
                    else "the meter gave no reading in time: try again"
                )
            return self._served_reading

    def seen(self) -> list[dict[str, Any]]:
        """The last readings, as `reading` events have them."""
        with self._change:
            return list(self._history)

    def open_page(self) -> queue.Queue[tuple[str, Any] | None]:
        """A queue of (event, data) for a page; None ends it."""
        page: queue.Queue[tuple[str, Any] | None] = queue.Queue(WAITING)
        with self._change:
            if self._stop:
                _offer(page, None)
            self._pages.append(page)
        return page

    def close_page(self, page: queue.Queue[tuple[str, Any] | None]) -> None:
        """The page is gone."""
        with self._change:
            if page in self._pages:
                self._pages.remove(page)

    @property
    def pages(self) -> int:
        """How many pages are open."""
        return len(self._pages)

    def publish(self, event: str, data: Any) -> None:
        """Tell every page; one that does not keep up is let go, and comes back by itself."""
        with self._change:
            for page in list(self._pages):
                try:
                    page.put_nowait((event, data))
                except queue.Full:
                    self._pages.remove(page)
                    _offer(page, None)

    def _run(self) -> None:
        try:
            for event in self._source(self):
                if isinstance(event, State):
                    self._take_state(event)
                else:
                    self._take(event)
        except CanbeanError as error:
            self._error = error
            self._take_state(State(there=False, words=str(error)))

    def _take_state(self, state: State) -> None:
        with self._change:
            self.state = state
            self._began = self._began or state.there
            self._change.notify_all()
        self.publish("state", {"there": state.there, "words": state.words})

    def _take(self, reading: Reading) -> None:
        told = {
            "at": round(self._wall(), 3),
            **reading.as_json(),
            "warnings": reading.warnings,
            "trend": self._trend.add(reading).as_json(),
        }
        with self._change:
            self._history.append(told)
            if self._begun > self._served:
                self._served, self._served_reading = self._begun, reading
            self._change.notify_all()
        self.publish("reading", told)
        for listener in list(self.listeners):
            try:
                listener(reading)
            except Exception as error:  # noqa: BLE001 - a publisher that fails may not stop the meter
                if listener not in self._failed:
                    self._failed.add(listener)
                    self._say(f"a listener failed: {type(error).__name__}: {error}")


def _offer(page: queue.Queue[tuple[str, Any] | None], what: tuple[str, Any] | None) -> None:
    """Put something in even when it is full: it is the last."""
    while True:
        try:
            page.put_nowait(what)
        except queue.Full:
            try:
                page.get_nowait()
            except queue.Empty:
                continue
        else:
            return
