"""CARBUS Analyzer's trace: `46,016<TAB>1<TAB>0004<TAB>45A<TAB>8<TAB>5A 04 00 ...`, below `@ TEXT @ 2 @ ...`.

Seconds and milliseconds (version 2) or microseconds (version 3) that begin again every minute, channel, flags, id, length,
data; a checksum and the data as text follow. Lines end with a carriage return. The format is that of canhacker.ru.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import FD
from canbean.can.logs import fields, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "CARBUS Analyzer trace"
ENDINGS: tuple[str, ...] = ()
REASONS = (
    "",
    "not `seconds channel flags id length bytes`",
    "the time is not a number of seconds",
    "the channel is not a number from 0 to 255",
    "the id is not a hexadecimal CAN identifier",
    "the length is not a number from 0 to 64",
    "fewer hexadecimal bytes than the length",
)
LOOKS = re.compile(rb"\s*@ TEXT @ \d+ @")
COMMA = ord(",")
MINUTE_US = 60_000_000


def looks(head: bytes) -> bool:
    """Whether the first line is the header of this format."""
    return LOOKS.match(head) is not None


def begin(_head: bytes) -> words.Turning:
    """The clock of a minute."""
    return words.Turning(MINUTE_US, 1_000_000)


def parse(lines: Lines, tables: Tables, state: words.Turning) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    row = words.between_blanks(lines)
    header = row.letter(0) == ord("@")
    reason[header] = 0
    rows = np.flatnonzero((row.count >= 5) & ~header)
    row = row[rows]
    text = row.text
    t_us, timed = fields.microseconds(text, *row.at(0), COMMA)
    channel, numbered = fields.number(text, *row.at(1), 10, 3)
    id_, named = words.identifier(text, row.at(3))
    start, end = row.at(3)
    dlc, sized = fields.number(text, *row.at(4), 10, 2)
    sized &= dlc <= 64
    dlc = np.where(sized, dlc, 0)
    data, held = words.octets(row, 5, dlc)
    checks = {2: timed, 3: numbered & (channel <= 255), 4: named, 5: sized, 6: held}
    columns = words.Columns(
        t_us=t_us,
        id=id_,
        ext=(end - start > 3) | (id_ > 0x7FF),
        dlc=dlc,
        data=data,
        flags=FD * (dlc > 8),
        bus=words.numbered_buses(np.where(checks[3], channel, 0)),
    )
    frames = words.frames(reason, rows, columns, checks, tables)
    return frames.changed(t_us=state.unrolled(frames.t_us)), reason
