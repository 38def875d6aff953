"""The frames among the objects of Vector's binary log: where each kind of object keeps what a frame says, to read and to write.

An object is a header of 32 bytes (version 1) or 40 (version 2), then a body whose layout its kind chooses. A code of length is one of CAN FD
where the object is marked so, else at most 8; an id above 7FF is extended also where it is not marked. After Vector's `binlog_objects.h`,
Tobias Lorenz' "Vector BLF" and what python-can's BLFReader does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import ERR, FD, LENGTHS, RTR, Frames
from canbean.can.logs import channels, words
from canbean.can.logs.lines import NO_FRAME
from canbean.can.logs.words import Columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from canbean.can.logs.fields import Mask
    from canbean.can.logs.tables import Tables

    Rows = NDArray[np.int64]

SIGNATURE = b"LOBJ"
SIGNATURE_WORD = int.from_bytes(SIGNATURE, "little")
HEADER = np.dtype(
    {
        "names": ["signature", "begin", "version", "size", "kind", "unit", "ticks"],
        "formats": ["<u4", "<u2", "<u2", "<u4", "<u4", "<u4", "<u8"],
        "offsets": [0, 4, 6, 8, 12, 16, 24],
        "itemsize": 32,
    }
)
"""Of an object: where its body begins, version of the header, bytes in all, kind, unit of the time (10 us or 1 ns), time."""
TEN_US, ONE_NS = 1, 2
LATEST_TICK = 1 << 59
"""Ticks of 10 us that are surely no time."""
CONTAINER, CLASSIC, FLEXIBLE, ERROR, FLEXIBLE_ERROR = 10, 1, 100, 73, 104
EXTENDED = 1 << 31
"""Bit of an id."""
REASONS = (
    "",
    "the header of the object is none of version 1 or 2",
    "the object is too short for its kind",
    "the time is out of range",
    "the channel is 0",
)


@dataclass(frozen=True)
class Layout:
    """Where the body of a kind of object keeps what a frame says.

    Attributes:
        body: fields `channel`, and where it has them `dlc`, `id`, `data`, `remote`, `fd`, `valid` (bytes of data that count) and `end`
            (where the data end at the latest, from the beginning of the object).
        least: bytes a body must have.
        remote: bits of `remote` that mark a remote request.
        fd: bits of `fd` that mark CAN FD.
        flags: of every such frame.
    """

    body: np.dtype[Any]
    least: int
    remote: int = 0
    fd: int = 0
    flags: int = 0


def _body(**fields: tuple[str, int]) -> np.dtype[Any]:
    """A body of little-endian fields, by type and place."""
    formats, places = zip(*fields.values(), strict=True)
    return np.dtype({"names": list(fields), "formats": list(formats), "offsets": list(places)})


_MESSAGE = Layout(
    _body(channel=("<u2", 0), remote=("u1", 2), dlc=("u1", 3), id=("<u4", 4), data=("(1,)<u8", 8)), 16, 0x80
)
LAYOUTS = {
    CLASSIC: _MESSAGE,
    86: _MESSAGE,
    FLEXIBLE: Layout(
        _body(
            channel=("<u2", 0),
            remote=("u1", 2),
            dlc=("u1", 3),
            id=("<u4", 4),
            fd=("u1", 13),
            valid=("u1", 14),
            data=("(8,)<u8", 20),
        ),
        least=84,
        remote=0x80,
        fd=1,
    ),
    101: Layout(
        _body(
            channel=("u1", 0),
            dlc=("u1", 1),
            valid=("u1", 2),
            id=("<u4", 4),
            remote=("u1", 12),
            fd=("<u2", 12),
            end=("u1", 35),
            data=("(8,)<u8", 40),
        ),
        least=40,
        remote=0x10,
        fd=0x1000,
    ),
    2: Layout(_body(channel=("<u2", 0)), 2, flags=ERR),
    ERROR: Layout(
        _body(channel=("<u2", 0), dlc=("u1", 10), id=("<u4", 16), data=("(1,)<u8", 24)), 32, flags=ERR
    ),
    FLEXIBLE_ERROR: Layout(
        _body(
            channel=("u1", 0),
            dlc=("u1", 1),
            valid=("u1", 2),
            fd=("<u2", 8),
            end=("u1", 10),
            id=("<u4", 12),
            data=("(8,)<u8", 44),
        ),
        least=44,
        fd=0x80,
        flags=ERR,
    ),
}
"""Of the objects that are frames, by kind: CAN_MESSAGE, CAN_MESSAGE2, CAN_FD_MESSAGE, CAN_FD_MESSAGE_64, CAN_ERROR, CAN_ERROR_EXT and
CAN_FD_ERROR_64."""
KEEP = {
    words: np.where(np.arange(8 * words) < np.arange(65)[:, None], np.uint8(255), np.uint8(0)).view("<u8")
    for words in (1, 8)
}
"""By words of data in a body: uint64 (65, words), masks of so many bytes."""
PAD = bytes(HEADER.itemsize + 128)
"""Stands behind the bytes of objects, so that the record of the last one can be taken whatever its size."""


@dataclass(frozen=True)
class Objects:
    """Some objects.

    Attributes:
        raw: the bytes they are in, and `PAD`.
        first: place of the first of these bytes in the file, or in what its containers hold.
        at: int64 (n,), where each begins in `raw`.
        header: `HEADER` (n,), the header of each.
    """

    raw: bytes
    first: int
    at: Rows
    header: NDArray[Any]

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: slice | Rows | Mask) -> Objects:
        header = self.header.view(f"V{HEADER.itemsize}")[rows].view(HEADER)
        return Objects(self.raw, self.first, self.at[rows], header)


def records(raw: bytes | bytearray, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The bytes as overlapping records, one from each byte on; of no named fields, as those are copied more slowly."""
    size = dtype.itemsize
    return np.ndarray((len(raw) - size + 1,), f"V{size}", raw, strides=(1,))


