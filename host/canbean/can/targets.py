"""What an attacker picks: ids that come regularly, and bytes of an id that change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import ERR, RTR, Frames, key_text
from canbean.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 15.0
"""Frames a second of an id that is worth attacking; where no id has it, those that come at half the highest rate."""
SPREAD = 0.5
"""An id is periodic where the middle half of its pauses spans at most this share of their median."""


@dataclass(frozen=True, slots=True)
class Target:
    """An id on one bus, and how often it comes (frames a second, from the median pause)."""

    key: int
    bus: int
    rate: float

    def rows(self, frames: Frames) -> NDArray[np.int64]:
        """Its clean frames."""
        return np.flatnonzero((frames.key == self.key) & (frames.bus == self.bus) & (frames.label == 0))

    def within(self, frames: Frames, slot: tuple[int, int]) -> NDArray[np.int64]:
        """Its clean frames from the start to the end of a slot, both included."""
        rows = self.rows(frames)
        return rows[(frames.t_us[rows] >= slot[0]) & (frames.t_us[rows] <= slot[1])]


def targets(frames: Frames) -> list[Target]:
    """The periodic ids with data of a log in order of time, by bus and key, that come often enough."""
    sender = frames.bus.astype(np.int64) << 30 | frames.key
    usable = (frames.label == 0) & (frames.flags & (RTR | ERR) == 0) & (frames.dlc > 0)
    found = []
    for one in np.unique(sender[usable]).tolist():
        pauses = np.diff(frames.t_us[usable & (sender == one)])
        if len(pauses) < 10:
            continue
        low, middle, high = np.percentile(pauses, [25, 50, 75])
        if middle > 0 and high - low <= SPREAD * middle:
            found.append(Target(one & (1 << 30) - 1, one >> 30, 1e6 / float(middle)))
    least = min(RATE, max((target.rate for target in found), default=0.0) / 2)
    return [target for target in found if target.rate >= least]


def target_of(frames: Frames, key: int) -> Target:
    """The target with this key, on the bus where it comes most; its rate is 10 a second where the log does not have it.

    Raises:
        UsageError: the log does not have the id.
    """
    rows = np.flatnonzero((frames.key == key) & (frames.label == 0))
    if not len(rows):
        raise UsageError(f"id {key_text(key)} is not in this log")
    bus = int(np.bincount(frames.bus[rows]).argmax())
    pauses = np.diff(frames.t_us[rows[frames.bus[rows] == bus]])
    pauses = pauses[pauses > 0]
    return Target(key, bus, 1e6 / float(np.median(pauses)) if len(pauses) else 10.0)


def changing_bytes(data: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """One or two neighbouring bytes each that change, yet not with every frame as counters and checksums do.

    Args:
        data: uint8 (n, length), payloads of one id in order of time.
    """
    if not data.size:
        return []
    share = (data[1:] != data[:-1]).mean(axis=0) if len(data) > 1 else np.zeros(data.shape[1])
    moving = np.flatnonzero((share > 0) & (share < 0.9))
    if not len(moving):
        moving = np.flatnonzero(share > 0)
    if not len(moving):
        moving = np.arange(data.shape[1])
    bytes_ = moving.tolist()
    return [(byte, byte + 1) if byte + 1 in bytes_ else (byte,) for byte in bytes_]
