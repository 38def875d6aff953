"""What the MCP2515's driver costs in SPI transactions and bytes, on a bus under load.

The chip is the model of its registers; frames reach it at the pace of a bus, the board takes them at its own. Times are
parameters and not a board's: what is counted depends only on how often frames come singly and how often in pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import firmware_drivers
from canbean.board import firmware
from mcp2515_chip import CONFIGURATION, Chip

if TYPE_CHECKING:
    from collections.abc import Iterable

FRAME_US = 230
"""Of a frame with 8 bytes and a standard identifier at 500 kbit/s: 111 bits and some stuffing."""
LOADS = (25, 50, 75, 100)
"""Of the bus, percent."""
BOARDS = {"slow": (50, 100, 2500), "fast": (10, 20, 150)}
"""Microseconds that a transaction, a frame's record and its detectors take: so that the board loses most of a full bus, or
keeps up."""


class Timed(Chip):
    """A chip whose transactions take time, in which frames arrive."""

    def __init__(self, arrivals: Iterable[int], transaction_us: int) -> None:
        super().__init__()
        self.now = 0
        self.transaction_us = transaction_us
        self.arrivals = iter(arrivals)
        self.coming = next(self.arrivals)
        self.frames = 0

    def cs(self, level: int) -> None:
        # a buffer that is being read is full until its end
        if level:
            self.pass_time(self.transaction_us)
        super().cs(level)

    def pass_time(self, us: int) -> None:
        """Lets time pass and frames come."""
        if self.mode == CONFIGURATION:
            return
        self.now += us
        while self.coming <= self.now:
            self.receive(self.frames & 0x7FF, 8, b"12345678")
            self.frames += 1
            self.coming = next(self.arrivals)


def arrivals(percent: int) -> Iterable[int]:
    """Times of frames, microseconds: in bursts of 1 to 8, back to back, and pauses that make up the load."""
    seed, now = 1, 0
    while True:
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        burst = 1 + (seed >> 16) % 8
        for _ in range(burst):
            now += FRAME_US
            yield now
        now += burst * FRAME_US * (100 - percent) // percent


def load(
    percent: int, transaction_us: int, record_us: int, frame_us: int, *, wired: bool, count: int = 5000
) -> dict[str, float]:
    """`count` frames received through a ring of 16, each then scored for `frame_us`.

    Args:
        percent: the load of the bus.
        transaction_us: of an SPI transaction.
        record_us: of what is done with a frame between the transaction that read it and the next one.
        frame_us: of a frame's detectors.
        wired: whether INT is.
        count: frames.
    """
    chip = Timed(arrivals(percent), transaction_us)
    driver = firmware_drivers.load("drivers.mcp2515").Mcp2515(
        chip, chip.cs, chip.interrupt if wired else None, 8
    )
    with firmware_drivers.names():
        driver.start(500000, True, None)

    def ticks_us() -> int:
        # read once a frame
        chip.pass_time(record_us)
        return chip.now & 0x3FFFFFFF

    clock = firmware.module("clock").Clock(ticks_us)
    ring = firmware.module("ring").Ring(16)
    chip.bytes = chip.transactions = chip.frames = got = disorder = 0
    last = -1
    while got < count:
        before = chip.transactions
        arrived = driver.receive(ring, clock)
        if not arrived:
            # an idle poll is no cost of a frame
            idle = chip.transactions - before
            chip.transactions -= idle
            chip.bytes -= 2 * idle
            chip.pass_time(10)
        got += arrived
        while ring.count:
            # its identifier counts
            key = int.from_bytes(ring.records[ring.first + 7 : ring.first + 9], "little")
            disorder += not 0 < (key - last & 0x7FF) < 0x400
            last = key
            ring.take()
            chip.pass_time(frame_us)
    return {
        "transactions": chip.transactions / got,
        "bytes": chip.bytes / got,
        "seen": got / chip.frames,
        "disorder": disorder,
    }


def spi_load(count: int = 2000) -> dict[str, float]:
    """What `tools/bench gateway` prints: averages over all loads on both boards, the most of any, and averages without INT.

    Args:
        count: frames of each run.
    """
    said = {}
    for wired, suffix in ((True, ""), (False, "_without_int")):
        runs = [
            load(percent, *board, wired=wired, count=count) for percent in LOADS for board in BOARDS.values()
        ]
        for what in ("transactions", "bytes"):
            each = [run[what] for run in runs]
            said[f"spi_{what}_per_frame{suffix}"] = round(sum(each) / len(each), 3)
            if wired:
                said[f"spi_{what}_per_frame_most"] = round(max(each), 3)
        said[f"spi_frames_out_of_order{suffix}"] = sum(run["disorder"] for run in runs)
    return said
