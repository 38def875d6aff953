"""The formats of logs: what a module must offer to be one, and the lists of those there are.

To add a format, add a file that offers one of the two protocols below (a module is the object: its functions and constants
are the members) and name it in `TEXT` or `BINARY`. What is listed first is asked first, so the most specific stands first.

**Text**, a frame a line (`TextFormat`; `candump.py` is an example without state, `labelled.py` one with a header):

```python
NAME = "candump"                           # as people call it, and as `write(..., format=NAME)` takes it
REASONS = ("", "the time is not ...")      # why a line cannot be read; the first stands for lines that are
ENDINGS = (".log",)                        # file names that are written in it, () where it is only read; the longest wins
def looks(head: bytes) -> bool             # whether the first 64 KB of a file are in it: ended by line feeds, no byte order mark
def begin(head: bytes) -> State            # what its header says: any object (or None), one for each time a file is read;
                                           # parse may change it: base date, number base, order of columns, last time
def parse(lines: Lines, tables: Tables, state: State) -> tuple[Frames, NDArray[np.int8]]
def cannot_hold(frames: Frames) -> list[str]       # only where ENDINGS, may be asked for each chunk
def compose(parts: Iterable[Frames], kinds: Frames, name: str) -> Iterator[bytes]     # only where ENDINGS
```

`lines` are those of a block that are neither blank nor begin with `#`; header lines are among them (`lines.number`, from 1,
tells them apart). `parse` returns the frames in the order of the lines and for each line (int8, `len(lines)`) an index into
`REASONS`: 0 for a frame or a line of the header, above 0 for a line that cannot be read (counted, and shown), or `NO_FRAME` for a
line that is understood and holds no frame (an event, a statistic: counted in `Log.passed`). It never raises for bad text.
Codes of buses and labels come from `tables` (`recode(codes, names, tables.buses, 256, "buses")`, and
`buses=tuple(tables.buses)`), for which only rows that are kept count; `tables.note("...")` says something about the whole file
(`Log.notes`, a warning of `can info`).

**Binary**, or read by somebody's library (`BinaryFormat`): `NAME`, `ENDINGS`, `looks(head)` with the first 64 KB as they are, and

```python
def chunks(path: Path, rows: int, report: Report) -> Iterator[Frames]      # never more than about `rows` frames at a time;
                                           # codes of buses agree between chunks (keep a `Tables`, as text formats do)
def cannot_hold(frames: Frames) -> list[str]
def write(file: IO[bytes], parts: Iterable[Frames], kinds: Frames, name: str) -> None
```

`path` is a real file with what a compressed one holds; messages name `report.path`. `report.skip(where, what, text)` counts and
describes what cannot be read (and is the error with `strict`), `report.passed += 1` what holds no frame, `report.note(...)` as above;
`report.accept_cut` asks to read what is whole of a file that ends early (else raise `report.cut(where)`). Whatever a library
raises on damaged bytes becomes a `LogError` that names the file. Heavy or optional libraries are imported inside of the functions.

`cannot_hold` says in words what of the frames the format has no place for (`"labels"`, `"times before 0"`), [] if nothing; `write` of
the package raises then, so `compose` and `write` need not look again. `kinds` holds the first frame (its row 0), one frame of each
pair of flags and extended, bus and label that occurs, and those of the least and greatest time and greatest length: what a header needs
to know of parts that are not seen yet. `name` is the file, for messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np

from canbean.can.logs import (
    asc,
    blf,
    busmaster,
    candump,
    candump_screen,
    canhacker,
    carbus,
    crtd,
    generic_id,
    gvret,
    hcrl_csv,
    hcrl_txt,
    labelled,
    mf4,
    microchip,
    milliseconds,
    parquet,
    pcap,
    pcapng,
    slcan,
    trc,
)
from canbean.errors import LogError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

SHOWN = 5
"""Problems that are described; the others are counted."""


class Format(Protocol):
    """What every format has: constants of its module, which a protocol calls properties."""

    @property
    def NAME(self) -> str:  # noqa: N802
        """As people call it."""

    @property
    def ENDINGS(self) -> tuple[str, ...]:  # noqa: N802
        """Endings of the names of files that are written in it."""


class TextFormat(Format, Protocol):
    """A format of one frame a line that is only read; see the top of this file."""

    @property
    def REASONS(self) -> tuple[str, ...]:  # noqa: N802
        """Why a line cannot be read."""

    def looks(self, head: bytes, /) -> bool:
        """Whether the first 64 KB of text are in this format."""

    def begin(self, head: bytes, /) -> Any:
        """What the header says, for `parse`."""

    def parse(self, lines: Lines, tables: Tables, state: Any, /) -> tuple[Frames, NDArray[np.int8]]:
        """The frames of some lines, and for each line why it was not read (0: it was)."""


class BinaryFormat(Format, Protocol):
    """A format that is no text, or is read by a library; see the top of this file."""

    def looks(self, head: bytes, /) -> bool:
        """Whether a file that begins with these bytes is in this format."""

    def chunks(self, path: Path, rows: int, report: Report, /) -> Iterator[Frames]:
        """The frames, about `rows` at a time."""


class TextWriter(Format, Protocol):
    """What a text format offers besides where it is written."""

    def cannot_hold(self, frames: Frames, /) -> list[str]:
        """What of the frames it has no place for, in words."""

    def compose(self, parts: Iterable[Frames], kinds: Frames, name: str, /) -> Iterator[bytes]:
        """The text of all parts, the header first."""


class BinaryWriter(Format, Protocol):
    """What a binary format offers besides where it is written."""

    def cannot_hold(self, frames: Frames, /) -> list[str]:
        """What of the frames it has no place for, in words."""

    def write(self, file: IO[bytes], parts: Iterable[Frames], kinds: Frames, name: str, /) -> None:
        """Write all parts."""


TEXT: tuple[TextFormat, ...] = (
    labelled,
    trc,
    asc,
    gvret,
    generic_id,
    hcrl_csv,
    hcrl_txt,
    busmaster,
    microchip,
    canhacker,
    carbus,
    candump,
    candump_screen,
    crtd,
    milliseconds,
    slcan,
)
"""Text formats, the most specific first."""
BINARY: tuple[BinaryFormat, ...] = (
    blf,
    pcap,
    pcapng,
    parquet,
    mf4,
)
"""Binary formats; they are asked before those of text."""


@dataclass
class Report:
    """What is told of a file while it is read.

    Attributes:
        path: the file, as it was named.
        strict: the first thing that cannot be read is an error.
        accept_cut: read what is whole of a file that ends early.
        skipped: lines or frames that could not be read.
        passed: lines or records that are understood and hold no frame.
        problems: the first five that could not be read: `FILE: line 12: what is wrong: the text`.
        notes: what must be known about the whole file.
    """

    path: str | os.PathLike[str]
    strict: bool = False
    accept_cut: bool = False
    skipped: int = 0
    passed: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skip(self, where: str, what: str, text: str = "") -> None:
        """Count something that cannot be read, such as `line 12`, and describe it if it is among the first.

        Raises:
            LogError: the reading is strict.
        """
        self.skipped += 1
        if self.strict or len(self.problems) < SHOWN:
            problem = f"{self.path}: {where}: {what}" + (f": {text}" if text else "")
            if self.strict:
                raise LogError(problem)
            self.problems.append(problem)

    def note(self, text: str) -> None:
        """Say something about the whole file, once."""
        if text not in self.notes:
            self.notes.append(text)

    def cut(self, where: str, text: str = "") -> LogError:
        """The error of a file that ends too early."""
        what = "the file ends in the middle of this line" if text else "the file ends early"
        message = f"{self.path}: {where}: {what} (--accept-cut reads what is whole)"
        return LogError(f"{message}: {text}" if text else message)


def writers() -> dict[str, TextWriter | BinaryWriter]:
    """The formats that can be written, by the endings of file names that choose them."""
    found: Any = {ending: module for module in (*BINARY, *TEXT) for ending in module.ENDINGS}
    return dict(sorted(found.items()))


def kinds(frames: Frames) -> Frames:
    """The first frame, one of each combination of bus, label, flags and ext, and those of extreme time and length.

    For a log in chunks: `kinds(Frames.concat([kinds_so_far, chunk]))`.
    """
    if not len(frames):
        return frames
    which = frames.bus.astype(np.int64) << 32 | frames.label.astype(np.int64) << 8
    which |= (frames.flags.astype(np.int64) & 127) << 1 | frames.ext
    # Frames of a kind come in runs more often than not; only where it changes is looked at.
    change = np.flatnonzero(np.concatenate([[True], which[1:] != which[:-1]]))
    of_each = change[np.unique(which[change], return_index=True)[1]]
    extremes = [0, int(frames.t_us.argmin()), int(frames.t_us.argmax()), int(frames.dlc.argmax())]
    return frames[np.unique(np.concatenate([of_each, extremes]))]
