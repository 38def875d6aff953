"""Joint state of signals across ids: an autoencoder, trained against a liar, says what each should be by all the others.

It starts as the closed-form linear relations between ids (`informative.relations`), cut to `CODE` directions, which are its
linear code; units beside them learn what is not linear (`denoising.py`). Clean errors set how surprising an error is.

Who lies is told by removal: of the ids with the largest errors, each in turn is given what the others say of it. Where that
makes all other errors small, it was the liar.

VAEW:

```
gate | signals (`signals.py`) | FEAT | u32 bytes | VAEN | tails (`residuals.py`)
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.detect.denoising import BATCH, apart, liars, minimise, neural, penalty, rounded
from canbean.detect.informative import reduced, relations
from canbean.detect.relation import ENOUGH_S, judged, known_samples, lesson
from canbean.detect.residuals import Residuals, Scale
from canbean.detect.rounding import trained
from canbean.detect.signals import Signals, with_changes
from canbean.detect.windows import Gate
from canbean.errors import ModelError
from canbean.tiny.dense import FEATURE
from canbean.tiny.features import Features
from canbean.tiny.packing import Reader
from canbean.tiny.vae import Vae

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.detect.relation import Lesson
    from canbean.detect.rounding import Errors
    from canbean.detect.windows import Clean, Judged, Traffic

TAG = "VAEW"
BOARD = "vae_watch"  # the module of `firmware/canbean` with its twin

NEEDS_S = ENOUGH_S
SIGNALS = 22
BACK = 2
"""Features are also how signals changed since so many samples before: what follows another a little later moves with it."""
CODE = 18
EXTRA = 6
"""Units of each half that are not linear."""
STEPS = 6000
DRAWN = 0.1
"""Price of a weight's squared distance from its start."""
FINEST = 0.01
"""Standard deviations below which an error is not worth reducing."""
TRIED = 3
"""Ids that are tried as the liar."""

Halves = dict[str, list[tuple[Any, Any]]]
"""`encoder` and `decoder`: weights (outputs, inputs) and biases (outputs,) a layer."""


