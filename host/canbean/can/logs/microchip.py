"""Microchip's CAN BUS Analyzer, and SavvyCAN's export for it: `166064;RX;0x0000021A;8;0xFE;0x36;`, times in milliseconds.

Times may have decimals. Ids have eight digits whatever their kind: above 7FF they are extended. The header stands between two lines of `//---`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs import channels, fields, words
from canbean.can.logs.columns import Columns, hexadecimal, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "Microchip log"
ENDINGS = (".microchip.log",)
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
HEADER = (
    b"//---------------------------------\n%s\nCAN BUS Analyzer\n//---------------------------------\n"
    % TITLE
)


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


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    refused = {
        "labels": frames.label != 0,
        "CAN FD, remote requests and error frames": frames.flags != 0,
        "more than 8 bytes": frames.dlc > 8,
        "29-bit ids up to 7FF": frames.ext & (frames.id <= 0x7FF),
        "times before 0": frames.t_us < 0,
    }
    said = [what for what, mask in refused.items() if mask.any()]
    return said + channels.unnamed(frames)


def compose(parts: Iterable[Frames], _kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames, under a header as the analyzer writes it."""
    yield HEADER
    yield from map(_text, parts)


def _text(frames: Frames) -> bytes:
    """The lines of some frames."""
    out = Columns(len(frames))
    out.add(*whole(frames.t_us // 1000, 16))
    out.constant(b".").add(*whole(frames.t_us % 1000, 3, at_least=3))
    out.constant(b";RX;0x").add(*hexadecimal(frames.id.astype(np.int64), 8)).constant(b";")
    out.add(*whole(frames.dlc.astype(np.int64), 1)).constant(b";")
    for place in range(int(frames.dlc.max(initial=0))):
        there = frames.dlc > place
        out.constant(b"0x", where=there).octets(frames.data[:, place : place + 1], there.astype(np.uint8))
        out.constant(b";", where=there)
    return out.constant(b"\n").bytes()
