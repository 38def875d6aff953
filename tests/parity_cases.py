"""What parity is shown of, kind by kind, and how every executor runs it.

`KINDS` says of each kind how to draw a model, how to draw rows of integer inputs for it, what the host says of them, and
what the board's code is. A `Batch` goes to the VM as one binary file and comes back as one. A new kind of model is

    "GMIX": Kind(drawn(random_mixture), features_of, ran, {"bytecode": twin("mixture.Mixture")}),

and, where a module offers kernels, `"viper": twin("kernels.Mixture")` beside its bytecode.
"""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import tflite_cases
from bus_cases import fingerprint, frames
from canbean.board import firmware
from canbean.can.frames import ERR, FD, RTR
from canbean.detect.fingerprint import dlc_codes, surprise
from canbean.tiny import fixed, tflite
from canbean.tiny.features import Features
from regressor_cases import (
    ACC,
    random_channel,
    random_dense,
    random_neighbours,
    random_polynomial,
    random_readings,
)  # fmt: skip
from tflite_cases import random_inputs, random_network

if TYPE_CHECKING:
    from pathlib import Path

# How the board's own code is called for rows of int32. `make(section)` gives `run(x)`: an int or a buffer of them.
OF_CLASS = """
from canbean.{module} import {name}
def make(section):
    kind = {name}(section)
    return kind.run if hasattr(kind, "run") else kind.predict
"""
OF_FEATURES = """
from array import array
from canbean.features import Features
def make(section):
    front = Features(section)
    out = array("h", bytes(2 * front.channels))
    def run(x):
        front.apply(x, out)
        return out
    return run
"""
OF_REQUANTIZE = """
from canbean.fixed import requantize
def make(section):
    return lambda x: requantize(x[0], x[1], x[2], x[3], x[4], x[5], x[6])
"""
OF_LOGARITHMS = """
from canbean.bucket import bucket
from canbean.fixed import log2_q12
def make(section):
    return lambda x: (log2_q12(x[0]) if x[0] > 0 else 0, bucket(x[0]))
"""
OF_FINGERPRINT = """
from canbean.fingerprint import Fingerprint
class Section:
    def __init__(self, content):
        self.content = content
    def size(self, tag):
        return len(self.content)
    def part(self, tag, start, length):
        return self.content[start : start + length]
def make(section):
    known = Fingerprint(Section(section))
    def run(x):
        bits = known.frame(x[0], x[1], x[2], x[3], memoryview(bytes(x))[16:24])
        return bits, known.slot, known.timing, known.dlc, known.broken
    return run
"""
ON_VM = """
import struct
from array import array
with open({cases!r}, "rb") as cases, open({answers!r}, "wb") as answers:
    while True:
        head = cases.read(16)
        if not head:
            break
        size, rows, width, outputs = struct.unpack("<IIII", head)
        run = make(cases.read(size))
        x = array("i", bytes(4 * width))
        out = array("i", bytes(4 * outputs))
        for _ in range(rows):
            cases.readinto(x)
            said = run(x)
            if isinstance(said, int):
                out[0] = said
            else:
                for i in range(outputs):
                    out[i] = said[i]
            answers.write(out)
"""
VM_HEAP = "16M"
HAS_LITERT = tflite_cases.writable() and (tflite_cases.runtime() or ("",))[0] == "litert"


def twin(path: str) -> str:
    """The board's code of a kind in `firmware/canbean`, as `"module.Class"`; its `run(x)` or `predict(x)` is called."""
    module, name = path.split(".")
    return OF_CLASS.format(module=module, name=name)


@dataclass(frozen=True)
class Kind:
    """What parity is shown of.

    Attributes:
        draw: `draw(rng)`: a model at random, anything with `to_bytes()` (or bytes).
        inputs: `inputs(rng, model, rows)`: integer inputs (rows, width) within int32.
        host: `host(model, inputs)`: what numpy says, (rows, outputs) or (rows,).
        twins: the board's code by executor, `bytecode` and, where a module offers kernels, `viper`.
        rows: inputs a model.
        others: executors that are no board's, by name: `run(model, inputs)` gives (rows, outputs).
    """

    draw: Any
    inputs: Any
    host: Any
    twins: dict[str, str]
    rows: int = 250
    others: dict[str, Any] = field(default_factory=dict)


