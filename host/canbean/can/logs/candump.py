"""candump's log format: `(1436509052.249713) vcan0 044#2A366C2BBA`, one frame a line.

`##` and a nibble of flags (bit rate switch, error state: not kept) begin the data of CAN FD; `#R` and `#R8` are remote
requests; bit 29 of an eight-digit id marks an error frame; a last ` R` or ` T` tells the direction and is passed over.
The format is that of can-utils (`candump -l`, lib.c).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, RTR, Frames, recode
from canbean.can.logs import fields
from canbean.can.logs.columns import Columns, hexadecimal, texts, whole
from canbean.can.logs.lines import DIGIT, HASH
from canbean.errors import LogError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "candump"
REASONS = (
    "",
    "not `(seconds) bus id#data`",
    "the time is not a number of seconds",
    "the id is not 3 or 8 hexadecimal digits of a CAN identifier",
    "the data is not an even number of hexadecimal digits",
    "longer than a frame can be (8 bytes, CAN FD 64)",
    "the name of the bus is longer than 32 bytes",
)
LOOKS = re.compile(rb"^[ \t]*\([0-9.]+\)[ \t]+\S+[ \t]+[0-9A-Fa-f]{3,8}#", re.MULTILINE)
"""What a line of this format looks like."""
OPEN, CLOSE, REMOTE, TRANSMIT = (ord(character) for character in "()RT")


def parse(lines: Lines, tables: Tables) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    text, n = lines.text, len(lines)
    reason = np.ones(n, np.int8)
    if not n:
        return Frames.empty(), reason
    low, high = int(lines.start[0]), int(lines.end[-1])
    near = text[low - 1 : high + 1]
    blank = (near == 32) | (near == 10) | (near == 9) | (near == 13)
    # Between blanks, words begin and end by turns; the one at 0 stands for a word that is not there.
    edges = np.flatnonzero(blank[1:] != blank[:-1]) + low
    begins, ends = np.append(edges[0::2], 0), np.append(edges[1::2], 0)
    first = np.searchsorted(begins[:-1], lines.start)
    words = np.searchsorted(begins[:-1], lines.end) - first
    good = (words == 3) | (words == 4)
    last = first + np.where(words == 4, 3, 0)
    direction = text[begins[last]]
    good &= (words == 3) | (
        (ends[last] - begins[last] == 1) & ((direction == REMOTE) | (direction == TRANSMIT))
    )
    hashes = np.append(np.flatnonzero(text[low:high] == HASH) + low, high)
    third = np.where(good, first + 2, 0)
    mark = hashes[np.searchsorted(hashes, begins[third])]
    good &= (text[begins[first]] == OPEN) & (text[ends[first] - 1] == CLOSE) & (mark < ends[third])
    rows = np.flatnonzero(good)
    first, third, mark = first[rows], third[rows], mark[rows]

    t_us, timed = fields.microseconds(text, begins[first] + 1, ends[first] - 1)
    raw, named = fields.number(text, begins[third], mark, 16, 8)
    long = mark - begins[third] == 8
    error = long & (raw >> 29 == 1)
    named &= (long & (raw >> 30 == 0)) | ((mark - begins[third] == 3) & (raw <= 0x7FF))

    begin, end = mark + 1, ends[third]
    fd = text[begin] == HASH
    remote = ~fd & (text[begin] == REMOTE) & (end - begin <= 2)
    asked = DIGIT[text[begin + 1]]
    asked[end - begin == 1] = 0
    held = ~fd | ((DIGIT[text[begin + 1]] < 16) & (end - begin >= 2))
    begin = np.where(remote, end, np.minimum(begin + 2 * fd, end))
    data, dlc, paired = fields.octets(text, begin, end)
    held &= paired & (~remote | (asked < 16))
    fitting = (dlc <= np.where(fd, 64, 8)) & (~remote | (asked <= 8))
    short = ends[first + 1] - begins[first + 1] <= 32
    reason[rows] = 0
    for code, check in ((6, short), (5, fitting), (4, held), (3, named), (2, timed)):
        reason[rows[~check]] = code

    ok = reason[rows] == 0
    bus, names, _ = fields.names(text, begins[first + 1][ok], ends[first + 1][ok], 32)
    flags = FD * fd + RTR * remote + ERR * error
    frames = Frames(
        t_us=t_us[ok],
        id=(raw & 0x1FFFFFFF)[ok].astype(np.uint32),
        ext=(long & ~error)[ok],
        flags=flags[ok].astype(np.uint8),
        dlc=np.where(remote, asked, dlc)[ok].astype(np.uint8),
        data=data[ok],
        bus=recode(bus, names, tables.buses, 256, "buses").astype(np.uint8),
        label=np.zeros(int(ok.sum()), np.int16),
        buses=tuple(tables.buses),
    )
    return frames, reason


def compose(frames: Frames, name: str) -> bytes:
    """The text of frames.

    Raises:
        LogError: something that the format has no place for; the message names it.
    """
    refused = {
        "labels (write .csv, or frames without labels)": frames.label != 0,
        "times before 0": frames.t_us < 0,
        "remote requests of CAN FD": frames.flags & (FD | RTR) == FD | RTR,
        "more than 8 bytes outside CAN FD": (frames.dlc > 8) & (frames.flags & FD == 0),
        "error frames with an extended id": (frames.flags & ERR != 0) & frames.ext,
    }
    for what, mask in refused.items():
        if mask.any():
            raise LogError(f"{name}: candump text has no place for {what}")
    for bus in frames.buses:
        if not bus or len(bus.encode()) > 32 or any(c.isspace() or c == "\0" for c in bus):
            raise LogError(f"{name}: candump text has no place for a bus named {bus!r}")
    fd, remote, error = (frames.flags & bit != 0 for bit in (FD, RTR, ERR))
    long = frames.ext | error
    raw = frames.id.astype(np.int64) | error.astype(np.int64) << 29
    out = Columns(len(frames))
    out.constant(b"(").add(*whole(frames.t_us // 1_000_000, 12, at_least=10))
    out.constant(b".").add(*whole(frames.t_us % 1_000_000, 6, at_least=6)).constant(b") ")
    out.add(*texts(frames.bus, frames.buses)).constant(b" ")
    out.add(*hexadecimal(raw, np.where(long, 8, 3))).constant(b"#")
    out.constant(b"#0", where=fd).constant(b"R", where=remote)
    out.add(*whole(frames.dlc.astype(np.int64), 1, at_least=1), where=remote & (frames.dlc > 0))
    out.octets(frames.data, np.where(remote, 0, frames.dlc))
    return out.constant(b"\n").bytes()
