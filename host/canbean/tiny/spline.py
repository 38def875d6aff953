"""A curve over one index: a weighted sum of the features, then straight lines between evenly spaced knots.

The knots sample any curve of one variable, and where their scores never fall the model is monotone in its index to the
last bit: `place = (bias + sum weight_i * feature_i) >> shift` in 1/1024 interval, `i` the interval that it lies in or the
one at that end, `score = s_i + (((s_(i+1) - s_i) * (place - 1024 i) + 512) >> 10)`. Beyond the ends the first and the
last straight line go on.

SPLN:

```
u8 features | u8 shift | u16 intervals | i32 bias | i16 weight [features] | i32 score [intervals + 1] in 1/256 point
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.fixed import ACCUMULATOR_LIMIT
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FEATURES_MOST = 63
INTERVALS_MOST = 255
SHIFT_MOST = 15
FRACTION = 10
FEATURE_MOST = 32767
INT16 = 32767


@dataclass(frozen=True, eq=False)
class Spline:
    """An index and the curve over it.

    Attributes:
        weights: (d,) int16 values.
        bias: of the index.
        shift: of the index, 0 to 15.
        scores: (k,) at the knots, in 1/256 point.
    """

    tag: ClassVar[str] = "SPLN"

    weights: NDArray[np.int64]
    bias: int
    shift: int
    scores: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("weights", "scores"):
            array = np.array(getattr(self, name), np.int64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if not (1 <= self.features <= FEATURES_MOST and 1 <= self.intervals <= INTERVALS_MOST):
            raise QuantizeError(
                f"a curve of {self.features} features and {self.intervals} intervals: "
                f"1 to {FEATURES_MOST} and 1 to {INTERVALS_MOST} are possible"
            )
        spread = int(np.abs(self.weights).sum()) * FEATURE_MOST
        reach = spread + abs(self.bias)
        if (
            not 0 <= self.shift <= SHIFT_MOST
            or np.abs(self.weights).max() > INT16
            or reach >= ACCUMULATOR_LIMIT
        ):
            raise QuantizeError("the curve's weights are so large that its index could overflow 30 bits")
        below, above = _far(self.weights, self.bias, self.shift, self.intervals)
        steps = np.abs(np.diff(self.scores))
        ends = max(int(steps[0]) * -below, int(steps[-1]) * above)
        inner = int(steps.max()) << FRACTION
        if max(ends, inner) + (1 << FRACTION) + int(np.abs(self.scores).max()) >= ACCUMULATOR_LIMIT:
            raise QuantizeError("the curve is so steep that its score could overflow 30 bits")

    @classmethod
    def from_float(cls, weights: ArrayLike, low: float, high: float, scores: ArrayLike) -> Spline:
        """Quantize a curve.

        Args:
            weights: (d,) of the index, per standard deviation of each feature.
            low: the index at the first knot.
            high: the index at the last knot, above `low`.
            scores: (k,) at knots evenly spaced between them, in points of the scale.

        Raises:
            QuantizeError: a number is not finite, or too large for its type.
        """
        w, table = np.asarray(weights, np.float64), np.asarray(scores, np.float64)
        finite = np.isfinite(w).all() and np.isfinite(table).all() and np.isfinite([low, high]).all()
        if not finite or w.ndim != 1 or table.ndim != 1 or len(table) < 2 or not low < high:
            raise QuantizeError("a curve needs weights, two knots or more and finite numbers")
        places = ((len(table) - 1) << FRACTION) / (high - low)
        step, start = w * places / 4096, -low * places
        shift = SHIFT_MOST
        while (
            shift
            and (np.abs(step).sum() * FEATURE_MOST + abs(start) + 2 * len(w)) * 2**shift >= ACCUMULATOR_LIMIT
        ):
            shift -= 1
        if np.abs(table).max() * 256 >= ACCUMULATOR_LIMIT or np.abs(step).max() > INT16:
            raise QuantizeError("a curve's score or weight is too large")
        bias, whole = round(start * 2**shift) + (1 << shift >> 1), np.rint(step * 2**shift)
        score = np.rint(table * 256)
        below, above = _far(whole.astype(np.int64), bias, shift, len(table) - 1)
        # What goes on beyond an end must stay within 30 bits: there a steeper line is laid flatter.
        room = ACCUMULATOR_LIMIT - (2 << FRACTION) - 2 * float(np.abs(score).max())
        for end, next_to_it, far in ((0, 1, -below), (-1, -2, above)):
            most = room // far if far > 0 else np.inf
            score[end] = np.clip(score[end], score[next_to_it] - most, score[next_to_it] + most)
        return cls(whole, bias, shift, score)

    @property
    def features(self) -> int:
        """Number of features."""
        return len(self.weights)

    @property
    def intervals(self) -> int:
        """Number of straight lines."""
        return len(self.scores) - 1

    @property
    def macs(self) -> int:
        """Multiplications of one prediction."""
        return self.features + 1

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one prediction; its own call counts as one."""
        return 1

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) in 1/4096 standard deviation, within +-32767, to scores (n,) in 1/256 point."""
        place = (np.asarray(features, np.int64) @ self.weights + self.bias) >> self.shift
        i = np.clip(place >> FRACTION, 0, self.intervals - 1)
        start = self.scores[i]
        rise = (self.scores[i + 1] - start) * (place - (i << FRACTION))
        return np.asarray(start + ((rise + (1 << FRACTION >> 1)) >> FRACTION), np.int64)

    def to_bytes(self) -> bytes:
        """The layout above."""
        head = struct.pack("<BBHi", self.features, self.shift, self.intervals, self.bias)
        return head + padded(self.weights.astype("<i2").tobytes()) + self.scores.astype("<i4").tobytes()

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Spline:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold a curve whose numbers fit; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section SPLN")
        features, shift, intervals, bias = reader.struct("BBHi")
        weights = reader.array("i2", features)
        scores = reader.array("i4", intervals + 1)
        reader.end()
        try:
            return cls(weights, bias, shift, scores)
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error


def _far(weights: NDArray[np.int64], bias: int, shift: int, intervals: int) -> tuple[int, int]:
    """How far a place may lie from the knot that it is counted from: below the first, above the last but one."""
    spread = int(np.abs(weights).sum()) * FEATURE_MOST
    return (bias - spread) >> shift, ((bias + spread) >> shift) - ((intervals - 1) << FRACTION)
