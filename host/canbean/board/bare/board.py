"""`BareBoard`: a virtual ESP8266 or ESP32 on a pty, from the empty chip to MicroPython. POSIX only, tried on Linux.

Its reset lines cannot be seen on a pty. So it is reset into the boot loader by the packet that looks for one, and out of it when
the port is closed, or when something else than a packet comes.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from canbean.board.bare.faults import Faults
from canbean.board.bare.image import image, name
from canbean.board.bare.rom_loader import SYNC, RomLoader
from canbean.board.bare.slip import END
from canbean.board.bare.spi_flash import SECTOR, SpiFlash
from canbean.board.bare.supervisor import SOFT, Supervisor
from canbean.board.profiles import profile
from canbean.board.virtual import find_vm
from canbean.files import write_bytes

if TYPE_CHECKING:
    from types import TracebackType

HEAP = "32wK"
"""Of the VM: the smallest board's 23 Ki and what the stand-ins of its chip take, which a chip has no heap for."""
ROMFS_HEAP = "192wK"
"""The same and a copy of the ROMFS; a w is two bytes on 64 bits."""
WAIT_MS = 20
MOST = 65536
"""Bytes that may wait for the host before the VM has to."""


class BareBoard:
    """A bare board without hardware.

    Attributes, while it is on:
        port: the port's name: a link, so that it stays the same when the board is unplugged and plugged in again.
        folder: what belongs to it, on this computer.
        image: the file with the image that it takes for MicroPython.
        faults: what goes wrong with it.
        flash: its memory.
    """

    def __init__(
        self,
        board: str = "wemos-d1-mini",
        faults: Faults | None = None,
        heap: str | None = None,
        *,
        romfs: bool = False,
    ) -> None:
        """Make it; `with` or `start` plugs it in.

        Args:
            board: name of a profile whose chip is an ESP8266 or an ESP32.
            faults: what goes wrong; nothing if not given.
            heap: the VM's, as its -X heapsize takes it.
            romfs: whether its MicroPython has a ROMFS, before its files.

        Raises:
            BoardError: there is no VM, or no board of that name.
        """
        self.port = ""
        self.folder = Path()
        self.image = Path()
        self.faults = faults or Faults()
        self._profile = profile(board)
        self._vm = find_vm()
        self._rom_bytes = self._profile.romfs_bytes if romfs else 0
        self._heap = heap or (ROMFS_HEAP if romfs else HEAP)
        self._image = image()
        self._stopping = threading.Event()
        self._plugged = threading.Event()
        self._gone = threading.Event()
        self._gone.set()
        self._master = -1
        self._holder = -1

    def start(self) -> None:
        """Plug it in. Nothing is on it, so it says nothing."""
        self.folder = Path(tempfile.mkdtemp(prefix="canbean-bare-"))
        self.image = self.folder / name(self._profile.loader)
        write_bytes(self.image, self._image)
        self.flash = SpiFlash(self.folder / "flash", self._profile.flash_bytes)
        files = self._profile.flash_map["files"]
        self._supervisor = Supervisor(
            self._vm,
            self._heap,
            self.flash.path,
            (files, (self.flash.size - files) // SECTOR - 5),
            self.faults,
            rom_bytes=self._rom_bytes,
            stdio=self._profile.loader != "esp8266",
        )
        self.port = str(self.folder / "port")
        self.plug()
        self._thread = threading.Thread(target=self._run, name="bare board", daemon=True)
        self._thread.start()

    def plug(self) -> None:
        """Plug it in, again after it was unplugged; what is in its flash is still there."""
        import tty  # noqa: PLC0415  # POSIX only, as is the rest of this

        if self._plugged.is_set():
            return
        # its port before this one goes first
        self._gone.wait()
        self._gone.clear()
        self._master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        Path(self.port).unlink(missing_ok=True)
        Path(self.port).symlink_to(os.ttyname(slave))
        os.close(slave)
        self._loader: RomLoader | None = None
        self._to_host, self._to_vm, self._recent = bytearray(), bytearray(), b""
        self._interrupt = False
        self._boot()
        self._plugged.set()

    def unplug(self) -> None:
        """Pull it out: it has no power, and its port is gone."""
        self._plugged.clear()

    def wait(self) -> None:
        """Until somebody closes it."""
        self._stopping.wait()

    def close(self) -> None:
        """Unplug it and forget everything on it."""
        self._stopping.set()
        if self.folder != Path():
            self._thread.join()
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = Path()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _boot(self, cause: int = 0) -> None:
        """Out of a reset: what is in the flash starts, if it is what this board can run."""
        self._loader = None
        self._supervisor.stop()
        if self.flash.read(self._profile.flash_map["image"], len(self._image)) == self._image:
            self._supervisor.start(cause)

    def _run(self) -> None:
        on = True
        while not self._stopping.is_set():
            if self._plugged.is_set():
                on = True
                with contextlib.suppress(OSError):
                    self._turn()
            else:
                if on:
                    self._off()
                    self._gone.set()
                on = False
                self._stopping.wait(WAIT_MS / 1000)
        self._off()

    def _off(self) -> None:
        self._supervisor.stop()
        if self._holder >= 0:
            os.close(self._holder)
            self._holder = -1
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        Path(self.port).unlink(missing_ok=True)

    def _turn(self) -> None:
        """Bytes from one side to the other, once."""
        self._hold()
        again = self._supervisor.ended()
        if again is not None:
            self._to_vm.clear()
            self._to_host += again
        line = self._supervisor.line
        waiting = select.poll()
        waiting.register(self._master, select.POLLIN | (select.POLLOUT if self._to_host else 0))
        if line >= 0:
            reads = select.POLLIN if len(self._to_host) < MOST else 0
            writes = select.POLLOUT if self._to_vm and self._supervisor.listens else 0
            waiting.register(line, reads | writes)
        events = dict(waiting.poll(WAIT_MS))
        ours = events.get(self._master, 0)
        if ours & select.POLLHUP:
            # nobody has the port open: what is said is lost
            self._to_host.clear()
            if self._loader is not None:
                self._boot(SOFT)
                return
        if events.get(line, 0) & select.POLLIN:
            said = self._supervisor.heard(os.read(line, 4096))
            if not self.faults.silent and not ours & select.POLLHUP:
                self._to_host += said
        if ours & select.POLLIN:
            self._take(os.read(self._master, 4096))
        if self._to_host and not ours & select.POLLHUP:
            with contextlib.suppress(BlockingIOError):
                del self._to_host[: os.write(self._master, self._to_host)]
        if self._supervisor.listens:
            self._interrupt = False
        elif self._interrupt:
            # what a starting VM would miss: a board takes longer
            self._supervisor.interrupt()
        if self._to_vm and self._supervisor.listens and self._supervisor.line == line >= 0:
            with contextlib.suppress(BlockingIOError):
                del self._to_vm[: os.write(line, self._to_vm)]
        if ours & select.POLLHUP:
            # it stays so until somebody opens it
            self._stopping.wait(WAIT_MS / 4000)

    def _take(self, data: bytes) -> None:
        """Bytes of the host."""
        if self.faults.unplug_after is not None:
            self.faults.unplug_after -= len(data)
            if self.faults.unplug_after <= 0:
                self.faults.unplug_after = None
                self.unplug()
                return
        if self.faults.silent:
            return
        self._recent = (self._recent + data)[-4096 - len(SYNC) :]
        if self._loader is None and SYNC in self._recent:
            self._supervisor.stop()
            self._to_host.clear()
            self._to_vm.clear()
            self._loader = RomLoader(self.flash, self.faults, chip=self._profile.loader)
            data = self._recent[self._recent.rindex(SYNC) - 9 :]
        elif self._loader is not None and not self._loader.inside and not data.startswith(END):
            self._boot(SOFT)
        if self._loader is not None:
            self._recent = b""
            self._to_host += self._loader.take(data)
            if self._loader.booted:
                self._boot(SOFT)
        elif self._supervisor.line >= 0:
            self._to_vm += data
            if not self._supervisor.listens and b"\x03" in data:
                self._interrupt = True
                self._to_vm[:] = self._to_vm.replace(b"\x03", b"")

    def _hold(self) -> None:
        """The fault of a port that another program has."""
        import fcntl  # noqa: PLC0415  # POSIX only, as is the rest of this

        if self.faults.busy and self._holder < 0:
            self._holder = os.open(self.port, os.O_RDWR | os.O_NOCTTY)
            fcntl.flock(self._holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif not self.faults.busy and self._holder >= 0:
            os.close(self._holder)
            self._holder = -1
