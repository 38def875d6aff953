"""What the gateway takes of a small board: heap on the 32-bit VM, byte for byte, and files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING
from unittest import mock

from canbean.board import firmware
from canbean.board.flash import romfs as rom_image
from canbean.tiny import cbm
from conftest import RUN_32

if TYPE_CHECKING:
    from pathlib import Path

LEDGER_BYTES = 24_576
"""What firmware, model and state may take on the smallest board (design: of about 30 KiB free after boot), with the
sequence of ids too."""
SHIFTS = (16, 5_000, 70_000)
MPY_BYTES = 10_240
"""What the files may have that such a board keeps loaded."""
MPY_BYTES_OF_ALL = 24_576
"""The same for a gateway with every detector, on bigger boards or with ROMFS."""

# A board like the smallest one, with a bus on which a frame of an unknown id comes.
BOARD = """
from canbean.ring import head
NAME = "stub"
WINDOW = 10
CHUNK = 128
RING = 16
KEPT = 5
BAUD = 115200
BITRATE = 500000
written = []
# a name that is asked for as text stays
hasattr(written, "written")
come = [b"hello\\n", b"", b""]
class Bus:
    def start(self, bitrate, listen_only, filters):
        self.left = 1
    def stop(self):
        pass
    def receive(self, ring, clock):
        if not self.left:
            return 0
        self.left = 0
        clock.read()
        head(ring.records, ring.slot(), clock, 0x7FF, 0, 8)
        ring.put()
        return 1
    def status(self):
        return "ok", 0, 0
def ticks_ms():
    return 0
def ticks_us():
    return 0
def heap_free():
    return None
def watchdog():
    return None
def open_bus():
    return Bus()
# what the smallest board's driver takes
def driver():
    from drivers.mcp2515 import Mcp2515
    return Mcp2515
def readinto(buffer):
    if not come:
        raise EOFError
    data = come.pop(0)
    buffer[: len(data)] = data
    return len(data)
def write(data):
    written.append(bytes(data))
def wait(ms):
    pass
def open_serial():
    return wait, readinto, write
"""
# That VM has its files under /input and no random numbers; nothing is collected unless it is asked for.
STAND_INS = """
import gc, os, sys
os.chdir("/input")
sys.path.insert(0, "/input")
gc.disable()
class Os:
    urandom = bytes
    stat = os.stat
    listdir = lambda: {here}
sys.modules["os"] = Os
class Gc:
    collect = lambda: None
sys.modules["gc"] = Gc
"""
# Its collector misses what callers hold: it only collects here, at the top, after calls that write over stale words of its
# stack. The frame raises an alert: what that takes once is in. Addresses there are as small as many numbers of a model, so that a number may seem to hold a whole
# module: the least of a few runs counts, each with everything at other addresses.
ON_32_BIT = """{stand_ins}{mount}
shift = bytearray({shift})
import array, binascii, errno, hashlib, struct
gc.collect()
before = gc.mem_alloc()
import canbean
load = canbean.{load}
ledger = load("boards/ledger")
load("commands/boot").start(ledger)
load(None)
console = ledger
for path in ("canbean/boot", "canbean/rest"):
    part = load(path)
    if part:
        console = part.start(console)
        part.leave()
    part = None
console.run()
def over(n):
    return n and over(n - 1)
over(20)
written = ledger.written
done = all([words in b"".join(written) for words in {shows!r}])
written.clear()
gc.collect()
print(gc.mem_alloc() - before if done else -1)
"""


MOUNT = """
import vfs
with open("/input/firmware.romfs", "rb") as file:
    image = file.read()
vfs.mount(vfs.VfsRom(memoryview(image)), "/rom")
sys.path.insert(0, "/rom")
"""


def ledger(
    model_path: Path,
    folder: Path,
    *,
    romfs: bool = False,
    app: str = "gateway",
    board: str = BOARD,
    shows: tuple[bytes, ...] = (b'"type":"alert"',),
) -> int:
    """Bytes that firmware, model and state of an application take on a VM with 32-bit words and 31-bit small integers.

    The driver of the smallest board is in, and the stub `board` for the board's own file. With `romfs` the firmware lies
    in a ROMFS, whose bytes do not count: a board has them in flash. -1 where what it says does not contain all of `shows`.
    """
    load = build(model_path, folder, app, "ledger", board)
    if romfs:
        _into_romfs(folder)
    mount, here = (MOUNT, ()) if romfs else ("", ("model.cbm",))
    stand_ins = STAND_INS.format(here=here)
    codes = [
        ON_32_BIT.format(stand_ins=stand_ins, shift=shift, mount=mount, load=load, shows=shows)
        for shift in SHIFTS
    ]
    return min(_taken(folder, code) for code in codes)


def build(model_path: Path, folder: Path, app: str, name: str, board: str) -> str:
    """An application joined for its model and a board's file of that name and text, in a folder; what loads its files there."""
    tree = folder / "tree"
    shutil.copytree(firmware.folder(), tree)
    (tree / "boards" / f"{name}.py").write_text(board)
    with mock.patch.object(firmware, "folder", return_value=tree):
        firmware.build(folder, app, name, model=cbm.read(model_path))
    shutil.rmtree(tree)
    shutil.copy(model_path, folder / "model.cbm")
    load = re.search(r"load = canbean\.(\w+)", (folder / "main.py").read_text())
    assert load
    return load[1]


def _into_romfs(folder: Path) -> None:
    """What was built and the model, as one image; the file of texts lies beside it."""
    rom = folder / "rom"
    rom.mkdir()
    for path in sorted(folder.glob("*/")):
        if path != rom and path.is_dir():
            path.rename(rom / path.name)
    (folder / "model.cbm").rename(rom / "model.cbm")
    content = {
        path.relative_to(rom).as_posix(): path.read_bytes() for path in rom.rglob("*") if path.is_file()
    }
    (folder / "firmware.romfs").write_bytes(rom_image.image(content))
    shutil.rmtree(rom)


def _taken(folder: Path, code: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", RUN_32, str(folder), "10000000000"],
        input=code,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return int(done.stdout)


ONCE = ("canbean/boot.mpy", "canbean/rest.mpy", "canbean/verify.mpy", "canbean/model.mpy")
"""Files whose code leaves the heap when the gateway stands."""


def resident(folder: Path) -> dict[str, int]:
    """Bytes of the files that stay loaded, of a folder made by `firmware.build` for a gateway's model."""
    names = [
        "apps/gateway.mpy",
        "canbean/__init__.mpy",
        *(f"boards/{path.name}" for path in folder.glob("boards/*.mpy")),
    ]
    return {name: (folder / name).stat().st_size for name in names}


def once(folder: Path) -> dict[str, int]:
    """Bytes of the files that are loaded at start only."""
    return {name: (folder / name).stat().st_size for name in ONCE}


def waiting(folder: Path) -> dict[str, int]:
    """Bytes of the files that wait for a command, for a key, or for a model that has more."""
    sizes = {
        path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*.mpy"))
    }
    return {name: size for name, size in sizes.items() if name not in ONCE and name not in resident(folder)}
