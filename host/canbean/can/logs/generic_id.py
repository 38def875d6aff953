"""SavvyCAN's Generic ID/Data csv: `ID,Data Bytes`, then `0000021A,FE 36 12`; neither times nor buses.

All times are 0 and said to be missing. Ids have eight digits whatever their kind: above 7FF they are extended.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs import channels, words
from canbean.can.logs.columns import Columns, hexadecimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "Generic ID csv"
ENDINGS = (".genericid.csv",)
REASONS = (
    "",
    "not `id,bytes`",
    "the id is not a hexadecimal CAN identifier",
    "the data is not at most 8 hexadecimal bytes",
)
LOOKS = re.compile(rb"\s*ID\s*,\s*Data( Bytes)?\s*\n", re.IGNORECASE)


def looks(head: bytes) -> bool:
    """Whether the first line is the header of this format."""
    return LOOKS.match(head) is not None


def begin(_head: bytes) -> list[bool]:
    """Whether the header line is still to come."""
    return [True]


def parse(lines: Lines, tables: Tables, state: list[bool]) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    tables.note("there are no times in this format: all are 0")
    row = words.between_blanks(lines, b",")
    good = row.count > 0
    if state[0] and len(lines):
        reason[0], state[0], good[0] = 0, False, False
    # The comma stands right behind the id.
    good &= lines.text[row.at(0)[1]] == ord(",")
    rows = np.flatnonzero(good)
    row = row[rows]
    id_, named = words.identifier(row.text, row.at(0))
    dlc = row.count - 1
    data, held = words.octets(row, 1, dlc)
    columns = words.Columns(t_us=np.zeros(len(rows), np.int64), id=id_, ext=id_ > 0x7FF, dlc=dlc, data=data)
    return words.frames(reason, rows, columns, {2: named, 3: held & (dlc <= 8)}, tables), reason


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    refused = {
        "labels": frames.label != 0,
        "CAN FD, remote requests and error frames": frames.flags != 0,
        "more than 8 bytes": frames.dlc > 8,
        "29-bit ids up to 7FF": frames.ext & (frames.id <= 0x7FF),
        "times": frames.t_us != 0,
    }
    said = [what for what, mask in refused.items() if mask.any()]
    return said + channels.unnamed(frames)


def compose(parts: Iterable[Frames], _kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames, under the header."""
    yield b"ID,Data Bytes\n"
    yield from map(_text, parts)


def _text(frames: Frames) -> bytes:
    """The lines of some frames."""
    out = Columns(len(frames))
    out.add(*hexadecimal(frames.id.astype(np.int64), 8)).constant(b",")
    channels.spaced(out, frames.data, frames.dlc)
    return out.constant(b"\n").bytes()
