"""`canbean board settle`: a model's timing widened by what the board's own clock makes of the clean bus."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canbean.board import Board
from canbean.board.settle import listen
from canbean.can.frames import key_text
from canbean.cli.alarms import check_model
from canbean.cli.board_key import secret_of
from canbean.cli.logs import AsJson, read
from canbean.cli.output import json_line, note, results, table, waiting
from canbean.detect import model as models
from canbean.detect.settle import BOUND, refuse, widened
from canbean.detect.tune import noted
from canbean.errors import ModelError
from canbean.files import read_bytes, writable, write_bytes
from canbean.tiny import cbm

if TYPE_CHECKING:
    from canbean.board.settle import Listened
    from canbean.detect.settle import Widened


def settle(
    port: Annotated[str, typer.Option("-p", "--port", metavar="P", help="The board's serial port.")],
    model: Annotated[Path, typer.Option("-m", "--model", metavar="M.cbm", help="The model that runs on it.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="NEW.cbm")],
    minutes: Annotated[float, typer.Option(min=0.5, max=1440, help="How long it listens.")] = 5.0,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="K",
            help="The key file of a board that has a key; the new model is signed with it.",
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="CLEAN", help="Replay this log onto the board, which has no bus, such as a virtual one."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Listen to the clean bus where the board is, and widen the timing tables by the jitter of its clock, within bounds.

    No edge moves by more than a quarter of an octave (19 %), and none is narrowed. Unknown ids, alerts that jitter does not explain, or
    times further off than that end it: then it is an attack, another bus, or a board that loses frames.
    """
    secret = secret_of(key)
    writable(output, model, key, replay)
    blob, name = read_bytes(model, "model file"), str(model)
    found = cbm.unpack(blob, name)
    gateway = models.unpack(found, name)
    frames = None if replay is None else read(replay).frames
    with Board(port) as board, waiting(f"the board listens to the clean bus for {minutes:g} minutes"):
        check_model(board, model)
        heard = listen(board, round(60 * minutes), frames, secret)
    try:
        refuse(
            gateway.fingerprint, heard.times, seconds=heard.seconds, frames=heard.frames, unknown=heard.unknown,
            stranger=heard.stranger, alerts=heard.alerts,
        )  # fmt: skip
        fingerprint, rows = widened(gateway.fingerprint, heard.times, lost=heard.lost)
    except ModelError as error:
        lost = (
            f"; it lost {heard.lost} frames meanwhile: plan its watch first ('can plan')"
            if heard.lost
            else ""
        )
        raise ModelError(f"{port}: not settled: {error}{lost}") from error
    gateway = replace(gateway, fingerprint=fingerprint)
    what = f"board settle: {len(rows)} edges of {len({one.key for one in rows})} ids, {heard.seconds} s"
    meta = found.read_meta(name) | {"tuned": noted(found, name, what, datetime.now(UTC), cbm.digest(blob))}
    # Sections that this changes, where they stood.
    made = models.sections(gateway) | {"META": cbm.encode_meta(meta)}
    new = replace(found, sections={tag: made.get(tag, content) for tag, content in found.sections.items()})
    models.check(new, str(output))
    write_bytes(output, cbm.pack(new, secret))
    if as_json:
        json_line({
            "model": str(output), "port": port, "seconds": heard.seconds, "frames": heard.frames, "lost": heard.lost,
            "unknown": heard.unknown, "alerts": dict(heard.alerts), "bound_octaves": BOUND / 64,
            "widened": [_plain(one) for one in rows],
        })  # fmt: skip
    else:
        _show(str(output), heard, rows)
    if heard.lost:
        note(
            f"warning: the board lost {heard.lost} of {heard.lost + heard.frames} frames: plan its watch ('can plan'); silences were left as they are"
        )
    if found.signed and secret is None:
        note("the model was signed and the new one is not: sign it with 'model sign', or give --key")


def _plain(one: Widened) -> dict[str, str | int]:
    return {
        "id": key_text(one.key), "what": one.what, "before_us": one.before_us, "after_us": one.after_us, "seen_us": one.seen_us,
    }  # fmt: skip


def _show(name: str, heard: Listened, rows: list[Widened]) -> None:
    """Print what was widened."""
    words = {"gap": "shortest gap", "span": "shortest two gaps", "silence": "longest silence"}
    if rows:
        shown = (
            (
                f"{key_text(one.key)} {words[one.what]}",
                *(f"{us:,}" for us in (one.before_us, one.after_us, one.seen_us)),
            )
            for one in rows
        )
        table(f"{name}: edges in us", ("id", "was", "now", "seen"), shown)
    count = (
        f"{len(rows)} edges of {len({one.key for one in rows})} ids widened"
        if rows
        else "nothing had to be widened"
    )
    results.print(
        f"{count}, none by more than a quarter of an octave; {heard.frames:,} frames in {heard.seconds} s, {heard.lost} lost"
    )
    alerts = heard.alerts.total()
    if alerts:
        note(f"{alerts} alerts about timing were raised meanwhile: they would not be now")