def frames(objects: Objects, start_us: int, tables: Tables) -> tuple[Frames, NDArray[np.int8]]:
    """The frames among whole objects, and for each object an index into `REASONS` (0: a frame) or `NO_FRAME`."""
    reason = np.full(len(objects), NO_FRAME, np.int8)
    parts = []
    for kind, layout in LAYOUTS.items():
        rows = np.flatnonzero(objects.header["kind"] == kind)
        if len(rows):
            some = objects if len(rows) == len(objects) else objects[rows]
            parts.append((rows, *_columns(some, layout, start_us)))
    if not parts:
        return Frames.empty(), reason
    rows, columns, checks = parts[0]
    if len(parts) > 1:
        order = np.argsort(np.concatenate([part[0] for part in parts]))
        for _, more, _ in parts[1:]:
            columns = columns.joined(more)
        checks = {code: np.concatenate([part[2][code] for part in parts])[order] for code in checks}
        rows, columns = np.concatenate([part[0] for part in parts])[order], columns.taken(order)
    return words.frames(reason, rows, columns, checks, tables), reason


def _columns(objects: Objects, layout: Layout, start_us: int) -> tuple[Columns, dict[int, Mask]]:
    """What objects of one layout say, and for each reason which are free of it."""
    header, version = objects.header, objects.header["version"]
    begin, size = header["begin"].astype(np.int64), header["size"].astype(np.int64)
    headed = ((version == 1) & (begin >= 32)) | ((version == 2) & (begin >= 40))
    whole = begin + layout.least <= size
    begin = np.where(whole, begin, HEADER.itemsize)
    body = records(objects.raw, layout.body)[objects.at + begin].view(layout.body)
    told: Mapping[str, Any] = {name: body[name] for name in layout.body.names or ()}
    nothing = np.zeros(len(body), np.uint8)

    fd = told.get("fd", nothing) & layout.fd != 0
    remote = told.get("remote", nothing) & layout.remote != 0
    dlc = told.get("dlc", nothing)
    short = np.minimum(dlc, 8)
    dlc = np.where(fd, LENGTHS[np.minimum(dlc, 15)], short) if layout.fd else short
    data = np.zeros((len(body), 8), np.uint8)
    if "data" in told:
        held = np.where(remote, 0, np.minimum(dlc, told.get("valid", 64)))
        if "end" in told:
            end = np.where(told["end"] > 0, told["end"], size)
            held = np.minimum(held, np.minimum(end, size) - begin - layout.least)
        kept = KEEP[told["data"].shape[1]]
        data = (told["data"] & kept[np.maximum(held, 0)]).view(np.uint8)
    id_ = told.get("id", nothing.astype(np.uint32))
    number = id_ & 0x1FFFFFFF

    ticks, tens = header["ticks"], header["unit"] == TEN_US
    t_us = ticks // 1000
    t_us = np.where(tens, ticks * 10, t_us + (ticks - t_us * 1000 >= 500)).astype(np.int64) + start_us
    channel = told["channel"].astype(np.int64)
    columns = Columns(
        t_us=t_us,
        id=number,
        ext=(id_ >= EXTENDED) | (number > 0x7FF),
        dlc=dlc,
        data=data,
        flags=(fd * FD | remote * RTR | layout.flags).astype(np.uint8),
        bus=words.numbered_buses(np.maximum(channel - 1, 0)),
    )
    return columns, {1: headed, 2: whole, 3: ~tens | (ticks < LATEST_TICK), 4: channel > 0}


