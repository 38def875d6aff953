"""BusMaster's log: `22:20:14:992 Rx 1 0x21A s 8 FE 36 12 FE 69 05 07 AD`, below a header between asterisks.

The header says whether ids and data are hexadecimal or decimal, and whether times are of the day (`SYSTEM MODE`), since
the start (`ABSOLUTE MODE`) or since the line before (`RELATIVE MODE`). The last part of a time counts tenths of
milliseconds where it has four digits (BusMaster), milliseconds where it has fewer (SavvyCAN). Types are `s` and `x` (29 bits),
with `r` behind them for remote requests and `-fd` for CAN FD; `ERR` is an error frame. Channel 1 is `can1`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, RTR
from canbean.can.logs import channels, fields, words
from canbean.can.logs.columns import Columns, hexadecimal, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

NAME = "BusMaster log"
ENDINGS = (".busmaster.log",)
REASONS = (
    "",
    "not `h:m:s:ms Rx channel id type length bytes`",
    "the time is not hours:minutes:seconds:milliseconds",
    "the channel is not a number from 0 to 255",
    "the id is not a CAN identifier in the number base of the header",
    "the type is none of s, x, sr, xr, s-fd, x-fd, ERR",
    "the length is not a number from 0 to 8 (CAN FD: 64)",
    "not as many bytes as the length, or not in the number base of the header",
)
LOOKS = re.compile(rb"^[ \t]*\*\*\*\s*(BUSMASTER|PROTOCOL CAN|<Time><Tx/Rx><Channel>)", re.MULTILINE)
DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000
HEADER = (
    b"***BUSMASTER Ver 3.2.2***\n***PROTOCOL CAN***\n***[START LOGGING SESSION]***\n***HEX***\n***ABSOLUTE MODE***\n"
    b"***<Time><Tx/Rx><Channel><CAN ID><Type><DLC><DataBytes>***\n"
)
CLOCKS = ("day", "start", "step")
MODES = {b"HEX": ("base", 16), b"DEC": ("base", 10), b"SYSTEM MODE": ("mode", "day")}
MODES |= {b"ABSOLUTE MODE": ("mode", "start"), b"RELATIVE MODE": ("mode", "step")}


@dataclass
class State:
    """What the header said last.

    Attributes:
        base: of ids and data, 16 or 10.
        mode: what times count from: the `day`, the `start` or the `step` before.
        last_us: time of the last frame, for steps.
        day: turns of the clock at midnight.
    """

    base: int = 16
    mode: str = "day"
    last_us: int = 0
    day: words.Turning = field(default_factory=lambda: words.Turning(DAY_US, DAY_US // 2))

    def take(self, line: bytes) -> None:
        """Heed a line of a header."""
        said = MODES.get(line.strip(b"* \t\r\n"))
        if said:
            setattr(self, *said)


def looks(head: bytes) -> bool:
    """Whether the text has a line of such a header."""
    return LOOKS.search(head) is not None


def begin(_head: bytes) -> State:
    """The state before the header, which is read with the lines."""
    return State()


def parse(lines: Lines, tables: Tables, state: State) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of the lines that can be read, and for every line an index into `REASONS` (0: read)."""
    text, n = lines.text, len(lines)
    reason = np.ones(n, np.int8)
    headers = (text[lines.start] == ord("*")) & (text[lines.start + 1] == ord("*"))
    reason[headers] = 0
    base, mode = _modes(lines, np.flatnonzero(headers & (lines.end - lines.start <= 24)), state)
    row = words.between_blanks(lines)
    error = (row.letter(3) == ord("E")) & (row.letter(3, 1) == ord("R")) & (row.letter(3, 2) == ord("R"))
    rows = np.flatnonzero(~headers & ((row.count >= 6) | error))
    row, base, mode, error = row[rows], base[rows], mode[rows], error[rows]

    t_us, timed = _time(text, *row.at(0))
    channel, numbered = fields.number(text, *row.at(2), 10, 3)
    hexadecimal, decimal = words.identifier(text, row.at(3)), words.identifier(text, row.at(3), 10)
    id_ = np.where(base == 16, hexadecimal[0], decimal[0])
    named = np.where(base == 16, hexadecimal[1], decimal[1])
    ext = (row.letter(4) == ord("x")) & ~error
    remote = row.equals(4, b"sr", b"xr") & ~error
    fd = row.equals(4, b"s-fd", b"x-fd") & ~error
    typed = remote | fd | row.equals(4, b"s", b"x")
    dlc, sized = fields.number(text, *row.at(5), 10, 2)
    sized &= dlc <= np.where(fd, 64, 8)
    dlc = np.where(sized & ~error, dlc, 0)
    count = np.where(remote, 0, dlc)
    data, held = words.octets(row, 6, count)
    for_ten = np.flatnonzero(base == 10)
    if len(for_ten):
        said, held[for_ten] = words.octets(row[for_ten], 6, count[for_ten], base=10)
        data[for_ten, : said.shape[1]] = said
    checks = {
        2: timed,
        3: numbered & (channel <= 255),
        4: error | named & (ext | (id_ <= 0x7FF)),
        5: error | typed,
        6: error | sized,
        7: error | held & ((row.count == 6 + count) | remote),
    }
    columns = words.Columns(
        t_us=t_us,
        id=np.where(error, 0, id_),
        ext=ext,
        dlc=dlc,
        data=data,
        flags=FD * fd + RTR * remote + ERR * error,
        bus=words.numbered_buses(np.where(checks[3], channel, 0)),
    )
    frames = words.frames(reason, rows, columns, checks, tables)
    return frames.changed(t_us=_clock(frames.t_us, mode[reason[rows] == 0], state)), reason


