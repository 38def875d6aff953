"""ROMFS: the read-only file system that MicroPython runs bytecode from where it lies in flash.

After MicroPython's documentation of `vfs.VfsRom` and its `mpremote romfs build`: records of kind, length and content, nested.
Numbers are big endian, seven bits a byte, the top bit set in all but the last; leading zeros are allowed, so a number can be
given a width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAGIC = b"\xd2\xcd\x31"
PADDING, CONTENT, FOLDER, FILE = 1, 2, 4, 5
ALIGN = 4
"""Bytes: what native code reads words from in place."""
WIDTH = 4
"""Bytes of a length in an aligned image: where a file begins must not depend on what follows it."""


def image(files: Mapping[str, bytes], *, aligned: bool = True) -> bytes:
    """A ROMFS of these files.

    Args:
        files: by their paths, with `/` between folders.
        aligned: whether every file's content begins at a multiple of `ALIGN` from the image's start; else the image is the
            smallest, as mpremote makes it.

    Raises:
        ValueError: a name is no ASCII, or both a file and a folder.
    """
    width = WIDTH if aligned else 0
    head = len(MAGIC) + width
    content = _folder(_tree(files), head, width)
    size = _number(len(content), width)
    if not aligned and (len(MAGIC) + len(size) + len(content)) % 2:
        # an image has an even length
        size = b"\x80" + size
    return MAGIC + size + content


def read(blob: bytes, name: str = "image") -> dict[str, bytes]:
    """The files of a ROMFS, by their paths; empty folders are left out.

    Raises:
        BoardError: it is none, or damaged.
    """
    if not blob.startswith(MAGIC):
        raise BoardError(f"{name}: not a ROMFS")
    try:
        size, at = _parsed(blob, len(MAGIC), len(blob))
        found: dict[str, bytes] = {}
        _walk(blob, at, _end(at, size, len(blob)), "", found)
    except (ValueError, RecursionError) as error:
        raise BoardError(f"{name}: damaged ROMFS: {error}") from None
    return found


_Tree: TypeAlias = dict[str, "bytes | _Tree"]


def _tree(files: Mapping[str, bytes]) -> _Tree:
    tree: _Tree = {}
    for path in sorted(files):
        *folders, name = path.split("/")
        at = tree
        for folder in folders:
            inside = at.setdefault(folder, {})
            if not isinstance(inside, dict):
                raise ValueError(f"{path}: {folder} is a file too")  # noqa: TRY004
            at = inside
        at[name] = files[path]
    return tree


def _folder(tree: _Tree, at: int, width: int) -> bytes:
    """The records of what is in a folder, the first one `at` bytes from the image's start."""
    made = bytearray()
    for name in sorted(tree):
        inside = tree[name]
        label = _number(len(name)) + name.encode("ascii")
        start = at + len(made) + 1 + width + len(label)
        if isinstance(inside, bytes):
            lead = _padding(start + 1 + width) if width else b""
            record, kind = label + lead + _record(CONTENT, inside, width), FILE
        else:
            record, kind = label + _folder(inside, start, width), FOLDER
        made += _record(kind, record, width)
    return bytes(made)


def _padding(at: int) -> bytes:
    """A record before that of a content, which would begin `at` bytes from the image's start without it."""
    gap = -at % ALIGN
    if gap == 0:
        return b""
    # no record is shorter than two bytes
    gap += ALIGN if gap < 2 else 0
    return _record(PADDING, bytes(gap - 2))


def _record(kind: int, content: bytes, width: int = 0) -> bytes:
    return _number(kind) + _number(len(content), width) + content


def _number(value: int, width: int = 0) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    if width:
        if len(groups) > width:
            raise ValueError(f"more than {1 << 7 * width} bytes")
        groups += [0x80] * (width - len(groups))
    return bytes(reversed(groups))


def _parsed(blob: bytes, at: int, end: int) -> tuple[int, int]:
    """A number, and where what follows it begins."""
    value = 0
    while True:
        if at >= end:
            raise ValueError(f"a number is cut off at byte {at}")
        byte = blob[at]
        value, at = value << 7 | byte & 0x7F, at + 1
        if byte < 0x80:
            return value, at


def _walk(blob: bytes, begin: int, end: int, folder: str, found: dict[str, bytes]) -> None:
    for kind, start, stop in _records(blob, begin, end):
        if kind not in {FOLDER, FILE}:
            continue
        size, at = _parsed(blob, start, stop)
        name = _end(at, size, stop)
        path = folder + blob[at:name].decode("ascii")
        if kind == FOLDER:
            _walk(blob, name, stop, path + "/", found)
            continue
        contents = [blob[a:b] for of, a, b in _records(blob, name, stop) if of == CONTENT]
        if not contents:
            raise ValueError(f"{path} has no content")
        found[path] = contents[0]


def _records(blob: bytes, at: int, end: int) -> list[tuple[int, int, int]]:
    """Kind, start and end of each."""
    found = []
    while at < end:
        kind, at = _parsed(blob, at, end)
        size, at = _parsed(blob, at, end)
        found.append((kind, at, _end(at, size, end)))
        at += size
    return found


def _end(at: int, size: int, end: int) -> int:
    """Where something ends that lies in something that ends at `end`."""
    if at + size > end:
        raise ValueError(f"what begins at byte {at} is longer than what it is in")
    return at + size
