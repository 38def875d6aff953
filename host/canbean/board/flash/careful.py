"""Code for a raw REPL that takes no pasted code: an old MicroPython's, whose line loses what comes faster than it is read.

The code goes over in pieces that fit the smallest buffer of a line, each answered before the next. It is kept there as text until
the board has said its sum; only then is it run. Whatever is lost is sent again, and nothing damaged is ever run.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from mpremote.transport import TransportError, TransportExecError

from canbean.board.awake import awake

if TYPE_CHECKING:
    import serial

MOST = 63
"""Bytes of a command and its end: a micro:bit's line holds 64."""
TRIES = 50
"""Of one piece, and of all of them."""
ERRORS = 5
"""How often an error must come again that the code may have, and a damaged command too."""
PATIENCE_S = 3.0
"""Of silence, after which an answer or its command is lost."""
RUN_S = 10.0
"""The same for code that runs: as mpremote has it."""
MODULUS = 16_777_213
"""A prime: products stay small integers."""
# Names that no code here has.
SUM = f"_s=0\nfor _i in _q:_s=(_s*31+ord(_i))%{MODULUS}\nprint(_s)"
RUN = "exec(_q)"
MARK = "\x02"
"""What the code prints first: so one knows that it was run."""
RAN = MARK.encode() + b"\r\n"
ANSWER = re.compile(rb"OK(.*?)\x04(.*?)\x04>$", re.DOTALL)
READY = b"exit\r\n>"
LOST = "it answers no command: its line loses too much"


class Careful:
    """A raw REPL to which code is sent in pieces and checked."""

    def __init__(self, line: serial.Serial) -> None:
        """Take a port on whose other end is a raw REPL, whatever it was sent so far."""
        self._line = line
        self._recover()

    def run(self, code: str, *, follow: bool = True) -> bytes:
        """Run code; what it prints.

        Args:
            code: of any length that the board's heap holds twice.
            follow: whether to wait until it has ended.

        Raises:
            TransportExecError: it ended with an error.
            TransportError: the board does not answer any more.
        """
        self._send(f"print({MARK!a})\n{code}")
        errors = []
        for _ in range(TRIES):
            said = self._ask(RUN, follow=follow)
            if RAN in said:
                break
            if said:
                # the code itself may be no Python
                errors.append(said)
                if errors.count(said) >= ERRORS:
                    break
        else:
            raise TransportError(LOST)
        found = ANSWER.search(said)
        if found is None:
            if follow:
                raise TransportError("timeout waiting for the end of what runs")
            return b""
        out = found[1].removeprefix(RAN)
        if found[2]:
            raise TransportExecError(out, found[2].decode(errors="replace"))
        return out

    def _send(self, text: str) -> None:
        """Have a text on the board, whole."""
        wanted = 0
        for one in text:
            wanted = (wanted * 31 + ord(one)) % MODULUS
        for _ in range(TRIES):
            held = 0
            while held < len(text):
                held = self._add(text, held)
            found = ANSWER.search(self._ask(SUM))
            if found and found[1].strip() == str(wanted).encode():
                return
        raise TransportError(LOST)

    def _add(self, text: str, held: int) -> int:
        """One more piece behind those that are there: how many characters are there then."""
        head, tail = (f"_q=_q[:{held}]+" if held else "_q="), ";print(len(_q))"
        size = MOST - 1 - len(head) - len(tail)
        end = min(held + size, len(text))
        while len(ascii(text[held:end])) > size:
            end -= 1
        command = f"{head}{text[held:end]!a}{tail}"
        for _ in range(TRIES):
            found = ANSWER.search(self._ask(command))
            if found and found[1].strip() == str(end).encode():
                return end
            if found and not found[2]:
                # something else than this was run: what is there is not what it was
                return 0
        raise TransportError(LOST)

    def _ask(self, command: str, *, follow: bool = True) -> bytes:
        """All that the board says to a command; empty where that, or the command, was lost and nothing ran."""
        self._line.read(self._line.in_waiting)
        self._line.write(command.encode() + b"\x04")
        said, heard = b"", awake()
        while not ANSWER.search(said) and (follow or RAN not in said):
            if self._line.in_waiting:
                said += self._line.read(self._line.in_waiting)
                heard = awake()
            elif awake() - heard > (RUN_S if RAN in said else PATIENCE_S):
                more = self._recover()
                # it may have begun meanwhile
                return said + more if RAN in said + more else b""
            else:
                time.sleep(0.002)
        return said

    def _recover(self) -> bytes:
        """Back to an empty line of the raw REPL, whatever came of the last command; what it said meanwhile."""
        said = b""
        for _ in range(TRIES):
            self._line.write(b"\x03\x01")
            end = awake() + PATIENCE_S
            while awake() < end and not said.endswith(READY):
                said += self._line.read(self._line.in_waiting)
                time.sleep(0.01)
            if said.endswith(READY):
                return said
        raise TransportError("its prompt is gone")
