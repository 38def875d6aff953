"""Log files: the format is told by the content of the first lines, never by the name.

Read in bounded blocks with numpy; the memory needed does not grow with the file, but for the frames that are kept.
`formats` lists the formats and says what one must offer.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import Frames, window
from canbean.can.logs import formats
from canbean.can.logs.formats import Report
from canbean.can.logs.lines import LONGEST, NO_FRAME, Lines, Source, newline_of, shown, split
from canbean.can.logs.tables import Tables
from canbean.can.logs.writing import ROWS, write, write_parts
from canbean.errors import LogError, UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.logs.formats import BinaryFormat, TextFormat

__all__ = ["Log", "Reader", "Report", "chunks", "formats", "read", "within", "write", "write_parts"]


@dataclass
class Log:
    """What a file held.

    Attributes:
        frames: its frames, in the order of the file.
        skipped: lines that could not be read.
        problems: the first five of them: `FILE: line 12: what is wrong: the text`.
        format: name of the format.
        passed: lines that are understood and hold no frame (events, statistics).
        notes: what must be known about the whole file.
    """

    frames: Frames
    skipped: int = 0
    problems: list[str] = field(default_factory=list)
    format: str = ""
    passed: int = 0
    notes: list[str] = field(default_factory=list)


class Reader:
    """A log that is read chunk by chunk; `skipped`, `problems`, `passed` and `notes` are complete after the last one.

    Raises:
        FileError: the file is missing, a folder, or not readable.
        LogError: the file is empty or of no known format.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, accept_cut: bool = False, strict: bool = False
    ) -> None:
        self.path = path
        self.accept_cut = accept_cut
        self.strict = strict
        self._report = Report(path, strict, accept_cut)
        self._head = b""
        self._text: TextFormat | None = None
        self._binary: BinaryFormat | None = None
        self._recognise()

    @property
    def format(self) -> str:
        """Name of the format."""
        module = self._text or self._binary
        return module.NAME if module else ""

    @property
    def skipped(self) -> int:
        """Lines that could not be read so far."""
        return self._report.skipped

    @property
    def problems(self) -> list[str]:
        """The first five of them, described."""
        return self._report.problems

    @property
    def passed(self) -> int:
        """Lines so far that are understood and hold no frame."""
        return self._report.passed

    @property
    def notes(self) -> list[str]:
        """What must be known about the whole file."""
        return self._report.notes

    def _recognise(self) -> None:
        """Choose the format by the first bytes."""
        source = Source(self.path)
        head = source.head()
        if not head:
            why = "the gzip stream ends early, nothing of it can be read" if source.cut else "empty"
            raise LogError(f"{self.path}: {why}")
        self._binary = next((module for module in formats.BINARY if module.looks(head)), None)
        if self._binary:
            return
        lines, _ = split(head, newline_of(head))
        if not len(lines):
            raise LogError(f"{self.path}: no frames in it, only blank lines and comments")
        self._head = head.replace(b"\r\n", b"\n")
        if b"\n" not in self._head:
            self._head = self._head.replace(b"\r", b"\n")
        self._text = next((module for module in formats.TEXT if module.looks(self._head)), None)
        if self._text is None:
            known = ", ".join(module.NAME for module in (*formats.TEXT, *formats.BINARY))
            raise LogError(
                f"{self.path}: line {lines.number[0]}: no format that is known ({known}): {lines.show(0)}"
            )

    def chunks(self, rows: int = ROWS) -> Iterator[Frames]:
        """The frames, of at most `rows` lines at a time; codes of buses and labels agree between chunks.

        Raises:
            LogError: the file ends in the middle of a line or of its gzip stream (without `accept_cut`), its gzip data
                are damaged, no line of it reads, or one does not (with `strict`).
        """
        self._report = Report(self.path, self.strict, self.accept_cut)
        found = False
        for frames in self._of_text(self._text, rows) if self._text else self._of_binary(rows):
            if len(frames):
                found = True
                yield frames
        if not found:
            why = (
                f"no line of it reads as {self.format}: {self.problems[0]}"
                if self.problems
                else "no frames in it"
            )
            raise LogError(f"{self.path}: {why}")

    def _of_binary(self, rows: int) -> Iterator[Frames]:
        """The frames of a file that is no text."""
        assert self._binary is not None
        with _uncompressed(self.path) as path:
            yield from self._binary.chunks(path, rows, self._report)

    def _of_text(self, form: TextFormat, rows: int) -> Iterator[Frames]:
        """The frames of the lines of a file."""
        source, tables, before = Source(self.path), Tables(), Frames.empty()
        tables.notes = self._report.notes
        state = form.begin(self._head)
        for block in source.blocks():
            for lines in _slices(block, rows):
                names = len(tables.buses) + len(tables.labels)
                try:
                    frames, reason = form.parse(lines, tables, state)
                except UsageError as error:
                    raise LogError(f"{self.path}: near line {lines.number[0]}: {error}") from error
                new_name = len(tables.buses) + len(tables.labels) > names
                bad = reason[-1] > 0
                odd = source.cut or bad or (len(before) and (new_name or _shorter(frames, before)))
                whole = not (lines.unterminated and odd)
                if not (whole or self.accept_cut):
                    raise self._report.cut(f"line {lines.number[-1]}", lines.show(len(lines) - 1))
                if not whole and not bad:
                    frames, reason[-1] = frames[:-1], -1
                self._count(lines, reason, form.REASONS)
                if len(frames):
                    before = frames
                    yield frames
        for number, raw in source.overlong:
            self._report.skip(f"line {number}", f"longer than {LONGEST >> 20} MiB", shown(raw))
        self._report.skipped += source.overlong_count - len(source.overlong)
        if (source.cut or source.unended) and not self.accept_cut:
            raise self._report.cut(f"line {source.last}")

    def _count(self, lines: Lines, reason: NDArray[np.int8], reasons: tuple[str, ...]) -> None:
        """Count the lines that were not read and describe the first of them."""
        if not reason.any():
            return
        passed = reason == NO_FRAME
        self._report.passed += int(passed.sum())
        bad = np.flatnonzero((reason != 0) & ~passed)
        described = bad[: 1 if self.strict else formats.SHOWN - len(self.problems)]
        for row in described:
            what = reasons[reason[row]] if reason[row] > 0 else "cut by the end of the file"
            self._report.skip(f"line {lines.number[row]}", what, lines.show(int(row)))
        self._report.skipped += len(bad) - len(described)


