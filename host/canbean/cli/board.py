"""`canbean board`: boards, real and virtual."""

from __future__ import annotations

import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.board import VirtualBoard, profiles
from canbean.cli import board_bench, settle
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results, table
from canbean.detect import board_fit
from canbean.errors import ModelError
from canbean.tiny import cbm
from canbean.tiny.keys import read_key

if TYPE_CHECKING:
    from canbean.board.profiles import Profile

app = typer.Typer(no_args_is_help=True)
app.command("bench")(board_bench.bench_)
app.command("settle")(settle.settle)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Boards that models can be learned for, what they hold, and which detectors fit where."""
    boards = [profiles.profile(name) for name in profiles.names()]
    rows = board_fit.table(boards)
    if as_json:
        json_line({"boards": [asdict(board) for board in boards], "fits": rows})
        return
    header = ("board", "chip", "heap", "gateway", "ROMFS", "frames a second")
    table("", header, map(_row, boards))
    show_fits(rows)
    for board in boards:
        if board.romfs_image:
            note(f"{board.name} with ROMFS: image {board.romfs_image}")
    note(
        "bytes of heap in all, for a gateway, and taken by one with its firmware in files or in ROMFS: measured on a 32-bit VM, "
        "never on a board ('tools/bench heap'); 'can learn --board' goes by the model's own size, and by time"
    )


def show_fits(rows: list[dict[str, Any]]) -> None:
    """Print which detectors fit where, for people."""
    names = list(rows[0]["boards"])
    short = {board_fit.Verdict.NOT: "no", board_fit.Verdict.ROMFS: "with ROMFS"}
    table(
        "which detectors fit where, with the fingerprint of 50 ids",
        ("detectors", "heap", "ROMFS", *names),
        (
            (
                _those(row["detectors"]),
                f"{row['ram_bytes']:,}",
                f"{row['romfs_ram_bytes']:,}",
                *(short.get(row["boards"][name], row["boards"][name]) for name in names),
            )
            for row in rows
        ),
    )


def _those(names: list[str]) -> str:
    missing = [name for name in board_fit.SETS[-1] if name not in names]
    if len(missing) > len(names):
        return ", ".join(names) or "none besides"
    return f"all but {', '.join(missing)}" if missing else "all"


def _row(board: Profile) -> tuple[str, ...]:
    rate = (
        f"{board.frames_per_second} ({board.frames_per_second_is})" if board.frames_per_second else "unknown"
    )
    romfs = f"{board.romfs_bytes:,}" if board.romfs_bytes else "-"
    return board.name, board.chip, f"{board.heap_bytes:,}", f"{board.heap_left:,}", romfs, rate


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
