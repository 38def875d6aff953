"""Writing logs: the format is chosen by the ending of the file's name, or named."""

from __future__ import annotations

import gzip
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from canbean.can.logs import formats
from canbean.errors import LogError, UsageError
from canbean.files import replacing

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from canbean.can.frames import Frames
    from canbean.can.logs.formats import BinaryWriter, TextWriter

ROWS = 1 << 18
"""Frames that are composed at a time."""
COMPRESSED = (".gz",)
"""Endings that may stand behind that of the format."""


def write(
    path: str | os.PathLike[str],
    frames: Frames,
    rows: int = ROWS,
    *,
    format: str | None = None,  # noqa: A002 - as it is called everywhere
) -> None:
    """Write a log in the format that the ending of its name chooses, or in the one named.

    Raises:
        FileError: the folder is missing or cannot be written.
        UsageError: another ending, or a format that is not written.
        LogError: the format has no place for something in the frames.
    """
    parts = (frames[at : at + rows] for at in range(0, len(frames), rows))
    write_parts(path, parts, formats.kinds(frames), format=format)


def write_parts(
    path: str | os.PathLike[str],
    parts: Iterable[Frames],
    kinds: Frames,
    *,
    format: str | None = None,  # noqa: A002
) -> None:
    """Write a log that is never held as a whole; `kinds` is `formats.kinds` of all parts. Raises as `write`."""
    form: Any = writer(path, format)
    with replacing(path) as file, _compressing(path, file) as out:
        held = _held(form, parts, str(path))
        if hasattr(form, "compose"):
            out.writelines(form.compose(held, kinds, str(path)))
        else:
            form.write(out, held, kinds, str(path))


def writer(
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002
) -> TextWriter | BinaryWriter:
    """The format that writes a file of this name.

    Raises:
        UsageError: none does, or none has this name.
    """
    known = formats.writers()
    if format is not None:
        for module in known.values():
            if module.NAME.lower() == format.lower():
                return module
        names = ", ".join(dict.fromkeys(module.NAME for module in known.values()))
        raise UsageError(f"{path}: {format!r} is not a format that is written ({names})")
    name = Path(path).name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    fitting = [ending for ending in known if name.endswith(ending)]
    if not fitting:
        raise UsageError(
            f"{path}: a log is written as {', '.join(known)}, and {' or '.join(COMPRESSED)} behind it"
        )
    return known[max(fitting, key=len)]


def _held(form: TextWriter | BinaryWriter, parts: Iterable[Frames], name: str) -> Iterator[Frames]:
    """The parts, each only when the format has a place for all of it."""
    for frames in parts:
        lost = form.cannot_hold(frames)
        if lost:
            raise LogError(f"{name}: {form.NAME} has no place for {', '.join(lost)}")
        yield frames


@contextmanager
def _compressing(path: str | os.PathLike[str], file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The file, or what compresses into it."""
    if Path(path).name.lower().endswith(".gz"):
        # No name and no time in the gzip header: the same frames give the same bytes.
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as out:
            yield out  # type: ignore[misc]
    else:
        yield file
