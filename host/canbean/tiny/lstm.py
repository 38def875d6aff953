"""A recurrent layer of LSTM cells and dense layers behind it, which say what comes next.

A step joins the inputs and the hidden state to one row and runs it through a dense layer of four gates a cell, in
1/4096: input, forget, candidate, output, the order of PyTorch and Keras. Then, a cell,

    c = clamp(((sigmoid(forget) * c >> 4) + (sigmoid(input) * tanh(candidate) >> 8) + 2**10) >> 11, -32767, 32767)
    h = (sigmoid(output) * tanh(c) + half) >> (30 - bits)

with the curves in 1/32768 and c in 1/2048. The hidden state has 10 to 15 fraction bits, chosen when it is quantized:
inputs and hidden state share a gate's weight scale, and these bits balance them.

No product passes 2**30: a sigmoid is at most 32757. Everything else is bounded by clamps and by the dense layers' proof.

LSTM:

```
u16 inputs | u16 cells | u8 fraction bits of h | u8 zero | u16 zero
u32 bytes | DENS: one layer, inputs + cells to 4 * cells in 1/4096
u32 bytes | DENS: cells in 2**-bits to the outputs
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.chain import embed, extract, quantize_chain
from canbean.tiny.curves import sigmoid_q15, tanh_q15
from canbean.tiny.dense import FEATURE, INT16, Dense, Layer
from canbean.tiny.packing import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

BITS = range(10, 16)
# Counted by `macs` for the products of a cell.
_CELL_MACS = 4
# A cell's five calls of a curve take what three requantisations do.
_CELL_CALLS = 3


@dataclass(frozen=True, eq=False)
class Lstm:
    """An LSTM layer and its head.

    Attributes:
        gates: one layer, (inputs + cells) to 4 * cells, in 1/4096.
        head: cells to the outputs.
        bits: fraction bits of the hidden state, 10 to 15.
    """

    tag: ClassVar[str] = "LSTM"

    gates: Dense
    head: Dense
    bits: int

    def __post_init__(self) -> None:
        if self.bits not in BITS:
            raise QuantizeError(f"{self.bits} fraction bits of the hidden state: 10 to 15 are possible")
        rows = len(self.gates.layers[-1].weights)
        if len(self.gates.layers) != 1 or rows % 4 or self.gates.features <= self.cells:
            raise QuantizeError("the gates are not one layer of four rows a cell over inputs and cells")
        if self.head.features != self.cells:
            raise QuantizeError(f"the head takes {self.head.features} inputs and is given {self.cells} cells")
        most = min(1 << self.bits, INT16)
        for part, limit in ((self.gates, INT16), (self.head, most)):
            if part.input_low > -limit or part.input_high < limit:
                raise QuantizeError("the gates or the head do not take all inputs that can come")

    @classmethod
    def from_float(
        cls,
        weights: ArrayLike,
        recurrent: ArrayLike,
        bias: ArrayLike,
        head: Sequence[tuple[ArrayLike, ArrayLike]],
        calibration: ArrayLike,
    ) -> Lstm:
        """Quantize a trained layer.

        Args:
            weights: (4 * cells, inputs), the gates in the order input, forget, candidate, output.
            recurrent: (4 * cells, cells).
            bias: (4 * cells,); PyTorch's two biases added.
            head: weights (outputs, inputs) and bias (outputs,) a layer, ReLU between them; the outputs are in the
                unit of standardised features.
            calibration: (n, t, inputs), sequences of standardised features.

        Raises:
            QuantizeError: a number is not finite, shapes do not match, or the sums could overflow: at most 128
                inputs and cells together fit, fewer with large biases.
        """
        w, u, b = (np.asarray(v, np.float64) for v in (weights, recurrent, bias))
        x = np.asarray(calibration, np.float64)
        cells = u.shape[-1] if u.ndim == 2 else 0
        if w.ndim != 2 or u.shape != (4 * cells, cells) or len(w) != 4 * cells or b.shape != (4 * cells,):
            raise QuantizeError(f"gates of shapes {w.shape}, {u.shape} and {b.shape} make no LSTM")
        if x.ndim != 3 or x.shape[2] != w.shape[1] or not x.size or not np.isfinite(x).all():
            raise QuantizeError("an LSTM needs calibration sequences (n, t, inputs), all values finite")
        if not all(np.isfinite(v).all() for v in (w, u, b)):
            raise QuantizeError("an LSTM has a weight or bias that is not a finite number")
        hidden = run_float(w, u, b, x)
        bits = _bits(w, u, x, hidden)
        joined = np.concatenate([w, u * 2.0 ** (12 - bits)], axis=1)
        gates = Layer.from_float(
            joined, b, input_scale=1 / FEATURE, output_scale=1 / FEATURE, low=-INT16, high=INT16
        )
        out, _ = quantize_chain(
            [weight for weight, _ in head],
            [offset for _, offset in head],
            hidden.reshape(-1, cells),
            input_step=2.0**-bits,
            output_step=1 / FEATURE,
        )
        return cls(Dense((gates,), -INT16, INT16), out, bits)

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.gates.layers[-1].weights) // 4

    @property
    def features(self) -> int:
        """Number of inputs."""
        return self.gates.features - self.cells

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return len(self.head.layers[-1].weights)

    @property
    def macs(self) -> int:
        """Multiplications of one step."""
        return self.gates.macs + self.head.macs + _CELL_MACS * self.cells

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one step; its own call counts as one."""
        return 1 + self.gates.calls + self.head.calls + _CELL_CALLS * self.cells

    def run(self, sequences: ArrayLike) -> NDArray[np.int64]:
        """Outputs after every step, each sequence from a state of zeros.

        Args:
            sequences: (n, t, inputs) features in 1/4096 standard deviation within +-32767, or one sequence (t, inputs).

        Returns:
            (n, t, outputs) or (t, outputs), in 1/4096 standard deviation.

        Raises:
            QuantizeError: an input is outside +-32767, or there is another number of them.
        """
        x = np.asarray(sequences, np.int64)
        if x.ndim not in {2, 3} or x.shape[-1] != self.features:
            raise QuantizeError(f"sequences of shape {x.shape}: (n, t, {self.features}) is expected")
        if x.size and np.abs(x).max() > INT16:
            raise QuantizeError(f"an input is outside +-{INT16}")
        if x.ndim == 2:
            return np.asarray(self.run(x[None])[0], np.int64)
        c = np.zeros((len(x), self.cells), np.int64)
        h = np.zeros_like(c)
        result = np.empty((*x.shape[:2], self.outputs), np.int64)
        for t in range(x.shape[1]):
            gates = self.gates.run(np.concatenate([x[:, t], h], axis=1))
            i, f, g, o = np.split(gates, 4, axis=1)
            kept = (sigmoid_q15(f) * c) >> 4
            new = (sigmoid_q15(i) * tanh_q15(g)) >> 8
            c = np.clip((kept + new + 1024) >> 11, -INT16, INT16)
            h = (((sigmoid_q15(o) * tanh_q15(c << 1)) >> 14) + (1 << (15 - self.bits))) >> (16 - self.bits)
            result[:, t] = self.head.run(h)
        return result

    def predict(self, sequences: ArrayLike) -> NDArray[np.int64]:
        """The first output after every step, (n, t) or (t,); see `run`."""
        return np.asarray(self.run(sequences)[..., 0], np.int64)

    def to_bytes(self) -> bytes:
        """The layout above."""
        head = struct.pack("<HHBBH", self.features, self.cells, self.bits, 0, 0)
        return head + embed(self.gates) + embed(self.head)

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Lstm:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold an LSTM whose sums fit; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section LSTM")
        features, cells, bits, zero, more = reader.struct("HHBBH")
        gates, head = extract(reader), extract(reader)
        reader.end()
        try:
            model = cls(gates, head, bits)
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error
        if zero or more or (features, cells) != (model.features, model.cells):
            raise ModelError(f"{reader.where}: its head does not say what its gates are")
        return model


