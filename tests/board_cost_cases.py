"""Gateways of several sizes and kinds, and what a frame of theirs takes on the 32-bit VM."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.board import firmware
from canbean.detect import model
from canbean.detect.checks import CHECKSUM, CRC, Check, Checks, IdChecks
from canbean.detect.fingerprint import Fingerprint
from canbean.detect.gateway import Gateway
from canbean.detect.rules import Rules
from canbean.tiny import cbm
from check_cases import random_check
from detector_cases import random_sequence, random_windows
from drift_cases import random_clock
from fuel_load import MEASURE, fingerprint_section
from relation_cases import random_detector

if TYPE_CHECKING:
    from pathlib import Path

LOAD = """
import gc
sections = {sections!r}
class Model:
    sections = sections
    def size(self, tag):
        return len(sections[tag])
    def part(self, tag, start, length):
        return sections[tag][start : start + length]
    def place(self, tag, start, length):
        return memoryview(self.part(tag, start, length))
    def into(self, tag, start, view):
        import io
        file = io.BytesIO(sections[tag])
        file.seek(start)
        file.readinto(view)
class Lines:
    pass
def make():
    from canbean.watch import Watch
    watch = Watch(Model(), Lines())
    for one in (watch.fingerprint,) + tuple(watch.windows):
        one.threshold = 30000  # no alerts
    records = bytearray({ids} * 19)
    for i in range({ids}):
        key = 0x100 + 16 * (i * 7 % {ids})
        records[19 * i : 19 * i + 19] = bytes([0, 0, 0, 0, 0, 0, 128, key & 255, key >> 8, 0, 0, 7] + [85] * 6 + [9])
    return watch, records
watch, records = make()
def clean():
    # What a compiler leaves behind lies between the objects, and slows what looks for room.
    gc.collect()
def work(first, last):
    for i in range(first, last):
        at = i % {ids} * 19
        us = i % 5000 * 200
        records[at] = i // 5000
        records[at + 4] = us & 255
        records[at + 5] = us >> 8 & 255
        records[at + 6] = 128 | us >> 16
        watch.frame(records, at)
"""
FRAMES = """
import gc, sys
gc.disable()
sys.path.insert(0, "/input")
import load
load.clean()
load.work(0, {frames:6d})
"""
WARM, COUNTED = 100, 400


def gateway(
    ids,
    *,
    unknown_bits=1024,
    checks=(0, 0),
    rules=0,
    payloads=None,
    crcs=0,
    sequence=False,
    mixture=False,
    clock=False,
    vae=None,
    lstm=None,
) -> Gateway:
    """A gateway of `ids` ids; `checks`: how many of them have any, and how many each of those has.

    `payloads`: how many rules look at two bytes of payload; half of them if not given. `vae` and `lstm` are seeds of small such detectors; they need the 40 ids of which they have signals.
    """
    rng = np.random.default_rng(1)
    known = replace(Fingerprint.from_bytes(fingerprint_section(ids)), unknown_bits=unknown_bits)
    found = {}
    if sequence:
        found["sequence"] = random_sequence(rng, ids)
    if mixture:
        found["mixture"] = replace(random_windows(rng, ids), window_us=250_000)
    if clock:
        found["clock"] = random_clock(rng, ids)
    for name, seed in (("vae", vae), ("lstm", lstm)):
        if seed is not None:
            made = random_detector(name, np.random.default_rng(seed))
            signals = [replace(one, key=0x100 + 16 * one.key) for one in made.signals.signals]
            found[name] = replace(made, signals=replace(made.signals, signals=tuple(signals)))
    of_ids = [IdChecks(slot, 8, tuple(_checks(rng, checks[1]))) for slot in range(checks[0])]
    for slot in range(crcs):
        crc = Check(CHECKSUM, 40, 56, 8, False, (CRC, 6 << 4, 2 * slot + 7, 0))
        of_ids[slot] = replace(of_ids[slot], checks=(*of_ids[slot].checks, crc))
    asked = rules // 2 if payloads is None else payloads
    denied = [f"{0x700 + i:03X}" + "#00FF" * (i < asked) for i in range(rules)]
    return Gateway(known, Checks(tuple(of_ids)) if of_ids else None, found, Rules.parse(deny=denied))


def _checks(rng, count):
    found = []
    while len(found) < count:
        check = random_check(rng, 8)
        if check.kind != CHECKSUM:
            found.append(check)
    return found


def write(of: Gateway, path: Path) -> Path:
    """The model file of a gateway."""
    cbm.write(path, cbm.Model({"META": cbm.encode_meta({"app": "gateway"}), **model.sections(of)}))
    return path


def fuel_a_frame(of: Gateway, folder: Path) -> int:
    """Fuel of a frame that raises no alert, its call included; `folder` is empty."""
    firmware.build(folder, "gateway", "linux")
    (folder / "load.py").write_text(LOAD.format(sections=model.sections(of), ids=len(of.fingerprint)))
    scripts = [FRAMES.format(frames=count) for count in (WARM, WARM + COUNTED)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder)],
        input=json.dumps(scripts), capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    few, more = json.loads(done.stdout)
    return (more - few) // COUNTED