@dataclass(frozen=True, eq=False)
class Detector:
    """An autoencoder of sampled signals.

    Attributes:
        gate: between its bits and an alert.
        signals: what is sampled, d signals.
        features: readings to features.
        model: the autoencoder, with how large errors usually are.
        residuals: how surprising errors are.
    """

    gate: Gate
    signals: Signals
    features: Features
    model: Vae
    residuals: Residuals

    def gated(self, gate: Gate) -> Detector:
        """The same detector behind another gate."""
        return replace(self, gate=gate)

    def to_bytes(self) -> bytes:
        """The layout above."""
        content = self.model.to_bytes()
        parts = (self.gate, self.signals, self.features)
        head = b"".join(part.to_bytes() for part in parts)
        return head + struct.pack("<I", len(content)) + content + self.residuals.to_bytes()

    def errors(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """Normalised errors (w, d) of features (w, 2 d)."""
        scale = Scale(self.model.multiplier, self.model.shift)
        errors = scale.normalised(x - self.model.reconstruct(x))
        return np.asarray(errors[:, : len(self.signals)], np.int64)

    def judge(self, traffic: Traffic) -> Judged:
        """Every judgement from a fresh start; the integers equal the board's."""
        samples = known_samples(self.signals, self.features, self.residuals, traffic)
        x = self.features.apply(with_changes(samples, BACK))

        def accuse(bits: NDArray[np.int64], largest: NDArray[np.int64]) -> NDArray[np.int64]:
            place = largest.argmax(axis=1)
            loud = np.flatnonzero(bits >= self.gate.threshold)
            place[loud] = self._liar(x[loud], largest[loud])
            return np.asarray(place, np.int64)

        return judged(self.signals, samples, self.residuals, self.errors(x), accuse=accuse, traffic=traffic)

    def _liar(self, x: NDArray[np.int64], largest: NDArray[np.int64]) -> NDArray[np.int64]:
        """The place of the id whose removal leaves the smallest error of the others, (w,)."""
        order = np.argsort(-largest, axis=1, kind="stable")[:, :TRIED]
        back = self.model.reconstruct(x)
        rest = np.full(order.shape, np.iinfo(np.int64).max)
        for column in range(order.shape[1]):
            without = self.signals.group == order[:, column, None]
            error = np.abs(self.errors(np.where(np.tile(without, 2), back, x)))
            left = np.where(self.residuals.judged & ~without, error, -1).max(axis=1)
            possible = np.take_along_axis(largest, order[:, column, None], axis=1)[:, 0] >= 0
            rest[possible, column] = left[possible]
        best = rest.argmin(axis=1)[:, None]
        return np.asarray(np.take_along_axis(order, best, axis=1)[:, 0], np.int64)


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
    taught = lesson(clean, most, BACK)
    if taught is None:
        return None

    def attempt(lesson: Lesson) -> tuple[Vae, Errors, Errors]:
        halves = train(lesson, steps)
        model = quantized(lesson, halves)
        return model, partial(surprises, model), partial(surprises, Real(halves))

    found = trained(taught, attempt)
    if found is None:
        return None
    return Detector(found.gate, taught.signals, taught.features, found.model, found.residuals)


@dataclass(frozen=True)
class Real:
    """An autoencoder in floating point."""

    halves: Halves

    def reconstruct(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """As `Vae.reconstruct`."""
        return np.asarray(np.rint(FEATURE * run(self.halves, x / FEATURE)), np.int64)


def surprises(model: Vae | Real, x: NDArray[np.int64], _: NDArray[np.bool_]) -> NDArray[np.int64]:
    """What signals are off by from what features (w, 2 d) say of them, (w, d) in 1/4096."""
    return (x - model.reconstruct(x))[:, : x.shape[1] // 2]


def quantized(taught: Lesson, halves: Halves) -> Vae:
    """The trained halves in integers, with the held-back errors as usual ones."""
    encoder, decoder = (
        ([weight for weight, _ in halves[name]], [bias for _, bias in halves[name]])
        for name in ("encoder", "decoder")
    )
    reach = np.concatenate([taught.x / FEATURE, 1.5 * taught.x / FEATURE])
    draft = Vae.from_float(encoder, decoder, np.ones(taught.x.shape[1]), reach)
    scale = Scale.of((taught.x - draft.reconstruct(taught.x))[taught.later])
    return replace(draft, multiplier=scale.multiplier, shift=scale.shift)


def train(taught: Lesson, steps: int) -> Halves:
    """Weights and biases of the layers of both halves, float64."""
    x, group = taught.earlier, np.tile(taught.signals.group, 2)
    weights = relations(x, group)
    usual = np.maximum(np.sqrt(((x - x @ weights) ** 2).mean(axis=0)), FINEST)
    begin = linear(x, weights, usual, np.random.default_rng(taught.seed))
    jax, _ = neural()
    jnp = jax.numpy
    rows, scale = jnp.asarray(x, "float32"), jnp.asarray(usual, "float32")
    start = jax.tree.map(lambda value: jnp.asarray(value, "float32"), begin)

    def loss(halves: Halves, key: Any) -> Any:
        one, other, which = jax.random.split(key, 3)
        truth = rows[jax.random.randint(one, (BATCH,), 0, len(x))]
        lie = rows[jax.random.randint(other, (BATCH,), 0, len(x))]
        lied = liars(which, BATCH, group)
        stored = {name: [(rounded(weight), bias) for weight, bias in half] for name, half in halves.items()}
        back = run(stored, jnp.where(lied, lie, truth), jnp.maximum)
        return penalty((truth - back) / scale, lied) + DRAWN * apart(halves, start)

    trained: Halves = minimise(loss, begin, steps, taught.seed)
    return trained


def run(halves: Halves, x: Any, maximum: Any = np.maximum) -> Any:
    """Features (n, d) in standard deviations through both halves, ReLU between the layers of each."""
    for name in ("encoder", "decoder"):
        for index, (weight, bias) in enumerate(halves[name]):
            x = (maximum(x, 0) if index else x) @ weight.T + bias
    return x


def linear(
    x: NDArray[np.float64], weights: NDArray[np.float64], usual: NDArray[np.float64], rng: np.random.Generator
) -> Halves:
    """Halves that compute linear relations cut to `CODE` directions, and idle units that can learn more.

    Through a ReLU goes a pair of units, one for either sign.

    Args:
        x: (n, d) samples in standard deviations.
        weights: (d, d) relations, a column a signal.
        usual: (d,) their errors.
        rng: draws the idle units.
    """
    encode, decode = reduced(x, weights, usual, CODE)
    same = np.eye(encode.shape[1])
    return {"encoder": _half(encode, same, rng), "decoder": _half(same, decode, rng)}


def _half(
    first: NDArray[np.float64], second: NDArray[np.float64], rng: np.random.Generator
) -> list[tuple[Any, Any]]:
    inputs, middle = first.shape
    outputs = second.shape[1]
    drawn = rng.normal(0, 1 / np.sqrt(inputs), (EXTRA, inputs))
    layer = np.concatenate([first.T, -first.T, drawn])
    bias = np.concatenate([np.zeros(2 * middle), rng.uniform(-1, 1, EXTRA)])
    last = np.concatenate([second.T, -second.T, np.zeros((outputs, EXTRA))], axis=1)
    return [(layer, bias), (last, np.zeros(outputs))]


def read(section: bytes) -> Detector:
    """Read the layout above.

    Raises:
        ModelError: the section does not hold such a detector.
    """
    reader = Reader(section, f"section {TAG}")
    gate = Gate(*reader.struct("HBB"))
    signals, features = Signals.parse(reader), Features.parse(reader)
    (size,) = reader.struct("I")
    model = Vae.from_bytes(reader.array("u1", size).astype(np.uint8).tobytes(), f"section {TAG}")
    residuals = Residuals.parse(reader, len(signals))
    reader.end()
    if not 2 * len(signals) == len(features.channels) == model.features:
        raise ModelError(f"{reader.where}: its parts are of different numbers of signals")
    return Detector(gate, signals, features, model, residuals)