def _modes(
    lines: Lines, headers: NDArray[np.int64], state: State
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number base and the mode of times (its place in `CLOCKS`) of every line.

    A log of several sessions has a header each: what stands between them is read in its own base and mode.
    """
    starts, bases, modes = [0], [state.base], [state.mode]
    for at in headers:
        state.take(lines.text[lines.start[at] : lines.end[at]].tobytes())
        starts.append(int(at))
        bases.append(state.base)
        modes.append(state.mode)
    lengths = np.diff([*starts, len(lines)])
    return np.repeat(bases, lengths), np.repeat([CLOCKS.index(mode) for mode in modes], lengths)


def _time(
    text: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Microseconds of `22:20:14:992` or `22:20:14:9920`, and which could be read."""
    colons = np.append(np.flatnonzero(text == ord(":")), [len(text)] * 3)
    at = np.searchsorted(colons[:-2], start)
    value = np.zeros(len(start), np.int64)
    good = colons[at + 2] < end
    parts = [np.where(good, place, end) for place in (start, *(colons[at + k] + 1 for k in range(3)))]
    stops = [*(part - 1 for part in parts[1:]), end]
    for part, stop, unit_us in zip(parts, stops, (3_600_000_000, 60_000_000, 1_000_000, 0), strict=True):
        number, read = fields.number(text, part, stop, 10, 4)
        good &= read
        value += number * (unit_us or np.where(stop - part == 4, 100, 1000))
    return value, good


def _clock(t_us: NDArray[np.int64], mode: NDArray[np.int64], state: State) -> NDArray[np.int64]:
    """Times that go on over midnight, and steps added up."""
    changes = np.flatnonzero(np.diff(mode)) + 1
    for rows in np.split(np.arange(len(mode)), changes) if len(mode) else ():
        clock = CLOCKS[mode[rows[0]]]
        if clock == "day":
            t_us[rows] = state.day.unrolled(t_us[rows])
        elif clock == "step":
            t_us[rows] = state.last_us + np.cumsum(t_us[rows])
        state.last_us = int(t_us[rows[-1]])
    return t_us


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    fd, remote, error = (frames.flags & bit != 0 for bit in (FD, RTR, ERR))
    refused = {
        "labels": frames.label != 0,
        "remote requests of CAN FD": fd & remote,
        "more than 8 bytes outside CAN FD": ~fd & (frames.dlc > 8),
        "the ids and data of error frames": error
        & ((frames.flags != ERR) | (frames.id > 0) | frames.ext | (frames.dlc > 0)),
        "times before 0": frames.t_us < 0,
        "times of 10,000 hours and more": frames.t_us >= 10_000 * HOUR_US,
        "times finer than 100 us": frames.t_us % 100 != 0,
    }
    said = [what for what, mask in refused.items() if mask.any()]
    return said + channels.not_counted(frames)


def compose(parts: Iterable[Frames], _kinds: Frames, _name: str) -> Iterator[bytes]:
    """The text of frames, times since the start, under the header that BusMaster writes."""
    yield HEADER
    yield from map(_text, parts)


def _text(frames: Frames) -> bytes:
    """The lines of some frames."""
    fd, remote, error = (frames.flags & bit != 0 for bit in (FD, RTR, ERR))
    out = Columns(len(frames))
    for unit_us, wraps, digits in (
        (HOUR_US, 10_000, 2),
        (60_000_000, 60, 2),
        (1_000_000, 60, 2),
        (100, 10_000, 4),
    ):
        out.add(*whole(frames.t_us // unit_us % wraps, 4, at_least=digits)).constant(
            b" " if unit_us == 100 else b":"
        )
    out.constant(b"Rx ").add(*whole(channels.counts(frames), 3)).constant(b" ERR", where=error)
    out.constant(b" 0x", where=~error)
    id_, meant = hexadecimal(frames.id.astype(np.int64), np.where(frames.ext, 8, 3))
    out.add(id_, meant, where=~error)
    out.constant(b" x", where=frames.ext).constant(b" s", where=~frames.ext & ~error)
    out.constant(b"r", where=remote).constant(b"-fd", where=fd).constant(b" ", where=~error)
    out.add(*whole(frames.dlc.astype(np.int64), 2), where=~error)
    channels.spaced(out, frames.data, np.where(remote, 0, frames.dlc))
    return out.constant(b"\n").bytes()
