"""A trained dense network in floating point, and the ways to quantize it.

ReLU between the layers, nothing after the last. Activations are calibrated by what a network gives of calibration inputs:

* `min-max`: all of them fit;
* `percentile`: 999 in 1,000 fit, at either end;
* `mse`: the part of the range at which quantizing them loses the least squared error.

int8 activations are asymmetric, int16 ones symmetric. Weights are int8 with a scale an output (`Layer.from_float`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import QuantizeError
from canbean.tiny.dense import FEATURE, INT16, OUTPUT_LIMIT, POINT, Dense, Layer
from canbean.tiny.quantize import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

RULES = ("min-max", "percentile", "mse")
WIDTHS = (8, 16)
WIDER = 1.5
PERCENTILE = 99.9
SHRINK = np.linspace(0.3, 1, 36)
SAMPLE = 50_000


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network.

    Attributes:
        weights: (outputs, inputs) a layer, the transpose of scikit-learn's `coefs_`.
        biases: (outputs,) a layer.
    """

    weights: tuple[NDArray[np.float64], ...]
    biases: tuple[NDArray[np.float64], ...]

    def __post_init__(self) -> None:
        weights = tuple(np.asarray(w, np.float64) for w in self.weights)
        biases = tuple(np.asarray(b, np.float64) for b in self.biases)
        if not weights or len(weights) != len(biases):
            raise QuantizeError("a network needs layers, and a bias vector for each")
        width = weights[0].shape[-1]
        for index, (w, b) in enumerate(zip(weights, biases, strict=True)):
            if w.ndim != 2 or w.shape[1] != width or b.shape != w.shape[:1]:
                raise QuantizeError(
                    f"layer {index}: weights {w.shape} and biases {b.shape} for {width} inputs"
                )
            width = len(w)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", biases)

    def activations(self, x: ArrayLike) -> list[NDArray[np.float64]]:
        """Inputs (n, d) to what each layer gives of them, (n, outputs) each."""
        value = np.asarray(x, np.float64)
        found = []
        for index, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            value = value @ w.T + b
            if index < len(self.weights) - 1:
                value = np.maximum(value, 0)
            found.append(value)
        return found

    def run(self, x: ArrayLike) -> NDArray[np.float64]:
        """Real inputs (n, d) to real outputs (n, outputs)."""
        return self.activations(x)[-1]


@dataclass(frozen=True)
class Grid:
    """The integers of an activation: `real = step * (integer - zero)`.

    Attributes:
        step: the real value of one step.
        zero: the integer that stands for 0.
        low: smallest integer.
        high: largest integer.
    """

    step: float
    zero: int
    low: int
    high: int

    def integers(self, values: ArrayLike) -> NDArray[np.int64]:
        """Real values to integers, half away from zero, saturated."""
        scaled = np.asarray(values, np.float64) / self.step
        rounded = np.sign(scaled) * np.floor(np.abs(scaled) + 0.5)
        return np.asarray(np.clip(rounded + self.zero, self.low, self.high), np.int64)

    def reals(self, integers: ArrayLike) -> NDArray[np.float64]:
        """Integers to real values."""
        return np.asarray((np.asarray(integers, np.int64) - self.zero) * self.step, np.float64)


@dataclass(frozen=True, eq=False)
class Quantized:
    """A network in integers with the grids of its ends: real numbers in, real numbers out, integers between.

    Attributes:
        dense: the integers.
        inputs: the grid of the inputs.
        outputs: the grid of the outputs.
    """

    dense: Dense
    inputs: Grid
    outputs: Grid

    def run(self, x: ArrayLike) -> NDArray[np.float64]:
        """Real inputs (n, d) to real outputs (n, outputs), as the board computes them."""
        return self.outputs.reals(self.dense.run(self.inputs.integers(x)))

    def to_bytes(self) -> bytes:
        """The section DENS."""
        return self.dense.to_bytes()


def candidates(network: Network, calibration: ArrayLike) -> Iterator[Candidate[Quantized]]:
    """int8, then int16 networks from end to end, by each of the rules: inputs and outputs are calibrated too.

    Args:
        network: the trained network.
        calibration: (n, d) real inputs.
    """
    for bits in WIDTHS:
        for rule in RULES:
            make = partial(quantized, network, calibration, bits=bits, rule=rule)
            yield Candidate(f"int{bits} {rule}", bits, make)


