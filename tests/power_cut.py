"""A gateway on littlefs on a block device in RAM, whose power is cut at any write: run on the VM, it prints a line a cut.

`image` holds the files of the board, `steps` what comes over its line, one list of bytes a step; the last step is the one
during which the power is cut. Block writes are counted until the board has started anew.
"""

from __future__ import annotations

import hashlib
import json

from canbean.board import firmware, update
from canbean.tiny import cbm

ON_VM = """
import gc, json, os, sys

BLOCK = 256
BLOCKS = 96


class PowerCut(BaseException):
    pass


class Flash:
    def __init__(self, data=None):
        self.data = bytearray(data or b"\\xff" * (BLOCK * BLOCKS))
        self.writes = 0
        self.cut = -1
        self.torn = False

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]

    # False when the power is off
    def write(self, at, content):
        if self.cut < 0 or self.writes < self.cut:
            self.writes += 1
            self.data[at : at + len(content)] = content
            return
        if self.cut == self.writes and self.torn:
            half = len(content) // 2
            self.data[at : at + half] = content[:half]
        self.writes = self.cut + 1
        raise PowerCut

    def writeblocks(self, block, buffer, offset=0):
        self.write(block * BLOCK + offset, buffer)

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            self.write(arg * BLOCK, b"\\xff" * BLOCK)
        return 0


class Board:
    NAME = "test"
    WINDOW = 10
    CHUNK = 128

    def __init__(self):
        self.incoming = b""
        self.said = b""

    ticks_ms = staticmethod(lambda: 0)
    heap_free = staticmethod(lambda: None)
    watchdog = staticmethod(lambda: None)
    open_bus = staticmethod(lambda: None)
    # the power was off
    failed = staticmethod(lambda: False)

    def reset(self, error=None):
        if error:
            raise error
        raise SystemExit

    def open_serial(self):
        def readinto(buffer):
            n = min(len(buffer), len(self.incoming))
            buffer[:n] = self.incoming[:n]
            self.incoming = self.incoming[n:]
            return n

        def write(data):
            self.said += data

        return None, readinto, write


def mount(flash, make=False):
    os.chdir("/")
    try:
        os.umount("/flash")
    except OSError:
        pass
    if make:
        os.VfsLfs2.mkfs(flash, readsize=32, progsize=32, lookahead=32)
    os.mount(os.VfsLfs2(flash, readsize=32, progsize=32, lookahead=32), "/flash")
    os.chdir("/flash")


def boot():
    for _ in range(4):
        for name in list(sys.modules):
            if name.split(".")[0] in ("canbean", "apps", "commands", "drivers"):
                del sys.modules[name]
        board = Board()
        from commands.boot import start

        assert not start(board)
        from apps import gateway

        try:
            found = gateway.Gateway(board)
            gateway.finish(found)
            return found
        except SystemExit:
            pass
    raise RuntimeError("starts again and again")


def lines():
    from commands.overlay import read

    return [line for line in read()[1] if not line.startswith("slot ")]


# Sends the bytes; the gateway that runs afterwards.
def step(gateway, content):
    gateway.board.incoming = content
    gateway.board.said = b""
    try:
        while gateway.console.link.poll():
            pass
    except SystemExit:
        gateway = boot()
    return gateway


case = json.load(open(sys.argv[1]))
flash = Flash()
mount(flash, True)
for name, path in case["image"]:
    with open("/" + path if not path.startswith("/") else path, "rb") as source:
        with open(name, "wb") as target:
            target.write(source.read())
steps = []
for path in case["steps"]:
    with open(path, "rb") as source:
        steps.append(source.read())
gateway = boot()
for content in steps[:-1]:
    gateway = step(gateway, content)
    assert b'"error"' not in gateway.board.said, gateway.board.said
before = bytes(flash.data)
print(json.dumps(["before", gateway.console.model, lines(), gateway.watch.fingerprint.threshold]))
for torn in (False, True):
    n = case["first"]
    while True:
        flash = Flash(before)
        mount(flash)
        gateway = boot()
        flash.writes = 0
        flash.cut = n
        flash.torn = torn
        done = False
        try:
            gateway = step(gateway, steps[-1])
            done = True
        except PowerCut:
            pass
        flash = Flash(flash.data)
        mount(flash)
        gateway = boot()
        print(json.dumps([torn, n, done, gateway.console.model, gateway.console.refused, lines(), gateway.watch.fingerprint.threshold]))
        gc.collect()
        if done:
            break
        n += case["stride"]
"""


def sent(what: str, content: bytes) -> bytes:
    """All that goes over the line for a file, as if the board never missed a packet."""
    command = f"put {what} {len(content)} {hashlib.sha256(content).hexdigest()}\n"
    return command.encode() + b"".join(update.part(content, at) for at in range(0, len(content), update.PART))


def cuts(vm, folder, image, steps, *, first=0, stride=1):
    """Cut the power at each write of the last step; what stood before, and what the board then has, a list each.

    Args:
        vm: the VM.
        folder: for files of the test.
        image: the board's files by name.
        steps: bytes for the board's line.
        first, stride: which writes.
    """
    board = folder / "board"
    board.mkdir()
    firmware.build(board, "gateway", "linux")
    case = {"image": [], "steps": [], "first": first, "stride": stride}
    for name, content in image.items():
        path = folder / name
        path.write_bytes(content)
        case["image"].append([name, str(path)])
    for i, content in enumerate(steps):
        path = folder / f"step{i}"
        path.write_bytes(content)
        case["steps"].append(str(path))
    (folder / "case.json").write_text(json.dumps(case))
    said = vm.run(ON_VM, folder / "case.json", path=(board,), heap="8M", timeout=600)
    # What the collector closes, files that the cut left open, finds no heap for a block device in Python, and says so there.
    before, *rest = (json.loads(line) for line in said.splitlines() if line.startswith("["))
    return before, rest


def name_of(model: cbm.Model) -> str:
    """How a board says which model it runs."""
    return cbm.digest(cbm.pack(model))[:16]
