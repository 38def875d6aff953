"""Frames as packets of the replay feed: header, data, CRC-24, COBS.

What a packet holds is described in `firmware/drivers/feed.py`, the framing in `firmware/canbean/link.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, FD, LENGTHS, RTR
from canbean.errors import LogError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames

START, FRAME, GOT = 2, 1, 3
"""Types of packets."""

HEADER = 13
"""Bytes of a frame packet before its data."""

CODES = np.full(256, 255, np.uint8)
CODES[LENGTHS] = np.arange(16)


def _crc_table() -> NDArray[np.uint32]:
    crc = np.arange(256) << 16
    for _ in range(8):
        crc = (crc << 1) ^ np.where(crc & 0x800000, 0x1864CFB, 0)
    return crc.astype(np.uint32)


CRC24 = _crc_table()
"""CRC-24 of each byte (RFC 4880, section 6.1)."""


def packets(content: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Packets of equal length, CRC-24 and COBS applied.

    Args:
        content: (w, n) type and payload, one packet a column.

    Returns:
        (w + 5, n): type, COBS code, the rest, CRC, delimiter.
    """
    width, n = content.shape
    crc = np.full(n, 0xB704CE, np.uint32)
    for row in content:
        crc = ((crc & 0xFFFF) << 8) ^ CRC24[(crc >> 16) ^ row]
    out = np.empty((width + 5, n), np.uint8)
    out[0] = content[0]
    out[2 : width + 1] = content[1:]
    out[width + 1] = crc & 255
    out[width + 2] = crc >> 8 & 255
    out[width + 3] = crc >> 16
    out[width + 4] = 0
    # from the end: where a zero stands, how far it is to the next one
    step = np.ones(n, np.uint8)
    for row in out[width + 3 : 1 : -1]:
        zero = row == 0
        row[zero] = step[zero]
        step += 1
        step[zero] = 1
    out[1] = step
    return out


def start(session: int, base_s: int = 0) -> bytes:
    """The packet that begins a feed.

    Args:
        session: 0..255, which the board's answers carry.
        base_s: seconds that the board adds to those of the frames when it tells a time.
    """
    content = np.array([START, session, *base_s.to_bytes(4, "little")], np.uint8)
    return packets(content[:, None]).tobytes()


def got(line: int, boot: str, *, again: bool) -> bytes:
    """The packet that acknowledges alerts.

    Args:
        line: all alerts before the line of that number have come.
        boot: boot id of that line, `""` while none is known.
        again: ask for those that have not.
    """
    content = np.array(
        [GOT, again, *line.to_bytes(4, "little"), *int(boot or "0", 16).to_bytes(4, "little")], np.uint8
    )
    return packets(content[:, None]).tobytes()


@dataclass(frozen=True)
class Encoded:
    """Frame packets, back to back.

    Attributes:
        blob: the packets' bytes.
        starts: int64 (n + 1,), where each packet starts in `blob`, and its end.
    """

    blob: bytes
    starts: NDArray[np.int64]

    def part(self, start: int, end: int) -> bytes:
        """The packets start..end-1."""
        return self.blob[self.starts[start] : self.starts[end]]


def encode(frames: Frames, first: int = 0, base_s: int = 0) -> Encoded:
    """Frames as packets numbered from `first` (mod 256), their seconds counted from `base_s`.

    Raises:
        LogError: a time or a length that a packet cannot hold.
    """
    n = len(frames)
    seconds, micros = np.divmod(frames.t_us - base_s * 1_000_000, 1_000_000)
    codes = CODES[frames.dlc]
    for bad, what in (
        ((seconds < 0) | (seconds >> 30 > 0), "time is not within 2**30 s of the log's start"),
        (codes == 255, "length is not one that a CAN frame can have"),
    ):
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise LogError(f"frame {first + at} at {int(frames.t_us[at]) / 1e6:.6f} s: its {what}")
    kinds = np.where(
        frames.flags & ERR, 3, np.where(frames.flags & RTR, 2, np.where(frames.flags & FD, 1, 0))
    )
    content = np.empty((HEADER + 8, n), np.uint8)
    content[0] = FRAME
    content[1] = (first + np.arange(n)) & 255
    content[2:6] = _columns(seconds, 4)
    content[6:9] = _columns(micros | codes.astype(np.int64) << 20, 3)
    content[9:13] = _columns(frames.key.astype(np.int64) | kinds.astype(np.int64) << 30, 4)
    content[13:] = frames.data[:, :8].T
    carried = np.where(frames.flags & RTR, 0, np.minimum(frames.dlc, 8))
    starts = np.concatenate([[0], np.cumsum(carried + (HEADER + 5), dtype=np.int64)])
    blob = np.empty(int(starts[-1]), np.uint8)
    for count in np.unique(carried):
        chosen = np.flatnonzero(carried == count)
        made = packets(content[: HEADER + count, chosen])
        blob[starts[chosen] + np.arange(len(made))[:, None]] = made
    return Encoded(blob.tobytes(), starts)


def _columns(values: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """Little-endian bytes of each value, one row a byte."""
    return values.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].T
