"""What is to be on a board: checked before the board is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from canbean.board import firmware
from canbean.board.flash import files
from canbean.errors import BoardError, ModelError, UsageError
from canbean.files import read_bytes
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from canbean.board.flash.files import Firmware
    from canbean.board.flash.images import Image
    from canbean.board.profiles import Profile

ARM = ("armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp")
"""Processors, each of which takes native code of those before it."""
STEPS = ("image", "firmware", "model")


@dataclass(frozen=True)
class Job:
    """What a board is to get.

    Attributes:
        board: its profile.
        port: where it is.
        app: the application; empty where only an image is written.
        model: the model file.
        blob: its content.
        firmware: the application's files; None where they are not wanted.
        plain: makes the same without native code; None where it has none.
        image: the image that was asked for; None leaves a MicroPython that works.
        steps: those of `STEPS` to take.
        key: the board's, where it has one.
        erase: all of the flash before the image is written, with what is in it.
        baud: bits per second of esptool.
        romfs: whether firmware and model go into a ROMFS; None where the board has one.
        needs_romfs: whether the model only fits the board's heap from there.
        fetch: whether the image is still to be fetched: only in a plan.
    """

    board: Profile
    port: str
    steps: tuple[str, ...] = STEPS
    app: str = ""
    model: Path | None = None
    blob: bytes = b""
    firmware: Firmware | None = None
    plain: Callable[[], Firmware] | None = None
    image: Image | None = None
    key: bytes | None = field(default=None, repr=False)
    erase: bool = False
    baud: int = 460_800
    romfs: bool | None = None
    needs_romfs: bool = False
    fetch: bool = False

    @property
    def in_romfs(self) -> bool | None:
        """Whether firmware and model go into a ROMFS for sure, or not at all; None where the board has one."""
        return True if self.needs_romfs else self.romfs

    @property
    def digest(self) -> str:
        """Of the model, as the board says it."""
        return cbm.digest(self.blob)[:16]


class Checked(NamedTuple):
    """What was read and built before a board is touched; its fields are those of `Job`."""

    app: str
    blob: bytes
    firmware: Firmware | None = None
    plain: Callable[[], Firmware] | None = None
    needs_romfs: bool = False


def check(
    board: Profile,
    steps: tuple[str, ...],
    app: str | None,
    model: Path | None,
    key: bytes | None,
    *,
    romfs: bool | None = None,
) -> Checked:
    """Read the model and build the firmware.

    Args:
        board: the profile.
        steps: what will be done.
        app: the application; None for the model's.
        model: the model file.
        key: the board's, where it has one: the model must be signed with it.
        romfs: whether the firmware is to lie in a ROMFS, where it takes less heap; None where the board has one.

    Raises:
        UsageError: something is missing, or the board is not flashed.
        ModelError: the model is damaged, not signed, or for another application.
        BoardError: the model does not fit the board, or the firmware cannot be built.
        FileError: the model cannot be read.
    """
    if board.loader == "none":
        raise UsageError(
            f"{board.name} is not flashed: switch a virtual board on with 'canbean board virtual'"
        )
    if model is None:
        if steps == ("image",):
            return Checked("", b"")
        raise UsageError("give the model with --model M.cbm: the firmware is made for what it needs")
    blob = read_bytes(model, "model file")
    found = cbm.unpack(blob, str(model), key)
    runs = str(found.read_meta(str(model)).get("app"))
    if app is not None and app != runs:
        raise ModelError(
            f"{model}: is a model for {runs!r}, not for {app!r}: give --app {runs} or another model"
        )
    if "firmware" not in steps:
        return Checked(runs, blob)
    needs = romfs is None and firmware.needs_romfs(found, board)
    build = cache(partial(files.build, board, runs, found, rom=bool(romfs) or needs))
    if not board.native:
        return Checked(runs, blob, build(None), None, needs)
    # of the profile's processor; the image may be one of another
    return Checked(runs, blob, build(board.architecture), partial(build, None), needs)


def runs_native(board: Profile, architecture: str | None) -> bool:
    """Whether a MicroPython takes native code of the board's profile: of its processor, or of an older one of ARM's."""
    known = ARM.index(architecture) if architecture in ARM else -1
    return architecture == board.architecture or (board.architecture in ARM[: known + 1])


def refuse_old(board: Profile, port: str, mpy: int, version: str, wanted: int) -> None:
    """A MicroPython whose `.mpy` is another than mpy-cross writes.

    Raises:
        BoardError: it is.
    """
    if mpy != wanted:
        raise BoardError(
            f"{port}: its MicroPython {version} reads .mpy version {mpy}, and mpy-cross here writes {wanted}; no firmware was copied: "
            f"put a newer image on it: --image {board.images[0]}-….bin or --fetch"
        )
