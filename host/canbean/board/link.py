"""The serial link to a board: lines checked and numbered on the way in, commands on the way out."""

from __future__ import annotations

import json
import re
import zlib
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import serial

from canbean.board.awake import awake
from canbean.board.port import BAUD, gone, opened
from canbean.errors import BoardError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST = 4096
"""A longer line is noise."""

ASK_AGAIN_S = 0.5
"""A board that was reset by opening its port may miss the first question."""

NEEDS_KEY = "needs the key: auth"
"""What a board that has a key says to whoever does not show that he has it."""
OTHER_KEY = "the MAC does not fit"
"""How it begins where another one was shown."""

GAPS = 10_000
"""Gaps in the numbers that are remembered; a line of an older one no longer counts as new."""

LINE = re.compile(
    rb'(\{"type":"([a-z-]+)","boot":"([0-9a-f]{8})","seq":(\d{1,15})(?:,(.*))?),"crc":"([0-9a-f]{8})"\}'
)


class Record(NamedTuple):
    """One line of a board.

    Attributes:
        values: what the line says, by key.
        raw: the line's bytes, without the newline.
    """

    values: dict[str, Any]
    raw: bytes

    @property
    def bare(self) -> bytes:
        """The line without `boot`, `seq` and `crc`, its other bytes untouched: how it stands in an alerts file."""
        match = LINE.fullmatch(self.raw)
        assert match is not None
        body = b"," + match[5] if match[5] else b""
        return b'{"type":"' + match[2] + b'"' + body + b"}"


class Lines:
    """Cuts a byte stream into records; what is not a whole line with the right CRC is counted as noise.

    Each line is given out once, also one that the board sends again under its old number.

    Attributes:
        noise: lines that were damaged or not a board's.
        twice: lines that had come before.
        lost: lines that the board numbered and that have not come whole so far.
        boot: boot id of the last line, `""` before the first.
    """

    def __init__(self) -> None:
        self.noise = 0
        self.twice = 0
        self.lost = 0
        self.boot = ""
        self._first = 0
        self._next = 0
        # numbers of lines that have not come: from `_gaps[i]` to before `_ends[i]`, ascending
        self._gaps: list[int] = []
        self._ends: list[int] = []
        self._rest = b""

    def missing(self, line: int) -> int:
        """The first number from `line` on whose line has not come."""
        at = bisect_right(self._ends, line)
        return max(self._gaps[at], line) if at < len(self._gaps) else max(self._next, line)

    def take(self, data: bytes) -> Iterator[Record]:
        """The records that end in `data`; the bytes after the last newline wait for more."""
        *lines, rest = (self._rest + data).split(b"\n")
        if len(rest) > LONGEST:
            self.noise += 1
            # its other half will be noise too
            rest = b""
        self._rest = rest
        for line in lines:
            record = self._record(line.rstrip(b"\r"))
            if record is not None:
                yield record

    def _record(self, line: bytes) -> Record | None:
        if not line:
            return None
        match = LINE.fullmatch(line) if len(line) <= LONGEST else None
        if match is None or zlib.crc32(match[1]) != int(match[6], 16):
            self.noise += 1
            return None
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            self.noise += 1
            return None
        boot, seq = match[3].decode(), int(match[4])
        if boot != self.boot:
            self.boot = boot
            self._gaps, self._ends = [], []
            # what came before us counts as lost to nobody
            self._first, self._next = seq, 0
            self.lost -= seq
        if seq < self._next and not self._fill(seq):
            self.twice += 1
            return None
        if seq > self._next:
            self.lost += seq - self._next
            self._gaps.append(self._next)
            self._ends.append(seq)
            if len(self._gaps) > GAPS:
                del self._gaps[0], self._ends[0]
        self._next = max(self._next, seq + 1)
        return Record(values, line)

    def _fill(self, seq: int) -> bool:
        """Take a number out of the gaps; False when its line has come before."""
        at = bisect_right(self._ends, seq)
        if at == len(self._gaps) or seq < self._gaps[at]:
            return False
        parts = [(self._gaps[at], seq), (seq + 1, self._ends[at])]
        left = [part for part in parts if part[0] < part[1]]
        self._gaps[at : at + 1] = [start for start, _ in left]
        self._ends[at : at + 1] = [end for _, end in left]
        self.lost -= seq >= self._first
        return True


