"""pcapng, the newer capture format of Wireshark, with CAN frames (`socketcan`): blocks of sections, interfaces and packets.

An interface is a bus, called by its name (`if_name`) or `can` and its number. Times count from 1970 in units of each interface
(`if_tsresol`, `if_tsoffset`), cut to microseconds. After draft-ietf-opsawg-pcapng. Obsolete and simple packet blocks, which tell no time or
no interface, are counted as not read; blocks of other kinds hold no packets. Written little-endian in microseconds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import numpy as np

from canbean.can.logs import socketcan
from canbean.can.logs.lines import shown
from canbean.can.logs.tables import Tables
from canbean.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.formats import Report

NAME = "pcapng"
ENDINGS = (".pcapng",)
SECTION, INTERFACE, PACKET, UNTIMED = 0x0A0D0D0A, 1, 6, (2, 3)
"""Kinds of blocks; those of the last are packets that are not read."""
ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
"""Byte orders of a section."""
IF_NAME, IF_TSRESOL, IF_TSOFFSET = 2, 9, 14
"""Options of an interface."""
AROUND, BEFORE = 12, 28
"""Bytes of a block around its body, and those of a packet's block before the packet."""
LEAST = {PACKET: BEFORE + 4, INTERFACE: 20}
"""Bytes of the shortest blocks of these kinds."""
ENDS = (*range(8), *range(-4, 0))
"""Where in a block its kind and its length stand."""
LONGEST = 1 << 24
"""Bytes of the largest block: more than any reader accepts."""
BLOCK = 1 << 22
"""Bytes that are read at a time."""


