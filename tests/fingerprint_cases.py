"""The board's fingerprint: where its numbers are, and how its `judge` is run here."""

from __future__ import annotations

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


def board_of(known, **how):
    """The board's twin of a fingerprint."""
    return firmware.module("fingerprint").Fingerprint(Section(known.to_bytes()), **how)
