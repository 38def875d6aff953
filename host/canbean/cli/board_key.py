"""`--key FILE`: the key of a board that has one, the same in every verb that talks to a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canbean.tiny import keys

BoardKey = Annotated[
    Path | None, typer.Option("--key", metavar="K", help="The key file of a board that has a key.")
]


def secret_of(key: Path | None) -> bytes | None:
    """The key in a file, None where none was given.

    Raises:
        FileError: it cannot be read.
        ModelError: it does not hold a key.
    """
    return None if key is None else keys.read_key(key)
