# A ROMFS of a bare virtual board: `vfs.rom_ioctl` and the mount at /rom, as MicroPython does it before main.py. The VM cannot read the
# flash's file in place: a copy of it lies in the heap.
import os
import sys

import vfs

SECTOR = 4096
size = int(os.getenv("CANBEAN_ROM"))
first = int(os.getenv("CANBEAN_FILES")) - size
memory = bytearray(size)
file = open(os.getenv("CANBEAN_FLASH"), "r+b")
file.seek(first)
file.readinto(memory)


class Vfs:
    def __getattr__(self, name):
        return getattr(vfs, name)

    def rom_ioctl(self, what, which=0, at=0, more=None):
        if which:
            return -19
        if what == 1:
            return 1
        if what == 2:
            return memoryview(memory)
        if what == 3:
            if at % SECTOR or at + more > size:
                return -22
            for i in range(at, at + more):
                memory[i] = 255
            put(at, memoryview(memory)[at : at + more])
            return 4
        if what == 4:
            if at % 4 or len(more) % 4 or at + len(more) > size:
                return -22
            # writing only clears bits; nothing is taken from a heap that is a board's
            for i in range(len(more)):
                memory[at + i] &= more[i]
            put(at, memoryview(memory)[at : at + len(more)])
        if what == 6:
            return SECTOR
        return 0


def put(at, content):
    file.seek(first + at)
    file.write(content)
    file.flush()


# After that of the files.
def mount():
    try:
        vfs.mount(vfs.VfsRom(memory), "/rom")
    except OSError:
        pass
    else:
        sys.path += ["/rom", "/rom/lib"]


sys.modules["vfs"] = Vfs()
del sys.modules["rom"]
