"""CANHacker's trace: `00.000 00004000 8 36 47 19 43 01 00 00 80`, below `Time   ID     DLC Data                    Comment`.

Seconds with a point or a comma begin again every minute. Ids of 11 bits have three digits, those of 29 bits eight.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs import fields, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "CANHacker trace"
ENDINGS: tuple[str, ...] = ()
REASONS = (
    "",
    "not `seconds id length bytes`",
    "the time is not a number of seconds",
    "the id is not a hexadecimal CAN identifier",
    "the length is not a number from 0 to 8",
    "fewer hexadecimal bytes than the length",
)
LOOKS = re.compile(rb"^[ \t]*Time[ \t]+ID[ \t]+DLC[ \t]+Data\b", re.MULTILINE | re.IGNORECASE)
MINUTE_US = 60_000_000


@dataclass
class State:
    """The decimal point, and the clock of a minute.

    A file whose times reach a minute has a clock that does not begin again.
    """

    point: int
    clock: words.Turning | None = field(default_factory=lambda: words.Turning(MINUTE_US, 1_000_000))


def looks(head: bytes) -> bool:
    """Whether the text has the header of this format."""
    return LOOKS.search(head) is not None


def begin(head: bytes) -> State:
    """The decimal point, from the first line that has one."""
    match = re.search(rb"^[ \t]*\d+([.,])\d+[ \t]", head, re.MULTILINE)
    return State(point=match[1][0] if match else words.POINT)


def parse(lines: Lines, tables: Tables, state: State) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    row = words.between_blanks(lines)
    reason[row.equals(0, b"Time", b"time", b"TIME") & (row.count >= 4)] = 0
    rows = np.flatnonzero((row.count >= 3) & (reason != 0))
    row = row[rows]
    text = row.text
    t_us, timed = fields.microseconds(text, *row.at(0), state.point)
    id_, named = words.identifier(text, row.at(1))
    start, end = row.at(1)
    ext = (end - start == 8) | (id_ > 0x7FF)
    dlc, sized = fields.number(text, *row.at(2), 10, 1)
    sized &= dlc <= 8
    dlc = np.where(sized, dlc, 0)
    data, held = words.octets(row, 3, dlc)
    columns = words.Columns(t_us=t_us, id=id_, ext=ext, dlc=dlc, data=data)
    frames = words.frames(reason, rows, columns, {2: timed, 3: named, 4: sized, 5: held}, tables)
    if len(frames) and int(frames.t_us.max()) >= MINUTE_US:
        state.clock = None
    return frames.changed(t_us=state.clock.unrolled(frames.t_us)) if state.clock else frames, reason
