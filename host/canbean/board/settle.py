"""What a board's own clock makes of a clean bus: the host's half of `firmware/commands/settle.py`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from canbean.board.awake import awake
from canbean.board.feed import feed
from canbean.board.update import authenticated
from canbean.can.frames import parse_key
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Callable

    from canbean.board.link import Board
    from canbean.can.frames import Frames

COMMAND = "settle"
GRACE_S = 20.0
"""A bus that is so much later than the time asked for is silent."""


class Times(NamedTuple):
    """Of one id, microseconds or None: the shortest gap, the shortest two gaps together, the longest silence."""

    gap: int | None
    span: int | None
    silence: int | None


@dataclass
class Listened:
    """What a board has seen.

    Attributes:
        seconds, frames: how long, by the frames' times, and how many.
        unknown: frames of ids that its model does not have.
        stranger: one of these ids as text, or None.
        lost: frames that its driver and its ring dropped meanwhile.
        alerts: alerts that it raised, by kind; `""` for those whose lines were lost.
        times: by key (`id | ext << 29`).
        done: whether the board has said all of it.
    """

    seconds: int = 0
    frames: int = 0
    unknown: int = 0
    stranger: str | None = None
    lost: int = 0
    alerts: Counter[str] = field(default_factory=Counter)
    times: dict[int, Times] = field(default_factory=dict)
    done: bool = False

    def take(self, said: dict[str, Any], port: str) -> None:
        """Take a line of the board at a port.

        Raises:
            BoardError: it is an error.
        """
        kind = said["type"]
        if kind == "error":
            raise BoardError(f"{port}: the board says while it settles: {said.get('reason')}")
        if kind == "alert" and not self.done:
            self.alerts[str(said["kind"])] += 1
        elif kind == "settled":
            self.times[parse_key(said["id"])] = Times(said["gap"], said["span"], said["silence"])
        elif kind == COMMAND and said["done"]:
            for name in ("seconds", "frames", "unknown", "stranger", "lost"):
                setattr(self, name, said[name])
            missed = said["alerts"] - self.alerts.total()
            if missed > 0:
                self.alerts[""] = missed
            self.done = True


def listen(
    board: Board,
    seconds: int,
    frames: Frames | None = None,
    key: bytes | None = None,
    clock: Callable[[], float] = awake,
) -> Listened:
    """Let a gateway listen to the clean bus for some seconds.

    Args:
        board: a gateway.
        seconds: how long, by the frames' own times.
        frames: replayed onto the board as fast as it takes them, for one without a bus; None listens to its bus.
        key: the board's, where it has one.
        clock: seconds, for tests.

    Raises:
        BoardError: it has no model, runs something else, says an error, sees no frame, or its lines are lost.
        LogError: a frame that cannot be replayed.
    """
    if board.hello.get("app") != "gateway" or board.hello.get("golden") != "ok":
        raise BoardError(
            f"{board.port}: has no gateway with a model: {board.refusal or board.hello.get('app')}"
        )
    heard, lost = Listened(), board.lines.lost
    board.ask(authenticated(board, f"{COMMAND} {seconds}", key), COMMAND)
    try:
        if frames is not None:
            feed(board, frames, lambda record: heard.take(record.values, board.port), key=key)
        else:
            _wait(board, heard, clock() + seconds + GRACE_S, clock)
    finally:
        # A silent bus, a log that is shorter, an error: the board goes on watching as before.
        if not heard.done:
            board.command(authenticated(board, f"{COMMAND} 0", key))
    _wait(board, heard, clock() + GRACE_S, clock)
    if not heard.done:
        raise BoardError(f"{board.port}: the board stopped answering while it settled")
    if not heard.frames:
        raise BoardError(
            f"{board.port}: no frame came in {seconds} s: is the bus on, and is its bit rate right?"
        )
    if board.lines.lost > lost:
        raise BoardError(
            f"{board.port}: {board.lines.lost - lost} lines of the board were lost: settle it again"
        )
    return heard


def _wait(board: Board, heard: Listened, end: float, clock: Callable[[], float]) -> None:
    """Take what the board says, until it has settled or time is up."""
    while not heard.done and clock() < end:
        for record in board.read():
            heard.take(record.values, board.port)
