"""The page that shows what was learned of a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canbean.can import database
from canbean.can.clock import clock_step_us
from canbean.can.frames import ERR, RTR, Frames, key_text
from canbean.cli.output import note
from canbean.detect.clocks import clocks
from canbean.detect.fields import learn_fields
from canbean.detect.named import learn_named
from canbean.detect.phases import places
from canbean.detect.rhythm import rhythms
from canbean.errors import FileError, UsageError
from canbean.files import writable, write_bytes
from canbean.report.fingerprint import fingerprint_section
from canbean.report.page import page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from canbean.can.database import Database
    from canbean.detect.learn import Learned


def portrait_options(
    report: Path | None, dbc_path: Path | None, output: Path, *inputs: Path | None
) -> Database | None:
    """Check where the page is to go, and read the database, before anything is learned.

    Raises:
        UsageError: a database without a report.
        FileError: the page cannot be written there, or the database not read.
        LogError: no database.
    """
    if report is None:
        if dbc_path is not None:
            raise UsageError("--dbc gives names to the report: add --report R.html")
        return None
    writable(report, dbc_path, *inputs)
    if report.resolve() == output.resolve():
        raise FileError(f"{report}: is the model's file too: choose another name")
    if dbc_path is None:
        return None
    names = database.load(dbc_path)
    for problem in names.problems:
        note(problem)
    return names


def write_portrait(
    report: Path, parts: Sequence[Frames], names: Database | None, learned: Learned, title: str
) -> None:
    """Write the page of a bus.

    Args:
        report: where.
        parts: the clean logs that were learned from.
        names: messages and signals, or None.
        learned: what was learned.
        title: of the model.
    """
    frames = _one_clock(parts)
    fields = learn_fields(frames) if names is None else learn_named(frames, names)
    made = fingerprint_section(
        fields,
        rhythms(frames),
        learned.calibration,
        title,
        simulated=any(part.simulated for part in parts),
        clocks=clocks(frames),
        places=places(frames, clock_step_us(frames.t_us)),
    )
    write_bytes(report, page(f"canbean: {title}", [made]).encode())


def phases_of(parts: Sequence[Frames]) -> dict[str, Any]:
    """By id where in a cycle it comes, of the ids that several senders, or one in bursts, send."""
    frames = _one_clock(parts)
    found = places(frames, clock_step_us(frames.t_us))
    return {key_text(key): one.describe() for key, one in found.items()}


def _one_clock(parts: Sequence[Frames]) -> Frames:
    """The logs one after the other, whatever their clocks say."""
    moved: list[Frames] = []
    end = 0
    for part in parts:
        ordered = part[(part.flags & (RTR | ERR)) == 0].in_time_order()
        if not len(ordered):
            continue
        moved.append(ordered.changed(t_us=ordered.t_us - ordered.t_us[0] + end))
        end = int(moved[-1].t_us[-1]) + 1
    return Frames.concat(moved)
