"""MicroPython's raw REPL on a board, by mpremote's transport."""

from __future__ import annotations

import ast
import contextlib
import re
import struct
import time
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from canbean.board.awake import awake
from canbean.board.flash.careful import Careful
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROMPT = b">>>"
ENTER = 3
"""Attempts at a raw REPL once a prompt has answered."""
PIECE = 1024
"""Bytes of a file in one command: an ESP8266 has room for them and their base64."""
ARCHITECTURES = (
    None,
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)
"""Of native code, by the number that `sys.implementation._mpy` has from bit 10 on."""
ASK = """import sys
i = sys.implementation
print(repr((getattr(i, "_mpy", getattr(i, "mpy", 0)), list(i.version[:3]), sys.platform, getattr(i, "_machine", ""))))
"""
FULL = re.compile(r"OSError: (?:\[Errno )?28\b|ENOSPC")


class FullError(BoardError):
    """The board's file system is full."""


@dataclass(frozen=True)
class MicroPython:
    """What runs on a board.

    Attributes:
        version: `1.29.0`.
        mpy: the `.mpy` version that it reads.
        architecture: mpy-cross's name of the processor whose native code it takes, None where it takes none.
        platform: `esp8266`, `esp32`, `rp2`, `linux`.
        machine: in its own words.
    """

    version: str
    mpy: int
    architecture: str | None
    platform: str
    machine: str


class Repl:
    """A raw REPL, fresh: nothing of what ran before is in the heap."""

    def __init__(self, port: str, baud: int = 115200, *, reset: bool = True, patience: float = 3.0) -> None:
        """Stop what runs on a board and enter its raw REPL.

        Args:
            port: device or pyserial URL.
            baud: bits per second.
            reset: whether the port's lines may reset a board whose program does not listen to ctrl-C.
            patience: seconds for each attempt.

        Raises:
            BoardError: the port cannot be opened, or there is no REPL on it.
        """
        self.port = port
        self._careful: Careful | None = None
        try:
            self._transport = SerialTransport(port, baudrate=baud, timeout=5)
        except (TransportError, OSError) as error:
            raise BoardError(f"{port}: cannot be opened: {error}") from None
        try:
            with self._speaking("its prompt was asked for"):
                self._enter(patience, reset=reset)
        except BaseException:
            self.close()
            raise

    def _enter(self, patience: float, *, reset: bool) -> None:
        if not (
            self._attempt(0.6)
            or (reset and self._by_lines() and self._attempt(patience))
            or self._attempt(patience)
        ):
            raise BoardError(f"{self.port}: no MicroPython answers")
        for left in reversed(range(ENTER)):
            try:
                self._transport.enter_raw_repl(soft_reset=True, timeout_overall=10)
                break
            except TransportError:
                # a byte was lost
                if not left:
                    raise
        try:
            # whether it takes pasted code shows with the first command; an empty one were a reset
            self._transport.exec("0")
        except (TransportError, struct.error):
            self._transport.use_raw_paste = False
        if not self._transport.use_raw_paste:
            self._careful = Careful(self._transport.serial)

    def _attempt(self, seconds: float) -> bool:
        """Interrupt whatever runs, or starts, again and again, until a prompt answers."""
        line = self._transport.serial
        end = awake() + seconds
        said = b""
        while awake() < end:
            # ctrl-B: whoever was here before may have left a raw REPL
            line.write(b"\r\x03\x03\x02")
            time.sleep(0.05)
            said = (said + line.read(line.in_waiting))[-256:]
            if said.rstrip().endswith(PROMPT):
                return True
        return False

    def _by_lines(self) -> bool:
        """Reset the chip by the port's RTS, where it has one: as esptool does after writing."""
        line = self._transport.serial
        try:
            line.dtr = False
            line.rts = True
            time.sleep(0.1)
            line.rts = False
        except OSError:
            # a pty
            return False
        return True

    def about(self) -> MicroPython:
        """What runs here."""
        mpy, version, platform, machine = ast.literal_eval(self.run(ASK).strip())
        number = mpy >> 10 & 0xF
        return MicroPython(
            ".".join(map(str, version)),
            mpy & 0xFF,
            ARCHITECTURES[number] if number < len(ARCHITECTURES) else None,
            platform,
            machine,
        )

    def run(self, code: str) -> str:
        """Run code on the board; what it prints.

        Raises:
            BoardError: it raises an error there, or the board is gone.
        """
        with self._speaking("it was asked for something"):
            said: bytes = self._careful.run(code) if self._careful else self._transport.exec(code)
        return said.decode(errors="replace")

    def put(self, path: str, content: bytes, progress: Callable[[int], object] | None = None) -> None:
        """Write a file beside its name, then rename it: there is the old one or the new one, whole.

        Raises:
            FullError: there is no room for it.
            BoardError: the board is gone.
        """
        beside = path + ".new"
        pieces = [content[at : at + PIECE] for at in range(0, len(content), PIECE)] or [b""]
        try:
            for number, piece in enumerate(pieces):
                code = f"w(a('{b64encode(piece).decode()}'))\n"
                if number == 0:
                    code = f"from binascii import a2b_base64 as a\nf=open({beside!r},'wb')\nw=f.write\n{code}"
                if number == len(pieces) - 1:
                    code += f"f.close()\nimport os\nos.rename({beside!r},{path!r})\n"
                self.run(code)
                if progress is not None:
                    progress(min((number + 1) * PIECE, len(content)))
        except FullError:
            with contextlib.suppress(BoardError):
                self.run(f"f.close()\nimport os\nos.remove({beside!r})")
            raise

    def reset(self) -> None:
        """Start the board anew, as if it were plugged in."""
        with self._speaking("it was to be reset"):
            # not before it has said that it has the command
            code = "import machine, time\ntime.sleep_ms(100)\nmachine.reset()"
            if self._careful:
                self._careful.run(code, follow=False)
            else:
                self._transport.exec_raw_no_follow(code)
            time.sleep(0.2)

    @contextlib.contextmanager
    def _speaking(self, what: str) -> Iterator[None]:
        """Errors of mpremote and of the port as ours."""
        try:
            # mpremote prints what it could not understand
            with contextlib.redirect_stdout(None):
                yield
        except BoardError:
            raise
        except TransportError as error:
            words = str(error).strip().splitlines()
            if FULL.search(str(error)):
                raise FullError(f"{self.port}: the board's file system is full") from None
            raise BoardError(f"{self.port}: {what}: {words[-1] if words else 'no reason given'}") from None
        except OSError as error:
            if error.errno == 28:
                raise FullError(f"{self.port}: the board's file system is full") from None
            # whatever the system calls a port that is no more there
            raise BoardError(f"{self.port}: the board went away, {what}") from None
        except (ValueError, SyntaxError, IndexError, struct.error) as error:
            # half an answer
            raise BoardError(f"{self.port}: {what}: the board fell silent ({error})") from None

    def close(self) -> None:
        """Give the port free."""
        with contextlib.suppress(OSError):
            self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
