"""A roast meter on a serial port: asked for readings, one by one or as long as it takes.

`follow` goes on through ports that go away and boards that restart; it says when the meter left and when it is back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from canbean.board import settings
from canbean.board.awake import awake
from canbean.board.link import Board, Record
from canbean.errors import BoardError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

APP = "roastmeter"
READ_S = 12.0
"""A reading that waits for a cup to settle takes at most 5 s; a board that says nothing for longer is gone."""
FRESH_S = 4.0
"""A meter that reads all the time has begun and ended a reading in so many seconds."""
POLL_S = 0.2
UNSETTLED = "not settled"
"""The quality of a reading before there is one."""
RETRY_S = 1.0
"""Pause before a port that went away is tried again."""


class Link(NamedTuple):
    """The meter came or went: `there`, and in words; `hello` is what it said of itself, by key."""

    there: bool
    words: str
    hello: dict[str, Any]


def open_meter(port: str, timeout: float = 5.0, wall: Callable[[], float] = time.time) -> Board:
    """Open a port that a roast meter is on, and tell it the time: it then knows, and shows, how old its calibration is.

    A board that has a key takes the time from nobody else: there `hello` gets the calibration's words as `calibration`, for
    this end to tell.

    Args:
        port: device or pyserial URL.
        timeout: seconds to wait for it to answer.
        wall: seconds since 1970, for tests.

    Raises:
        BoardError: no board answers, it is another one, or it refuses its model.
    """
    board = Board(port, timeout)
    wrong = ""
    if board.hello.get("app") != APP:
        wrong = f"runs {board.hello.get('app')!r}, not the roast meter"
    elif board.hello.get("golden") not in {"ok", None}:
        wrong = f"the meter refuses its model: {board.refusal}"
    if wrong:
        board.close()
        raise BoardError(f"{port}: {wrong}")
    try:
        _date(board, int(wall()))
    except BaseException:
        board.close()
        raise
    return board


def _date(board: Board, now: int) -> None:
    try:
        board.ask(f"time {now}", "status")
    except RefusedError:
        board.refusal = None
        board.hello["calibration"] = dict(settings.read(board).lines).get("calibration")


def read(board: Board) -> Record:
    """One `reading` line.

    Raises:
        BoardError: the meter says an error instead, does not answer in time, or the port is gone.
    """
    return board.ask("read", "reading", READ_S)


def read_any(
    board: Board,
    clock: Callable[[], float] = awake,
    sleep: Callable[[float], None] = time.sleep,
) -> Record:
    """What the meter read last, once it has read anything since it started.

    Raises:
        BoardError: as `read`.
    """
    record, end = read(board), clock() + READ_S
    while record.values.get("counts") is None and record.values.get("quality") == UNSETTLED and clock() < end:
        sleep(POLL_S)
        record = read(board)
    return record


def fresh(
    board: Board,
    clock: Callable[[], float] = awake,
    sleep: Callable[[float], None] = time.sleep,
) -> Record:
    """A reading that began after now: the meter reads all the time, and tells what it read last.

    Counts of two readings never agree by chance: the second change is of a reading that began after the first. A sensor
    without noise, as the virtual board's, is believed after a while.

    Raises:
        BoardError: as `read`.
    """
    record = read(board)
    counts, changes, end = record.values.get("counts"), 0, clock() + FRESH_S
    while counts is not None and changes < 2 and clock() < end:
        sleep(POLL_S)
        record = read(board)
        changes += record.values.get("counts") != counts
        counts = record.values.get("counts")
    return record


def sensed(
    board: Board,
    counts: Sequence[int],
    celsius16: int | None,
    clock: Callable[[], float] = awake,
    sleep: Callable[[float], None] = time.sleep,
) -> Record:
    """What a board without a sensor, as the virtual one, reads when its sensor would count this.

    Args:
        board: it.
        counts: of each light channel.
        celsius16: of the die in 1/16 degrees Celsius, None where there is no thermometer.
        clock: seconds, for tests.
        sleep: waits for so many seconds, for tests.

    Raises:
        BoardError: as `read`; or the board reads something else: it has a sensor.
    """
    board.command("sense " + " ".join(map(str, counts if celsius16 is None else [*counts, celsius16])))
    end = clock() + READ_S
    while (record := read(board)).values.get("counts") != list(counts):
        if clock() > end:
            raise BoardError(f"{board.port}: does not read what it is told to sense: is it a virtual board?")
        sleep(POLL_S)
    return record


def follow(
    port: str,
    sleep: Callable[[], bool],
    *,
    retry: Callable[[float], bool] | None = None,
    anew: Callable[[], bool] = lambda: False,
) -> Iterator[Record | Link]:
    """Readings of a meter, without end; each time it comes or goes a `Link`.

    Args:
        port: device or pyserial URL.
        sleep: waits until the next reading is wanted; True ends.
        retry: waits before a port is tried again, for so many seconds; True ends.
        anew: whether the next reading has to be a `fresh` one; asked before each.

    Raises:
        BoardError: the first time, no roast meter answers at this port, or it says no.
    """
    wait = retry or _wait
    hello: dict[str, Any] = {}
    said, heard = "", False
    while True:
        try:
            with open_meter(port) as board:
                words = f"{port}: the meter is there{' again' if hello else ''}"
                hello, said = board.hello, ""
                yield Link(there=True, words=words, hello=hello)
                while True:
                    record = fresh(board) if anew() else read(board)
                    heard = True
                    yield record
                    if sleep():
                        return
        except BoardError as error:
            if not heard:
                raise
            if str(error) != said:
                # once for each reason, not with every try
                said = str(error)
                yield Link(there=False, words=said, hello={})
        if wait(RETRY_S):
            return


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return False
