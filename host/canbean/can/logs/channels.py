"""Numbered channels. Where tools count them from 1, channel 1 is the bus `can0`, as python-can has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import DEFAULT_BUS
from canbean.can.logs import fields, words
from canbean.can.logs.columns import HEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.columns import Columns
    from canbean.can.logs.fields import Bytes, Mask, Places

BUS = re.compile(r"can(0|[1-9][0-9]{0,2})", re.ASCII)
MOST = 255


def buses(text: Bytes, span: tuple[Places, Places]) -> tuple[tuple[Places, list[str]], Mask]:
    """Codes and names of the buses of channels written as numbers, and which are numbers from 1 to 255."""
    number, good = fields.number(text, *span, 10, 3)
    good &= (number >= 1) & (number <= MOST)
    return words.numbered_buses(np.clip(number - 1, 0, MOST - 1)), good


def refused(frames: Frames) -> list[str]:
    """The buses, in words, that are no numbered channel."""
    used = np.unique(frames.bus)
    return [f"a bus named {frames.buses[code]!r}" for code in used if _number(frames.buses[code]) is None]


def _number(bus: str) -> int | None:
    """The channel of a bus."""
    match = BUS.fullmatch(bus)
    return int(match[1]) + 1 if match and int(match[1]) < MOST else None


def numbers(frames: Frames) -> NDArray[np.int64]:
    """int64 (n,): the channel of each frame."""
    table = np.array([_number(bus) or 0 for bus in frames.buses], np.int64)
    return table[frames.bus]


def not_counted(frames: Frames, most: int = MOST) -> list[str]:
    """The buses, in words, that are not `can0` to `can<most>`: for tools that count from 0, or say the number as it is."""
    names = [frames.buses[code] for code in np.unique(frames.bus)]
    return [f"a bus named {name!r} (only can0 to can{most})" for name in names if counted(name) > most]


def counted(bus: str) -> int:
    """The number of a bus named `can<number>`, a large one where it has another name."""
    match = BUS.fullmatch(bus)
    return int(match[1]) if match else 1 << 20


def counts(frames: Frames) -> NDArray[np.int64]:
    """int64 (n,): the number of the bus of each frame; those of `not_counted` have none."""
    return np.array([counted(bus) for bus in frames.buses] or [0], np.int64)[frames.bus]


def unspoken(frames: Frames) -> list[str]:
    """The buses, in words, whose names candump could not print as one word of at most 32 bytes."""
    names = [frames.buses[code] for code in np.unique(frames.bus)]
    return [
        f"a bus named {name!r}"
        for name in names
        if not name or len(name.encode()) > 32 or any(c.isspace() or c == "\0" for c in name)
    ]


def unnamed(frames: Frames) -> list[str]:
    """The buses, in words, that a format without buses does not bring back."""
    names = [frames.buses[code] for code in np.unique(frames.bus)]
    return [f"a bus named {name!r} (only {DEFAULT_BUS})" for name in names if name != DEFAULT_BUS]


def spaced(out: Columns, data: Bytes, length: NDArray[np.integer]) -> None:
    """Add the first `length` bytes of each row in hexadecimal, a blank before each."""
    digits = np.full((len(data), 3 * data.shape[1]), ord(" "), np.uint8)
    digits[:, 1::3], digits[:, 2::3] = HEX[data >> 4], HEX[data & 15]
    out.add(digits, np.arange(digits.shape[1]) < 3 * length.astype(np.int64)[:, None])
