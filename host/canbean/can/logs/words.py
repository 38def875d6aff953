"""The words of all lines at once, and frames out of what they say: what the text formats of loggers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import DEFAULT_BUS, Frames, recode
from canbean.can.logs import fields, lanes
from canbean.can.logs.lines import PAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.logs.fields import Bytes, Mask, Places
    from canbean.can.logs.lines import Lines
    from canbean.can.logs.tables import Tables

    Span = tuple[Places, Places]
    """Where fields start and end, one of each line."""

ZERO, POINT = ord("0"), ord(".")
PAIR = np.uint64(0xFFFF)
PAIRS = [lanes.FIRST[np.clip(2 * np.arange(9) - first, 0, 8)] for first in (0, 8)]
"""Masks of the digits of the first and of the last four bytes, by how many bytes there are."""
SEPARATORS = [
    np.array(
        [
            sum(
                255 << 8 * (place - first)
                for place in range(2, 3 * count - 1, 3)
                if first <= place < first + 8
            )
            for count in range(9)
        ],
        np.uint64,
    )
    for first in (0, 8, 16)
]
"""Masks of what stands between bytes of two digits, in each of the three words they fill, by how many bytes there are."""
ANY_BYTE = np.uint64(0x0101010101010101)
LOW_BYTE, LOW_THIRD = np.uint64(0xFF), np.uint64(0xFF0000)
_8, _16, _24, _32, _40, _48 = (np.uint64(bits) for bits in (8, 16, 24, 32, 40, 48))
NO_BUS: tuple[Places, list[str]] = (np.zeros(0, np.int64), [])
SHORT = 8
"""Bytes of a classic frame."""


@dataclass
class Words:
    """Words of some lines: what stands between blanks, or between separators.

    Attributes:
        text: uint8, the block.
        begins: int64, where each word of the block begins, and at last an empty word that stands for missing ones.
        ends: int64, where it ends.
        first: int64 (n,), the first word of each line.
        count: int64 (n,), how many words it has.
    """

    text: Bytes
    begins: Places
    ends: Places
    first: Places
    count: Places

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, rows: Mask | Places) -> Words:
        return Words(self.text, self.begins, self.ends, self.first[rows], self.count[rows])

    def at(self, which: int | Places) -> Span:
        """Where word `which` (from 0) of each line begins and ends; it is empty where the line has none."""
        word = np.where((which >= 0) & (which < self.count), self.first + which, len(self.begins) - 1)
        return self.begins[word], self.ends[word]

    def letter(self, which: int | Places, place: int = 0) -> Bytes:
        """One byte of a word (counted from its end where `place` is below 0), or 0 where the word is shorter."""
        start, end = self.at(which)
        at = (start if place >= 0 else end) + place
        return np.where((at >= start) & (at < end), self.text[at], 0).astype(np.uint8)

    def equals(self, which: int | Places, *choices: bytes) -> Mask:
        """Where a word is one of some texts."""
        start, end = self.at(which)
        width = max(map(len, choices))
        cells = fields.cleared(fields.windows(self.text, start, width), end - start)
        same = np.zeros(len(self), bool)
        for choice in choices:
            same |= (cells == np.frombuffer(choice.ljust(width, b"\0"), np.uint8)).all(axis=1)
        return same & (end - start <= width)


def between_blanks(lines: Lines, separator: bytes = b"") -> Words:
    """The words between blanks, or between runs of blanks and of one more separator."""
    if not len(lines):
        none = np.zeros(0, np.int64)
        return Words(lines.text, np.full(1, PAD), np.full(1, PAD), none, none)
    low, high = int(lines.start[0]), int(lines.end[-1])
    near = lines.text[low - 1 : high + 1]
    blank = (near == 32) | (near == 10) | (near == 9) | (near == 13)
    if separator:
        blank |= near == separator[0]
    # The byte before the first line ends another line or is padding; the one after the last may be anything.
    blank[0] = blank[-1] = True
    edges = np.flatnonzero(blank[1:] != blank[:-1]) + low
    begins, ends = edges[0::2], edges[1::2]
    first = np.searchsorted(begins, lines.start)
    count = np.searchsorted(begins, lines.end) - first
    return Words(lines.text, np.append(begins, PAD), np.append(ends, PAD), first, count)


def between(lines: Lines, separator: bytes) -> Words:
    """The fields between separators, the empty ones too; blanks around a field do not belong to it."""
    text, n = lines.text, len(lines)
    if not n:
        return between_blanks(lines)
    low, high = int(lines.start[0]), int(lines.end[-1])
    marks = np.flatnonzero(text[low:high] == separator[0]) + low
    first = np.searchsorted(marks, lines.start)
    count = np.searchsorted(marks, lines.end) - first + 1
    # Line r owns the words from first[r] + r on: one more than it has separators.
    begins, ends = np.full((2, len(marks) + n + 1), PAD)
    lines_before = np.cumsum(np.bincount(first, minlength=len(marks) + 1))
    place = np.arange(len(marks)) + lines_before[: len(marks)]
    begins[place], ends[place - 1] = marks + 1, marks
    first = first + np.arange(n)
    begins[first], ends[first + count - 1] = lines.start, lines.end
    if (text[low:high] == 32).any() or (text[low:high] == 9).any():
        _trim(text, begins[:-1], ends[:-1])
    return Words(text, begins, ends, first, count)


def _trim(text: Bytes, begins: Places, ends: Places) -> None:
    """Blanks at either end of words left out, in place."""
    for _ in range(PAD):
        front = (begins < ends) & ((text[begins] == 32) | (text[begins] == 9))
        begins += front
        back = (begins < ends) & ((text[ends - 1] == 32) | (text[ends - 1] == 9))
        ends -= back
        if not (front.any() or back.any()):
            break


def unprefixed(text: Bytes, span: Span) -> Span:
    """The span without a leading `0x`."""
    start, end = span
    prefixed = (end - start > 2) & (text[start] == ZERO) & (text[start + 1] | 32 == ord("x"))
    return start + 2 * prefixed, end


def identifier(text: Bytes, span: Span, base: int = 16) -> tuple[Places, Mask]:
    """Values of identifiers with or without `0x`, and which are at most 29 bits."""
    start, end = unprefixed(text, span) if base == 16 else span
    value, good = fields.number(text, start, end, base, 8 if base == 16 else 9)
    return value, good & (value <= 0x1FFFFFFF)


def signed(text: Bytes, span: Span, widest: int = 16) -> tuple[Places, Mask]:
    """Values of whole numbers that may be below 0, of up to `widest` digits (below 2**53), and which could be read."""
    start, end = span
    minus = (end > start) & (text[start] == fields.MINUS)
    value, good = fields.number(text, start + minus, end, 10, widest)
    return np.where(minus, -value, value), good & (value < 1 << 53)


def milliseconds(text: Bytes, span: Span) -> tuple[Places, Mask]:
    """Microseconds of times written as milliseconds (`820298`, `12.5`), and which could be read.

    More than three decimals are rounded to the nearest microsecond.
    """
    start, end = span
    points = np.append(np.flatnonzero(text == POINT), len(text))
    point = np.minimum(points[np.searchsorted(points, start)], end)
    value, good = fields.number(text, start, point, 10, 15)
    fraction = np.minimum(point + 1, end)
    part, read = fields.number(text, fraction, end, 10, 6)
    thousandths = np.where(read, part, 0) * 10 ** (6 - np.clip(end - fraction, 0, 6))
    return value * 1000 + (thousandths + 500) // 1000, good & (read | (point == end))


def octets(words: Words, which: int, count: Places, *, base: int = 16) -> tuple[Bytes, Mask]:
    """The bytes that `count` words from `which` on say: uint8 (n, 8 or 64), zero after them, and which could be read.

    In hexadecimal of one or two digits, with or without `0x`, or in decimal (`base` 10). At most 64 in a line.
    """
    text = words.text
    good: Mask = (count >= 0) & (count <= 64) & (count + which <= words.count)
    count = np.where(good, count, 0)
    data = np.zeros((len(words), SHORT if int(count.max(initial=0)) <= SHORT else 64), np.uint8)
    start, _ = words.at(which)
    _, end = words.at(which + count - 1)
    regular = (count > 0) & (count <= SHORT) & (end - start == 3 * count - 1) & (base == 16)
    if regular.all():
        # Two digits and a separator each: as many words as pairs of digits leave no other way to fill the span.
        data[:, :SHORT], paired = spaced(text, start, count)
        regular &= paired
    elif regular.any():
        rows = np.flatnonzero(regular)
        data[rows, :SHORT], paired = spaced(text, start[rows], count[rows])
        regular[rows] = paired
    others = np.flatnonzero(~regular & (count > 0))
    if len(others):
        data[others] = 0
        rest = words[others]
        for place in range(int(count[others].max())):
            rows = np.flatnonzero(count[others] > place)
            span = rest[rows].at(which + place)
            span = unprefixed(text, span) if base == 16 else span
            value, read = fields.number(text, *span, base, 2 if base == 16 else 3)
            data[others[rows], place] = value & 255
            good[others[rows]] &= read & (value < 256)
    return data, good


def spaced(text: Bytes, start: Places, count: Places, separator: int = 0) -> tuple[Bytes, Mask]:
    """Up to eight bytes written as two digits and a separator each, zeros after `count`, and which could be read.

    The separators between the bytes are checked where one is given.
    """
    count = np.clip(count, 0, SHORT)
    words = lanes.load(text, start, 3)
    digits = _pairs(*words)
    both = np.empty((len(start), 2), np.uint64)
    for half in (0, 1):
        both[:, half] = lanes.filled(digits[half], PAIRS[half].take(count))
    data, bad = lanes.pairs(both)
    good = np.ones(len(start), bool) if bad is None else ~bad
    if separator:
        other = np.zeros(len(start), np.uint64)
        for word, between in zip(words, SEPARATORS, strict=True):
            other |= (word ^ ANY_BYTE * np.uint64(separator)) & between.take(count)
        good &= other == 0
    return data, good


def _pairs(first: lanes.Words, second: lanes.Words, third: lanes.Words) -> tuple[lanes.Words, lanes.Words]:
    """The digits of eight bytes, four in a word, out of 24 characters where each has a separator behind it."""
    low = first & PAIR
    low |= first >> _8 & PAIR << _16
    low |= first >> _16 & PAIR << _32
    low |= second << _40 & PAIR << _48
    high = second >> _32 & PAIR
    high |= second >> _40 & LOW_THIRD
    high |= (third & LOW_BYTE) << _24
    high |= third << _16 & PAIR << _32
    high |= third << _8 & PAIR << _48
    return low, high


@dataclass
class Columns:
    """What the lines that look right say, a row each; `bus` and `label` may be codes with their names."""

    t_us: Places
    id: Places
    ext: Mask
    dlc: Places
    data: Bytes
    flags: NDArray[np.integer] | int = 0
    bus: tuple[Places, list[str]] | None = None
    label: tuple[Places, list[str]] | None = None

    def joined(self, other: Columns) -> Columns:
        """These rows and the others after them; both name buses, and have no labels."""
        (bus, names), (buses, others) = self.bus or NO_BUS, other.bus or NO_BUS
        wide = max(self.data.shape[1], other.data.shape[1])
        data = [np.pad(part.data, ((0, 0), (0, wide - part.data.shape[1]))) for part in (self, other)]
        flags = np.concatenate([np.broadcast_to(part.flags, len(part.dlc)) for part in (self, other)])
        return Columns(
            t_us=np.concatenate([self.t_us, other.t_us]),
            id=np.concatenate([self.id, other.id]),
            ext=np.concatenate([self.ext, other.ext]),
            dlc=np.concatenate([self.dlc, other.dlc]),
            data=np.concatenate(data),
            flags=flags,
            bus=(np.concatenate([bus, buses + len(names)]), [*names, *others]),
        )

    def taken(self, rows: Places) -> Columns:
        """Some of the rows, in another order; they have no labels."""
        bus, names = self.bus or NO_BUS
        flags = np.broadcast_to(self.flags, len(self.dlc))[rows]
        return Columns(
            self.t_us[rows],
            self.id[rows],
            self.ext[rows],
            self.dlc[rows],
            self.data[rows],
            flags,
            (bus[rows], names),
        )


def frames(
    reason: NDArray[np.int8], rows: Places, columns: Columns, checks: dict[int, Mask], tables: Tables
) -> Frames:
    """The frames of those rows that pass every check; `reason` becomes the lowest number of a check that fails, else 0.

    Args:
        reason: int8, one a line of the chunk; that of `rows` is written.
        rows: the lines that the columns are of.
        columns: what they say.
        checks: for each reason which rows are free of it.
        tables: codes of buses and labels.
    """
    reason[rows] = 0
    for code in sorted(checks, reverse=True):
        if not checks[code].all():
            reason[rows[~checks[code]]] = code
    ok = reason[rows] == 0
    whole = bool(ok.all())
    n = len(rows) if whole else int(ok.sum())

    def kept(column: NDArray[np.integer] | NDArray[np.bool_]) -> NDArray[np.integer] | NDArray[np.bool_]:
        return column if whole else column[ok]

    bus = _codes(columns.bus or (np.zeros(len(rows), np.int64), [DEFAULT_BUS]), ok)
    label = _codes(columns.label, ok) if columns.label else (np.zeros(n, np.int64), [""])
    flags = np.broadcast_to(np.asarray(columns.flags), (len(rows),))
    dlc = kept(columns.dlc)
    wide = bool(n) and int(dlc.max()) > SHORT
    data = kept(columns.data)
    return Frames(
        t_us=kept(columns.t_us).astype(np.int64, copy=False),
        id=kept(columns.id).astype(np.uint32),
        ext=kept(columns.ext).astype(bool),
        flags=kept(flags).astype(np.uint8),
        dlc=dlc.astype(np.uint8),
        data=(data if wide else data[:, :SHORT]).astype(np.uint8, copy=False),
        bus=recode(*bus, tables.buses, 256, "buses").astype(np.uint8),
        label=recode(*label, tables.labels, 32767, "labels").astype(np.int16),
        buses=tuple(tables.buses),
        labels=tuple(tables.labels),
    )


def numbered_buses(numbers: Places) -> tuple[Places, list[str]]:
    """Codes and names (`can0`, `can1`) of buses that are written as numbers from 0 on, none of them large."""
    if len(numbers) and (numbers == numbers[0]).all():
        return np.zeros(len(numbers), np.int64), [f"can{numbers[0]}"]
    counts = np.bincount(numbers)
    used = np.flatnonzero(counts)
    code = np.zeros(len(counts), np.int64)
    code[used] = np.arange(len(used))
    return code[numbers], [f"can{number}" for number in used]


def _codes(coded: tuple[Places, list[str]], ok: Mask) -> tuple[Places, list[str]]:
    """Codes and names of the rows that are kept: a name of other rows alone is left out."""
    codes, names = coded
    kept = codes if ok.all() else codes[ok]
    if len(names) == 1 and len(kept):
        return kept, names
    used = np.flatnonzero(np.bincount(kept, minlength=len(names)))
    anew = np.zeros(max(len(names), 1), np.int64)
    anew[used] = np.arange(len(used))
    return anew[kept], [names[code] for code in used]


@dataclass
class Turning:
    """A clock that begins again after a period: minutes of a logger, hours of a day.

    Attributes:
        period_us: after how long it begins again.
        slack_us: a step back by less than this is a late frame, not a turn.
        turns: how often it began again so far.
        last_us: what it showed last.
    """

    period_us: int
    slack_us: int
    turns: int = 0
    last_us: int | None = None

    def unrolled(self, t_us: Places) -> Places:
        """Times that go on where the clock begins again; those of earlier calls come before."""
        if not len(t_us):
            return t_us
        steps = np.diff(t_us, prepend=t_us[0] if self.last_us is None else self.last_us)
        back = steps < -self.slack_us
        # Late frames of before a turn jump forward by nearly a period.
        late = steps > self.period_us - self.slack_us
        turns = self.turns + np.cumsum(back.astype(np.int64) - late)
        self.turns, self.last_us = int(turns[-1]), int(t_us[-1])
        unrolled: Places = t_us + turns * self.period_us
        return unrolled
