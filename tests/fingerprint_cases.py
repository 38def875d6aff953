"""The board's fingerprint: where its numbers are, and how its `judge` is run here."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

from canbean.board import firmware

_SOURCE = (firmware.folder() / "canbean" / "fingerprint.py").read_text()
AT = SimpleNamespace(
    **{
        name: eval(value)
        for name, value in re.findall(r"^_([A-Z_]+) = const\((.+?)\)", _SOURCE, re.MULTILINE)
    }
)
"""What `fingerprint.py` names with an underscore: places in `now`, and what `judge` adds to the bits."""
PARTS = (AT.START, AT.RATE, AT.TIMING, AT.DLC, AT.BROKEN)
BITS = AT.NEW - 1


class Section:
    """A model that has a fingerprint alone."""

    def __init__(self, content: bytes):
        self.content = content

    def size(self, tag: str) -> int:
        return len(self.content)

    def part(self, tag: str, start: int, length: int) -> bytes:
        return self.content[start : start + length]

    def into(self, tag: str, start: int, view: memoryview) -> None:
        file = io.BytesIO(self.content)
        file.seek(start)
        file.readinto(view)


def board_of(known, **how):
    """The board's twin of a fingerprint."""
    return firmware.module("fingerprint").Fingerprint(Section(known.to_bytes()), **how)


def score(board, records, at):
    """The bits of a frame record with what `judge` adds to them, as the watch asks for them."""
    board.now[AT.AT] = at
    bits = board.kernel(records, board.now, board.halves, board.octets)
    return bits + board.unknown() if bits & AT.NEW else bits


KNOWN = f"""
from array import array

breathe = None

class Known:
    # What detectors of windows ask of the fingerprint.
    def __init__(self, keys):
        self.keys = keys
        self.n = len(keys)
        self.now = array("i", bytes(4 * ({AT.KEYS} + 6 * self.n)))
        self.now[{AT.N}] = self.n
        for i in range(self.n):
            self.now[{AT.KEYS} + i] = keys[i]
        self.octets = bytearray(8)

def step(detector, known, s, us, slot, code, data):
    now = known.now
    now[{AT.S}] = s
    now[{AT.US}] = us
    now[{AT.SLOT}] = slot
    now[{AT.CODE}] = code
    if data:
        for k in range(8):
            known.octets[k] = data[k]
    if detector.kernel(now, known.octets, detector.state, detector.tables):
        return detector.judge(breathe)
    return -1
"""
"""Code that runs a detector of windows frame by frame, on CPython and on MicroPython."""
