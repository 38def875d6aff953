"""Drivers of the firmware on CPython, and what they put into the ring."""

from __future__ import annotations

import importlib.util
import sys
from typing import NamedTuple
from unittest import mock

from canbean.board.firmware import folder, module

ring = module("ring")
FROM_PACKAGE = ("ring", "clock", "lines")


def driver(name, room="drivers"):
    """A module of firmware/drivers; what it imports as `canbean` is the firmware's."""
    names = {f"canbean.{one}": module(one) for one in FROM_PACKAGE}
    path = folder() / room / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"canbean_{room}_{name}", path)
    made = importlib.util.module_from_spec(spec)
    with (
        mock.patch.dict(sys.modules, {"canbean": sys.modules["canbean_firmware"], **names}),
        mock.patch.object(sys, "path", [str(folder()), *sys.path]),
    ):
        spec.loader.exec_module(made)
    return made


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
