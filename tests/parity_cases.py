"""What parity is shown of, kind by kind, and how every executor runs it.

`KINDS` says of each kind how to draw a model, how to draw rows of integer inputs for it, what the host says of them, and
what the board's code is. A `Batch` goes to the VM as one binary file and comes back as one. A new kind of model is

    "GMIX": Kind(random_mixture, random_rows, ran, twins("mixture.Mixture")),

and where `firmware/canbean` has a `mixture_viper.py`, both its bytecode and its kernel are run.
"""

from __future__ import annotations

import itertools
import struct
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import tflite_cases
from arithmetic_cases import arguments, curved, logarithms, multiplications, numbers, requantized
from bus_cases import fingerprint, frames
from canbean.can.frames import ERR, FD, RTR
from canbean.detect.fingerprint import dlc_codes, surprise
from canbean.tiny import tflite
from canbean.tiny.features import Features
from kind_cases import random_lstm, random_mixture, random_rows, random_transitions, random_vae
from parity_vm import (
    KERNELS,
    OF_CURVES,
    OF_FEATURES,
    OF_FINGERPRINT,
    OF_LOGARITHMS,
    OF_REQUANTIZE,
    OF_SECTIONS,
    OF_SEQUENCES,
    STEPS,
    program,
    twins,
)
from predictor_cases import TAGS, random_forest, random_kernel, random_predictor
from regressor_cases import (
    MAKE,
    random_channel,
    random_dense,
    random_neighbours,
    random_polynomial,
    random_readings,
    random_regressor,
    random_spline,
)  # fmt: skip
from tflite_cases import random_inputs, random_network

if TYPE_CHECKING:
    from pathlib import Path

