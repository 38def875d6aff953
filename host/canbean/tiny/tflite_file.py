"""What a `.tflite` file is made of: tensors and operators of one graph, and the flatbuffer around them.

The schema is https://github.com/tensorflow/tensorflow, tensorflow/compiler/mlir/lite/schema/schema.fbs; the operators'
versions are those of tensorflow/lite/tools/versioning/op_version.cc.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import CanbeanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SCHEMA = 3
ALIGNMENT = 16
# Operator versions that read int8, and int16 activations.
VERSIONS = {
    "FULLY_CONNECTED": {8: 4, 16: 7},
    "MAXIMUM": {8: 2, 16: 4},
    "CONCATENATION": {16: 3},
    "SPLIT": {16: 4},
    "LOGISTIC": {16: 3},
    "TANH": {16: 3},
    "MUL": {16: 4},
    "ADD": {16: 3},
}


@dataclass(frozen=True, eq=False)
class Connected:
    """One FULLY_CONNECTED of the file.

    Attributes:
        weights: int8 values (outputs, inputs).
        bias: (outputs,), for the zero points of the file's tensors.
        real: what each row's accumulator is multiplied with (outputs,).
        relu: whether the fused activation is ReLU; otherwise there is none.
        floored: whether a MAXIMUM follows that keeps the outputs above the type's least, -32767 or -127 at least.
        zero_in: the input tensor's zero point.
        zero_out: the output tensor's zero point.
    """

    weights: NDArray[np.int64]
    bias: NDArray[np.int64]
    real: NDArray[np.float64]
    relu: bool
    floored: bool
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


class Graph:
    """A file in the making: tensors and operators are added in the order in which they are computed."""

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
        self.operators: list[int] = []
        self.codes: list[tuple[str, int]] = []
        self._buffer(b"")

    def activations(self, name: str, width: int, step: float, *, bits: int = 16, zero: int = 0) -> int:
        """Index of a new tensor (batch, width) of integers whose step stands for `step`."""
        return self.tensor(name, (1, width), f"INT{bits}", [step], [zero])

    def layers(self, planned: Plan, at: int, steps: tuple[float, float], name: str = "") -> int:
        """Add FULLY_CONNECTED layers behind the tensor `at`.

        Args:
            planned: the layers.
            at: index of the tensor they take.
            steps: what an input step and an output step stand for; a hidden step stands for what an input step does.
            name: before each tensor's name.

        Returns:
            Index of the tensor they give.
        """
        bits = planned.bits
        bias_type, activation = ("<i4" if bits == 8 else "<i8"), self.tfl.ActivationFunctionType
        step_in, last = steps
        for index, layer in enumerate(planned.layers):
            step_out = last if index == len(planned.layers) - 1 else step_in
            scales = layer.real * step_out / step_in
            zeros = [0] * len(scales)
            weights = self.tensor(
                f"{name}weights{index}",
                layer.weights.shape,
                "INT8",
                scales,
                zeros,
                layer.weights.astype("i1"),
            )
            bias = layer.bias.astype(bias_type)
            kind = f"INT{8 * bias.itemsize}"
            biases = self.tensor(f"{name}bias{index}", bias.shape, kind, scales * step_in, zeros, bias)
            names = [f"{name}output{index}"]
            if layer.floored:
                names.insert(0, f"{name}sums{index}")
            made = [
                self.activations(called, len(scales), step_out, bits=bits, zero=layer.zero_out)
                for called in names
            ]
            fused = activation.RELU if layer.relu else activation.NONE
            self.operator(
                "FULLY_CONNECTED",
                [at, weights, biases],
                made[:1],
                "FullyConnected",
                bits=bits,
                FusedActivationFunction=fused,
            )
            if layer.floored:
                value = np.array([[1 - (1 << (bits - 1))]], f"<i{bits // 8}")
                least = self.tensor(
                    f"{name}least{index}", (1, 1), f"INT{bits}", [step_out], [layer.zero_out], value
                )
                self.operator("MAXIMUM", [made[0], least], made[1:], "MaximumMinimum", bits=bits)
            at, step_in = made[-1], step_out
        return at

    def operator(
        self,
        code: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: str = "",
        *,
        bits: int = 16,
        **values: Any,
    ) -> None:
        """Add an operator, with `options` of the schema's table of that name."""
        tfl, b = self.tfl, self.builder
        called = (code, VERSIONS[code][bits])
        if called not in self.codes:
            self.codes.append(called)
        chosen = 0
        if options:
            getattr(tfl, f"{options}OptionsStart")(b)
            for field, value in values.items():
                getattr(tfl, f"{options}OptionsAdd{field}")(b, value)
            chosen = getattr(tfl, f"{options}OptionsEnd")(b)
        ins, outs = self._numbers("i4", inputs), self._numbers("i4", outputs)
        tfl.OperatorStart(b)
        tfl.OperatorAddOpcodeIndex(b, self.codes.index(called))
        tfl.OperatorAddInputs(b, ins)
        tfl.OperatorAddOutputs(b, outs)
        if options:
            tfl.OperatorAddBuiltinOptionsType(b, getattr(tfl.BuiltinOptions, f"{options}Options"))
            tfl.OperatorAddBuiltinOptions(b, chosen)
        self.operators.append(int(tfl.OperatorEnd(b)))

    def file(self, inputs: Sequence[int], outputs: Sequence[int], description: str) -> bytes:
        """The whole file."""
        tfl, b = self.tfl, self.builder
        name = b.CreateString("main")
        vectors = [
            self._offsets(self.tensors), self._numbers("i4", inputs), self._numbers("i4", outputs),
            self._offsets(self.operators),
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
        codes = []
        for code, version in self.codes:
            builtin = getattr(tfl.BuiltinOperator, code)
            tfl.OperatorCodeStart(b)
            # Readers of before 2020 know this field alone.
            tfl.OperatorCodeAddDeprecatedBuiltinCode(b, builtin)
            tfl.OperatorCodeAddVersion(b, version)
            tfl.OperatorCodeAddBuiltinCode(b, builtin)
            codes.append(tfl.OperatorCodeEnd(b))
        listed = self._offsets(codes)
        words, buffers = b.CreateString(description), self._offsets(self.buffers)
        tfl.ModelStart(b)
        tfl.ModelAddVersion(b, SCHEMA)
        tfl.ModelAddOperatorCodes(b, listed)
        tfl.ModelAddSubgraphs(b, graph)
        tfl.ModelAddDescription(b, words)
        tfl.ModelAddBuffers(b, buffers)
        b.Finish(tfl.ModelEnd(b), b"TFL3")
        return bytes(b.Output())

    def tensor(  # noqa: PLR0917 - the order of the schema
        self, name: str, shape: tuple[int, ...], kind: str, scales: Any, zeros: list[int], content: Any = None
    ) -> int:
        """Index of a new tensor; one without content has a free first dimension, one without scales holds plain numbers."""
        tfl, b = self.tfl, self.builder
        buffer = 0 if content is None else self._buffer(content.tobytes())
        said = b.CreateString(name)
        dimensions = self._numbers("i4", shape)
        free = self._numbers("i4", (-1, *shape[1:]))
        quantization = 0
        if len(scales):
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
        if quantization:
            tfl.TensorAddQuantization(b, quantization)
        if content is None:
            tfl.TensorAddShapeSignature(b, free)
        self.tensors.append(tfl.TensorEnd(b))
        return len(self.tensors) - 1

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

    def _numbers(self, dtype: str, values: Any) -> int:
        return int(self.builder.CreateNumpyVector(np.asarray(values, np.dtype(dtype).newbyteorder("<"))))

    def _offsets(self, offsets: list[int]) -> int:
        b = self.builder
        b.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            b.PrependUOffsetTRelative(offset)
        return int(b.EndVector())