def features_of(rng, model, rows):
    """Rows of int16 features: uniform, small, and at the edges of the range."""
    x = rng.integers(-32767, 32768, (rows, model.features))
    small = rng.random(rows) < 0.4
    x[small] = np.clip(rng.normal(0, 4096, (int(small.sum()), model.features)), -32767, 32767)
    edge = rng.random(x.shape) < 0.1
    x[edge] = rng.choice([-32767, -1, 0, 1, 32767], int(edge.sum()))
    return x


def ran(model, x):
    """What a kind says, all its outputs."""
    return model.run(x)


def predicted(model, x):
    """What a kind of one output says."""
    return model.predict(x)


def drawn(make, most=6):
    """A model of one of the generators above, of 1 to `most` features."""
    return lambda rng: make(rng, int(rng.integers(1, most + 1)))


@dataclass(frozen=True)
class _Front:
    """A front end as a model: FEAT."""

    features: Features

    def to_bytes(self):
        return self.features.to_bytes() + struct.pack("<ii", 0, 1)


def _front(rng):
    return _Front(Features(tuple(random_channel(rng) for _ in range(int(rng.integers(1, 9))))))


def _readings(rng, model, rows):
    return random_readings(rng, model, rows)


def _multiplications(rng, _model, rows):
    """Rows (acc, m1, m0, shift, zero, low, high) of `requantize`."""
    acc = rng.integers(-ACC, ACC + 1, rows)
    small = rng.random(rows) < 0.3
    acc[small] >>= rng.integers(0, 30, int(small.sum()))
    halves = rng.integers(0, 2**15, (2, rows))
    edge = rng.random((3, rows)) < 0.1
    acc[edge[0]] = rng.choice([-ACC, -32769, -32768, -1, 0, 1, 32767, 32768, ACC], int(edge[0].sum()))
    for half, at in zip(halves, edge[1:], strict=True):
        half[at] = rng.choice([0, 1, 32767], int(at.sum()))
    zero = rng.choice([0, 7, -128, 2**28, -(2**28)], rows)
    ends = np.sort(rng.integers(-(2**28), 2**28, (2, rows)), axis=0)
    wide = rng.random(rows) < 0.5
    ends[0][wide], ends[1][wide] = -(2**30), 2**30 - 1
    return np.stack([acc, *halves, rng.integers(31, 63, rows), zero, *ends], axis=1)


def _requantized(_model, x):
    acc, m1, m0, shift, zero, low, high = x.T
    return fixed.requantize(acc, fixed.joined(m1, m0), shift, zero, low, high)


def _numbers(rng, _model, rows):
    """Rows of one integer below 2**30, powers of two and their neighbours among them; some not above 0."""
    x = np.exp2(rng.uniform(0, 29.99999, rows)).astype(np.int64)
    edge = rng.random(rows) < 0.3
    n = int(edge.sum())
    x[edge] = np.clip((1 << rng.integers(0, 31, n)) + rng.integers(-2, 3, n), -5, 2**30 - 1)
    return x[:, None]


def _logarithms(_model, x):
    x = x[:, 0]
    return np.stack([np.where(x > 0, fixed.log2_q12(np.maximum(x, 1)), 0), fixed.bucket(x)], axis=1)


