"""What there was to detect: a log's events as columns, and the names by which an alert can be about them.

The definitions are strict because they decide what is called detected:

* An event is a run of frames of one label with no gap over 100 ms, or a row of events for attacks that remove
  frames. A row that touches a run of its own label is that run told twice, and is left out. A row is cut to the
  span of the log; one that lies outside is not in this log.
* An alert is about an event when it names an id of the event's frames, or is about the whole bus while the event's
  frames are at least 30 % of that bus's frames as long as the event lasts. A single frame lasts no time: its share
  is taken over the 100 ms that end an event. For a row without frames the alert names one of the row's ids; a row
  without ids is about the whole bus.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.events import GAP_US, Event, from_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from canbean.can.frames import Frames

WIDEN_US = 1_000_000
"""What lies this close to an event is not clean, and an event without frames is detected until then."""

BUS_SHARE = 3, 10
"""An event that makes up this part of its bus's frames can be told from the bus as a whole."""


def name_of(key: int | None, bus: int) -> int:
    """What an alert names, as one number: the key of an id, or `-1 - bus` for a whole bus."""
    return -1 - bus if key is None else key


@dataclass(frozen=True)
class Truth:
    """The m events of a log, in order of start, and the p names that belong to them.

    Attributes:
        labels: names of the attacks, in order of their first event.
        label: int64 (m,), code into `labels`.
        start_us: int64 (m,), first frame of the event, or when the row begins.
        end_us: int64 (m,), last frame of the event, or when the row ends.
        until_us: int64 (m,), last instant at which an alert still detects the event.
        event: int64 (p,), which event a name belongs to.
        name: int64 (p,), the name (`name_of`); each occurs once an event.
    """

    labels: tuple[str, ...]
    label: NDArray[np.int64]
    start_us: NDArray[np.int64]
    end_us: NDArray[np.int64]
    until_us: NDArray[np.int64]
    event: NDArray[np.int64]
    name: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    def widened(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Starts and ends of the events widened by 1 s, those that overlap joined into one."""
        if not len(self):
            return self.start_us, self.end_us
        order = np.argsort(self.start_us, kind="stable")
        start = self.start_us[order] - WIDEN_US
        end = np.maximum.accumulate(self.end_us[order] + WIDEN_US)
        opens = np.r_[True, start[1:] > end[:-1]]
        return start[opens], end[np.r_[opens[1:], True]]


def truth(frames: Frames, events: Iterable[Event] | None = None) -> Truth:
    """The events of a log: from its labels, and from rows for attacks that remove frames.

    Args:
        frames: the log, in any order of time.
        events: rows of events, times in microseconds on the log's own clock.
    """
    found = from_labels(frames)
    found = sorted([*found, *_rows(frames, found, events or ())], key=lambda event: event.start_us)
    labels = tuple(dict.fromkeys(event.label for event in found))
    start = np.array([event.start_us for event in found], np.int64)
    end = np.array([event.end_us for event in found], np.int64)
    wait = np.array([GAP_US if event.frames else WIDEN_US for event in found], np.int64)
    pairs = [(n, key) for n, event in enumerate(found) for key in sorted(set(event.ids))]
    pairs += _whole_bus(frames, found)
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    codes = np.array([labels.index(event.label) for event in found], np.int64)
    return Truth(labels, codes, start, end, end + wait, columns[:, 0], columns[:, 1])


def _rows(frames: Frames, runs: list[Event], rows: Iterable[Event]) -> list[Event]:
    """The rows that add something to the runs of labelled frames, cut to the span of the log."""
    if not len(frames):
        return []
    first, last = int(frames.t_us.min()), int(frames.t_us.max())
    spans: dict[str, list[Event]] = {}
    for run in runs:
        spans.setdefault(run.label, []).append(run)
    kept = []
    for row in rows:
        told = any(r.start_us <= row.end_us and row.start_us <= r.end_us for r in spans.get(row.label, ()))
        if not told and row.start_us <= last and row.end_us >= first:
            kept.append(replace(row, start_us=max(row.start_us, first), end_us=min(row.end_us, last)))
    return kept


def _whole_bus(frames: Frames, found: list[Event]) -> list[tuple[int, int]]:
    """(event, name of a bus) where an alert about the whole bus is about the event."""
    buses = [int(code) for code in np.unique(frames.bus)]
    pairs = [(n, name_of(None, bus)) for n, event in enumerate(found) if not event.ids for bus in buses]
    own_frames = [(n, event) for n, event in enumerate(found) if event.ids and event.frames]
    start = np.array([event.start_us for _, event in own_frames], np.int64)
    end = np.array([event.end_us for _, event in own_frames], np.int64)
    lasts = np.where(end > start, end, start + GAP_US)
    for bus in buses:
        of_bus = np.flatnonzero(frames.bus == bus)
        of_bus = of_bus[np.argsort(frames.t_us[of_bus], kind="stable")]
        times, codes, keys = frames.t_us[of_bus], frames.label[of_bus], frames.key[of_bus]
        low, high = np.searchsorted(times, start, "left"), np.searchsorted(times, end, "right")
        whole = np.searchsorted(times, lasts, "right") - low
        for place, (n, event) in enumerate(own_frames):
            part = slice(low[place], high[place])
            if event.label in frames.labels:
                own = np.count_nonzero(codes[part] == frames.labels.index(event.label))
            else:
                own = np.count_nonzero(np.isin(keys[part], event.ids))
            if own and own * BUS_SHARE[1] >= whole[place] * BUS_SHARE[0]:
                pairs.append((n, name_of(None, bus)))
    return pairs
