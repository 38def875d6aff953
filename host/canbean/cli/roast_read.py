"""`canbean roast read`: the roast value from a meter."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.board import Board
from canbean.board.roastmeter import Link, follow, open_meter
from canbean.cli.alarms import check_model
from canbean.cli.output import json_line, note, results, table
from canbean.cli.roast_live import COLUMNS, Screen, csv_row, line, live
from canbean.cli.roast_meter import told
from canbean.errors import UsageError
from canbean.roast import meter, pairs, score
from canbean.roast.trend import Trend
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from canbean.roast.reading import Reading
    from canbean.roast.trend import Summary

    _Take = Callable[[Reading | None, Summary, str], None]


CUP_COLUMNS = ("cup", "reference", "reading", "quality")


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
        int | None,
        typer.Option(
            min=0,
            help="Stop after so many readings; 0 goes on until ctrl-C. As it stands, 0 on a terminal and 1 elsewhere.",
        ),
    ] = None,
    every: Annotated[float, typer.Option(min=0.0, max=86_400, metavar="S", help="Between readings.")] = 1.0,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV lines on stdout.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a reading on stdout.")] = False,
) -> None:
    """Read the roast value: live on a terminal, with its interval, degree and trend; as lines elsewhere.

    What cannot be believed is said in words instead of a number. Goes on when the meter is unplugged and plugged in.
    """
    if as_csv and as_json:
        raise UsageError("give --json or --csv, not both")
    if samples is not None:
        if model_path is None:
            raise UsageError("--samples needs --model: it names the channels that the meter reads")
        with open_meter(port) as board:
            check_model(board, model_path)
            opened = meter.load(cbm.read(model_path), str(model_path))
            rows = read_samples(board, opened, pairs.read(samples), count or 0)
        _show_cups(rows, as_json=as_json, as_csv=as_csv)
        return
    on_screen = results.is_terminal and not as_json and not as_csv
    wanted = count if count is not None else (0 if on_screen else 1)
    with ExitStack() as stack:
        if on_screen and wanted != 1:
            screen = Screen(port)
            show = stack.enter_context(live(screen))
            take: _Take = _on_screen(screen, show)
        else:
            take = _as_lines(as_json=as_json, as_csv=as_csv)
        try:
            for found, summary, away in readings(port, wanted, every):
                take(found, summary, away)
        except KeyboardInterrupt:
            if not wanted:
                return
            raise


def readings(port: str, count: int, every: float) -> Iterator[tuple[Reading | None, Summary, str]]:
    """Readings with what they say together; where the meter is away, None and why.

    Args:
        port: of the meter.
        count: ends after so many readings; 0 never.
        every: seconds between them.
    """
    trend, done = Trend(), 0

    def sleep() -> bool:
        if count and done >= count:
            return True
        time.sleep(every)
        return False

    hello: dict[str, Any] = {}
    for event in follow(port, sleep):
        if isinstance(event, Link):
            hello = event.hello or hello
            if not event.there:
                yield None, trend.summary(), event.words
            continue
        found = told(event.values, port, hello)
        done += 1
        yield found, trend.add(found), ""


def _on_screen(screen: Screen, show: Callable[[Reading | None, Summary | None, str], None]) -> _Take:
    def take(found: Reading | None, summary: Summary, away: str) -> None:
        if found is not None:
            screen.take(found)
        show(found, summary, away)

    return take


def _as_lines(*, as_json: bool, as_csv: bool) -> _Take:
    if as_csv:
        results.file.write(",".join(COLUMNS) + "\n")

    def take(found: Reading | None, summary: Summary, away: str) -> None:
        if found is None:
            note(f"{away}; trying again")
            return
        told = found.as_json()
        if as_json:
            json_line({**told, "trend": summary.direction or None})
        elif as_csv:
            results.file.write(csv_row(tuple(told[name] for name in COLUMNS)) + "\n")
        else:
            results.print(line(found, summary), markup=False)
        results.file.flush()

    return take


def read_samples(
    board: Board, opened: meter.Meter, found: pairs.Pairs, count: int = 0
) -> list[dict[str, Any]]:
    """Feed each row's channels, or those of the first `count` rows, to the meter's fed sensor and read what the board says.

    Raises:
        BoardError: the board does not answer.
        ModelError: the pairs do not hold what the model reads.
    """
    rows = []
    values = score.channels(opened, found)
    for i, raw in enumerate(opened.regressor.features.readings(values)[: count or None]):
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


def _show_cups(rows: list[dict[str, Any]], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        json_line({"cups": rows})
        return
    if as_csv:
        for line_ in (CUP_COLUMNS, *(tuple(row[name] for name in CUP_COLUMNS) for row in rows)):
            results.file.write(csv_row(line_) + "\n")
        return
    cells = ((row["cup"], f"{row['reference']:.1f}", str(row["reading"]), row["quality"]) for row in rows)
    table("cups read by the board", ("cup", "reference", "reading", "quality"), cells)
