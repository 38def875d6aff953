"""`canbean board list`: boards that are plugged in, boards that models can be learned for, and which detectors fit where."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.board import profiles
from canbean.board.flash import found, ports
from canbean.board.flash.ports import Port
from canbean.board.port import in_short
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, table
from canbean.detect import board_fit

if TYPE_CHECKING:
    from canbean.board.profiles import Profile

app = typer.Typer()


@app.command("list")
def list_(
    every: Annotated[
        bool,
        typer.Option("--every-port", help="Also ask at ports whose USB ids are of no board that is known."),
    ] = False,
    port: Annotated[
        list[str] | None, typer.Option("-p", "--port", metavar="P", help="Also ask here; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Boards that are plugged in and what runs on them; boards that models can be learned for, what they hold, and which detectors fit where.

    Only ports with the USB id of a known board are opened, unless others are asked for. What runs there is not stopped.
    """
    boards = [profiles.profile(name) for name in profiles.names()]
    rows = board_fit.table(boards)
    plugged = [_asked(one, every or bool(one.boards)) for one in ports.ports()]
    plugged += [_asked(Port(name, "", "", ()), True) for name in port or ()]
    if as_json:
        json_line({"ports": plugged, "boards": [asdict(board) for board in boards], "fits": rows})
        return
    _show(plugged)
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


def _asked(port: Port, ask: bool) -> dict[str, Any]:
    """A port, and what runs on its board; `runs` is null where nothing of ours answers (`reason`: why), and where nobody asked."""
    said = found.ask(port.device, 115200) if ask else found.Found()
    hello = said.hello
    chips = sorted({profiles.profile(name).chip for name in port.boards})
    return {
        "port": port.device,
        "usb_id": port.usb_id,
        "text": port.text,
        "boards": list(port.boards),
        "chips": chips,
        "asked": ask,
        "runs": {name: hello.get(name) for name in ("board", "app", "model", "golden", "heap_free")}
        if hello
        else None,
        "reason": said.wrong,
    }


def _show(plugged: list[dict[str, Any]]) -> None:
    """Print the ports, for people."""
    if not plugged:
        note("no serial ports here")
        return
    rows = []
    for one in plugged:
        runs = one["runs"]
        if runs:
            words = f"{runs['app']} on {runs['board']}, model {runs['model'] or 'none'}"
        else:
            silent = in_short((one["reason"] or "").removeprefix(one["port"])) or "nothing of ours answers"
            words = silent if one["asked"] else "not asked"
        rows.append(
            (
                one["port"],
                one["usb_id"] or "-",
                " or ".join(one["boards"]) or "-",
                " or ".join(one["chips"]) or "-",
                words,
            )
        )
    table("plugged in", ("port", "USB id", "may be", "chip", "what runs there"), rows)
    for one in plugged:
        if one["reason"]:
            note(one["reason"] if not one["runs"] else f"{one['port']}: the board says: {one['reason']}")


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
