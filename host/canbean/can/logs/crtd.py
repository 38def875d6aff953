"""CRTD of the Open Vehicle Monitoring System: `1542473901.020305 1R11 7ED 04 41 0C`, a record a line.

`R` received, `T` sent, 11 or 29 bits of identifier, with the number of the bus in front from 1 on (`can1`; without it `can0`).
Records that begin with `C` are comments, events and commands. SavvyCAN writes the same without bus and with eight digits.
The format is that of docs.openvehicles.com, "CRTD CAN Log Format", 3.1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs import channels, fields, words
from canbean.can.logs.columns import Columns, hexadecimal, whole
from canbean.can.logs.lines import NO_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "CRTD"
ENDINGS = (".crtd",)
REASONS = (
    "",
    "not `seconds R11 id bytes`",
    "the time is not a number of seconds",
    "the id is not a hexadecimal CAN identifier",
    "the data is not at most 8 hexadecimal bytes",
)
LOOKS = re.compile(
    rb"^[ \t]*\d+(\.\d*)?[ \t]+\d?([RT](11|29)[ \t]+[0-9A-Fa-f]{1,8}\b|C[A-Z]{2}[ \t])", re.MULTILINE
)


def looks(head: bytes) -> bool:
    """Whether a line of the text looks like a record."""
    return LOOKS.search(head) is not None


def begin(_head: bytes) -> None:
    """Nothing: there is no header."""


def parse(lines: Lines, tables: Tables, _state: None = None) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    row = words.between_blanks(lines)
    kind = row.letter(1)
    number = kind.astype(np.int64) - words.ZERO
    numbered = (number >= 0) & (number <= 9)
    start, end = row.at(1)
    start = start + numbered
    kind = row.letter(1, 1)
    kind = np.where(numbered, kind, row.letter(1))
    reason[(kind == ord("C")) & (end - start == 3)] = NO_FRAME
    bits = row.letter(1, -2).astype(np.int64) * 256 + row.letter(1, -1)
    long, short = (bits == ord(a) * 256 + ord(b) for a, b in ("29", "11"))
    frame = ((kind == ord("R")) | (kind == ord("T"))) & (long | short) & (end - start == 3)
    rows = np.flatnonzero(frame & (row.count >= 3))
    row = row[rows]
    text = row.text

    begin_, stop = row.at(0)
    # The specification allows a point without decimals.
    t_us, timed = fields.microseconds(text, begin_, stop - (text[stop - 1] == words.POINT))
    id_, named = words.identifier(text, row.at(2))
    dlc = row.count - 3
    data, held = words.octets(row, 3, dlc)
    columns = words.Columns(
        t_us=t_us,
        id=id_,
        ext=long[rows],
        dlc=dlc,
        data=data,
        bus=words.numbered_buses(np.where(numbered, number, 0)[rows]),
    )
    checks = {2: timed, 3: named & (long[rows] | (id_ <= 0x7FF)), 4: held & (dlc <= 8)}
    return words.frames(reason, rows, columns, checks, tables), reason


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    refused = {
        "labels": frames.label != 0,
        "CAN FD, remote requests and error frames": frames.flags != 0,
        "more than 8 bytes": frames.dlc > 8,
        "times before 0": frames.t_us < 0,
    }
    said = [what for what, mask in refused.items() if mask.any()]
    return said + channels.not_counted(frames, 9)


def compose(parts: Iterable[Frames], kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames, under the comment that such files begin with."""
    first = int(kinds.t_us[0]) if len(kinds) else 0
    yield f"{first // 1_000_000}.{first % 1_000_000:06d} CXX canbean\n".encode()
    yield from map(_text, parts)


def _text(frames: Frames) -> bytes:
    """The lines of some frames."""
    bus = channels.counts(frames)
    out = Columns(len(frames))
    out.seconds(frames.t_us).constant(b" ")
    out.add(*whole(bus, 1), where=bus > 0)
    out.constant(b"R29 ", where=frames.ext).constant(b"R11 ", where=~frames.ext)
    out.add(*hexadecimal(frames.id.astype(np.int64), np.where(frames.ext, 8, 3)))
    for place in range(int(frames.dlc.max(initial=0))):
        there = frames.dlc > place
        out.constant(b" ", where=there).octets(frames.data[:, place : place + 1], there.astype(np.uint8))
    return out.constant(b"\n").bytes()
