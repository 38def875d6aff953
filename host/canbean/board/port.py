"""A serial port opened; in one line why it cannot be, or why it went away, and what to do."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import serial

from canbean.errors import BoardError

BAUD = 115_200
"""Bits a second of a line on which nothing else was set."""
WRITE_S = 15.0
"""A port that takes no byte for so long never will; shorter, and a computer that stood still meanwhile were taken for that."""
_WITH_BAUD = re.compile(r"(.+)@([0-9]{3,7})")
_LIST = "`canbean board list` shows the ports"
_TAKEN = {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK}
"""Numbers of a device, and of pyserial's lock, that somebody else has."""


def line_of(port: str, baud: int = BAUD) -> tuple[str, int]:
    """Device and bits per second of a port, which may have them at its end: `PORT@9600`."""
    found = _WITH_BAUD.fullmatch(port)
    return (found[1], int(found[2])) if found else (port, baud)


def opened(port: str, baud: int = BAUD) -> serial.SerialBase:
    """A port, for one program at a time; its reads wait for a moment only (20 ms).

    Args:
        port: device or pyserial URL; with `@9600` at its end where its line has another speed.
        baud: bits per second, where the port does not say it.

    Raises:
        BoardError: there is no such port, it is none, it may not be opened, or another program has it.
    """
    device, baud = line_of(port, baud)
    try:
        # the lock works on POSIX; Windows gives a port to one program only
        return serial.serial_for_url(
            device, baudrate=baud, timeout=0.02, write_timeout=WRITE_S, exclusive=True
        )
    except (OSError, ValueError) as error:
        raise BoardError(f"{port}: {_unopened(device, error)}") from None


def _unopened(device: str, error: Exception) -> str:
    number, words, path = getattr(error, "errno", None), str(error), Path(device)
    # on Windows pyserial has the system's error as text alone
    if number == errno.ENOENT or "FileNotFoundError" in words:
        name, at, speed = device.rpartition("@")
        if at:
            return f"no speed {speed!r}: give a number of bits a second, such as {name}@9600"
        return f"no such port: is the board plugged in? {_LIST}"
    if number in _TAKEN or "PermissionError" in words:
        return "another program has it: close that one (a monitor, a serial console)"
    if number == errno.EACCES:
        return "no permission to open it: add yourself to the group that owns it (often dialout)"
    if path.is_file() or path.is_dir():
        return f"is a {'file' if path.is_file() else 'folder'}, no serial port: {_LIST}"
    if "Could not configure port" in words:
        return f"is no serial port: {_LIST}"
    return f"cannot open this port: {words}"


_SHORT = {
    "no such port": "no such port",
    "no speed": "no such speed",
    "another program": "busy",
    "no permission": "not permitted",
    "no serial port": "no serial port",
    "cannot open": "cannot be opened",
    "went away": "went away",
}
"""Words of `_unopened` and `gone`, and what is left of them where there is room for two or three."""


def in_short(reason: str) -> str | None:
    """Why a port could not be opened or went away in two or three words; None where it did not say what it is asked for."""
    return next((short for words, short in _SHORT.items() if words in reason), None)


def gone(port: str, error: OSError, who: str = "the board") -> BoardError:
    """What to raise where reading or writing failed."""
    # pyserial's words where somebody else has read what was there
    shared = "multiple access" in str(error)
    why = "it was unplugged, or another program reads from this port too: close that one"
    return BoardError(f"{port}: {who} went away: {why if shared else error.strerror or error}")
