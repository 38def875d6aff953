"""Board profiles: what a board is and can do, one TOML file each in `profiles/`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from canbean.errors import BoardError
from canbean.files import read_bytes

FOLDER = Path(__file__).with_name("profiles")

SOURCES = ("measured", "estimated", "unknown")


@dataclass(frozen=True)
class Profile:
    """One board.

    Attributes:
        name: as people write it, `wemos-d1-mini`.
        chip: the microcontroller.
        module: its file in `firmware/boards`, without `.py`.
        architecture: mpy-cross's name of the processor.
        heap_bytes: heap for Python after boot, before the application.
        heap_left: of it, what firmware, model and state may take; the rest is for what runs.
        romfs_image: the official MicroPython image for it that has a ROMFS; empty where there is none.
        romfs_bytes: what that ROMFS holds; 0 where there is none.
        vm_heap: the heap that stands for it on the virtual board, as the VM's -X heapsize takes it.
        flash_bytes: flash in all; 0 where that means nothing.
        baud: bits per second of the serial line.
        window: frames that a replay may leave unanswered.
        frames_per_second: frames that the gateway keeps up with; 0 when unknown.
        frames_per_second_is: `measured`, `estimated` or `unknown`.
        frames_per_second_from: what was measured, or what the estimate rests on.
    """

    name: str
    chip: str
    module: str
    architecture: str
    heap_bytes: int
    heap_left: int
    romfs_image: str
    romfs_bytes: int
    vm_heap: str
    flash_bytes: int
    baud: int
    window: int
    frames_per_second: int
    frames_per_second_is: str
    frames_per_second_from: str


def names() -> list[str]:
    """The names of all boards."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def profile(name: str) -> Profile:
    """The profile of a board.

    Raises:
        BoardError: there is no such board.
    """
    if name not in names():
        raise BoardError(f"{name}: no such board; there are {', '.join(names())}")
    return read(FOLDER / f"{name}.toml")


def read(path: Path) -> Profile:
    """A profile from its file, checked.

    Raises:
        BoardError: not TOML, or a field that is missing, unknown, of the wrong type or out of range.
        FileError: it cannot be read.
    """
    try:
        table: dict[str, Any] = tomllib.loads(read_bytes(path, "board profile").decode())
    except ValueError as error:
        raise BoardError(f"{path}: not a TOML file: {error}") from error
    known = {field.name: {"int": int, "str": str}[str(field.type)] for field in fields(Profile)}
    for key in table:
        if key not in known:
            raise BoardError(f"{path}: {key}: no such field; there are {', '.join(known)}")
    for key, kind in known.items():
        if key not in table:
            raise BoardError(f"{path}: {key}: this field is missing")
        if type(table[key]) is not kind:
            raise BoardError(f"{path}: {key}: must be {'a whole number' if kind is int else 'a text'}")
    for key, low, high in (
        ("heap_bytes", 1, 1 << 40),
        ("heap_left", 1, table["heap_bytes"]),
        ("romfs_bytes", 0, 1 << 40),
        ("flash_bytes", 0, 1 << 40),
        ("baud", 300, 10_000_000),
        # packets are numbered mod 256: with more than half of that unanswered old and new look alike
        ("window", 2, 127),
        ("frames_per_second", 0, 10_000_000),
    ):
        if not low <= table[key] <= high:
            raise BoardError(f"{path}: {key}: must be between {low} and {high}")
    if table["name"] != path.stem:
        raise BoardError(f"{path}: name: must be {path.stem}, as the file is called")
    if bool(table["romfs_image"]) != bool(table["romfs_bytes"]):
        raise BoardError(f"{path}: romfs_bytes: an image with ROMFS has some, and only such an image")
    if table["frames_per_second_is"] not in SOURCES:
        raise BoardError(f"{path}: frames_per_second_is: must be one of {', '.join(SOURCES)}")
    return Profile(**table)
