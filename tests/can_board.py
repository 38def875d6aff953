"""A virtual board with a bus: SocketCAN's driver on a socket in its folder, to which tests send can_frames."""

from __future__ import annotations

import socket
import struct

from canbean.board import VirtualBoard, firmware
from canbean.board.firmware import folder

BUS = """

def open_bus():
    import socket
    import struct

    from drivers.socketcan import SocketCan

    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.bind(struct.pack("<H", 1) + b"bus" + bytes(105))
    return SocketCan("can0", line)
"""


class CanBoard(VirtualBoard):
    """The board `linux` with that bus."""

    def _switch_on(self):
        source = (folder() / "boards" / "linux.py").read_bytes() + BUS.encode()
        compiled = firmware._compile("boards/linux.py", source, None)
        (self.folder / "boards" / "linux.mpy").write_bytes(compiled)
        super()._switch_on()

    def frames(self, *frames):
        """Put frames, keys and data, onto the bus."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(self.folder / "bus"))
            for key, data in frames:
                can_id = key & 0x1FFFFFFF | (0x80000000 if key >> 29 else 0)
                sender.send(struct.pack("<IB3x8s", can_id, len(data), data))
