"""The firmware's files on a board: what is there, what is missing, and the manifest that says which firmware it is.

The folders of the firmware are its own: what else is in them goes. Everything else on a board, models, settings, key, what was
calibrated, stays. `main.py` goes first and comes last, so that a board with half a firmware starts nothing.

With a ROMFS the folders lie there, from where MicroPython runs bytecode in place, and the model, which is read in place; `main.py` and the
texts stay files. A board looks for modules among its files first, so that none of those folders may be left there.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from canbean.board import firmware
from canbean.board.flash import partition, romfs
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from canbean.board.flash.partition import Partition
    from canbean.board.flash.repl import Repl
    from canbean.board.profiles import Profile
    from canbean.tiny.cbm import Model

ROOMS = ("apps", "boards", "canbean", "commands", "drivers")
MANIFEST = "manifest"
MAIN = "main.py"
MODEL = "model.cbm"
SLOT = f"/rom/{MODEL}"
"""The model in the ROMFS, as the board calls it."""
# What it prints is small: a board reads its files in pieces.
LIST = """import os, hashlib
from binascii import hexlify
b = memoryview(bytearray(256))
def d(p):
    h = hashlib.sha256()
    with open(p, "rb") as f:
        while 1:
            n = f.readinto(b)
            if not n:
                break
            h.update(b[:n])
    print(p, str(hexlify(h.digest()), "ascii"))
for r in %r:
    try:
        for e in os.ilistdir(r):
            if e[1] == 0x8000:
                d(r + "/" + e[0])
    except OSError:
        pass
for e in os.ilistdir():
    if e[0] in %r:
        d(e[0])
"""


@dataclass(frozen=True)
class Firmware:
    """Files for a board.

    Attributes:
        files: by their paths there.
        rom: the image of a ROMFS with what else there is; empty where all are files.
    """

    files: Mapping[str, bytes]
    rom: bytes = b""

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of names and contents, and of where they lie."""
        whole = hashlib.sha256(self.rom)
        for name in sorted(self.files):
            whole.update(f"{name}\0{len(self.files[name])}\0".encode())
            whole.update(self.files[name])
        return whole.hexdigest()[:16]

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(map(len, self.files.values())) + len(self.rom)

    def in_romfs(self, model: bytes = b"") -> Firmware:
        """The same with its folders in a ROMFS, and a model beside them."""
        inside = {name: content for name, content in self.files.items() if "/" in name}
        beside = {name: content for name, content in self.files.items() if "/" not in name}
        return Firmware(beside, romfs.image({**inside, MODEL: model} if model else inside))


def build(
    board: Profile, app: str, model: Model | None, architecture: str | None, *, rom: bool = False
) -> Firmware:
    """The firmware for a board and a model, as `.mpy`; `rom`: for a ROMFS, from which it takes less heap.

    Raises:
        BoardError: as `firmware.build`.
    """
    with tempfile.TemporaryDirectory(prefix="canbean-") as place:
        folder = Path(place)
        firmware.build(folder, app, board.module, architecture=architecture, model=model, romfs=rom)
        return Firmware(
            {
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
        )


def there(repl: Repl, more: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of the files in the firmware's folders, and of those beside them that are named, by path."""
    said = repl.run(LIST % (ROOMS, more))
    return dict(line.rsplit(" ", 1) for line in said.replace("\r", "").split("\n") if " " in line)


def write_manifest(repl: Repl, known: Mapping[str, str]) -> None:
    """Say on the board which image and firmware are on it."""
    repl.put(MANIFEST, "".join(f"{name} {digest}\n" for name, digest in known.items()).encode())


def read_manifest(repl: Repl) -> dict[str, str]:
    """What it says; nothing where there is none."""
    said = repl.run(f"try:\n    print(open({MANIFEST!r}).read())\nexcept OSError:\n    pass")
    return dict(line.split() for line in said.split("\n") if len(line.split()) == 2)


def copy(
    repl: Repl,
    wanted: Firmware,
    progress: Callable[[int, int], object],
    rom: Partition | None = None,
) -> tuple[int, int]:
    """Put a firmware onto a board that is in its REPL; what is there already is not written again.

    Args:
        repl: of the board.
        wanted: the firmware.
        progress: called with the bytes that are there, and how many there are in all.
        rom: where its ROMFS goes, if it has one.

    Returns:
        How many files were written, and how many were there; a block of the ROMFS counts as one.

    Raises:
        FullError: there is no room.
        BoardError: the board is gone, or a file reads back otherwise than it was written.
    """
    beside = tuple(name for name in wanted.files if "/" not in name)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in wanted.files.items()}
    # a start that was interrupted counts as one that failed
    repl.run("import os\nif 'boot' in os.listdir():\n    os.remove('boot')")
    found = there(repl, beside)
    missing = [
        name
        for name in sorted(wanted.files, key=lambda name: (name == MAIN, name))
        if found.get(name) != digests[name]
    ]
    strangers = [name for name in found if name not in wanted.files]
    blocks = [] if rom is None else partition.missing(repl, rom, wanted.rom)
    if missing or strangers or blocks:
        repl.run(f"import os\nif {MAIN!r} in os.listdir():\n    os.remove({MAIN!r})")
        missing = [*(name for name in missing if name != MAIN), MAIN]
        write_manifest(
            repl, {name: digest for name, digest in read_manifest(repl).items() if name != "firmware"}
        )
    for name in strangers:
        repl.run(f"import os\nos.remove({name!r})")
    for room in sorted({name.split("/")[0] for name in wanted.files if "/" in name}):
        repl.run(f"import os\ntry:\n    os.mkdir({room!r})\nexcept OSError:\n    pass")
    total = wanted.size
    done = total - sum(len(wanted.files[name]) for name in missing)
    if rom is not None:
        repl.run(f"import os\nfor r in {ROOMS!r}:\n    if r in os.listdir():\n        os.rmdir(r)")
        todo = sum(len(wanted.rom[at : at + rom.block]) for at in blocks)
        if blocks:
            partition.write(repl, rom, wanted.rom, blocks, partial(_add, progress, done - todo, total))
    for name in missing:
        content = wanted.files[name]
        before = done
        repl.put(name, content, partial(_add, progress, before, total))
        done += len(content)
        progress(done, total)
    if missing:
        found = there(repl, beside)
        wrong = [name for name in wanted.files if found.get(name) != digests[name]]
        if wrong:
            repl.run(f"import os\nos.remove({MAIN!r})")
            raise BoardError(f"{repl.port}: {wrong[0]} reads back otherwise than it was written")
    write_manifest(repl, {**read_manifest(repl), "firmware": wanted.digest})
    in_rom = 0 if rom is None else -(-len(wanted.rom) // rom.block)
    written = len(missing) + len(blocks)
    return written, len(wanted.files) + in_rom - written


def _add(progress: Callable[[int, int], object], before: int, total: int, part: int) -> None:
    progress(before + part, total)
