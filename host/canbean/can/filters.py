"""Acceptance filters of an MCP2515: two masks and six filters decide which frames a board sees at all.

Receive buffer 0 has mask 0 with filters 0 and 1, buffer 1 has mask 1 with filters 2 to 5 (Microchip DS20001801, section 4.5). A
frame is received where any filter agrees with its identifier in every bit of the filter's mask, and is of the same kind, standard
or extended, as the filter. The bits of an extended mask beyond the eleven of a standard identifier would be compared with the data of
standard frames; a mask here is therefore of one kind, and so are its filters.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import key_text
from canbean.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

EXTENDED = 1 << 29
"""The bit of a key (`id | ext << 29`) that says of which kind it is."""
BITS = (11, 29)
"""Of a standard and of an extended identifier."""
EACH = (2, 4)
"""Filters under each mask."""
_WORDS = struct.Struct("<8I")


def width(key: int) -> int:
    """Bits of the identifier in a key."""
    return BITS[key >> 29 & 1]


@dataclass(frozen=True)
class Filters:
    """Two masks and six filters, keys (`id | ext << 29`) all; bit 29 of a mask says of which kind it and its filters are.

    Attributes:
        masks: bits of the identifier that are compared, of buffers 0 and 1.
        filters: two under the first mask, four under the second; 0 in every bit that is not compared.
    """

    masks: tuple[int, int]
    filters: tuple[int, int, int, int, int, int]

    def __post_init__(self) -> None:
        for mask, one in self:
            inside = mask & EXTENDED | (1 << width(mask)) - 1
            if mask & ~inside or one & ~mask or (one ^ mask) & EXTENDED:
                raise ModelError(f"filter {one:08X} under the mask {mask:08X}: is none that an MCP2515 has")

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Mask and filter, six times."""
        for at, one in enumerate(self.filters):
            yield self.masks[at >= EACH[0]], one

    @classmethod
    def of(cls, first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]]) -> Filters:
        """Filters from (mask, filter) pairs for either buffer; what is left over repeats another one.

        Args:
            first: at most two, under one mask.
            second: at most four, under one mask; of both, one pair at least.
        """
        first, second = first or second[:1], second or first[:1]
        (mask0, mask1), filters = (first[0][0], second[0][0]), []
        for pairs, count in ((first, EACH[0]), (second, EACH[1])):
            own = [one for _, one in pairs]
            filters += own + [own[-1]] * (count - len(own))
        a, b, c, d, e, f = filters
        return cls((mask0, mask1), (a, b, c, d, e, f))

    @classmethod
    def open(cls) -> Filters:
        """Filters that every standard and every extended frame passes."""
        return cls.of([(0, 0)], [(EXTENDED, EXTENDED)])

    def passes(self, keys: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Bool (m,): which of m keys pass."""
        passed = np.zeros(len(keys), np.bool_)
        for mask, one in set(self):
            passed |= (keys & np.uint32(mask | EXTENDED)) == np.uint32(one)
        return passed

    def share(self, ext: bool) -> float:
        """Of all identifiers of a kind, how many pass, 0 to 1."""
        cubes = [(mask, one) for mask, one in set(self) if bool(one & EXTENDED) == ext]
        return volume(cubes) / (1 << BITS[ext])

    def to_bytes(self) -> bytes:
        """Eight u32: mask 0, mask 1, filters 0 to 5."""
        return _WORDS.pack(*self.masks, *self.filters)

    @classmethod
    def from_bytes(cls, content: bytes) -> Filters:
        """Read them.

        Raises:
            ModelError: they are not 32 bytes, or none that the chip has.
        """
        if len(content) != _WORDS.size:
            raise ModelError(f"filters: {len(content)} bytes, not {_WORDS.size}")
        mask0, mask1, *filters = _WORDS.unpack(content)
        a, b, c, d, e, f = filters
        return cls((mask0, mask1), (a, b, c, d, e, f))

    def describe(self) -> list[dict[str, str | int]]:
        """The filters that differ, for people: buffer, mask, filter and the range of ids if it is one."""
        said: list[dict[str, str | int]] = []
        for at, (mask, one) in enumerate(self):
            row: dict[str, str | int] = {
                "buffer": int(at >= EACH[0]), "mask": f"{mask & ~EXTENDED:0{_digits(mask)}X}",
                "filter": key_text(one), "ids": 1 << width(mask) - (mask & ~EXTENDED).bit_count(),
            }  # fmt: skip
            if row not in said:
                said.append(row)
        return said


def _digits(key: int) -> int:
    return 8 if key & EXTENDED else 3


def volume(cubes: Sequence[tuple[int, int]]) -> int:
    """How many identifiers (mask, filter) pairs of one kind pass together, by inclusion and exclusion."""
    total, stack = 0, [(0, (0, 0), 0)]
    while stack:
        at, (mask, one), members = stack.pop()
        if at == len(cubes):
            if members:
                bits = width(one) - (mask & ~EXTENDED).bit_count()
                total += (1 << bits) if members % 2 else -(1 << bits)
            continue
        stack.append((at + 1, (mask, one), members))
        other_mask, other = cubes[at]
        if not members or not (one ^ other) & mask & other_mask:
            stack.append((at + 1, (mask | other_mask, one | other), members + 1))
    return total
