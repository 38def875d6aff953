"""What the roast meter takes of a small board: heap on the 32-bit VM, with its sensor, its display and a calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gateway_ledger

if TYPE_CHECKING:
    from pathlib import Path

# A board like the smallest one, with a MAX3010x that always counts the same and a display; both only as registers.
BOARD = """
NAME = "stub"
WINDOW = 10
CHUNK = 128
KEPT = 5
BAUD = 115200
written = []
# a name that is asked for as text stays
hasattr(written, "written")
come = [b"hello\\n"] + [b""] * 12 + [b"read\\n", b""]
SAYS = {0xFF: b"\\x15", 0x04: b"\\x06\\0\\x06", 0x07: bytes((1, 0, 7)) * 12, 0x08: bytes(3), 0: bytes(3), 0x1F: b"\\x19\\0\\0"}
class I2c:
    def readfrom_mem_into(self, at, register, buffer):
        buffer[:] = SAYS[register][: len(buffer)]
    def writeto_mem(self, at, register, buffer):
        pass
    def writevto(self, at, buffers):
        pass
def sleep_ms(ms):
    pass
def open_sensor():
    from drivers.max3010x import Max3010x
    sensor = Max3010x(I2c(), sleep_ms)
    return sensor
def open_display():
    import framebuf
    from drivers.ssd1306 import Ssd1306
    pixels = bytearray(WIDTH * HEIGHT >> 3)
    display = Ssd1306(pixels, WIDTH, HEIGHT, framebuf.MONO_VLSB)
    display.switch_on(I2c(), pixels, WIDTH, HEIGHT)
    return display
def open_button():
    return None
def set_rate(rate):
    pass
def ticks_ms():
    return 0
def heap_free():
    return None
def watchdog():
    return None
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


def ledger(model_path: Path, folder: Path, width: int = 64, height: int = 48, *, romfs: bool = False) -> int:
    """As `gateway_ledger.ledger`: bytes of the roast meter after it has read and shown a cup."""
    board = f"WIDTH = {width}\nHEIGHT = {height}\n{BOARD}"
    return gateway_ledger.ledger(
        model_path, folder, romfs=romfs, app="roastmeter", board=board, shows=b'"type":"reading"'
    )
