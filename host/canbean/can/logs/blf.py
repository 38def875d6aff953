"""Vector's binary log: a header with a date, then objects, most of them in containers that zlib has compressed.

Times are microseconds since 1970: the start of the measurement in the header (a SYSTEMTIME, taken as UTC; 1970 where there is none) and what
each object adds to it, in units of 10 us or 1 ns, rounded. What python-can's BLFReader reads is read alike, and CAN_ERROR and
CAN_FD_ERROR_64 besides; objects of other kinds hold no frame. Sizes and counts in the header of the file are not needed: a log that was
never finished has none.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, LENGTHS, RTR
from canbean.can.logs import blf_objects, channels
from canbean.can.logs.blf_chain import BASE, Chain
from canbean.can.logs.blf_objects import CONTAINER, PAD, REASONS, SIGNATURE
from canbean.can.logs.lines import NO_FRAME
from canbean.can.logs.tables import Tables
from canbean.errors import LogError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from canbean.can.frames import Frames
    from canbean.can.logs.blf_objects import Objects
    from canbean.can.logs.formats import Report

NAME = "BLF"
ENDINGS = (".blf",)
MAGIC = b"LOGG"
FILE = struct.Struct("<4sIIBBBBQQII8H8H")
"""Header of the file: its size, version of the interface, application (number, compression, version), bytes of the file and of what it holds,
objects, objects read, first and last time."""
FILE_SIZE = 144
"""Bytes of the header that is written."""
INTERFACE = 4_070_100
CONTAINER_HEADER = struct.Struct("<4sHHIIH6xI4x")
"""Header of an object, then how the container is compressed and how much it holds."""
STORED, DEFLATED = 0, 2
HELD = 128 << 10
"""Bytes that a container holds."""
LEVEL = 6
BLOCK = 1 << 20
"""Bytes that are looked at together."""
UTC_NOTE = "its start time has no time zone: taken as UTC"
NO_DATE = "its start time is no date: times count from 1970"
LATEST_US = (1 << 64) // 1000
"""So many microseconds a time in nanoseconds can hold."""


def looks(head: bytes) -> bool:
    """Whether the file has the header of this format."""
    return head.startswith(MAGIC)


def chunks(path: Path, rows: int, report: Report) -> Iterator[Frames]:
    """The frames of a file, at most `rows` at a time.

    Raises:
        LogError: the header of the file is damaged, the file ends early (without `accept_cut`), something cannot be read (with
            `strict`), or the frames are of more than 256 channels.
    """
    tables = Tables(notes=report.notes)
    with path.open("rb") as file:
        head = file.read(FILE.size)
        if len(head) < FILE.size:
            raise report.cut(f"byte {len(head)}")
        said = FILE.unpack(head)
        if said[1] < FILE.size:
            raise LogError(f"{report.path}: byte 4: a header of {said[1]} bytes is none")
        reading = _Reading(report, tables, rows, _start(said[11:19], tables))
        file.seek(said[1])
        yield from reading.of_file(file, said[1])
        size = file.seek(0, 2)
    if said[7] > size and not report.accept_cut:
        raise report.cut(f"byte {size}")


def _start(said: tuple[int, ...], tables: Tables) -> int:
    """Microseconds since 1970 of a SYSTEMTIME: year, month, day of the week, day, hour, minute, second, millisecond."""
    if not any(said):
        return 0
    year, month, _, day, hour, minute, second, millisecond = said
    try:
        when = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        tables.note(NO_DATE)
        return 0
    tables.note(UTC_NOTE)
    return round(when.timestamp()) * 1_000_000 + millisecond * 1000


@dataclass
class _Reading:
    """How far a file is read.

    Attributes:
        report: is told what cannot be read.
        tables: codes of the buses.
        rows: frames that are given at a time.
        start_us: what times count from.
        chain: objects of what the containers hold, together.
        pieces: what they hold that was not looked at yet.
        size: bytes of these pieces.
        unpacked: bytes that the containers held so far.
        containers: of the latest ones, the first of these bytes and the place in the file.
    """

    report: Report
    tables: Tables
    rows: int
    start_us: int
    chain: Chain = field(init=False)
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    unpacked: int = 0
    containers: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chain = Chain(self.report, self._where)

    def _where(self, place: int) -> str:
        """The container that holds this byte, and how far in it that is."""
        first, at = self.containers[max(bisect_right(self.containers, (place, 1 << 64)) - 1, 0)]
        return f"byte {at}: in this container byte {place - first}"

    def of_file(self, file: IO[bytes], begin: int) -> Iterator[Frames]:
        """The frames of the file from this byte on."""
        chain = Chain(self.report, lambda place: f"byte {place}", begin)
        piece = b"?"
        while piece:
            piece = file.read(BLOCK)
            objects = chain.objects([piece], last=not piece)
            before = 0
            for row in [*np.flatnonzero(objects.header["kind"] == CONTAINER).tolist(), len(objects)]:
                if before < row:
                    yield from self._looked_at()
                    yield from self._frames(objects[before:row], chain)
                if row < len(objects):
                    yield from self._container(objects, row)
                before = row + 1
        yield from self._looked_at(last=True)

    def _container(self, objects: Objects, row: int) -> Iterator[Frames]:
        """The frames of what a container holds, as soon as that is much."""
        at = int(objects.at[row])
        end = min(at + int(objects.header["size"][row]), len(objects.raw) - len(PAD))
        place = objects.first + at
        self.containers.append((self.unpacked, place))
        try:
            for piece in _unpacked(objects.raw[at:end]):
                self.pieces.append(piece)
                self.size += len(piece)
                self.unpacked += len(piece)
                if self.size >= BLOCK:
                    yield from self._looked_at()
        except (ValueError, zlib.error) as error:
            yield from self._looked_at()
            self.chain.drop()
            self.report.skip(f"byte {place}", f"a container that cannot be unpacked: {error}")

    def _looked_at(self, *, last: bool = False) -> Iterator[Frames]:
        """The frames of what was unpacked."""
        objects = self.chain.objects(self.pieces, last=last)
        self.pieces, self.size = [], 0
        yield from self._frames(objects, self.chain)
        del self.containers[: bisect_right(self.containers, (self.chain.at, 1 << 64)) - 1]

    def _frames(self, objects: Objects, chain: Chain) -> Iterator[Frames]:
        """The frames among objects; the others are counted."""
        try:
            frames, reason = blf_objects.frames(objects, self.start_us, self.tables)
        except UsageError as error:
            raise LogError(f"{self.report.path}: {chain.where(objects.first)}: {error}") from error
        self.report.passed += int(np.count_nonzero(reason == NO_FRAME))
        for row in np.flatnonzero(reason > 0).tolist():
            self.report.skip(chain.where(objects.first + int(objects.at[row])), REASONS[reason[row]])
        for at in range(0, len(frames), self.rows):
            yield frames[at : at + self.rows]


def _unpacked(container: bytes) -> Iterator[bytes]:
    """What a container holds, in pieces.

    Raises:
        ValueError: it is not whole, or of an unknown kind.
        zlib.error: it is damaged.
    """
    if len(container) < CONTAINER_HEADER.size:
        raise ValueError("it has no header")
    method = CONTAINER_HEADER.unpack_from(container)[5]
    held = container[CONTAINER_HEADER.size :]
    if method == STORED:
        yield held
        return
    if method != DEFLATED:
        raise ValueError(f"compressed in the way {method}, which is not known")
    stream = zlib.decompressobj()
    while piece := stream.decompress(held, BLOCK):
        yield piece
        held = stream.unconsumed_tail
    if not stream.eof:
        raise ValueError("it ends early")


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    refused = {
        "labels": frames.label != 0,
        "times before 1970 and after 2554": (frames.t_us < 0) | (frames.t_us >= LATEST_US),
        "more than 8 bytes outside CAN FD": (frames.dlc > 8) & (frames.flags & FD == 0),
        "lengths that CAN FD does not know": ~np.isin(frames.dlc, LENGTHS),
        "error frames that are remote requests": (frames.flags & (ERR | RTR)) == ERR | RTR,
    }
    return [*(what for what, mask in refused.items() if mask.any()), *channels.refused(frames)]


def write(file: IO[bytes], parts: Iterable[Frames], kinds: Frames, _name: str) -> None:
    """Write frames; times count from the millisecond of the earliest.

    The header is completed at the end, where the file can go back: a compressed one cannot, and reads as one that was not finished.
    """
    first_us = int(kinds.t_us.min()) // 1000 * 1000 if len(kinds) else 0
    times = (*_system_time(first_us), *_system_time(int(kinds.t_us.max()) if len(kinds) else 0))
    about = (MAGIC, FILE_SIZE, INTERFACE, 0, LEVEL, 0, 0)
    file.write(FILE.pack(*about, 0, 0, 0, 0, *times).ljust(FILE_SIZE, b"\0"))
    size = unpacked = FILE_SIZE
    count = 0

    def counted() -> Iterator[Frames]:
        nonlocal count
        for frames in parts:
            count += len(frames)
            yield frames

    for held in _held(counted(), first_us):
        size += file.write(_container(held))
        unpacked += CONTAINER_HEADER.size + len(held)
    file.flush()
    with suppress(OSError):
        file.seek(0)
        file.write(FILE.pack(*about, size, unpacked, count, 0, *times))


def _held(parts: Iterable[Frames], first_us: int) -> Iterator[bytearray]:
    """The objects of frames, as much of them at a time as a container holds."""
    waiting = bytearray()
    for frames in parts:
        waiting += blf_objects.packed(frames, first_us)
        whole = len(waiting) - len(waiting) % HELD
        for at in range(0, whole, HELD):
            yield waiting[at : at + HELD]
        del waiting[:whole]
    if waiting:
        yield waiting


def _container(held: bytearray) -> bytes:
    """A container that holds these bytes."""
    packed = zlib.compress(held, LEVEL)
    size = CONTAINER_HEADER.size + len(packed)
    header = CONTAINER_HEADER.pack(SIGNATURE, BASE, 1, size, CONTAINER, DEFLATED, len(held))
    return header + packed + bytes(size % 4)


def _system_time(t_us: int) -> tuple[int, ...]:
    """A time as a SYSTEMTIME."""
    when = datetime.fromtimestamp(t_us // 1_000_000, UTC)
    return (
        *(when.year, when.month, when.isoweekday() % 7, when.day),
        *(when.hour, when.minute, when.second, t_us // 1000 % 1000),
    )
