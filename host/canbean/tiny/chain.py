"""Dense layers between two given units: the parts of a recurrent network or an autoencoder.

`Dense.from_float` goes from features to points of a scale; here the caller says what a step in and a step out stand for.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import QuantizeError
from canbean.tiny.dense import INT16, Dense, Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from canbean.tiny.packing import Reader

# Of a network's largest activation in its calibration, int16 reaches this far.
HEADROOM = 1.5


def quantize_chain(
    weights: Sequence[ArrayLike],
    biases: Sequence[ArrayLike],
    calibration: ArrayLike,
    *,
    input_step: float,
    output_step: float | None = None,
) -> tuple[Dense, float]:
    """Quantize dense layers with ReLU between them; int16 everywhere, within +-32767.

    Args:
        weights: (outputs, inputs) a layer.
        biases: (outputs,) a layer.
        calibration: (n, inputs) real inputs; they set the steps of what is between the layers.
        input_step: the real value of one input step.
        output_step: the real value of one output step; from the calibration if not given.

    Returns:
        The layers, and the real value of one output step.

    Raises:
        QuantizeError: a number is not finite, shapes do not match, or the sums could overflow.
    """
    x = np.asarray(calibration, np.float64)
    if x.ndim != 2 or not len(x) or not np.isfinite(x).all():
        raise QuantizeError("a network needs a table of calibration values, all of them finite")
    if not len(weights) or len(weights) != len(biases):
        raise QuantizeError(f"{len(weights)} layers of weights with {len(biases)} of biases")
    layers = []
    step = input_step
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        w, b = np.asarray(weight, np.float64), np.asarray(bias, np.float64)
        if w.ndim != 2 or x.shape[1] != w.shape[1] or b.shape != w.shape[:1]:
            raise QuantizeError(
                f"layer {index}: weights {w.shape} and biases {b.shape} for {x.shape[1]} inputs"
            )
        if not np.isfinite(w).all() or not np.isfinite(b).all():
            raise QuantizeError(f"layer {index}: a weight or bias is not a finite number")
        last = index == len(weights) - 1
        x = run_float([w], [b], x) if last else np.maximum(run_float([w], [b], x), 0)
        if not np.isfinite(x).all():
            raise QuantizeError(f"layer {index}: its outputs are too large")
        out = output_step if last else None
        if out is None:
            # A step finer than the sums' own would gain nothing, and its multiplier would pass 1.
            own = step * float(np.abs(w).max()) / 127
            out = max(float(np.abs(x).max()) * HEADROOM / INT16, own * 1.01, 2.0**-20)
        low = -INT16 if last else 0
        layers.append(Layer.from_float(w, b, input_scale=step, output_scale=out, low=low, high=INT16))
        step = out
    return Dense(tuple(layers), -INT16, INT16), step


def run_float(weights: Sequence[ArrayLike], biases: Sequence[ArrayLike], x: ArrayLike) -> NDArray[np.float64]:
    """The same layers in floating point: inputs (n, d) to outputs (n, outputs)."""
    y = np.asarray(x, np.float64)
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        y = (np.maximum(y, 0) if index else y) @ np.asarray(weight, np.float64).T + np.asarray(bias)
    return y


def embed(part: Dense) -> bytes:
    """Layers inside another section: `u32 bytes`, then what DENS holds."""
    content = part.to_bytes()
    return struct.pack("<I", len(content)) + content


def extract(reader: Reader) -> Dense:
    """Read what `embed` wrote and stop behind it.

    Raises:
        ModelError: the section ends before, or holds no layers whose sums fit.
    """
    (size,) = reader.struct("I")
    content = reader.array("u1", size).astype(np.uint8).tobytes()
    return Dense.from_bytes(content, reader.where)
