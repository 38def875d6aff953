"""Vector's ASCII log: `  0.015991 1  18EBFF00x       Rx   d 8 01 A0 0F A6 60 3B D1 40`, one event a line, below a date and a number base.

Times are seconds after the date of the header or of the latest `Begin Triggerblock`, or steps from event to event (`timestamps
relative`). `r` in place of `d` is a remote request, a line of `CANFD` a frame of a CAN FD channel, `x` ends an extended id. Events that are no
frames (states, statistics, J1939 transport, TxRq) are passed over. After Vector's "CAN_LOG_TRIGGER_ASC_Format" and python-can's ASCReader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, LENGTHS, RTR
from canbean.can.logs import asc_columns, asc_lines, channels, fields, words
from canbean.can.logs.columns import Columns, hexadecimal, whole
from canbean.can.logs.lines import NO_FRAME, Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.tables import Tables

NAME = "Vector ASC"
ENDINGS = (".asc",)
REASONS = (
    "",
    "not `seconds channel id Rx|Tx d length bytes`, nor another event or header",
    "the channel is not a number from 1 to 255",
    "the id is not a CAN identifier in the base of the header",
    "the length is not a number from 0 to 15, or of CAN FD from 0 to 64",
    "not as many bytes as the length, in the base of the header",
)
LOOKS = re.compile(
    rb"^[ \t]*base[ \t]+(?:hex|dec)\b|^[ \t]*begin[ \t]+triggerblock\b"
    rb"|^[ \t]*\d+\.\d+[ \t]+(?:\d+[ \t]+[0-9A-F]+x?[ \t]+[RT]x[ \t]+[dr]\b|CANFD[ \t]+\d+[ \t]+[RT]x\b)",
    re.MULTILINE | re.IGNORECASE,
)
BASE = re.compile(
    rb"^[ \t]*base[ \t]+(hex|dec)(?:[ \t]+timestamps[ \t]+(absolute|relative))?", re.MULTILINE | re.IGNORECASE
)
DATED = re.compile(rb"[ \t]*(?:date|begin[ \t]+triggerblock)[ \t]+(.*)", re.IGNORECASE)
HEADER = re.compile(
    rb"[ \t]*(?:date|base|begin|end|//|(?:no[ \t]+)?internal[ \t]+events|previous)", re.IGNORECASE
)
DATE = re.compile(
    r"\S+\s+(\D{3})\S*\s+(\d{1,2})\s+(\d{1,2}):(\d\d):(\d\d)(?:\.(\d{1,6}))?\s*(am|pm)?\s+(\d{4})",
    re.IGNORECASE,
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
GERMAN = {"mär": "mar", "mrz": "mar", "mai": "may", "okt": "oct", "dez": "dec"}
WIDTH = 15
"""Of the column of ids that is written."""
UTC_NOTE = "its dates have no time zone: taken as UTC"
STEPS = "its times are steps from event to event: they were added up"


@dataclass
class State:
    """What the header says, and how far the file is read.

    Attributes:
        base: of ids and bytes, 10 or 16.
        steps: times are steps from event to event.
        start_us: what times count from.
        clock_us: where the steps have come to.
    """

    base: int
    steps: bool
    start_us: int = 0
    clock_us: int = 0


def looks(head: bytes) -> bool:
    """Whether the text has a header or a frame of this format."""
    return LOOKS.search(head) is not None


def begin(head: bytes) -> State:
    """The number base and the kind of times; dates are met as the lines are read."""
    base = BASE.search(head)
    if base is None:
        return State(16, steps=False)
    return State(10 if base[1].lower() == b"dec" else 16, (base[2] or b"").lower() == b"relative")


def start(text: str) -> int | None:
    """Microseconds since 1970 of a date such as `Sam Sep 30 10:06:13.191 pm 2017`, English or German, or None."""
    match = DATE.match(text)
    if match is None:
        return None
    month, day, hour, minute, second, fraction, half, year = match.groups()
    name = GERMAN.get(month.lower(), month.lower())
    hours = int(hour) % 12 + 12 * (half.lower() == "pm") if half else int(hour)
    try:
        when = datetime(
            int(year), MONTHS.index(name) + 1, int(day), hours, int(minute), int(second), tzinfo=UTC
        )
    except ValueError:
        return None
    return round(when.timestamp()) * 1_000_000 + int((fraction or "0").ljust(6, "0"))


def parse(lines: Lines, tables: Tables, state: State) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    reason = np.ones(len(lines), np.int8)
    first = lines.text[lines.start]
    timed = (first >= ord("0")) & (first <= ord("9"))
    starts = _headers(lines, np.flatnonzero(~timed), reason, tables, state)
    usual = None if state.steps else asc_columns.read(lines, state.base)
    if usual is not None:
        timed[usual[0]] = False
    if usual is None or timed.any():
        rows, columns, checks = _others(lines, np.flatnonzero(timed), reason, tables, state)
        if usual is not None and len(rows):
            order = np.argsort(np.concatenate([usual[0], rows]))
            good = np.ones(len(usual[0]), bool)
            checks = {code: np.concatenate([good, more])[order] for code, more in checks.items()}
            rows = np.concatenate([usual[0], rows])[order]
            columns = usual[1].joined(columns).taken(order)
        elif usual is not None:
            rows, columns, checks = *usual, {}
    else:
        rows, columns, checks = *usual, {}
    columns.t_us = columns.t_us + starts[rows]
    return words.frames(reason, rows, columns, checks, tables), reason


def _others(
    lines: Lines, places: NDArray[np.int64], reason: NDArray[np.int8], tables: Tables, state: State
) -> asc_lines.Part:
    """The frames among those lines, which begin with a digit; `reason` is written for what is none."""
    rest = Lines(lines.text, lines.start[places], lines.end[places], lines.number[places])
    word = words.between_blanks(rest)
    t_us, timed = fields.microseconds(rest.text, *word.at(0))
    reason[places[timed]] = NO_FRAME
    reason[places[timed & word.equals(1, b"Start") & word.equals(2, b"of")]] = 0
    if state.steps:
        t_us = state.clock_us + np.cumsum(np.where(timed, t_us, 0))
        state.clock_us = int(t_us[-1]) if len(t_us) else state.clock_us
        tables.note(STEPS)
    rows, columns, checks = asc_lines.read(word, timed, state.base)
    columns.t_us = t_us[rows]
    return places[rows], columns, checks


def _headers(
    lines: Lines, rows: NDArray[np.int64], reason: NDArray[np.int8], tables: Tables, state: State
) -> NDArray[np.int64]:
    """What the time of each line counts from; the lines of `rows`, which have none, are told from junk."""
    starts = np.full(len(lines), state.start_us)
    for row in rows.tolist():
        raw = lines.text[lines.start[row] : min(lines.end[row], lines.start[row] + 160)].tobytes()
        if not HEADER.match(raw):
            continue
        reason[row] = 0
        dated = DATED.match(raw)
        if dated is None:
            continue
        try:
            said = dated[1].decode()
        except UnicodeDecodeError:
            said = dated[1].decode("cp1252", "replace")
        when = start(said)
        if when is not None:
            state.start_us = starts[row:] = when
            tables.note(UTC_NOTE)
    return starts


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    error = frames.flags & ERR != 0
    refused = {
        "labels": frames.label != 0,
        "times before 1970": frames.t_us < 0,
        "more than 8 bytes outside CAN FD": (frames.dlc > 8) & (frames.flags & FD == 0),
        "remote requests of CAN FD above 8 bytes": (frames.dlc > 8) & (frames.flags & RTR != 0),
        "what an error frame tells (id, bytes, flags)": error
        & ((frames.id != 0) | (frames.dlc != 0) | frames.ext | (frames.flags != ERR)),
    }
    return [*(what for what, mask in refused.items() if mask.any()), *channels.refused(frames)]


def compose(parts: Iterable[Frames], kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames; times count from the millisecond of the earliest."""
    first_us = int(kinds.t_us.min()) // 1000 * 1000 if len(kinds) else 0
    when = datetime.fromtimestamp(first_us // 1_000_000, UTC)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    date = (
        f"{days[when.weekday()]} {MONTHS[when.month - 1].title()} {when.day:02d} "
        f"{when:%H:%M:%S}.{first_us // 1000 % 1000:03d} {when.year:04d}"
    )
    yield (
        f"date {date}\nbase hex  timestamps absolute\ninternal events logged\n// version 9.0.0\n"
        f"Begin Triggerblock {date}\n   0.000000 Start of measurement\n"
    ).encode()
    for frames in parts:
        yield _text(frames, first_us)
    yield b"End TriggerBlock\n"


