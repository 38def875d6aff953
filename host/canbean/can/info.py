"""What a log holds, in figures and in plain words, counted chunk by chunk in memory that does not grow with the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import ERR, FD, RTR, SIMULATED, Frames, key_text
from canbean.can.gaps import Gaps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from canbean.can.logs import Log, Reader

PAUSE_US = 1_000_000
"""A pause of the whole bus longer than this is said."""
BATCH = 1 << 19
"""Frames that are counted at a time."""


def info(log: Log) -> dict[str, Any]:
    """Figures of a log, ready for JSON.

    Keys: `format frames span_s frames_per_second ids buses labels skipped problems table warnings`. `ids` and `buses` are
    counts (a bus without frames does not count) and `bus_names` their names; `labels` maps each label (normal traffic: `""`) to
    its frames; `table` has one row an id with `id ext frames period_ms dlcs first_s last_s` (median period, null for a single
    frame; seconds from the log's first frame).
    """
    tally = Tally()
    tally.add(log.frames)
    return tally.figures(log)


class Tally:
    """Counts of the frames of a log, which are added in its order.

    Where time goes backward, periods and pauses are told from the frames of an addition (of `add_all`: `BATCH` and more) as they
    would be sorted; between additions from the latest time so far. Periods are exact as far as `Gaps` is.

    Attributes:
        frames: how many there are.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._names: dict[str, dict[str, int]] = {"bus": {}, "label": {}}
        self._flags = {FD: 0, RTR: 0, ERR: 0}
        self._start_us = self._last_us = 0
        self._least_us = self._most_us = 0
        self._coarse = {1_000_000: True, 1000: True}
        self._still = self._back = self._most_back_us = 0
        self._pauses = self._longest_us = 0
        self._key = np.zeros(0, np.int64)
        self._count = np.zeros(0, np.int64)
        self._first = np.zeros(0, np.int64)
        self._latest = np.zeros(0, np.int64)
        self._lengths = np.zeros((0, 65), bool)
        self._gaps = Gaps()

    @property
    def simulated(self) -> bool:
        """Whether any frame is of a simulated bus, or one into which attacks were injected."""
        return any(name.startswith(SIMULATED) for name in self._names["bus"])

    def add_all(self, parts: Iterable[Frames]) -> None:
        """Add the parts of a log in batches."""
        held: list[Frames] = []
        count = 0
        for frames in parts:
            # An empty part may be a view that keeps alive what it was taken from.
            if len(frames):
                held.append(frames)
                count += len(frames)
            if count >= BATCH:
                self.add(Frames.concat(held))
                held, count = [], 0
        self.add(Frames.concat(held))

    def add(self, frames: Frames) -> None:
        """Count the frames that follow those so far."""
        if not len(frames):
            return
        if not self.frames:
            self._start_us = self._last_us = int(frames.t_us[0])
            self._least_us = self._most_us = self._start_us
        self._add_names("bus", frames.bus, frames.buses)
        self._add_names("label", frames.label, frames.labels)
        for bit in self._flags:
            self._flags[bit] += int(np.count_nonzero(frames.flags & bit))
        self._add_times(frames.t_us)
        self._add_ids(frames)
        self.frames += len(frames)

    def _add_names(self, what: str, codes: NDArray[Any], names: tuple[str, ...]) -> None:
        counts = np.bincount(codes, minlength=len(names)).tolist()
        for name, count in zip(names, counts, strict=True):
            if count:
                self._names[what][name] = self._names[what].get(name, 0) + count

    def _add_times(self, t_us: NDArray[np.int64]) -> None:
        """Count what the clock and the bus as a whole do."""
        steps = np.diff(t_us, prepend=self._last_us)
        self._last_us = int(t_us[-1])
        # The first frame of all has no step.
        self._still += int(np.count_nonzero(steps == 0)) - (not self.frames)
        back = int(np.count_nonzero(steps < 0))
        if back:
            self._back += back
            self._most_back_us = max(self._most_back_us, -int(steps.min()))
            t_us = np.sort(t_us)
            steps = np.diff(t_us, prepend=self._most_us if self.frames else t_us[0])
        self._pauses += int(np.count_nonzero(steps > PAUSE_US))
        self._longest_us = max(self._longest_us, int(steps.max()))
        for unit_us, coarse in self._coarse.items():
            self._coarse[unit_us] = coarse and not (t_us % unit_us).any()
        self._least_us, self._most_us = min(self._least_us, int(t_us[0])), max(self._most_us, int(t_us[-1]))

    def _add_ids(self, frames: Frames) -> None:
        """Count by id."""
        code = self._coded(frames.key.astype(np.int64))
        t_us = frames.t_us
        if (t_us[1:] >= t_us[:-1]).all():
            # Small integers are sorted in linear time.
            order = np.argsort(code.astype(np.uint16) if len(self._key) <= 1 << 16 else code, kind="stable")
        else:
            order = np.lexsort((t_us, code))
        self._lengths[code, frames.dlc] = True
        code, t_us = code[order], t_us[order]
        begins = np.flatnonzero(np.concatenate([[True], code[1:] != code[:-1]]))
        ends = np.append(begins[1:], len(code)) - 1
        seen = code[begins]
        known = self._count[seen] > 0
        # Each frame's gap to the one before of its id; the very first one has none.
        gap = np.diff(t_us, prepend=t_us[0])
        gap[begins] = np.where(known, t_us[begins] - self._latest[seen], -1)
        real = gap >= 0
        self._gaps.add(code[real], gap[real])
        self._first[seen] = np.where(known, np.minimum(self._first[seen], t_us[begins]), t_us[begins])
        self._latest[seen] = np.where(known, np.maximum(self._latest[seen], t_us[ends]), t_us[ends])
        self._count[seen] += ends + 1 - begins

    def _coded(self, key: NDArray[np.int64]) -> NDArray[np.int64]:
        """The places of keys among all so far, which grow by those they lack."""
        code = np.searchsorted(self._key, key)
        there = np.append(self._key, -1)[code] == key
        if there.all():
            return code
        old, self._key = self._key, np.union1d(self._key, key[~there])
        moved = np.searchsorted(self._key, old)
        self._gaps.recode(moved)
        for name in ("_count", "_first", "_latest", "_lengths"):
            column = getattr(self, name)
            anew = np.zeros((len(self._key), *column.shape[1:]), column.dtype)
            anew[moved] = column
            setattr(self, name, anew)
        return np.searchsorted(self._key, key)

    def figures(self, log: Log | Reader) -> dict[str, Any]:
        """The figures that `info` tells; of the log only what its reading said is taken."""
        span = (self._most_us - self._least_us) / 1e6
        return {
            "format": log.format,
            "frames": self.frames,
            "span_s": span,
            "frames_per_second": round((self.frames - 1) / span, 3) if span > 0 else 0.0,
            "ids": len(self._key),
            "buses": len(self._names["bus"]),
            "bus_names": list(self._names["bus"]),
            "labels": dict(self._names["label"]),
            "skipped": log.skipped,
            "problems": list(log.problems),
            "table": self._table(),
            "warnings": self._warnings(log),
        }

    def _table(self) -> list[dict[str, Any]]:
        """One row an id, by id."""
        periods = self._gaps.medians(len(self._key)) / 1000
        return [
            {
                "id": key_text(key),
                "ext": bool(key >> 29),
                "frames": count,
                "period_ms": None if np.isnan(period) else float(period),
                "dlcs": np.flatnonzero(lengths).tolist(),
                "first_s": (first - self._start_us) / 1e6,
                "last_s": (latest - self._start_us) / 1e6,
            }
            for key, count, period, lengths, first, latest in zip(
                self._key.tolist(),
                self._count.tolist(),
                periods,
                self._lengths,
                self._first.tolist(),
                self._latest.tolist(),
                strict=True,
            )
        ]

    def _warnings(self, log: Log | Reader) -> list[str]:
        """What looks wrong or needs care, in plain words with counts; only what is there."""
        said = []
        if log.skipped:
            said.append(f"{_count(log.skipped, 'line')} could not be read")
        if log.passed:
            said.append(f"{_count(log.passed, 'line')} of events or statistics, without a frame")
        said += log.notes
        if self.frames < 2:
            return [*said, f"only {_count(self.frames, 'frame')}"]
        if self._back:
            far = self._most_back_us / 1e6
            said.append(f"time goes backward {_count(self._back, 'time')}, by up to {far:.6f} s")
        said += self._clock()
        if self._pauses:
            longest = self._longest_us / 1e6
            said.append(
                f"the whole bus is silent for more than 1 s {_count(self._pauses, 'time')}, at most {longest:.1f} s"
            )
        buses = self._names["bus"]
        if len(buses) > 1:
            said.append(f"{len(buses)} buses in one log: {', '.join(buses)}")
        for bit, what in ((FD, "CAN FD frame"), (RTR, "remote request"), (ERR, "error frame")):
            if self._flags[bit]:
                said.append(_count(self._flags[bit], what))
        attacked = self.frames - self._names["label"].get("", 0)
        if attacked:
            said.append(
                f"{_count(attacked, 'frame')} labelled as not normal: learn from the others, or from another log"
            )
        return said

    def _clock(self) -> list[str]:
        """What the log's clock cannot tell."""
        names = ((1_000_000, "seconds"), (1000, "milliseconds"))
        coarse = next((name for unit_us, name in names if self._coarse[unit_us]), None)
        said = []
        if coarse:
            said.append(f"times are whole {coarse}: too coarse to judge the timing of single frames")
        still = self._still / (self.frames - 1)
        if still > 0.01:
            said.append(f"{int(100 * still)} % of the frames have the time of the frame before")
        return said


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
