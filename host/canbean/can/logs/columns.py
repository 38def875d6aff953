"""Text of all rows at once: padded byte columns side by side, with a mask of the bytes that are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Cells = tuple[NDArray[np.uint8], NDArray[np.bool_]]

HEX = np.frombuffer(b"0123456789ABCDEF", np.uint8)


class Columns:
    """Fields side by side, row by row."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.cells: list[NDArray[np.uint8]] = []
        self.meant: list[NDArray[np.bool_]] = []

    def add(
        self, cells: NDArray[np.uint8], meant: NDArray[np.bool_], where: NDArray[np.bool_] | None = None
    ) -> Self:
        """A field: uint8 (rows, width) and which bytes are meant; `where` leaves whole rows out."""
        self.cells.append(cells)
        self.meant.append(meant if where is None else meant & where[:, None])
        return self

    def constant(self, text: bytes, where: NDArray[np.bool_] | None = None) -> Self:
        """The same text in every row, or in those of `where`."""
        cells = np.broadcast_to(np.frombuffer(text, np.uint8), (self.rows, len(text)))
        return self.add(cells, np.ones((self.rows, len(text)), bool), where)

    def octets(self, data: NDArray[np.uint8], length: NDArray[np.integer]) -> Self:
        """The first `length` bytes of each row of `data`, in hexadecimal."""
        digits = np.empty((self.rows, 2 * data.shape[1]), np.uint8)
        digits[:, 0::2], digits[:, 1::2] = HEX[data >> 4], HEX[data & 15]
        return self.add(digits, np.arange(digits.shape[1]) < 2 * length.astype(np.int64)[:, None])

    def seconds(self, t_us: NDArray[np.int64], at_least: int = 1) -> Self:
        """Times not below 0 as seconds with six decimals, with zeros in front up to `at_least` digits before the point."""
        self.add(*whole(t_us // 1_000_000, 13, at_least)).constant(b".")
        return self.add(*whole(t_us % 1_000_000, 6, at_least=6))

    def bytes(self) -> bytes:
        """The text."""
        return np.hstack(self.cells)[np.hstack(self.meant)].tobytes()


def whole(value: NDArray[np.int64], width: int, at_least: int = 1) -> Cells:
    """Numbers not below 0 in decimal, with zeros in front up to `at_least` digits."""
    powers = 10 ** np.arange(width - 1, -1, -1)
    digits = (value[:, None] // powers) % 10
    meant = (value[:, None] >= powers) | (np.arange(width) >= width - at_least)
    return (digits + ord("0")).astype(np.uint8), meant


def hexadecimal(value: NDArray[np.int64], at_least: NDArray[np.integer] | int) -> Cells:
    """Numbers below 2**32 in hexadecimal, with zeros in front up to `at_least` digits."""
    shifts = np.arange(28, -4, -4)
    digits = value[:, None] >> shifts
    least = np.broadcast_to(np.asarray(at_least), value.shape)[:, None]
    return HEX[digits & 15], (digits > 0) | (np.arange(8) >= 8 - least)


def texts(codes: NDArray[np.integer], names: Sequence[str]) -> Cells:
    """Names by their codes."""
    raw = [name.encode() for name in names] or [b""]
    width = max(1, *(len(name) for name in raw)) if raw else 1
    cells = np.zeros((len(raw), width), np.uint8)
    for row, name in enumerate(raw):
        cells[row, : len(name)] = np.frombuffer(name, np.uint8)
    lengths = np.array([len(name) for name in raw])
    return cells[codes], np.arange(width) < lengths[codes][:, None]
