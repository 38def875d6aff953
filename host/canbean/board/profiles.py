"""Board profiles: what a board is and can do, one TOML file each in `profiles/`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from canbean.errors import BoardError
from canbean.files import read_bytes

FOLDER = Path(__file__).with_name("profiles")

SOURCES = ("measured", "estimated", "unknown")

LOADERS = ("esp8266", "esp32", "rp2040", "none")
"""How an image comes onto a board: esptool's name of the chip, the UF2 drive of an RP2040, or not at all."""

PINS = ("sck", "si", "so", "cs", "int")
USB_ID = re.compile(r"[0-9A-F]{4}:[0-9A-F]{4}")
KINDS: dict[str, tuple[type, str]] = {
    "int": (int, "a whole number"),
    "str": (str, "a text"),
    "bool": (bool, "true or false"),
    "tuple[str, ...]": (list, "a list of texts"),
    "dict[str, int]": (dict, "a table of whole numbers"),
}


@dataclass(frozen=True)
class Profile:
    """One board.

    Attributes:
        name: as people write it, `wemos-d1-mini`.
        chip: the microcontroller.
        loader: `esp8266` or `esp32` (esptool writes the image), `rp2040` (its UF2 drive), `none`.
        usb_ids: vendor and product of what it is plugged in by, `1A86:7523`; bridges that other boards have too.
        images: names of MicroPython's images for it, the one to take first.
        flash_map: bytes from the start of the flash: `image`, and `files`, where MicroPython's file system begins.
        pins: GPIO numbers of the MCP2515's `sck si so cs int`.
        module: its file in `firmware/boards`, without `.py`.
        architecture: mpy-cross's name of the processor.
        native: whether native code has room on it; else it gets bytecode.
        heap_bytes: heap for Python after boot, before the application.
        heap_bytes_from: how that is known.
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
    loader: str
    usb_ids: tuple[str, ...]
    images: tuple[str, ...]
    flash_map: dict[str, int]
    pins: dict[str, int]
    module: str
    architecture: str
    native: bool
    heap_bytes: int
    heap_bytes_from: str
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
    known = {field.name: KINDS[str(field.type)] for field in fields(Profile)}
    for key in table:
        if key not in known:
            raise BoardError(f"{path}: {key}: no such field; there are {', '.join(known)}")
    for key, (kind, words) in known.items():
        if key not in table:
            raise BoardError(f"{path}: {key}: this field is missing")
        if not _fits(table[key], kind):
            raise BoardError(f"{path}: {key}: must be {words}")
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
    for one in table["usb_ids"]:
        if not USB_ID.fullmatch(one):
            raise BoardError(f"{path}: usb_ids: {one!r} must be two times four hexadecimal digits, 1A86:7523")
    if table["loader"] not in LOADERS:
        raise BoardError(f"{path}: loader: must be one of {', '.join(LOADERS)}")
    # a board that takes an image
    flashed = table["loader"] != "none"
    for key in ("usb_ids", "images", "pins"):
        if flashed and not table[key]:
            raise BoardError(f"{path}: {key}: a board that takes an image has some")
    if flashed and set(table["pins"]) != set(PINS):
        raise BoardError(f"{path}: pins: must be {', '.join(PINS)}")
    if (
        flashed
        and not table["flash_map"].get("image", 0) < table["flash_map"].get("files", 0) < table["flash_bytes"]
    ):
        raise BoardError(
            f"{path}: flash_map: must say where image and files begin, in this order and in the flash"
        )
    if bool(table["romfs_image"]) != bool(table["romfs_bytes"]):
        raise BoardError(f"{path}: romfs_bytes: an image with ROMFS has some, and only such an image")
    if table["frames_per_second_is"] not in SOURCES:
        raise BoardError(f"{path}: frames_per_second_is: must be one of {', '.join(SOURCES)}")
    values: dict[str, Any] = {
        key: tuple(value) if type(value) is list else value for key, value in table.items()
    }
    return Profile(**values)


def _fits(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and all(type(one) is str for one in value)
    if kind is dict:
        return isinstance(value, dict) and all(type(one) is int and one >= 0 for one in value.values())
    return type(value) is kind
