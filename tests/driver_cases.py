"""What drivers of the firmware put into the ring, on CPython."""

from __future__ import annotations

from typing import NamedTuple

from canbean.board.firmware import module

ring = module("ring")


class Standing:
    """A clock that stands still."""

    s, us = 1234, 567_890

    def read(self):
        pass


class Taken(NamedTuple):
    """A frame record, read back."""

    s: int
    us: int
    key: int
    flags: int
    code: int
    data: bytes


def taken(queue) -> list[Taken]:
    """Empties a ring."""
    found = []
    while queue.count:
        record = bytes(queue.records[queue.first : queue.first + ring.RECORD])
        word, top = int.from_bytes(record[4:7], "little"), int.from_bytes(record[7:11], "little")
        found.append(
            Taken(
                int.from_bytes(record[:4], "little"),
                word & 0xFFFFF,
                top & 0x3FFFFFFF,
                top >> 30,
                word >> 20,
                record[11:],
            )
        )
        queue.take()
    return found
