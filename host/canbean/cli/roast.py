"""`canbean roast`: fit a meter from pairs, score it, read it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.board import Board
from canbean.cli.alarms import check_model
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, progress, results, table
from canbean.errors import BoardError, ModelError, UsageError
from canbean.files import writable, write_bytes
from canbean.report.page import page
from canbean.report.roast import roast_section
from canbean.roast import meter, pairs, score, simulate
from canbean.roast.fit import Fit
from canbean.roast.fit import fit as fit_pairs
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(no_args_is_help=True)

ModelPath = Annotated[Path, typer.Option("-m", "--model", metavar="M.cbm")]
PairsPath = Annotated[Path, typer.Argument(metavar="PAIRS.csv")]
Tolerance = Annotated[float, typer.Option(help="What counts as agreeing, in points.")]


@app.command("fit")
def fit_(
    pairs_path: PairsPath,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="M.cbm")],
    scale: Annotated[str, typer.Option(metavar="LOW:HIGH", help="Of the professional meter.")] = "0:180",
    tolerance: Tolerance = 5.0,
    models: Annotated[str | None, typer.Option(metavar="a,b", help="Only these regressors.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random starts.")] = 0,
    report: Annotated[Path | None, typer.Option(metavar="R.html")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit several shallow regressors to pairs, choose one on lots left out, pack it for the board."""
    for target in filter(None, (output, report)):
        writable(target, pairs_path)
    found = pairs.read(pairs_path)
    wanted = None if models is None else models.split(",")
    fitted = fit_with_bar(found, _scale(scale), tolerance, wanted, seed, output.stem)
    write_bytes(output, cbm.pack(fitted.model))
    said = {"model": str(output), **fitted.as_json()}
    if report is not None:
        section = roast_section(
            said,
            found.reference.tolist(),
            fitted.nested.tolist(),
            simulated=found.simulated,
            tolerance=tolerance,
        )
        write_bytes(report, page(f"canbean: {pairs_path.name}", [section]).encode())
    if as_json:
        json_line(said)
    else:
        show_fit(said)


def fit_with_bar(
    found: pairs.Pairs,
    scale: tuple[float, float] = (0.0, 180.0),
    tolerance: float = 5.0,
    models: Sequence[str] | None = None,
    seed: int = 0,
    name: str = "roast meter",
) -> Fit:
    """Fit under a progress bar."""
    with progress() as bar:
        task = bar.add_task("fitting", total=100)

        def step(share: float) -> None:
            bar.update(task, completed=round(100 * share))

        return fit_pairs(found, scale, tolerance, models, seed, name=name, progress=step)


def show_fit(said: dict[str, Any]) -> None:
    """Print the table of models, and what the chosen one will be worth."""
    header = ("model", "rmse", "p95", "max", "within", "bytes", "ms on board")
    rows = (
        (
            f"{name} *" if name == said["chosen"] else name,
            *(f"{figures[k]:.2f}" for k in ("rmse", "p95", "max")),
            f"{figures['within_tolerance']:.0%}",
            str(figures["bytes"]),
            f"{figures['board_ms']:.1f}",
        )
        for name, figures in said["models"].items()
    )
    table(
        f"{said['pairs']} pairs of {said['groups']} lots ({said['data']} data), lots left out", header, rows
    )
    selected = said["selected"]
    results.print(
        f"chosen {said['chosen']} (*): the choice made anew in each fold gives rmse {selected['rmse']:.2f}, "
        f"95 % within {selected['p95']:.2f}, 90 % intervals cover {selected['coverage90']:.0%}; "
        "ms on board are estimated"
    )
    for warning in said["warnings"]:
        note(f"warning: {warning}")


def _scale(text: str) -> tuple[float, float]:
    try:
        low, high = (float(limit) for limit in text.split(":"))
    except ValueError:
        raise UsageError(f"--scale {text!r}: give the lowest and the highest value, such as 0:180") from None
    if not -1000 <= low < high <= 1000:
        raise UsageError(f"--scale {text!r}: the lowest value must be below the highest, both within ±1000")
    return low, high


