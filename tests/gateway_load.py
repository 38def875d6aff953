"""The gateway under load: a bus of 50 ids, its model, a million frames, and what all of it costs in heap."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from canbean.board import Board, VirtualBoard, firmware
from canbean.board.feed import feed
from canbean.can import simulate
from canbean.can.frames import Frames
from canbean.detect import model
from canbean.detect.learn import learn
from canbean.detect.select import select
from canbean.tiny import cbm
from conftest import RUN_32, Vm, find_vm
from parity_cases import frame_records

if TYPE_CHECKING:
    from pathlib import Path

IDS = 50
LEDGER_BYTES = 24_576
"""What firmware, model and state may take on the smallest board (design: of about 30 KiB free after boot)."""

ON_32_BIT = """
import gc
gc.disable()
gc.collect()
before = gc.mem_alloc()
from canbean.console import Console
from canbean.lines import Lines
from canbean.link import Link
from drivers.feed import Feed
lines = Lines(lambda data: None, "00000000")
from apps import gateway
watch, digest = gateway.load(lines)
link = Link(lambda buffer: 0, None, None, None, 128)
feed = Feed(lines, 10, watch)
# A frame that raises an alert: what that takes once, and the collector finds no stale word on the stack.
watch.frame(b"\\1\\0\\0\\0\\0\\0\\x80\\xff\\7" + bytes(10), 0)
feed.idle()
gc.collect()
print(gc.mem_alloc() - before)
"""


def bus(seconds: float, seed: int) -> Frames:
    """Simulated traffic of 50 ids: a drive, and another one of which 18 ids are moved to free places."""
    one, two = simulate.drive(seconds, seed), simulate.drive(seconds, seed + 1000)
    known = np.unique(one.id)
    moved = known[: IDS - len(known)]
    two = two[np.isin(two.id, moved)]
    return Frames.concat([one, two.changed(id=two.id + 0x400)]).in_time_order()


def bus_model(path: Path, detectors: tuple[str, ...] = ("fingerprint",)) -> Path:
    """A model of that bus, with the detectors that are named.

    The smallest board gets the fingerprint alone (`select` leaves out what does not fit).
    """
    learned = select(learn([bus(120, 1)]), detectors).learned
    assert len(learned.fingerprint) == IDS
    cbm.write(path, model.pack(learned, {"name": "load", "data": "simulated", "made_from": "a test"}))
    return path


def default_model(path: Path) -> Path:
    """What `can learn` makes of a simulated drive of fifteen minutes when it chooses the detectors itself."""
    learned = select(learn([simulate.drive(900, 1)])).learned
    cbm.write(path, model.pack(learned, {"name": "default", "data": "simulated", "made_from": "a test"}))
    return path


def soak(model_path: Path, count: int, heap: str = "23wK", progress=None) -> dict[str, object]:
    """Replay `count` frames onto the virtual board; free heap before and after, speed, alerts."""
    part = bus(60, 7)
    rounds = -(-count // len(part))
    length = int(part.t_us.max()) + 1000
    frames = Frames.concat([part.changed(t_us=part.t_us + k * length) for k in range(rounds)])[:count]
    with VirtualBoard(model_path, "gateway", heap=heap) as virtual, Board(virtual.port) as board:
        # The first frames settle what is allocated once (a first alert, the interned names).
        feed(board, frames[:2000])
        before = board.ask("status", "status").values["heap_free"]
        counts = feed(board, frames, progress=progress)
        status = board.ask("status", "status").values
    return {
        "frames": counts.frames,
        "alerts": counts.alerts,
        "heap_free_before": before,
        "heap_free_after": status["heap_free"],
        "frames_per_second": round(counts.frames / counts.seconds),
        "errors": status["errors"],
    }


IN_MEMORY = """
import gc, json, sys, time
from canbean.model import Model
from canbean.watch import SECTIONS, Watch

class Lines:
    def alert(self, fields, values):
        pass

model = Model(sys.argv[1], "gateway", SECTIONS)
watch = Watch(model, Lines())
watch.golden(model)
model.close()
with open(sys.argv[2], "rb") as file:
    records = file.read()

def play(frame, count):
    for at in range(0, 19 * count, 19):
        frame(records, at)

def grown(count):
    global us
    before = gc.mem_alloc()
    start = time.ticks_us()
    play(watch.frame, count)
    us = time.ticks_diff(time.ticks_us(), start)
    return gc.mem_alloc() - before

def counting(judge):
    def counted(breathe):
        global windows
        windows += 1
        return judge(breathe)
    return counted

gc.collect()
gc.disable()
frames = len(records) // 19
# what is set once is set, and what the measurement itself takes is taken off
play(watch.frame, frames)
watch.reset()
few = grown(1000)
watch.reset()
many = grown(frames)
alerts = watch.alerts
windows = 0
watch.reset()
for one in watch.windows:
    one.judge = counting(one.judge)
play(watch.frame, frames)
names = ["fingerprint"] + (["checks"] if watch.checks else []) + [one.name for one in watch.windows]
print(json.dumps({
    "detectors": names, "frames": frames, "frames_per_second": 1000000 * frames // us, "alerts": alerts,
    "windows": windows, "allocated_bytes": many - few,
}))
"""


def in_memory(model_path: Path, frames: Frames, folder: Path) -> dict[str, object]:
    """Frames a second through the watch on the unix VM, and what it has allocated after all frames and windows.

    Alerts allocate.
    """
    records = folder / "frames.bin"
    records.write_bytes(frame_records(frames)[1])
    executable = find_vm()
    assert executable is not None
    return json.loads(Vm(executable).run(IN_MEMORY, model_path, records, heap="32M"))


def ledger(model_path: Path, folder: Path) -> int:
    """Bytes that firmware, model and state of the gateway take on a VM with 32-bit words and 31-bit small integers."""
    firmware.build(folder, "gateway", "linux")
    shutil.copy(model_path, folder / "model.cbm")
    # That VM has its files under /input and no working folder.
    code = "import sys\nsys.path.insert(0, '/input')\n" + ON_32_BIT.replace(
        "gateway.load(lines)", "gateway.load(lines, '/input/model.cbm')"
    )
    done = subprocess.run(
        [sys.executable, "-c", RUN_32, str(folder), "10000000000"],
        input=code,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return int(done.stdout)


NEEDED = (
    "__init__", "alert", "bucket", "bus", "console", "feed", "fingerprint", "gateway", "hmac", "lines", "link", "linux",
    "model", "watch",
)  # fmt: skip
"""Files of the gateway with the fingerprint alone; each detector besides brings its own."""


def mpy_bytes(folder: Path) -> int:
    """Bytes of .mpy that the gateway needs on a board for its fingerprint, in a folder made by `ledger`."""
    return sum(path.stat().st_size for path in folder.rglob("*.mpy") if path.stem in NEEDED)
