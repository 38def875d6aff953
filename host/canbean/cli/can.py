"""`canbean can`: look at logs, learn a bus, replay and score, simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from canbean.can import dbc, events, logs, simulate
from canbean.can.frames import SIMULATED
from canbean.cli.alarms import alert_of, run_on, with_evidence, write_alerts
from canbean.cli.board_key import BoardKey, secret_of
from canbean.cli.bus import Ids, LogBus, Loop, Yes, replay_onto
from canbean.cli.incidents import show_incidents
from canbean.cli.logs import AcceptCut, AsJson, Bus, From, Strict, To, provenance, read, survey
from canbean.cli.output import json_line, note, results, table
from canbean.detect import condition, model, score, summary
from canbean.detect.context import context
from canbean.detect.incidents import incidents
from canbean.detect.replay import replay as replay_on_host
from canbean.errors import UsageError
from canbean.files import writable, write_bytes
from canbean.report import can as can_report
from canbean.report.page import page
from canbean.tiny import cbm

app = typer.Typer(no_args_is_help=True)

LogPath = Annotated[Path, typer.Argument(metavar="LOG")]
ModelPath = Annotated[Path, typer.Option("-m", "--model", metavar="M.cbm")]


@app.command("info")
def info_(
    log: LogPath,
    from_s: From = None,
    to_s: To = None,
    bus: Bus = None,
    accept_cut: AcceptCut = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Frames, span, ids, buses, rates of a log, and what looks wrong."""
    tally, reader = survey(log, from_s, to_s, bus=bus, accept_cut=accept_cut, strict=strict)
    said = {"log": str(log), "data": provenance(tally), **tally.figures(reader)}
    if as_json:
        json_line(said)
        return
    rows = ((row["id"], *(_cell(row[k]) for k in ("frames", "period_ms", "dlcs"))) for row in said["table"])
    table(f"{log}: {said['data']} data", ("id", "frames", "period ms", "bytes"), rows)
    results.print(
        f"{said['frames']} frames in {said['span_s']:.3f} s, {said['frames_per_second']:.0f} a second; "
        f"{said['ids']} ids; bus {', '.join(said['bus_names'])}; {said['skipped']} lines skipped"
    )
    for warning in said["warnings"]:
        results.print(f"- {warning}", markup=False)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


