"""`canbean can learn`: a model of a bus from clean traffic, for a budget of false alarms and a board."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.board import profiles
from canbean.cli.logs import AcceptCut, AsJson, Bus, From, Strict, To, provenance, read
from canbean.cli.output import json_line, note, results, table, waiting
from canbean.cli.plan import seen_by
from canbean.cli.portrait import phases_of, portrait_options, write_portrait
from canbean.cli.rules import Allow, Deny
from canbean.detect import model
from canbean.detect.board_cost import Size
from canbean.detect.board_fit import Fit
from canbean.detect.choose import Limits
from canbean.detect.learn import learn
from canbean.detect.rules import Rules
from canbean.detect.select import known, select
from canbean.errors import UsageError
from canbean.files import writable, write_bytes
from canbean.tiny import cbm

if TYPE_CHECKING:
    from canbean.board.profiles import Profile

app = typer.Typer()


@app.command("learn")
def learn_(
    clean: Annotated[list[Path], typer.Argument(metavar="CLEAN...")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="M.cbm")],
    budget: Annotated[str, typer.Option(metavar="N/h", help="False alerts an hour.")] = "1/h",
    board: Annotated[
        str, typer.Option(metavar="B", help="What must hold the model: see 'canbean board list'.")
    ] = "linux",
    romfs: Annotated[
        bool, typer.Option("--romfs", help="The board has the image with ROMFS, and its firmware lies there.")
    ] = False,
    detectors: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help=f"Of {', '.join(known())}; left out, injected attacks decide which of them are kept.",
        ),
    ] = None,
    allow: Allow = None,
    deny: Deny = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what detectors draw and of the injected attacks.")] = 0,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="M2.cbm", help="Learn what passes the filters of a plan ('can plan')."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="R.html", help="Show the fingerprint, with the fields found.")
    ] = None,
    dbc_path: Annotated[
        Path | None, typer.Option("--dbc", metavar="F", help="Names of messages and signals in the report.")
    ] = None,
    from_s: From = None,
    to_s: To = None,
    bus: Bus = None,
    accept_cut: AcceptCut = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Learn a bus from clean traffic: its fingerprint, and the detectors that find more at the same false-alarm budget."""
    per_hour = per_hour_of(budget)
    profile = profiles.profile(board)
    limits = limits_of(profile, romfs=romfs)
    rules = Rules.parse(allow or (), deny or ())
    writable(output, plan, dbc_path, *clean)
    names = portrait_options(report, dbc_path, output, plan, *clean)
    parts = [read(path, from_s, to_s, bus=bus, accept_cut=accept_cut, strict=strict).frames for path in clean]
    planned, words, parts = seen_by(plan, parts)
    with waiting("learning the fingerprint") as step:
        learned = learn(parts, per_hour=per_hour)
        learned = replace(learned, gateway=replace(learned.gateway, plan=planned))
        wanted = None if detectors is None else [name.strip() for name in detectors.split(",")]
        selected = select(learned, wanted, limits=limits, seed=seed, step=step)
    learned = replace(selected.learned, gateway=replace(selected.learned.gateway, rules=rules))
    fit = Fit(profile, Size.of(learned.gateway))
    if not fit.holds(romfs=romfs):
        note(f"warning: {output.stem}: does not fit: {fit.why(romfs=romfs)}; the build refuses it")
    made_from = hashlib.sha256()
    for part in parts:
        for column in (part.t_us, part.key, part.dlc, part.data):
            made_from.update(column.tobytes())
    data = provenance(*parts)
    meta = {"name": output.stem, "data": data, "made_from": made_from.hexdigest(), "board": board}
    meta |= {"plan": words} if planned else {}
    blob = cbm.pack(model.pack(learned, meta))
    write_bytes(output, blob)
    if report is not None:
        write_portrait(report, parts, names, learned, output.stem)
    said = {
        "model": str(output),
        "data": data,
        "board": board,
        "bytes": len(blob),
        "frames": sum(map(len, parts)),
        **model.describe(learned.gateway),
        "calibration": learned.calibration,
        "choice": selected.table,
        "trials_left_out": selected.left_out,
    }
    if as_json:
        json_line({**said, "phases": phases_of(parts)})
    else:
        show(said, per_hour)


def limits_of(profile: Profile, *, romfs: bool = False) -> Limits:
    """What a board has for a gateway: heap, and time where it is known how many frames it keeps up with.

    Raises:
        UsageError: no image for the board has the ROMFS that is asked for.
    """
    if romfs and not profile.romfs_image:
        raise UsageError(f"--romfs: no official image for {profile.name} has a ROMFS: leave it out")
    rate = profile.frames_per_second
    return Limits(ram_bytes=profile.heap_left, us_per_frame=1e6 / rate if rate else None, romfs=romfs)


def show(said: dict[str, Any], per_hour: float) -> None:
    """Print what was learned, for people."""
    calibration = said["calibration"]
    rows = said["choice"]
    if rows:
        header = ("detector", "kept", "adds recall", "bytes", "RAM", "us a frame")
        table("injected attacks; RAM and time on an ESP8266, estimated", header, map(_row, rows))
        for row in rows:
            results.print(f"{row['detector']}: {row['reason']}", markup=False)
        reasons: dict[str, list[str]] = {}
        for kind, why in said["trials_left_out"].items():
            reasons.setdefault(why, []).append(kind)
        for why, kinds in reasons.items():
            note(f"no trial of {', '.join(kinds)}: {why}")
    results.print(
        f"{said['model']}: {said['ids']} ids from {said['frames']} {said['data']} frames in {calibration['clean_s']:.0f} s; "
        f"{', '.join(said['detectors'])}; {said['bytes']} bytes; threshold {calibration['threshold_bits']:.2f} bits"
    )
    verified = "verified" if calibration["budget_verified"] else "extrapolated, not verified"
    if calibration["held_back_alerts"] > per_hour * calibration["held_back_s"] / 3600:
        verified = "not kept on the held-back part"
    results.print(
        f"budget {per_hour:g} alerts an hour: {verified}: {calibration['held_back_s']:.0f} s held back with "
        f"{calibration['held_back_alerts']} alerts show at most {calibration['shown_per_hour_upper95']:g} an hour (95 %)"
    )
    if not calibration["unknown_ids_alert"]:
        note(
            "warning: ids kept appearing until the end of the clean log: an unknown id alone raises no alert"
        )
    if calibration["ids_without_timing"]:
        note(
            f"warning: the log's times come in steps of {calibration['clock_step_us'] / 1000:g} ms: too coarse for the "
            f"timing of {calibration['ids_without_timing']} of {said['ids']} ids, which is left out"
        )


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    numbers = (
        "-" if row[name] is None else f"{row[name]:{form}}"
        for name, form in (
            ("added_recall", "+.3f"),
            ("bytes", ",.0f"),
            ("ram_bytes", ",.0f"),
            ("board_us_per_frame", ",.0f"),
        )
    )
    return row["detector"], "yes" if row["kept"] else "no", *numbers


def per_hour_of(text: str) -> float:
    """Alerts an hour from `1/h` or `1`.

    Raises:
        UsageError: not a number of a useful size.
    """
    try:
        per_hour = float(text.removesuffix("/h"))
    except ValueError:
        per_hour = 0.0
    if not 1e-6 <= per_hour <= 1e6:
        raise UsageError(f"--budget {text!r}: give alerts an hour, such as 1/h or 0.1/h")
    return per_hour
