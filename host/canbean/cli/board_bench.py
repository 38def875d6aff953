"""`canbean board bench`: how many frames a second a board judges, measured on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from canbean.board import Board
from canbean.board.bench import bench
from canbean.cli.board_key import BoardKey, secret_of
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results, table, waiting
from canbean.files import writable, write_bytes

VIRTUAL = "linux"
"""A board of this name is a virtual one, or a Linux machine: its figures are no small board's."""


def bench_(
    port: Annotated[str, typer.Option("-p", "--port", metavar="P", help="The board's serial port.")],
    frames: Annotated[
        int,
        typer.Option(
            min=1, max=100_000, help="So many for each part; some milliseconds a frame on an ESP8266."
        ),
    ] = 512,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="F", help="Write it for 'can plan --max-fps F'.")
    ] = None,
    key: BoardKey = None,
    as_json: AsJson = False,
) -> None:
    """Measure on a board how many frames a second its detectors judge, what each of them takes, and its heap.

    Frames of the model's own ids lie in the board's memory; where it has a bus it also receives for a second. It does not watch
    meanwhile, and begins anew afterwards.
    """
    secret = secret_of(key)
    if output is not None:
        writable(output, *(() if key is None else (key,)))
    with Board(port) as board, waiting("the board judges frames"):
        measured = bench(board, frames, secret)
        hello = board.hello
    data = "simulated" if hello.get("board") == VIRTUAL else "measured"
    said = {
        "port": port,
        "board": hello.get("board"),
        "model": hello.get("model"),
        "data": data,
        **measured.describe(),
    }
    if output is not None:
        write_bytes(output, (json.dumps(said, indent=1) + "\n").encode())
    if as_json:
        json_line(said)
        return
    rows = [(name, f"{us:,.1f}") for name, us in measured.parts.items()]
    rows += [("all together", f"{measured.all_us:,.1f}")]
    rows += [] if measured.receive_us is None else [("receiving", f"{measured.receive_us:,.1f}")]
    table(f"{hello.get('board')} at {port}: {data}", ("part", "us a frame"), rows)
    results.print(
        f"{measured.frames_per_second:,.0f} frames a second; {measured.allocated:g} bytes of heap a frame; "
        f"free heap {_bytes(measured.heap_before)} before and {_bytes(measured.heap_after)} after"
    )
    if measured.receive_us is None:
        note("no frame was received meanwhile: what the bus's driver takes comes on top")
    if data == "simulated":
        note("these are figures of this machine, not of a small board")


def _bytes(number: int | None) -> str:
    return "without limit" if number is None else f"{number:,}"