@app.command("replay")
def replay_(
    log: LogPath,
    model_path: Annotated[Path | None, typer.Option("-m", "--model", metavar="M.cbm")] = None,
    on: Annotated[str, typer.Option(metavar="host|vm|PORT", help="Where the model runs.")] = "host",
    key: BoardKey = None,
    speed: Annotated[
        str | None,
        typer.Option(metavar="1|max|X", help="Times real time; max with a model, 1 onto a bus if not given."),
    ] = None,
    alerts: Annotated[
        Path | None, typer.Option(metavar="A.jsonl", help="Write the alerts, a JSON object a line.")
    ] = None,
    evidence: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=1000,
            help="Add evidence to each line of --alerts: N frames of its id before and after it, and what cut them. "
            "With 0 the lines are the board's, byte for byte.",
        ),
    ] = 0,
    report: Annotated[
        Path | None,
        typer.Option(metavar="R.html", help="Write a page: timeline, incidents with evidence, ids, score."),
    ] = None,
    from_s: From = None,
    to_s: To = None,
    bus: Annotated[
        str | None,
        typer.Option(
            "--bus",
            metavar="BUS",
            help="With a model: only the frames of this bus. Without: send onto it, such as virtual:test.",
        ),
    ] = None,
    loop: Loop = False,
    ids: Ids = None,
    log_bus: LogBus = None,
    yes: Yes = False,
    accept_cut: AcceptCut = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Replay a log through a model (here, on the virtual board, on a board at a port), or onto a python-can bus."""
    if key is not None and on in {"host", "vm"}:
        raise UsageError("--key is for a board at a port: --on PORT")
    if model_path is None:
        if bus is None:
            raise UsageError("replay needs a model (-m M.cbm) or a bus to send onto (--bus virtual:test)")
        rate = _speed(speed or "1")
        options: dict[str, Any] = {"loop": loop, "ids": ids, "log_bus": log_bus, "yes": yes}
        options |= {
            "from_s": from_s,
            "to_s": to_s,
            "accept_cut": accept_cut,
            "strict": strict,
            "as_json": as_json,
        }
        replay_onto(log, bus, speed=rate, **options)
        return
    if loop or ids or log_bus or yes:
        raise UsageError("--loop, --id, --log-bus and --yes are for a replay onto a bus, without --model")
    if evidence and alerts is None:
        raise UsageError("--evidence is added to the lines of --alerts A.jsonl")
    for target in filter(None, (alerts, report)):
        writable(target, log, model_path, key)
    secret = secret_of(key)
    gateway = model.unpack(cbm.read(model_path), str(model_path))
    frames = read(log, from_s, to_s, bus=bus, accept_cut=accept_cut, strict=strict).frames
    show = None if as_json else results
    lines, counts = run_on(on, model_path, gateway, frames, _speed(speed or "max"), show, secret)
    said = {"log": str(log), "model": str(model_path), "data": provenance(frames), "on": on, **counts}
    raised = [alert_of(line) for line in lines]
    found = incidents(raised, int(frames.t_us.max()))
    bits = replay_on_host(gateway, frames).bits if evidence or report is not None else None
    if alerts is not None:
        write_alerts(
            alerts, with_evidence(lines, context(frames, raised, evidence, bits)) if evidence else lines
        )
    if report is not None:
        scored = score.score(frames, raised, bits=bits)
        options = {"simulated": frames.simulated, "bits": bits, "fingerprint": gateway.fingerprint}
        section = can_report.can_section(frames, raised, scored, str(log), **options)
        write_bytes(report, page(f"canbean: {log.name}", [section]).encode())
    if as_json:
        json_line({**said, "incidents": [one.describe() for one in found]})
        return
    words = (f"{name.replace('_', ' ')} {value}" for name, value in counts.items())
    results.print(f"{log} ({said['data']} data) on {on}: {', '.join(words)}", markup=False)
    show_incidents(found)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise UsageError(f"--speed {text!r}: give max or a factor such as 1 or 0.5")
    return speed


@app.command("score")
def score_(
    log_paths: Annotated[list[Path], typer.Argument(metavar="LOG...")],
    model_path: ModelPath,
    events_path: Annotated[Path | None, typer.Option("--events", metavar="E.csv")] = None,
    twin: Annotated[
        Path | None, typer.Option(metavar="CLEAN", help="The same drive without the attack, of every LOG.")
    ] = None,
    alerts: Annotated[Path | None, typer.Option(metavar="A.jsonl")] = None,
    fail_on: Annotated[str | None, typer.Option(metavar="'false_episodes>0'")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the shifts behind chance_recall.")] = 0,
    from_s: From = None,
    to_s: To = None,
    bus: Bus = None,
    accept_cut: AcceptCut = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Score a model on labelled logs: event recall, delay, false alerts an hour with their upper bound."""
    if len(log_paths) > 1 and (events_path is not None or alerts is not None):
        raise UsageError("--events and --alerts go with a single LOG")
    if alerts is not None:
        writable(alerts, model_path, events_path, twin, *log_paths)
    gateway = model.unpack(cbm.read(model_path), str(model_path))
    rows = None if events_path is None else events.read(events_path)
    twins = None
    if twin is not None:
        clean = read(twin, from_s, to_s, bus=bus, accept_cut=accept_cut, strict=strict).frames
        twins = replay_on_host(gateway, clean).alerts
    tallies, seen = [], []
    for path in log_paths:
        frames = read(path, from_s, to_s, bus=bus, accept_cut=accept_cut, strict=strict).frames
        raised = replay_on_host(gateway, frames)
        seen.append(provenance(frames))
        beside = events.beside(path)
        if events_path is None and beside.exists():
            note(f"{beside} is not used: give --events for the attacks that remove frames")
        options: dict[str, Any] = {"bits": raised.bits, "events": rows, "twin_alerts": twins, "seed": seed}
        tallies.append(score.tally(frames, raised.alerts, **options))
    data = SIMULATED if SIMULATED in seen else "recorded"
    result = {"model": str(model_path), "data": data, **score.result(tallies)}
    failed = fail_on is not None and condition.holds(result, fail_on)
    if alerts is not None:
        write_alerts(alerts, raised.alerts)
    if as_json:
        json_line(result)
    else:
        show_score(result, ", ".join(path.name for path in log_paths))
    if failed:
        note(f"--fail-on {fail_on}: holds")
        raise typer.Exit(3)


COLUMNS = {
    "attack": "attack",
    "events": "events",
    "recall": "recall",
    "skill": "skill",
    "alarmed": "alarmed",
    "delay median": "median",
    "delay p95": "p95 delay",
}
"""What fits a terminal, and its heading there; `--json` and the report have all."""


def show_score(result: dict[str, Any], title: str) -> None:
    """Print a score as two tables."""
    header, rows = summary.attack_table(result)
    if rows:
        chosen = [header.index(name) for name in COLUMNS]
        shown = ([row[column] for column in chosen] for row in rows)
        table(f"{title} ({result['data']} data)", list(COLUMNS.values()), shown)
        results.print(
            f"of all alerts {summary.share(result['precision'])} are about an attack; "
            f"{result['unattributed_alerts']} came during one without naming it\n"
        )
    table(f"false alarms in {summary.clean_time(result)}", *summary.alarm_table(result))


@app.command("simulate")
def simulate_(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="LOG.csv")],
    seconds: Annotated[float, typer.Option(help="Length of the drive.")] = 600.0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another drive of the same vehicle.")] = 0,
    dbc_path: Annotated[
        Path | None, typer.Option("--dbc", metavar="F.dbc", help="Write its DBC too.")
    ] = None,
) -> None:
    """Write a clean drive of the simulated vehicle."""
    if not 1 <= seconds <= 86400:
        raise UsageError(f"--seconds {seconds:g}: between 1 and 86400")
    frames = simulate.drive(seconds, seed)
    logs.write(output, frames)
    if dbc_path is not None:
        write_bytes(dbc_path, dbc.dbc_text().encode())
    results.print(f"{output}: {len(frames)} simulated frames in {frames.span_s:.0f} s")
