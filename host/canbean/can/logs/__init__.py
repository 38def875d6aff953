"""Log files: the format is told by the content of the first lines, never by the name.

Read in bounded blocks with numpy; the memory needed does not grow with the file, but for the frames that are kept.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import Frames, window
from canbean.can.logs import candump, labelled
from canbean.can.logs.lines import LONGEST, Lines, Source, newline_of, shown, split
from canbean.can.logs.tables import Tables
from canbean.errors import LogError, UsageError
from canbean.files import replacing

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

ROWS = 1 << 18
"""Lines that are read at a time."""
SHOWN = 5
"""Problems that are described; the others are counted."""
KNOWN = "candump text, labelled CSV with the header t,id,ext,dlc,data,label"


@dataclass
class Log:
    """What a file held.

    Attributes:
        frames: its frames, in the order of the file.
        skipped: lines that could not be read.
        problems: the first five of them: `FILE: line 12: what is wrong: the text`.
        format: name of the format.
    """

    frames: Frames
    skipped: int = 0
    problems: list[str] = field(default_factory=list)
    format: str = ""


class Reader:
    """A log that is read chunk by chunk; `skipped` and `problems` are complete after the last one.

    Raises:
        FileError: the file is missing, a folder, or not readable.
        LogError: the file is empty or of no known format.
    """

    def __init__(self, path: str | os.PathLike[str], *, accept_cut: bool = False) -> None:
        self.path = path
        self.accept_cut = accept_cut
        self.skipped = 0
        self.problems: list[str] = []
        self._header = 0
        self._columns: tuple[str, ...] = ()
        self.format = self._recognise()

    def _recognise(self) -> str:
        """The name of the format, from the first lines."""
        source = Source(self.path)
        head = source.head()
        if not head:
            why = "the gzip stream ends early, nothing of it can be read" if source.cut else "empty"
            raise LogError(f"{self.path}: {why}")
        lines, _ = split(head, newline_of(head))
        if not len(lines):
            raise LogError(f"{self.path}: no frames in it, only blank lines and comments")
        first = lines.text[lines.start[0] : lines.end[0]].tobytes()
        columns = labelled.header(first.decode("utf-8", "backslashreplace"))
        if columns:
            self._header, self._columns = int(lines.number[0]), columns
            return labelled.NAME
        if candump.LOOKS.search(head.replace(b"\r", b"\n")):
            return candump.NAME
        raise LogError(
            f"{self.path}: line {lines.number[0]}: no format that is known ({KNOWN}): {lines.show(0)}"
        )

    def chunks(self, rows: int = ROWS) -> Iterator[Frames]:
        """The frames, of at most `rows` lines at a time; codes of buses and labels agree between chunks.

        Raises:
            LogError: the file ends in the middle of a line or of its gzip stream (without `accept_cut`), its gzip data
                are damaged, or no line of it reads.
        """
        source, tables, before = Source(self.path), Tables(), Frames.empty()
        self.skipped, self.problems = 0, []
        for block in source.blocks():
            for lines in _slices(block, rows):
                names = len(tables.buses) + len(tables.labels)
                try:
                    frames, reason = self._parse(lines, tables)
                except UsageError as error:
                    raise LogError(f"{self.path}: near line {lines.number[0]}: {error}") from error
                new_name = len(tables.buses) + len(tables.labels) > names
                odd = source.cut or reason[-1] or (len(before) and (new_name or _shorter(frames, before)))
                whole = not (lines.unterminated and odd)
                if not (whole or self.accept_cut):
                    raise self._cut(int(lines.number[-1]), lines.show(len(lines) - 1))
                if not whole and not reason[-1]:
                    frames, reason[-1] = frames[:-1], -1
                self._count(lines, reason)
                if len(frames):
                    before = frames
                    yield frames
        for number, raw in source.overlong:
            self._describe(number, f"longer than {LONGEST >> 20} MiB", shown(raw))
        self.skipped += source.overlong_count
        if (source.cut or source.unended) and not self.accept_cut:
            raise self._cut(source.last, "")
        if not len(before):
            why = (
                f"no line of it reads as {self.format}: {self.problems[0]}"
                if self.problems
                else "no frames in it"
            )
            raise LogError(f"{self.path}: {why}")

    def _parse(self, lines: Lines, tables: Tables) -> tuple[Frames, NDArray[np.int8]]:
        """The frames of some lines, and for each line why it was not read (0: it was)."""
        if self.format == candump.NAME:
            return candump.parse(lines, tables)
        if len(lines) and lines.number[0] == self._header:
            frames, reason = labelled.parse(lines[1:], self._columns, tables)
            return frames, np.concatenate([np.zeros(1, np.int8), reason])
        return labelled.parse(lines, self._columns, tables)

    def _count(self, lines: Lines, reason: NDArray[np.int8]) -> None:
        """Count the lines that were not read and describe the first of them."""
        reasons = candump.REASONS if self.format == candump.NAME else labelled.REASONS
        bad = np.flatnonzero(reason)
        self.skipped += len(bad)
        for row in bad[: SHOWN - len(self.problems)]:
            what = reasons[reason[row]] if reason[row] > 0 else "cut by the end of the file"
            self._describe(int(lines.number[row]), what, lines.show(int(row)))

    def _describe(self, number: int, what: str, text: str) -> None:
        if len(self.problems) < SHOWN:
            self.problems.append(f"{self.path}: line {number}: {what}: {text}")

    def _cut(self, number: int, text: str) -> LogError:
        """The error of a file that ends too early."""
        what = "the file ends in the middle of this line" if text else "the file ends early"
        where = f"{self.path}: line {number}: {what} (--accept-cut reads what is whole)"
        return LogError(f"{where}: {text}" if text else where)


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


def chunks(path: str | os.PathLike[str], rows: int = ROWS, *, accept_cut: bool = False) -> Iterator[Frames]:
    """The frames of a log in bounded chunks of at most `rows` lines; `Reader` counts besides what it skipped.

    Raises:
        FileError: the file is missing, a folder, or not readable.
        LogError: as `read`.
    """
    yield from Reader(path, accept_cut=accept_cut).chunks(rows)


def read(
    path: str | os.PathLike[str],
    *,
    from_s: float | None = None,
    to_s: float | None = None,
    accept_cut: bool = False,
    rows: int = ROWS,
) -> Log:
    """Read a log, or the part of it from `from_s` (inclusive) to `to_s` (exclusive) seconds after its first frame.

    Lines that cannot be read are counted, those outside of the part too.

    Raises:
        FileError: the file is missing, a folder, or not readable.
        LogError: empty, of no known format, without a line that reads, damaged, or cut in the middle of a line
            (with `accept_cut` the cut line counts as skipped); the message names file and line.
    """
    reader = Reader(path, accept_cut=accept_cut)
    parts = []
    first_us = None
    for frames in reader.chunks(rows):
        first_us = int(frames.t_us[0]) if first_us is None else first_us
        inside = window(frames.t_us, first_us, from_s, to_s)
        parts.append(frames if inside.all() else frames[inside])
    return Log(Frames.concat(parts), reader.skipped, reader.problems, reader.format)


def write(path: str | os.PathLike[str], frames: Frames, rows: int = ROWS) -> None:
    """Write a log: `.csv` and `.csv.gz` as labelled CSV, `.log` and `.log.gz` as candump text.

    Raises:
        FileError: the folder is missing or cannot be written.
        UsageError: another extension.
        LogError: the format has no place for something in the frames.
    """
    name = Path(path).name.lower()
    zipped = name.endswith(".gz")
    ending = Path(name.removesuffix(".gz")).suffix
    if ending not in (".csv", ".log"):
        raise UsageError(f"{path}: a log is written as .csv, .csv.gz, .log or .log.gz")
    with replacing(path) as file:
        # No name and no time in the gzip header: the same frames give the same bytes.
        out = gzip.GzipFile("", "wb", 6, file, mtime=0) if zipped else file
        if ending == ".csv":
            out.write(",".join(labelled.header_of(frames)).encode() + b"\n")
        for at in range(0, len(frames), rows):
            part = frames[at : at + rows]
            if ending == ".csv":
                out.write(labelled.compose(part, str(path), labelled.header_of(frames)))
            else:
                out.write(candump.compose(part, str(path)))
        if zipped:
            out.close()
