"""What small loggers print: `820298   0x085: 7C 33 80 00 47 E0 7C 7F`, milliseconds since they were switched on, id, bytes.

Ids above 7FF, or of eight digits, are extended. The example is a Ford Mustang S550 by v-ivanyshyn/parse_can_logs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs import fields, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "milliseconds text"
ENDINGS: tuple[str, ...] = ()
REASONS = (
    "",
    "not `milliseconds 0xID: bytes`",
    "the time is not a number of milliseconds",
    "the id is not a hexadecimal CAN identifier",
    "the data is not at most 8 hexadecimal bytes",
)
LOOKS = re.compile(
    rb"^[ \t]*\d+(\.\d+)?[ \t]+0x[0-9A-Fa-f]{1,8}:([ \t]+[0-9A-Fa-f]{2}){0,8}[ \t]*$", re.MULTILINE
)


def looks(head: bytes) -> bool:
    """Whether a line of the text looks like one of this format."""
    return LOOKS.search(head) is not None


def begin(_head: bytes) -> None:
    """Nothing: there is no header."""


def parse(lines: Lines, tables: Tables, _state: None = None) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    row = words.between_blanks(lines)
    rows = np.flatnonzero((row.count >= 2) & (row.letter(1, -1) == ord(":")))
    row = row[rows]
    text = row.text
    t_us, timed = words.milliseconds(text, row.at(0))
    start, end = words.unprefixed(text, row.at(1))
    id_, named = fields.number(text, start, end - 1, 16, 8)
    named &= id_ <= 0x1FFFFFFF
    dlc = row.count - 2
    data, held = words.octets(row, 2, dlc)
    columns = words.Columns(t_us=t_us, id=id_, ext=(id_ > 0x7FF) | (end - start == 9), dlc=dlc, data=data)
    return words.frames(reason, rows, columns, {2: timed, 3: named, 4: held & (dlc <= 8)}, tables), reason
