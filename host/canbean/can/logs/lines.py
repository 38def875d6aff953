"""Text as arrays: bounded blocks of lines from a plain or compressed file, and kernels that read fields of all lines at once.

A block is one uint8 array with `PAD` line ends around its text, so that a window of up to `PAD` bytes can be taken at either
end of any field. Nothing here makes a Python object a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs import compressed
from canbean.errors import FileError, LogError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

PAD = 256
READ = 1 << 19
"""Bytes of text a block holds, about."""
LONGEST = 1 << 20
"""A line longer than this is not held: it is counted and passed over."""

NO_FRAME = -2
"""Reason of a line that is understood and holds no frame."""
NEWLINE, RETURN, HASH = 10, 13, ord("#")
BLANK = np.zeros(256, bool)
BLANK[[9, 10, 13, 32]] = True

DIGIT = np.full(256, 255, np.uint8)
for _value, _characters in enumerate([*"0123456789", "aA", "bB", "cC", "dD", "eE", "fF"]):
    DIGIT[[ord(_character) for _character in _characters]] = _value


@dataclass
class Lines:
    """Lines of one block that hold something: not blank, not a comment.

    Attributes:
        text: uint8, the block's bytes.
        start: int64 (n,), where each line starts in `text`.
        end: int64 (n,), where it ends, without its line end.
        number: int64 (n,), its number in the file, from 1.
        unterminated: the last line is the last of the file and has no line end.
    """

    text: NDArray[np.uint8]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    number: NDArray[np.int64]
    unterminated: bool = False

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: slice) -> Lines:
        last = self.unterminated and rows.indices(len(self))[1] == len(self)
        return Lines(self.text, self.start[rows], self.end[rows], self.number[rows], last)

    def show(self, row: int) -> str:
        """The text of one line, cut at 60 characters, in one printable line."""
        start = int(self.start[row])
        return shown(self.text[start : min(int(self.end[row]), start + 240)].tobytes())


def shown(raw: bytes) -> str:
    """Bytes as one printable line of at most 60 characters."""
    text = raw.decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= 60 else text[:60] + "..."


@dataclass
class Source:
    """The text of a log file, uncompressed, in blocks of lines.

    Attributes:
        path: the file.
        accept_cut: read what is whole of a file that ends too early.
        size: bytes of text to take for one block.
        overlong: number and first bytes of the first five lines longer than `LONGEST`, passed over.
        overlong_count: how many those are.
        cut: a compressed stream ended early.
        kind: how the file is compressed: `gzip`, `zstd`, `zip` or nothing.
        unended: the file ends within a line longer than `LONGEST`.
        last: number of lines seen.
    """

    path: str | os.PathLike[str]
    accept_cut: bool = False
    size: int = READ
    overlong: list[tuple[int, bytes]] = field(default_factory=list)
    overlong_count: int = 0
    cut: bool = False
    kind: str = ""
    unended: bool = False
    last: int = 0

    def head(self, size: int = 1 << 16) -> bytes:
        """The first bytes of text."""
        got = b""
        for piece in self.pieces():
            got += piece
            if len(got) >= size:
                break
        return got[:size].removeprefix(b"\xef\xbb\xbf")

    def blocks(self) -> Iterator[Lines]:
        """The lines of the file in order.

        Raises:
            FileError: the file cannot be read.
            LogError: the gzip stream ends early (without `accept_cut`) or is damaged.
        """
        newline = newline_of(self.head())
        end = bytes([newline])
        rest: list[bytes] = []
        held, dropping, first = 0, False, True
        for piece in self.pieces():
            if first:
                piece = piece.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - the byte order mark is no text
                first = not piece
            at = piece.rfind(end)
            if at < 0:
                if dropping:
                    continue
                rest.append(piece)
                held += len(piece)
                if held > LONGEST:
                    self._pass_over(b"".join(rest))
                    rest, held, dropping = [], 0, True
                continue
            whole, tail = piece[: at + 1], piece[at + 1 :]
            if dropping:
                whole, dropping = whole[whole.find(end) + 1 :], False
            yield self._lines(b"".join([*rest, whole]), newline)
            rest, held = [tail], len(tail)
        left = b"".join(rest)
        self.unended = dropping
        if left:
            yield self._lines(left, newline)

    def _pass_over(self, raw: bytes) -> None:
        """Count a line that is too long to be held."""
        self.last += 1
        self.overlong_count += 1
        if len(self.overlong) < 5:
            self.overlong.append((self.last, raw[:240]))

    def _lines(self, raw: bytes, newline: int) -> Lines:
        """The lines of the text that follows what was seen so far."""
        lines, count = split(raw, newline, self.last)
        self.last += count
        return lines

    def pieces(self) -> Iterator[bytes]:
        """The file's text in pieces of about `size` bytes."""
        unpacked = compressed.Unpacked(self.path, self.size)
        try:
            for piece in unpacked.pieces():
                self.cut, self.kind = unpacked.cut, unpacked.kind
                yield piece
        except compressed.DamagedError as error:
            raise LogError(
                f"{self.path}: the {unpacked.kind} data is damaged after line {self.last}: {error}"
            ) from error
        except IsADirectoryError as error:
            raise FileError(f"{self.path}: is a folder, not a log") from error
        except OSError as error:
            if isinstance(error, FileError):
                raise
            raise FileError(f"{self.path}: cannot read this log: {error.strerror}") from error


def newline_of(head: bytes) -> int:
    """The byte that ends lines: a carriage return where the first bytes have no line feed (old Macintosh files)."""
    return RETURN if NEWLINE not in head and RETURN in head else NEWLINE


def split(raw: bytes, newline: int, before: int = 0) -> tuple[Lines, int]:
    """The lines of some text that hold something, and how many lines it has; `before` lines came before it."""
    text = np.full(len(raw) + 2 * PAD, NEWLINE, np.uint8)
    text[PAD : PAD + len(raw)] = np.frombuffer(raw, np.uint8)
    end = np.flatnonzero(text[PAD : PAD + len(raw)] == newline) + PAD
    unterminated = bool(raw) and raw[-1] != newline
    if unterminated:
        end = np.append(end, PAD + len(raw))
    count = len(end)
    start = np.concatenate([[PAD], end[:-1] + 1]) if count else end
    number = np.arange(before + 1, before + 1 + count)
    # A carriage return before the line end belongs to it.
    if RETURN in raw:
        end = end - ((end > start) & (text[end - 1] == RETURN))
    if count and int(text[start].min()) > HASH:
        # No line is empty, begins with a blank or is a comment: all those characters come first.
        return Lines(text, start, end, number, unterminated), count
    # Blanks in front tell neither a comment from a frame nor an empty line from a full one.
    inner = start.copy()
    while (blank := (inner < end) & BLANK[text[inner]]).any() and int((inner - start).max()) <= PAD:
        inner += blank
    keep = (inner < end) & (text[inner] != HASH)
    last = unterminated and bool(keep[-1])
    return Lines(text, inner[keep], end[keep], number[keep], last), count
