"""Replay onto a board: frames as packets, sent go-back-N so that each is handled exactly once and in order.

The board's half is `firmware/drivers/feed.py`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.board import packets
from canbean.board.alerts import Alerts
from canbean.board.awake import awake
from canbean.board.link import NEEDS_KEY, OTHER_KEY
from canbean.board.update import authenticated
from canbean.errors import BoardError, LogError

if TYPE_CHECKING:
    from collections.abc import Callable

    from canbean.board.link import Board, Record
    from canbean.can.frames import Frames

APP = "gateway"
"""The application that takes frames."""

FEED = "feed"
"""The command after which a board with a key takes them."""

CHUNK = 1 << 16
"""Frames encoded at once."""

RESEND_S = 0.3
"""Silence after which everything unanswered is sent again."""

MISSING_S = 0.05
"""After so long everything is sent again when the board still misses a frame that was sent again."""

SILENCE_S = 5.0
"""Silence after which the board counts as gone."""


class Window:
    """Which frames may be sent: go-back-N with cumulative answers and a timer, without any input or output.

    Attributes:
        done: frames that the board has handled.
        sent: frames sent since the last step back; at least `done`.
        furthest: frames sent at least once.
        again: frames sent more than once.
    """

    def __init__(self, size: int, now: float) -> None:
        self.size = size
        self.done = 0
        self.sent = 0
        self.again = 0
        self.furthest = 0
        self._stepped_back_at = -1
        self._heard = now
        self._timer = now

    def next(self, limit: int, now: float) -> tuple[int, int]:
        """The frames start..end-1 to send now, of which none lies at or beyond `limit`.

        Raises:
            TimeoutError: the board has been silent for too long.
        """
        if self.sent > self.done and now - self._timer > RESEND_S:
            if now - self._heard > SILENCE_S:
                raise TimeoutError
            self.sent = self.done
            self._stepped_back_at = -1
        start, end = self.sent, min(self.done + self.size, limit)
        if start >= end:
            return start, start
        if start == self.done:
            self._timer = now
            if self.furthest <= self.done:
                self._heard = now
        self.again += max(0, min(end, self.furthest) - start)
        self.furthest = max(self.furthest, end)
        self.sent = end
        return start, end

    def answer(self, done: int, gap: bool, now: float) -> None:
        """Take the board's answer: `done` frames handled, and whether it misses the next one."""
        self._heard = now
        if not self.done <= done <= self.furthest:
            # said before what we know by now
            return
        if done > self.done:
            self.done = done
            self.sent = max(self.sent, done)
            self._timer = now
        if gap and self._stepped_back_at != done:
            self._stepped_back_at = done
            self.sent = done
        elif gap:
            # said before what was sent again had come, or that is lost too
            self._timer = min(self._timer, now + MISSING_S - RESEND_S)


@dataclass(frozen=True)
class Counts:
    """What a replay came to.

    Attributes:
        frames: frames handled by the board, each once.
        again: frames sent more than once.
        alerts: alerts received, each once and in order.
        missed: alerts that the board raised and that never came whole, however often they were asked for.
        lost: lines of any kind that never came whole; a lost answer does not matter.
        noise: damaged lines.
        errors: error lines of the board.
        seconds: from the first frame sent to the last one answered.
    """

    frames: int
    again: int
    alerts: int
    missed: int
    lost: int
    noise: int
    errors: int
    seconds: float


def feed(
    board: Board,
    frames: Frames,
    on_record: Callable[[Record], None] | None = None,
    *,
    speed: float | None = None,
    progress: Callable[[int], None] | None = None,
    key: bytes | None = None,
    clock: Callable[[], float] = awake,
) -> Counts:
    """Replay frames onto a board, from its reset state.

    Args:
        board: a gateway.
        frames: what to replay, in order.
        on_record: called with every line but the answers, alerts each once and in order; `record.bare` is an alert
            as an alerts file holds it.
        speed: times real time; None for as fast as the board handles them.
        progress: called with the number of frames handled so far.
        key: the board's, where it has one; it then takes frames until its next start.
        clock: seconds, for tests.

    Raises:
        BoardError: the board refuses its model, restarts, falls silent or goes away.
        LogError: a frame that cannot be sent.
    """
    if board.hello.get("golden") != "ok":
        raise BoardError(f"{board.port}: the board refuses its model: {board.refusal}")
    if board.hello.get("app") != APP:
        raise BoardError(f"{board.port}: the board takes no frames: it runs {board.hello.get('app')}")
    if key is not None:
        board.command(authenticated(board, FEED, key))
    return _Replay(board, frames, on_record=on_record, speed=speed, progress=progress, clock=clock).run()


