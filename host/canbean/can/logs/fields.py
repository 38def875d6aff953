"""Kernels: numbers, hexadecimal bytes and names out of the fields of all lines at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs.lines import DIGIT, PAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]
    Mask = NDArray[np.bool_]

DOT, MINUS = ord("."), ord("-")


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


def below(cells: Bytes, bound: int) -> Mask:
    """Whether all cells of each row are below `bound`."""
    return np.asarray(cells.max(axis=1, initial=0) < bound) if bound < 16 else ~_high(cells)


def _high(cells: Bytes) -> Mask:
    """Whether a row has a cell of 128 or more, eight cells at a time where the width allows."""
    if cells.shape[1] % 8:
        return np.asarray((cells >= 128).any(axis=1))
    words = np.bitwise_or.reduce(np.ascontiguousarray(cells).view(np.uint64), axis=1)
    return np.asarray(words & np.uint64(0x8080808080808080) != 0)


def number(text: Bytes, start: Places, end: Places, base: int, widest: int) -> tuple[Places, Mask]:
    """Values of the whole numbers in [start, end), of 1 to `widest` digits (below 2**53), and which could be read."""
    length = end - start
    good = (length >= 1) & (length <= widest)
    width = int(min(max(length.max(initial=1), 1), widest))
    digits = cleared(DIGIT[windows(text, end - width, width)], length, right=True)
    good &= below(digits, base)
    powers = float(base) ** np.arange(width - 1, -1, -1)
    value = (digits.astype(np.float64) @ powers).astype(np.int64)
    return np.where(good, value, 0), good


def microseconds(text: Bytes, start: Places, end: Places) -> tuple[Places, Mask]:
    """Exact microseconds of times written as seconds (`-12.5`, `1436509052.249713`), and which could be read.

    More than six decimals are rounded to the nearest microsecond.
    """
    minus = (end > start) & (text[start] == MINUS)
    start = start + minus
    dots = np.append(np.flatnonzero(text == DOT), len(text))
    dot = np.minimum(dots[np.searchsorted(dots, start)], end)
    whole, good = number(text, start, dot, 10, 12)
    fraction = np.minimum(dot + 1, end)
    decimals = end - fraction
    part, readable = number(text, fraction, end, 10, 9)
    good &= readable | (dot == end)
    nanoseconds = np.where(decimals > 0, part, 0) * 10 ** (9 - np.clip(decimals, 0, 9))
    value = whole * 1_000_000 + (nanoseconds + 500) // 1000
    return np.where(minus, -value, value), good


def octets(text: Bytes, start: Places, end: Places) -> tuple[Bytes, Places, Mask]:
    """Hexadecimal bytes of [start, end): uint8 (n, 8 or 64) padded with zeros, their count, and which could be read."""
    length = end - start
    good: Mask = (length >= 0) & (length % 2 == 0) & (length <= 128)
    longest = int(length[good].max(initial=0))
    width = 16 if longest <= 16 else 128
    digits = cleared(DIGIT[windows(text, start, width)], length)
    good &= below(digits, 16)
    count: Places = np.where(good, length // 2, 0)
    return (digits[:, 0::2] << 4 | digits[:, 1::2]).astype(np.uint8), count, good


def names(text: Bytes, start: Places, end: Places, widest: int) -> tuple[NDArray[np.int64], list[str], Mask]:
    """Codes of the names in [start, end), the names in order of appearance, and which could be read.

    A name has at most `widest` bytes and no NUL. Bytes that are not UTF-8 are shown as escapes.
    """
    length = end - start
    good = length <= widest
    n = len(start)
    width = int(min(max(length.max(initial=1), 1), widest))
    cells = windows(text, start, width)
    outside = np.arange(width) >= length[:, None]
    good &= ((cells != 0) | outside).all(axis=1)
    cells[outside] = 0
    cells[~good] = 0
    # Names come in runs: only the first of each run is looked at.
    head = np.ones(n, bool)
    head[1:] = (cells[1:] != cells[:-1]).any(axis=1)
    heads = np.ascontiguousarray(cells[head]).view(f"S{width}").ravel()
    unique, first, inverse = np.unique(heads, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    codes = rank[inverse.ravel()][np.cumsum(head) - 1] if n else np.zeros(0, np.int64)
    return codes, [unique[i].decode("utf-8", "backslashreplace") for i in order], good


assert PAD >= 128
