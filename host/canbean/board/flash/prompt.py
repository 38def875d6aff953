"""MicroPython's prompt on a board, whatever runs there: an application has the line and listens to ctrl-C only while it starts."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from canbean.board import update
from canbean.board.flash.repl import Repl
from canbean.board.link import Board
from canbean.errors import BoardError, RefusedError

if TYPE_CHECKING:
    from canbean.board.flash.found import Found

RESTARTS = 3
"""A start is over in half a second: this computer may have missed it."""


def prompt(port: str, baud: int, found: Found, key: bytes | None, patience: float = 3.0) -> Repl:
    """Stop what runs and enter the raw REPL: an application is told to start anew and interrupted then, else the port's lines reset it.

    Args:
        port: device or pyserial URL.
        baud: bits per second.
        found: what runs there.
        key: the board's, where it has one.
        patience: seconds for each attempt.

    Raises:
        RefusedError: it has a key, which was not given, and its port has no reset lines.
        BoardError: there is no MicroPython.
    """
    restarts = 0
    while found.hello and restarts < RESTARTS and _restarted(port, baud, key):
        restarts += 1
        with suppress(BoardError):
            return Repl(port, baud, reset=False, patience=patience)
    try:
        return Repl(port, baud, patience=patience)
    except BoardError as error:
        if found.hello and not restarts:
            raise RefusedError(
                f"{port}: this board has a key, and its port cannot reset it; the board is as it was: give the key with --key FILE"
            ) from None
        raise BoardError(
            f"{error}; the board is as it was: press its reset button and run the same command again, or write its image again "
            "with --image"
        ) from None


def _restarted(port: str, baud: int, key: bytes | None) -> bool:
    """Whether the application could be told to start anew."""
    try:
        with Board(port, baud=baud) as board:
            nonce = board.ask("challenge", "challenge").values["nonce"]
            if nonce is not None and key is None:
                return False
            board.command("restart" if nonce is None else update.sealed("restart", key or b"", nonce))
    except BoardError:
        # what it runs now is not what it ran
        return False
    return True
