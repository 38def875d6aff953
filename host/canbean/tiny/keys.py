"""Keys that sign models: a file with 64 hexadecimal digits, readable by its owner alone.

The same file, under the name `key` beside the model, is the board's key. No message says what a key is.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from canbean.errors import FileError, ModelError
from canbean.tiny.cbm import KEY

# A key and a few line ends; what is longer is no key and not read further.
_LONGEST = 2 * KEY + 8
_DIGITS = re.compile(rb"[0-9a-fA-F]{64}[ \t\r\n]*")


def new_key(path: str | os.PathLike[str]) -> bytes:
    """Make a key of 32 random bytes and write it to a file of mode 600.

    Raises:
        FileError: something stands there already, or it cannot be written.
    """
    key = secrets.token_bytes(KEY)
    write_key(path, key)
    return key


def write_key(path: str | os.PathLike[str], key: bytes) -> None:
    """Write a key to a new file of mode 600, whole or not at all.

    Raises:
        FileError: something stands there already, or it cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise FileError(f"{path}: is there already; a key is never replaced: choose another name") from error
    except OSError as error:
        raise FileError(f"{path}: cannot write a key here: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        Path(path).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise FileError(f"{path}: cannot write a key here: {error.strerror}") from None
        raise


def read_key(path: str | os.PathLike[str]) -> bytes:
    """Read a key of 32 bytes from its file.

    Raises:
        FileError: it cannot be read.
        ModelError: it does not hold 64 hexadecimal digits.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LONGEST + 1)
    except OSError as error:
        raise FileError(f"{path}: cannot read this key: {error.strerror}") from error
    if len(text) > _LONGEST or not _DIGITS.fullmatch(text):
        raise ModelError(
            f"{path}: holds no key: one line of 64 hexadecimal digits; make one with 'model key'"
        )
    return bytes.fromhex(text[: 2 * KEY].decode("ascii"))
