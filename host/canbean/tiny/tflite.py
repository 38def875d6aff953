"""Networks as `.tflite` files, written without TensorFlow: a second, foreign executor of the same integers.

A layer is a FULLY_CONNECTED with per-channel int8 weights, in one of LiteRT's two integer forms: int8 activations with
int32 biases, or int16 activations with zero point 0 and int64 biases (with int32 biases LiteRT 2.3 answers nonsense). The
file holds float32 scales, from which a runtime forms `multiplier = input * weight / output` in float64. Here the tensors
carry powers of two, and a row's weight scale is `multiplier * 2**-shift`, which float32 says exactly where the
multiplier has 24 bits, as `Layer.from_float` makes it: so every runtime finds our multiplier. An input step is then 2**-12
(int16; features of `canbean.tiny.features`) or 1 (int8), an output step 2**-8 (points; 2**-12 where it is a feature again)
or 1, and a hidden step a mere 2**-12 or 1.

ai-edge-litert 2.3 with `BUILTIN_REF` gives our integers to the last bit, but where a negative sum lies halfway between
two outputs: it rounds away from zero, we round up. With an odd multiplier of 24 bits this happens past 2**22 only.
tflite-runtime 2.14 rounds otherwise. What is expressible: every activation within one type, each clamp at the type's
ends or one above the lower (a MAXIMUM follows), at the zero point (ReLU) or where no output comes, and no halfway sums.
Anything else is refused, with the reason.

An autoencoder is one chain of layers to the reconstruction. An LSTM is one step of its cells (`canbean.tiny.tflite_lstm`),
whose curves are LiteRT's own: there the sums of the gates are equal, what follows is near.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import QuantizeError
from canbean.tiny import tflite_lstm
from canbean.tiny.dense import COARSE, INT16, Dense, Layer
from canbean.tiny.fixed import requantize
from canbean.tiny.lstm import Lstm
from canbean.tiny.tflite_file import Connected, Graph, Plan
from canbean.tiny.vae import Vae

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from canbean.tiny.cbm import Model

# What a step of the input and of the output stands for, by the bits of the activations.
STEPS = {8: (1.0, 1.0), 16: (2.0**-12, 2.0**-8)}


def plan(network: Dense) -> Plan:
    """A network as FULLY_CONNECTED layers that give the same integers.

    Raises:
        QuantizeError: they cannot; the message says why.
    """
    for index, layer in enumerate(network.layers):
        if (layer.multiplier & ((1 << COARSE) - 1)).any():
            raise QuantizeError(
                f"layer {index}: a multiplier has more than the 24 bits of a float32 scale: quantize the network again"
            )
    try:
        return _plan(network, 8)
    except QuantizeError as small:
        try:
            return _plan(network, 16)
        except QuantizeError as wide:
            raise QuantizeError(f"no .tflite says the same: as int8, {small}; as int16, {wide}") from None


def encode(network: Dense, description: str = "") -> bytes:
    """A network as the bytes of a `.tflite` file: one input (batch, features), one output (batch, outputs).

    Args:
        network: what to write.
        description: for people, kept in the file.

    Raises:
        QuantizeError: it cannot be said in a `.tflite` file; the message says why.
        CanbeanError: the packages that write it are not installed.
    """
    planned = plan(network)
    return _chain(planned, STEPS[planned.bits], description)


def encode_vae(model: Vae, description: str = "") -> bytes:
    """An autoencoder up to its reconstruction, encoder and decoder in one: features in, features out, 2**-12 a step.

    The squared error stays outside. For the arguments and errors see `encode`.
    """
    planned = plan(chained(model))
    step = STEPS[planned.bits][0]
    words = f"{description} the reconstruction alone, not its squared error;".strip()
    return _chain(planned, (step, step), words)


def chained(model: Vae) -> Dense:
    """An autoencoder's two halves as one network.

    Raises:
        QuantizeError: they have more layers than a network.
    """
    return Dense((*model.encoder.layers, *model.decoder.layers), -INT16, INT16)


def encode_lstm(model: Lstm, description: str = "") -> bytes:
    """One step of an LSTM: `x`, `h` and `c` in, the head's output and the new `h` and `c` out.

    For the arguments and errors see `encode`.
    """
    most = min(1 << model.bits, INT16)
    parts = []
    for name, part, limit in (("gates", model.gates, INT16), ("head", model.head, most)):
        try:
            parts.append(plan(Dense(part.layers, -limit, limit)))
        except QuantizeError as error:
            raise QuantizeError(f"{name}: {error}") from None
    gates, head = parts
    if gates.offset:
        raise QuantizeError(f"gates: the zero point is {gates.offset}, and an int16 tensor's is 0")
    return tflite_lstm.encode(
        gates, head, model.bits, _said(f"{description} one step, h and c carried;".strip(), head)
    )


def export(model: Model, name: str = "model") -> bytes:
    """The neural part of a model file as a `.tflite` file.

    Raises:
        QuantizeError: it has none, or one that cannot be said.
        ModelError: the section is damaged.
        CanbeanError: the packages that write it are not installed.
    """
    for tag, write in WRITERS.items():
        if tag in model.sections:
            return write(model.sections[tag], name)
    raise QuantizeError(f"{name}: has no part that a .tflite file can hold ({', '.join(WRITERS)})")


WRITERS: Mapping[str, Callable[[bytes, str], bytes]] = {
    "DENS": lambda content, name: encode(Dense.from_bytes(content, name), "DENS,"),
    "VAEN": lambda content, name: encode_vae(Vae.from_bytes(content, name), "VAEN,"),
    "LSTM": lambda content, name: encode_lstm(Lstm.from_bytes(content, name), "LSTM,"),
}
"""What writes a section, by its tag: `write(content, name of the model)`."""


def _chain(planned: Plan, steps: tuple[float, float], description: str) -> bytes:
    graph = Graph()
    first = planned.layers[0]
    at = graph.activations("input", first.weights.shape[1], steps[0], bits=planned.bits, zero=first.zero_in)
    return graph.file([at], [graph.layers(planned, at, steps)], _said(description, planned))


def _said(description: str, planned: Plan) -> str:
    words = f"{description} int{planned.bits}, in canbean's integers".strip()
    return words + (f"; add {planned.offset} to the outputs" if planned.offset else "")


def _plan(network: Dense, bits: int) -> Plan:
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    low, high = network.input_low, network.input_high
    if low < least or high > most:
        raise QuantizeError(f"its inputs, within {low}..{high}, are too wide")
    # Any zero point of the input will do, since the bias takes it up; an int16 tensor's is 0.
    first = network.layers[0].zero_in
    zero_in = first if bits == 8 and least <= first <= most else 0
    layers = []
    offset = 0
    for index, layer in enumerate(network.layers):
        zero_out = layer.zero_out if bits == 8 and least <= layer.zero_out <= most else 0
        offset = layer.zero_out - zero_out
        if offset and index < len(network.layers) - 1:
            raise QuantizeError(f"layer {index} has the zero point {layer.zero_out}")
        span = _reach(layer, low, high)
        relu = _same(span, layer, zero_out + offset, most + offset)
        plain = relu or _same(span, layer, least + offset, most + offset)
        # int16 within +-32767 is what most networks have.
        if not plain and not _same(span, layer, least + 1 + offset, most + offset):
            raise QuantizeError(
                f"layer {index} is held within {layer.low}..{layer.high}, "
                f"not within {least + offset}..{most + offset} or from {zero_out + offset}"
            )
        if _halfway(layer, max(abs(low), abs(high)), bits):
            raise QuantizeError(f"layer {index} could have a sum halfway between two outputs")
        bias = layer.folded + zero_in * layer.weights.sum(axis=1)
        real = np.ldexp(layer.multiplier.astype(np.float64), -layer.shift)
        layers.append(Connected(layer.weights, bias, real, relu, not plain, zero_in, zero_out))
        low, high, zero_in = max(layer.low, least), min(layer.high, most), zero_out
    return Plan(bits, tuple(layers), offset)


def _reach(layer: Layer, low: int, high: int) -> tuple[int, int]:
    """Least and largest output of a layer without its clamp, for inputs within `low..high`."""
    ends = np.stack([layer.weights * low, layer.weights * high])
    wide = 1 << 40
    outputs = [
        requantize(layer.folded + sums, layer.multiplier, layer.shift, layer.zero_out, -wide, wide)
        for sums in (ends.min(axis=0).sum(axis=1), ends.max(axis=0).sum(axis=1))
    ]
    return int(outputs[0].min()), int(outputs[1].max())


def _same(span: tuple[int, int], layer: Layer, low: int, high: int) -> bool:
    """Whether a clamp at `low..high` does what the layer's own does to outputs within `span`."""
    return (layer.low == low or span[0] >= max(layer.low, low)) and (
        layer.high == high or span[1] <= min(layer.high, high)
    )


def _halfway(layer: Layer, most: int, bits: int) -> bool:
    """Whether an output within its type may come from halfway between two, for inputs of at most this size.

    With `multiplier = odd * 2**v` that takes a sum of at least `2**(shift-1-v)`, and the output is then at least `odd / 2`.
    """
    even = layer.multiplier & -layer.multiplier
    sums = np.abs(layer.folded) + most * np.abs(layer.weights).sum(axis=1)
    outputs = min(max(abs(layer.low - layer.zero_out), abs(layer.high - layer.zero_out)) + 1, 1 << bits)
    possible = (sums >= (np.int64(1) << (layer.shift - 1)) // even) & (
        layer.multiplier // even <= 2 * outputs
    )
    return bool(possible.any())
