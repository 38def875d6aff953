"""`canbean can plan`: which frames a board looks at that is too slow for its bus."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.board import profiles
from canbean.can.frames import key_text
from canbean.cli.logs import AsJson, Bus, provenance, read
from canbean.cli.output import json_line, note, results, table, waiting
from canbean.detect import model as models
from canbean.detect import plan as plans
from canbean.detect import risk as risks
from canbean.detect.tune import noted
from canbean.errors import ModelError, UsageError
from canbean.files import read_bytes, writable, write_bytes
from canbean.tiny import cbm

if TYPE_CHECKING:
    from canbean.can.frames import Frames
    from canbean.detect.plan import Plan

app = typer.Typer()

SHOWN = 12
"""Unseen ids that are named on a terminal; `--json` has all."""


@app.command("plan")
def plan_(
    model: Annotated[Path, typer.Option("-m", "--model", metavar="M.cbm")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="M2.cbm", help="The model with the plan; without, it is only shown."
        ),
    ] = None,
    board: Annotated[
        str, typer.Option(metavar="B", help="What watches: see 'canbean board list'.")
    ] = "wemos-d1-mini",
    max_fps: Annotated[
        str | None,
        typer.Option(
            "--max-fps",
            metavar="N|F",
            help="Frames a second that it sustains, or a file of 'board bench -o'; that of its profile if not given.",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            metavar="CLEAN", help="How often ids come is counted in this log, and not told by the model."
        ),
    ] = None,
    priority: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID=W",
            help="An id counts W times as much; one that the model lacks, W times the mean, and not in the coverage.",
        ),
    ] = None,
    priorities: Annotated[Path | None, typer.Option(metavar="F", help="Such priorities, one a line.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
    bus: Bus = None,
    as_json: AsJson = False,
) -> None:
    """Choose ids, and the masks and filters of an MCP2515, that cover most of the risk at the rate a board sustains.

    The plan goes into M2.cbm, which watches what passes with what still holds of M.cbm. Then learn anew, as the board will see the bus:
    'can learn CLEAN --plan M2.cbm -o M3.cbm'.
    """  # fmt: skip
    if output is not None:
        writable(output, model, log, priorities, max_fps)
    blob, name = read_bytes(model, "model file"), str(model)
    found = cbm.unpack(blob, name)
    gateway = models.unpack(found, name)
    if gateway.plan is not None:
        raise ModelError(
            f"{name}: has a plan already: plan with the model that was learned from the whole bus"
        )
    most, source = sustained(board, max_fps)
    frames = None if log is None else read(log, bus=bus).frames
    rate = risks.rates(gateway.fingerprint) if frames is None else risks.rates_in(frames, gateway.fingerprint)
    weights = {} if priorities is None else risks.read_priorities(_text(priorities), str(priorities))
    weights |= risks.parse_priorities(priority or ())
    wanted = risks.risk(gateway, rate, weights)
    strange = risks.strangers(gateway.fingerprint, weights)
    if strange:
        note(
            f"warning: the model has no id {', '.join(map(key_text, strange))}, which a priority names: filters are chosen "
            "with it in mind, and it is not counted in the coverage; a typo? 'can info LOG' shows the ids of a log"
        )
    with waiting("searching filters"):
        made = plans.plan(wanted, most, seed)
    covered = plans.coverage(wanted, made)
    narrow = plans.narrowed(gateway, made)
    dropped = sorted(set(gateway.detectors) - set(narrow.detectors))
    meta = found.read_meta(name)
    meta |= {
        "board": board,
        "plan": in_words(covered),
        "tuned": noted(found, name, "can plan", datetime.now(UTC), cbm.digest(blob)),
    }
    new = cbm.Model({"META": cbm.encode_meta(meta), **models.sections(narrow)})
    models.check(new, str(output or name))
    if output is not None:
        write_bytes(output, cbm.pack(new))
    said = {
        "model": None if output is None else str(output), "data": meta.get("data") if frames is None else provenance(frames), "board": board,
        "max_fps_from": source, "rates_from": "model" if log is None else str(log), **covered,
        "detectors_left_out": dropped,
    }  # fmt: skip
    if as_json:
        json_line(said)
    else:
        _show(said)
    if output is None:
        return
    if found.signed:
        note("the model was signed and the new one is not: sign it with 'model sign'")
    if covered["ids_seen"] < covered["ids"]:
        note(
            f"now learn as the board will see the bus: canbean can learn CLEAN --plan {output} --board {board} -o NEW.cbm"
        )


def sustained(board: str, max_fps: str | None) -> tuple[int, str]:
    """Frames a second that a board sustains, and how that is known.

    Args:
        board: name of a profile.
        max_fps: a number, a file of `board bench`, or None for the profile's.

    Raises:
        UsageError: it is no number from 1 to 1,000,000, the profile does not know it, or the file is of another board.
        FileError: a file cannot be read.
    """
    known = profiles.profile(board)
    if max_fps is None:
        if not known.frames_per_second:
            raise UsageError(
                f"{board}: how many frames a second it sustains is not known: give --max-fps, or measure with 'board bench -o F'"
            )
        return known.frames_per_second, f"{known.frames_per_second_is}: {known.frames_per_second_from}"
    number, source = max_fps, "given"
    if not max_fps.replace(".", "", 1).isdigit():
        try:
            told = json.loads(_text(Path(max_fps)))
            number, of = str(told["frames_per_second"]), told.get("board")
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{max_fps}: neither a number of frames a second nor a file of 'board bench -o'"
            ) from error
        if of is not None and of != board:
            raise UsageError(
                f"{max_fps}: was measured on the board {of}, and this plan is for {board}: "
                f"give --board {of}, or the file of a 'board bench -o F' with a {board} at the port"
            )
        source = f"{max_fps}: measured on {of or 'a board that it does not name'}"
    try:
        most = int(float(number))
    except ValueError:
        most = 0
    if not 1 <= most <= plans.MOST:
        raise UsageError(f"--max-fps {max_fps}: give frames a second, 1 to {plans.MOST:,}")
    return most, source


def seen_by(model: Path | None, parts: list[Frames]) -> tuple[Plan | None, str, list[Frames]]:
    """The plan in a model file, what it says of it, and of some logs the frames that pass; without a file all of them.

    Raises:
        ModelError: the model has no plan.
    """
    if model is None:
        return None, "", parts
    found = cbm.read(model)
    if plans.SECTION not in found.sections:
        raise ModelError(f"{model}: has no plan: make one with 'can plan'")
    made = plans.Plan.from_bytes(found.sections[plans.SECTION])
    kept = [part[made.filters.passes(part.key)] for part in parts]
    before, after = sum(map(len, parts)), sum(map(len, kept))
    note(f"{after} of {before} frames pass the filters of {model}; the others are not learned")
    return made, str(found.read_meta(str(model)).get("plan", "")), kept


def in_words(covered: dict[str, Any]) -> str:
    """A plan in a line, for META."""
    return (
        f"{covered['ids_seen']} of {covered['ids']} ids, {covered['passing_fps']:g} of {covered['bus_fps']:g} frames/s "
        f"for {covered['max_fps']}, {100 * covered['risk']:.0f} % of the risk"
    )


def _text(path: Path) -> str:
    return read_bytes(path, "file").decode("utf-8", "replace")


def _show(said: dict[str, Any]) -> None:
    """Print a plan, for people."""
    rows = ((str(f["buffer"]), f["mask"], f["filter"], f"{f['ids']:,}") for f in said["filters"])
    table(
        f"{said['model'] or 'not written'}: filters",
        ("buffer", "mask", "filter", "identifiers that pass"),
        rows,
    )
    results.print(
        f"covers {100 * said['risk']:.1f} % of the risk: {said['ids_seen']} of {said['ids']} ids, "
        f"{100 * said['frames']:.1f} % of the frames ({said['data']} data)"
    )
    results.print(
        f"passing {said['passing_fps']:g} of {said['bus_fps']:g} frames a second; {said['board']} sustains {said['max_fps']} "
        f"({said['max_fps_from']})", markup=False,
    )  # fmt: skip
    unseen = said["unseen"]
    if unseen:
        named = ", ".join(
            f"{one['id']} ({one['fps']:g}/s, {100 * one['risk']:.1f} %)" for one in unseen[:SHOWN]
        )
        more = f" and {len(unseen) - SHOWN} more" if len(unseen) > SHOWN else ""
        results.print(f"not seen: {named}{more}", markup=False)
    shares = said["identifiers_seen"]
    kinds = " and ".join(f"{100 * share:.1f} % of the {kind}" for kind, share in shares.items())
    results.print(f"an unknown id is seen where it passes: {kinds} identifiers")
    if not said["flood_of_lowest_id_seen"]:
        results.print("a flood of id 000 is not seen: it does not pass")
    for name, there in said["others"].items():
        if not there and int(name, 16):
            results.print(f"id {name} is not seen: it does not pass", markup=False)
    if said["detectors_left_out"]:
        note(
            f"left out, since they count all frames: {', '.join(said['detectors_left_out'])}, and how often one id comes among the last"
        )
