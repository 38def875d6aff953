"""The bytes of a log as they were before gzip, zstd or zip; told by the first bytes, in pieces, never held as a whole.

zstd is in Python from 3.14 on (PEP 784) and in `backports.zstd`, its backport by the same author, before. A zip holds one log;
what else is in it is told from logs by its content. A log inside of a zip may itself be gzip or zstd.
"""

from __future__ import annotations

import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from canbean.errors import LogError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

GZIP, ZSTD, ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", (b"PK\x03\x04", b"PK\x05\x06")
SKIPPABLE = {bytes([0x50 + k, 0x2A, 0x4D, 0x18]) for k in range(16)}
"""What zstd frames without content begin with (RFC 8878, 3.1.2)."""
TAKEN = 1 << 14
"""Compressed bytes that are read at a time."""


class DamagedError(ValueError):
    """Compressed data that cannot be read on."""


@dataclass
class Unpacked:
    """A log file, without its compression.

    Attributes:
        path: the file.
        size: bytes in a piece, about.
        kind: how it is compressed: `gzip`, `zstd`, `zip` or nothing; known from the first piece on.
        cut: the compressed stream ended early.
    """

    path: str | os.PathLike[str]
    size: int
    kind: str = ""
    cut: bool = False

    def pieces(self) -> Iterator[bytes]:
        """The bytes in order.

        Raises:
            OSError: the file cannot be read.
            LogError: a zip that holds no log, or several.
            DamagedError: the compressed data are damaged; what is whole comes before.
        """
        with Path(self.path).open("rb") as file:
            if not file.peek(4).startswith(ZIP):
                yield from self.stream(file)
                return
            self.kind = "zip"
            try:
                with zipfile.ZipFile(file) as archive, archive.open(self._member(archive)) as member:
                    yield from self.stream(member)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
                raise DamagedError(str(error) or "it ends early") from error
            except RuntimeError as error:
                raise LogError(f"{self.path}: a zip with a password: unpack it first") from error

    def stream(self, file: Any) -> Iterator[bytes]:
        """The bytes of an open file that is plain, gzip or zstd, or of a member of a zip. Raises as `pieces`."""
        magic = file.peek(4)[:4]
        if magic.startswith(GZIP):
            self.kind = "gzip"
            yield from self._gathered(self._gzip(file))
        elif magic == ZSTD or magic in SKIPPABLE:
            self.kind = "zstd"
            yield from self._gathered(self._zstd(file))
        else:
            while piece := file.read(self.size):
                yield piece

    def _gathered(self, small: Iterator[bytes]) -> Iterator[bytes]:
        """Pieces of about `size` bytes out of smaller ones; also those before an error."""
        held: list[bytes] = []
        size = 0
        try:
            for piece in small:
                held.append(piece)
                size += len(piece)
                if size >= self.size:
                    yield b"".join(held)
                    held, size = [], 0
        except DamagedError:
            yield b"".join(held)
            raise
        yield b"".join(held)

    def _gzip(self, file: IO[bytes]) -> Iterator[bytes]:
        """What a gzip file holds, of one member or several."""
        stream: Any = None
        while raw := file.read(TAKEN):
            while raw:
                stream = stream or zlib.decompressobj(31)
                try:
                    yield stream.decompress(raw, self.size)
                except zlib.error as error:
                    raise DamagedError(str(error)) from error
                raw = stream.unconsumed_tail
                if stream.eof:
                    raw, stream = stream.unused_data.lstrip(b"\0"), None
        if stream is not None:
            # What zlib still holds of a stream that ended early.
            yield stream.flush()
            self.cut = not stream.eof

    def _zstd(self, file: IO[bytes]) -> Iterator[bytes]:
        """What a zstd file holds, of one frame or several; frames whose window is above 128 MiB are refused."""
        stream: Any = None
        while raw := file.read(TAKEN):
            while raw or (stream is not None and not stream.needs_input):
                stream = stream or zstd.ZstdDecompressor()
                try:
                    yield stream.decompress(raw, self.size)
                except zstd.ZstdError as error:
                    raise DamagedError(str(error)) from error
                raw = b""
                if stream.eof:
                    raw, stream = stream.unused_data, None
        self.cut = stream is not None

    def _member(self, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
        """The one log in a zip.

        Raises:
            LogError: there is none, or more than one.
        """
        files = [
            info
            for info in archive.infolist()
            if info.file_size and not info.is_dir() and not _hidden(info.filename)
        ]
        logs = files if len(files) == 1 else [info for info in files if _is_log(archive, info)]
        if len(logs) == 1:
            return logs[0]
        if not logs:
            raise LogError(f"{self.path}: a zip of {len(files)} files, none of which is a log")
        names = ", ".join(repr(info.filename) for info in logs[:5]) + (", ..." if len(logs) > 5 else "")
        raise LogError(f"{self.path}: a zip of {len(logs)} logs ({names}): unpack it and name one of them")


def _hidden(name: str) -> bool:
    """Whether a file is one of those that file managers leave in a zip."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


def _is_log(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    """Whether a file in a zip begins like a log of a known format."""
    from canbean.can.logs import formats  # noqa: PLC0415 - the formats need the lines that come out of here

    with archive.open(info) as member:
        inner = Unpacked(info.filename, 1 << 16)
        try:
            head = next(inner.stream(member), b"")[: 1 << 16]
        except DamagedError:
            return False
    text = head.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    text = text if b"\n" in text else text.replace(b"\r", b"\n")
    return any(form.looks(head) for form in formats.BINARY) or any(form.looks(text) for form in formats.TEXT)