def watched(table):
    """What the feed hands to the watch of frames: seconds from a base, kinds of frame as numbers, eight bytes."""
    base = int(table.t_us.min() // 1_000_000)
    seconds, micros = np.divmod(table.t_us, 1_000_000)
    flags = np.select([table.flags & ERR > 0, table.flags & RTR > 0, table.flags & FD > 0], [3, 2, 1], 0)
    return base, (seconds - base, micros, table.key.astype(int), flags, dlc_codes(table))


@dataclass(frozen=True, eq=False)
class _Bus:
    """A fingerprint with frames for it."""

    known: Any
    table: Any = field(repr=False)

    def to_bytes(self):
        return self.known.to_bytes()


def _bus(rng):
    known = fingerprint(rng)
    table = frames(rng, known, 340)
    return _Bus(known, table[table.flags < RTR][:250])


def _frames(_rng, model, rows):
    _, (seconds, micros, key, _, code) = watched(model.table)
    data = np.ascontiguousarray(model.table.data[:, :8]).view("<i4")
    return np.column_stack([seconds, micros, key, code, data])[:rows]


def _surprise(model, x):
    said = surprise(model.known, model.table[: len(x)])
    return np.column_stack([said.bits, said.slot, said.parts.T])


def _networks(bits):
    """Networks that a `.tflite` file can say."""
    return Kind(
        lambda rng: random_network(rng, bits),
        random_inputs,
        ran,
        {"bytecode": twin("dense.Dense")},
        others={"litert": _by_litert} if HAS_LITERT else {},
    )


def _by_litert(model, x):
    return tflite_cases.run(tflite.encode(model), x) + tflite.plan(model).offset


KINDS: dict[str, Kind] = {
    "POLY": Kind(
        drawn(random_polynomial),
        features_of,
        predicted,
        {"bytecode": twin("polynomial.Polynomial")},
    ),
    "KNNS": Kind(
        drawn(random_neighbours),
        features_of,
        predicted,
        {"bytecode": twin("neighbours.Neighbours")},
    ),
    "DENS": Kind(drawn(random_dense), features_of, ran, {"bytecode": twin("dense.Dense")}),
    "DENS int8": _networks(8),
    "DENS int16": _networks(16),
    "FEAT": Kind(
        _front, _readings, lambda model, x: model.features.apply(x), {"bytecode": OF_FEATURES}, rows=125
    ),
    "FPRN": Kind(_bus, _frames, _surprise, {"bytecode": OF_FINGERPRINT}),
    "requantize": Kind(
        lambda _rng: b"", _multiplications, _requantized, {"bytecode": OF_REQUANTIZE}, rows=1000
    ),
    "logarithms": Kind(lambda _rng: b"", _numbers, _logarithms, {"bytecode": OF_LOGARITHMS}, rows=1000),
}


class Batch:
    """Models of a kind with inputs and what the host says of them.

    Args:
        kind: a name of `KINDS`.
        rng: a numpy generator.
        inferences: at least so many rows.
    """

    def __init__(self, kind: str, rng, inferences: int) -> None:
        self.kind = KINDS[kind]
        self.models, self.inputs, self.expected = [], [], []
        while self.rows < inferences:
            model = self.kind.draw(rng)
            x = np.asarray(self.kind.inputs(rng, model, self.kind.rows), np.int64)
            said = np.asarray(self.kind.host(model, x), np.int64).reshape(len(x), -1)
            self.models.append(model)
            self.inputs.append(x)
            self.expected.append(said)

    @property
    def executors(self) -> list[str]:
        """What can run the kind here."""
        return [*self.kind.twins, *self.kind.others]

    @property
    def rows(self) -> int:
        """Inferences in the batch."""
        return sum(map(len, self.inputs))

    def to_bytes(self) -> bytes:
        """A case after the other: u32 bytes of the section, rows, inputs a row, outputs a row | section | i32 inputs."""
        parts = []
        for model, x, said in zip(self.models, self.inputs, self.expected, strict=True):
            section = model if isinstance(model, bytes) else model.to_bytes()
            parts += [struct.pack("<IIII", len(section), *x.shape, said.shape[1]), section]
            parts.append(x.astype("<i4").tobytes())
        return b"".join(parts)

    def answers(self, executor: str, micropython: str, folder: Path) -> np.ndarray:
        """What an executor says, flat, as `flat`.

        Args:
            executor: a key of the kind's `twins`, which run on the MicroPython VM, or of its `others`.
            micropython: the VM.
            folder: for the two files.

        Raises:
            AssertionError: the VM stops with an error, which the message holds.
        """
        if executor in self.kind.others:
            run = self.kind.others[executor]
            return np.concatenate([run(*case).ravel() for case in zip(self.models, self.inputs, strict=True)])
        cases, answers = folder / "cases.bin", folder / "answers.bin"
        cases.write_bytes(self.to_bytes())
        code = (
            f"import sys\nsys.path.insert(0, {str(firmware.folder())!r})\n"
            + self.kind.twins[executor]
            + ON_VM.format(cases=str(cases), answers=str(answers))
        )
        done = subprocess.run(
            [micropython, "-X", f"heapsize={VM_HEAP}", "-c", code],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return np.fromfile(answers, "<i4").astype(np.int64)

    def flat(self) -> np.ndarray:
        """What the host says, case after case, row after row."""
        return np.concatenate([said.ravel() for said in self.expected])

    def mismatches(self, answers: np.ndarray) -> int:
        """Rows of which any output differs."""
        assert answers.size == self.flat().size, "an executor gave another number of answers"
        at, wrong = 0, 0
        for said in self.expected:
            given = answers[at : at + said.size].reshape(said.shape)
            wrong += int((given != said).any(axis=1).sum())
            at += said.size
        return wrong
