"""How often an id comes, in figures for people: period, jitter, rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from canbean.can.frames import Frames


@dataclass(frozen=True)
class Rhythm:
    """When the frames of one id come.

    Attributes:
        frames: how many there are.
        lengths: payload lengths in bytes that occur, ascending.
        period_ms: the median gap, or None where there is none.
        jitter_ms: half the range that the middle 90 % of the gaps lie in, or None.
        per_second: frames a second over the whole log.
    """

    frames: int
    lengths: tuple[int, ...]
    period_ms: float | None
    jitter_ms: float | None
    per_second: float


def rhythms(frames: Frames) -> dict[int, Rhythm]:
    """The rhythm of each key (`id | ext << 29`), by key.

    Args:
        frames: a log in order of time.
    """
    keys, row, counts = np.unique(frames.key, return_inverse=True, return_counts=True)
    order = np.argsort(row, kind="stable")
    found = {}
    for key, members in zip(keys.tolist(), np.split(order, np.cumsum(counts)[:-1])[: len(keys)], strict=True):
        gaps = np.diff(frames.t_us[members]) / 1000
        low, middle, high = np.quantile(gaps, [0.05, 0.5, 0.95]).tolist() if len(gaps) else (0.0, 0.0, 0.0)
        found[key] = Rhythm(
            len(members),
            tuple(np.unique(frames.dlc[members]).tolist()),
            middle if len(gaps) else None,
            (high - low) / 2 if len(gaps) > 1 else None,
            len(members) / frames.span_s if frames.span_s else 0.0,
        )
    return found