class Board:
    """A board on a serial port that has said hello.

    Attributes:
        port: name of the port or pyserial URL.
        hello: the board's last `hello`, by key.
        refusal: the last `error` reason, None when there was none.
        lines: the stream's counters `noise` and `lost`.
        early: what came up to the hello.
    """

    def __init__(
        self,
        port: str,
        timeout: float = 5.0,
        baud: int = BAUD,
        clock: Callable[[], float] = awake,
        lines: Lines | None = None,
    ) -> None:
        """Open the port and wait for the board's hello.

        Args:
            port: device or pyserial URL, such as `/dev/ttyUSB0`, `COM3`, `socket://host:port`; with `@9600` at its end where
                its line has another speed.
            timeout: seconds to wait for the board to answer.
            baud: bits per second, where the port does not say it.
            clock: seconds, for tests.
            lines: those of an earlier talk with the same board, to go on with.

        Raises:
            BoardError: no such port, it is busy, or nothing on it answers as a canbean board.
        """
        self.port = port
        self.lines = lines or Lines()
        self.early: list[Record] = []
        self.hello: dict[str, Any] = {}
        self.refusal: str | None = None
        self._serial = opened(port, baud)
        try:
            self._greet(timeout, clock)
        except BaseException:
            self.close()
            raise
        if lines is None:
            # what came before the hello is boot chatter, or the rest of an earlier talk
            self.lines.noise = self.lines.lost = 0

    def _greet(self, timeout: float, clock: Callable[[], float]) -> None:
        end = clock() + timeout
        ask = clock()
        # a board that refuses its model says why in an error line before its hello
        while not self.hello or (self.hello.get("golden") != "ok" and self.refusal is None):
            now = clock()
            if now >= end:
                raise BoardError(
                    f"{self.port}: no canbean board answered within {timeout:g} s: is the firmware "
                    "on it, and no other program on the port? Where its `baud` was set, give it: PORT@9600"
                )
            if now >= ask:
                self.command("hello")
                ask = now + ASK_AGAIN_S
            self.early += self.read()

    @property
    def baud(self) -> int:
        """Bits per second of the line."""
        return int(self._serial.baudrate)

    @baud.setter
    def baud(self, rate: int) -> None:
        # what was sent leaves first
        self._serial.flush()
        self._serial.baudrate = rate

    def read(self) -> Iterator[Record]:
        """The records that are there now; waits for a moment (20 ms) when there is nothing.

        Raises:
            BoardError: the port is gone.
        """
        for record in self.lines.take(self._receive()):
            kind = record.values["type"]
            if kind == "hello":
                self.hello = record.values
            elif kind == "error":
                self.refusal = str(record.values.get("reason"))
            yield record

    def records(self, silence: float = 60.0) -> Iterator[Record]:
        """Every record as it comes.

        Args:
            silence: seconds without a whole line after which no more is waited for.

        Raises:
            BoardError: the board has been silent for so long, or the port is gone.
        """
        end = awake() + silence
        while awake() < end:
            for record in self.read():
                yield record
                # what is done with a record may take its time
                end = awake() + silence
        raise BoardError(
            f"{self.port}: the board has said nothing for {silence:g} s: is it still plugged in?"
        )

    def ask(self, text: str, kind: str, timeout: float = 5.0) -> Record:
        """Send a command and wait for the first line of type `kind`.

        Raises:
            BoardError: the board says an error instead, does not answer in time, or the port is gone.
        """
        self.command(text)
        return self.hear(text.partition(" ")[0], kind, timeout)

    def hear(self, name: str, kind: str, timeout: float = 5.0) -> Record:
        """Wait for the first line of type `kind`, the answer to the command `name`.

        Raises:
            BoardError: as `ask`.
        """
        end = awake() + timeout
        while awake() < end:
            for record in self.read():
                if record.values["type"] == kind:
                    return record
                if record.values["type"] == "error":
                    raise self.refused(name)
        raise BoardError(f"{self.port}: no answer to {name!r} within {timeout:g} s")

    def refused(self, what: str) -> RefusedError:
        """What to raise for the last `error`, which answers a command: a board that asks for its key is named as such."""
        if self.refusal == NEEDS_KEY:
            return RefusedError(f"{self.port}: this board has a key: give it with --key FILE")
        if str(self.refusal).startswith(OTHER_KEY):
            return RefusedError(f"{self.port}: this board has another key: {self.refusal}")
        return RefusedError(f"{self.port}: the board answers {what!r} with: {self.refusal}")

    def command(self, text: str) -> None:
        """Send a text command. A zero before it ends whatever half packet noise may have left on the board.

        Raises:
            BoardError: the port is gone or does not take bytes.
        """
        self.write(b"\0" + text.encode("ascii") + b"\n")

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            BoardError: the port is gone or does not take bytes.
        """
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException:
            raise BoardError(
                f"{self.port}: the board does not take bytes: unplug it and plug it in again"
            ) from None
        except OSError as error:
            raise gone(self.port, error) from None

    def _receive(self) -> bytes:
        try:
            data: bytes = self._serial.read(self._serial.in_waiting or 1)
        except OSError as error:
            raise gone(self.port, error) from None
        return data

    def close(self) -> None:
        """Give the port free."""
        self._serial.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
