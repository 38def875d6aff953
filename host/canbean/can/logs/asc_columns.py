"""The usual lines of Vector's ASCII log, whose columns stand where they do in the first: no words need be looked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs import channels, fields, lanes, words

if TYPE_CHECKING:
    from canbean.can.logs.fields import Bytes, Mask, Places
    from canbean.can.logs.lines import Lines

LINE = re.compile(
    rb"\d{1,9}(?P<point>\.)\d{1,9}(?P<time>) +(?P<channel>\d{1,3}) +"
    rb"(?P<id>[0-9A-Fa-f]{1,8}x?) {1,24}(?P<way>[RT]x) +(?P<kind>d) (?P<length>[0-8])(?: |$)"
)
BLANK, POINT, ZERO, SMALL_X = (ord(character) for character in " .0x")
BLANKS = np.uint64(BLANK * 0x0101010101010101)


def read(lines: Lines, base: int) -> tuple[Places, words.Columns] | None:
    """The rows that are laid out as the first such line, and what they say; None where no line is, or the base is not 16.

    All of them are frames without fault.
    """
    text = lines.text
    first = next(filter(None, (_match(lines, row) for row in range(min(len(lines), 16)))), None)
    if first is None or base != 16:
        return None
    # Columns are counted from the point of the time, in front of which there may be more digits.
    at = {name: first.start(name) - first.start("point") for name in first.groupdict()}
    at["after"] = first.end("channel") - first.start("point")
    point, good = lines.start + 1, np.zeros(len(lines), bool)
    for _ in range(9):
        good |= text[point] == POINT
        if good.all():
            break
        point = point + ~good
    gaps = [*range(at["time"], at["channel"]), *range(at["after"], at["id"])]
    gaps += [*range(at["way"] + 2, at["kind"]), at["kind"] + 1]
    for place in gaps:
        good &= text[point + place] == BLANK
    way, kind = text[point + at["way"]], text[point + at["kind"]]
    good &= (
        ((way == ord("R")) | (way == ord("T")))
        & (text[point + at["way"] + 1] == SMALL_X)
        & (kind == ord("d"))
    )

    t_us, timed = fields.microseconds(text, lines.start, point + at["time"])
    bus, told = channels.buses(text, (point + at["channel"], point + at["after"]))
    start = point + at["id"]
    end, gap = _word(text, start, at["way"] - at["id"])
    ext = text[end - 1] == SMALL_X
    id_, named = fields.number(text, start, end - ext, 16, 8)
    dlc = text[point + at["length"]].astype(np.int64) - ZERO
    good &= timed & told & gap & named & (id_ <= np.where(ext, 0x1FFFFFFF, 0x7FF)) & (dlc >= 0) & (dlc <= 8)
    dlc = np.clip(dlc, 0, 8)
    octet = point + at["length"] + 2
    data, held = words.spaced(text, octet, dlc, BLANK)
    end = octet - 1 + 3 * dlc
    good &= held & ((end == lines.end) | ((end < lines.end) & (text[end] == BLANK)))
    # The blank between length and bytes; without bytes the line may end there.
    good &= (dlc == 0) | (text[octet - 1] == BLANK)
    columns = words.Columns(t_us, id_, ext, dlc, data, 0, bus)
    rows = np.flatnonzero(good)
    return rows, columns if len(rows) == len(lines) else columns.taken(rows)


def _match(lines: Lines, row: int) -> re.Match[bytes] | None:
    """The first such line."""
    return LINE.match(lines.text[lines.start[row] : min(lines.end[row], lines.start[row] + 96)].tobytes())


def _word(text: Bytes, start: Places, width: int) -> tuple[Places, Mask]:
    """Where the words at `start` end, and which have only blanks after them, in a column of this width."""
    length = np.ones(len(start), np.int64)
    more = text[start] != BLANK
    for place in range(1, min(width, 10)):
        more &= text[start + place] != BLANK
        if not more.any():
            break
        length += more
    left = np.zeros(len(start), np.uint64)
    for k, word in enumerate(lanes.load(text, start, -(-width // 8))):
        keep = lanes.FIRST[np.clip(length - 8 * k, 0, 8)]
        left |= (word ^ BLANKS) & ~keep & lanes.FIRST[min(width - 8 * k, 8)]
    return start + length, left == 0
