"""Dense layers: int8 weights, a scale a row, int8 or int16 activations, int32 accumulators.

A layer is LiteRT's FULLY_CONNECTED: `y = requantize(bias + sum (x - zero_in) * w)` with single rounding; ReLU is a
clamp at `zero_out`. The file stores weights as uint8 with offset 128, which a board reads in place, and the bias
with `zero_in` folded in: `acc = folded - 128 * sum x + sum x * (w + 128)`.

DENS:

```
u16 layers | u16 zero | i32 lowest input | i32 highest input
a layer: u16 inputs | u16 outputs | i32 zero_in | i32 zero_out | i32 low | i32 high
         | i32 folded bias [outputs] | u16 m1 [outputs] | u16 m0 [outputs] | u8 shift [outputs]
         | u8 weight + 128 [outputs][inputs]
```

Each array is padded with zeros to 4 bytes.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.fixed import (
    ACCUMULATOR_LIMIT,
    SHIFT_MOST,
    SMALL_LIMIT,
    halves,
    joined,
    quantize_multiplier,
    requantize,
)
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

LAYERS_MOST = 16
WIDTH_MOST = 4096
FEATURE = 4096
POINT = 256
INT16 = 32767
OUTPUT_LIMIT = 1 << 28
# Bits that a multiplier of 31 bits has more than a float32.
COARSE = 7
_ARRAYS = ("weights", "bias", "multiplier", "shift")


@dataclass(frozen=True, eq=False)
class Layer:
    """One dense layer in integers.

    Attributes:
        weights: int8 values (outputs, inputs), symmetric.
        bias: (outputs,), in accumulator units, without `zero_in` folded in.
        multiplier: (outputs,), of `fixed.requantize`.
        shift: (outputs,), of `fixed.requantize`.
        zero_in: the input that stands for 0.
        zero_out: the output that stands for 0.
        low: smallest output; `zero_out` for ReLU.
        high: largest output.
    """

    weights: NDArray[np.int64]
    bias: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]
    zero_in: int
    zero_out: int
    low: int
    high: int

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = np.array(getattr(self, name), np.int64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        shape = self.weights.shape
        if len(shape) != 2 or not all(1 <= n <= WIDTH_MOST for n in shape):
            raise QuantizeError(
                f"a layer of shape {shape}: 1 to {WIDTH_MOST} inputs and outputs are possible"
            )
        if any(getattr(self, name).shape != shape[:1] for name in _ARRAYS[1:]):
            raise QuantizeError("a layer needs a bias and a scale for each output")
        if self.weights.min() < -128 or self.weights.max() > 127:
            raise QuantizeError("a weight does not fit 8 bits")
        if self.multiplier.min() < SMALL_LIMIT or self.multiplier.max() >= 2 * SMALL_LIMIT:
            raise QuantizeError("a multiplier is outside 2**30..2**31-1")
        if self.shift.min() < 31 or self.shift.max() > SHIFT_MOST:
            raise QuantizeError(f"a shift is outside 31..{SHIFT_MOST}")
        if not -OUTPUT_LIMIT <= self.low <= self.high <= OUTPUT_LIMIT:
            raise QuantizeError("a layer's clamp is empty or too wide")
        if abs(self.zero_in) > SMALL_LIMIT >> 14 or abs(self.zero_out) > OUTPUT_LIMIT:
            raise QuantizeError("a zero point is too large")

    @classmethod
    def from_float(
        cls,
        weights: ArrayLike,
        bias: ArrayLike,
        *,
        input_scale: float,
        output_scale: float,
        low: int,
        high: int,
        zero_in: int = 0,
        zero_out: int = 0,
    ) -> Layer:
        """Quantize a layer, a weight scale for each output.

        A row's scale is its largest weight over 127, nudged so that its multiplier is an odd number of 24 bits: float32
        scales then give the same multiplier elsewhere, and no output below 2**22 is rounded from halfway between two, which
        runtimes do differently (`canbean.tiny.tflite`). It is coarser where the bias would otherwise pass 2**28.

        Args:
            weights: (outputs, inputs).
            bias: (outputs,).
            input_scale: the real value of one input step.
            output_scale: the real value of one output step.
            low: smallest output, in steps.
            high: largest output, in steps.
            zero_in: the input that stands for 0.
            zero_out: the output that stands for 0.

        Raises:
            QuantizeError: a number is not finite, or the outputs are too fine for the weights.
        """
        w, b = np.atleast_2d(np.asarray(weights, np.float64)), np.atleast_1d(np.asarray(bias, np.float64))
        if not np.isfinite(w).all() or not np.isfinite(b).all():
            raise QuantizeError("a layer has a weight or bias that is not a finite number")
        if w.ndim != 2 or b.shape != w.shape[:1]:
            raise QuantizeError(f"weights of shape {w.shape} with {b.size} biases")
        # Smallest scale of a row whose weights are all zero: the multiplier stays above 2**-32.
        least = output_scale / input_scale * 2.0**-31
        scale = np.maximum.reduce(
            [np.abs(w).max(axis=1) / 127, np.abs(b) / (input_scale * 2.0**28), np.full(len(b), least)]
        )
        reals = input_scale * scale / output_scale
        if reals.max() >= 1:
            raise QuantizeError(
                f"a layer's weights, up to {np.abs(w).max():.3g}, are too large for output steps of {output_scale:.3g}"
            )
        pairs = [((m >> COARSE | 1) << COARSE, s) for m, s in map(quantize_multiplier, reals.tolist())]
        scale = np.array([math.ldexp(m, -s) for m, s in pairs]) * (output_scale / input_scale)
        return cls(
            weights=np.clip(_half_away(w / scale[:, None]), -127, 127),
            bias=_half_away(b / (input_scale * scale)),
            multiplier=np.array([m for m, _ in pairs]),
            shift=np.array([s for _, s in pairs]),
            zero_in=zero_in,
            zero_out=zero_out,
            low=low,
            high=high,
        )

    @property
    def folded(self) -> NDArray[np.int64]:
        """The bias (outputs,) with `zero_in` folded in."""
        return np.asarray(self.bias - self.zero_in * self.weights.sum(axis=1), np.int64)

    def check(self, low: int, high: int) -> None:
        """Prove that no partial sum of any executor leaves 30 bits for inputs within `low..high`.

        Raises:
            QuantizeError: one could.
        """
        # With offset 128 a partial sum holds, for each input, the product with its weight or with -128.
        most = max(abs(low), abs(high)) * 128 * self.weights.shape[1]
        if int(np.abs(self.folded).max()) + most >= ACCUMULATOR_LIMIT:
            raise QuantizeError(
                f"a layer of {self.weights.shape[1]} inputs within {low}..{high} could overflow 30 bits"
            )

    def run(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """Inputs (n, inputs) to outputs (n, outputs)."""
        # Sums of int8 times int16 products stay far below 2**53: float64 is exact, and fast.
        products = x.astype(np.float64) @ self.weights.T.astype(np.float64)
        acc = products.astype(np.int64) + self.folded
        return requantize(acc, self.multiplier, self.shift, self.zero_out, self.low, self.high)

    def to_bytes(self) -> bytes:
        """The layout above, of one layer."""
        outputs, inputs = self.weights.shape
        m1, m0 = halves(self.multiplier)
        return struct.pack(
            "<HHiiii", inputs, outputs, self.zero_in, self.zero_out, self.low, self.high
        ) + b"".join(
            padded(values.astype(dtype).tobytes())
            for values, dtype in (
                (self.folded, "<i4"),
                (m1, "<u2"),
                (m0, "<u2"),
                (self.shift, "u1"),
                (self.weights + 128, "u1"),
            )
        )

    @classmethod
    def parse(cls, reader: Reader) -> Layer:
        """Read one layer and stop behind it.

        Raises:
            ModelError: it ends early or a number is outside its range.
        """
        inputs, outputs, zero_in, zero_out, low, high = reader.struct("HHiiii")
        folded = reader.array("i4", outputs)
        m1, m0 = reader.array("u2", outputs), reader.array("u2", outputs)
        shift = reader.array("u1", outputs)
        weights = reader.array("u1", outputs * inputs).reshape(outputs, inputs) - 128
        if (m1 >> 15).any() or (m0 >> 15).any():
            raise ModelError(f"{reader.where}: half a multiplier has more than 15 bits")
        try:
            bias = folded + zero_in * weights.sum(axis=1)
            return cls(weights, bias, joined(m1, m0), shift, zero_in, zero_out, low, high)
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error


@dataclass(frozen=True, eq=False)
class Dense:
    """Dense layers one after the other.

    Attributes:
        layers: from the input to the output.
        input_low: smallest input that may come.
        input_high: largest input that may come.
    """

    tag: ClassVar[str] = "DENS"

    layers: tuple[Layer, ...]
    input_low: int
    input_high: int

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= LAYERS_MOST:
            raise QuantizeError(f"{len(self.layers)} layers: 1 to {LAYERS_MOST} are possible")
        if not -OUTPUT_LIMIT <= self.input_low <= self.input_high <= OUTPUT_LIMIT:
            raise QuantizeError("the range of the inputs is empty or too wide")
        low, high, width = self.input_low, self.input_high, self.layers[0].weights.shape[1]
        for layer in self.layers:
            if layer.weights.shape[1] != width:
                raise QuantizeError(f"a layer takes {layer.weights.shape[1]} inputs and is given {width}")
            layer.check(low, high)
            low, high, width = layer.low, layer.high, len(layer.weights)

    @classmethod
    def from_float(
        cls,
        weights: Sequence[ArrayLike],
        biases: Sequence[ArrayLike],
        calibration: ArrayLike,
        around: float | None = None,
    ) -> Dense:
        """Quantize a regression network: ReLU between the layers, int16 activations, 1/256 point out.

        Args:
            weights: (outputs, inputs) a layer, the transpose of scikit-learn's `coefs_`.
            biases: (outputs,) a layer; the last layer's output is in points of the scale.
            calibration: (n, d) standardised features; they set the range of each hidden layer, half as wide again.
            around: the output saturates 128 points from here, which makes it an int16 number (with `zero_out` taken off);
                without it, it does not saturate.

        Raises:
            QuantizeError: a number is not finite, shapes do not match, or the sums could overflow.
        """
        x = np.asarray(calibration, np.float64)
        if x.ndim != 2 or not len(x) or not np.isfinite(x).all() or len(weights) != len(biases):
            raise QuantizeError("a network needs a table of calibration features and a bias for each layer")
        layers = []
        scale = 1 / FEATURE
        for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            w, b = np.asarray(weight, np.float64), np.asarray(bias, np.float64)
            if w.ndim != 2 or x.shape[1] != w.shape[1] or b.shape != w.shape[:1]:
                raise QuantizeError(
                    f"layer {index}: weights {w.shape} and biases {b.shape} for {x.shape[1]} inputs"
                )
            last = index == len(weights) - 1
            x = x @ w.T + b if last else np.maximum(x @ w.T + b, 0)
            if not np.isfinite(x).all():
                raise QuantizeError(f"layer {index}: its outputs are not finite")
            # A hidden step finer than the sums' own would gain nothing, and its multiplier would pass 1.
            own = scale * float(np.abs(w).max()) / 127
            step = 1 / POINT if last else max(float(x.max()) * 1.5 / INT16, own * 1.01, 2.0**-20)
            low, high, zero = (-OUTPUT_LIMIT, OUTPUT_LIMIT, 0) if last else (0, INT16, 0)
            if last and around is not None:
                zero = round(around * POINT)
                low, high, b = zero - INT16 - 1, zero + INT16, b - zero / POINT
            layers.append(
                Layer.from_float(
                    w, b, input_scale=scale, output_scale=step, low=low, high=high, zero_out=zero
                )
            )
            scale = step
        return cls(tuple(layers), -INT16, INT16)

    @property
    def features(self) -> int:
        """Number of inputs."""
        return int(self.layers[0].weights.shape[1])

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return len(self.layers[-1].weights)

    @property
    def macs(self) -> int:
        """Multiplications of one run: one a weight."""
        return sum(int(layer.weights.size) for layer in self.layers)

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one run: one an output; its own call counts as one."""
        return 1 + sum(len(layer.weights) for layer in self.layers)

    def run(self, inputs: ArrayLike) -> NDArray[np.int64]:
        """Integer inputs (n, d) to the last layer's outputs (n, outputs).

        Raises:
            QuantizeError: an input is outside the range for which the sums were proved.
        """
        x = np.asarray(inputs, np.int64)
        if x.size and (x.min() < self.input_low or x.max() > self.input_high):
            raise QuantizeError(f"an input is outside {self.input_low}..{self.input_high}")
        for layer in self.layers:
            x = layer.run(x)
        return x

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) in 1/4096 standard deviation, within +-32767, to scores (n,) in 1/256 point."""
        return self.run(features)[:, 0]

    def to_bytes(self) -> bytes:
        """The layout above."""
        head = struct.pack("<HHii", len(self.layers), 0, self.input_low, self.input_high)
        return head + b"".join(layer.to_bytes() for layer in self.layers)

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Dense:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold layers whose sums fit; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section DENS")
        count, zero, low, high = reader.struct("HHii")
        if zero or not 1 <= count <= LAYERS_MOST:
            raise ModelError(f"{reader.where}: {count} layers; 1 to {LAYERS_MOST} are possible")
        layers = tuple(Layer.parse(reader) for _ in range(count))
        reader.end()
        try:
            return cls(layers, low, high)
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error


def _half_away(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return (np.sign(values) * np.floor(np.abs(values) + 0.5)).astype(np.int64)
