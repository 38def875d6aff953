"""One step of an LSTM as operators of a `.tflite` file, int16 all through, with LiteRT's own curves.

    [x, h] -> FULLY_CONNECTED -> SPLIT: i, f, g, o
    c = f' * c + i' * g'      with i', f', o' = LOGISTIC, g' = TANH
    h = o' * TANH(c)          and the head's FULLY_CONNECTED behind it

Features and gates have 12 fraction bits, curves 15, c 11 and h its own. CONCATENATION joins x and h as they are, as
the gates' weights want them: LiteRT rescales nothing there between int16 tensors, though the scales differ. Beside the
curves it is otherwise than `canbean.tiny.lstm` in that f' * c is rounded to c's 11 bits before the sum, not after, and that c
may come to be -32768. A caller carries h and c from each step to the next, from zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.tiny.tflite_file import Graph

if TYPE_CHECKING:
    from canbean.tiny.tflite_file import Plan

FEATURE, CURVE, CELL = 2.0**-12, 2.0**-15, 2.0**-11


def encode(gates: Plan, head: Plan, bits: int, description: str) -> bytes:
    """The bytes of the file: inputs x, h and c; outputs of the head, then the new h and c; each (batch, width).

    Args:
        gates: one layer of int16, inputs and cells to four gates a cell.
        head: of int16.
        bits: fraction bits of h.
        description: for people, kept in the file.

    Raises:
        CanbeanError: the packages that write it are not installed.
    """
    rows, width = gates.layers[0].weights.shape
    cells = rows // 4
    hidden = 2.0**-bits
    graph = Graph()

    def made(code: str, name: str, inputs: list[int], step: float, options: str = "", **values: int) -> int:
        out = graph.activations(name, cells, step)
        graph.operator(code, inputs, [out], options, **values)
        return out

    x, h, c = (
        graph.activations(name, size, step)
        for name, size, step in (("x", width - cells, FEATURE), ("h", cells, hidden), ("c", cells, CELL))
    )
    joined = graph.activations("joined", width, FEATURE)
    graph.operator("CONCATENATION", [x, h], [joined], "Concatenation", Axis=1)
    sums = graph.layers(gates, joined, (FEATURE, FEATURE), "gates.")
    axis = graph.tensor("axis", (), "INT32", [], [], np.array(1, "<i4"))
    parts = [graph.activations(name, cells, FEATURE) for name in "ifgo"]
    graph.operator("SPLIT", [axis, sums], parts, "Split", NumSplits=4)
    opened = {
        name: made("TANH" if name == "g" else "LOGISTIC", f"{name}'", [part], CURVE)
        for name, part in zip("ifgo", parts, strict=True)
    }
    kept = made("MUL", "kept", [opened["f"], c], CELL, "Mul")
    new = made("MUL", "new", [opened["i"], opened["g"]], CURVE, "Mul")
    # As converters write it: version 3, which rescales. The shift of version 1 gives the same numbers here.
    state = made("ADD", "new c", [kept, new], CELL, "Add", PotScaleInt16=False)
    shown = made("TANH", "tanh c", [state], CURVE)
    after = made("MUL", "new h", [opened["o"], shown], hidden, "Mul")
    return graph.file(
        [x, h, c], [graph.layers(head, after, (hidden, FEATURE), "head."), after, state], description
    )
