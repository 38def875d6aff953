"""What a log holds, in figures and in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import ERR, FD, RTR, Frames, id_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.logs import Log

PAUSE_US = 1_000_000
"""A pause of the whole bus longer than this is said."""


def info(log: Log) -> dict[str, Any]:
    """Figures of a log, ready for JSON.

    Keys: `format frames span_s frames_per_second ids buses labels skipped problems table warnings`. `ids` and `buses` are
    counts (a bus without frames does not count) and `bus_names` their names; `labels` maps each label (normal traffic: `""`) to
    its frames; `table` has one row an id with `id ext frames period_ms dlcs first_s last_s` (median period, null for a single
    frame; seconds from the log's first frame).
    """
    frames = log.frames
    used = np.flatnonzero(np.bincount(frames.bus, minlength=1)).tolist()
    counts = np.bincount(frames.label, minlength=len(frames.labels)).tolist()
    span = frames.span_s
    table = _table(frames)
    return {
        "format": log.format,
        "frames": len(frames),
        "span_s": span,
        "frames_per_second": round((len(frames) - 1) / span, 3) if span > 0 else 0.0,
        "ids": len(table),
        "buses": len(used) if len(frames) else 0,
        "bus_names": [frames.buses[code] for code in used] if len(frames) else [],
        "labels": {name: count for name, count in zip(frames.labels, counts, strict=True) if count},
        "skipped": log.skipped,
        "problems": list(log.problems),
        "table": table,
        "warnings": warnings(log),
    }


def _table(frames: Frames) -> list[dict[str, Any]]:
    """One row an id, by id."""
    key = frames.key
    order = np.lexsort((frames.t_us, key))
    rows = []
    for run in np.split(order, np.flatnonzero(np.diff(key[order])) + 1) if len(order) else []:
        t_us = frames.t_us[run]
        id_, ext = int(frames.id[run[0]]), bool(frames.ext[run[0]])
        rows.append(
            {
                "id": id_text(id_, ext),
                "ext": ext,
                "frames": len(run),
                "period_ms": float(np.median(np.diff(t_us))) / 1000 if len(run) > 1 else None,
                "dlcs": np.unique(frames.dlc[run]).tolist(),
                "first_s": (int(t_us[0]) - int(frames.t_us[0])) / 1e6,
                "last_s": (int(t_us[-1]) - int(frames.t_us[0])) / 1e6,
            }
        )
    return rows


def warnings(log: Log) -> list[str]:
    """What looks wrong or needs care, in plain words with counts; only what is there."""
    frames, said = log.frames, []
    if log.skipped:
        said.append(f"{_count(log.skipped, 'line')} could not be read")
    if log.passed:
        said.append(f"{_count(log.passed, 'line')} of events or statistics, without a frame")
    said += log.notes
    if len(frames) < 2:
        return [*said, f"only {_count(len(frames), 'frame')}"]
    steps = np.diff(frames.t_us)
    back = int((steps < 0).sum())
    if back:
        said.append(f"time goes backward {_count(back, 'time')}, by up to {-int(steps.min()) / 1e6:.6f} s")
    said += _clock(frames.t_us, steps)
    pauses = np.diff(np.sort(frames.t_us))
    long = int((pauses > PAUSE_US).sum())
    if long:
        said.append(
            f"the whole bus is silent for more than 1 s {_count(long, 'time')}, at most {pauses.max() / 1e6:.1f} s"
        )
    buses = np.flatnonzero(np.bincount(frames.bus))
    if len(buses) > 1:
        names = ", ".join(frames.buses[code] for code in buses)
        said.append(f"{len(buses)} buses in one log: {names}")
    for bit, what in ((FD, "CAN FD frame"), (RTR, "remote request"), (ERR, "error frame")):
        count = int((frames.flags & bit > 0).sum())
        if count:
            said.append(_count(count, what))
    attacked = int((frames.label != 0).sum())
    if attacked:
        said.append(
            f"{_count(attacked, 'frame')} labelled as not normal: learn from the others, or from another log"
        )
    return said


def _clock(t_us: NDArray[np.int64], steps: NDArray[np.int64]) -> list[str]:
    """What the log's clock cannot tell."""
    said = []
    for unit_us, name in ((1_000_000, "seconds"), (1000, "milliseconds")):
        if not (t_us % unit_us).any():
            said.append(f"times are whole {name}: too coarse to judge the timing of single frames")
            break
    still = float((steps == 0).mean())
    if still > 0.01:
        said.append(f"{int(100 * still)} % of the frames have the time of the frame before")
    return said


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
