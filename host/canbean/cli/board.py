"""`canbean board`: boards, real and virtual."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path
from typing import Annotated

import typer

from canbean.board import Board, VirtualBoard
from canbean.board.firmware import needs_romfs
from canbean.board.profiles import profile
from canbean.cli import board_bench, board_list, settle
from canbean.cli.output import note, results
from canbean.cli.roast_calibrate import keep
from canbean.errors import FileError, ModelError, UsageError
from canbean.roast import virtual_cup
from canbean.tiny import cbm
from canbean.tiny.keys import read_key

app = typer.Typer(no_args_is_help=True)
app.add_typer(board_list.app)
app.command("bench")(board_bench.bench_)
app.command("settle")(settle.settle)


@app.command("virtual")
def virtual(
    model: Annotated[
        Path | None,
        typer.Option(
            "-m", "--model", metavar="M.cbm", help="What runs on it; or, bare, what you will flash."
        ),
    ] = None,
    bare: Annotated[
        bool,
        typer.Option("--bare", help="With nothing on it: an ESP8266 for 'board flash', esptool, mpremote."),
    ] = False,
    romfs: Annotated[bool, typer.Option("--romfs", help="With --bare: its MicroPython has a ROMFS.")] = False,
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

    The application is the one the model is made for. A roast meter has a simulated sensor, calibrated where the model reads
    reflectances, and a simulated cup on it. Prints the port, then runs until ctrl-C. With --bare it is a board as from the
    shop, whose image for 'board flash' it prints.
    """
    # A board switched off by `kill`, be it while it starts, must not leave its VM behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if bare:
        if key is not None:
            raise UsageError("a bare board has no key: put it there with 'board flash' and 'board key'")
        _bare(heap, model, romfs=romfs)
        return
    if romfs:
        raise UsageError("--romfs is for a board with nothing on it: add --bare")
    if model is None:
        raise UsageError("give a model with -m M.cbm, or --bare for a board with nothing on it")
    application = cbm.read(model).meta.get("app")
    if application not in {"gateway", "roastmeter", "model"}:
        raise ModelError(f"{model}: is a model for {application!r}, which no firmware here runs")
    secret = None if key is None else read_key(key)
    cup = virtual_cup.of(model) if application == "roastmeter" else None
    with VirtualBoard(
        model, application, heap=heap, key=secret, cup=() if cup is None else cup.sensed
    ) as board:
        if cup is not None:
            if cup.calibration is not None:
                with Board(board.port) as line:
                    # one that refuses its model says so to whoever asks
                    if line.hello["golden"] == "ok":
                        keep(line, cup.calibration, exchanged=False, key=secret)
            note(cup.words)
        results.print(board.port)
        note(
            f"{application} on the virtual board; 115200 8N1, one JSON object a line; ctrl-C switches it off"
        )
        board.wait()


BARE = "wemos-d1-mini"
"""The board that comes as from the shop."""
READY = Path("models/max3010x.cbm")
"""A model for whoever has none: that of 'roast ready'."""


def _bare(heap: str | None, model: Path | None, *, romfs: bool) -> None:
    from canbean.board.bare import BareBoard  # noqa: PLC0415  # POSIX only

    given = model or READY
    first = [] if given.is_file() else [f"canbean roast ready --sensor {given.stem} -o {given.parent}"]
    if model is not None and first:
        raise FileError(f"{model}: no such file: it is what the board is to get")
    if model is not None and not romfs and needs_romfs(cbm.read(model), profile(BARE)):
        note(f"{model}: fits the heap of a {BARE} from a ROMFS alone: this one's MicroPython has one")
        romfs = True
    with BareBoard(heap=heap, romfs=romfs) as board:
        words = ["--model", str(given), "--port", board.port, "--image", str(board.image)]
        flash = f"canbean board flash --board {BARE} {shlex.join(words)}"
        note(
            f"a bare virtual {BARE}; ctrl-C switches it off and forgets it; in another terminal:\n"
            + "\n".join([*first, flash])
        )
        results.print(board.port)
        board.wait()
