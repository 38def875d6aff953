"""`canbean board`: boards, real and virtual."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canbean.board import VirtualBoard, profiles
from canbean.cli import board_bench, settle
from canbean.cli.output import note, results, table
from canbean.errors import ModelError
from canbean.tiny import cbm
from canbean.tiny.keys import read_key

if TYPE_CHECKING:
    from canbean.board.profiles import Profile

app = typer.Typer(no_args_is_help=True)
app.command("bench")(board_bench.bench_)
app.command("settle")(settle.settle)


@app.command("list")
def list_() -> None:
    """Boards that models can be learned for, and what they hold."""
    header = ("board", "chip", "heap, bytes", "frames a second")
    table("", header, (_row(profiles.profile(name)) for name in profiles.names()))


def _row(board: Profile) -> tuple[str, ...]:
    rate = (
        f"{board.frames_per_second} ({board.frames_per_second_is})" if board.frames_per_second else "unknown"
    )
    return board.name, board.chip, f"{board.heap_bytes:,}", rate


@app.command("virtual")
def virtual(
    model: Annotated[Path, typer.Option("-m", "--model", metavar="M.cbm")],
    heap: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Heap of the VM, as its -X heapsize takes it; that of the model's board if not given.",
        ),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="K", help="A key file: the board takes only models signed with it.")
    ] = None,
) -> None:
    """Switch on a virtual board: the MicroPython VM with firmware and model, on a serial port.

    The application is the one the model is made for. Prints the port, then runs until ctrl-C.
    """
    application = cbm.read(model).meta.get("app")
    if application not in {"gateway", "roastmeter", "model"}:
        raise ModelError(f"{model}: is a model for {application!r}, which no firmware here runs")
    secret = None if key is None else read_key(key)
    # A board switched off by `kill`, be it while it starts, must not leave its VM behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with VirtualBoard(model, application, heap=heap, key=secret) as board:
        results.print(board.port)
        note(
            f"{application} on the virtual board; 115200 8N1, one JSON object a line; ctrl-C switches it off"
        )
        board.wait()
