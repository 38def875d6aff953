"""slcan text (Lawicel, CANable): `t1238AABB...`, `T18FEF1008...`, `r`, `R`; a command a line, ended by a carriage return.

`d D b B` are CAN FD (with a bit rate switch: not kept). Four hexadecimal digits behind the data are the adapter's time in
milliseconds, which begins again every minute; seconds in front of the command (`1700000000.25 t123...`, also in brackets) are the
host's, and come first. Without either all times are 0, and that is said. Other commands and answers hold no frame.
The format is that of the CANUSB manual, lawicel.com.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, LENGTHS, RTR
from canbean.can.logs import channels, fields, words
from canbean.can.logs.columns import Columns, hexadecimal
from canbean.can.logs.lines import DIGIT, NO_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "slcan text"
ENDINGS = (".slcan",)
REASONS = (
    "",
    "not a slcan command, with or without a time in front",
    "the time is not a number of seconds",
    "the id is not a hexadecimal CAN identifier",
    "the length is not a hexadecimal digit from 0 to 8 (CAN FD: F)",
    "not as many hexadecimal digits as the length, with or without 4 of a time",
)
FRAME = rb"(t[0-7][0-9A-Fa-f]{2}[0-8]|T[01][0-9A-Fa-f]{7}[0-8]|[db][0-7][0-9A-Fa-f]{3}|[DB][01][0-9A-Fa-f]{8})([0-9A-Fa-f]{2})*|(r[0-7][0-9A-Fa-f]{2}|R[01][0-9A-Fa-f]{7})[0-8]([0-9A-Fa-f]{4})?"
LOOKS = re.compile(rb"^[ \t]*([\[(]?\d+(\.\d+)?[\])]?[ \t]+)?(" + FRAME + rb")[ \t]*$", re.MULTILINE)
COMMANDS = np.isin(np.arange(256), list(b"\x07CEFLMNOQSUVWXYZmsvz"))
"""First bytes of what is sent and answered besides frames."""
MINUTE_US = 60_000_000
BRACKETS = np.isin(np.arange(256), list(b"()[]"))


@dataclass
class State:
    """The adapter's clock."""

    clock: words.Turning = field(default_factory=lambda: words.Turning(MINUTE_US, 1_000_000))


def looks(head: bytes) -> bool:
    """Whether at least every other of the first lines that are no command is a frame."""
    lines = [line.strip() for line in head.split(b"\n")[:-1][:200]] or [head.strip()]
    full = [line for line in lines if line and not line.startswith(b"#") and not COMMANDS[line[0]]]
    return 2 * sum(LOOKS.match(line) is not None for line in full) > len(full)


def begin(_head: bytes) -> State:
    """The clock before the first frame."""
    return State()


def parse(lines: Lines, tables: Tables, state: State) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    row = words.between_blanks(lines)
    timed_by_host = row.count == 2
    kind = row.letter(np.where(timed_by_host, 1, 0))
    short, long = (np.isin(kind, list(letters)) for letters in (b"trdb", b"TRDB"))
    reason[COMMANDS[kind] & (row.count == 1)] = NO_FRAME
    rows = np.flatnonzero((short | long) & (row.count <= 2))
    row, kind, long, timed_by_host = row[rows], kind[rows], long[rows], timed_by_host[rows]
    text = row.text

    begin_, end_ = row.at(0)
    t_us, timed = fields.microseconds(text, begin_ + BRACKETS[text[begin_]], end_ - BRACKETS[text[end_ - 1]])
    start, end = row.at(np.where(timed_by_host, 1, 0))
    size = np.where(long, 8, 3)
    # Nothing is read behind the end of a word that is too short.
    enough = end - start >= 2 + size
    digits = np.minimum(start + 1 + size, end)
    id_, named = fields.number(text, np.minimum(start + 1, end), digits, 16, 8)
    named &= enough & (id_ <= np.where(long, 0x1FFFFFFF, 0x7FF))
    code = np.where(enough, DIGIT[text[digits]], 255)
    fd = np.isin(kind, list(b"dDbB"))
    remote = np.isin(kind, list(b"rR"))
    sized = code <= np.where(fd, 15, 8)
    dlc = LENGTHS[np.where(sized, code, 0)]
    begins = np.minimum(digits + 1, end)
    stop = begins + np.where(remote, 0, 2 * dlc)
    stamped = end - stop == 4
    held = (end == stop) | stamped
    data, _, paired = fields.octets(text, begins, np.where(held, stop, begins))
    stamp, read = fields.number(text, np.where(stamped, stop, begins), np.where(stamped, end, begins), 16, 4)
    held &= paired & (read | ~stamped) & (stamp < 60_000)
    columns = words.Columns(
        t_us=np.where(timed_by_host, t_us, stamp * 1000),
        id=id_,
        ext=long,
        dlc=dlc,
        data=data,
        flags=FD * fd + RTR * remote,
    )
    checks = {2: timed | ~timed_by_host, 3: named, 4: sized, 5: held}
    frames = words.frames(reason, rows, columns, checks, tables)
    ok = reason[rows] == 0
    if (~stamped & ~timed_by_host & ok).any():
        tables.note("there are frames without a time: theirs is 0")
    own = np.flatnonzero((stamped & ~timed_by_host)[ok])
    frames.t_us[own] = state.clock.unrolled(frames.t_us[own])
    return frames, reason


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    fd = frames.flags & FD != 0
    refused = {
        "labels": frames.label != 0,
        "error frames": frames.flags & ERR != 0,
        "remote requests of CAN FD": fd & (frames.flags & RTR != 0),
        "more than 8 bytes outside CAN FD": ~fd & (frames.dlc > 8),
        "lengths that CAN FD does not have": fd & ~np.isin(frames.dlc, LENGTHS),
        "times before 0": frames.t_us < 0,
    }
    said = [what for what, mask in refused.items() if mask.any()]
    return said + channels.unnamed(frames)


def compose(parts: Iterable[Frames], _kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames, the host's time in front of each."""
    return map(_text, parts)


def _text(frames: Frames) -> bytes:
    """The lines of some frames."""
    fd, remote = frames.flags & FD != 0, frames.flags & RTR != 0
    letters = np.frombuffer(b"tTrRdD", np.uint8)[np.where(fd, 4, np.where(remote, 2, 0)) + frames.ext]
    out = Columns(len(frames))
    out.seconds(frames.t_us).constant(b" ")
    out.add(letters[:, None], np.ones((len(frames), 1), bool))
    out.add(*hexadecimal(frames.id.astype(np.int64), np.where(frames.ext, 8, 3)))
    out.add(*hexadecimal(np.searchsorted(LENGTHS, frames.dlc), 1))
    out.octets(frames.data, np.where(remote, 0, frames.dlc))
    return out.constant(b"\n").bytes()
