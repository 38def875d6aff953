"""An append-only journal: each record is on the disk before anybody is told that it is kept.

One line a record: a JSON object, a tab, and CRC-32 (IEEE, 8 hex digits) of the object's bytes. A process that is killed
while it writes leaves at most a last line without its end, which is cut off when the journal is opened again.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canbean.errors import FileError, PairsError

if TYPE_CHECKING:
    from io import FileIO


class Journal:
    """A journal file; opened for each record, so that nothing has to be closed.

    Attributes:
        path: the file.
        records: what it holds, in order.
        cut: whether the last record was half written and was cut off.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read what is there; nothing is written yet.

        Raises:
            FileError: it cannot be read.
            PairsError: a line before the last is damaged: somebody wrote into it.
        """
        self.path = Path(path)
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise FileError(f"{path}: cannot read this journal: {error.strerror}") from error
        *lines, rest = content.split(b"\n")
        self.records: list[dict[str, Any]] = []
        for number, line in enumerate(lines, 1):
            record = _record(line)
            if record is None:
                raise PairsError(
                    f"{path}, line {number}: this line of the journal was changed or is damaged: "
                    "put the journal elsewhere, and the session goes on from the CSV"
                )
            self.records.append(record)
        self.cut = bool(rest)
        self._size = len(content)
        self._whole = len(content) - len(rest)

    def append(self, record: dict[str, Any]) -> None:
        """Write a record and wait until the disk has it.

        Raises:
            FileError: it cannot be written, or another program wrote into the journal meanwhile.
        """
        body = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode()
        line = body + b"\t" + f"{zlib.crc32(body):08x}".encode() + b"\n"
        new = not self.path.exists()
        try:
            with self.path.open("ab", buffering=0) as file:
                taken = os.fstat(file.fileno()).st_size != self._size
                if not taken:
                    self._append(file, line)
        except OSError as error:
            raise FileError(f"{self.path}: cannot write: {error.strerror}") from error
        if taken:
            raise FileError(f"{self.path}: another session writes to this journal: end it, then begin again")
        if new:
            _sync_folder(self.path.parent)
        self.records.append(record)

    def _append(self, file: FileIO, line: bytes) -> None:
        try:
            if self._whole != self._size:
                file.truncate(self._whole)
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, "the disk is full")
            os.fsync(file.fileno())
            self._whole += len(line)
        finally:
            # what was written in part is cut off by the next
            self._size = os.fstat(file.fileno()).st_size


def _record(line: bytes) -> dict[str, Any] | None:
    body, tab, check = line.rstrip(b"\r").rpartition(b"\t")
    if not tab or check != f"{zlib.crc32(body):08x}".encode():
        return None
    with suppress(ValueError, RecursionError):
        record = json.loads(body)
        if isinstance(record, dict):
            return record
    return None


def _sync_folder(folder: Path) -> None:
    """The new file's name, too, has to be on the disk; Windows has no way to ask and needs none."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
