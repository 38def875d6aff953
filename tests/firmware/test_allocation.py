"""Nothing is allocated a frame and nothing a window: 10,000 of each on the VM, with its kernels and in bytecode."""

from dataclasses import replace

import numpy as np
import pytest

import detector_cases
import drift_cases
import relation_cases
from bus_cases import fingerprint, frames
from canbean.can.frames import RTR
from canbean.detect import detectors
from canbean.detect.checks import Checks
from check_cases import random_checks
from fingerprint_cases import KNOWN
from parity_cases import frame_records
from parity_vm import HIDE, KERNELS

MOST = 256  # bytes that the measurement itself takes, however many frames there are

OF_FRAMES = """
import gc
from array import array
from canbean.watch import Watch
gc.disable()

class Section:
    def __init__(self, sections):
        self.sections = sections
    def size(self, tag):
        return len(self.sections[tag])
    def part(self, tag, start, length):
        return self.sections[tag][start : start + length]
    def place(self, tag, start, length):
        return memoryview(self.part(tag, start, length))
    def into(self, tag, start, view):
        import io
        file = io.BytesIO(self.sections[tag])
        file.seek(start)
        file.readinto(view)

watch = Watch(Section({sections!r}), None)
records = {records!r}
for i in range(watch.fingerprint.n):
    watch.fingerprint.timeout[i] = 1000000000
watch.fingerprint.threshold = 2000
for one in watch.windows:
    one.threshold = 2000

def play(count):
    frame = watch.frame
    while count > 0:
        for at in range(0, len(records), 19):
            frame(records, at)
            count -= 1
play(100)

def grown(count):
    before = gc.mem_alloc()
    play(count)
    return gc.mem_alloc() - before

print(grown(100), grown(10000))
"""

OF_WINDOWS = (
    KNOWN
    + """
import gc
from canbean.{module} import Detector
gc.disable()

class Section:
    def __init__(self, content):
        self.content = content
    def size(self, tag):
        return len(self.content)
    def part(self, tag, start, length):
        return self.content[start : start + length]
    def place(self, tag, start, length):
        return memoryview(self.part(tag, start, length))
    def into(self, tag, start, view):
        import io
        file = io.BytesIO(self.content)
        file.seek(start)
        file.readinto(view)

known = Known({keys!r})
detector = Detector(Section({section!r}), known)
rows = {rows!r}
gaps = {gaps!r}

def play(count):
    judged = 0
    while judged < count:
        i = 0
        for s, us, slot, code, data in rows:
            if slot < known.n:
                known.now[34 + 2 * known.n + 3 * slot] = gaps[i]
            i += 1
            if step(detector, known, s, us, slot, code, data) >= 0:
                judged += 1
play(100)

def grown(count):
    before = gc.mem_alloc()
    play(count)
    return gc.mem_alloc() - before

print(grown(100), grown(10000))
assert hasattr(sys.modules["canbean.{kernel}_viper"], "follow") == {native}
"""
)
KERNEL = {"sequence": "order", "mixture": "windows", "clock": "drift", "vae": "signals", "lstm": "signals"}
"""Whose kernel takes frames into a detector."""


def of_windows(name, rng):
    """A detector, the keys of its ids, and rows of frames of which many end a window."""
    if name in ("vae", "lstm"):
        detector = relation_cases.random_detector(name, rng)
        traffic = relation_cases.random_traffic(rng, detector.signals)
    elif name == "clock":
        traffic, _, periods = drift_cases.random_beats(rng, 500)
        detector = drift_cases.random_clock(rng, len(traffic.keys), periods)
        table = detector.table
        detector = replace(detector, table=table._replace(frames=np.full_like(table.frames, 2)))
    else:
        traffic, _ = detector_cases.random_traffic(rng, 400)
        detector = detector_cases.RANDOM[name](rng, len(traffic.keys))
        if name == "mixture":
            detector = replace(detector, window_us=1000)
    rows = [row for row in detector_cases.board_rows(traffic) if row[0] < 1 << 30]
    return detector, traffic.keys.tolist(), rows


def gaps_of(rows):
    """Microseconds since the id of each row came last, -1 for the first."""
    seen, found = {}, []
    for s, us, slot, *_ in rows:
        t_us = 1_000_000 * s + us
        found.append(min(max(t_us - seen.get(slot, t_us + 1), -1), 1_000_000_000))
        seen[slot] = t_us
    return found


@pytest.mark.parametrize("head", ["", HIDE.format(kernels=KERNELS)], ids=["native", "bytecode"])
@pytest.mark.parametrize("name", detectors.names())
def test_of_windows(name, head, vm):
    detector, keys, rows = of_windows(name, np.random.default_rng(2))
    code = head + OF_WINDOWS.format(
        module=detectors.module(name).BOARD,
        keys=keys,
        section=detector.to_bytes(),
        rows=rows,
        gaps=gaps_of(rows),
        kernel=KERNEL[name],
        native=not head,
    )
    few, many = map(int, vm.run(code, heap="4M").split())
    assert many == few <= MOST


@pytest.mark.parametrize("head", ["", HIDE.format(kernels=KERNELS)], ids=["native", "bytecode"])
def test_of_frames(head, vm):
    rng = np.random.default_rng(5)
    known = fingerprint(rng)
    checks = Checks(tuple(one for one in random_checks(rng).ids if one.slot < len(known)))
    assert len(checks)
    table = frames(rng, known, 400)
    table = table[table.flags < RTR]
    sections = {"FPRN": known.to_bytes(), "CHKS": checks.to_bytes()}
    for name in ("sequence", "mixture"):
        detector = detector_cases.RANDOM[name](rng, len(known))
        sections[detectors.module(name).TAG] = detector.to_bytes()
    code = head + OF_FRAMES.format(sections=sections, records=frame_records(table)[1])
    few, many = map(int, vm.run(code, heap="4M").split())
    assert many == few <= MOST
