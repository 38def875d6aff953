"""The flash memory of a virtual board: a file that is erased to ones, and in which writing only clears bits."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

SECTOR = 4096
"""Bytes that are erased at once."""


class SpiFlash:
    """A serial NOR flash (JEDEC: 0x9F tells its id, of which the third byte is the logarithm of its size)."""

    def __init__(self, path: Path, size: int) -> None:
        """Make it, erased.

        Args:
            path: the file that holds it; what is there is replaced.
            size: bytes, a power of two.
        """
        self.path = path
        self.size = size
        self.id = 0xEF | 0x40 << 8 | (size.bit_length() - 1) << 16
        path.write_bytes(b"\xff" * size)

    def read(self, at: int, size: int) -> bytes:
        """Bytes from `at` on; fewer at the end of the memory."""
        with self.path.open("rb") as file:
            file.seek(at)
            return file.read(size)

    def erase(self, at: int, size: int) -> None:
        """Set every sector that these bytes touch to ones."""
        first, end = at // SECTOR * SECTOR, min(-(-(at + size) // SECTOR) * SECTOR, self.size)
        self._put(first, b"\xff" * (end - first))

    def write(self, at: int, content: bytes) -> None:
        """Clear the bits that are clear in `content`; what was not erased before shows."""
        content = content[: max(self.size - at, 0)]
        old = np.frombuffer(self.read(at, len(content)), np.uint8)
        self._put(at, (old & np.frombuffer(content, np.uint8)).tobytes())

    def md5(self, at: int, size: int) -> bytes:
        """16 bytes."""
        return hashlib.md5(self.read(at, size), usedforsecurity=False).digest()

    def _put(self, at: int, content: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(content)
