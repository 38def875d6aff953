"""esptool, run as a process: it is GPL and never imported here."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Callable

BAUD = 460800
CHIP = re.compile(r"Detecting chip type\.\.\. (\S+)")
PERCENT = re.compile(r"^Writing at .* (\d+\.\d)%", re.MULTILINE)
GONE = re.compile(
    r"could not open port|device disconnected|returned no data|Input/output error|ClearCommError"
)
"""What an unplugged board looks like to esptool."""
SUPERBLOCK = 16384
"""Bytes in which a file system that MicroPython made says its name."""
AGAIN = "run the same command again"


def command(port: str, *words: str, baud: int = BAUD) -> list[str]:
    """What runs esptool."""
    return [sys.executable, "-m", "esptool", "--port", port, "--baud", str(baud), *words]


def look(port: str, files_at: int, baud: int = BAUD) -> tuple[str, bool]:
    """Which chip is on a port, and whether there is a file system of MicroPython in its flash.

    Returns:
        `ESP8266`, as esptool calls it, and whether there are files.

    Raises:
        BoardError: no chip answers, or the port cannot be opened.
    """
    with tempfile.TemporaryDirectory(prefix="canbean-") as place:
        target = Path(place, "flash")
        code, said = _run(command(port, "read-flash", hex(files_at), str(SUPERBLOCK), str(target), baud=baud))
        chip = CHIP.search(said)
        if chip is None or (code and chip is None):
            raise BoardError(_unconnected(port, said))
        there = target.is_file() and b"littlefs" in target.read_bytes()
    return chip[1], there


def holds(port: str, at: int, image: Path, baud: int = BAUD) -> bool:
    """Whether an image is in the flash, to the last byte."""
    code, said = _run(command(port, "verify-flash", hex(at), str(image), baud=baud))
    return not code and "Verification successful" in said


def writing(port: str, at: int, image: Path, *, erase: bool, baud: int = BAUD) -> list[str]:
    """The command that writes an image and verifies it.

    Args:
        port: where the board is.
        at: bytes from the start of the flash.
        image: its file.
        erase: all of the flash before, with the files in it.
        baud: bits per second.
    """
    words = ["write-flash", *(["--erase-all"] if erase else []), hex(at), str(image)]
    return command(port, *words, baud=baud)


def write(words: list[str], port: str, progress: Callable[[float], object]) -> None:
    """Run that command.

    Args:
        words: what `writing` gives.
        port: where the board is.
        progress: called with the share that is written, 0 to 1.

    Raises:
        BoardError: it failed.
    """
    code, said = _run(words, lambda percent: progress(percent / 100))
    if code:
        kept = "the flash was erased" if "--erase-all" in words else "files on it are as they were"
        raise BoardError(
            f"{port}: the image was not written: {_reason(said)}; the board starts nothing now, {kept}: plug it in again and {AGAIN}, "
            "with another cable or --baud 115200 if it happens again"
        )
    if "Hash of data verified" not in said:
        raise BoardError(f"{port}: esptool has not verified the image: {_reason(said)}: {AGAIN}")


def _run(words: list[str], progress: Callable[[float], object] | None = None) -> tuple[int, str]:
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=_environment(),
    ) as process:
        said = []
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said.append(line)
                found = PERCENT.search(line)
                if found and progress is not None:
                    progress(float(found[1]))
            code = process.wait()
        except BaseException:
            process.kill()
            raise
    return code, "".join(said)


def _environment() -> dict[str, str]:
    import os  # noqa: PLC0415

    # no colours, and lines that are not broken
    return {**os.environ, "NO_COLOR": "1", "COLUMNS": "1000", "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}


def _unconnected(port: str, said: str) -> str:
    if "busy" in said and "Could not open" in said:
        return f"{port}: cannot be opened any more: is another program on it, or the board unplugged? The board is as it was: {AGAIN}"
    return (
        f"{port}: no chip answers ({_reason(said)}); the board is as it was: check that it is this port, that the cable carries "
        f"data, and that nothing is on GPIO0; hold the board's FLASH or BOOT button while you {AGAIN}"
    )


def _reason(said: str) -> str:
    """Why esptool ended, in one line."""
    found = re.search(r"A (?:fatal|serial exception) error occurred: (.*)", said)
    lines = [line for line in said.strip().splitlines() if line.strip()]
    words = found[1] if found else (lines[-1] if lines else "it does not say why")
    if GONE.search(words):
        return "the board went away"
    return words.strip().rstrip(".:")
