"""`canbean board dbc`: what other tools need to read a board in slcan mode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canbean.board.alert_frames import FIRST, dbc_text
from canbean.can.frames import parse_id
from canbean.cli.output import results
from canbean.files import write_bytes

app = typer.Typer()


@app.command("dbc")
def dbc(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="ALERTS.dbc")],
    first: Annotated[
        str, typer.Option("--id", metavar="ID", help="The board's setting alertid, where it has one.")
    ] = f"{FIRST:08X}",
) -> None:
    """Write the DBC of the alerts that a board sends in slcan mode, for cantools, SavvyCAN and others."""
    id_, _ = parse_id(first)
    write_bytes(output, dbc_text(id_).encode())
    results.print(f"{output}: alerts in the extended ids {id_:08X} to {id_ + 3:08X}", markup=False)
