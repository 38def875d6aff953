"""`canbean can attack`: attacks into a clean log, labelled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from canbean.can import attacks, database, events, logs
from canbean.can.frames import SIMULATED, parse_key
from canbean.cli.logs import AcceptCut, AsJson, Bus, From, Strict, To, read
from canbean.cli.output import json_line, results
from canbean.errors import UsageError
from canbean.files import writable

app = typer.Typer()

DURATION_S, EVERY_S = "2", 20.0


def _list_kinds(wanted: bool) -> None:
    if wanted:
        wide = max(map(len, attacks.KINDS))
        for kind, words in attacks.KINDS.items():
            results.print(f"{kind:<{wide}}  {words}", markup=False)
        raise typer.Exit


@app.command("attack")
def attack_(
    clean: Annotated[Path, typer.Argument(metavar="CLEAN")],
    kinds: Annotated[
        list[str], typer.Option("--kind", metavar="K", help="What --list shows; may be repeated.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="LABELLED.csv")],
    id_: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The id to attack, such as 2C5.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(metavar="N,N", help="Injected frames a second; several are taken in turn.")
    ] = None,
    duration: Annotated[
        str, typer.Option(metavar="S,S", help="Of one attack, in seconds; several are taken in turn.")
    ] = DURATION_S,
    every: Annotated[
        float, typer.Option(min=0.002, max=86_400, metavar="S", help="From one attack to the next.")
    ] = EVERY_S,
    dbc: Annotated[
        Path | None, typer.Option(metavar="F", help="With --signal: a database (DBC, KCD, SYM, ARXML).")
    ] = None,
    signal: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Spoof and masquerades forge this, as Signal or Message.Signal."),
    ] = None,
    keep_checks: Annotated[
        bool,
        typer.Option(help="Where payloads are forged, counters go on and known checksums are made right."),
    ] = True,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    from_s: From = None,
    to_s: To = None,
    bus: Bus = None,
    accept_cut: AcceptCut = False,
    strict: Strict = False,
    as_json: AsJson = False,
    _list: Annotated[
        bool, typer.Option("--list", is_eager=True, callback=_list_kinds, help="The kinds, a line each.")
    ] = False,
) -> None:
    """Inject attacks into a clean log and label them.

    One kind comes again and again; several come one after the other, in drawn order. Attacks that remove frames
    have none to label: their rows go to LABELLED.events.csv, for --events.
    """
    key = None if id_ is None else parse_key(id_)
    durations = _numbers(duration, "--duration", 0.001, 86_400)
    rates = None if rate is None else _numbers(rate, "--rate", 0.001, 20_000)
    if len(kinds) > 1 and (key is not None or rate is not None or every != EVERY_S or signal is not None):
        raise UsageError("--id, --rate, --every and --signal go with a single --kind")
    if (dbc is None) != (signal is None):
        raise UsageError("--dbc and --signal go together")
    for target in (output, events.beside(output)):
        writable(target, clean, dbc)
    named = None if dbc is None or signal is None else attacks.Signal(database.load(dbc), signal)
    frames = read(clean, from_s, to_s, bus=bus, accept_cut=accept_cut, strict=strict).frames
    options: dict[str, Any] = {"seed": seed, "duration_s": durations, "keep_checks": keep_checks}
    if len(kinds) == 1:
        options |= {"rate": rates, "every_s": every, "id_key": key, "signal": named}
        attacked, rows = attacks.inject(frames, kinds[0], **options)
    else:
        attacked, rows = attacks.inject_all(frames, kinds, **options)
    logs.write(output, attacked)
    said = {"log": str(output), "data": SIMULATED, "frames": len(attacked), "events": len(rows)}
    silent = [event for event in rows if not event.frames]
    if silent:
        beside = events.beside(output)
        events.write(beside, silent)
        said["events_file"] = str(beside)
    if as_json:
        json_line(said)
    else:
        results.print(", ".join(f"{name} {value}" for name, value in said.items()), markup=False)


def _numbers(text: str, option: str, low: float, high: float) -> list[float]:
    """Numbers from `0.5,2,5`.

    Raises:
        UsageError: one is none, or out of range.
    """
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(low <= number <= high for number in numbers):
        raise UsageError(f"{option} {text!r}: give numbers from {low:g} to {high:g}, such as 0.5,2,5")
    return numbers
