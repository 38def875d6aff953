"""The bus: how long a frame takes, and which of the waiting frames goes first."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITRATE = 500_000
DATA_BITRATE = 2_000_000
"""Rate of the data phase of CAN FD."""


def frame_bits(dlc: NDArray[Any], ext: NDArray[np.bool_], stuffing: float = 0.25) -> NDArray[np.float64]:
    """Bits of classic frames of `dlc` data bytes, with the pause of 3 bits after them.

    47 + 8n bits with an 11-bit id, 67 + 8n with a 29-bit id, and of the (34 or 54 + 8n - 1) / 4 stuff bits of the worst case
    (Davis et al., Controller Area Network schedulability analysis, 2007) the share `stuffing`.
    """
    bits = 8 * dlc.astype(np.int64)
    stuffed = (np.where(ext, 54, 34) + bits - 1) // 4
    return np.where(ext, 67, 47) + bits + stuffing * stuffed


def frame_us(
    dlc: NDArray[Any], ext: NDArray[np.bool_], fd: NDArray[np.bool_] | None = None, bitrate: int = BITRATE
) -> NDArray[np.int64]:
    """Whole microseconds that frames take on the bus; CAN FD with its data phase at `DATA_BITRATE`."""
    classic = frame_bits(dlc, ext) * 1e6 / bitrate
    if fd is None or not fd.any():
        return np.ceil(classic).astype(np.int64)
    slow = frame_bits(np.zeros(1, np.int64), ext) * 1e6 / bitrate
    return np.ceil(np.where(fd, slow + 8.8 * dlc * 1e6 / DATA_BITRATE, classic)).astype(np.int64)


def priority(id_: NDArray[np.uint32], ext: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The order in which identifiers win: by the base id; of the same base the standard frame before the extended."""
    wide = id_.astype(np.int64)
    return np.where(ext, (wide >> 18) << 19 | 1 << 18 | wide & 0x3FFFF, wide << 19)


def arbitrate(
    ready_us: NDArray[np.int64], rank: NDArray[np.int64], length_us: NDArray[np.int64]
) -> NDArray[np.int64]:
    """When each frame ends on the bus, given when it was ready; of those that wait the lowest rank goes first.

    A frame never starts before the bus is free, and is never interrupted.

    Args:
        ready_us: int64 (n,), ascending.
        rank: int64 (n,), as of `priority`.
        length_us: int64 (n,), as of `frame_us`.
    """
    if not len(ready_us):
        return ready_us
    # The bus is busy at the same times whoever goes first, so the times in the order of readiness tell the busy stretches;
    # only within a stretch of several frames does priority matter.
    before = np.cumsum(length_us) - length_us
    begin = np.maximum.accumulate(ready_us - before) + before
    end: NDArray[np.int64] = begin + length_us
    starts = np.flatnonzero(np.concatenate([[True], ready_us[1:] >= end[:-1]]))
    sizes = np.diff(np.append(starts, len(ready_us)))
    for start, size in zip(starts[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
        ready = ready_us[start : start + size].tolist()
        ranks = rank[start : start + size].tolist()
        lengths = length_us[start : start + size].tolist()
        waiting: list[tuple[int, int]] = []
        now, coming = ready[0], 0
        while coming < size or waiting:
            while coming < size and ready[coming] <= now:
                heapq.heappush(waiting, (ranks[coming], coming))
                coming += 1
            _, which = heapq.heappop(waiting)
            now += lengths[which]
            end[start + which] = now
    return end
