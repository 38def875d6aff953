"""Gateways with a bus: SocketCAN's driver on a socket in their folder, to which tests send can_frames."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import tty
from contextlib import contextmanager
from types import SimpleNamespace

from canbean.board import VirtualBoard, firmware

BUS = """

def open_bus():
    import socket
    import struct

    from drivers.socketcan import SocketCan

    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    # MicroPython takes an address as the kernel does
    line.bind("bus" if hasattr(line, "recv_into") else struct.pack("<H", 1) + b"bus" + bytes(105))
    return SocketCan("can0", line)
"""


def board_source():
    """The board `linux` with that bus."""
    return (firmware.folder() / "boards" / "linux.py").read_bytes() + BUS.encode()


def put(folder, frames):
    """Puts frames, keys and data, onto the bus of the board in a folder."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(folder / "bus"))
        for key, data in frames:
            can_id = key & 0x1FFFFFFF | (0x80000000 if key >> 29 else 0)
            sender.send(struct.pack("<IB3x8s", can_id, len(data), data))


class CanBoard(VirtualBoard):
    """A virtual board with that bus."""

    def _joined(self):
        # its board's file is written anew below, with the firmware's own names
        return None

    def _switch_on(self):
        compiled = firmware._compile("boards/linux.py", board_source(), None)
        (self.folder / "boards" / "linux.mpy").write_bytes(compiled)
        super()._switch_on()

    def frames(self, *frames):
        """Put frames, keys and data, onto the bus."""
        put(self.folder, frames)


@contextmanager
def on_cpython(model, folder):
    """The same firmware under CPython: `port` and `frames`, as a CanBoard has them."""
    firmware.build(folder, "gateway", "linux", compiled=False)
    (folder / "boards" / "linux.py").write_bytes(board_source())
    shutil.copy(model, folder / "model.cbm")
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    command = [sys.executable, "-c", "import main"]
    environment = {**os.environ, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(command, cwd=folder, stdin=master, stdout=master, env=environment) as process:
        os.close(master)
        try:
            yield SimpleNamespace(port=os.ttyname(slave), frames=lambda *frames: put(folder, frames))
        finally:
            process.terminate()
            os.close(slave)
