"""Microchip's CAN BUS Analyzer, and SavvyCAN's export for it: `166064;RX;0x0000021A;8;0xFE;0x36;`, times in milliseconds.

Ids have eight digits whatever their kind: above 7FF they are extended. The header stands between two lines of `//---`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs import fields, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "Microchip log"
ENDINGS: tuple[str, ...] = ()
REASONS = (
    "",
    "not `milliseconds;RX;0xID;length;0xBYTE;...`",
    "the time is not a number of milliseconds",
    "the id is not a CAN identifier",
    "the length is not a number from 0 to 8",
    "not as many hexadecimal bytes as the length",
)
LOOKS = re.compile(rb"^[ \t]*\d+(\.\d+)?;[RT]X;(0x)?[0-9A-Fa-f]{1,8};\d+;", re.MULTILINE | re.IGNORECASE)
TITLE = b"Microchip Technology Inc."


@dataclass
class State:
    """How many lines of slashes there were."""

    slashes: int = 0


def looks(head: bytes) -> bool:
    """Whether the text has the title of this format, or a line that looks like one of it."""
    return TITLE in head[:256] or LOOKS.search(head) is not None


def begin(_head: bytes) -> State:
    """Before the first line."""
    return State()


def parse(lines: Lines, tables: Tables, state: State) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    row = words.between(lines, b";")
    slashes = (row.letter(0) == ord("/")) & (row.letter(0, 1) == ord("/"))
    seen = state.slashes + np.cumsum(slashes)
    state.slashes = int(seen[-1]) if len(seen) else state.slashes
    # Lines of slashes stand around a header, whose lines are told from frames by having no fields.
    reason[slashes | ((seen % 2 == 1) & (row.count < 4))] = 0
    # A line ends with a separator: the empty field behind it is none.
    start, end = row.at(row.count - 1)
    filled = row.count - (start == end)
    rows = np.flatnonzero((filled >= 4) & ~slashes)
    row, filled = row[rows], filled[rows]
    text = row.text

    t_us, timed = words.milliseconds(text, row.at(0))
    id_, named = words.identifier(text, row.at(2))
    dlc, sized = fields.number(text, *row.at(3), 10, 1)
    sized &= dlc <= 8
    dlc = np.where(sized, dlc, 0)
    data, held = words.octets(row, 4, dlc)
    checks = {2: timed, 3: named, 4: sized, 5: held & (filled == 4 + dlc)}
    columns = words.Columns(t_us=t_us, id=id_, ext=id_ > 0x7FF, dlc=dlc, data=data)
    return words.frames(reason, rows, columns, checks, tables), reason
