"""`canbean roast read`: the roast value from a meter."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from canbean.board import Board
from canbean.cli.alarms import check_model
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, results, table
from canbean.errors import BoardError, ModelError, UsageError
from canbean.roast import meter, pairs
from canbean.tiny import cbm


def read(
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
