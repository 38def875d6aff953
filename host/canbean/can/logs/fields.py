"""Kernels: numbers, hexadecimal bytes and names out of the fields of all lines at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs import lanes
from canbean.can.logs.lines import PAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]
    Mask = NDArray[np.bool_]

DOT, MINUS, ZERO = ord("."), ord("-"), np.uint8(ord("0"))
POWERS = 10 ** np.arange(10)


def windows(text: Bytes, start: Places, width: int) -> Bytes:
    """uint8 (n, width): the bytes from each `start` on (a copy)."""
    rolling: Bytes = np.ndarray((len(text) - width + 1, width), np.uint8, text, strides=(1, 1))
    return rolling[start]


def cleared(cells: Bytes, length: Places, *, right: bool = False) -> Bytes:
    """The cells with zeros outside of the first (or last) `length` of each row, in place."""
    width = cells.shape[1]
    if len(length) and int(length.min()) < width:
        place = np.arange(width)
        cells *= (place >= (width - length)[:, None]) if right else (place < length[:, None])
    return cells


def number(text: Bytes, start: Places, end: Places, base: int, widest: int) -> tuple[Places, Mask]:
    """Values of the whole numbers in [start, end), of 1 to `widest` digits (16 at most), and which could be read."""
    length = end - start
    longest = int(length.max(initial=1))
    fitting = longest <= widest and int(length.min(initial=1)) >= 1
    good = np.ones(len(length), bool) if fitting else (length >= 1) & (length <= widest)
    width = min(max(longest, 1), widest)
    if width <= 8:
        (word,) = lanes.load(text, end - 8)
        value, bad = lanes.whole(lanes.filled(word, _last(length)), base)
    else:
        upper, word = lanes.load(text, end - 16, 2)
        value, bad = lanes.whole(lanes.filled(word, _last(length)), base)
        above, worse = lanes.whole(lanes.filled(upper, _last(length - 8)), base)
        value += above * np.uint64(base**8)
        bad |= worse
    if bad.any():
        good &= bad == 0
    elif fitting:
        return value.view(np.int64), good
    return (value * good).view(np.int64), good


def digits(text: Bytes, start: Places, end: Places, widest: int) -> tuple[Places, Mask]:
    """As `number` in decimal, in less time where all of them have one digit, as lengths of classic frames do."""
    if len(start) and (end - start == 1).all():
        value = text[start] ^ ZERO
        good: Mask = value <= 9
        return (value * good).astype(np.int64), good
    return number(text, start, end, 10, widest)


def _last(length: Places) -> NDArray[np.uint64]:
    """Masks of the last `length` characters of a word."""
    if len(length) and (length == length[0]).all():
        length = length[:1]
    return lanes.LAST.take(length, mode="clip")


def _first(length: Places) -> NDArray[np.uint64]:
    """Masks of the first `length` characters of a word."""
    if len(length) and (length == length[0]).all():
        length = length[:1]
    return lanes.FIRST.take(length, mode="clip")


def microseconds(text: Bytes, start: Places, end: Places, point: int = DOT) -> tuple[Places, Mask]:
    """Exact microseconds of times written as seconds (`-12.5`, `1436509052.249713`), and which could be read.

    More than six decimals are rounded to the nearest microsecond. `point` is the byte before the decimals.
    """
    minus = text[start] == MINUS
    signs = bool(minus.any())
    if signs:
        minus &= end > start
        start = start + minus
    dot = _dot(text, start, end, point)
    whole, good = number(text, start, dot, 10, 12)
    fraction = np.minimum(dot + 1, end)
    decimals = end - fraction
    part, readable = number(text, fraction, end, 10, 9)
    good &= readable | (dot == end)
    if (decimals == 6).all():
        value = whole * 1_000_000 + part
    else:
        nanoseconds = part * POWERS[9 - np.clip(decimals, 0, 9)] * (decimals > 0)
        value = whole * 1_000_000 + (nanoseconds + 500) // 1000
    return np.where(minus, -value, value) if signs else value, good


def _dot(text: Bytes, start: Places, end: Places, point: int) -> Places:
    """Where the first point of each field is, its end where there is none."""
    # Most logs have as many decimals in every line.
    for decimals in (6, 3, 4):
        dot = end - 1 - decimals
        if (text[dot] == point).all() and (dot >= start).all():
            return np.asarray(dot)
    dots = np.append(np.flatnonzero(text == point), len(text))
    found: Places = np.minimum(dots[np.searchsorted(dots, start)], end)
    return found


def octets(text: Bytes, start: Places, end: Places) -> tuple[Bytes, Places, Mask]:
    """Hexadecimal bytes of [start, end): uint8 (n, 8 or 64) padded with zeros, their count, and which could be read."""
    length = end - start
    good: Mask = (length & 1) == 0
    if len(length) and (int(length.min()) < 0 or int(length.max()) > 128):
        good &= (length >= 0) & (length <= 128)
    longest = int(length.max(initial=0, where=good))
    count = 2 if longest <= 16 else 16
    word = lanes.filled(lanes.cells(text, start, count), lanes.firsts(length, count))
    data, bad = lanes.pairs(word)
    if bad is not None:
        good &= ~bad
    if not good.all():
        data[~good] = 0
        length = np.where(good, length, 0)
    return data, length >> 1, good


def names(text: Bytes, start: Places, end: Places, widest: int) -> tuple[NDArray[np.int64], list[str], Mask]:
    """Codes of the names in [start, end), the names in order of appearance, and which could be read.

    A name has at most `widest` bytes and no NUL. Bytes that are not UTF-8 are shown as escapes.
    """
    length = end - start
    good = length <= widest
    n = len(start)
    if n and not length.any():
        return np.zeros(n, np.int64), [""], good
    width = int(min(max(length.max(initial=1), 1), widest))
    count = -(-width // 8)
    cells = np.empty((n, count), "<u8")
    # Names come in runs: only the first of each run is looked at.
    head = np.zeros(n, bool)
    head[:1] = True
    for k, word in enumerate(lanes.load(text, start, count)):
        keep = _first(length - 8 * k)
        good &= ~lanes.holds_nul(word, keep)
        cells[:, k] = word & keep
    if not good.all():
        cells[~good] = 0
    for k in range(count):
        head[1:] |= cells[1:, k] != cells[:-1, k]
    heads = cells[head].view(f"S{8 * count}").ravel()
    unique, first, inverse = np.unique(heads, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    codes = rank[inverse.ravel()][np.cumsum(head) - 1] if len(order) > 1 else np.zeros(n, np.int64)
    return codes, [unique[i].decode("utf-8", "backslashreplace") for i in order], good


assert PAD >= 65 + 128  # the longest way to the data of a frame, and the longest data
