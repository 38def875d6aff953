"""CAN frames as Linux hands them to captures: id and flags, length, CAN FD flags, two bytes, then the data.

The link types are LINKTYPE_CAN_SOCKETCAN (227: the id is big-endian), and LINKTYPE_LINUX_SLL (113) and LINKTYPE_LINUX_SLL2 (276) where
their protocol is CAN or CAN FD (the id is in the byte order of the file, as libpcap has it). After the pages of these link types on
tcpdump.org.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, RTR, Frames, recode
from canbean.errors import LogError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canbean.can.logs.formats import Report
    from canbean.can.logs.tables import Tables

PLAIN, COOKED, COOKED2 = 227, 113, 276
"""Link types."""
CAN, CAN_FD = 0x0C, 0x0D
"""Protocols of cooked packets."""
HEADER = 8
"""Bytes before the data."""
FDF, XLF = 0x04, 0x80
"""A bit of the CAN FD flags that tells CAN FD, one of the length that tells CAN XL."""
LARGEST = 72
"""Bytes of the packet of a CAN FD frame, whatever its length; that of a classic one has 16."""
PAD = 128
"""Bytes that must follow the last packet in `Packets.raw`."""
ALIKE, RUN = 32, 4096
"""After so many records of one size, at most so many more are looked at together."""
LATEST_S = 1 << 42
"""Times at or above this are no times, in seconds."""
REASONS = (
    "",
    "the packet is too short",
    "the id is above 7FF and not extended",
    "longer than a frame can be",
    "the interface is not described",
    "the time is not one",
)


@dataclass
class Packets:
    """Packets of a part of a capture; n of them.

    Attributes:
        raw: uint8, bytes that hold all of them, and at least `PAD` bytes more.
        at: int64 (n,), where each begins in `raw`.
        held: int64 (n,), bytes of it that were captured.
        size: int64 (n,), bytes that it had.
        t_us: int64 (n,), time in microseconds.
        link: int64 (n,), its link type.
        bus: int64 (n,), code of its interface.
        reason: int8 (n,), index into `REASONS`: above 0 where it is known to be of no use.
        number: int64 (n,), its number in the file, from 1.
    """

    raw: NDArray[np.uint8]
    at: NDArray[np.int64]
    held: NDArray[np.int64]
    size: NDArray[np.int64]
    t_us: NDArray[np.int64]
    link: NDArray[np.int64]
    bus: NDArray[np.int64]
    reason: NDArray[np.int8]
    number: NDArray[np.int64]

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> Packets:
        return Packets(self.raw, *(getattr(self, field.name)[rows] for field in fields(self)[1:]))


def frames(packets: Packets, buses: Sequence[str], little: bool, tables: Tables, report: Report) -> Frames:
    """The frames of packets; those of other protocols are passed over, what cannot be read is counted.

    Args:
        packets: the packets.
        buses: names of the interfaces.
        little: the file was written by a little-endian host.
        tables: codes of the buses so far.
        report: told what is no frame.

    Raises:
        LogError: more than 256 buses, or a packet that cannot be read while the reading is strict.
    """
    cooked, cooked2 = packets.link == COOKED, packets.link == COOKED2
    before = 16 * cooked + 20 * cooked2
    place = packets.at + np.where(cooked, 14, 0)
    protocol = packets.raw[place].astype(np.int64) << 8 | packets.raw[place + 1]
    other = ~(packets.link == PLAIN) & ~((cooked | cooked2) & ((protocol == CAN) | (protocol == CAN_FD)))
    header = _windows(packets.raw, packets.at + before, HEADER)
    word = np.ascontiguousarray(header[:, :4]).view(">u4")[:, 0]
    word = np.where((before > 0) & little, word.byteswap(), word).astype(np.int64)
    length = header[:, 4].astype(np.int64)
    known = (packets.reason == 0) & (packets.held >= before + HEADER)
    other |= known & (length & XLF != 0)
    report.passed += int(other[packets.reason == 0].sum())

    error, remote, ext = (word >> bit & 1 == 1 for bit in (29, 30, 31))
    fd = (header[:, 5] & FDF != 0) | (packets.size - before == LARGEST) | (length > 8)
    fd |= (before > 0) & (protocol == CAN_FD)
    id_ = word & 0x1FFFFFFF
    reason = packets.reason.copy()
    checks = {
        3: length <= 64,
        2: ext | error | (id_ <= 0x7FF),
        1: packets.held >= before + HEADER + np.where(remote, 0, length),
    }
    for code, good in checks.items():
        reason[(packets.reason == 0) & ~other & ~good] = code
    for row in np.flatnonzero(reason):
        report.skip(f"packet {packets.number[row]}", REASONS[reason[row]])

    ok = (reason == 0) & ~other
    length, body = length[ok], (packets.at + before + HEADER)[ok]
    width = 64 if (length > 8).any() else 8
    meant = np.where(remote[ok], 0, length).astype(np.uint8)
    data = _windows(packets.raw, body, width) * (np.arange(width, dtype=np.uint8) < meant[:, None])
    names, codes = list(buses), packets.bus[ok]
    if cooked2.any():
        index = np.ascontiguousarray(_windows(packets.raw, packets.at[ok] + 4, 4)).view(">u4")[:, 0]
        numbers, which = np.unique(index[cooked2[ok]], return_inverse=True)
        codes = codes.copy()
        codes[cooked2[ok]] = len(names) + which
        names += [f"if{number}" for number in numbers]
    used, codes = np.unique(codes, return_inverse=True)
    try:
        bus = recode(codes, [names[code] for code in used], tables.buses, 256, "buses")
    except UsageError as why:
        raise LogError(f"{report.path}: {why}") from why
    return Frames(
        t_us=packets.t_us[ok],
        id=id_[ok].astype(np.uint32),
        ext=ext[ok],
        flags=(FD * fd + RTR * remote + ERR * error)[ok].astype(np.uint8),
        dlc=length.astype(np.uint8),
        data=data,
        bus=bus.astype(np.uint8),
        label=np.zeros(len(length), np.int16),
        buses=tuple(tables.buses),
    )


def _windows(raw: NDArray[np.uint8], at: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """uint8 (n, width): the bytes at each place."""
    return np.lib.stride_tricks.sliding_window_view(raw, width)[at]


def words(raw: NDArray[np.uint8], at: NDArray[np.int64], count: int, order: str) -> NDArray[np.int64]:
    """int64 (n, count): unsigned numbers of 32 bits at each place, in the byte order `<` or `>`."""
    return np.ascontiguousarray(_windows(raw, at, 4 * count)).view(f"{order}u4").astype(np.int64)


def run(raw: NDArray[np.uint8], at: int, stride: int, end: int, fields: Sequence[int]) -> int:
    """How many records of `stride` bytes follow the one at `at` and have the same bytes at `fields`, before `end`."""
    count = min((end - at) // stride, RUN)
    rows = raw[at : at + count * stride].reshape(count, stride)[:, fields]
    same = (rows == rows[0]).all(axis=1)
    return (count if same.all() else int(same.argmin())) - 1


def refused(frames: Frames) -> dict[str, bool]:
    """What no capture has a place for, in words, and whether it occurs."""
    return {
        "labels": bool((frames.label != 0).any()),
        "times before 0": bool((frames.t_us < 0).any()),
        "more than 8 bytes outside CAN FD": bool(((frames.dlc > 8) & (frames.flags & FD == 0)).any()),
    }


def records(
    frames: Frames, before: NDArray[np.uint8], after: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Records of a file, each a header, a packet of link type 227 as the kernel makes it, and room for an end.

    Args:
        frames: n frames.
        before: uint8 (n, h), the headers.
        after: bytes to leave behind the packet.

    Returns:
        uint8 (n, h + 72 + after) and a mask: the bytes that are meant (with 16 in place of 72 for classic frames).
    """
    n, head = before.shape
    fd, remote, error = (frames.flags & bit != 0 for bit in (FD, RTR, ERR))
    size = LARGEST if fd.any() else 16
    out = np.zeros((n, head + size + after), np.uint8)
    word = frames.id.astype(np.uint32) | sum(
        mask.astype(np.uint32) << np.uint32(bit)
        for mask, bit in ((error, 29), (remote, 30), (frames.ext, 31))
    )
    out[:, :head] = before
    out[:, head : head + 4] = word.astype(">u4").view(np.uint8).reshape(n, 4)
    out[:, head + 4], out[:, head + 5] = frames.dlc, FDF * fd
    width = min(size - HEADER, frames.data.shape[1])
    out[:, head + HEADER : head + HEADER + width] = frames.data[:, :width] * ~remote[:, None]
    meant = np.ones(out.shape, bool)
    meant[~fd, head + 16 : head + size] = False
    return out, meant


def sizes(frames: Frames) -> NDArray[np.uint32]:
    """uint32 (n,): bytes of the packet of each frame."""
    return np.where(frames.flags & FD != 0, LARGEST, 16).astype(np.uint32)
