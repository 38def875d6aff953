"""What goes wrong with a virtual board, on demand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Faults:
    """Each is off by default, and may be set and taken back while the board is on.

    Attributes:
        busy: another program has its port.
        silent: it answers nothing, neither in its boot loader nor else: no power, no board, or another chip's line.
        chip: what its registers say it is, `esp8266` or `esp32`; empty for what it is.
        bad_block: the write to flash, counted from 0 since the board was plugged in, that fails; None for none.
        unplug_after: bytes from the host, counted since this was set, after which it is unplugged; None for never.
        mpy: the `.mpy` version that its MicroPython reads; None for what the VM reads.
        files_bytes: what its file system holds; 0 for all that the flash has room for.
    """

    busy: bool = False
    silent: bool = False
    chip: str = ""
    bad_block: int | None = None
    unplug_after: int | None = None
    mpy: int | None = None
    files_bytes: int = 0
