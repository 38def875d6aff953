"""Databases of messages and signals (DBC, KCD, SYM, ARXML), and which frame is which message."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import ERR, RTR
from canbean.errors import LogError
from canbean.files import read_bytes

if TYPE_CHECKING:
    import os

    from cantools.database.can import Message
    from numpy.typing import NDArray

    from canbean.can.frames import Frames

ENCODINGS = {"dbc": "cp1252", "sym": "cp1252", "kcd": "utf-8", "arxml": "utf-8"}
"""What an ending says about the text; a file with another ending is recognised by its content."""

ANY_SOURCE = 0xFE
"""The source address that J1939 databases give a parameter group that anyone may send (the null address)."""

# It warns about what `problems` tells; without a handler it would do so on stderr.
logging.getLogger("cantools").addHandler(logging.NullHandler())


def key_of(message: Message) -> int:
    """The key (`id | ext << 29`) of a message."""
    return int(message.frame_id) | int(message.is_extended_frame) << 29


def group_number(id_: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """uint32 (n,): the parameter group numbers (PGN, 18 bit) of 29-bit identifiers.

    Below PDU format 240 (PDU1) the PDU specific byte is the destination address and no part of the number; priority and
    source address never are (SAE J1939-21).
    """
    number = (id_ >> np.uint32(8)) & np.uint32(0x3FFFF)
    addressed = (number >> np.uint32(8)) & np.uint32(0xFF) < 240
    return np.where(addressed, number & np.uint32(0x3FF00), number)


@dataclass(frozen=True)
class Database:
    """The messages of a database, as cantools reads them.

    Attributes:
        name: for messages to the user.
        messages: the messages that frames are matched with; AUTOSAR containers are not among them.
        groups: bool (m,), which messages are J1939 parameter groups, matched by PGN from whatever source.
        problems: what of the database cannot be used, in words.
    """

    name: str
    messages: tuple[Message, ...]
    groups: NDArray[np.bool_]
    problems: list[str] = field(default_factory=list)

    @cached_property
    def _by_key(self) -> tuple[NDArray[np.uint32], NDArray[np.int16]]:
        """Keys of the messages, ascending, and the codes of the messages."""
        return _lookup({key_of(message): code for code, message in enumerate(self.messages)})

    @cached_property
    def _by_group(self) -> tuple[NDArray[np.uint32], NDArray[np.int16]]:
        """PGNs, ascending, and codes: of several messages of one group the one from any source, else the first."""
        chosen: dict[int, int] = {}
        for code in np.flatnonzero(self.groups).tolist():
            id_ = int(self.messages[code].frame_id)
            number = int(group_number(np.array([id_], np.uint32))[0])
            if number not in chosen or (
                id_ & 0xFF == ANY_SOURCE and self.messages[chosen[number]].frame_id & 0xFF != ANY_SOURCE
            ):
                chosen[number] = code
        return _lookup(chosen)

    def match(self, frames: Frames) -> NDArray[np.int16]:
        """int16 (n,): for each frame the code of its message (into `messages`), or -1.

        The exact identifier goes first, then the parameter group. Remote and error frames carry no signals: -1.
        """
        code = _find(*self._by_key, frames.key)
        if self.groups.any():
            rows = np.flatnonzero(frames.ext & (code < 0))
            code[rows] = _find(*self._by_group, group_number(frames.id[rows]))
        code[(frames.flags & (RTR | ERR)) != 0] = -1
        return code


def _lookup(codes: dict[int, int]) -> tuple[NDArray[np.uint32], NDArray[np.int16]]:
    """A dictionary as two columns, by key."""
    keys = sorted(codes)
    return np.array(keys, np.uint32), np.array([codes[key] for key in keys], np.int16)


def _find(
    keys: NDArray[np.uint32], codes: NDArray[np.int16], wanted: NDArray[np.uint32]
) -> NDArray[np.int16]:
    """The code of each wanted key, -1 where there is none."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int16)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, codes[at], np.int16(-1))


def of(
    messages: list[Message], name: str, *, j1939: bool | None = None, protocol: str | None = None
) -> Database:
    """A database of cantools messages.

    Args:
        messages: of two with the same identifier the later counts, as in cantools.
        name: of the database, for messages to the user.
        j1939: whether 29-bit messages are parameter groups; None: those that the database declares so.
        protocol: what the database as a whole declares; `J1939` makes all its 29-bit messages parameter groups.
    """
    problems = []
    last: dict[int, Message] = {}
    for message in messages:
        if message.is_container:
            problems.append(f"{name}: message {message.name} is a container, which is not decoded")
            continue
        if key_of(message) in last:
            problems.append(
                f"{name}: messages {last[key_of(message)].name} and {message.name} have one identifier; the later counts"
            )
        last[key_of(message)] = message
    if len(last) > 32767:
        raise LogError(f"{name}: {len(last)} messages; at most 32767 are handled")
    kept = tuple(last.values())
    everywhere = str(protocol).lower() == "j1939" if j1939 is None else j1939
    declared = [everywhere or (j1939 is None and message.protocol == "j1939") for message in kept]
    groups = [
        is_group and bool(message.is_extended_frame) for is_group, message in zip(declared, kept, strict=True)
    ]
    return Database(name, kept, np.array(groups, bool), problems)


def parse(text: str, name: str, kind: str | None = None, *, j1939: bool | None = None) -> Database:
    """A database from its text; `kind` is `dbc`, `kcd`, `sym` or `arxml`, or None to recognise it.

    Signals that overlap or do not fit their message are kept: each is decoded for itself.

    Raises:
        LogError: no such database.
    """
    import cantools  # noqa: PLC0415 - slow to import
    from cantools.database.can import Database as CanDatabase  # noqa: PLC0415

    try:
        database = cantools.database.load_string(text, kind, strict=False)
    except Exception as error:  # cantools lets whatever its parsers raise through
        raise LogError(
            f"{name}: not a database that can be read (DBC, KCD, SYM or ARXML): {_reason(error)}"
        ) from error
    if not isinstance(database, CanDatabase):
        raise LogError(f"{name}: describes diagnostics, not messages and signals")
    attributes: dict[str, Any] = database.dbc.attributes if database.dbc is not None else {}
    protocol = getattr(attributes.get("ProtocolType"), "value", None)
    return of(list(database.messages), name, j1939=j1939, protocol=protocol)


def _reason(error: Exception) -> str:
    """The first line of what cantools said, without the formats that were not meant."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def load(path: str | os.PathLike[str], *, j1939: bool | None = None) -> Database:
    """Read a database file: `.dbc`, `.kcd`, `.sym`, `.arxml`, or another name, recognised by its content.

    Raises:
        FileError: the file is missing, a folder, or not readable.
        LogError: no database that can be read.
    """
    blob = read_bytes(path, "database")
    kind = Path(path).suffix[1:].lower()
    known = kind if kind in ENCODINGS else None
    text = blob.decode(ENCODINGS.get(kind, "utf-8"), "replace")
    return parse(text, str(path), known, j1939=j1939)
