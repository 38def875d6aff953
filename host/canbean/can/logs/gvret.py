"""SavvyCAN's own csv (GVRET): `Time Stamp,ID,Extended,Bus,LEN,D1,...,D8`, or with `Dir` before `Bus`.

Times are microseconds, though other loggers that write this header use milliseconds or seconds: what no bus could carry in
microseconds is read as the next larger unit, and said. Data may stop at LEN or be filled with zeros to eight bytes. More
than eight bytes are CAN FD; remote requests are not told apart by this format. Bus 0 is `can0`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, RTR
from canbean.can.logs import channels, fields, lanes, words
from canbean.can.logs.columns import Columns, hexadecimal, whole
from canbean.can.logs.lines import NEWLINE, Lines, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.tables import Tables

NAME = "GVRET csv"
ENDINGS = (".gvret.csv",)
REASONS = (
    "",
    "not as many fields as the header",
    "the time is not a number",
    "the id is not a hexadecimal CAN identifier",
    "Extended is neither true nor false",
    "the bus is not a number from 0 to 255",
    "LEN is not a length from 0 to 64",
    "fewer data bytes than LEN, or not hexadecimal",
    "more data than LEN says",
)
HEADER = b"Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"
LOOKS = re.compile(
    rb"\s*Time ?Stamp\s*,\s*ID\s*,\s*Extended\s*,(\s*Dir\s*,)?\s*Bus\s*,\s*LEN\s*,", re.IGNORECASE
)
FASTEST = 21_277
"""Frames a second that one bus can carry: 47 bits each, with nothing in them, at 1 Mbit/s (ISO 11898-1)."""
UNITS = {1: "microseconds", 1_000: "milliseconds", 1_000_000: "seconds"}
COMMA = ord(",")
COMMAS, FALSE, TRUE, RECEIVED, SENT = (
    np.uint64(int.from_bytes(text, "little")) for text in (b"\0,\0,", b",false,", b",true,", b"Rx,", b"Tx,")
)


@dataclass
class State:
    """What the first lines say.

    Attributes:
        bus: the number of the column Bus.
        unit_us: microseconds in a unit of time, or 0 where times are seconds with a decimal point.
        header: whether the header line is still to come.
    """

    bus: int
    unit_us: int
    header: bool = True


def looks(head: bytes) -> bool:
    """Whether the first line is the header of this format."""
    return LOOKS.match(head) is not None


def begin(head: bytes) -> State:
    """The columns and the unit of time."""
    match = LOOKS.match(head)
    lines, _ = split(head[: head.rfind(b"\n") + 1], NEWLINE)
    row = words.between(lines[1:], b",")
    state = State(bus=4 if match and match[1] else 3, unit_us=1)
    start, end = row.at(0)
    if len(row) and words.POINT in row.text[start[0] : end[0]]:
        state.unit_us = 0
        return state
    t, good = words.signed(row.text, (start, end))
    bus, named = fields.number(row.text, *row.at(state.bus), 10, 3)
    state.unit_us = _unit(t[good & named], bus[good & named])
    return state


def _unit(t: NDArray[np.int64], bus: NDArray[np.int64]) -> int:
    """Microseconds in a unit of these times: the smallest unit in which no bus is faster than a bus can be."""
    if len(t) < 100 or (t % 1000 == 0).all():
        # Too few to tell; or microseconds that were rounded to milliseconds.
        return 1
    for unit in UNITS:
        span_s = [float(np.ptp(t[bus == code])) * unit / 1e6 for code in np.unique(bus)]
        frames = [np.count_nonzero(bus == code) for code in np.unique(bus)]
        if all(n <= 1 + span * FASTEST for n, span in zip(frames, span_s, strict=True)):
            return unit
    return 1


def parse(lines: Lines, tables: Tables, state: State) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    body = lines
    if state.header and len(lines):
        reason[0], state.header = 0, False
        body = lines[1:]
    if state.unit_us != 1:
        tables.note(f"the times are taken for {UNITS.get(state.unit_us, 'seconds')}, not for microseconds")
    rows, columns = _regular(body, state)
    checks: dict[int, NDArray[np.bool_]] = {}
    if len(rows) < len(body):
        others = np.ones(len(body), bool)
        others[rows] = False
        others = np.flatnonzero(others)
        some = Lines(body.text, body.start[others], body.end[others], body.number[others])
        found, more, failed = _any(some, state)
        rows = np.concatenate([rows, others[found]])
        columns = columns.joined(more)
        fine = np.ones(len(rows) - len(found), bool)
        checks = {code: np.concatenate([fine, mask]) for code, mask in failed.items()}
        order = np.argsort(rows)
        rows, columns = rows[order], columns.taken(order)
        checks = {code: mask[order] for code, mask in checks.items()}
    rows = rows + (len(lines) - len(body))
    return words.frames(reason, rows, columns, checks, tables), reason


def _regular(lines: Lines, state: State) -> tuple[NDArray[np.int64], words.Columns]:
    """The lines that are just as SavvyCAN writes them, and nothing is wrong with: which, and what they say.

    An id of eight digits, a bus of one digit, at most eight bytes; a few words of eight characters tell.
    """
    text, start, end = lines.text, lines.start, lines.end
    comma = start + (_first_comma(text, int(start[0])) if len(lines) else 0)
    for width in range(1, 17):
        off = np.flatnonzero(text[comma] != COMMA)
        if not len(off):
            break
        comma[off] = start[off] + width
    t, good = fields.number(text, start, comma, 10, 15)
    good &= (state.unit_us > 0) & (t < (1 << 53) // max(state.unit_us, 1))
    digits, word = lanes.load(text, comma + 1, 2)
    value, bad = lanes.whole(digits, 16)
    id_ = value.view(np.int64)
    short = word & lanes.FIRST[7] == FALSE
    ext = word & lanes.FIRST[6] == TRUE
    good &= bad == 0
    good &= (short & (id_ <= 0x7FF)) | (ext & (id_ <= 0x1FFFFFFF))
    after = comma + 9
    after = after + 7 - ext
    (word,) = lanes.load(text, after)
    if state.bus == 4:
        direction = word & lanes.FIRST[3]
        good &= (direction == RECEIVED) | (direction == SENT)
        word = word >> np.uint64(24)
        after = after + 3
    # Bus and length, a digit and a comma each.
    bus = (word & np.uint64(255)).astype(np.int64) - words.ZERO
    dlc = (word >> np.uint64(16) & np.uint64(255)).astype(np.int64) - words.ZERO
    good &= (word & np.uint64(0xFF00FF00) == COMMAS) & (bus >= 0) & (bus <= 9) & (dlc >= 1) & (dlc <= 8)
    dlc = np.where(good, dlc, 0)
    first = after + 4
    data, held = words.spaced(text, first, dlc, COMMA)
    last = first + 3 * dlc - 1
    good &= held & (last <= end)
    rest = end - last
    good &= (rest <= 0) | (text[last] == COMMA)
    padded = np.flatnonzero(good & (rest > 1))
    good[padded] = _zeros(text, last[padded], end[padded])
    if good.all():
        rows = np.arange(len(lines))
        columns = words.Columns(
            t * state.unit_us, id_, ext, dlc, data, np.zeros(len(rows), np.int64), words.numbered_buses(bus)
        )
    else:
        rows = np.flatnonzero(good)
        buses = words.numbered_buses(bus[rows])
        flags = np.zeros(len(rows), np.int64)
        columns = words.Columns(
            t[rows] * state.unit_us, id_[rows], ext[rows], dlc[rows], data[rows], flags, buses
        )
    return rows, columns


def _any(lines: Lines, state: State) -> tuple[NDArray[np.int64], words.Columns, dict[int, NDArray[np.bool_]]]:
    """The lines that have enough fields: which, what they say, and what is right about them."""
    row = words.between(lines, b",")
    rows = np.flatnonzero(row.count > state.bus + 1)
    row = row[rows]
    text = row.text
    if state.unit_us:
        t_us, timed = words.signed(text, row.at(0))
        timed &= np.abs(t_us) < (1 << 53) // state.unit_us
        t_us = np.where(timed, t_us, 0) * state.unit_us
    else:
        t_us, timed = fields.microseconds(text, *row.at(0))
    id_, named = words.identifier(text, row.at(1))
    yes, no = (
        row.equals(2, b"true", b"TRUE", b"True", b"1"),
        row.equals(2, b"false", b"FALSE", b"False", b"0"),
    )
    bus, numbered = fields.number(text, *row.at(state.bus), 10, 3)
    numbered &= bus <= 255
    dlc, sized = fields.number(text, *row.at(state.bus + 1), 10, 2)
    sized &= dlc <= 64
    dlc = np.where(sized, dlc, 0)
    data, held = words.octets(row, state.bus + 2, dlc)
    start, stop = row.at(state.bus + 2 + dlc)[0], row.at(row.count - 1)[1]
    filled = row.count <= state.bus + 2 + dlc
    checks = {
        2: timed,
        3: named & (yes | (id_ <= 0x7FF)),
        4: yes | no,
        5: numbered,
        6: sized,
        7: held,
        8: filled | _zeros(text, start, stop),
    }
    buses = words.numbered_buses(np.where(numbered, bus, 0))
    return rows, words.Columns(t_us, id_, yes, dlc, data, FD * (dlc > 8), buses), checks


def _first_comma(text: NDArray[np.uint8], start: int) -> int:
    """How far the first comma is, at most 16."""
    at = np.flatnonzero(text[start : start + 17] == COMMA)
    return int(at[0]) if len(at) else 1


def _zeros(text: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where there is nothing but zeros and commas, at most 32 of them: data that is filled up to eight bytes."""
    cells = fields.windows(text, start, 32)
    inside = np.arange(32) < (end - start)[:, None]
    empty = (cells == COMMA) | (cells == words.ZERO) | (cells == ord(" "))
    return np.asarray((empty | ~inside).all(axis=1) & (end - start <= 32))


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    fd = frames.flags & FD != 0
    refused = {
        "labels": frames.label != 0,
        "remote requests": frames.flags & RTR != 0,
        "error frames": frames.flags & ERR != 0,
        "CAN FD frames of 8 bytes and less": fd & (frames.dlc <= 8),
        "more than 8 bytes outside CAN FD": ~fd & (frames.dlc > 8),
        "times beyond 285 years": np.abs(frames.t_us) >= 1 << 53,
    }
    said = [what for what, mask in refused.items() if mask.any()]
    return said + channels.not_counted(frames)


def compose(parts: Iterable[Frames], _kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames, under the header that SavvyCAN writes today."""
    yield HEADER
    yield from map(_text, parts)


def _text(frames: Frames) -> bytes:
    """The lines of some frames."""
    out = Columns(len(frames))
    out.constant(b"-", where=frames.t_us < 0).add(*whole(np.abs(frames.t_us), 16)).constant(b",")
    out.add(*hexadecimal(frames.id.astype(np.int64), 8))
    out.constant(b",true", where=frames.ext).constant(b",false", where=~frames.ext).constant(b",Rx,")
    out.add(*whole(channels.counts(frames), 3)).constant(b",")
    out.add(*whole(frames.dlc.astype(np.int64), 2)).constant(b",")
    for place in range(int(frames.dlc.max(initial=0))):
        there = frames.dlc > place
        out.octets(frames.data[:, place : place + 1], there.astype(np.uint8)).constant(b",", where=there)
    return out.constant(b"\n").bytes()
