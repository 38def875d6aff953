"""What candump prints: `(1436509052.249713)  can0  123   [8]  11 22 33 44 55 66 77 88`, one frame a line.

Times are seconds (`-t a`), dates (`-t A`), seconds since the first frame (`-t z`), steps from frame to frame (`-t d`) or not
there. A length of two digits (`[08]`, `[64]`) marks CAN FD; `remote request` stands for data; bit 29 of an eight-digit id marks an error
frame; what follows the bytes (`-a`: ASCII, `ERRORFRAME`) and what stands before the id (`-x`: direction, flags) is passed over. The format is that of
can-utils (candump.c, lib.c); that of its predecessor, `<0x18eeff01> [8] 05 a0 be 1c`, is read as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import DEFAULT_BUS, ERR, FD, RTR
from canbean.can.logs import channels, fields, words
from canbean.can.logs.columns import Columns, hexadecimal, texts, whole
from canbean.can.logs.lines import NO_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables
    from canbean.can.logs.words import Words

    Read = tuple[NDArray[np.int64], NDArray[np.bool_]]

NAME = "candump on screen"
ENDINGS = (".candump.txt",)
REASONS = (
    "",
    "not `(time) bus id [length] bytes`, the time as in the other lines",
    "the time is not a number of seconds or a date",
    "the id is not 3 or 8 hexadecimal digits of a CAN identifier",
    "the length is not from 0 to 8, or of two digits from 0 to 64",
    "not as many hexadecimal bytes as the length",
    "the name of the bus is longer than 32 bytes or holds a NUL",
)
LINE = re.compile(
    rb"^[ \t]*(?P<time>\((?P<date>\d{4}-\d\d-\d\d +[\d:]+)?(?P<seconds>[\d.]+)\)[ \t]+)?"
    rb"(?:\S+[ \t]+(?P<extra>[RT]X[ \t]+\S[ \t]+\S[ \t]+)?(?:[0-9A-F]{3}|[0-9A-F]{8})|(?P<old><0x[0-9a-f]{3,8}>))"
    rb"[ \t]+\[\d\d?\](?:[ \t]|$)",
    re.MULTILINE,
)
"""What a line of this format looks like."""
BUS = re.compile(rb"^interface = (\S{1,32}), family = ", re.MULTILINE)
TAB, OPEN, CLOSE, LEFT, RIGHT, QUOTE, COLON = (ord(character) for character in "\t()[]':")
DAY_US = 86_400_000_000
NO_TIMES = "no times in it: all frames are at 0, in the order of the file"
STEPS = "its times are steps from frame to frame (candump -t d): they were added up"
DATES = "its dates have no time zone: taken as UTC"


@dataclass
class State:
    """How the lines are laid out.

    Attributes:
        before: words before the bus: 0 without time, 1 with seconds, 2 with a date.
        extra: words between bus and id.
        old: there is no bus, and ids are `<0x123>`.
        steps: times are steps from frame to frame.
        bus: name of the bus where lines do not tell.
        clock_us: time of the last frame, where times are steps.
    """

    before: int
    extra: int
    old: bool
    steps: bool
    bus: str
    clock_us: int = 0


def looks(head: bytes) -> bool:
    """Whether a line of the text looks like one of this format."""
    return LINE.search(head) is not None


def begin(head: bytes) -> State:
    """The layout of the first line that looks right."""
    first = LINE.search(head)
    assert first is not None
    before = 2 if first["date"] else 1 if first["time"] else 0
    bus = BUS.search(head)
    name = bus[1].decode("utf-8", "backslashreplace") if bus else DEFAULT_BUS
    return State(before, 3 if first["extra"] else 0, bool(first["old"]), before == 1 and _steps(head), name)


def _steps(head: bytes) -> bool:
    """Whether times are steps from frame to frame: they begin at 0, and fall again and again."""
    seconds = []
    for match in LINE.finditer(head):
        try:
            seconds.append(float(match["seconds"] or b"x"))
        except ValueError:
            continue
    times = np.array(seconds)
    return len(times) > 2 and times[0] == 0 and (np.diff(times) < 0).mean() > 0.05


def parse(lines: Lines, tables: Tables, state: State) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    word = words.between_blanks(lines)
    reason = np.ones(len(lines), np.int8)
    text = lines.text
    at = state.before + state.extra + (0 if state.old else 1)
    begins, ends = word.at(at + 1)
    good = (text[begins] == LEFT) & (text[ends - 1] == RIGHT) & (ends > begins)
    opened = word.letter(0) == OPEN
    good &= opened if state.before else ~opened
    # Details of error frames (candump -e) and the first line of old files.
    reason[~good & ((text[lines.start - 1] == TAB) | word.equals(0, b"interface"))] = NO_FRAME
    rows = np.flatnonzero(good)
    word = word[rows]

    t_us, timed = _times(word, state)
    start, end = word.at(at)
    if state.old:
        marked = (word.letter(at) == ord("<")) & (word.letter(at, -1) == ord(">"))
        start, end = words.unprefixed(text, (np.minimum(start + 1, end), np.maximum(end - 1, start)))
    else:
        marked = np.ones(len(rows), bool)
    raw, named = fields.number(text, start, end, 16, 8)
    long = end - start == 8
    error = long & (raw >> 29 == 1)
    named &= marked & ((long & (raw >> 30 == 0)) | ((end - start == 3) & (raw <= 0x7FF)))

    start, end = word.at(at + 1)
    dlc, sized = fields.number(text, start + 1, end - 1, 10, 2)
    fd = end - start == 4
    sized &= dlc <= np.where(fd, 64, 8)
    remote = word.equals(at + 2, b"remote")
    fd &= ~remote
    count = np.where(sized & ~remote, dlc, 0)
    data, held = words.octets(word, at + 2, count)
    after = word.letter(at + 2 + count)
    held &= (
        (word.count == at + 2 + count)
        | (after == QUOTE)
        | word.equals(at + 2 + count, b"ERRORFRAME")
        | remote
    )
    if state.old:
        bus, short = (np.zeros(len(rows), np.int64), [state.bus]), np.ones(len(rows), bool)
    else:
        codes, names, short = fields.names(text, *word.at(state.before), 32)
        bus = (codes, names)
    columns = words.Columns(
        t_us=t_us,
        id=raw & 0x1FFFFFFF,
        ext=long & ~error,
        dlc=dlc,
        data=data,
        flags=FD * fd + RTR * remote + ERR * error,
        bus=bus,
    )
    checks = {2: timed, 3: named, 4: sized, 5: held, 6: short}
    frames = words.frames(reason, rows, columns, checks, tables)
    if len(frames):
        for said, note in ((state.before == 0, NO_TIMES), (state.steps, STEPS), (state.before == 2, DATES)):
            if said:
                tables.note(note)
        if state.steps:
            t_us = state.clock_us + np.cumsum(frames.t_us)
            state.clock_us = int(t_us[-1])
            frames = frames.changed(t_us=t_us)
    return frames, reason


def _times(word: Words, state: State) -> Read:
    """Microseconds of the times before the bus, and which could be read."""
    text, n = word.text, len(word)
    if not state.before:
        return np.zeros(n, np.int64), np.ones(n, bool)
    start, end = word.at(state.before - 1)
    good = (end > start) & (text[end - 1] == CLOSE)
    end = np.maximum(end - 1, start)
    if state.before == 1:
        t_us, timed = fields.microseconds(text, np.minimum(start + 1, end), end)
        return t_us, good & timed
    good &= (end - start >= 8) & (text[start + 2] == COLON) & (text[start + 5] == COLON)
    hours, whole = fields.number(text, start, start + 2, 10, 2)
    minutes, read = fields.number(text, start + 3, start + 5, 10, 2)
    t_us, timed = fields.microseconds(text, np.minimum(start + 6, end), end)
    days, dated = _days(word)
    return days * DAY_US + (hours * 60 + minutes) * 60_000_000 + t_us, good & whole & read & timed & dated


def _days(word: Words) -> Read:
    """Days since 1970-01-01 of dates `(2015-07-10`, and which could be read."""
    start, end = word.at(0)
    codes, names, good = fields.names(word.text, np.minimum(start + 1, end), end, 10)
    days = np.full(max(len(names), 1), -1, np.int64)
    for code, name in enumerate(names):
        try:
            days[code] = date.fromisoformat(name).toordinal() - date(1970, 1, 1).toordinal()
        except ValueError:
            continue
    return days[codes], good & (days[codes] >= 0)


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    fd = frames.flags & FD != 0
    refused = {
        "labels": frames.label != 0,
        "times before 0": frames.t_us < 0,
        "remote requests of CAN FD": frames.flags & (FD | RTR) == FD | RTR,
        "more than 8 bytes outside CAN FD": (frames.dlc > 8) & ~fd,
        "error frames with an extended id": (frames.flags & ERR != 0) & frames.ext,
    }
    said = [what for what, mask in refused.items() if mask.any()]
    return said + channels.unspoken(frames)


def compose(parts: Iterable[Frames], _kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames, as `candump -t a` prints it."""
    return map(_text, parts)


def _text(frames: Frames) -> bytes:
    """The lines of some frames."""
    fd, remote, error = (frames.flags & bit != 0 for bit in (FD, RTR, ERR))
    raw = frames.id.astype(np.int64) | error.astype(np.int64) << 29
    out = Columns(len(frames))
    out.constant(b" (").seconds(frames.t_us, at_least=10).constant(b")  ")
    out.add(*texts(frames.bus, frames.buses)).constant(b"  ")
    out.add(*hexadecimal(raw, np.where(frames.ext | error, 8, 3)))
    out.constant(b"   [").constant(b"0", where=fd & (frames.dlc < 10))
    out.add(*whole(frames.dlc.astype(np.int64), 2)).constant(b"]  ").constant(b"remote request", where=remote)
    channels.spaced(out, frames.data, np.where(remote, 0, frames.dlc))
    return out.constant(b"\n").bytes()