def _text(frames: Frames, first_us: int) -> bytes:
    """The lines of frames."""
    t_us = frames.t_us - first_us
    fd, remote, error = (frames.flags & bit != 0 for bit in (FD, RTR, ERR))
    classic = ~fd & ~error
    length = frames.dlc.astype(np.int64)
    out = Columns(len(frames)).constant(b"   ")
    out.seconds(t_us)
    out.constant(b" CANFD  ", where=fd).constant(b" ", where=~fd)
    out.add(*whole(channels.numbers(frames), 3))
    out.constant(b" ErrorFrame", where=error).constant(b"  ", where=classic).constant(b" Rx  ", where=fd)
    digits, meant = hexadecimal(frames.id.astype(np.int64), 1)
    out.add(digits, meant, where=~error).constant(b"x", where=frames.ext)
    # The columns of classic frames stand one below the other.
    room = (WIDTH - meant.sum(axis=1) - frames.ext)[:, None]
    out.add(np.full((len(frames), WIDTH), ord(" "), np.uint8), np.arange(WIDTH) < room, where=classic)
    out.constant(b" Rx   ", where=classic)
    out.constant(b"d ", where=classic & ~remote).constant(b"r ", where=classic & remote)
    out.add(*whole(length, 1), where=classic)
    # Of CAN FD: bit rate switch, error state, code and number of bytes; at the end duration, bits and flags (EDL, remote).
    out.constant(b"   0 0 ", where=fd)
    code = np.where(remote, length, np.searchsorted(LENGTHS, length))
    out.add(*hexadecimal(code, 1), where=fd).constant(b" ", where=fd)
    held = np.where(remote, 0, length)
    out.add(*whole(held, 2), where=fd)
    channels.spaced(out, frames.data, held)
    out.constant(b" 0 0 1000 0 0 0 0 0", where=fd & ~remote).constant(
        b" 0 0 1010 0 0 0 0 0", where=fd & remote
    )
    return out.constant(b"\n").bytes()
