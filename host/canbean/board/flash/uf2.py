"""The drive that an RP2040 is while BOOTSEL is held: an image is copied onto it. Never run on hardware so far."""

from __future__ import annotations

import os
import string
import sys
import time
from pathlib import Path

from canbean.board.awake import awake
from canbean.errors import BoardError

INFO = "INFO_UF2.TXT"
BOARD = "RPI-RP2"
WAIT_S = 10.0
"""Until the drive of a board that was told to be one is there."""


def places() -> list[Path]:
    """Where this system has its drives."""
    if sys.platform == "win32":
        return [Path(f"{letter}:\\") for letter in string.ascii_uppercase[2:]]
    if sys.platform == "darwin":
        return list(Path("/Volumes").glob("*"))
    return [
        *Path("/media").glob("*/*"),
        *Path("/media").glob("*"),
        *Path("/run/media").glob("*/*"),
    ]


def drives() -> list[Path]:
    """Drives of RP2040s that wait for an image."""
    found = []
    for place in places():
        try:
            if BOARD in (place / INFO).read_text(errors="replace"):
                found.append(place)
        except OSError:
            continue
    return found


def wait(seconds: float) -> Path | None:
    """The drive, as soon as there is one; None if there is none in time.

    Raises:
        BoardError: there are several.
    """
    end = awake() + seconds
    while True:
        found = drives()
        if len(found) > 1:
            names = ", ".join(map(str, found))
            raise BoardError(
                f"several boards wait for an image: {names}: unplug all but one and run this again"
            )
        if found:
            return found[0]
        if awake() >= end:
            return None
        time.sleep(0.2)


def copy(content: bytes, drive: Path) -> None:
    """Copy an image; the board starts with it by itself, and its drive goes away.

    Raises:
        BoardError: it was not taken.
    """
    try:
        with (drive / "image.uf2").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        # the drive goes as soon as the last block is there
        if drive in drives():
            raise BoardError(
                f"{drive}: the image was not written: {error.strerror}; the board starts nothing now: hold BOOTSEL while you plug "
                "it in and run the same command again"
            ) from error
