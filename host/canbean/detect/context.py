"""The frames around alerts: of the id that an alert names, or of the bus, before it and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import ERR, RTR, key_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.detect.alerts import Alert

AROUND = 16
"""Frames before an alert, and as many after it."""

LIMIT, LOG = "limit", "log"
"""What cuts the frames of one side: there are more than asked for, or the log has fewer."""


@dataclass(frozen=True)
class Context:
    """The frames around a alerts; w = 2 * around + 1 places each.

    Attributes:
        frames: the whole log.
        alerts: the alerts.
        rows: int64 (a, w), positions in the log in order of time, -1 where there is none. The middle is the frame that
            the alert is about; it is -1 where an id stays away, or the log has no such frame.
        left_out: int64 (a, 2), how many more frames there are before and after.
        previous: int64 (n,), the previous frame of the same id for each frame of the log, -1 where there is none.
    """

    frames: Frames
    alerts: Sequence[Alert]
    rows: NDArray[np.int64]
    left_out: NDArray[np.int64]
    previous: NDArray[np.int64]

    @property
    def around(self) -> int:
        """Frames asked for on each side."""
        return int(self.rows.shape[1] // 2)

    def cut(self, at: int) -> tuple[str | None, str | None]:
        """What cuts the frames of alert `at` before and after it: `limit`, `log`, or None if they are all there."""
        side = self.around
        there = (self.rows[at, :side] >= 0).sum(), (self.rows[at, side + 1 :] >= 0).sum()
        before, after = (
            LIMIT if more else LOG if shown < side else None
            for more, shown in zip(self.left_out[at], there, strict=True)
        )
        return before, after

    def shown(self, at: int) -> tuple[NDArray[np.int64], int]:
        """The rows of alert `at` that are there, and which of them stand before the alert."""
        rows = self.rows[at]
        return rows[rows >= 0], int((rows[: self.around] >= 0).sum())

    def gap_us(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Time since the previous frame of the same id, -1 where there is none, or the clock was set back."""
        before = self.previous[rows]
        gap = self.frames.t_us[rows] - self.frames.t_us[before]
        return np.where(before >= 0, np.maximum(gap, -1), -1)

    def changed(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which bytes, (m, width), are news: those that differ from the id's previous frame, or that it did not have."""
        before = self.previous[rows]
        data, dlc, place = self.frames.data, self.frames.dlc, np.arange(self.frames.data.shape[1])
        differs = (data[rows] != data[before]) | (place >= dlc[before, None])
        there: NDArray[np.bool_] = differs & (place < dlc[rows, None]) & (before >= 0)[:, None]
        return there

    def describe(self, at: int) -> dict[str, Any]:
        """The evidence of alert `at` as columns for JSON.

        Returns:
            `t` seconds of the log, `id` for an alert about the whole bus, `gap_us` (null without a previous frame),
            `data` hex; `at` the place of the frame that the alert is about, or null; `before` how many frames stand
            before it; `cut` what cut each side: `limit`, `log` or null.
        """
        rows, before = self.shown(at)
        said: dict[str, Any] = {"t": [int(t_us) / 1e6 for t_us in self.frames.t_us[rows]]}
        if self.alerts[at].key is None:
            said["id"] = [key_text(int(key)) for key in self.frames.key[rows]]
        said["gap_us"] = [None if gap < 0 else gap for gap in self.gap_us(rows).tolist()]
        said["data"] = [
            self.frames.data[row, : self.frames.dlc[row]].tobytes().hex().upper() for row in rows.tolist()
        ]
        said["at"] = before if self.rows[at, self.around] >= 0 else None
        said["before"] = before
        said["cut"] = list(self.cut(at))
        return said


def context(
    frames: Frames,
    alerts: Sequence[Alert],
    around: int = AROUND,
    bits: NDArray[np.int64] | None = None,
) -> Context:
    """Find the frames around alerts. Remote and error frames, which no detector scores, are left out.

    Args:
        frames: the frames of one bus, in any order; those of one time keep their order.
        alerts: what was raised on them.
        around: frames on each side, 0 or more.
        bits: (n,) surprise of each frame: tells which of several frames of one id and time an alert is about; without
            it that is the last.
    """
    scored = np.flatnonzero((frames.flags & (RTR | ERR)) == 0)
    order = scored[np.argsort(frames.t_us[scored], kind="stable")]
    m, t_us = len(order), frames.t_us[order]
    keys, group = np.unique(frames.key[order], return_inverse=True)
    by_id = np.argsort(group, kind="stable")
    previous = np.full(len(frames), -1, np.int64)
    same = group[by_id[1:]] == group[by_id[:-1]]
    previous[order[by_id[1:][same]]] = order[by_id[:-1][same]]

    # One ascending list holds the places of each id in turn, and at its end those of the whole bus; a place counts
    # frames in order of time. So the frames around all alerts are found in one search.
    stride = m + 1
    places = np.concatenate([by_id, np.arange(m)])
    lists = np.concatenate([group[by_id] * stride + by_id, len(keys) * stride + np.arange(m)])
    named = np.array([-1 if alert.key is None else alert.key for alert in alerts], np.int64)
    when = np.array([alert.t_us for alert in alerts], np.int64)
    # An id that never came has no frames at all: its list is empty, one beyond the others.
    which = np.full(len(alerts), len(keys) + 1, np.int64)
    found = np.searchsorted(keys, named).clip(0, max(len(keys) - 1, 0))
    if m:
        which = np.where(keys[found] == named, found, which)
    which = np.where(named < 0, len(keys), which)
    first, last = (np.searchsorted(lists, which * stride + edge) for edge in (0, stride))
    low = np.searchsorted(lists, which * stride + np.searchsorted(t_us, when, "left"))
    high = np.searchsorted(lists, which * stride + np.searchsorted(t_us, when, "right"))

    about = np.where(high > low, high - 1, -1)
    if bits is not None:
        for n in np.flatnonzero(high - low > 1).tolist():
            equal = np.flatnonzero(bits[order[places[low[n] : high[n]]]] == alerts[n].bits)
            about[n] = low[n] + equal[0] if len(equal) else about[n]
    before = np.where(about >= 0, about, low)
    after = np.where(about >= 0, about + 1, high)
    steps = np.arange(around)
    at = np.concatenate([before[:, None] - around + steps, about[:, None], after[:, None] + steps], axis=1)
    there = (at >= first[:, None]) & (at < last[:, None])
    rows = np.where(there, order[places[np.where(there, at, 0)]] if m else -1, -1)
    left_out = np.maximum(np.stack([before - first, last - after], axis=1) - around, 0)
    return Context(frames, alerts, rows, left_out, previous)