@app.command("score")
def score_(
    pairs_path: PairsPath, model_path: ModelPath, tolerance: Tolerance = 5.0, as_json: AsJson = False
) -> None:
    """Errors of a packed meter on pairs."""
    said = score.score(cbm.read(model_path), pairs.read(pairs_path), tolerance, str(model_path))
    if as_json:
        json_line(said)
        return
    rows = (
        (f"{r['lot']} {r['cup']}", *(f"{r[k]:.1f}" for k in ("reference", "reading"))) for r in said["rows"]
    )
    table(f"{pairs_path} ({said['data']} data)", ("cup", "reference", "reading"), rows)
    results.print(
        f"rmse {said['rmse']:.2f}, 95 % within {said['p95']:.2f}, max {said['max']:.2f}, "
        f"within ±{tolerance:g}: {said['within_tolerance']:.0%}"
    )
    for warning in said["warnings"]:
        note(f"warning: {warning}")


@app.command("simulate")
def simulate_(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PAIRS.csv")],
    lots: Annotated[int, typer.Option(min=2, max=1000)] = 20,
    cups: Annotated[int, typer.Option(min=1, max=100, help="Of each lot.")] = 3,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Write simulated pairs, to try the rest without a sensor."""
    made = simulate.pairs(lots, cups, seed)
    pairs.write(output, made)
    results.print(f"{output}: {len(made)} simulated pairs of {lots} lots")


@app.command("read")
def read_(
    port: Annotated[str, typer.Option("--port", metavar="P", help="Of the meter, real or virtual.")],
    samples: Annotated[
        Path | None,
        typer.Option(metavar="PAIRS.csv", help="Feed the meter these sensor values instead of its sensor."),
    ] = None,
    model_path: Annotated[
        Path | None, typer.Option("-m", "--model", metavar="M.cbm", help="Names the channels of --samples.")
    ] = None,
    count: Annotated[
        int, typer.Option(min=0, help="Stop after so many readings; 0 goes on until ctrl-C.")
    ] = 1,
    every: Annotated[float, typer.Option(min=0.0, max=86_400, metavar="S", help="Between readings.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Read the roast value from a meter."""
    with Board(port) as board:
        if board.hello.get("app") != "roastmeter":
            raise BoardError(f"{port}: runs {board.hello.get('app')!r}, not the roast meter")
        if samples is not None:
            if model_path is None:
                raise UsageError("--samples needs --model: it names the channels that the meter reads")
            check_model(board, model_path)
            rows = read_samples(board, meter.load(cbm.read(model_path), str(model_path)), pairs.read(samples))
            _show_cups(rows, as_json=as_json)
            return
        done = 0
        while not count or done < count:
            time.sleep(every if done else 0)
            reading = board.ask("read", "reading").values
            done += 1
            if as_json:
                json_line(reading)
            else:
                value = "--" if reading["value"] is None else reading["value"]
                results.print(f"{value}  {reading['quality']}")


def read_samples(board: Board, opened: meter.Meter, found: pairs.Pairs) -> list[dict[str, Any]]:
    """Feed each row's channels to the meter's fed sensor and read what the board says.

    Raises:
        BoardError: the board does not answer.
        ModelError: the pairs lack a channel of the model.
    """
    rows = []
    for name in opened.channels:
        if name not in found.channel_names:
            raise ModelError(f"{found.name}: has no channel {name!r}, which the model reads")
    values = found.channels[:, [found.channel_names.index(name) for name in opened.channels]]
    for i, raw in enumerate(opened.regressor.features.readings(values)):
        board.command("sample " + " ".join(str(int(v)) for v in raw))
        reading = board.ask("read", "reading").values
        rows.append(
            {
                "cup": f"{found.lots[found.lot[i]]} {found.cup[i] if found.cup else ''}".strip(),
                "reference": float(found.reference[i]),
                "reading": reading["value"],
                "quality": reading["quality"],
            }
        )
    return rows


def _show_cups(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        json_line({"cups": rows})
        return
    cells = ((row["cup"], f"{row['reference']:.1f}", str(row["reading"]), row["quality"]) for row in rows)
    table("cups read by the board", ("cup", "reference", "reading", "quality"), cells)
