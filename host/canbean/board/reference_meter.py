"""A professional meter on its own serial line: the value that its display shows.

Two kinds speak on a cable: those that send a line with the number when their button is pressed, and those with the Tonino
protocol (myTonino/Tonino-Firmware, Tonino-Serial.md), which are asked. DiFluid's are BLE only and left out: type
their value.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Self

from canbean.board.awake import awake
from canbean.board.port import gone, opened
from canbean.errors import BoardError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS = {"plain": 9600, "tonino": 115200}
"""How the meter speaks, and the bits per second it usually does; the Tiny Tonino has 57600."""
WAIT_S = 60.0
"""So long somebody may take to press the button of a plain meter."""
ANSWER_S = 2.0
"""A Tonino answers a scan in so many seconds; so long it also boots after its port is opened."""
LONGEST = 256
_NUMBER = re.compile(r"(?<![\w.,+-])[+-]?\d+(?:[.,]\d+)?(?![\w.,]*\d)")


def plain_value(line: str) -> float:
    """The number of a line such as `78`, `78,5` or `Agtron 78.5`.

    Raises:
        BoardError: there is no number in it, or more than one.
    """
    found = _NUMBER.findall(line)
    if len(found) != 1:
        what = "no number" if not found else f"{len(found)} numbers"
        raise BoardError(
            f"the professional meter sent {line[:60]!r}: {what} where one is expected: type the value"
        )
    return float(found[0].replace(",", "."))


def tonino_value(line: str) -> float:
    """The value of `SCAN:87`.

    Raises:
        BoardError: it is no such line.
    """
    name, colon, value = line.strip().partition(":")
    if name.strip() != "SCAN" or not colon or not re.fullmatch(r"\s*-?\d{1,4}\s*", value):
        raise BoardError(
            f"the professional meter answered {line[:60]!r}, not SCAN and a number: type the value"
        )
    return float(value)


class ReferenceMeter:
    """A professional meter whose port is open."""

    def __init__(
        self,
        port: str,
        form: str = "plain",
        baud: int | None = None,
        *,
        clock: Callable[[], float] = awake,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open its port; a Tonino is greeted.

        Args:
            port: device or pyserial URL.
            form: `plain` or `tonino`.
            baud: bits per second; None takes those that the format usually has.
            clock: seconds, for tests.
            sleep: waits for so many seconds, for tests.

        Raises:
            UsageError: no such format.
            BoardError: the port cannot be opened.
        """
        if form not in FORMATS:
            raise UsageError(f"--reference-format {form}: give {' or '.join(FORMATS)}")
        self.port = port
        self.form = form
        self._clock = clock
        self._rest = b""
        try:
            self._serial = opened(port, baud or FORMATS[form])
        except BoardError as error:
            raise BoardError(f"professional meter: {error}") from None
        if form == "tonino":
            try:
                # opening the port may reset it
                sleep(ANSWER_S)
                self._send(b"\nTONINO\n")
                self._line(ANSWER_S)
            except BaseException:
                self.close()
                raise

    def forget(self) -> None:
        """What was sent so far is of an earlier cup."""
        self._rest = b""
        try:
            self._serial.reset_input_buffer()
        except OSError as error:
            raise gone(self.port, error, "the professional meter") from None

    def value(self, wait: float | None = None) -> float:
        """The value: of a plain meter the next that it sends, of a Tonino that of a scan.

        Raises:
            BoardError: it sends nothing in time, something else, or its port is gone.
        """
        if self.form == "tonino":
            self.forget()
            self._send(b"\nSCAN\n")
            return tonino_value(self._line(wait or ANSWER_S))
        return plain_value(self._line(wait or WAIT_S))

    def _send(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except OSError as error:
            raise gone(self.port, error, "the professional meter") from None

    def _line(self, wait: float) -> str:
        """The next line that is not empty."""
        end = self._clock() + wait
        while self._clock() < end:
            *lines, self._rest = re.split(rb"[\r\n]+", self._rest + self._receive())
            self._rest = self._rest[-LONGEST:]
            for k, line in enumerate(lines):
                if line.strip():
                    self._rest = b"\n".join([*lines[k + 1 :], self._rest])
                    return line[:LONGEST].decode("ascii", "replace").strip()
        raise BoardError(f"{self.port}: the professional meter sent nothing for {wait:g} s: type the value")

    def _receive(self) -> bytes:
        try:
            data: bytes = self._serial.read(self._serial.in_waiting or 1)
        except OSError as error:
            raise gone(self.port, error, "the professional meter") from None
        return data

    def close(self) -> None:
        """Give the port free."""
        self._serial.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