VM_HEAP = "16M"
HAS_LITERT = tflite_cases.writable() and (tflite_cases.runtime() or ("",))[0] == "litert"


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
        native: `native(model)`: whether `viper` calls a kernel for every row of it.
    """

    draw: Any
    inputs: Any
    host: Any
    twins: dict[str, str]
    rows: int = 250
    others: dict[str, Any] = field(default_factory=dict)
    native: Any = lambda _model: True


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


def _sequences(model, x):
    """What a kind with a state says of one sequence after the other."""
    return model.run(x.reshape(-1, STEPS, model.features)).reshape(len(x), -1)


def drawn(make, most=6, **more):
    """A model of a generator `make(rng, features)`; of few features most of the time."""
    return lambda rng: make(
        rng, int(rng.integers(1, 1 + (most if rng.random() < 0.2 else most // 2))), **more
    )


def scored(make):
    """A model of a generator `make(rng, features, outputs)`; of as many features as there may be at times."""

    def draw(rng):
        features = int(rng.choice([63, 20, 6, 3, 2, 1], p=[0.04, 0.06, 0.2, 0.3, 0.2, 0.2]))
        return make(rng, features, int(rng.integers(1, 3 if features > 6 else 6)))

    return draw


def _neighbours(rng):
    """Small tables, and a large one at times."""
    features, most = (63, 8) if rng.random() < 0.02 else (int(rng.integers(1, 7)), 12)
    return random_neighbours(rng, features, most=40 if rng.random() < 0.05 else most)


@dataclass(frozen=True, eq=False)
class _Whole:
    """Everything between readings and an answer, as one content: tag | u32 bytes | section, one after the other."""

    model: Any
    readings: Any
    native: bool

    def to_bytes(self):
        parts = ((tag.encode() + struct.pack("<I", len(c)), c) for tag, c in self.model.sections().items())
        return b"".join(itertools.chain.from_iterable(parts))


def _predictor(rng):
    tag = str(rng.choice(TAGS))
    widths = (63, 20) if rng.random() < 0.05 else (1, 2, 3, 4)
    return _Whole(*random_predictor(rng, tag, 250, widths), native=f"{MODULES.get(tag)}_viper" in KERNELS)


def _regressor(rng):
    tag = str(rng.choice(list(MAKE)))
    regressor = random_regressor(rng, tag)
    return _Whole(regressor, random_readings(rng, regressor, 250), native=True)


def _whole(name):
    """A class of the board that takes all sections."""
    return Kind(
        {"Predictor": _predictor, "Regressor": _regressor}[name],
        lambda _rng, whole, rows: whole.readings[:rows],
        lambda whole, x: whole.model.predict(x),
        twins(f"{name.lower()}.{name}", native=tuple(MODULES.values()), code=OF_SECTIONS),
        native=lambda whole: whole.native,
    )


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


def watched(table):
    """What the feed hands to the watch of frames: seconds from a base, kinds of frame as numbers, eight bytes."""
    base = int(table.t_us.min() // 1_000_000)
    seconds, micros = np.divmod(table.t_us, 1_000_000)
    flags = np.select([table.flags & ERR > 0, table.flags & RTR > 0, table.flags & FD > 0], [3, 2, 1], 0)
    return base, (seconds - base, micros, table.key.astype(int), flags, dlc_codes(table))


def frame_records(table):
    """Frame records as the feed hands them to the watch, 19 bytes each, and the second they count from."""
    base, (seconds, micros, key, flags, codes) = watched(table)
    records = np.zeros((len(table), 19), np.uint8)
    words = (0, seconds, 4), (4, micros | codes << 20, 3), (7, key | flags << 30, 4)
    for at, column, width in words:
        records[:, at : at + width] = column.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width]
    records[:, 11:] = table.data[:, :8]
    return base, records.tobytes()


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
    # five words, of which the last one's last byte is not used
    words = np.zeros((len(model.table), 20), np.uint8)
    words[:, :19] = np.frombuffer(frame_records(model.table)[1], np.uint8).reshape(-1, 19)
    return words.view("<i4")[:rows]


def _surprise(model, x):
    said = surprise(model.known, model.table[: len(x)])
    return np.column_stack([said.bits, said.slot, said.parts.T])


def _networks(bits):
    """Networks that a `.tflite` file can say."""
    return Kind(
        lambda rng: random_network(rng, bits),
        random_inputs,
        ran,
        twins("dense.Dense"),
        others={"litert": _by_litert} if HAS_LITERT else {},
    )


def _by_litert(model, x):
    return tflite_cases.run(tflite.encode(model), x) + tflite.plan(model).offset


# where the kernels are that a kind calls
MODULES = {
    "POLY": "polynomial",
    "KNNS": "neighbours",
    "DENS": "dense",
    "FRST": "forest",
    "RBFS": "rbf",
    "VAEN": "dense",
}
KINDS: dict[str, Kind] = {
    "POLY": Kind(drawn(random_polynomial), features_of, predicted, twins("polynomial.Polynomial", "predict")),
    "POLY scores": Kind(scored(random_polynomial), features_of, ran, twins("polynomial.Polynomial")),
    "KNNS": Kind(_neighbours, features_of, predicted, twins("neighbours.Neighbours", "predict")),
    "SPLN": Kind(drawn(random_spline), features_of, predicted, twins("spline.Spline", "predict")),
    "DENS": Kind(drawn(random_dense), features_of, ran, twins("dense.Dense")),
    "DENS int8": _networks(8),
    "DENS int16": _networks(16),
    "FRST": Kind(scored(random_forest), features_of, ran, twins("forest.Forest")),
    "RBFS": Kind(scored(random_kernel), features_of, ran, twins("rbf.Kernel")),
    "LSTM": Kind(
        lambda rng: random_lstm(rng, (7, 9, 4) if rng.random() < 0.1 else (4, 5, 3)),
        random_rows,
        _sequences,
        twins("lstm.Lstm", native=("dense",), code=OF_SEQUENCES),
        rows=20 * STEPS,
    ),
    "VAEN": Kind(random_vae, random_rows, ran, twins("vae.Vae", native=("dense",))),
    "GMIX": Kind(random_mixture, random_rows, ran, twins("mixture.Mixture")),
    "SEQN": Kind(random_transitions, random_rows, ran, twins("sequence.Transitions")),
    "predictor": _whole("Predictor"),
    "regressor": _whole("Regressor"),
    "FEAT": Kind(
        _front, _readings, lambda model, x: model.features.apply(x), {"bytecode": OF_FEATURES}, rows=125
    ),
    "FPRN": Kind(_bus, _frames, _surprise, twins("fingerprint.Fingerprint", code=OF_FINGERPRINT)),
    "requantize": Kind(
        lambda _rng: b"", multiplications, requantized, {"bytecode": OF_REQUANTIZE}, rows=1000
    ),
    "curves": Kind(lambda _rng: b"", arguments, curved, {"bytecode": OF_CURVES}, rows=1000),
    "logarithms": Kind(lambda _rng: b"", numbers, logarithms, {"bytecode": OF_LOGARITHMS}, rows=1000),
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
        """A case after the other: a head of u32, the section, i32 inputs.

        The head: bytes of the section, rows, inputs a row, outputs a row, whether each row calls a kernel that is there.
        """
        parts = []
        for model, x, said in zip(self.models, self.inputs, self.expected, strict=True):
            section = model if isinstance(model, bytes) else model.to_bytes()
            sizes = len(section), *x.shape, said.shape[1], self.kind.native(model)
            parts += [struct.pack("<IIIII", *sizes), section]
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
        code = program(executor, self.kind.twins[executor], str(cases), str(answers))
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
