"""candump's log format: `(1436509052.249713) vcan0 044#2A366C2BBA`, one frame a line.

`##` and a nibble of flags (bit rate switch, error state: not kept) begin the data of CAN FD; `#R` and `#R8` are remote
requests; bit 29 of an eight-digit id marks an error frame; a last ` R` or ` T` tells the direction and is passed over.
The format is that of can-utils (`candump -l`, lib.c).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, RTR, Frames
from canbean.can.logs import channels, fields, words
from canbean.can.logs.columns import Columns, hexadecimal, texts, whole
from canbean.can.logs.lines import DIGIT, HASH, Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.logs.tables import Tables

NAME = "candump"
REASONS = (
    "",
    "not `(seconds) bus id#data`",
    "the time is not a number of seconds",
    "the id is not 3 or 8 hexadecimal digits of a CAN identifier",
    "the data is not an even number of hexadecimal digits",
    "longer than a frame can be (8 bytes, CAN FD 64)",
    "the name of the bus is longer than 32 bytes or holds a NUL",
)
ENDINGS = (".log",)
LOOKS = re.compile(rb"^[ \t]*\([0-9.]+\)[ \t]+\S+[ \t]+[0-9A-Fa-f]{3,8}#", re.MULTILINE)
"""What a line of this format looks like."""
USUAL = re.compile(
    rb"(?P<time>\(\d{1,12}\.\d{6})\) (?P<bus>\S{1,32}) (?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})#[0-9A-Fa-f]*(?P<direction> [RT])?$"
)
"""The layout of a classic frame, which most lines share."""
SPACE, OPEN, CLOSE, REMOTE, TRANSMIT = (ord(character) for character in " ()RT")


def looks(head: bytes) -> bool:
    """Whether a line of the text looks like one of this format."""
    return LOOKS.search(head) is not None


def begin(_head: bytes) -> None:
    """Nothing: there is no header."""


def parse(lines: Lines, tables: Tables, _state: None) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    frames, usual = _usual(lines, tables)
    others = np.flatnonzero(~usual)
    if not len(others):
        return frames, np.zeros(len(lines), np.int8)
    rest = Lines(lines.text, lines.start[others], lines.end[others], lines.number[others])
    more, worse = _any(rest, tables)
    if len(others) == len(lines):
        return more, worse
    reason = np.zeros(len(lines), np.int8)
    reason[others] = worse
    place = np.concatenate([np.flatnonzero(usual), others[worse == 0]])
    return Frames.concat([frames, more])[np.argsort(place)], reason


def _usual(lines: Lines, tables: Tables) -> tuple[Frames, NDArray[np.bool_]]:
    """The classic frames of lines that are laid out as the first such one, and which lines those are."""
    text, start, end = lines.text, lines.start, lines.end
    rows = range(min(len(lines), 16))
    matches = (USUAL.match(text[start[row] : min(end[row], start[row] + 256)].tobytes()) for row in rows)
    first = next(filter(None, matches), None)
    if first is None:
        return Frames.empty(), np.zeros(len(lines), bool)
    close, name, space = first.end("time"), first.start("bus"), first.end("bus")
    good = (text[start] == OPEN) & (text[start + close] == CLOSE)
    good &= (text[start + name - 1] == SPACE) & (text[start + space] == SPACE)
    named = start + space + 1
    short = text[named + 3] == HASH
    good &= short | (text[named + 8] == HASH)
    mark = named + np.where(short, 3, 8)
    if first["direction"]:
        letter = text[end - 1]
        good &= (text[end - 2] == SPACE) & ((letter == REMOTE) | (letter == TRANSMIT))
        end = end - 2
    t_us, timed = fields.microseconds(text, start + 1, start + close)
    id_, numbered = fields.number(text, named, mark, 16, 8)
    data, dlc, held = fields.octets(text, mark + 1, end)
    good &= timed & numbered & held & (dlc <= 8) & (id_ <= np.where(short, 0x7FF, 0x1FFFFFFF))
    bus, names, plain = fields.names(text, start + name, start + space, 32)
    good &= plain
    if len(set("".join(names)) & set(" \t\r\0\\")):
        good &= np.array([not set(word) & set(" \t\r\0\\") for word in names])[bus]
    columns = words.Columns(t_us, id_, ~short, dlc, data[:, :8], 0, (bus, names))
    reason = np.ones(len(lines), np.int8)
    return words.frames(reason, np.arange(len(lines)), columns, {1: good}, tables), reason == 0


def _any(lines: Lines, tables: Tables) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of any lines, and for every line an index into `REASONS`."""
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
    count = np.searchsorted(begins[:-1], lines.end) - first
    good = (count == 3) | (count == 4)
    last = first + np.where(count == 4, 3, 0)
    direction = text[begins[last]]
    good &= (count == 3) | (
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
    bus, names, plain = fields.names(text, begins[first + 1], ends[first + 1], 32)
    columns = words.Columns(
        t_us=t_us,
        id=raw & 0x1FFFFFFF,
        ext=long & ~error,
        dlc=np.where(remote, asked, dlc),
        data=data,
        flags=FD * fd + RTR * remote + ERR * error,
        bus=(bus, names),
    )
    checks = {2: timed, 3: named, 4: held, 5: fitting, 6: plain}
    return words.frames(reason, rows, columns, checks, tables), reason


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    refused = {
        "labels": frames.label != 0,
        "times before 0": frames.t_us < 0,
        "remote requests of CAN FD": frames.flags & (FD | RTR) == FD | RTR,
        "more than 8 bytes outside CAN FD": (frames.dlc > 8) & (frames.flags & FD == 0),
        "error frames with an extended id": (frames.flags & ERR != 0) & frames.ext,
    }
    said = [what for what, mask in refused.items() if mask.any()]
    return said + channels.unspoken(frames)


def compose(parts: Iterable[Frames], _kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames."""
    return map(_text, parts)


def _text(frames: Frames) -> bytes:
    fd, remote, error = (frames.flags & bit != 0 for bit in (FD, RTR, ERR))
    long = frames.ext | error
    raw = frames.id.astype(np.int64) | error.astype(np.int64) << 29
    out = Columns(len(frames))
    out.constant(b"(").seconds(frames.t_us, at_least=10).constant(b") ")
    out.add(*texts(frames.bus, frames.buses)).constant(b" ")
    out.add(*hexadecimal(raw, np.where(long, 8, 3))).constant(b"#")
    out.constant(b"#0", where=fd).constant(b"R", where=remote)
    out.add(*whole(frames.dlc.astype(np.int64), 1, at_least=1), where=remote & (frames.dlc > 0))
    out.octets(frames.data, np.where(remote, 0, frames.dlc))
    return out.constant(b"\n").bytes()
