"""The gateway under load: a bus of 50 ids, its model, a million frames, and what all of it costs in heap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from canbean.board import Board, VirtualBoard
from canbean.board.feed import feed
from canbean.can import simulate
from canbean.can.frames import Frames
from canbean.detect import model
from canbean.detect.learn import learn
from canbean.detect.select import select
from canbean.tiny import cbm
from conftest import Vm, find_vm
from parity_cases import frame_records

if TYPE_CHECKING:
    from pathlib import Path

IDS = 50


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


def heap_free(board: Board) -> int:
    """Free heap of a board: the most of a few answers, since its collector takes stale words of the stack for what is in use."""
    return max(board.ask("status", "status").values["heap_free"] for _ in range(8))


def soak(model_path: Path, count: int, heap: str = "23wK", progress=None) -> dict[str, object]:
    """Replay `count` frames onto the virtual board; free heap before and after, speed, alerts."""
    part = bus(60, 7)
    rounds = -(-count // len(part))
    length = int(part.t_us.max()) + 1000
    frames = Frames.concat([part.changed(t_us=part.t_us + k * length) for k in range(rounds)])[:count]
    with VirtualBoard(model_path, "gateway", heap=heap) as virtual, Board(virtual.port) as board:
        # The first frames settle what is allocated once (a first alert, the interned names).
        feed(board, frames[:2000])
        before = heap_free(board)
        counts = feed(board, frames, progress=progress)
        after = heap_free(board)
        errors = board.ask("status", "status").values["errors"]
    return {
        "frames": counts.frames,
        "alerts": counts.alerts,
        "heap_free_before": before,
        "heap_free_after": after,
        "frames_per_second": round(counts.frames / counts.seconds),
        "errors": errors,
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
