"""MicroPython's images: a file that the user gives, one in the cache, or one that mpflash fetches there."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from canbean.errors import BoardError, FileError
from canbean.files import read_bytes

if TYPE_CHECKING:
    from canbean.board.profiles import Profile

ENDINGS = {"esp8266": ".bin", "esp32": ".bin", "rp2040": ".uf2"}
ESP = b"\xe9"
"""The first byte of an image for Espressif's chips."""
UF2 = b"UF2\n\x57\x51\x5d\x9e"
UF2_RP2040 = bytes.fromhex("56ff8be4")
PAGE = "https://micropython.org/download/"


@dataclass(frozen=True)
class Image:
    """An image file.

    Attributes:
        path: where it is.
        content: all of it.
    """

    path: Path
    content: bytes

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of its SHA-256."""
        return hashlib.sha256(self.content).hexdigest()[:16]


def cache() -> Path:
    """The folder for images; it need not be there."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "canbean" / "images"


def read(path: str | os.PathLike[str], board: Profile) -> Image:
    """An image from its file.

    Raises:
        FileError: it cannot be read, or is no image for this board's chip.
    """
    content = read_bytes(path, "MicroPython image")
    fits = (
        content.startswith(UF2) and content[28:32] == UF2_RP2040
        if board.loader == "rp2040"
        else content.startswith(ESP)
    )
    if not fits:
        raise FileError(
            f"{path}: is no image for a {board.chip}: {board.name} takes {board.images[0]} ({ENDINGS[board.loader]})"
        )
    return Image(Path(path), content)


def name(board: Profile, *, romfs: bool | None = None) -> str:
    """Which official image a board gets.

    Args:
        board: its profile.
        romfs: whether it must have a ROMFS.
    """
    return board.romfs_image if romfs and board.romfs_image else board.images[0]


def cached(board: Profile, name: str) -> Image | None:
    """The newest release of an image of the board in the cache; None where there is none.

    Raises:
        FileError: it cannot be read, or is no such image.
    """
    found = [
        path
        for path in cache().rglob(f"{name}-*{ENDINGS[board.loader]}")
        # not a variant, NAME-FLASH_1M-...
        if re.match(r"(\d|v\d)", path.name[len(name) + 1 :])
    ]
    return read(max(found, key=_release), board) if found else None


def _release(path: Path) -> tuple[int, ...]:
    found = re.search(r"v(\d+)\.(\d+)(?:\.(\d+))?", path.name)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def fetch(board: Profile, name: str) -> Image:
    """Download the newest stable image of that name into the cache; the only thing here that uses a network.

    Raises:
        BoardError: mpflash is not installed, or fails.
    """
    if importlib.util.find_spec("mpflash") is None:
        raise BoardError("--fetch needs mpflash: pip install 'canbean[images]', or give --image F")
    cache().mkdir(parents=True, exist_ok=True)
    variant = name[len(board.images[0]) + 1 :]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mpflash.cli_main",
            "download",
            "--board",
            board.images[0],
            *(["--variant", variant] if variant else []),
            "--version",
            "stable",
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "MPFLASH_FIRMWARE": str(cache())},
        check=False,
    )
    found = cached(board, name)
    if done.returncode or found is None:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise BoardError(
            f"mpflash has fetched no {name}: {words[-1] if words else 'it does not say why'}; "
            "nothing was changed: download it by hand and give --image F"
        )
    return found


def missing(board: Profile, name: str, command: str) -> BoardError:
    """What to do where there is no image.

    Args:
        board: its profile.
        name: of the image that it needs.
        command: what was typed, without an image.
    """
    page = PAGE + board.images[0]
    return BoardError(
        f"{board.name} has no MicroPython yet and there is no image for it: download the newest {name} "
        f"({ENDINGS[board.loader]}) from {page}/ and run: {command} --image {name}-….{ENDINGS[board.loader][1:]}   "
        f"(or add --fetch, or put it into {cache()})"
    )
