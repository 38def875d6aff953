"""Sections to bytes and back: little-endian, 4-byte aligned, no length trusted."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def padded(content: bytes) -> bytes:
    """`content` with zeros up to the next multiple of 4 bytes."""
    return bytes(content) + bytes(-len(content) % 4)


class Reader:
    """Walks through a section and refuses to read what is not there.

    Args:
        content: the section.
        where: what error messages call it: the file and the tag.
    """

    def __init__(self, content: bytes, where: str) -> None:
        self._content = content
        self._at = 0
        self.where = where

    def struct(self, layout: str) -> tuple[Any, ...]:
        """The next fields, in the notation of the `struct` module without the byte order.

        Raises:
            ModelError: the section ends before.
        """
        return struct.unpack("<" + layout, self._take(struct.calcsize("<" + layout)))

    def array(self, dtype: str, count: int) -> NDArray[np.int64]:
        """The next `count` numbers of a little-endian numpy `dtype`, with their padding, as int64 (count,).

        Raises:
            ModelError: the section ends before, or the padding is not zero.
        """
        size = np.dtype(dtype).itemsize * count
        values = np.frombuffer(self._take(size), np.dtype(dtype).newbyteorder("<")).astype(np.int64)
        if any(self._take(-size % 4)):
            raise ModelError(f"{self.where}: its padding is not zero")
        return values

    def rest(self) -> bytes:
        """All that is left."""
        return self._take(len(self._content) - self._at)

    def end(self) -> None:
        """Insist that the section ends here.

        Raises:
            ModelError: bytes are left.
        """
        left = len(self._content) - self._at
        if left:
            raise ModelError(f"{self.where}: has {left} bytes too many")

    def _take(self, size: int) -> bytes:
        chunk = self._content[self._at : self._at + size]
        if len(chunk) != size:
            raise ModelError(f"{self.where}: ends after {len(self._content)} bytes, in the middle of a field")
        self._at += size
        return chunk
