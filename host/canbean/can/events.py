"""Events: what an attack is in time, apart from the frames' labels, and their CSV `label,start,end,id`."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import key_text, parse_key
from canbean.errors import LogError, UsageError
from canbean.files import read_bytes, write_bytes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from canbean.can.frames import Frames

HEADER = ["label", "start", "end", "id"]
GAP_US = 100_000
"""A pause longer than this ends an event (the definition by which alerts are scored)."""


@dataclass(frozen=True, slots=True)
class Event:
    """One attack in time.

    Attributes:
        label: name of the attack.
        start_us: its first frame, or when it begins, in microseconds on the log's own clock.
        end_us: its last frame, or when it ends.
        ids: keys (`id | ext << 29`) it concerns; empty is the whole bus.
        frames: whether frames of the log carry its label; False for attacks that remove frames.
    """

    label: str
    start_us: int
    end_us: int
    ids: tuple[int, ...]
    frames: bool = True


def from_labels(frames: Frames, gap_us: int = GAP_US) -> list[Event]:
    """The events of a labelled log: runs of frames of one label with no gap over `gap_us`, in order of start."""
    events = []
    key = frames.key
    for code, name in enumerate(frames.labels):
        rows = np.flatnonzero(frames.label == code)
        if not name or not len(rows):
            continue
        rows = rows[np.argsort(frames.t_us[rows], kind="stable")]
        for run in np.split(rows, np.flatnonzero(np.diff(frames.t_us[rows]) > gap_us) + 1):
            ids = tuple(int(k) for k in np.unique(key[run]))
            events.append(Event(name, int(frames.t_us[run[0]]), int(frames.t_us[run[-1]]), ids))
    return sorted(events, key=lambda event: (event.start_us, event.end_us, event.label))


def seconds_text(t_us: int) -> str:
    """Microseconds as seconds with six decimals, exactly."""
    sign, t_us = ("-", -t_us) if t_us < 0 else ("", t_us)
    return f"{sign}{t_us // 1_000_000}.{t_us % 1_000_000:06d}"


def _microseconds(text: str) -> int:
    """Seconds as exact microseconds."""
    value = Decimal(text.strip())
    if not value.is_finite() or abs(value) >= 10**12:
        raise InvalidOperation
    return int((value * 1_000_000).to_integral_value())


def beside(log: str | os.PathLike[str]) -> Path:
    """Where the events of an attacked log that have no frames of their own are kept, beside the log."""
    path = Path(log)
    return path.parent / (path.name.split(".")[0] + ".events.csv")


def write(path: str | os.PathLike[str], events: Iterable[Event]) -> None:
    """Write events as CSV: seconds on the log's own clock, ids in hex separated by a space.

    Raises:
        FileError: the file cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEADER)
    for event in events:
        start, end = seconds_text(event.start_us), seconds_text(event.end_us)
        table.writerow([event.label, start, end, " ".join(key_text(key) for key in event.ids)])
    write_bytes(path, text.getvalue().encode())


def read(path: str | os.PathLike[str]) -> list[Event]:
    """Read events written as CSV; they count as events without frames of their own, in order of start.

    Raises:
        FileError: the file cannot be read.
        LogError: the header or a line is not as described; the message names the line.
    """
    text = read_bytes(path, "file of events").decode("utf-8-sig", "backslashreplace")
    table = csv.reader(io.StringIO(text, newline=""))
    events: list[Event] = []
    header: list[str] | None = None
    try:
        for row in table:
            if not any(cell.strip() for cell in row) or row[0].startswith("#"):
                continue
            if header is None:
                header = [cell.strip().lower() for cell in row]
                if header != HEADER:
                    raise LogError(
                        f"{path}: line {table.line_num}: the header of a file of events is label,start,end,id"
                    )
                continue
            events.append(_event(row, f"{path}: line {table.line_num}"))
    except csv.Error as error:
        raise LogError(f"{path}: line {table.line_num}: not CSV: {error}") from error
    if header is None:
        raise LogError(f"{path}: empty; a file of events has the header label,start,end,id")
    return sorted(events, key=lambda event: (event.start_us, event.end_us, event.label))


def _event(row: list[str], where: str) -> Event:
    """The event of one row; `where` begins the messages."""
    if len(row) != len(HEADER):
        raise LogError(f"{where}: {len(row)} fields, expected the four of label,start,end,id")
    label, start, end, ids = row
    if not label.strip():
        raise LogError(f"{where}: an event needs a label")
    try:
        start_us, end_us = _microseconds(start), _microseconds(end)
    except InvalidOperation:
        raise LogError(f"{where}: start and end are seconds such as 12.5, not {start!r}, {end!r}") from None
    if end_us < start_us:
        raise LogError(f"{where}: the event ends before it starts")
    try:
        keys = tuple(parse_key(word) for word in ids.split())
    except UsageError as error:
        raise LogError(f"{where}: {error}") from None
    return Event(label.strip(), start_us, end_us, keys, frames=False)
