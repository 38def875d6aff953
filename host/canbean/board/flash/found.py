"""What a board says of itself, asked without stopping it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from canbean.board import update
from canbean.board.awake import awake
from canbean.board.link import Board
from canbean.errors import BoardError


@dataclass(frozen=True)
class Found:
    """What is on a board.

    Attributes:
        hello: its hello, by key; empty where no canbean application answers.
        image: digest of the image that was flashed, None where nobody knows.
        firmware: digest of the firmware that was flashed, None where nobody knows.
        model: digest of the model's file with its signature, None where nobody knows.
        slot: which file that is, None where nobody knows.
        reason: what it says is wrong, if anything; why nothing answers, where nothing does.
    """

    hello: dict[str, Any] = field(default_factory=dict)
    image: str | None = None
    firmware: str | None = None
    model: str | None = None
    slot: str | None = None
    reason: str | None = None

    @property
    def wrong(self) -> str | None:
        """The reason where it is about what runs, and not about a model that another one stands in for."""
        left = self.hello.get("golden") == "ok" and update.refused(self.reason or "")[0]
        return None if left else self.reason


ASK_S = 2.0
"""Seconds in which an application says hello; a board that resets when its port is opened is asked again by `wait`."""

DIGESTS_S = 10.0
"""Seconds in which one that has said hello reads its files; one that does not know the question says so at once."""


def ask(port: str, baud: int, seconds: float | None = None) -> Found:
    """Ask what runs on a board; a board where nothing of ours answers is found empty."""
    try:
        with Board(port, timeout=seconds or ASK_S, baud=baud) as board:
            said: dict[str, Any] = {}
            for _ in range(2):
                # an error that came meanwhile is about something else; a firmware from before that command has another one
                with contextlib.suppress(BoardError):
                    said = board.ask("flashed", "flashed", timeout=DIGESTS_S).values
                    break
            known = {name: said.get(name) for name in ("image", "firmware", "model", "slot")}
            return Found(board.hello, **known, reason=board.refusal)
    except BoardError as error:
        return Found(reason=str(error))


def wait(port: str, baud: int, seconds: float) -> Found:
    """Wait until the application of a board that has been reset answers.

    Raises:
        BoardError: it does not in time.
    """
    end = awake() + seconds
    while True:
        # a port that is the board's own USB goes away and comes back
        found = ask(port, baud, 3.0)
        if found.hello:
            return found
        if awake() >= end:
            raise BoardError(
                f"{port}: the firmware is on the board and does not say hello within {seconds:g} s: press the board's reset button "
                "and run the same command again; 'canbean board shell' shows what MicroPython says"
            )