@contextmanager
def _uncompressed(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The file, or where it is compressed a temporary one with what it holds."""
    with Path(path).open("rb") as file:
        plain = file.read(4)
    source = Source(path)
    if source.head(4) == plain:
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        inflated = Path(folder) / "log"
        with inflated.open("wb") as file:
            file.writelines(Source(path).pieces())
        yield inflated


def _slices(block: Lines, rows: int) -> Iterator[Lines]:
    """The block in slices of at most `rows` lines; a line without a line end stands alone."""
    ended = len(block) - (block.unterminated and len(block) > 1)
    for at in range(0, ended, rows):
        yield block[at : min(at + rows, ended)]
    if ended < len(block):
        yield block[ended:]


def _shorter(last: Frames, before: Frames) -> bool:
    """Whether the last frame has a length that its id never had in the frames before: its data may be cut."""
    lengths = before.dlc[before.key == last.key[-1]] if len(last) else before.dlc[:0]
    return bool(len(lengths)) and bool(last.dlc[-1] < lengths.min())


def chunks(
    path: str | os.PathLike[str], rows: int = ROWS, *, accept_cut: bool = False, strict: bool = False
) -> Iterator[Frames]:
    """The frames of a log in bounded chunks of at most `rows` lines; `Reader` counts besides what it skipped.

    Raises:
        FileError: the file is missing, a folder, or not readable.
        LogError: as `read`.
    """
    yield from Reader(path, accept_cut=accept_cut, strict=strict).chunks(rows)


def within(parts: Iterable[Frames], from_s: float | None, to_s: float | None) -> Iterator[Frames]:
    """Of the chunks of a log the frames from `from_s` (inclusive) to `to_s` (exclusive) seconds after its first frame."""
    first_us = None
    for frames in parts:
        first_us = int(frames.t_us[0]) if first_us is None else first_us
        inside = window(frames.t_us, first_us, from_s, to_s)
        yield frames if inside.all() else frames[inside]


def read(
    path: str | os.PathLike[str],
    *,
    from_s: float | None = None,
    to_s: float | None = None,
    accept_cut: bool = False,
    strict: bool = False,
    rows: int = ROWS,
) -> Log:
    """Read a log, or the part of it from `from_s` (inclusive) to `to_s` (exclusive) seconds after its first frame.

    Lines that cannot be read are counted, those outside of the part too.

    Raises:
        FileError: the file is missing, a folder, or not readable.
        LogError: empty, of no known format, without a line that reads, damaged, or cut in the middle of a line
            (with `accept_cut` the cut line counts as skipped), or with a line that cannot be read (with `strict`); the
            message names file and line.
    """
    reader = Reader(path, accept_cut=accept_cut, strict=strict)
    parts = list(within(reader.chunks(rows), from_s, to_s))
    return Log(
        Frames.concat(parts), reader.skipped, reader.problems, reader.format, reader.passed, reader.notes
    )
