"""Radial basis functions: what support vector regression, classification and one-class machines compute.

`score = bias + sum weight_i * exp(-gamma * |x - s_i|^2)` for each output. In integers:

* the features are rounded to fewer bits, `(x + half) >> coarse`, so many that squared distances stay below 2**29;
* the distance becomes an exponent of two in 1/32768 octave, `u = requantize(distance)`, below 30 octaves;
* `exp2_q(u)`, 2**-u in 1/32768, comes from 65 table entries with linear interpolation;
* terms `(weight * kernel + half) >> shift` add up, and the sum is shifted right by `guard` bits, rounded half up.

RBFS:

```
u16 vectors | u8 features | u8 outputs | u8 coarse | u8 shift | u8 guard | u8 shift of the exponent
u16 m1 | u16 m0 of the exponent | i32 bias [outputs] | i16 weight [vectors][outputs] | i16 vector [vectors][features]
```

Each array is padded with zeros to 4 bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.curves import EXP2_TABLE
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
    from numpy.typing import ArrayLike, NDArray

FEATURES_MOST = 63
VECTORS_MOST = 4096
OUTPUTS_MOST = 255
INT16 = 32767
# The largest exponent, under 30 octaves: 2**-30 is nothing beside 2**-16.
OCTAVES = (30 << 15) - 1
GUARD_MOST = 8
TERM_SHIFT_MOST = 15
LOG2_E = 1.4426950408889634


def exp2_q(u: ArrayLike) -> NDArray[np.int64]:
    """2**-u in 1/32768; the error is below 1.25/32768.

    Args:
        u: 0 up to 30 octaves, in 1/32768 octave.
    """
    u = np.asarray(u, np.int64)
    i = (u >> 9) & 63
    start = EXP2_TABLE[i]
    fraction = start - (((start - EXP2_TABLE[i + 1]) * (u & 511) + 256) >> 9)
    octaves = u >> 15
    return np.asarray((fraction + ((np.int64(1) << octaves) >> 1)) >> octaves, np.int64)


def coarseness(features: int) -> int:
    """How many bits features lose, so that the squared distances of so many stay below 2**29."""
    coarse = 1
    while features * ((2 * INT16 >> coarse) + 1) ** 2 >= ACCUMULATOR_LIMIT:
        coarse += 1
    return coarse


@dataclass(frozen=True, eq=False)
class Kernel:
    """A weighted sum of radial basis functions.

    Attributes:
        vectors: (m, d), the centres, in features rounded by `coarse` bits.
        weights: (m, outputs), int16 values.
        bias: (outputs,), in steps of the score shifted left by `guard`.
        multiplier: of `fixed.requantize`: from squared distance to 1/32768 octave.
        exponent_shift: of `fixed.requantize`.
        shift: of a term, 0 to 15.
        guard: bits that the sum has more than the score, 0 to 8.
    """

    tag: ClassVar[str] = "RBFS"

    vectors: NDArray[np.int64]
    weights: NDArray[np.int64]
    bias: NDArray[np.int64]
    multiplier: int
    exponent_shift: int
    shift: int
    guard: int

    def __post_init__(self) -> None:
        for name in ("vectors", "weights", "bias"):
            array = np.array(getattr(self, name), np.int64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        shapes = self.vectors.ndim == 2 == self.weights.ndim and self.bias.ndim == 1
        if not shapes or self.weights.shape != (len(self.vectors), len(self.bias)):
            raise QuantizeError("a kernel sum needs a table of vectors and for each a weight an output")
        if not (
            1 <= self.features <= FEATURES_MOST
            and 1 <= len(self.vectors) <= VECTORS_MOST
            and 1 <= self.outputs <= OUTPUTS_MOST
        ):
            raise QuantizeError(
                f"{len(self.vectors)} support vectors of {self.features} features and {self.outputs} outputs: "
                f"1 to {VECTORS_MOST}, 1 to {FEATURES_MOST} and 1 to {OUTPUTS_MOST} are possible"
            )
        numbers = (
            SMALL_LIMIT <= self.multiplier < 2 * SMALL_LIMIT
            and 31 <= self.exponent_shift <= SHIFT_MOST
            and 0 <= self.shift <= TERM_SHIFT_MOST
            and 0 <= self.guard <= GUARD_MOST
            and np.abs(self.weights).max() <= INT16
            and np.abs(self.vectors).max() <= (INT16 + 1) >> self.coarse
        )
        if not numbers:
            raise QuantizeError("a number of the kernel sum does not fit its type")
        # Every term lies between 0 and its value at a distance of 0: the sum of one sign bounds all partial sums.
        terms = (self.weights * 32768 + (1 << self.shift >> 1)) >> self.shift
        reach = np.maximum(np.maximum(terms, 0).sum(axis=0), -np.minimum(terms, 0).sum(axis=0))
        if int((reach + np.abs(self.bias)).max()) + (1 << self.guard) >= ACCUMULATOR_LIMIT:
            raise QuantizeError("the weights of the kernel sum are so large that it could overflow 30 bits")

    @classmethod
    def from_float(cls, vectors: ArrayLike, weights: ArrayLike, bias: ArrayLike, gamma: float) -> Kernel:
        """Quantize a fitted kernel sum.

        Args:
            vectors: (m, d) centres in the features' unit, within +-32767.
            weights: (m, outputs), in steps of the score.
            bias: (outputs,), in steps of the score.
            gamma: of one squared step of the features.

        Raises:
            QuantizeError: a number is not finite, or too large for its type.
        """
        s, w = np.asarray(vectors, np.float64), np.asarray(weights, np.float64)
        b = np.atleast_1d(np.asarray(bias, np.float64))
        finite = np.isfinite(s).all() and np.isfinite(w).all() and np.isfinite(b).all()
        if not finite or s.ndim != 2 or w.shape != (len(s), len(b)) or not w.size:
            raise QuantizeError("a kernel sum needs support vectors and weights, all of them finite")
        coarse = coarseness(s.shape[1])
        real = gamma * LOG2_E * 32768 * 4.0**coarse
        if not 2.0**-32 <= real < 1:
            raise QuantizeError(f"gamma is outside what the features resolve ({real:.3g} octaves a step)")
        multiplier, exponent_shift = quantize_multiplier(real)
        largest = float(np.abs(w).max())
        reach = np.maximum(np.maximum(w, 0).sum(axis=0), -np.minimum(w, 0).sum(axis=0)) + np.abs(b)
        # A rounding of half a step a vector is room enough.
        room = ACCUMULATOR_LIMIT - 2 * len(s) - (2 << GUARD_MOST)
        guard = GUARD_MOST
        while guard and float(reach.max()) * 2**guard >= room:
            guard -= 1
        scale = TERM_SHIFT_MOST - 15 + guard
        while scale > guard - 15 and largest * 2.0**scale > INT16:
            scale -= 1
        if largest * 2.0**scale > INT16 or float(reach.max()) * 2**guard >= room:
            raise QuantizeError(f"the weights of the kernel sum, up to {largest:.3g} steps, are too large")
        return cls(
            np.clip(np.floor((s + (1 << coarse >> 1)) / 2**coarse), -(INT16 >> coarse), INT16 >> coarse),
            np.rint(w * 2.0**scale).astype(np.int64),
            np.rint(b * 2**guard).astype(np.int64),
            multiplier,
            exponent_shift,
            scale + 15 - guard,
            guard,
        )

    @property
    def features(self) -> int:
        """Number of features."""
        return int(self.vectors.shape[1])

    @property
    def outputs(self) -> int:
        """Number of scores."""
        return len(self.bias)

    @property
    def coarse(self) -> int:
        """Bits that a feature loses."""
        return coarseness(self.features)

    @property
    def macs(self) -> int:
        """Multiplications of one run."""
        return int(self.vectors.size + self.weights.size)

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one run: an exponent and its power a vector; its own counts as one."""
        return 1 + 2 * len(self.vectors)

    def run(self, x: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) within +-32767 to scores (n, outputs)."""
        x = (np.asarray(x, np.int64) + (1 << self.coarse >> 1)) >> self.coarse
        acc = np.tile(self.bias, (len(x), 1))
        half = 1 << self.shift >> 1
        for vector, weight in zip(self.vectors, self.weights, strict=True):
            distance = ((x - vector) ** 2).sum(axis=1)
            kernel = exp2_q(requantize(distance, self.multiplier, self.exponent_shift, 0, 0, OCTAVES))
            acc += (kernel[:, None] * weight + half) >> self.shift
        return np.asarray((acc + (1 << self.guard >> 1)) >> self.guard, np.int64)

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) within +-32767 to the first score (n,)."""
        return self.run(x)[:, 0]

    def to_bytes(self) -> bytes:
        """The layout above."""
        m1, m0 = halves(self.multiplier)
        head = struct.pack(
            "<HBBBBBBHH",
            *(len(self.vectors), self.features, self.outputs),
            *(self.coarse, self.shift, self.guard, self.exponent_shift, int(m1), int(m0)),
        )
        return (
            head
            + self.bias.astype("<i4").tobytes()
            + padded(self.weights.astype("<i2").tobytes())
            + padded(self.vectors.astype("<i2").tobytes())
        )

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Kernel:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold a kernel sum whose terms fit; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section RBFS")
        count, features, outputs, coarse, shift, guard, exponent, m1, m0 = reader.struct("HBBBBBBHH")
        if m1 >> 15 or m0 >> 15 or coarse != coarseness(min(features, FEATURES_MOST)):
            raise ModelError(f"{reader.where}: a multiplier or a rounding is not what it must be")
        bias = reader.array("i4", outputs)
        weights = reader.array("i2", count * outputs).reshape(count, outputs)
        vectors = reader.array("i2", count * features).reshape(count, features)
        reader.end()
        try:
            return cls(vectors, weights, bias, int(joined(m1, m0)), exponent, shift, guard)
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error
