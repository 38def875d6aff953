"""Signals after all that came before: a recurrent network, trained against a liar, says what each should have become by now.

Sampled at a fixed rate, it sees what changes slowly after something else (a display after its sensor, a torque after a pedal). In
most of the sequences of `WINDOW` samples that it learns from one id or signal is another time's, and the truth is asked back
(`denoising.py`): a liar's error therefore lasts as long as the lie. To ask for the value after the next sample instead found
fewer lies: what a driver does within it hides them. Some cells start as linear relations between ids, the others remember.
Clean errors set how surprising one is. The id with the largest error is blamed.

LSTW:

```
gate | signals (`signals.py`) | FEAT | u16 multiplier [d] | u8 shift [d] | u32 bytes | LSTM | tails (`residuals.py`)
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.detect.denoising import apart, liars, minimise, neural, penalty, rounded
from canbean.detect.informative import reduced, relations
from canbean.detect.relation import ENOUGH_S, judged, known_samples, lesson
from canbean.detect.residuals import Residuals, Scale
from canbean.detect.rounding import trained
from canbean.detect.signals import Signals
from canbean.detect.windows import Gate
from canbean.errors import ModelError, QuantizeError
from canbean.tiny.dense import FEATURE
from canbean.tiny.deviation import check
from canbean.tiny.features import Features
from canbean.tiny.lstm import Lstm, run_float
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.detect.relation import Lesson
    from canbean.detect.rounding import Errors
    from canbean.detect.windows import Clean, Judged, Traffic

TAG = "LSTW"
BOARD = "lstm_watch"  # the module of `firmware/canbean` with its twin

NEEDS_S = ENOUGH_S
SIGNALS = 20
CELLS = 28
STEPS = 3000
BATCH = 64
WINDOW = 24
"""Samples of a sequence: 2.4 s."""
IGNORED = 4
"""Samples at its beginning that are not asked for: the state is empty then."""
DRAWN = 1e-3
"""Price of a weight's squared distance from its start."""
CODE = 16
"""Cells that begin as linear relations."""
SMALL, OPEN = 0.1, 4.0
"""What a cell is given of a standard deviation, and the bias of an open gate."""
RATE = 2e-3
FINEST = 0.02
"""Standard deviations below which an error is not worth reducing."""

Weights = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Detector:
    """A recurrent network over sampled signals.

    Attributes:
        gate: between its bits and an alert.
        signals: what is sampled, d signals.
        features: readings to features.
        scale: how large errors usually are.
        model: the network, d inputs and d outputs.
        residuals: how surprising errors are.
    """

    gate: Gate
    signals: Signals
    features: Features
    scale: Scale
    model: Lstm
    residuals: Residuals

    def gated(self, gate: Gate) -> Detector:
        """The same detector behind another gate."""
        return replace(self, gate=gate)

    def to_bytes(self) -> bytes:
        """The layout above."""
        content = self.model.to_bytes()
        parts = (self.gate, self.signals, self.features)
        scales = padded(self.scale.multiplier.astype("<u2").tobytes())
        scales += padded(self.scale.shift.astype("u1").tobytes())
        head = b"".join(part.to_bytes() for part in parts)
        return head + scales + struct.pack("<I", len(content)) + content + self.residuals.to_bytes()

    def judge(self, traffic: Traffic) -> Judged:
        """Every judgement from a fresh start; the integers equal the board's."""
        samples = known_samples(self.signals, self.features, self.residuals, traffic)
        x = self.features.apply(samples.values)
        error = self.scale.normalised(surprises(self.model, x, samples.first))

        def accuse(_: NDArray[np.int64], largest: NDArray[np.int64]) -> NDArray[np.int64]:
            return np.asarray(largest.argmax(axis=1), np.int64)

        return judged(self.signals, samples, self.residuals, error, accuse=accuse, traffic=traffic)


def surprises(model: Lstm | Real, x: NDArray[np.int64], first: NDArray[np.bool_]) -> NDArray[np.int64]:
    """What features (w, d) are off by from what they should have become, (w, d), each state from its beginning."""
    errors = np.zeros_like(x)
    begins = np.flatnonzero(first)
    sizes = np.diff(begins, append=len(x))
    for size in np.unique(sizes):
        rows = begins[sizes == size, None] + np.arange(size)
        errors[rows] = x[rows] - model.run(x[rows])
    return errors


def learn(clean: Clean, *, steps: int = STEPS, most: int = SIGNALS) -> Detector | None:
    """Learn from clean traffic; None where it is too little, or its signals tell too little of each other.

    Args:
        clean: the traffic.
        steps: of training.
        most: signals at most.

    Raises:
        UsageError: JAX is not installed.
        QuantizeError: its integers cost too much.
    """
    neural()
    taught = lesson(clean, most)
    if taught is None:
        return None
    sequences = windows(taught)
    if sequences is None:
        return None

    def attempt(lesson: Lesson) -> tuple[Lstm, Errors, Errors]:
        weights = train(lesson, sequences, steps)
        gates = weights["inputs"], weights["recurrent"], weights["bias"]
        model = Lstm.from_float(*gates, [(weights["head"], weights["offset"])], sequences)
        return model, partial(surprises, model), partial(surprises, Real(weights))

    found = trained(taught, attempt)
    if found is None:
        return None
    return Detector(found.gate, taught.signals, taught.features, found.scale, found.model, found.residuals)


@dataclass(frozen=True)
class Real:
    """The network in floating point."""

    weights: Weights

    def run(self, sequences: NDArray[np.int64]) -> NDArray[np.int64]:
        """As `Lstm.run`."""
        own = self.weights
        states = run_float(own["inputs"], own["recurrent"], own["bias"], sequences / FEATURE)
        return np.asarray(np.rint(FEATURE * (states @ own["head"].T + own["offset"])), np.int64)


