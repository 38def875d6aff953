# What a bare virtual board's MicroPython does before main.py: its chip's modules, and its file system in the flash.
import os
import sys
import time

import chip
import vfs

sys.modules["machine"] = sys.modules["network"] = chip


class Os:
    def dupterm(self, *_):
        pass

    def __getattr__(self, name):
        return getattr(os, name)


# Where the serial line is the REPL's: what says that no byte stops anything.
class Micro:
    def kbd_intr(self, byte):
        import termios

        if byte < 0:
            termios.setraw(0)

    def __getattr__(self, name):
        return getattr(micropython, name)


class Sys:
    pass


# The part of the flash that holds files, in the file that is the flash.
class Blocks:
    def __init__(self):
        self.file = open(os.getenv("CANBEAN_FLASH"), "r+b")
        self.first = int(os.getenv("CANBEAN_FILES"))
        self.count = int(os.getenv("CANBEAN_BLOCKS"))

    def readblocks(self, n, buffer, at=0):
        self.file.seek(self.first + n * 4096 + at)
        self.file.readinto(buffer)

    def writeblocks(self, n, buffer, at=0):
        self.file.seek(self.first + n * 4096 + at)
        self.file.write(buffer)

    def ioctl(self, op, _):
        if op == 4:
            return self.count
        if op == 5:
            return 4096
        if op == 6:
            return 0


def mount():
    blocks = Blocks()
    try:
        files = vfs.VfsLfs2(blocks, readsize=32, progsize=32, lookahead=32)
    except OSError:
        head = bytearray(64)
        blocks.readblocks(0, head)
        if head != b"\xff" * 64:
            print("The filesystem appears to be corrupted")
            return
        vfs.VfsLfs2.mkfs(blocks, readsize=32, progsize=32, lookahead=32)
        files = vfs.VfsLfs2(blocks, readsize=32, progsize=32, lookahead=32)
    vfs.umount("/")
    vfs.mount(files, "/")
    os.chdir("/")


rom = None
if os.getenv("CANBEAN_ROM"):
    import rom
mount()
sys.path[:] = ["", "/lib"]
if rom:
    rom.mount()
mpy = os.getenv("CANBEAN_MPY")
if mpy:
    # `import sys` gives this one
    other = Sys()
    for name in dir(sys):
        setattr(other, name, getattr(sys, name))
    other.implementation = Sys()
    for name in ("name", "version", "_machine"):
        setattr(other.implementation, name, getattr(sys.implementation, name))
    other.implementation._mpy = int(mpy)
    sys.modules["sys"] = other
if os.getenv("CANBEAN_STDIO"):
    import micropython

    sys.modules["micropython"] = Micro()
raw = os.getenv("CANBEAN_RAW")
there = "main.py" in os.listdir() and not raw
sys.modules["os"] = Os()
del mount, mpy, raw, rom, sys.modules["start"], sys.modules["chip"]
if there:
    # from here on a ctrl-C interrupts (supervisor.py); a board takes longer than this to start
    print()
    time.sleep_ms(250)
