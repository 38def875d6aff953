"""The boot loader in the ROM of an ESP8266, or of an ESP32, and the stub that esptool puts into its RAM, as a host sees them.

Packets (SLIP) both ways, little-endian, after Espressif's description of the serial protocol:

    to the chip    u8 0, u8 command, u16 size, u32 checksum, data
    from the chip  u8 1, u8 command, u16 size, u32 value, data, u8 failed, u8 reason

The code of the stub is not run: once all of it has come and is started, the commands that only it has are answered.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.board.bare.slip import Packets, packet

if TYPE_CHECKING:
    from collections.abc import Callable

    from canbean.board.bare.faults import Faults
    from canbean.board.bare.spi_flash import SpiFlash

SYNC = b"\x07\x07\x12\x20" + 32 * b"\x55"
"""What the command that finds the chip and its bit rate carries."""
HELLO = packet(b"OHAI")
"""What the stub says when it starts."""

# reasons of a failure
INVALID = 5
CHECKSUM = 7
WRITE = 8

CHIP = 0x40001000
"""Where the word in their ROM lies that tells these chips apart."""
MAC = bytes.fromhex("a4cf12c0ffee")
SPI_USR2 = 0x24
SPI_START = 1 << 18
READ_ID = 0x9F


@dataclass(frozen=True)
class Chip:
    """What a host can see of a chip. Addresses are those of its registers.

    Attributes:
        magic: the word at `CHIP`.
        fuses: those with the MAC, and what they hold.
        spi: of the flash, and where its data begin from there.
        divider: of the UART that it hears the host on.
        clock_hz: what that divides.
    """

    magic: int
    fuses: dict[int, int]
    spi: int
    data: int
    divider: int
    clock_hz: int


CHIPS = {
    "esp8266": Chip(
        0xFFF0C101,
        {
            0x3FF00050: MAC[5] << 24,
            0x3FF00054: MAC[3] << 8 | MAC[4],
            0x3FF0005C: int.from_bytes(MAC[:3], "big"),
        },
        0x60000200,
        0x40,
        0x60000014,
        2 * 26_000_000,
    ),
    "esp32": Chip(
        0x00F01D83,
        {0x3FF5A004: int.from_bytes(MAC[2:], "big"), 0x3FF5A008: int.from_bytes(MAC[:2], "big")},
        0x3FF42000,
        0x80,
        0x3FF40014,
        40_000_000,
    ),
}
RAM = ((0x3FFE8000, 0x40000000), (0x40100000, 0x40110000))


class RomLoader:
    """From a reset into the loader to the next reset.

    Attributes:
        stub: whether the stub runs.
        booted: whether it was told to leave and start what is in the flash.
    """

    def __init__(self, flash: SpiFlash, faults: Faults, baud: int = 115200, chip: str = "esp8266") -> None:
        """The loader has just started.

        Args:
            flash: the memory that it writes.
            faults: what goes wrong.
            chip: which of `CHIPS` it is, unless a fault makes it another one.
            baud: bits per second of the host, which it finds by itself.
        """
        self.stub = False
        self.booted = False
        self._chip = CHIPS[faults.chip or chip]
        self._of_esp8266 = self._chip is CHIPS["esp8266"]
        self._flash = flash
        self._faults = faults
        self._baud = baud
        self._packets = Packets()
        self._registers: dict[int, int] = {}
        # RAM: what is still to come of a segment; flash: where the next block belongs
        self._missing = self._at = 0
        self._uploaded = self._sent = 0
        self._inflate: zlib._Decompress | None = None
        # a read of the flash under way: its content, bytes a packet, and how much the host has said it has
        self._reading: tuple[bytes, int] | None = None
        rom: dict[int, Callable[[bytes], bytes]] = {
            0x02: self._flash_begin,
            0x03: self._flash_data,
            0x04: self._flash_end,
            0x05: self._mem_begin,
            0x06: self._mem_end,
            0x07: self._mem_data,
            0x08: self._sync,
            0x09: self._write_register,
            0x0A: self._read_register,
        }
        self._commands = rom
        self._stubs: dict[int, Callable[[bytes], bytes]] = {
            0x0B: lambda _: _done(0x0B),
            0x0D: lambda _: _done(0x0D),
            0x0F: self._change_baud,
            0x10: self._deflated_begin,
            0x11: self._deflated_data,
            0x12: lambda data: self._flash_end(data, 0x12),
            0x13: self._md5,
            0xD0: self._erase_flash,
            0xD1: self._erase_region,
            0xD2: self._read_flash,
            0xD3: self._run,
        }

    @property
    def inside(self) -> bool:
        """Whether a packet has begun and not ended."""
        return self._packets.inside

    def take(self, data: bytes) -> bytes:
        """What it answers to these bytes."""
        return b"".join(map(self._packet, self._packets.take(data)))

    def _packet(self, content: bytes) -> bytes:
        if self._reading is not None:
            return self._read_on(content)
        if len(content) < 8 or content[0] != 0:
            return b""
        code, size, checksum = struct.unpack_from("<xBHI", content)
        data = content[8:]
        command = self._commands.get(code)
        if command is None or len(data) != size:
            return _failed(code, INVALID)
        if code in {0x03, 0x07, 0x11} and _checksum(data[16:]) != checksum & 0xFF:
            return _failed(code, CHECKSUM)
        try:
            return command(data)
        except (struct.error, zlib.error):
            return _failed(code, INVALID)

    def _sync(self, data: bytes) -> bytes:
        if data != SYNC:
            return _failed(0x08, INVALID)
        # the stub says 0, by which a host knows that it need not upload it
        return _done(0x08, 0 if self.stub else int.from_bytes(SYNC[:4], "little")) * (1 if self.stub else 8)

    def _read_register(self, data: bytes) -> bytes:
        (at,) = struct.unpack("<I", data)
        chip = self._chip
        known = {CHIP: chip.magic, **chip.fuses, chip.divider: chip.clock_hz // self._baud}
        return _done(0x0A, known.get(at, self._registers.get(at, 0)))

    def _write_register(self, data: bytes) -> bytes:
        # of several writes in one packet esptool uses one
        at, value, mask, _ = struct.unpack_from("<IIII", data)
        self._registers[at] = self._registers.get(at, 0) & ~mask | value & mask
        spi = self._chip.spi
        if at == spi and value & SPI_START:
            # a command to the flash chip: done at once
            self._registers[spi] = 0
            asked = self._registers.get(spi + SPI_USR2, 0) & 0xFF
            self._registers[spi + self._chip.data] = self._flash.id if asked == READ_ID else 0
        return _done(0x09)

    def _mem_begin(self, data: bytes) -> bytes:
        size, _, _, at = struct.unpack("<IIII", data)
        # an ESP32's memory is not modelled
        if self._of_esp8266 and not any(low <= at and at + size <= high for low, high in RAM):
            return _failed(0x05, INVALID)
        self._missing = size
        return _done(0x05)

    def _mem_data(self, data: bytes) -> bytes:
        size = len(data) - 16
        if size > self._missing:
            return _failed(0x07, INVALID)
        self._missing -= size
        self._uploaded += size
        return _done(0x07)

    def _mem_end(self, data: bytes) -> bytes:
        stay, _ = struct.unpack("<II", data)
        if stay:
            return _done(0x06)
        if self._missing or not self._uploaded:
            # what is not whole does not run
            return _failed(0x06, INVALID)
        self.stub = True
        self._commands = {**self._commands, **self._stubs}
        return _done(0x06) + HELLO

    def _flash_begin(self, data: bytes) -> bytes:
        size, _, _, self._at = struct.unpack_from("<IIII", data)
        self._flash.erase(self._at, size)
        self._inflate = None
        return _done(0x02)

    def _deflated_begin(self, data: bytes) -> bytes:
        size, _, _, self._at = struct.unpack_from("<IIII", data)
        self._flash.erase(self._at, size)
        self._inflate = zlib.decompressobj()
        return _done(0x10)

    def _flash_data(self, data: bytes) -> bytes:
        return self._write(0x03, data[16:])

    def _deflated_data(self, data: bytes) -> bytes:
        if self._inflate is None:
            return _failed(0x11, INVALID)
        return self._write(0x11, self._inflate.decompress(data[16:]))

    def _write(self, code: int, content: bytes) -> bytes:
        if self._faults.bad_block is not None:
            self._faults.bad_block -= 1
            if self._faults.bad_block < 0:
                return _failed(code, WRITE)
        self._flash.write(self._at, content)
        self._at += len(content)
        return _done(code)

    def _flash_end(self, data: bytes, code: int = 0x04) -> bytes:
        (stay,) = struct.unpack_from("<I", data)
        self.booted = not stay
        return _done(code)

    def _run(self, _: bytes) -> bytes:
        self.booted = True
        return b""

    def _change_baud(self, data: bytes) -> bytes:
        self._baud = struct.unpack_from("<I", data)[0]
        return _done(0x0F)

    def _md5(self, data: bytes) -> bytes:
        at, size, _, _ = struct.unpack("<IIII", data)
        return _done(0x13, data=self._flash.md5(at, size))

    def _erase_flash(self, _: bytes) -> bytes:
        self._flash.erase(0, self._flash.size)
        return _done(0xD0)

    def _erase_region(self, data: bytes) -> bytes:
        self._flash.erase(*struct.unpack("<II", data))
        return _done(0xD1)

    def _read_flash(self, data: bytes) -> bytes:
        at, size, part, most = struct.unpack("<IIII", data)
        content = self._flash.read(at, size)
        self._reading = content, part
        self._sent = min(size, most * part)
        return _done(0xD2) + self._parts(0, self._sent)

    def _read_on(self, content: bytes) -> bytes:
        """The host says how many bytes it has; one more packet for each that it takes, and the MD5 at the end."""
        assert self._reading is not None
        whole, part = self._reading
        if int.from_bytes(content, "little") >= len(whole):
            self._reading = None
            return packet(hashlib.md5(whole, usedforsecurity=False).digest())
        first = self._sent
        self._sent = min(len(whole), first + part)
        return self._parts(first, self._sent)

    def _parts(self, first: int, end: int) -> bytes:
        assert self._reading is not None
        whole, part = self._reading
        return b"".join(packet(whole[at : min(at + part, end)]) for at in range(first, end, part))


def _done(code: int, value: int = 0, data: bytes = b"") -> bytes:
    return packet(struct.pack("<BBHI", 1, code, len(data) + 2, value) + data + b"\0\0")


def _failed(code: int, reason: int) -> bytes:
    return packet(struct.pack("<BBHIBB", 1, code, 2, 0, 1, reason))


def _checksum(content: bytes) -> int:
    return 0xEF ^ int(np.bitwise_xor.reduce(np.frombuffer(content, np.uint8), initial=0))
