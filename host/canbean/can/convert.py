"""A log, or a part of it, into another file, chunk by chunk: what its format has no place for is known before it is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import DEFAULT_BUS, ERR, FD, RTR, Frames, key_text, window
from canbean.can.logs import Reader, formats, write_parts
from canbean.can.logs.writing import writer
from canbean.errors import LogError
from canbean.files import writable

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from canbean.can.logs.formats import BinaryWriter, TextWriter

    StrPath = str | os.PathLike[str]

TIMELESS_US = 1 << 62
"""Longer than any log: what is left of times cut to multiples of it is 0."""
STEPS_US = (10, 100, 1000, 1_000_000, TIMELESS_US)
"""Resolutions of the times in files, beside the microsecond."""


@dataclass(frozen=True)
class Selection:
    """Which frames of a log are meant.

    Attributes:
        from_s: from this many seconds after the log's first frame (inclusive), None from the beginning.
        to_s: up to this many seconds after it (exclusive), None to the end.
        keys: ids (`id | ext << 29`), empty for all.
        buses: names of buses, empty for all.
    """

    from_s: float | None = None
    to_s: float | None = None
    keys: frozenset[int] = frozenset()
    buses: frozenset[str] = frozenset()

    def of(self, frames: Frames, first_us: int) -> Frames:
        """The frames that are meant, of a log that begins at `first_us`."""
        mask = window(frames.t_us, first_us, self.from_s, self.to_s)
        if self.keys:
            # An error frame has no identifier of its own.
            mask &= np.isin(frames.key, np.array(sorted(self.keys), np.uint32)) & (frames.flags & ERR == 0)
        if self.buses:
            mask &= np.isin(frames.bus, [i for i, name in enumerate(frames.buses) if name in self.buses])
        return frames if mask.all() else frames[mask]


@dataclass
class Converted:
    """What was written.

    Attributes:
        format: of the file that was read.
        written: format of the file that was written.
        frames: frames in it.
        simulated: whether any of them comes from a simulation.
        left_out: frames that were meant and that the format has no place for.
        lost: what the format has no place for and what was done about it, in words.
        skipped: lines of the source that could not be read.
        problems: the first of them.
    """

    format: str
    written: str
    frames: int = 0
    simulated: bool = False
    left_out: int = 0
    lost: list[str] = field(default_factory=list)
    skipped: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reduction:
    """What is done to frames so that a format can hold them.

    Attributes:
        labels: whether labels are taken off.
        buses: how buses are called instead.
        shift_us: what is added to the times.
        step_us: times are rounded down to multiples of this.
        without: kinds of frames that are left out, as `_kind` codes them.
    """

    labels: bool = False
    buses: dict[str, str] = field(default_factory=dict)
    shift_us: int = 0
    step_us: int = 1
    without: frozenset[int] = frozenset()

    def of(self, frames: Frames) -> Frames:
        """The frames as they are written."""
        if self.without:
            frames = frames[~np.isin(_kind(frames), list(self.without))]
        if self.labels:
            frames = frames.relabelled("")
        t_us = (frames.t_us + self.shift_us) // self.step_us * self.step_us
        return _named(frames.changed(t_us=t_us), self.buses)


def _kind(frames: Frames) -> NDArray[np.int64]:
    """Flags, width and size of the identifier and whether there are more than 8 bytes, as a number below 64."""
    flags = frames.flags.astype(np.int64) & (FD | RTR | ERR)
    small = frames.ext & (frames.id <= 0x7FF)
    flags |= frames.ext.astype(np.int64) << 3 | (frames.dlc > 8).astype(np.int64) << 4
    return flags | small.astype(np.int64) << 5


def _kind_text(kind: int) -> str:
    words = [name for name, bit in (("CAN FD", FD), ("remote", RTR), ("error", ERR)) if kind & bit] or [
        "data"
    ]
    return (
        f"{' '.join(words)} frames"
        + (" with a 29-bit id" if kind & 8 else "")
        + (" up to 7FF" if kind & 32 else "")
        + (" of more than 8 bytes" if kind & 16 else "")
    )


def _named(frames: Frames, names: dict[str, str]) -> Frames:
    """The frames with their buses called anew, and only those buses and labels that occur."""
    wanted = [names.get(name, name) for name in frames.buses]
    used = np.unique(frames.bus).tolist()
    table = list(dict.fromkeys(wanted[code] for code in used)) or [DEFAULT_BUS]
    mapping = np.zeros(256, np.uint8)
    for code in used:
        mapping[code] = table.index(wanted[code])
    labels = ["", *(frames.labels[code] for code in np.unique(frames.label).tolist() if code)]
    place = np.zeros(len(frames.labels), np.int16)
    for code, name in enumerate(frames.labels):
        place[code] = labels.index(name) if name in labels else 0
    return frames.changed(
        bus=mapping[frames.bus], buses=tuple(table), label=place[frames.label], labels=tuple(labels)
    )


@dataclass
class Survey:
    """What a selection of a log holds, as far as a format may care.

    Attributes:
        format: of the log.
        sample: one frame of each kind, bus and label, and some with the finest times.
        kinds: `formats.kinds` of all of them.
        counts: frames of each kind.
        labelled: frames with a label.
        lost: what the target has no place for, in its own words.
    """

    format: str = ""
    sample: Frames = field(default_factory=Frames.empty)
    kinds: Frames = field(default_factory=Frames.empty)
    counts: Counter[int] = field(default_factory=Counter)
    labelled: int = 0
    lost: list[str] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return self.counts.total()

    def take(self, frames: Frames, form: TextWriter | BinaryWriter) -> None:
        """Look at the next frames."""
        kind = _kind(frames)
        values, numbers = np.unique(kind, return_counts=True)
        self.counts.update(dict(zip(values.tolist(), numbers.tolist(), strict=True)))
        self.labelled += int((frames.label != 0).sum())
        self.kinds = formats.kinds(Frames.concat([self.kinds, frames]) if len(self.kinds) else frames)
        code = kind | frames.bus.astype(np.int64) << 6 | frames.label.astype(np.int64) << 14
        rows = [np.unique(code, return_index=True)[1]]
        rows += [np.flatnonzero(frames.t_us % step)[:1] for step in STEPS_US]
        some = Frames.concat([self.sample, frames[np.unique(np.concatenate(rows))]])
        code = _kind(some) | some.bus.astype(np.int64) << 6 | some.label.astype(np.int64) << 14
        rows = [np.unique(code, return_index=True)[1]]
        rows += [np.flatnonzero(some.t_us % step)[:1] for step in STEPS_US]
        self.sample = some[np.unique(np.concatenate(rows))]
        self.lost += [what for what in form.cannot_hold(_named(frames, {})) if what not in self.lost]


def parts_of(reader: Reader, selection: Selection) -> Iterator[Frames]:
    """The selected frames of a log, in chunks.

    Raises:
        LogError: as the reader; or an id or a bus that was asked for is not in the log, or no frame is left.
    """
    first_us: int | None = None
    left, keys, buses = 0, set(selection.keys), set(selection.buses)
    names: tuple[str, ...] = ()
    for frames in reader.chunks():
        first_us = int(frames.t_us[0]) if first_us is None else first_us
        if keys:
            keys -= set(np.unique(frames.key[frames.flags & ERR == 0]).tolist())
        names = frames.buses
        chosen = selection.of(frames, first_us)
        if len(chosen):
            left += len(chosen)
            yield chosen
    if buses - set(names):
        raise LogError(f"{reader.path}: has no bus {min(buses - set(names))!r}; it has {', '.join(names)}")
    if keys:
        raise LogError(f"{reader.path}: has no frame with the id {key_text(min(keys))}")
    if not left:
        raise LogError(f"{reader.path}: holds no frames in the part that was asked for")


def convert(
    source: StrPath,
    target: StrPath,
    selection: Selection | None = None,
    *,
    lossy: bool = False,
    accept_cut: bool = False,
    strict: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Converted:
    """Write the selected frames of a log to a file whose ending chooses the format.

    The log is read twice: to learn what it holds, then to write it; neither file is ever held as a whole.

    Args:
        source: a log of any format that can be read.
        target: the file to write.
        selection: which frames; None is all.
        lossy: write what the format has a place for; without it, anything else is an error.
        accept_cut: read what is whole of a log that is cut.
        strict: the first line that cannot be read is an error.
        say: is told what is lost before anything is written.

    Raises:
        FileError: a file that cannot be read or written, or a target that is the source.
        LogError: a log that cannot be read, or frames that the target has no place for.
        UsageError: the ending chooses no format that is written.
    """
    chosen = selection or Selection()
    form = writer(target)
    writable(target, source)
    survey = _survey(Reader(source, accept_cut=accept_cut, strict=strict), chosen, form)
    reduction = Reduction()
    lost: list[str] = []
    if survey.lost:
        if not lossy:
            raise LogError(
                f"{target}: {form.NAME} has no place for {', '.join(survey.lost)} (--lossy writes what it can hold)"
            )
        reduction, lost = _fit(survey, form, str(target))
        for words in lost:
            say(f"{target}: {form.NAME} has no place for all of it: {words}")
        if reduction.without:
            # What the header is to know may have been told by frames that are left out.
            survey.kinds = _survey(
                Reader(source, accept_cut=accept_cut, strict=strict), chosen, form, reduction
            ).kinds
    reader = Reader(source, accept_cut=accept_cut, strict=strict)
    done = Converted(survey.format, form.NAME, lost=lost)
    done.left_out = sum(survey.counts[kind] for kind in reduction.without)

    def parts() -> Iterator[Frames]:
        for frames in parts_of(reader, chosen):
            reduced = reduction.of(frames)
            done.frames += len(reduced)
            done.simulated = done.simulated or frames.simulated
            yield reduced

    write_parts(target, parts(), reduction.of(survey.kinds))
    done.skipped, done.problems = reader.skipped, list(reader.problems)
    return done


def _survey(
    reader: Reader, selection: Selection, form: TextWriter | BinaryWriter, reduction: Reduction | None = None
) -> Survey:
    """What the selected frames hold; with a reduction, those that it leaves."""
    survey = Survey(reader.format)
    for frames in parts_of(reader, selection):
        kept = frames
        if reduction is not None:
            kept = frames[~np.isin(_kind(frames), list(reduction.without))]
        if len(kept):
            survey.take(kept, form)
    return survey


def _fit(survey: Survey, form: TextWriter | BinaryWriter, name: str) -> tuple[Reduction, list[str]]:
    """What to do so that the format can hold the frames, and the words for it: as little as helps.

    Raises:
        LogError: nothing that is known helps.
    """
    sample = survey.sample
    # The frame with the least time shows whether times before 0 are the matter.
    sample = Frames.concat([sample, survey.kinds])
    names = [sample.buses[code] for code in np.unique(sample.bus).tolist()]
    least = int(sample.t_us.min())
    numbered = {bus: f"can{number}" for number, bus in enumerate(names)}
    listed = ", ".join(map(repr, names))
    tries: list[tuple[dict[str, Any], str]] = []
    if survey.labelled:
        tries.append(({"labels": True}, f"labels of {survey.labelled} frames are left out"))
    tries.append(({"buses": numbered}, f"the buses {listed} are called {', '.join(numbered.values())}"))
    if len(names) > 1:
        tries.append(
            (
                {"buses": dict.fromkeys(names, DEFAULT_BUS)},
                f"the frames of the buses {listed} are put on one bus",
            )
        )
    if least:
        tries.append(({"shift_us": -least}, f"times are moved by {-least / 1e6:.6f} s to begin at 0"))
    tries += [
        ({"step_us": step}, f"times are cut to multiples of {step / 1e6:g} s") for step in STEPS_US[:-1]
    ]
    tries.append(({"step_us": TIMELESS_US}, "times are left out"))
    reduction, lost = Reduction(), []
    for change, words in tries:
        attempt = replace(reduction, **change)
        # Frames that are to be left out in any case must not hide that a change helps.
        if _troubles(attempt, sample, form) < _troubles(reduction, sample, form):
            reduction = attempt
            lost.append(words)
    if reduction.step_us == TIMELESS_US:
        lost = [words for words in lost if not words.startswith("times")] + ["times are left out"]
    kinds = _kind(sample)
    without = frozenset(
        kind for kind in np.unique(kinds).tolist() if form.cannot_hold(reduction.of(sample[kinds == kind]))
    )
    if without:
        reduction = replace(reduction, without=without)
        lost += [f"{survey.counts[kind]} {_kind_text(kind)} are left out" for kind in sorted(without)]
    if not len(reduction.of(sample)) or form.cannot_hold(reduction.of(sample)):
        raise LogError(f"{name}: {form.NAME} has no place for any of the frames: {', '.join(survey.lost)}")
    return reduction, lost


def _troubles(reduction: Reduction, sample: Frames, form: TextWriter | BinaryWriter) -> int:
    """How many things of the frames the format has no place for, each frame alone and all together."""
    reduced = reduction.of(sample)
    alone = sum(len(form.cannot_hold(reduction.of(sample[row : row + 1]))) for row in range(len(sample)))
    return alone + len(form.cannot_hold(reduced))