def windows(taught: Lesson) -> NDArray[np.float64] | None:
    """float64 (n, WINDOW, d): all stretches of the earlier samples, in standard deviations; None without any."""
    whole = ~taught.later
    begins = np.cumsum(taught.first)
    start = np.arange(len(whole) - WINDOW + 1)
    end = start + WINDOW - 1
    start = start[(begins[start] == begins[end]) & whole[start] & whole[end]]
    if not len(start):
        return None
    found: NDArray[np.float64] = taught.x[start[:, None] + np.arange(WINDOW)] / FEATURE
    return found


def train(taught: Lesson, sequences: NDArray[np.float64], steps: int) -> Weights:
    """Gates (4 * cells rows: input, forget, candidate, output), head and their biases, float64."""
    jax, _ = neural()
    jnp = jax.numpy
    x, group = taught.earlier, taught.signals.group
    weights = relations(x, group)
    usual = np.maximum(np.sqrt(((x - x @ weights) ** 2).mean(axis=0)), FINEST)
    begin = linear(x, weights, usual, np.random.default_rng(taught.seed))
    rows, scale = jnp.asarray(sequences, "float32"), jnp.asarray(usual, "float32")
    start = jax.tree.map(lambda value: jnp.asarray(value, "float32"), begin)

    def loss(weights: Weights, key: Any) -> Any:
        one, other, which = jax.random.split(key, 3)
        truth = rows[jax.random.randint(one, (BATCH,), 0, len(sequences))]
        lie = rows[jax.random.randint(other, (BATCH,), 0, len(sequences))]
        lied = liars(which, BATCH, group)[:, None]
        stored = weights | {name: rounded(weights[name]) for name in ("inputs", "recurrent", "head")}
        told = run(stored, jnp.where(lied, lie, truth))[:, IGNORED:]
        error = (truth[:, IGNORED:] - told) / scale
        return penalty(error, lied) + DRAWN * apart(weights, start)

    trained: Weights = minimise(loss, begin, steps, taught.seed, RATE)
    return trained


def linear(
    x: NDArray[np.float64], weights: NDArray[np.float64], usual: NDArray[np.float64], rng: np.random.Generator
) -> Weights:
    """Weights that compute linear relations of the moment in `CODE` of the cells; the others can learn to remember.

    A cell whose input and output gates are open and whose forget gate is shut passes on what is small: tanh is linear there.

    Args:
        x: (n, d) samples in standard deviations.
        weights: (d, d) relations, a column a signal.
        usual: (d,) their errors.
        rng: draws the other cells.
    """
    width = x.shape[1]
    encode, decode = reduced(x, weights, usual, CODE)
    code = encode.shape[1]
    inputs = rng.normal(0, 0.5 / np.sqrt(width), (4, CELLS, width))
    recurrent = rng.normal(0, 0.5 / np.sqrt(CELLS), (4, CELLS, CELLS))
    bias = np.zeros((4, CELLS))
    bias[1] = 1.0
    inputs[:, :code] = recurrent[:, :code] = 0
    inputs[2, :code] = SMALL * encode.T
    bias[:, :code] = np.array([OPEN, -OPEN, 0, OPEN])[:, None]
    passed = 1 / (1 + np.exp(-OPEN))
    head = np.zeros((width, CELLS))
    head[:, :code] = decode.T / (SMALL * passed**2)
    return {
        "inputs": inputs.reshape(-1, width),
        "recurrent": recurrent.reshape(-1, CELLS),
        "bias": bias.ravel(),
        "head": head,
        "offset": np.zeros(width),
    }


def run(weights: Weights, x: Any) -> Any:
    """Sequences (n, t, d) to what each should have become, (n, t, d), in JAX."""
    jax, _ = neural()
    jnp = jax.numpy

    def step(state: Any, now: Any) -> Any:
        memory, hidden = state
        gates = now @ weights["inputs"].T + hidden @ weights["recurrent"].T + weights["bias"]
        enter, forget, candidate, out = jnp.split(gates, 4, axis=1)
        memory = jax.nn.sigmoid(forget) * memory + jax.nn.sigmoid(enter) * jnp.tanh(candidate)
        hidden = jax.nn.sigmoid(out) * jnp.tanh(memory)
        return (memory, hidden), hidden @ weights["head"].T + weights["offset"]

    empty = jnp.zeros((x.shape[0], CELLS))
    _, told = jax.lax.scan(step, (empty, empty), jnp.swapaxes(x, 0, 1))
    return jnp.swapaxes(told, 0, 1)


def read(section: bytes) -> Detector:
    """Read the layout above.

    Raises:
        ModelError: the section does not hold such a detector.
    """
    reader = Reader(section, f"section {TAG}")
    gate = Gate(*reader.struct("HBB"))
    signals, features = Signals.parse(reader), Features.parse(reader)
    count = len(signals)
    scale = Scale(reader.array("u2", count), reader.array("u1", count))
    (size,) = reader.struct("I")
    model = Lstm.from_bytes(reader.array("u1", size).astype(np.uint8).tobytes(), f"section {TAG}")
    residuals = Residuals.parse(reader, count)
    reader.end()
    if not count == len(features.channels) == model.features == model.outputs:
        raise ModelError(f"{reader.where}: its parts are of different numbers of signals")
    try:
        check(scale.multiplier, scale.shift)
    except QuantizeError as error:
        raise ModelError(f"{reader.where}: {error}") from error
    return Detector(gate, signals, features, scale, model, residuals)
