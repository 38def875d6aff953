"""The image that a bare virtual board takes for MicroPython: of the right form and size, and no code of anybody's.

Where it, to the last byte, is in the flash, the board starts the MicroPython VM.
"""

from __future__ import annotations

import hashlib
import struct

import numpy as np

BYTES = 600 * 1024
TEXT = b"MicroPython v1.29.0 on canbean's virtual board: no code, for this board alone\0"
IRAM = 0x40100000


def name(chip: str) -> str:
    """What its file is called, for `esp8266` or `esp32`."""
    return f"{chip.upper()}_VIRTUAL-v1.29.0.bin"


def image() -> bytes:
    """It; the same bytes every time and for each chip. An ESP8266 image as its ROM reads it: header, one segment, its checksum."""
    size = BYTES - 32
    # half of it does not compress, as with code
    random = b"".join(hashlib.sha256(struct.pack("<I", n)).digest() for n in range(size // 64))
    content = (TEXT + random).ljust(size, b"\0")
    # DIO, 4 MB, 40 MHz
    head = struct.pack("<BBBBI", 0xE9, 1, 2, 0x40, IRAM) + struct.pack("<II", IRAM, size)
    checksum = 0xEF ^ int(np.bitwise_xor.reduce(np.frombuffer(content, np.uint8)))
    return (head + content).ljust(BYTES - 1, b"\0") + bytes([checksum])
