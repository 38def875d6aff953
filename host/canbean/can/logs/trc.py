"""PEAK's trace, versions 1.0 to 1.3, 2.0 and 2.1: `   1)    1059.9  Rx  0300  7  00 00 00 00 04 00 00`, below lines that begin with `;`.

Times are milliseconds after the start time of the header (days since 1899-12-30, taken as UTC; version 1.0 has none). Ids of more than four
digits are extended; version 2 tells the columns and marks CAN FD, remote requests and error frames by types of two letters; `RTR` does in version 1.
Lines of warnings, states and counters hold no frames. The format is PEAK's "PCAN trace files" (its documentation of PCAN-View).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, LENGTHS, RTR
from canbean.can.logs import channels, fields, words
from canbean.can.logs.columns import Columns, hexadecimal, whole
from canbean.can.logs.lines import NO_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "PEAK trace"
ENDINGS = (".trc",)
REASONS = (
    "",
    "not as many columns as this version of the format has",
    "the time is not a number of milliseconds",
    "the id is not a hexadecimal CAN identifier",
    "the length is not a number from 0 to 8, or one of CAN FD",
    "not as many hexadecimal bytes as the length",
    "the bus is not a number from 1 to 255",
)
VERSIONS = {
    b"1.0": "NOILD",
    b"1.1": "NOTILD",
    b"1.2": "NOBTILD",
    b"1.3": "NOBTIRLD",
}
"""Columns of the versions that do not name them: number, offset, bus, type, id, reserved, length or dlc, data."""
LOOKS = re.compile(
    rb"\A\s*;\$FILEVERSION=|^;.*\bPCAN\b|^;-{3,}\+-.*$\n\s*\d+\)\s+[\d.]+\s", re.MULTILINE | re.IGNORECASE
)
VERSION = re.compile(rb"^;\$FILEVERSION=(\d\.\d)", re.MULTILINE)
START = re.compile(rb"^;\$STARTTIME=(\d{1,6}(?:\.\d*)?)", re.MULTILINE)
COLUMNS = re.compile(rb"^;\$COLUMNS=([A-Za-z](?:,[A-Za-z])*)[ \t]*$", re.MULTILINE)
COMMENT = ord(";")
DAY_US = 86_400_000_000
EPOCH_DAYS = 25_569
"""Days from 1899-12-30 to 1970-01-01."""
UTC = "its start time has no time zone: taken as UTC"
DATA = (b"DT", b"FD", b"FB", b"FE", b"BI", b"RR", b"ER")
"""Types of frames: classic, four of CAN FD (bit rate switch, error state: not kept), remote request, error frame."""


@dataclass
class State:
    """Where the columns stand, by their letters (`l` a length in bytes, `L` a code of version 2), and the start time."""

    at: dict[str, int]
    modern: bool
    start_us: int


def looks(head: bytes) -> bool:
    """Whether the text has the header of this format."""
    return LOOKS.search(head) is not None


def begin(head: bytes) -> State:
    """Version, columns and start time of the header."""
    version, start, columns = VERSION.search(head), START.search(head), COLUMNS.search(head)
    names = VERSIONS.get(version[1] if version else b"1.0", "")
    modern = not names
    if modern:
        names = columns[1].decode().replace(",", "") if columns else "NOTBIdRLD"
    start_us = round((float(start[1]) - EPOCH_DAYS) * DAY_US) if start else 0
    return State({name: place for place, name in enumerate(names)}, modern, start_us)


def parse(lines: Lines, tables: Tables, state: State) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    word, at, text = words.between_blanks(lines), state.at, lines.text
    reason[word.letter(0) == COMMENT] = 0
    if not {"O", "I", "D"} <= set(at) or not {"l", "L"} & set(at):
        return words.frames(reason, np.zeros(0, np.int64), _none(), {}, tables), reason
    size = at.get("l", at.get("L", 0))
    good = (word.letter(0) != COMMENT) & (word.count > at["O"])
    kind = at.get("T")
    error = np.zeros(len(lines), bool)
    if kind is None:
        known = ~word.equals(at["I"], b"FFFFFFFF")
    else:
        known = word.equals(kind, *(DATA if state.modern else (b"Rx", b"Tx")))
        error = word.equals(kind, b"ER") if state.modern else word.equals(kind, b"Error")
    typed = word.letter(kind) > ord("9") if kind is not None else good
    reason[good & typed & ~(known | error)] = NO_FRAME
    rows = np.flatnonzero(good & (known | error) & (error | (word.count > size)))
    word, error = word[rows], error[rows]

    t_us, timed = words.milliseconds(text, word.at(at["O"]))
    id_, named = words.identifier(text, word.at(at["I"]))
    start, end = word.at(at["I"])
    ext = end - start > 4
    dlc, sized = fields.number(text, *word.at(size), 10, 2)
    fd = word.equals(kind, *DATA[1:5]) if state.modern and kind is not None else np.zeros(len(rows), bool)
    remote = word.equals(kind, b"RR") if state.modern and kind is not None else word.equals(at["D"], b"RTR")
    if "l" not in at and fd.any():
        dlc = np.where(fd, LENGTHS[np.clip(dlc, 0, 15)], dlc)
    sized &= dlc <= np.where(fd, 64, 8)
    count = np.where(sized & ~remote & ~error, dlc, 0)
    data, held = words.octets(word, at["D"], count)
    bus, told = channels.buses(text, word.at(at["B"])) if "B" in at else (None, np.ones(len(rows), bool))
    columns = words.Columns(
        t_us=t_us + state.start_us,
        id=np.where(error, 0, id_),
        ext=ext & ~error,
        dlc=np.where(error, 0, dlc),
        data=data,
        flags=FD * fd + RTR * (remote & ~error) + ERR * error,
        bus=bus,
    )
    named &= id_ <= np.where(ext, 0x1FFFFFFF, 0x7FF)
    checks = {2: timed, 3: named | error, 4: sized | error, 5: held | error, 6: told}
    if state.start_us and len(rows):
        tables.note(UTC)
    return words.frames(reason, rows, columns, checks, tables), reason


def _none() -> words.Columns:
    """No rows."""
    empty = np.zeros(0, np.int64)
    return words.Columns(empty, empty, empty > 0, empty, np.zeros((0, 8), np.uint8))


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    remote = frames.flags & RTR != 0
    error = frames.flags & ERR != 0
    refused = {
        "labels": frames.label != 0,
        "times before 1970": frames.t_us < 0,
        "remote requests of CAN FD": remote & (frames.flags & FD != 0),
        "more than 8 bytes outside CAN FD": (frames.dlc > 8) & (frames.flags & FD == 0),
        "lengths that CAN FD does not know": ~np.isin(frames.dlc, LENGTHS),
        "what an error frame tells (id, bytes, flags)": error
        & ((frames.id != 0) | (frames.dlc != 0) | frames.ext | (frames.flags != ERR)),
    }
    return [*(what for what, mask in refused.items() if mask.any()), *channels.refused(frames)]


def compose(parts: Iterable[Frames], kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames in version 2.1, which counts from the earliest of them."""
    first_us = int(kinds.t_us.min()) // 1000 * 1000 if len(kinds) else 0
    yield (
        f";$FILEVERSION=2.1\n;$STARTTIME={first_us / DAY_US + EPOCH_DAYS!r}\n;$COLUMNS=N,O,T,B,I,d,R,L,D\n;\n"
        ";   Message   Time    Type    ID     Rx/Tx\n;   Number    Offset  |  Bus  [hex]  |  Reserved\n"
        ";   |         [ms]    |  |    |      |  |  Data Length Code\n;   |         |       |  |    |      |  |  |    Data [hex] ...\n"
        ";---+-- ------+------ +- +- --+----- +- +- +--- +- -- -- -- -- -- -- --\n"
    ).encode()
    number = 1
    for frames in parts:
        yield _text(frames, first_us, number)
        number += len(frames)


def _text(frames: Frames, first_us: int, number: int) -> bytes:
    """The lines of frames; the first has this number."""
    n, t_us = len(frames), frames.t_us - first_us
    fd, remote, error = (frames.flags & bit != 0 for bit in (FD, RTR, ERR))
    out = Columns(n)
    out.constant(b"    ").add(*whole(np.arange(number, number + n), 12)).constant(b" ")
    out.add(*whole(t_us // 1000, 14)).constant(b".").add(*whole(t_us % 1000, 3, at_least=3))
    for mask, kind in ((fd, b" FD "), (remote, b" RR "), (error, b" ER ")):
        out.constant(kind, where=mask)
    out.constant(b" DT ", where=~(fd | remote | error))
    out.add(*whole(channels.numbers(frames), 3)).constant(b" ")
    out.constant(b"-", where=error)
    digits, meant = hexadecimal(frames.id.astype(np.int64), np.where(frames.ext, 8, 4))
    out.add(digits, meant, where=~error).constant(b" Rx - ")
    out.add(*whole(np.searchsorted(LENGTHS, frames.dlc), 2))
    channels.spaced(out, frames.data, np.where(remote, 0, frames.dlc))
    return out.constant(b"\n").bytes()
