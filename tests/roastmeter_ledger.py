"""What the roast meter takes of a small board: heap on the 32-bit VM, with its sensor, its display and a calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gateway_ledger
from roastmeter_cases import KIT

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
settings = None
# a name that is asked for as text stays
hasattr(written, "written")
come = [b"hello\\n"] + [b""] * 14 + [b"read\\n", b""]
SAYS = {0xFF: b"\\x15", 0x07: bytes(36), 0x08: bytes(3), 0: bytes(3), 0x1F: b"\\x19\\0\\0"}
LIT = bytes((1, 0, 7)) * 12
# of the chip: its LEDs' current, whether its samples were read; ms slept and bytes on I2C; looks at a slow chip that find nothing yet
state = [0, 0]
spent = [0, 0]
late = [0]
hasattr(spent, "spent")
hasattr(spent, "come")
class I2c:
    def readfrom_mem_into(self, at, register, buffer):
        spent[1] += 3 + len(buffer)
        if register == 4:
            buffer[:] = bytes((6 * (not late[0]), 0, 6 * state[1]))
            late[0] -= late[0] > 0
            state[1] = 0
        elif register == 7 and state[0]:
            buffer[:] = LIT
        else:
            buffer[:] = SAYS[register][: len(buffer)]
        if register == 7:
            state[1] = 1
    def writeto_mem(self, at, register, buffer):
        spent[1] += 2 + len(buffer)
        if register == 0x0C:
            state[0] = buffer[0]
            late[0] = LATE
    def writevto(self, at, buffers):
        spent[1] += 1 + len(buffers[0]) + len(buffers[1])
def sleep_ms(ms):
    spent[0] += ms
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
    global settings
    settings = ["calibration CALIBRATION"]
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


def board_of(width: int = 64, height: int = 48, late: int = 0) -> str:
    """The board's file; `late` looks at the sensor, of four, find no samples yet."""
    head = f"WIDTH = {width}\nHEIGHT = {height}\nLATE = {late}\n"
    return head + BOARD.replace("CALIBRATION", KIT.words())


def ledger(model_path: Path, folder: Path, width: int = 64, height: int = 48, *, romfs: bool = False) -> int:
    """As `gateway_ledger.ledger`: bytes of the roast meter after it has read and shown a cup."""
    board = board_of(width, height)
    shows = (b'"type":"reading"', b'"quality":"ok"')
    return gateway_ledger.ledger(model_path, folder, romfs=romfs, app="roastmeter", board=board, shows=shows)
