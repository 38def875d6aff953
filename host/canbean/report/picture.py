"""A picture of shades as PNG (W3C Recommendation, third edition): one colour in 16 opacities, seen on light and dark paper."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHADES = 16
"""Shades from nothing (0) to the darkest."""

OPAQUE = 0.9
"""Opacity of the darkest shade."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def shades_png(levels: NDArray[np.uint8], colour: tuple[int, int, int] = (116, 136, 166)) -> bytes:
    """The picture of shades as a PNG file, four bits a pixel.

    Args:
        levels: uint8 (height, width), each under 16; neither side 0.
        colour: red, green, blue.
    """
    height, width = levels.shape
    even = np.pad(levels, ((0, 0), (0, width % 2)))
    packed = even[:, ::2] << 4 | even[:, 1::2]
    # Each row begins with its filter: none.
    rows = np.pad(packed, ((0, 0), (1, 0))).astype(np.uint8).tobytes()
    alpha = bytes(round(255 * OPAQUE * n / (SHADES - 1)) for n in range(SHADES))
    # Depth 4, colours from a palette, the only ways there are to compress, filter and order rows.
    header = struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", bytes(colour) * SHADES), (b"tRNS", alpha))
    parts = [*chunks, (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
        for tag, data in parts
    )


def data_uri(png: bytes) -> str:
    """The file as an address that holds it whole."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
