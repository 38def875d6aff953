"""pcap, the capture format of tcpdump and Wireshark, with CAN frames (`socketcan`): a header of 24 bytes, then packets.

Both byte orders, times in micro- or nanoseconds (which are cut to microseconds) after 1970. Such a file names no bus: `can0`. After
"PCAP Capture File Format" (draft-ietf-opsawg-pcap). Written little-endian, with microseconds and link type 227.
"""

from __future__ import annotations

import struct
from typing import IO, TYPE_CHECKING

import numpy as np

from canbean.can.frames import DEFAULT_BUS
from canbean.can.logs import socketcan
from canbean.can.logs.tables import Tables
from canbean.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.can.logs.formats import Report

NAME = "pcap"
ENDINGS = (".pcap",)
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1),
    b"\xa1\xb2\xc3\xd4": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1000),
}
"""First bytes of a file: its byte order, and parts of a microsecond in which it counts."""
HEADER, RECORD = 24, 16
"""Bytes of the header of the file, and of that of a packet."""
LENGTH = range(8, 12)
"""Where in the header of a packet its captured length stands."""
LONGEST = 1 << 18
"""Bytes of the largest packet that libpcap captures, except on links that are of no use here."""
BLOCK = 1 << 22
"""Bytes that are read at a time."""
SECONDS = 1 << 32
"""Times must be below this, in seconds."""


def looks(head: bytes) -> bool:
    """Whether a file that begins with these bytes is one."""
    return head[:4] in MAGICS


def chunks(path: Path, rows: int, report: Report) -> Iterator[Frames]:
    """The frames, at most `rows` at a time.

    Raises:
        LogError: the file ends within a packet (without `accept_cut`), or a packet is longer than any can be.
    """
    tables, number = Tables(), 1
    with path.open("rb") as file:
        header = file.read(HEADER)
        order, parts = MAGICS[header[:4]]
        link = struct.unpack(f"{order}I", header[20:])[0] & 0xFFFF if len(header) == HEADER else 0
        for raw, at in _blocks(file, order, report):
            for first in range(0, len(at), rows):
                start = np.array(at[first : first + rows], np.int64)
                seconds, fraction, held, size = socketcan.words(raw, start, 4, order).T
                n = len(start)
                packets = socketcan.Packets(
                    raw,
                    start + RECORD,
                    held,
                    size,
                    seconds * 1_000_000 + fraction // parts,
                    np.full(n, link),
                    np.zeros(n, np.int64),
                    np.zeros(n, np.int8),
                    np.arange(number, number + n),
                )
                number += n
                yield socketcan.frames(packets, [DEFAULT_BUS], order == "<", tables, report)
        if len(header) < HEADER and not report.accept_cut:
            raise report.cut("its header")


def _blocks(file: IO[bytes], order: str, report: Report) -> Iterator[tuple[NDArray[np.uint8], list[int]]]:
    """Bytes of the file, and where in them packets begin that are whole. Raises as `chunks`."""
    length = struct.Struct(f"{order}I").unpack_from
    rest, number = b"", 1
    while piece := file.read(BLOCK):
        block = rest + piece
        raw = np.frombuffer(block + bytes(socketcan.PAD), np.uint8)
        starts: list[int] = []
        at, size, before, alike, last = 0, 0, -1, 0, len(block) - RECORD
        while at <= last:
            (size,) = length(block, at + 8)
            stride = RECORD + size
            if at + stride > len(block):
                break
            starts.append(at)
            at += stride
            alike = alike + 1 if size == before else 0
            before = size
            if alike == socketcan.ALIKE:
                more = socketcan.run(raw, at - stride, stride, len(block), LENGTH)
                starts += range(at, at + more * stride, stride)
                at, alike = at + more * stride, 0
        yield raw, starts
        rest = block[at:]
        number += len(starts)
        if len(rest) >= RECORD and size > LONGEST:
            raise LogError(f"{report.path}: packet {number}: damaged: it says that it has {size} bytes")
    if rest and not report.accept_cut:
        raise report.cut(f"packet {number}")


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    lost = {**socketcan.refused(frames), "times after 2106": bool((frames.t_us >= SECONDS * 1_000_000).any())}
    names = [frames.buses[code] for code in np.unique(frames.bus)]
    return [
        *(what for what, found in lost.items() if found),
        *(f"a bus named {name!r}" for name in names if name != DEFAULT_BUS),
    ]


def write(file: IO[bytes], parts: Iterable[Frames], _kinds: Frames, _name: str) -> None:
    """Write all parts."""
    file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LONGEST, socketcan.PLAIN))
    for frames in parts:
        size = socketcan.sizes(frames)
        seconds, fraction = np.divmod(frames.t_us, 1_000_000)
        header = np.stack([seconds, fraction, size, size], axis=1).astype("<u4")
        out, meant = socketcan.records(frames, header.view(np.uint8))
        file.write(out[meant].tobytes() if not meant.all() else out.tobytes())
