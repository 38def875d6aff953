"""Networks that a `.tflite` file can say, and whichever runtime is installed: ai-edge-litert, or tflite-runtime.

Needs numpy, the runtime and `canbean.tiny` alone: tflite-runtime lives in an environment of its own.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools

import numpy as np

from canbean.tiny.dense import Dense, Layer


def runtime():
    """`("litert" | "tflite-runtime", its interpreter module)`, or None."""
    for name, module in (
        ("litert", "ai_edge_litert.interpreter"),
        ("tflite-runtime", "tflite_runtime.interpreter"),
    ):
        try:
            return name, importlib.import_module(module)
        except ImportError:
            continue
    return None


def writable() -> bool:
    """Whether the packages that write a file are here."""
    try:
        importlib.import_module("tflite")
        importlib.import_module("flatbuffers")
    except ImportError:
        return False
    return True


def run(content: bytes, x) -> np.ndarray:
    """Integer inputs (n, d) to integer outputs (n, o) by the reference kernels."""
    _, module = runtime()
    resolver = module.OpResolverType.BUILTIN_REF
    interpreter = module.Interpreter(
        model_content=content, experimental_op_resolver_type=resolver, num_threads=1
    )
    given, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(given["index"], [len(x), given["shape"][1]])
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], np.asarray(x).astype(given["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(out["index"]).astype(np.int64)


class Steps:
    """A file with several inputs and outputs, run again and again for `rows` rows by the reference kernels."""

    def __init__(self, content: bytes, rows: int) -> None:
        _, module = runtime()
        self.interpreter = module.Interpreter(
            model_content=content,
            experimental_op_resolver_type=module.OpResolverType.BUILTIN_REF,
            num_threads=1,
            experimental_preserve_all_tensors=True,
        )
        self.inputs = self.interpreter.get_input_details()
        for given in self.inputs:
            self.interpreter.resize_tensor_input(given["index"], [rows, given["shape"][1]])
        self.interpreter.allocate_tensors()

    def run(self, *values) -> list[np.ndarray]:
        """Integer inputs to integer outputs, in the order of the file."""
        for given, value in zip(self.inputs, values, strict=True):
            self.interpreter.set_tensor(given["index"], value.astype(given["dtype"]))
        self.interpreter.invoke()
        outputs = self.interpreter.get_output_details()
        return [self.interpreter.get_tensor(out["index"]).astype(np.int64) for out in outputs]

    def tensor(self, name: str) -> np.ndarray:
        """What is in the file's tensor of this name after a run."""
        (index,) = [t["index"] for t in self.interpreter.get_tensor_details() if t["name"] == name]
        return self.interpreter.get_tensor(index).astype(np.int64)


def sayable(network):
    """The same network with odd multipliers of 24 bits, and without zero points of outputs."""
    layers = [
        dataclasses.replace(layer, multiplier=(layer.multiplier >> 7 | 1) << 7, zero_out=0)
        for layer in network.layers
    ]
    return Dense(tuple(layers), network.input_low, network.input_high)


def random_network(rng, bits, inputs=None):
    """A network of 1 to 3 layers: any zero points and clamps that can be said, sums up to what the packer admits."""
    sizes = [inputs or int(rng.integers(1, 33)), *rng.integers(1, 17, int(rng.integers(1, 4))).tolist()]
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    low, high = least, most
    layers = []
    for index, (width, outputs) in enumerate(itertools.pairwise(sizes)):
        last = index == len(sizes) - 2
        weights = rng.integers(-127, 128, (outputs, width))
        weights[rng.random(outputs) < 0.1] = rng.choice([-127, 127])
        reach = max(-low, high) * 128 * width
        # Sums of about 2**e come out at about the type's ends, or a little past them.
        shift = 30 + np.clip(reach.bit_length() - bits + rng.integers(-3, 3, outputs), 1, 32)
        folded = rng.integers(-reach // 8, reach // 8, outputs, endpoint=True)
        edge = rng.random(outputs) < 0.1
        folded[edge] = rng.choice([-1, 1]) * (2**29 - 1 - reach)
        zero_in = int(rng.integers(-128, 128)) if bits == 8 or rng.random() < 0.3 else 0
        zero_out = int(rng.choice([-128, 127, rng.integers(-128, 128)])) if bits == 8 else 0
        if last and bits == 16 and rng.random() < 0.5:
            zero_out = int(rng.integers(-50_000, 50_000))
        offset = zero_out if bits == 16 else 0
        ends = (zero_out if rng.random() < 0.5 else least + offset, most + offset)
        layers.append(
            Layer(
                weights,
                folded + zero_in * weights.sum(axis=1),
                rng.choice([2**30 + 128, 2**31 - 128, (int(rng.integers(2**23, 2**24)) | 1) << 7], outputs),
                shift,
                zero_in,
                zero_out,
                *ends,
            )
        )
        low, high = ends
    return Dense(tuple(layers), least, most)


def random_inputs(rng, network, rows):
    """Uniform rows, some numbers at the ends of the type."""
    low, high = network.input_low, network.input_high
    x = rng.integers(low, high, (rows, network.features), endpoint=True)
    edge = rng.random(x.shape) < 0.1
    x[edge] = rng.choice([low, -1, 0, 1, high], int(edge.sum()))
    return x


def double_rounding(acc, multiplier, shift):
    """gemmlowp's rule, which tflite-runtime 2.14 keeps for int8: halves away from zero, after 31 bits and again after the rest.

    `SaturatingRoundingDoublingHighMul` and `RoundingDivideByPOT` of gemmlowp's fixedpoint.h.
    """
    product = acc * multiplier
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))
    mask = (1 << shift - 31) - 1
    return (high >> shift - 31) + ((high & mask) > (mask >> 1) + (high < 0))


def fifteen_bits(acc, multiplier, shift):
    """tflite-runtime 2.14's rule for int16: once, with a multiplier of 15 bits (`MultiplyByQuantizedMultiplier`, int64)."""
    reduced = np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, 0x7FFF)
    return (acc * reduced + (1 << shift - 17)) >> shift - 16


def run_with(network, x, rule):
    """A network whose layers scale their sums by `rule(acc, multiplier, shift)`."""
    for layer in network.layers:
        acc = x @ layer.weights.T + layer.folded
        x = np.clip(layer.zero_out + rule(acc, layer.multiplier, layer.shift), layer.low, layer.high)
    return x
