"""Dense networks as `.tflite` files, written without TensorFlow: a second, foreign executor of the same integers.

A layer is a FULLY_CONNECTED with per-channel int8 weights, in one of LiteRT's two integer forms: int8 activations with
int32 biases, or int16 activations with zero point 0 and int64 biases (with int32 biases LiteRT 2.3 answers nonsense). The
file holds float32 scales, from which a runtime forms `multiplier = input * weight / output` in float64. Here the tensors
carry powers of two, and a row's weight scale is `multiplier * 2**-shift`, which float32 says exactly where the
multiplier has 24 bits, as `Layer.from_float` makes it: so every runtime finds our multiplier. An input step is then 2**-12
(int16; features of `canbean.tiny.features`) or 1 (int8), an output step 2**-8 or 1, and a hidden step a mere 2**-12 or 1.

ai-edge-litert 2.3 with `BUILTIN_REF` gives our integers to the last bit, but where a negative sum lies halfway between
two outputs: it rounds away from zero, we round up. With an odd multiplier of 24 bits this happens past 2**22 only.
tflite-runtime 2.14 rounds otherwise. What is expressible: every activation within one type, each clamp at the type's
ends, at the zero point (ReLU) or where no output comes, and no halfway sums. Anything else is refused, with the reason.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import CanbeanError, QuantizeError
from canbean.tiny.dense import COARSE, Dense, Layer
from canbean.tiny.fixed import requantize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from canbean.tiny.cbm import Model

SCHEMA = 3
ALIGNMENT = 16
# Operator versions that read int8, and int16 activations.
VERSIONS = {8: 4, 16: 7}
STEPS = {8: (1.0, 1.0), 16: (2.0**-12, 2.0**-8)}


@dataclass(frozen=True, eq=False)
class Connected:
    """One FULLY_CONNECTED of the file.

    Attributes:
        weights: int8 values (outputs, inputs).
        bias: (outputs,), for the zero points of the file's tensors.
        real: what each row's accumulator is multiplied with (outputs,).
        relu: whether the fused activation is ReLU; otherwise there is none.
        zero_in: the input tensor's zero point.
        zero_out: the output tensor's zero point.
    """

    weights: NDArray[np.int64]
    bias: NDArray[np.int64]
    real: NDArray[np.float64]
    relu: bool
    zero_in: int
    zero_out: int


@dataclass(frozen=True, eq=False)
class Plan:
    """A network in the terms of a `.tflite` file.

    Attributes:
        bits: of the activations, 8 or 16.
        layers: from the input to the output.
        offset: added to the file's integer outputs, it gives ours: an int16 tensor has no zero point.
    """

    bits: int
    layers: tuple[Connected, ...]
    offset: int


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
    words = f"{description} int{planned.bits}, in canbean's integers".strip()
    if planned.offset:
        words += f"; add {planned.offset} to the outputs"
    return _Writer().file(planned, words)


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


def _dense(content: bytes, name: str) -> bytes:
    return encode(Dense.from_bytes(content, name), "DENS,")


WRITERS: Mapping[str, Callable[[bytes, str], bytes]] = {"DENS": _dense}
"""What writes a section, by its tag: `write(content, name of the model)`."""


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
        if _same(span, layer, zero_out + offset, most + offset):
            relu = True
        elif _same(span, layer, least + offset, most + offset):
            relu = False
        else:
            raise QuantizeError(
                f"layer {index} is held within {layer.low}..{layer.high}, "
                f"not within {least + offset}..{most + offset} or from {zero_out + offset}"
            )
        if _halfway(layer, max(abs(low), abs(high)), bits):
            raise QuantizeError(f"layer {index} could have a sum halfway between two outputs")
        bias = layer.folded + zero_in * layer.weights.sum(axis=1)
        real = np.ldexp(layer.multiplier.astype(np.float64), -layer.shift)
        layers.append(Connected(layer.weights, bias, real, relu, zero_in, zero_out))
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


class _Writer:
    """Builds the flatbuffer: https://github.com/tensorflow/tensorflow, tensorflow/compiler/mlir/lite/schema/schema.fbs."""

    def __init__(self) -> None:
        try:
            # They publish no type information, and are an extra.
            self.fb: Any = importlib.import_module("flatbuffers")
            self.tfl: Any = importlib.import_module("tflite")
        except ImportError as error:
            raise CanbeanError(f"{error.name} is not installed: pip install canbean[tflite]") from error
        self.builder: Any = self.fb.Builder(4096)
        self.buffers: list[int] = []
        self.tensors: list[int] = []

    def file(self, planned: Plan, description: str) -> bytes:
        """The whole file."""
        tfl, b = self.tfl, self.builder
        self._buffer(b"")
        kind, bias_kind = ("INT8", "INT32") if planned.bits == 8 else ("INT16", "INT64")
        step_in, last = STEPS[planned.bits]
        first = planned.layers[0]
        at = self._tensor("input", (1, first.weights.shape[1]), kind, [step_in], [first.zero_in])
        ins, operators = at, []
        for index, layer in enumerate(planned.layers):
            step_out = last if index == len(planned.layers) - 1 else step_in
            scales = layer.real * step_out / step_in
            zeros = [0] * len(scales)
            weights = self._tensor(
                f"weights{index}", layer.weights.shape, "INT8", scales, zeros, layer.weights.astype("i1")
            )
            bias = layer.bias.astype("<i4" if planned.bits == 8 else "<i8")
            biases = self._tensor(f"bias{index}", bias.shape, bias_kind, scales * step_in, zeros, bias)
            shape = (1, len(scales))
            out = self._tensor(f"output{index}", shape, kind, [step_out], [layer.zero_out])
            operators.append(self._connected([at, weights, biases], out, relu=layer.relu))
            at, step_in = out, step_out
        name = b.CreateString("main")
        vectors = [
            self._offsets(self.tensors), self._numbers("i4", [ins]), self._numbers("i4", [at]),
            self._offsets(operators),
        ]  # fmt: skip
        tfl.SubGraphStart(b)
        for add, vector in zip(
            (
                tfl.SubGraphAddTensors,
                tfl.SubGraphAddInputs,
                tfl.SubGraphAddOutputs,
                tfl.SubGraphAddOperators,
            ),
            vectors,
            strict=True,
        ):
            add(b, vector)
        tfl.SubGraphAddName(b, name)
        graph = self._offsets([tfl.SubGraphEnd(b)])
        tfl.OperatorCodeStart(b)
        tfl.OperatorCodeAddDeprecatedBuiltinCode(b, tfl.BuiltinOperator.FULLY_CONNECTED)
        tfl.OperatorCodeAddVersion(b, VERSIONS[planned.bits])
        tfl.OperatorCodeAddBuiltinCode(b, tfl.BuiltinOperator.FULLY_CONNECTED)
        codes = self._offsets([tfl.OperatorCodeEnd(b)])
        words, buffers = b.CreateString(description), self._offsets(self.buffers)
        tfl.ModelStart(b)
        tfl.ModelAddVersion(b, SCHEMA)
        tfl.ModelAddOperatorCodes(b, codes)
        tfl.ModelAddSubgraphs(b, graph)
        tfl.ModelAddDescription(b, words)
        tfl.ModelAddBuffers(b, buffers)
        b.Finish(tfl.ModelEnd(b), b"TFL3")
        return bytes(b.Output())

    def _buffer(self, content: bytes) -> int:
        """Index of a new buffer."""
        b = self.builder
        data = None
        if content:
            b.Prep(ALIGNMENT, len(content))
            data = b.CreateByteVector(content)
        self.tfl.BufferStart(b)
        if data is not None:
            self.tfl.BufferAddData(b, data)
        self.buffers.append(self.tfl.BufferEnd(b))
        return len(self.buffers) - 1

    def _tensor(  # noqa: PLR0917 - the order of the schema
        self, name: str, shape: tuple[int, ...], kind: str, scales: Any, zeros: list[int], content: Any = None
    ) -> int:
        """Index of a new tensor; one without content has a free first dimension."""
        tfl, b = self.tfl, self.builder
        buffer = 0 if content is None else self._buffer(content.tobytes())
        said = b.CreateString(name)
        dimensions = self._numbers("i4", shape)
        free = self._numbers("i4", (-1, *shape[1:]))
        scale, zero = self._numbers("f4", scales), self._numbers("i8", zeros)
        tfl.QuantizationParametersStart(b)
        tfl.QuantizationParametersAddScale(b, scale)
        tfl.QuantizationParametersAddZeroPoint(b, zero)
        tfl.QuantizationParametersAddQuantizedDimension(b, 0)
        quantization = tfl.QuantizationParametersEnd(b)
        tfl.TensorStart(b)
        tfl.TensorAddShape(b, dimensions)
        tfl.TensorAddType(b, getattr(tfl.TensorType, kind))
        tfl.TensorAddBuffer(b, buffer)
        tfl.TensorAddName(b, said)
        tfl.TensorAddQuantization(b, quantization)
        if content is None:
            tfl.TensorAddShapeSignature(b, free)
        self.tensors.append(tfl.TensorEnd(b))
        return len(self.tensors) - 1

    def _connected(self, inputs: list[int], output: int, *, relu: bool) -> int:
        """A FULLY_CONNECTED operator."""
        tfl, b = self.tfl, self.builder
        activation = tfl.ActivationFunctionType
        tfl.FullyConnectedOptionsStart(b)
        tfl.FullyConnectedOptionsAddFusedActivationFunction(b, activation.RELU if relu else activation.NONE)
        options = tfl.FullyConnectedOptionsEnd(b)
        ins, outs = self._numbers("i4", inputs), self._numbers("i4", [output])
        tfl.OperatorStart(b)
        tfl.OperatorAddOpcodeIndex(b, 0)
        tfl.OperatorAddInputs(b, ins)
        tfl.OperatorAddOutputs(b, outs)
        tfl.OperatorAddBuiltinOptionsType(b, tfl.BuiltinOptions.FullyConnectedOptions)
        tfl.OperatorAddBuiltinOptions(b, options)
        return int(tfl.OperatorEnd(b))

    def _numbers(self, dtype: str, values: Any) -> int:
        return int(self.builder.CreateNumpyVector(np.asarray(values, np.dtype(dtype).newbyteorder("<"))))

    def _offsets(self, offsets: list[int]) -> int:
        b = self.builder
        b.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            b.PrependUOffsetTRelative(offset)
        return int(b.EndVector())
