"""`canbean can convert, cut, diff`: logs into other logs, and what changed between two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from canbean.can.convert import Converted, Selection, convert
from canbean.can.difference import difference
from canbean.can.frames import SIMULATED, parse_key
from canbean.cli.logs import AcceptCut, AsJson, Bus, From, Strict, To, provenance, read
from canbean.cli.output import json_line, note, results, table

app = typer.Typer()

In = Annotated[Path, typer.Argument(metavar="IN")]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Its ending chooses the format.")]
Lossy = Annotated[
    bool, typer.Option("--lossy", help="Write what the format has a place for, and say what is lost.")
]


@app.command("convert")
def convert_(
    source: In,
    target: Out,
    lossy: Lossy = False,
    accept_cut: AcceptCut = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Write a log in the format of another ending; what that has no place for is said first."""
    _show(
        source,
        target,
        convert(source, target, lossy=lossy, accept_cut=accept_cut, strict=strict, say=note),
        as_json,
    )


@app.command("cut")
def cut_(
    source: In,
    target: Out,
    from_s: From = None,
    to_s: To = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="Only this id; may be repeated.")
    ] = None,
    buses: Annotated[
        list[str] | None, typer.Option("--bus", metavar="NAME", help="Only this bus; may be repeated.")
    ] = None,
    lossy: Lossy = False,
    accept_cut: AcceptCut = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Write a part of a log: some time, some ids, some buses. The clock stays the log's."""
    selection = Selection(from_s, to_s, frozenset(map(parse_key, ids or ())), frozenset(buses or ()))
    _show(
        source,
        target,
        convert(source, target, selection, lossy=lossy, accept_cut=accept_cut, strict=strict, say=note),
        as_json,
    )


def _show(source: Path, target: Path, done: Converted, as_json: bool) -> None:
    """Say what was written."""
    if done.skipped:
        note(f"{source}: skipped {done.skipped} lines that could not be read")
        for problem in done.problems:
            note(f"  {problem}")
    data = SIMULATED if done.simulated else "recorded"
    said = {
        "log": str(target),
        "data": data,
        "frames": done.frames,
        "left_out": done.left_out,
        "skipped": done.skipped,
        "lost": done.lost,
        "format": done.written,
        "from_format": done.format,
    }
    if as_json:
        json_line(said)
        return
    results.print(
        f"{target}: {done.frames} {data} frames as {done.written}, from {done.format}", markup=False
    )


@app.command("diff")
def diff_(
    a: Annotated[Path, typer.Argument(metavar="A")],
    b: Annotated[Path, typer.Argument(metavar="B")],
    bus: Bus = None,
    accept_cut: AcceptCut = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """What changed from capture A to capture B: ids, periods, lengths, bits, values."""
    one, two = (read(path, bus=bus, accept_cut=accept_cut, strict=strict).frames for path in (a, b))
    found = difference(one, two)
    if as_json:
        json_line({"log": str(b), "before": str(a), "data": provenance(one, two), **found})
        return
    if found["same"]:
        results.print("nothing changed")
    for name, title in (("new", f"new in {b}"), ("missing", f"missing in {b}")):
        if found[name]:
            header = ("id", "frames", "period ms", "bytes", "first s", "first data")
            table(f"{title}: {_count(found[name])}", header, map(_id_row, found[name]))
            few = [row for row in found[name] if name == "missing" and (row["expected"] or 0) < 3]
            if few:
                ids = ", ".join(_name(row) for row in few)
                results.print(f"so rare that they may only be out of sight: {ids}\n", markup=False)
    told = [row for row in found["changed"] if set(row) - {"id", "bus", "frames", "ranges"}]
    wider = [row for row in found["changed"] if row not in told]
    for rows, title in ((told, "changed"), (wider, "only values outside of the range they had")):
        if rows:
            results.print(f"[bold]{title}: {_count(rows)}[/bold]")
            for row in rows:
                lines = _changes(row)
                results.print(f"  {_name(row):<10} {lines[0]}", markup=False)
                for line in lines[1:]:
                    results.print(f"  {'':<10} {line}", markup=False)
            results.print()
    results.print(f"as before: {found['unchanged']} ids")
    for path, side in ((a, "a"), (b, "b")):
        said: dict[str, Any] = found[side]
        more = "".join(f", {said[kind]} {kind}" for kind in ("fd", "remote", "error") if said[kind])
        results.print(
            f"{path}: {said['frames']} frames in {said['span_s']:.3f} s, {said['ids']} ids{more}",
            markup=False,
        )
    for words in found["notes"]:
        results.print(f"- {words}", markup=False)


def _count(rows: list[dict[str, Any]]) -> str:
    return f"{len(rows)} id{'' if len(rows) == 1 else 's'}"


def _name(row: dict[str, Any]) -> str:
    return f"{row['bus']}:{row['id']}" if row["bus"] else str(row["id"])


def _id_row(row: dict[str, Any]) -> tuple[str, ...]:
    period = "-" if row["period_ms"] is None else f"{row['period_ms']:.3f}"
    lengths = " ".join(map(str, row["dlcs"]))
    return _name(row), str(row["frames"]), period, lengths, f"{row['first_s']:.3f}", row["data"]


def _changes(row: dict[str, Any]) -> list[str]:
    """What changed of an id, a line each, what matters most first."""
    said = []
    if "dlcs" in row:
        was, now = (" ".join(map(str, lengths)) for lengths in row["dlcs"])
        said.append(f"length {was} → {now} bytes")
    if "period_ms" in row:
        was, now = row["period_ms"]
        said.append(f"period {was:g} → {now:g} ms")
    said += [
        f"byte {bit['byte']}: constant bits {bit['mask']} were {bit['was']}, are {bit['now']}"
        for bit in row.get("constant", ())
    ]
    if "flips" in row:
        bits = ", ".join(f"byte {bit['byte']} bits {bit['mask']}" for bit in row["flips"])
        said.append(
            f"flip now, never did: {bits} (in {row['deviating']} of {row['frames'][1]} frames, first at {row['deviating_s']:.3f} s)"
        )
    if "still" in row:
        bits = ", ".join(f"byte {bit['byte']} bits {bit['mask']}" for bit in row["still"])
        said.append(f"no longer flip: {bits}")
    if "ranges" in row:
        ranges = (
            f"byte {r['byte']} {r['was'][0]}…{r['was'][1]} → {r['now'][0]}…{r['now'][1]}"
            for r in row["ranges"]
        )
        said.append(f"values: {', '.join(ranges)}")
    return said