def run_float(
    weights: NDArray[np.float64],
    recurrent: NDArray[np.float64],
    bias: NDArray[np.float64],
    x: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The layer in floating point: sequences (n, t, inputs) to hidden states (n, t, cells).

    The equations are Gers, Schmidhuber and Cummins's, "Learning to forget", 2000, without peepholes.
    """
    cells = recurrent.shape[1]
    c = np.zeros((len(x), cells))
    h = np.zeros_like(c)
    states = np.empty((*x.shape[:2], cells))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ weights.T + h @ recurrent.T + bias, 4, axis=1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        states[:, t] = h
    return states


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((1 + np.tanh(x / 2)) / 2, np.float64)


def _bits(
    w: NDArray[np.float64], u: NDArray[np.float64], x: NDArray[np.float64], hidden: NDArray[np.float64]
) -> int:
    """The fraction bits of the hidden state with the least expected squared error of the gates' sums."""
    x2, h2 = float((x**2).mean(axis=(0, 1)).sum()), float((hidden**2).mean(axis=(0, 1)).sum())
    errors = []
    for bits in BITS:
        step = np.maximum(np.abs(w).max(axis=1), np.abs(u).max(axis=1) * 2.0 ** (12 - bits)) / 127
        rounded_weights = (step**2).sum() * (x2 + 4.0 ** (bits - 12) * h2)
        errors.append(rounded_weights + (u**2).sum() * 4.0**-bits)
    return BITS[int(np.argmin(errors))]
