"""Labelled CSV: `t,id,ext,dlc,data,label`, optionally `bus` and `flags`; one frame a line.

Seconds, hexadecimal id, 0 or 1, length in bytes, hexadecimal bytes, and a label that is empty for normal traffic. `flags`
holds `fd`, `rtr`, `err`, separated by a space. Fields are not quoted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import DEFAULT_BUS, ERR, FD, RTR, Frames
from canbean.can.logs import fields, words
from canbean.can.logs.columns import Columns, hexadecimal, texts, whole
from canbean.can.logs.lines import NEWLINE, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "labelled CSV"
ENDINGS = (".csv",)
REQUIRED = ("t", "id", "ext", "dlc", "data", "label")
OPTIONAL = ("bus", "flags")
REASONS = (
    "",
    "not as many fields as the header",
    "t is not a number of seconds",
    "id is not a hexadecimal CAN identifier",
    "ext is not 0 or 1",
    "dlc is not a length from 0 to 64 (above 8 with the flag fd only)",
    "data is not an even number of hexadecimal digits",
    "dlc and data disagree",
    "a name is longer than 64 bytes or holds a NUL",
    "flags are fd, rtr and err, separated by a space",
)
COMMA = ord(",")
FLAGS = {"fd": FD, "rtr": RTR, "err": ERR}


def header(line: str) -> tuple[str, ...] | None:
    """The columns a header line names, or None where it is not the header of a labelled CSV."""
    names = tuple(name.strip().lower() for name in line.split(","))
    known = len(set(names)) == len(names) and set(names) <= {*REQUIRED, *OPTIONAL}
    return names if known and set(REQUIRED) <= set(names) else None


@dataclass
class State:
    """The columns that the header names, and the number of its line."""

    columns: tuple[str, ...]
    number: int


def looks(head: bytes) -> bool:
    """Whether the first line is the header of a labelled CSV."""
    return begin(head) is not None


def begin(head: bytes) -> State | None:
    """What the first line says, or None where it is not the header of a labelled CSV."""
    lines, _ = split(head, NEWLINE)
    first = lines.text[lines.start[0] : lines.end[0]].tobytes() if len(lines) else b""
    columns = header(first.decode("utf-8", "backslashreplace"))
    return State(columns, int(lines.number[0])) if columns else None


def parse(lines: Lines, tables: Tables, state: State) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    if len(lines) and lines.number[0] == state.number:
        frames, reason = _rows(lines[1:], tables, state.columns)
        return frames, np.concatenate([np.zeros(1, np.int8), reason])
    return _rows(lines, tables, state.columns)


def _rows(lines: Lines, tables: Tables, columns: tuple[str, ...]) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines after the header."""
    text, n = lines.text, len(lines)
    reason = np.ones(n, np.int8)
    if not n:
        return Frames.empty(), reason
    rows, starts, ends = _fields(lines, len(columns))
    at = dict(zip(columns, zip(starts, ends, strict=True), strict=True))

    t_us, timed = fields.microseconds(text, *at["t"])
    id_, named = fields.number(text, *at["id"], 16, 8)
    ext, told = fields.digits(text, *at["ext"], 1)
    dlc, sized = fields.digits(text, *at["dlc"], 2)
    data, held, paired = fields.octets(text, *at["data"])
    flags, flagged = _flags(text, at.get("flags"), len(rows))
    longest = np.where(flags & FD != 0, 64, 8) if flags.any() else 8
    fitting = held == dlc
    if not fitting.all():
        fitting |= (flags & RTR != 0) & (held == 0)
    label, labels, short = fields.names(text, *at["label"], 64)
    bus: tuple[NDArray[np.int64], list[str]] | None = None
    if "bus" in at:
        codes, buses, plain = fields.names(text, *at["bus"], 64)
        bus, short = (codes, [name or DEFAULT_BUS for name in buses]), short & plain
    checks = {
        2: timed,
        3: named & (id_ <= np.where(ext == 1, 0x1FFFFFFF, 0x7FF)),
        4: told & (ext <= 1),
        5: sized & (dlc <= longest),
        6: paired,
        7: fitting,
        8: short,
        9: flagged,
    }
    found = words.Columns(t_us, id_, ext == 1, dlc, data, flags, bus, (label, labels))
    return words.frames(reason, rows, found, checks, tables), reason


def _fields(
    lines: Lines, count: int
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """The lines that have so many fields, and for each field where it starts and where it ends in them."""
    low, high = int(lines.start[0]), int(lines.end[-1])
    commas = np.flatnonzero(lines.text[low:high] == COMMA) + low
    rows, start, end = np.arange(len(lines)), lines.start, lines.end
    between = commas.reshape(-1, count - 1) if len(commas) == len(lines) * (count - 1) else None
    if between is None or not ((between[:, 0] >= start) & (between[:, -1] < end)).all():
        first = np.searchsorted(commas, start)
        rows = np.flatnonzero(np.searchsorted(commas, end) - first == count - 1)
        between = commas[first[rows, None] + np.arange(count - 1)]
        start, end = start[rows], end[rows]
    marks = [np.ascontiguousarray(between[:, k]) for k in range(count - 1)]
    return rows, [start, *(mark + 1 for mark in marks)], [*marks, end]


def _flags(
    text: NDArray[np.uint8], at: tuple[NDArray[np.int64], NDArray[np.int64]] | None, n: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Bits of the flags column, and which rows could be read."""
    if at is None:
        return np.zeros(n, np.uint8), np.ones(n, bool)
    codes, names, good = fields.names(text, *at, 64)
    known = np.array([set(name.split()) <= set(FLAGS) for name in names] or [True])
    bits = np.array(
        [sum(FLAGS.get(word, 0) for word in set(name.split())) for name in names] or [0], np.uint8
    )
    return bits[codes], good & known[codes]


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    return [
        f"the name {word!r}"
        for word in dict.fromkeys((*frames.buses, *frames.labels))
        if len(word.encode()) > 64 or any(c in ',"\r\n\0' for c in word) or word != word.strip()
    ]


def compose(parts: Iterable[Frames], kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames, under a header of the columns that they need."""
    columns = header_of(kinds)
    yield ",".join(columns).encode() + b"\n"
    for frames in parts:
        yield _text(frames, columns)


def _text(frames: Frames, columns: Sequence[str]) -> bytes:
    """The text of frames under a header of these columns, without it."""
    remote = frames.flags & RTR != 0
    out = Columns(len(frames))
    out.constant(b"-", where=frames.t_us < 0).seconds(np.abs(frames.t_us)).constant(b",")
    out.add(*hexadecimal(frames.id.astype(np.int64), 1)).constant(b",")
    out.add(*whole(frames.ext.astype(np.int64), 1)).constant(b",")
    out.add(*whole(frames.dlc.astype(np.int64), 2)).constant(b",")
    out.octets(frames.data, np.where(remote, 0, frames.dlc)).constant(b",")
    out.add(*texts(frames.label, frames.labels))
    if "bus" in columns:
        out.constant(b",").add(*texts(frames.bus, frames.buses))
    if "flags" in columns:
        words = [" ".join(word for word, bit in FLAGS.items() if code & bit) for code in range(8)]
        out.constant(b",").add(*texts(frames.flags & 7, words))
    return out.constant(b"\n").bytes()


def header_of(frames: Frames) -> list[str]:
    """The columns that frames need: buses and flags only where they say something."""
    named = any(frames.buses[code] != DEFAULT_BUS for code in np.unique(frames.bus))
    return [*REQUIRED, *(["bus"] if named else []), *(["flags"] if frames.flags.any() else [])]
