"""Files that are whole or not there: written beside their name, then renamed."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from canbean.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the name `path` only when the block ends without an error.

    Raises:
        FileError: the folder is missing or cannot be written.
    """
    target = Path(path).resolve()
    writable(target)
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise FileError(f"{target}: cannot write here: {error.strerror}") from error
    try:
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
        except FileError:
            raise
        except OSError as error:
            raise FileError(f"{target}: cannot write: {error.strerror}") from error
        umask = os.umask(0)
        os.umask(umask)
        Path(beside).chmod(0o666 & ~umask)
        try:
            Path(beside).replace(target)
        except OSError as error:
            raise FileError(f"{target}: cannot write: {error.strerror}") from error
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def writable(path: str | os.PathLike[str], *inputs: str | os.PathLike[str] | None) -> None:
    """Check, before the work is done, that a file may stand at this path.

    Args:
        path: where the result is to go.
        inputs: files that are read, None where there is none: the result must not replace one of them.

    Raises:
        FileError: the folder is missing, something that is no file stands there, or it is an input.
    """
    target = Path(path).resolve()
    if not target.parent.is_dir():
        raise FileError(f"{path}: cannot write here: there is no folder {target.parent}")
    if target.exists() and not target.is_file():
        raise FileError(f"{path}: cannot write here: it is no file")
    if any(one is not None and _same(Path(one), target) for one in inputs):
        raise FileError(f"{path}: would replace the file that it is made from: choose another name")


def _same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file: through links too, and where case makes no difference."""
    try:
        return one.samefile(other)
    except OSError:
        # One of them is not there.
        return one.resolve() == other.resolve()


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a whole file at once, or leave what was there.

    Raises:
        FileError: the folder is missing or cannot be written.
    """
    with replacing(path) as file:
        file.write(content)


def read_bytes(path: str | os.PathLike[str], what: str = "file") -> bytes:
    """Read a whole file.

    Raises:
        FileError: it is missing, a folder, or not readable; the message names it.
    """
    try:
        return Path(path).read_bytes()
    except IsADirectoryError as error:
        raise FileError(f"{path}: is a folder, not a {what}") from error
    except OSError as error:
        raise FileError(f"{path}: cannot read this {what}: {error.strerror}") from error