def score_candidates(
    network: Network, calibration: ArrayLike, around: float | None = None
) -> Iterator[Candidate[Quantized]]:
    """Networks of features (`canbean.tiny.features`) to scores in 1/256 point: their hidden layers are int8, then int16.

    Ranges are calibrated on the features and on the same ones half as far again from the mean: new inputs lie outside of few
    old ones, and a layer that saturates there cost more than a fifth of the error on roasts left out, which a scorer that
    sees the calibration alone does not notice.

    Args:
        network: the trained network; its outputs are points.
        calibration: (n, d) standardised features.
        around: see `Dense.from_float`.
    """
    zero = 0 if around is None else round(around * POINT)
    low, high = (-OUTPUT_LIMIT, OUTPUT_LIMIT) if around is None else (zero - INT16 - 1, zero + INT16)
    ends = Grid(1 / FEATURE, 0, -INT16, INT16), Grid(1 / POINT, zero, low, high)
    # A score is 0 where the integer is 0: what the zero point adds, the bias takes off.
    shift = (*network.biases[:-1], network.biases[-1] - zero / POINT)
    moved = Network(network.weights, shift)
    near = np.asarray(calibration, np.float64)
    calibration = np.concatenate([near, near * WIDER])
    for bits in WIDTHS:
        for rule in RULES:
            make = partial(_scores, moved, calibration, bits, rule, ends)
            yield Candidate(f"int{bits} {rule}", bits, make)


def _scores(
    network: Network, calibration: ArrayLike, bits: int, rule: str, ends: tuple[Grid, Grid]
) -> Quantized:
    made = quantized(network, calibration, bits=bits, rule=rule, ends=ends)
    return Quantized(made.dense, ends[0], Grid(ends[1].step, 0, ends[1].low, ends[1].high))


def quantized(
    network: Network, calibration: ArrayLike, *, bits: int, rule: str, ends: tuple[Grid, Grid] | None = None
) -> Quantized:
    """A network in integers.

    Args:
        network: the trained network.
        calibration: (n, d) real inputs that set the ranges.
        bits: of the activations, 8 or 16.
        rule: one of `RULES`.
        ends: the grids of the inputs and the outputs; calibrated if not given.

    Raises:
        QuantizeError: a number is not finite, shapes do not match, or the sums could overflow.
    """
    x = np.asarray(calibration, np.float64)
    if x.ndim != 2 or not len(x) or x.shape[1] != network.weights[0].shape[1] or not np.isfinite(x).all():
        raise QuantizeError(f"a network of {network.weights[0].shape[1]} inputs needs a table of such rows")
    found = network.activations(x)
    if not all(np.isfinite(values).all() for values in found):
        raise QuantizeError("the network's outputs are not finite")
    first = given = ends[0] if ends else grid(x, bits, rule)
    layers = []
    for index, (w, b, values) in enumerate(zip(network.weights, network.biases, found, strict=True)):
        last = index == len(found) - 1
        if last and ends:
            out = ends[1]
        else:
            # A step finer than the sums' own would gain nothing, and its multiplier would pass 1.
            finest = max(given.step * float(np.abs(w).max()) / 127 * 1.01, 2.0**-20)
            out = grid(values, bits, rule, finest)
        layers.append(
            Layer.from_float(
                w, b, input_scale=given.step, output_scale=out.step, zero_in=given.zero, zero_out=out.zero,
                low=out.low if last else out.zero, high=out.high,
            )
        )  # fmt: skip
        given = out
    return Quantized(Dense(tuple(layers), first.low, first.high), first, given)


def grid(values: NDArray[np.float64], bits: int, rule: str, finest: float = 2.0**-20) -> Grid:
    """The grid of an activation that takes these values.

    Args:
        values: any shape, finite.
        bits: 8: asymmetric; 16: symmetric.
        rule: one of `RULES`.
        finest: the step is at least this.

    Raises:
        QuantizeError: the rule is not known.
    """
    if rule not in RULES:
        raise QuantizeError(f"no calibration {rule!r}: there are {', '.join(RULES)}")
    flat = values.ravel()[:: max(1, values.size // SAMPLE)]
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if rule == "percentile":
        ends = np.percentile(flat, [100 - PERCENTILE, PERCENTILE])
        low, high = min(float(ends[0]), 0.0), max(float(ends[1]), 0.0)
    if rule == "mse":
        grids = [_between(low * share, high * share, bits, finest) for share in SHRINK]
        errors = [float(np.square(g.reals(g.integers(flat)) - flat).mean()) for g in grids]
        return grids[int(np.argmin(errors))]
    return _between(low, high, bits, finest)


def _between(low: float, high: float, bits: int, finest: float) -> Grid:
    if bits == 8:
        step = max((high - low) / 255, finest)
        return Grid(step, int(np.clip(round(-128 - low / step), -128, 127)), -128, 127)
    return Grid(max(max(-low, high) / INT16, finest), 0, -INT16 - 1, INT16)
