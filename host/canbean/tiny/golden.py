"""GOLD: inputs and the answers that a board must give at boot, or refuse the model.

```
u16 vectors (at most 8) | u16 zero
a vector: u16 bytes of input | u16 outputs | the input, padded with zeros to 4 bytes | i32 outputs
```

What an input is, the application says; a regressor's is an i32 reading a channel, its output the score in 1/256 point.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import ModelError
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from canbean.tiny.cbm import Model

VECTORS_MOST = 8


def pack(vectors: Sequence[tuple[bytes, Sequence[int]]]) -> bytes:
    """Golden vectors as a section.

    Raises:
        ModelError: there are over 8, or an input or output does not fit.
    """
    if len(vectors) > VECTORS_MOST:
        raise ModelError(f"{len(vectors)} golden vectors; a model holds at most {VECTORS_MOST}")
    parts = [struct.pack("<HH", len(vectors), 0)]
    for content, outputs in vectors:
        try:
            head = struct.pack("<HH", len(content), len(outputs))
            parts += [head, padded(content), struct.pack(f"<{len(outputs)}i", *outputs)]
        except struct.error as error:
            raise ModelError(f"a golden vector does not fit: {error}") from error
    return b"".join(parts)


def of_rows(readings: NDArray[np.int64], answers: Sequence[Sequence[int]]) -> bytes:
    """Rows of integer readings (n, c) and what is answered to each, as a section. Raises as `pack`."""
    rows = (row.astype("<i4").tobytes() for row in readings)
    return pack(list(zip(rows, answers, strict=True)))


def check_rows(
    model: Model, channels: int, predict: Callable[[NDArray[np.int64]], Sequence[int]], name: str
) -> None:
    """Answer the golden vectors of a model whose inputs are rows of readings; without GOLD there is nothing to answer.

    Args:
        model: the model file.
        channels: readings in a row.
        predict: what is answered to one row (1, channels).
        name: what messages begin with.

    Raises:
        ModelError: an answer differs, or the section is damaged.
    """
    if "GOLD" not in model.sections:
        return
    for index, (content, expected) in enumerate(unpack(model.sections["GOLD"], name)):
        if len(content) != 4 * channels:
            raise ModelError(f"{name}: golden vector {index} has another number of channels")
        answer = predict(np.frombuffer(content, "<i4").astype(np.int64)[None, :])
        if answer != expected:
            raise ModelError(f"{name}: answers {answer} to golden vector {index}, not {expected}")


def unpack(content: bytes, name: str = "model") -> list[tuple[bytes, list[int]]]:
    """Read golden vectors.

    Raises:
        ModelError: the section is damaged; the message begins with `name`.
    """
    reader = Reader(content, f"{name}: section GOLD")
    count, zero = reader.struct("HH")
    if zero or count > VECTORS_MOST:
        raise ModelError(f"{reader.where}: {count} vectors; a model holds at most {VECTORS_MOST}")
    vectors = []
    for _ in range(count):
        size, outputs = reader.struct("HH")
        given = reader.array("u1", size)
        vectors.append((bytes(given.tolist()), reader.array("i4", outputs).tolist()))
    reader.end()
    return vectors
