"""The part of a board's flash that is a ROMFS: whether there is one, and writing it (`vfs.rom_ioctl`, as mpremote's `romfs deploy`)."""

from __future__ import annotations

import ast
import hashlib
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canbean.board.flash.repl import PIECE
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Callable

    from canbean.board.flash.repl import Repl

MARK = 16
"""Hexadecimal digits of a block's SHA-256 that are compared, before all of the image's is."""
# `rom` is memory to read from; where it is a block device, `own`, it is written as one. Names that the list of files has not.
FIND = """try:
    import vfs
except ImportError:
    vfs = None
rom = -1
if hasattr(vfs, "rom_ioctl") and vfs.rom_ioctl(1) > 0:
    rom = vfs.rom_ioctl(2, 0)
own = hasattr(rom, "ioctl")
if isinstance(rom, int):
    print((0, 0))
elif own:
    print((rom.ioctl(4, 0) * rom.ioctl(5, 0), rom.ioctl(5, 0)))
else:
    print((len(rom), vfs.rom_ioctl(6, 0)))
"""
HASH = """import hashlib
from binascii import hexlify
mem = memoryview(rom)
def sha(a, n):
    h = hashlib.sha256()
    for i in range(a, a + n, 256):
        h.update(bytes(mem[i:min(i + 256, a + n)]))
    return str(hexlify(h.digest()), "ascii")
"""


@dataclass(frozen=True)
class Partition:
    """Where a board has its ROMFS.

    Attributes:
        size: bytes.
        block: bytes that are erased at once.
    """

    size: int
    block: int


def find(repl: Repl) -> Partition | None:
    """The first ROMFS of the MicroPython that runs; None where it has none."""
    try:
        size, block = ast.literal_eval(repl.run(FIND).strip())
    except (ValueError, TypeError, SyntaxError):
        raise BoardError(f"{repl.port}: it does not say whether it has a ROMFS") from None
    if size <= 0:
        return None
    return Partition(size, block if 0 < block < size else size)


def missing(repl: Repl, there: Partition, image: bytes) -> list[int]:
    """Where, in bytes from the start, blocks begin that are not as in the image. `find` was asked before on this REPL.

    Raises:
        BoardError: the image is larger than the partition.
    """
    if len(image) > there.size:
        raise BoardError(
            f"{repl.port}: the firmware takes {len(image):,} bytes of ROMFS and the board has {there.size:,}: --no-romfs copies files"
        )
    repl.run(HASH)
    starts = range(0, len(image), there.block)
    code = f"for i in range(0, {len(image)}, {there.block}):\n    print(sha(i, min({there.block}, {len(image)} - i))[:{MARK}])"
    marks = repl.run(code).split()
    wanted = [hashlib.sha256(image[at : at + there.block]).hexdigest()[:MARK] for at in starts]
    return [at for at, mark, here in zip(starts, wanted, marks, strict=True) if mark != here]


def write(
    repl: Repl, there: Partition, image: bytes, starts: list[int], progress: Callable[[int], object]
) -> None:
    """Write these blocks of an image, and compare all of it. Nothing that lies there may be in use.

    Args:
        repl: on which `missing` was asked.
        there: the partition.
        image: what is to be in it.
        starts: what `missing` gave.
        progress: called with the bytes that are written.

    Raises:
        BoardError: it reads back otherwise, or the board is gone.
    """
    repl.run("from binascii import a2b_base64\ntry:\n    vfs.umount('/rom')\nexcept OSError:\n    pass")
    done = 0
    for start in starts:
        content = image[start : start + there.block]
        least = max(4, _prepare(repl, there, start, len(content)))
        # an erased flash is ones
        content += b"\xff" * (-len(content) % least)
        piece = max(PIECE, least)
        for at in range(0, len(content), piece):
            part = content[at : at + piece]
            coded = b64encode(part).decode()
            repl.run(
                f"b = a2b_base64('{coded}')\n"
                f"if own:\n    rom.writeblocks({start // there.block}, b, {at})\n"
                f"else:\n    vfs.rom_ioctl(4, 0, {start + at}, b)"
            )
            done += len(part)
            progress(done)
    repl.run("if not own:\n    vfs.rom_ioctl(5, 0)")
    if repl.run(f"print(sha(0, {len(image)}))").strip() != hashlib.sha256(image).hexdigest():
        raise BoardError(f"{repl.port}: the ROMFS reads back otherwise than it was written")


def _prepare(repl: Repl, there: Partition, start: int, size: int) -> int:
    """Erase a block, or all of it for `size` bytes; the bytes that a write takes at least."""
    where = f"{start}, {there.block}" if there.block < there.size else f"{size}"
    said = repl.run(
        f"r = 0\nif own:\n    rom.ioctl(6, {start // there.block})\nelse:\n    r = vfs.rom_ioctl(3, 0, {where})\nprint(r)"
    )
    least = int(said)
    if least < 0:
        raise BoardError(f"{repl.port}: the ROMFS cannot be erased (error {-least})")
    return least