class _Replay:
    """The state of one `feed`."""

    def __init__(
        self,
        board: Board,
        frames: Frames,
        *,
        on_record: Callable[[Record], None] | None,
        speed: float | None,
        progress: Callable[[int], None] | None,
        clock: Callable[[], float],
    ) -> None:
        self.board = board
        self.frames = frames
        self.on_record = on_record
        self.speed = speed
        self.progress = progress
        self.clock = clock
        self.boot = board.lines.boot
        self.session = secrets.randbelow(256)
        self.base_s = self._base_s()
        self.window = Window(int(board.hello["window"]), clock())
        self.started = False
        self.alerts = Alerts(board.lines)
        self.raised = 0
        self.errors = 0
        self.chunks: dict[int, packets.Encoded] = {}

    def run(self) -> Counts:
        noise, lost = self.board.lines.noise, self.board.lines.lost
        self.start()
        n = len(self.frames)
        begin = self.clock()
        self.window = Window(self.window.size, begin)
        while self.window.done < n:
            now = self.clock()
            again = self.window.again
            try:
                start, end = self.window.next(self.due(now - begin), now)
            except TimeoutError:
                raise BoardError(
                    f"{self.board.port}: the board stopped answering after {self.window.done} frames"
                ) from None
            said = self.alerts.packet(now)
            if self.window.again > again and not said:
                # the board may have refused the frames for want of this
                said = self.alerts.acknowledgement()
            if end > start:
                said += self.bytes(start, end)
            if said:
                self.board.write(said)
            self.listen()
        self.wait_for_alerts()
        return Counts(
            frames=self.window.done,
            again=self.window.again,
            alerts=self.alerts.given,
            missed=self.raised - self.alerts.given,
            lost=self.board.lines.lost - lost,
            noise=self.board.lines.noise - noise,
            errors=self.errors,
            seconds=self.clock() - begin,
        )

    def _base_s(self) -> int:
        """Whole seconds before the first frame.

        Raises:
            LogError: the log begins before 1970 or after 2106.
        """
        base_s = int(self.frames.t_us.min()) // 1_000_000 if len(self.frames) else 0
        if not 0 <= base_s < 1 << 32:
            raise LogError(f"the log begins at {base_s} s: a replay takes times of 0..2**32 s")
        return base_s

    def start(self) -> None:
        packet = packets.start(self.session, self.base_s)
        end = self.clock() + SILENCE_S
        ask = self.clock()
        while not self.started:
            now = self.clock()
            if now > end:
                raise BoardError(
                    f"{self.board.port}: the board does not start a replay: is it running the gateway?"
                )
            if now >= ask:
                # zeros first: whatever noise left on the board ends here
                self.board.write(b"\0" + packet)
                ask = now + RESEND_S
            self.listen()

    def due(self, seconds: float) -> int:
        """How many frames may have been sent by now."""
        if self.speed is None or not len(self.frames):
            return len(self.frames)
        until = int(self.frames.t_us[0]) + seconds * self.speed * 1e6
        return int(np.searchsorted(self.frames.t_us, until, side="right"))

    def bytes(self, start: int, end: int) -> bytes:
        """The packets start..end-1, encoded a chunk at a time."""
        parts = []
        while start < end:
            index, offset = divmod(start, CHUNK)
            if index not in self.chunks:
                # the window never reaches back further than one chunk
                self.chunks = {k: v for k, v in self.chunks.items() if k == index - 1}
                self.chunks[index] = packets.encode(
                    self.frames[index * CHUNK : (index + 1) * CHUNK], index * CHUNK, self.base_s
                )
            count = min(end - start, CHUNK - offset)
            parts.append(self.chunks[index].part(offset, offset + count))
            start += count
        return b"".join(parts)

    def wait_for_alerts(self) -> None:
        """Ask for alerts that have not come until all are here, or the board has fallen silent."""
        end = self.clock() + SILENCE_S
        while not self.alerts.whole and self.clock() < end:
            said = self.alerts.packet(self.clock())
            if said:
                self.board.write(said)
            if self.listen():
                end = self.clock() + SILENCE_S
        self.board.write(self.alerts.acknowledgement())

    def listen(self) -> int:
        """Take what the board says; how many lines that were."""
        count = 0
        for record in self.board.read():
            count += 1
            if self.board.lines.boot != self.boot:
                raise BoardError(f"{self.board.port}: the board restarted after {self.window.done} frames")
            values = record.values
            if values["type"] == "ack" and values.get("session") == self.session:
                self.take_ack(record)
            if not self.started:
                if values["type"] == "error" and str(self.board.refusal).startswith((NEEDS_KEY, OTHER_KEY)):
                    raise self.board.refused(FEED)
                # what is kept of an earlier replay is none of ours
                continue
            self.pass_on(self.alerts.take(record))
            if values["type"] == "kept":
                self.pass_on(self.alerts.told(record))
            elif values["type"] == "error":
                self.errors += 1
            if self.on_record is not None and values["type"] not in {"ack", "alert", "kept"}:
                self.on_record(record)
        return count

    def pass_on(self, records: list[Record]) -> None:
        if self.on_record is not None:
            for record in records:
                self.on_record(record)

    def take_ack(self, record: Record) -> None:
        values = record.values
        done = int(values["frames"])
        if not self.started:
            self.started = done == 0
            self.alerts = Alerts(self.board.lines, record.values["seq"], 0)
            return
        if done > self.window.furthest:
            raise BoardError(
                f"{self.board.port}: the board counts {done} frames of the {self.window.furthest} sent: "
                "its firmware is of another version"
            )
        self.raised = int(values["alerts"])
        self.pass_on(self.alerts.told(record))
        self.window.answer(done, bool(values.get("gap")), self.clock())
        if self.progress is not None:
            self.progress(self.window.done)