def packed(frames: Frames, first_us: int) -> bytearray:
    """The objects of frames, whose times count from `first_us`."""
    error, fd = frames.flags & ERR != 0, frames.flags & FD != 0
    kind = np.where(error, np.where(fd, FLEXIBLE_ERROR, ERROR), np.where(fd, FLEXIBLE, CLASSIC))
    size = np.zeros(len(frames), np.int64)
    for one in (CLASSIC, FLEXIBLE, ERROR, FLEXIBLE_ERROR):
        size[kind == one] = HEADER.itemsize + LAYOUTS[one].body.itemsize
    end = np.cumsum(size)
    out = bytearray(int(size.sum()))
    header = np.zeros(len(frames), HEADER)
    header["signature"], header["begin"], header["version"] = SIGNATURE_WORD, HEADER.itemsize, 1
    header["size"], header["kind"], header["unit"] = size, kind, ONE_NS
    header["ticks"] = (frames.t_us - first_us).astype(np.uint64) * np.uint64(1000)
    if len(frames):
        records(out, HEADER)[end - size] = header.view(f"V{HEADER.itemsize}")
    for one in np.unique(kind).tolist():
        rows = np.flatnonzero(kind == one)
        body = _packed(frames[rows], LAYOUTS[one])
        at = end[rows] - body.itemsize
        records(out, body.dtype)[at] = body.view(f"V{body.itemsize}")
    return out


def _packed(frames: Frames, layout: Layout) -> NDArray[Any]:
    """The bodies of frames of one layout."""
    body = np.zeros(len(frames), layout.body)
    fd, remote = frames.flags & FD != 0, frames.flags & RTR != 0
    held = np.where(remote, 0, frames.dlc)
    body["channel"] = channels.numbers(frames)
    body["dlc"] = np.where(fd, np.searchsorted(LENGTHS, frames.dlc), frames.dlc)
    body["id"] = frames.id | frames.ext * np.uint32(EXTENDED)
    data = np.where(remote[:, None], 0, np.ascontiguousarray(frames.data).view("<u8"))
    words = min(data.shape[1], body["data"].shape[1])
    body["data"][:, :words] = data[:, :words]
    for name, value in (("fd", fd * layout.fd), ("remote", remote * layout.remote), ("valid", held)):
        if name in (layout.body.names or ()):
            body[name] = value
    return body
