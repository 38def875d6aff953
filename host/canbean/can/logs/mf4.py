"""MF4: bus logging in ASAM MDF 4, as CAN loggers and measurement tools write it, read and written with asammdf (`pip install canbean[mdf]`).

A channel group holds data frames (`CAN_DataFrame`), error frames (`CAN_ErrorFrame`) or remote requests (`CAN_RemoteFrame`), with the channels
`.ID`, `.IDE`, `.DLC`, `.DataLength`, `.DataBytes`, `.BusChannel`, `.EDL` (CAN FD) and `.RTR`, most of which may be missing. The groups
are merged by their times; of frames of one time those of the first group come first. Bus channel 1 is the bus `can1` (none: `can0`).
Times are the start time of the file and what the records count from there, rounded to microseconds; a start time without a time zone
is taken as UTC. Channel groups of signals and of other buses hold no frames. asammdf sorts and finalises what is not in a copy. The
names are those of the "ASAM MDF Bus Logging" associated standard.
"""

from __future__ import annotations

import gc
import logging
import shutil
import sys
import tempfile
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import ERR, FD, LENGTHS, RTR, Frames, recode
from canbean.can.logs import channels
from canbean.can.logs.tables import Tables
from canbean.errors import LogError, UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from canbean.can.logs.formats import Report

NAME = "MF4"
ENDINGS = (".mf4",)
MAGICS = b"MDF     4", b"UnFinMF 4"
"""First bytes of files that are finished, and of those that are not."""
FLAGS = {"CAN_DataFrame": 0, "CAN_ErrorFrame": ERR, "CAN_RemoteFrame": RTR}
"""Flags of the frames of a channel group, by the name of the channel that all others are parts of."""
PARTS = ("ID", "IDE", "DLC", "DataLength", "DataBytes", "BusChannel", "EDL", "RTR")
ROWS = 1 << 17
"""Records that are held at a time, of all channel groups together, about."""
LEAST = 1 << 10
"""Records that are read at a time of each, at least."""
MASTERS, VIRTUAL = (2, 3), (3, 6)
"""Types of channels: those of the time, and those without bytes in the record."""
RATIO = 1 << 11
"""Blocks are not compressed better than this (deflate: 1032)."""
LOCAL = 1
"""The flag of a start time without a time zone."""
UTC = 2
"""The flag of a start time with one."""
UTC_NOTE = "its start time has no time zone: taken as UTC"
LATEST_S = 1 << 42
"""Times at or above this are no times, in seconds."""
SPAN_US = 1 << 51
"""Floating-point seconds are exact to the microsecond below this."""
COMPRESSION = 2
"""Blocks are transposed and deflated."""
REASONS = (
    "",
    "the time is not one",
    "the id is above 1FFFFFFF, or above 7FF and not extended",
    "longer than a frame can be (8 bytes, CAN FD 64)",
    "fewer bytes than the length",
    "the bus channel is not a number from 0 to 255",
)


def looks(head: bytes) -> bool:
    """Whether a file that begins with these bytes is one."""
    return head.startswith(MAGICS)


