"""`canbean board monitor`: alerts as they come."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.board.monitor import Monitor, Notice
from canbean.cli.board_key import BoardKey, secret_of
from canbean.cli.output import note, results
from canbean.errors import FileError

if TYPE_CHECKING:
    from canbean.board.link import Record

app = typer.Typer()

STYLES = {"high": "bold red", "medium": "yellow", "low": "cyan"}


@app.command("monitor")
def monitor(
    port: Annotated[
        str, typer.Option("--port", metavar="P", help="Device or pyserial URL, as /dev/ttyUSB0 or COM3.")
    ],
    since: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Begin with the incidents of the board's store from record N on."
        ),
    ] = None,
    alerts: Annotated[
        Path | None, typer.Option(metavar="F", help="Append the alerts to this file, one JSON object a line.")
    ] = None,
    key: BoardKey = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The board's lines as they are, on stdout.")
    ] = False,
) -> None:
    """Follow a gateway until ctrl-C: alerts, incidents and its status, each alert once and in order.

    Sets the board's clock, which one with a key takes only with --key; all else needs none. Opens the port again when it goes away and asks for what was missed: alerts that the board
    keeps, incidents in its store. Says what is lost.
    """
    following = Monitor(port, since, secret_of(key))
    screen = _Screen(following, as_json=as_json)
    begin = time.monotonic()
    with ExitStack() as stack:
        file = stack.enter_context(_appending(alerts)) if alerts is not None else None
        status = None if as_json or not results.is_terminal else stack.enter_context(results.status("…"))
        try:
            for event in following.events():
                if isinstance(event, Notice):
                    note(event.words)
                    continue
                screen.show(event)
                if status is not None and event.values["type"] == "status":
                    status.update(_status(event.values))
                if file is not None and event.values["type"] == "alert":
                    file.write(event.bare + b"\n")
        except KeyboardInterrupt:
            pass
        except OSError as error:
            if alerts is None or error.filename != str(alerts):
                raise
            raise FileError(f"{alerts}: cannot write: {error.strerror}") from None
    note(
        f"{following.given} alerts in {time.monotonic() - begin:,.0f} s, {following.missed} lost; "
        f"{following.stored} incidents from the store; {following.noise} damaged lines; "
        f"{following.connections} connection{'' if following.connections == 1 else 's'}"
    )


def _appending(path: Path) -> Any:
    """The file, unbuffered: what has been shown is in it.

    Raises:
        FileError: it cannot be opened.
    """
    try:
        return path.open("ab", buffering=0)
    except OSError as error:
        raise FileError(f"{path}: cannot write: {error.strerror}") from error


def _status(values: dict[str, Any]) -> str:
    parts = [f"{values['frames']:,} frames", f"{values['alerts']:,} alerts"]
    if values["lost"]:
        parts.append(f"{values['lost']:,} lost")
    if values["heap_free"] is not None:
        parts.append(f"{values['heap_free']:,} bytes free")
    parts.append("clock not set" if values["clock"] is None else f"clock set {values['clock_age_s']:,} s ago")
    return " · ".join(parts)


class _Screen:
    """Shows what a board says."""

    def __init__(self, following: Monitor, *, as_json: bool) -> None:
        self.following = following
        self.as_json = as_json
        self._bus = "ok"

    def show(self, record: Record) -> None:
        if self.as_json:
            sys.stdout.write(record.raw.decode("ascii") + "\n")
            sys.stdout.flush()
            return
        said = record.values
        style = STYLES.get(said.get("severity", ""), "")
        kind = said["type"]
        if kind == "alert":
            words = (
                f"{self.when(said['t'])}  {said['id'] or 'bus':>8}  {said['kind']:<10} {said['bits']:6.2f} bits  "
                f"expected {said['expected']}, seen {said['seen']}"
            )
        elif kind == "incident":
            words = f"{self.when(said['closed'] or said['opened'])}  incident {said['number']} {said['state']}: {_incident(said)}"
        elif kind == "stored":
            words = (
                f"{self.when(said['opened'], said['clock'])}  record {said['record']}, incident {said['number']} of boot "
                f"{said['of']}: {_incident(said)}"
            )
        elif kind == "error":
            words, style = f"the board says: {said['reason']}", "magenta"
        elif kind == "status" and said.get("bus") not in {None, self._bus}:
            # a gateway that hears nothing raises no alert either
            self._bus = said["bus"]
            words, style = f"the bus: {self._bus}", "" if self._bus == "ok" else "magenta"
        else:
            return
        results.print(words, style=style, markup=False)

    def when(self, seconds: float, clock: int | None = None) -> str:
        """The local time of a board's time, where its clock was set; else its own seconds."""
        clock = clock or self.following.clock
        if clock is None:
            return f"{seconds:>12.3f} s"
        there = datetime.fromtimestamp(clock + seconds).astimezone()
        return f"{there:%Y-%m-%d %H:%M:%S}.{there.microsecond // 1000:03d}"


def _incident(said: dict[str, Any]) -> str:
    ids = ", ".join(said["ids"]) or "the bus"
    more = f" and {said['more']} of others" if said["more"] else ""
    several = "" if said["count"] == 1 else "s"
    return f"{said['count']} alert{several} of {ids}{more}; {', '.join(said['kinds'])}; {said['severity']}"
