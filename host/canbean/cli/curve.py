"""`canbean can curve`: recall and false alarms against minutes of clean log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from canbean.can import events
from canbean.cli.learn import per_hour_of
from canbean.cli.logs import AcceptCut, AsJson, Bus, Strict, read
from canbean.cli.output import json_line, note, progress, results, table
from canbean.detect import curve, summary
from canbean.errors import UsageError
from canbean.files import writable, write_bytes
from canbean.report.curve import curve_section
from canbean.report.page import page

app = typer.Typer()


@app.command("curve")
def curve_(
    clean_path: Annotated[Path, typer.Argument(metavar="CLEAN")],
    labelled: Annotated[
        list[Path] | None,
        typer.Option("--labelled", metavar="L", help="A log with attacks; may be repeated. Else: injected."),
    ] = None,
    minutes: Annotated[
        str, typer.Option(metavar="M,M", help="Lengths of clean log to learn from, in minutes.")
    ] = ",".join(f"{m:g}" for m in curve.MINUTES),
    budget: Annotated[str, typer.Option(metavar="N/h", help="False alerts an hour.")] = "1/h",
    events_path: Annotated[
        Path | None, typer.Option("--events", metavar="E.csv", help="Events of the one labelled log.")
    ] = None,
    from_s: Annotated[
        float | None,
        typer.Option(
            "--from",
            metavar="S",
            help="Score the labelled logs from S seconds after their first frame, if they are the same drive.",
        ),
    ] = None,
    to_s: Annotated[
        float | None, typer.Option("--to", metavar="S", help="Score the labelled logs up to S seconds.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of injected attacks and of chance.")] = 0,
    report: Annotated[
        Path | None, typer.Option(metavar="R.html", help="Write a page with the curve.")
    ] = None,
    bus: Bus = None,
    accept_cut: AcceptCut = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Recall and false alarms against minutes of clean log: learned from its first minutes, judged on its last part."""
    per_hour, lengths = per_hour_of(budget), _lengths(minutes)
    paths = labelled or []
    if not paths and (from_s is not None or to_s is not None):
        raise UsageError(
            "--from and --to are for the --labelled logs; of CLEAN the last part is always held out"
        )
    if events_path is not None and len(paths) != 1:
        raise UsageError("--events goes with a single --labelled log")
    if report is not None:
        writable(report, clean_path, events_path, *paths)
    rows = None if events_path is None else events.read(events_path)
    clean = read(clean_path, bus=bus, accept_cut=accept_cut, strict=strict).frames
    attacked = [
        curve.Attacked(read(path, from_s, to_s, bus=bus, accept_cut=accept_cut, strict=strict).frames, rows)
        for path in paths
    ]
    with progress() as bar:
        task = bar.add_task("lengths", total=len(curve.split(clean, lengths).minutes))
        found = curve.curve(
            clean,
            attacked,
            minutes=lengths,
            per_hour=per_hour,
            seed=seed,
            step=lambda: bar.advance(task),
        )
    for path in (paths[n] for n in found["same_drive"]):
        note(
            f"warning: {path}: frames of it were learned from {clean_path}: the same drive? "
            f"Then score it --from {found['held_out_from_s']:g}"
        )
    if report is not None:
        made = page(f"canbean: {clean_path.name}", [curve_section(found, str(clean_path))])
        write_bytes(report, made.encode())
    if as_json:
        json_line({"clean": str(clean_path), **found})
    else:
        show_curve(found, clean_path.name)


def _lengths(text: str) -> tuple[float, ...]:
    """Minutes from their list.

    Raises:
        UsageError: not numbers above 0.
    """
    try:
        lengths = tuple(float(word) for word in text.split(","))
    except ValueError:
        lengths = ()
    if not lengths or not all(0 < m < 1e6 for m in lengths):
        raise UsageError(f"--minutes {text!r}: give lengths above 0, such as 0.5,1,2,5,10")
    return lengths


def show_curve(found: dict[str, Any], title: str) -> None:
    """Print the points as two tables: false alarms, and recall with skill by attack."""
    points = found["points"]
    table(
        f"{title}: false alarms in {found['held_out_s'] / 60:.1f} min of clean log held out, "
        f"budget {found['budget_per_hour']:g} an hour",
        ("minutes", "threshold", "alerts", "an hour", "95 % upper", "episodes"),
        (
            (
                f"{point['minutes']:g}",
                f"{point['threshold_bits']:.2f}",
                f"{point['false_alerts']:,}",
                summary.number(point["false_alerts_per_hour"]),
                summary.number(point["false_alerts_per_hour_upper95"]),
                f"{point['false_episodes']:,}",
            )
            for point in points
        ),
    )
    attacks = dict.fromkeys(label for point in points for label in point["attacks"])
    whose = (
        "simulated, injected into the part held out" if found["attacks_from"] == "injected" else found["data"]
    )
    for figure in ("recall", "skill"):
        rows = (
            (
                label,
                f"{points[0]['attacks'][label]['events']:,}",
                *(summary.share(point["attacks"][label][figure]) for point in points),
            )
            for label in attacks
        )
        header = ("attack", "events", *(f"{point['minutes']:g} min" for point in points))
        table(f"{figure} by minutes learned; attacks: {whose}", header, rows)
    for left in found["left_out"]:
        results.print(f"- not learned from {left['minutes']:g} min: {left['reason']}", markup=False)