@dataclass
class Section:
    """What a section says of itself.

    Attributes:
        order: its byte order, `<` or `>`.
        link: link type of each interface.
        bus: its name.
        ticks: its times are counted in this part of a second,
        drop: after they were divided by this.
        offset_s: what they are counted from.
    """

    order: str
    link: list[int] = field(default_factory=list)
    bus: list[str] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)
    drop: list[int] = field(default_factory=list)
    offset_s: list[int] = field(default_factory=list)

    def describe(self, block: bytes) -> None:
        """Take the block of an interface."""
        (link,) = struct.unpack_from(f"{self.order}H", block, 8)
        name, resolution, offset = "", 6, 0
        at = 16
        while at + 8 <= len(block):
            option, size = struct.unpack_from(f"{self.order}HH", block, at)
            value = block[at + 4 : min(at + 4 + size, len(block) - 4)]
            if option == IF_NAME:
                name = value.rstrip(b"\0").decode("utf-8", "backslashreplace")
            elif option == IF_TSRESOL and len(value) == 1:
                resolution = value[0]
            elif option == IF_TSOFFSET and len(value) == 8:
                (offset,) = struct.unpack(f"{self.order}q", value)
            elif option == 0:
                break
            at += 4 + -(-size // 4) * 4
        base, power = (2, resolution & 127) if resolution & 128 else (10, resolution)
        # Ticks of less than 2**-40 or 10**-12 seconds are cut, so that products of them fit into 64 bits.
        kept = min(power, 40 if base == 2 else 12)
        self.link.append(link)
        self.bus.append(name or f"can{len(self.bus)}")
        self.ticks.append(base**kept)
        self.drop.append(min(base ** (power - kept), 1 << 63))
        self.offset_s.append(offset if abs(offset) < socketcan.LATEST_S else 0)


def looks(head: bytes) -> bool:
    """Whether a file that begins with these bytes is one."""
    return head[:4] == SECTION.to_bytes(4, "big") and head[8:12] in ORDERS


def chunks(path: Path, rows: int, report: Report) -> Iterator[Frames]:
    """The frames, at most `rows` at a time.

    Raises:
        LogError: the file ends within a block (without `accept_cut`), or a block is damaged.
    """
    tables, number = Tables(), 1
    with path.open("rb") as file:
        for raw, at, section in _blocks(file, report):
            for first in range(0, len(at), rows):
                start = np.array(at[first : first + rows], np.int64)
                packets = _packets(raw, start, section, number)
                number += len(start)
                yield socketcan.frames(packets, section.bus, section.order == "<", tables, report)


def _packets(
    raw: NDArray[np.uint8], at: NDArray[np.int64], section: Section, number: int
) -> socketcan.Packets:
    """The packets of blocks at these places; the first has this number."""
    size, interface, high, low, held, whole = socketcan.words(raw, at + 4, 6, section.order).T
    reason = np.zeros(len(at), np.int8)
    reason[interface >= len(section.link)] = 4
    which = np.where(reason == 0, interface, 0)
    drop, ticks = (np.array(column or [1], np.uint64)[which] for column in (section.drop, section.ticks))
    offset, link = (np.array(column or [0])[which] for column in (section.offset_s, section.link))
    time = high.astype(np.uint64) << np.uint64(32) | low.astype(np.uint64)
    seconds, rest = (part.astype(np.int64) for part in np.divmod(time // drop, ticks))
    reason[(reason == 0) & ((seconds < 0) | (seconds >= socketcan.LATEST_S))] = 5
    seconds = np.where(reason == 0, seconds, 0) + offset
    t_us = seconds * 1_000_000 + rest * 1_000_000 // ticks.astype(np.int64)
    held = np.minimum(held, size - BEFORE - 4)
    numbers = np.arange(number, number + len(at))
    return socketcan.Packets(raw, at + BEFORE, held, whole, t_us, link, which, reason, numbers)


def _blocks(file: IO[bytes], report: Report) -> Iterator[tuple[NDArray[np.uint8], list[int], Section]]:
    """Bytes of the file, where in them blocks of packets begin, and the section they are of. Raises as `chunks`."""
    section, rest, number = Section("<"), b"", 1
    header = struct.Struct("<II").unpack_from
    while piece := file.read(BLOCK):
        block = rest + piece
        raw = np.frombuffer(block + bytes(socketcan.PAD), np.uint8)
        starts: list[int] = []
        at, damaged, before, alike, last = 0, False, 0, 0, len(block) - AROUND
        while at <= last:
            kind, size = header(block, at)
            if kind == SECTION:
                yield raw, starts, section
                starts, order = [], ORDERS.get(block[at + 8 : at + 12])
                damaged = order is None
                section = Section(order or "<")
                header = struct.Struct(f"{section.order}II").unpack_from
                size = header(block, at)[1]
            end = at + size
            damaged = damaged or size % 4 != 0 or not LEAST.get(kind, AROUND) <= size <= LONGEST
            if damaged or end > len(block):
                break
            damaged = header(block, end - 8)[1] != size
            if damaged:
                break
            if kind == PACKET:
                starts.append(at)
                alike = alike + 1 if size == before else 0
                before = size
                if alike == socketcan.ALIKE:
                    more = socketcan.run(raw, at, size, len(block), ENDS)
                    starts += range(end, end + more * size, size)
                    end, alike, number = end + more * size, 0, number + more
            elif kind == INTERFACE:
                section.describe(block[at:end])
            elif kind in UNTIMED:
                report.skip(f"block {number}", "a packet without a time or of an obsolete kind")
            at = end
            number += 1
        yield raw, starts, section
        if damaged:
            raise LogError(f"{report.path}: block {number}: damaged: {shown(block[at : at + 8])}")
        rest = block[at:]
    if rest and not report.accept_cut:
        raise report.cut(f"block {number}")


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    names = [frames.buses[code] for code in np.unique(frames.bus)]
    return [
        *(what for what, found in socketcan.refused(frames).items() if found),
        *(f"a bus named {name!r}" for name in names if not name or "\0" in name or len(name.encode()) > 255),
    ]


def write(file: IO[bytes], parts: Iterable[Frames], _kinds: Frames, _name: str) -> None:
    """Write all parts; an interface is described before its first frame."""
    file.write(struct.pack("<IIIHHqI", SECTION, 28, 0x1A2B3C4D, 1, 0, -1, 28))
    known: dict[str, int] = {}
    for frames in parts:
        for code in np.unique(frames.bus):
            name = frames.buses[code]
            if name not in known:
                known[name] = len(known)
                file.write(_interface(name.encode()))
        numbers = np.array([known.get(name, 0) for name in frames.buses])[frames.bus]
        packet = socketcan.sizes(frames)
        size = packet + BEFORE + 4
        columns = (np.full(len(frames), PACKET), size, numbers, frames.t_us >> 32, frames.t_us & 0xFFFFFFFF)
        header = np.stack([*columns, packet, packet], axis=1).astype("<u4").view(np.uint8)
        out, meant = socketcan.records(frames, header, 4)
        out[:, -4:] = size.astype("<u4").view(np.uint8).reshape(-1, 4)
        file.write(out[meant].tobytes() if not meant.all() else out.tobytes())


def _interface(name: bytes) -> bytes:
    """The block of an interface of link type 227 that counts microseconds."""
    padded = name + bytes(-len(name) % 4)
    size = 16 + 4 + len(padded) + 4 + 4
    head = struct.pack("<IIHHIHH", INTERFACE, size, socketcan.PLAIN, 0, 0, IF_NAME, len(name))
    return head + padded + struct.pack("<HHI", 0, 0, size)