@contextmanager
def _quietly(name: str | os.PathLike[str], report: Report | None = None) -> Iterator[Any]:
    """Module asammdf, for calls that neither warn nor log; what it raises while a file is read becomes a LogError.

    Raises:
        UsageError: it is not installed.
        LogError: it raised anything at all.
    """
    logger = logging.getLogger("asammdf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import asammdf  # noqa: PLC0415
        except ImportError as error:
            raise UsageError(f"{name}: MF4 needs asammdf: pip install canbean[mdf]") from error
        strict, logger.disabled = asammdf.get_global_option("raise_on_incomplete_blocks"), True
        if report is not None:
            asammdf.set_global_option("raise_on_incomplete_blocks", not report.accept_cut)
        try:
            yield asammdf
        except Exception as error:
            if report is None or isinstance(error, LogError):
                raise
            why = (str(error).splitlines() or [""])[0]
            _let_go(error)
            if why.startswith("Incomplete block"):
                raise report.cut("a block") from error
            raise LogError(
                f"{name}: damaged, or not readable by asammdf: {type(error).__name__}: {why}"
            ) from error
        finally:
            logger.disabled = False
            asammdf.set_global_option("raise_on_incomplete_blocks", strict)


def _let_go(error: Exception) -> None:
    """Let asammdf close what it had begun to read while its folder is still there; it raises into the void as it does."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    traceback.clear_frames(error.__traceback__)
    gc.collect()
    sys.unraisablehook = hook


def chunks(path: Path, rows: int, report: Report) -> Iterator[Frames]:
    """The frames, at most `rows` at a time.

    Raises:
        UsageError: asammdf is not installed.
        LogError: the file is damaged or ends early (without `accept_cut`), holds no bus logging, or more than 256 buses.
    """
    with tempfile.TemporaryDirectory() as folder:
        with _quietly(report.path, report) as asammdf:
            # What asammdf would do with bus logging reads the whole file, and is not needed here.
            mdf = asammdf.MDF(path, temporary_folder=folder, process_bus_logging=False)
        try:
            for frames in _merged(_groups(mdf, report)):
                for at in range(0, len(frames), rows):
                    yield frames[at : at + rows]
        finally:
            with _quietly(report.path, report):
                mdf.close()


@dataclass(frozen=True)
class Group:
    """A channel group of frames.

    Attributes:
        number: its number in the file, from 0.
        kind: a name of `FLAGS`.
        places: number of the channel of each of `PARTS` that there is.
        count: records that it says it has.
        held: records that its data have room for.
    """

    number: int
    kind: str
    places: dict[str, int]
    count: int
    held: int


def _groups(mdf: Any, report: Report) -> list[Iterator[Frames]]:
    """The frames of each channel group that has some. Raises as `chunks`."""
    found: list[Group] = []
    known = False
    with _quietly(report.path, report):
        for number, group in enumerate(mdf.groups):
            names = {channel.name: place for place, channel in enumerate(group.channels)}
            kind = next((kind for kind in FLAGS if any(f"{kind}.{part}" in names for part in PARTS)), None)
            count = int(group.channel_group.cycles_nr)
            known = known or kind is not None
            if kind is None:
                report.passed += count
            elif count:
                places = {part: names[f"{kind}.{part}"] for part in PARTS if f"{kind}.{part}" in names}
                found.append(Group(number, kind, places, count, _held(group, places)))
        start_us = int(mdf.header.abs_time) // 1000
        if start_us and mdf.header.time_flags & LOCAL:
            report.note(UTC_NOTE)
    if not known:
        raise LogError(
            f"{report.path}: holds no bus logging of CAN (CAN_DataFrame), only signals or other buses"
        )
    step, tables = max(ROWS // max(len(found), 1), LEAST), Tables()
    read = partial(_frames, mdf, step=step, start_us=start_us, tables=tables, report=report)
    return [read(group) for group in found]


def _held(group: Any, places: dict[str, int]) -> int:
    """How many records the data of a channel group have room for: asammdf takes what it says of itself for granted.

    Raises:
        ValueError: a channel lies outside of the record, or a block is larger than it can be.
    """
    size = group.channel_group.samples_byte_nr
    masters = [place for place, channel in enumerate(group.channels) if channel.channel_type in MASTERS]
    for channel in (group.channels[place] for place in (*places.values(), *masters)):
        end = channel.byte_offset * 8 + channel.bit_offset + channel.bit_count
        if channel.channel_type not in VIRTUAL and end > size * 8:
            raise ValueError(f"the channel {channel.name} lies outside of the record")
    blocks = [(block.original_size, block.compressed_size) for block in group.data_blocks]
    if any(original > packed * RATIO for original, packed in blocks):
        raise ValueError("a block says that it is larger than it can be")
    whole = size if group.uses_ld else size + group.channel_group.invalidation_bytes_nr
    return int(sum(original for original, _ in blocks) // max(whole, 1))


def _frames(
    mdf: Any, group: Group, *, step: int, start_us: int, tables: Tables, report: Report
) -> Iterator[Frames]:
    """The frames of one channel group, `step` records at a time. Raises as `chunks`."""
    wanted = [(None, group.number, place) for place in group.places.values()]
    count = min(group.count, group.held)
    for at in range(0, count, step):
        with _quietly(report.path, report):
            signals = mdf.select(
                wanted,
                record_offset=at,
                record_count=min(step, count - at),
                ignore_value2text_conversions=True,
                copy_master=False,
            )
            seconds = np.asarray(signals[0].timestamps, np.float64)
            columns = {part: signal.samples for part, signal in zip(group.places, signals, strict=True)}
            frames, reason = _records(seconds, columns, FLAGS[group.kind], start_us, tables)
        for row in np.flatnonzero(reason):
            report.skip(
                f"{group.kind} {at + row + 1} of channel group {group.number + 1}", REASONS[reason[row]]
            )
        yield frames
    if count < group.count and not report.accept_cut:
        raise report.cut(f"{group.kind} {count + 1} of channel group {group.number + 1}")


def _records(
    seconds: NDArray[np.float64], columns: dict[str, NDArray[Any]], flag: int, start_us: int, tables: Tables
) -> tuple[Frames, NDArray[np.int8]]:
    """The frames of records, and for each an index into `REASONS`.

    Args:
        seconds: float64 (n,), times after the start of the file.
        columns: the samples of the channels of `PARTS` that there are, (n,) or bytes (n, width).
        flag: what all frames are.
        start_us: start of the file in microseconds.
        tables: codes of the buses so far.

    Raises:
        UsageError: more than 256 buses.
        ValueError: a channel does not hold n numbers.
    """
    n = len(seconds)
    part = {name: _whole(samples, n) for name, samples in columns.items() if name != "DataBytes"}
    none, no = np.zeros(n, np.int64), np.zeros(n, bool)
    raw = part.get("ID", none)
    id_ = raw & 0x1FFFFFFF
    ext = part["IDE"] != 0 if "IDE" in part else (raw >> 31 == 1) | (id_ > 0x7FF)
    error = np.full(n, flag == ERR)
    remote = (part["RTR"] != 0 if "RTR" in part else no) | (flag == RTR)
    code = part.get("DLC", none)
    size = part.get("DataLength")
    long = (size if size is not None else LENGTHS[np.clip(code, 0, 15)]) > 8
    fd = part["EDL"] != 0 if "EDL" in part else long & ~remote
    coded = np.where(fd, LENGTHS[np.clip(code, 0, 15)], np.minimum(code, 8))
    # What is asked for is told by the code: there are no bytes.
    length = coded if size is None else np.where(remote & ("DLC" in part), coded, size)
    data = _bytes(columns.get("DataBytes"), n)
    bus = part.get("BusChannel", none)
    timed = np.abs(seconds) < LATEST_S
    checks = {
        5: (bus >= 0) & (bus <= 255),
        4: (length <= data.shape[1]) | remote,
        3: (length >= 0) & (length <= np.where(fd, 64, 8)),
        2: (raw >= 0) & (raw >> 32 == 0) & (ext | error | (id_ <= 0x7FF)),
        1: timed,
    }
    reason = np.zeros(n, np.int8)
    for why, good in checks.items():
        reason[~good] = why
    ok = reason == 0
    length = length[ok]
    width = 64 if (length > 8).any() else 8
    data = data[ok, :width]
    data = np.pad(data, ((0, 0), (0, width - data.shape[1])))
    data = data * (np.arange(width) < np.where(remote[ok], 0, length)[:, None])
    numbers, which = np.unique(bus[ok], return_inverse=True)
    frames = Frames(
        t_us=start_us + np.round(np.where(timed, seconds, 0)[ok] * 1e6).astype(np.int64),
        id=id_[ok].astype(np.uint32),
        ext=ext[ok],
        flags=(FD * fd + RTR * remote + ERR * error)[ok].astype(np.uint8),
        dlc=length.astype(np.uint8),
        data=data,
        bus=recode(which, [f"can{number}" for number in numbers], tables.buses, 256, "buses").astype(
            np.uint8
        ),
        label=np.zeros(len(length), np.int16),
        buses=tuple(tables.buses),
    )
    return frames, reason


def _whole(samples: NDArray[Any], n: int) -> NDArray[np.int64]:
    """int64 (n,): whole numbers; -1 where there is none.

    Raises:
        ValueError: these are not n numbers.
    """
    if samples.shape != (n,) or samples.dtype.kind not in "biuf":
        raise ValueError("a channel does not hold a number for each frame")
    if samples.dtype.kind != "f":
        return samples.astype(np.int64)
    return np.where(np.abs(samples) < 1 << 53, samples, -1).astype(np.int64)


def _bytes(samples: NDArray[Any] | None, n: int) -> NDArray[np.uint8]:
    """uint8 (n, width): the bytes of each record."""
    if samples is None or not n:
        return np.zeros((n, 0), np.uint8)
    return np.ascontiguousarray(samples).view(np.uint8).reshape(n, -1)


def _merged(sources: list[Iterator[Frames]]) -> Iterator[Frames]:
    """The frames of several sources by their times, each source in its own order, of which little is held."""
    latest = [np.iinfo(np.int64).min] * len(sources)
    waiting: dict[int, tuple[Frames, NDArray[np.int64]]] = {}
    running = dict(enumerate(sources))
    while running:
        for number, source in list(running.items()):
            while number in running and number not in waiting:
                frames = next(source, None)
                if frames is None:
                    del running[number]
                elif len(frames):
                    # A time that goes back waits for those before it.
                    time = np.maximum(np.maximum.accumulate(frames.t_us), latest[number])
                    latest[number] = int(time[-1])
                    waiting[number] = frames, time
        if not waiting:
            return
        # What is whole up to here: all of the source that ends first, and of those behind it what is earlier.
        until, first = min((int(time[-1]), number) for number, (_, time) in waiting.items())
        parts, times = [], []
        for number, (frames, time) in sorted(waiting.items()):
            count = int(np.searchsorted(time, until, "right" if number <= first else "left"))
            parts.append(frames[:count])
            times.append(time[:count])
            if count < len(frames):
                waiting[number] = frames[count:], time[count:]
            else:
                del waiting[number]
        order = np.argsort(np.concatenate(times), kind="stable")
        yield Frames.concat(parts)[order]


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    fd, remote, error = (frames.flags & bit != 0 for bit in (FD, RTR, ERR))
    refused = {
        "labels": frames.label != 0,
        "times before 0": frames.t_us < 0,
        "times after 2041": frames.t_us >= SPAN_US,
        "remote requests of CAN FD": remote & fd,
        "error frames that are remote requests": remote & error,
        "more than 8 bytes outside CAN FD": (frames.dlc > 8) & ~fd,
    }
    return [*(what for what, mask in refused.items() if mask.any()), *channels.refused(frames)]


def write(file: IO[bytes], parts: Iterable[Frames], kinds: Frames, name: str) -> None:
    """Write all parts: a channel group for each kind of frames that there is, with times from the earliest frame on.

    Raises:
        UsageError: asammdf is not installed.
    """
    start_us = int(kinds.t_us.min()) if len(kinds) else 0
    width = 64 if len(kinds) and kinds.dlc.max() > 8 else 8
    groups: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        with _quietly(name) as asammdf:
            mdf = asammdf.MDF(version="4.10", temporary_folder=folder)
            mdf.header.abs_time, mdf.header.time_flags = start_us * 1000, UTC
        try:
            for frames in parts:
                kind = frames.flags & (RTR | ERR)
                for group, flag in FLAGS.items():
                    chosen = frames[kind == flag]
                    if not len(chosen):
                        continue
                    seconds, records = (chosen.t_us - start_us) / 1e6, _table(chosen, group, width)
                    with _quietly(name) as asammdf:
                        if group in groups:
                            mdf.extend(groups[group], [(seconds, None), (records, None)])
                        else:
                            source = asammdf.Source(
                                "", "", "", asammdf.Source.SOURCE_BUS, asammdf.Source.BUS_TYPE_CAN
                            )
                            signal = asammdf.Signal(records, seconds, name=group, source=source)
                            groups[group] = mdf.append(signal)
            with _quietly(name):
                saved = mdf.save(Path(folder) / "log.mf4", compression=COMPRESSION)
        finally:
            with _quietly(name):
                mdf.close()
        with Path(saved).open("rb") as written:
            shutil.copyfileobj(written, file)


def _table(frames: Frames, group: str, width: int) -> NDArray[np.void]:
    """The records of frames of one channel group, with room for `width` bytes."""
    columns: dict[str, tuple[Any, Any]] = {
        "BusChannel": ("u1", channels.numbers(frames) - 1),
        "ID": ("<u4", frames.id),
        "IDE": ("u1", frames.ext),
        "DLC": ("u1", np.searchsorted(LENGTHS, frames.dlc)),
        "DataLength": ("u1", frames.dlc),
        "DataBytes": (f"({width},)u1", np.pad(frames.data, ((0, 0), (0, 64)))[:, :width]),
        "Dir": ("u1", 0),
        "EDL": ("u1", frames.flags & FD),
        "BRS": ("u1", 0),
        "ESI": ("u1", 0),
    }
    if FLAGS[group] == RTR:
        columns = {name: columns[name] for name in ("BusChannel", "ID", "IDE", "DLC", "DataLength", "Dir")}
    records = np.zeros(len(frames), [(f"{group}.{name}", kind) for name, (kind, _) in columns.items()])
    for name, (_, values) in columns.items():
        records[f"{group}.{name}"] = values
    return records
