"""`canbean can watch`: a model on a live bus."""

from __future__ import annotations

import json
import signal
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from canbean.board import alert_frames
from canbean.board.live import LiveWatch
from canbean.can.frames import key_text
from canbean.cli.alarms import Ticker, alert_of
from canbean.cli.incidents import show_incidents
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results
from canbean.detect.incidents import QUIET_US, incidents
from canbean.errors import BoardError
from canbean.files import replacing, writable

if TYPE_CHECKING:
    import can
    from canbean.can.player import Address

KEPT = 100_000
"""Alerts of which incidents are told at the end; a file of alerts has all."""

app = typer.Typer()


class Live:
    """What is known of the bus while it is watched, told as it comes."""

    def __init__(self, model: Path, address: Address, file: IO[bytes] | None, *, quiet: bool) -> None:
        self.watch = LiveWatch(model, self.line)
        # only what a board's own serial port gives can be its alerts
        self.board = alert_frames.AlertFrames() if address.interface == "slcan" else None
        self.state: alert_frames.BusState | None = None
        self.board_alerts = 0
        self.kept: deque[bytes] = deque(maxlen=KEPT)
        self.last_us = 0
        self._file = file
        self._quiet = quiet
        self._ticker = Ticker(None if quiet else results)
        self._incident: tuple[int, int, int, int] | None = None  # number, opened, last alert, alerts

    def take(self, message: can.Message) -> None:
        """Take a frame."""
        if self.board is not None and self.board.ours(message.arbitration_id, message.is_extended_id):
            self.of_board(self.board.take(message.arbitration_id, bytes(message.data)))
            return
        self.last_us = round(message.timestamp * 1e6)
        self.watch.take(message)
        if self._incident is not None and self.last_us - self._incident[2] > QUIET_US:
            self.close()

    def line(self, kind: str, line: bytes) -> None:
        """Take what the watch says."""
        if kind != "alert":
            return
        self.kept.append(line)
        if self._file is not None:
            self._file.write(line + b"\n")
        number, t_us = json.loads(line)["incident"], self.last_us
        if self._incident is not None and self._incident[0] != number:
            self.close()
        opened = self._incident or (number, t_us, t_us, 0)
        self._incident = (number, opened[1], t_us, opened[3] + 1)
        self._ticker.show(line)

    def close(self) -> None:
        """Say that the open incident is over."""
        if self._incident is not None and not self._quiet:
            number, opened_us, last_us, count = self._incident
            several = "" if count == 1 else "s"
            results.print(
                f"incident {number} is over: {count} alert{several} in {(last_us - opened_us) / 1e6:.1f} s"
            )
        self._incident = None

    def of_board(self, said: alert_frames.BoardAlert | alert_frames.BusState | None) -> None:
        """Take what a board says of itself."""
        if isinstance(said, alert_frames.BusState):
            if said.state != "ok" and (self.state is None or self.state.state != said.state):
                note(f"the board says: the bus is {said.state}")
            self.state = said
        elif said is not None:
            self.board_alerts += 1
            if not self._quiet:
                name = "bus" if said.key is None else key_text(said.key)
                results.print(
                    f"the board says: {name}, {said.kind} by its {said.detector}, {said.bits / 16:.2f} bits",
                    markup=False,
                )

    def counts(self) -> dict[str, Any]:
        """Frames and alerts, and on a board's serial port what the board tells."""
        watch = self.watch
        said: dict[str, Any] = {"frames": watch.frames, "alerts": watch.alerts, "unscored": watch.unscored}
        if watch.unseen is not None:
            said["unseen"] = watch.unseen
        if self.board is not None and (self.state is not None or self.board_alerts):
            said |= {"board_alerts": self.board_alerts, "board_alerts_missed": self.board.missed}
            state = self.state or alert_frames.BusState(0, 0, 0, alert_frames.OTHER)
            said |= {"not_shown": state.not_shown, "lost_by_board": state.lost}
        return said


@app.command("watch")
def watch_(
    bus: Annotated[
        str,
        typer.Argument(
            metavar="BUS",
            help="As interface:channel or interface:channel@bitrate; with --interface the channel alone.",
        ),
    ],
    model: Annotated[Path, typer.Option("-m", "--model", metavar="M.cbm")],
    interface: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of python-can: socketcan, slcan, virtual and others.")
    ] = None,
    bitrate: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Bits a second, where the interface sets it.")
    ] = None,
    alerts: Annotated[
        Path | None,
        typer.Option(metavar="A.jsonl", help="Write the alerts when it ends, a JSON object a line."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(metavar="S", min=0, help="End after S seconds.")] = None,
    frames: Annotated[int | None, typer.Option(metavar="N", min=1, help="End after N frames.")] = None,
    as_json: AsJson = False,
) -> None:
    """Watch a live bus of python-can with a model, by the firmware's own code; until ctrl-C.

    Nothing is sent onto the bus. A canbean board at a serial port is one too: slcan:/dev/ttyUSB0@500000.
    """
    # python-can brings asammdf and pandas along where they are installed: a second that no other verb should wait.
    from canbean.can import player  # noqa: PLC0415
    from canbean.can.receiver import Receiver  # noqa: PLC0415

    address = player.Address.parse(f"{interface}:{bus}" if interface else bus)
    if bitrate is not None:
        address = replace(address, bitrate=bitrate)
    if alerts is not None:
        writable(alerts, model)
    # Whoever ends it by `kill` wants its alerts too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failure: BoardError | None = None
    with ExitStack() as open_:
        file = open_.enter_context(replacing(alerts)) if alerts is not None else None
        live = Live(model, address, file, quiet=as_json)
        receiver = open_.enter_context(
            Receiver(open_.enter_context(player.opened(address, fd=True, listen_only=True)))
        )
        note(f"watching {address}; ctrl-C ends")
        begin = time.monotonic()
        try:
            while (seconds is None or time.monotonic() - begin < seconds) and (
                frames is None or live.watch.frames < frames
            ):
                for message in receiver.messages():
                    live.take(message)
                    if frames is not None and live.watch.frames == frames:
                        break
        except KeyboardInterrupt:
            pass
        except BoardError as error:
            # what was seen until then is told first
            failure = error
        took = time.monotonic() - begin
    said: dict[str, Any] = {
        "bus": str(address),
        "model": str(model),
        "data": "recorded" if address.real else "simulated",
        "seconds": round(took, 3),
        **live.counts(),
        "lost": receiver.lost,
        "damaged": receiver.damaged,
    }
    found = incidents([alert_of(line) for line in live.kept], live.last_us)
    if as_json:
        json_line({**said, "incidents": [one.describe() for one in found]})
    else:
        words = (
            f"{name.replace('_', ' ')} {value}"
            for name, value in said.items()
            if name not in {"bus", "model", "data"}
        )
        results.print(f"{address} ({said['data']} data): {', '.join(words)}", markup=False)
        show_incidents(found)
    if failure is not None:
        raise failure
