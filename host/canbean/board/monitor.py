"""Following a gateway for as long as it takes: through noise, ports that go away and boards that restart.

What was missed meanwhile is asked for: alerts from those that the board keeps, incidents from its store.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from canbean.board.alerts import Alerts
from canbean.board.awake import awake
from canbean.board.feed import APP
from canbean.board.link import NEEDS_KEY, Board, Lines, Record
from canbean.board.update import sealed
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLL_S = 2.0
"""A board is asked so often for alerts that have not come; what is lost at the end of a burst shows only then."""

STATUS_S = 10.0
"""A board is asked so often for its status."""

SILENCE_S = 8.0
"""Silence after which the port is opened anew."""

RETRY_S = 1.0
"""Pause before a port that went away is tried again."""

PLACES = 64
"""Records in a board's store (`firmware/commands/store_file.py`)."""

WAITING_S = 20.0
"""A store with a record that waits for its turn is asked again after so long (`firmware/commands/store.py`: one a minute)."""

CLOCK_S = 30
"""A board's clock that is further off is set again: noise may have changed a digit on its way."""

TIMES = 5
"""So often a board is told the time; one that does not take it may need a key."""


class Notice(NamedTuple):
    """Something to know that no board said."""

    words: str


class Monitor:
    """Follows one gateway.

    Attributes:
        given: alerts given out.
        missed: alerts that a board raised and no longer had when it was asked.
        stored: incidents out of the store given out.
        connections: how often the port was opened.
        noise: damaged lines.
        clock: the wall clock (s since 1970) at time 0 of the board's alerts, None while it is unknown.
    """

    def __init__(
        self,
        port: str,
        since: int | None = None,
        key: bytes | None = None,
        *,
        clock: Callable[[], float] = awake,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            port: device or pyserial URL.
            since: number of the first record of the store to ask for; None leaves out those before now.
            key: the board's, where it has one; without it its clock is not set, and all else is as ever.
            clock: seconds, for tests.
            wall: seconds since 1970, for tests.
            sleep: waits for so many seconds, for tests.
        """
        self.port = port
        self._time = clock
        self._wall = wall
        self._sleep = sleep
        self._lines = Lines()
        self._alerts = Alerts(self._lines)
        self._boot = ""
        self._earlier = (0, 0)
        self._store = _Store(since)
        self._lost: int | None = None
        self._off_s = 0.0
        self._times_told = 0
        self._key = key
        self._locked = False
        self.stored = 0
        self.connections = 0
        self.clock: int | None = None

    @property
    def given(self) -> int:
        """Alerts given out."""
        return self._earlier[0] + self._alerts.given

    @property
    def missed(self) -> int:
        """Alerts that a board raised and no longer had when it was asked."""
        return self._earlier[1] + self._alerts.missed

    @property
    def noise(self) -> int:
        """Damaged lines."""
        return self._lines.noise

    def events(self) -> Iterator[Record | Notice]:
        """What the board says, without end: alerts each once and in order, incidents, its status, errors; and notices.

        Raises:
            BoardError: the first time, no gateway answers at this port.
        """
        said = ""
        while True:
            try:
                with Board(self.port, clock=self._time, lines=self._lines) as board:
                    yield from self._begin(board)
                    said = ""
                    yield from self._follow(board)
            except BoardError as error:
                if not self.connections:
                    raise
                if str(error) != said:
                    # once for each reason, not with every try
                    said = str(error)
                    yield Notice(f"{said}; trying again")
            self._sleep(RETRY_S)

    def _begin(self, board: Board) -> Iterator[Record | Notice]:
        if board.hello.get("app") != APP:
            raise BoardError(f"{self.port}: is no gateway: it runs {board.hello.get('app')}")
        if board.hello.get("golden") != "ok":
            raise BoardError(f"{self.port}: the board refuses its model: {board.refusal}")
        self.connections += 1
        if self.connections > 1:
            yield Notice(f"{self.port}: the board is there again")
        for record in board.early:
            yield from self._take(record)
        self._times_told = 0
        self._tell_time(board)

    def _tell_time(self, board: Board) -> None:
        """Answered by a status; where there is a key, by a challenge first."""
        self._times_told += 1
        board.command(f"time {int(self._wall())}" if self._key is None else "challenge")

    def _follow(self, board: Board) -> Iterator[Record | Notice]:
        heard = self._time()
        ask_alerts = heard
        # the time has just been told, which is answered by one
        ask_status = heard + STATUS_S
        self._store.begin()
        while True:
            for record in board.read():
                heard = self._time()
                if record.values["type"] == "challenge" and self._key is not None:
                    board.command(sealed(f"time {int(self._wall())}", self._key, record.values["nonce"]))
                elif record.values["type"] == "error" and board.refusal == NEEDS_KEY:
                    ask_status = heard
                    yield from self._locked_out()
                else:
                    yield from self._take(record)
            now = self._time()
            if now - heard > SILENCE_S:
                raise BoardError(f"{self.port}: the board stopped answering")
            if now >= ask_alerts:
                ask_alerts = now + POLL_S
                # zeros first: whatever noise left on the board ends here
                board.write(b"\0" + self._alerts.question(now))
            elif packet := self._alerts.packet(now):
                board.write(packet)
            if now >= ask_status:
                ask_status = now + STATUS_S
                if self._times_told < TIMES and (self.clock is None or self._off_s > CLOCK_S):
                    self._tell_time(board)
                else:
                    board.command("status")
            if command := self._store.command(now):
                board.command(command)

    def _locked_out(self) -> Iterator[Notice]:
        """The board has a key, and nobody gave it."""
        self._times_told = TIMES
        if not self._locked:
            self._locked = True
            yield Notice(f"{self.port}: this board has a key: its clock is not set; give it with --key FILE")

    def _take(self, record: Record) -> Iterator[Record | Notice]:
        values = record.values
        if values["boot"] != self._boot:
            yield from self._new_boot(values["boot"])
        missed = self._alerts.missed
        yield from self._alerts.take(record)
        kind = values["type"]
        if kind == "kept":
            yield from self._alerts.told(record)
            if self._lost is None and values["lost"]:
                yield Notice(
                    f"{values['lost']} alerts had given way to later ones before anybody acknowledged them"
                )
            self._lost = values["lost"]
        elif kind == "stored":
            self._store.take(record)
        elif kind == "store":
            for one in self._store.end(values):
                self.stored += 1
                yield one
            if values["damaged"]:
                yield Notice(f"{values['damaged']} records of the store are damaged")
        elif kind not in {"alert", "ack"}:
            if kind == "status":
                self._status(values)
            elif kind == "incident" and values["state"] == "closed":
                self._store.seen.add((values["boot"], values["number"]))
            yield record
        if self._alerts.missed > missed:
            yield Notice(f"{self._alerts.missed - missed} alerts are lost: the board no longer has them")

    def _status(self, values: dict[str, Any]) -> None:
        self.clock = values.get("clock")
        if self.clock is not None:
            self._off_s = abs(self.clock + values["uptime_s"] - self._wall())

    def _new_boot(self, boot: str) -> Iterator[Record | Notice]:
        yield from self._alerts.rest()
        if self._boot:
            yield Notice(
                f"{self.port}: the board has restarted: what had not come is lost, but for incidents in its store"
            )
        self._boot = boot
        self._earlier = (self.given, self.missed)
        self._alerts = Alerts(self._lines)
        self._lost = self.clock = None


class _Store:
    """Asks for the records of a board's store that have not been given out."""

    def __init__(self, since: int | None) -> None:
        self.next = since
        self.seen: set[tuple[str, int]] = set()
        """Boot and number of incidents that were heard live."""
        self._records: dict[int, Record] = {}
        self._pause: float | None = None
        """From one question to the next; None: nothing to ask."""
        self._asked_at = -math.inf

    def begin(self) -> None:
        self._pause = 0.0

    def command(self, now: float) -> str:
        """What to ask the board, `""` while it need not be asked."""
        if self._pause is None or now - self._asked_at < self._pause:
            return ""
        self._asked_at = now
        # until there is an answer
        self._pause = SILENCE_S / 2
        return f"incidents {BEYOND if self.next is None else self.next}"

    def take(self, record: Record) -> None:
        self._records[record.values["record"]] = record

    def end(self, values: dict[str, Any]) -> list[Record]:
        """The records that may be given out when the board has ended an answer."""
        following, last = values["next"], values["last"]
        if self.next is None:
            self.next = following
        # a store that was erased begins anew
        start = min(max(self.next, last - PLACES + 1, 1), last + 1)
        found = sorted(number for number in self._records if start <= number < following)
        self._pause = 0.0
        if len(found) + values["damaged"] < following - start:
            # some were damaged on the way
            return []
        records = [self._records[number] for number in found]
        self._records.clear()
        self.next = following
        if following > last:
            self._pause = WAITING_S if values["waiting"] else None
        return [one for one in records if (one.values["of"], one.values["number"]) not in self.seen]


BEYOND = (1 << 32) - 1
"""No store has a record of that number: the answer tells the last one."""
