"""Serial ports: which boards may be on them, told by their USB ids, without opening one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from serial.tools import list_ports

from canbean.board import profiles
from canbean.board.port import line_of, opened
from canbean.errors import BoardError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from canbean.board.profiles import Profile


@dataclass(frozen=True)
class Port:
    """A serial port of this computer.

    Attributes:
        device: its name, `/dev/ttyUSB0` or `COM3`.
        usb_id: vendor and product, `1A86:7523`; empty where it is no USB device.
        text: what the device says of itself.
        boards: names of the profiles with this USB id; bridges are on several boards.
    """

    device: str
    usb_id: str
    text: str
    boards: tuple[str, ...]


def ports() -> list[Port]:
    """All ports, those of known boards first."""
    known = [profiles.profile(name) for name in profiles.names()]
    found = []
    for one in list_ports.comports():
        usb_id = "" if one.vid is None else f"{one.vid:04X}:{one.pid:04X}"
        boards = tuple(board.name for board in known if usb_id in board.usb_ids)
        found.append(Port(one.device, usb_id, one.description or "", boards))
    return sorted(found, key=lambda port: (not port.boards, port.device))


def choose(board: Profile, ask: Callable[[Sequence[Port]], Port] | None = None) -> str:
    """The port that a board is on.

    Args:
        board: its profile.
        ask: chooses where several fit; None where there is nobody to ask.

    Raises:
        BoardError: none fits, or several do and nobody can be asked.
    """
    there = ports()
    fit = [port for port in there if board.name in port.boards]
    if len(fit) == 1:
        return fit[0].device
    if not fit:
        others = ", ".join(port.device for port in there) or "none"
        raise BoardError(
            f"no {board.name} is plugged in ({' or '.join(board.usb_ids)}; ports here: {others}): "
            "plug it in with a cable that carries data, or name its port with --port"
        )
    if ask is not None:
        return ask(fit).device
    names = ", ".join(f"{port.device} ({port.text})" for port in fit)
    raise BoardError(f"several ports may be a {board.name}: name one with --port: {names}")


def check_free(port: str) -> None:
    """Open a port for a moment.

    Raises:
        UsageError: it is given with a speed.
        BoardError: there is no such port, or another program has it.
    """
    device, _ = line_of(port)
    if device != port:
        raise UsageError(
            f"{port}: the boot loader and MicroPython's prompt have their own speed: give --port {device}"
        )
    opened(port).close()
