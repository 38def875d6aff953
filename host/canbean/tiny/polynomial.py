"""Polynomials of degree 1 to 3: what linear, ridge and logistic regressions fit, one for each output.

Monomials are formed degree by degree, each as a monomial of the degree below times a feature, rounded half up and
saturated to +-32767. Degree 1 has 12 fraction bits, each further degree two fewer, so that a square reaches 5.6 and a
cube 5.0 standard deviations before it saturates. Terms add up in 1/4096 point.

POLY:

```
u8 features | u8 degree | u8 shift | u8 outputs - 1 | i32 bias in 1/4096 point [outputs]
| i16 weight [outputs][monomials]
```

The monomials are in the order of scikit-learn's `PolynomialFeatures` without its constant:
`a b aa ab bb aaa aab abb bbb`.
"""

from __future__ import annotations

import math
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
TERMS_MOST = 255
OUTPUTS_MOST = 64
DEGREE_MOST = 3
SHIFT_MOST = 15
SATURATION = 32767
# Lost with each degree: a product of two numbers with 12 fraction bits has 24; 14 fewer are 10.
STEP = 14


@dataclass(frozen=True, eq=False)
class Polynomial:
    """A polynomial an output, with integer weights.

    Attributes:
        features: number of features.
        degree: 1, 2 or 3.
        bias: in 1/4096 point; (outputs,) where there are several outputs.
        weights: int16 values (terms,), in the order above; (outputs, terms) where there are several outputs.
        shift: a term is `(weight * monomial + half) >> shift`, in 1/4096 point; 0 to 15.
    """

    tag: ClassVar[str] = "POLY"

    features: int
    degree: int
    bias: int | NDArray[np.int64]
    weights: NDArray[np.int64]
    shift: int

    def __post_init__(self) -> None:
        _check_size(self.features, self.degree)
        weights = np.array(self.weights, np.int64)
        count = terms(self.features, self.degree)
        biases = np.atleast_1d(np.asarray(self.bias, np.int64))
        if weights.shape != (count,) and (weights.shape != (len(biases), count) or len(biases) < 2):
            raise QuantizeError(f"{weights.size} weights for {count} monomials")
        if not 1 <= len(biases) <= OUTPUTS_MOST:
            raise QuantizeError(f"{len(biases)} outputs; 1 to {OUTPUTS_MOST} are possible")
        if not 0 <= self.shift <= SHIFT_MOST or np.abs(weights).max() > SATURATION:
            raise QuantizeError("a weight of the polynomial does not fit 16 bits")
        # Every partial sum is within this, in whatever order the terms come.
        reach = ((np.abs(weights) * SATURATION >> self.shift) + 1).sum(axis=-1)
        if int((np.abs(biases) + reach).max()) >= ACCUMULATOR_LIMIT:
            raise QuantizeError("the polynomial's weights are so large that its sum could overflow 30 bits")
        weights.setflags(write=False)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "bias", int(biases[0]) if weights.ndim == 1 else biases)

    @classmethod
    def from_float(
        cls, degree: int, intercept: ArrayLike, coefficients: ArrayLike, features: int
    ) -> Polynomial:
        """Quantize fitted polynomials of standardised features.

        Args:
            degree: 1 to 3.
            intercept: in points of the scale; (outputs,) where there are several outputs.
            coefficients: (terms,) points per product of standard deviations, in the order above, or (outputs, terms).
            features: number of features.

        Raises:
            QuantizeError: a number is not finite, or too large for its type.
        """
        _check_size(features, degree)
        values, start = np.asarray(coefficients, np.float64), np.asarray(intercept, np.float64)
        if values.ndim not in {1, 2} or not np.isfinite(values).all() or not np.isfinite(start).all():
            raise QuantizeError("the polynomial has a coefficient that is not a finite number")
        if values.shape[-1] != terms(features, degree):
            raise QuantizeError(f"{values.shape[-1]} coefficients for {terms(features, degree)} monomials")
        # A weight takes a monomial's unit, 2**-12 and 4 times as much with each degree, to 1/4096 point.
        scaled = values * 4.0 ** (_degrees(features, degree) - 1)
        largest = float(np.abs(scaled).max())
        shift = SHIFT_MOST
        while shift and largest * 2**shift > SATURATION:
            shift -= 1
        if largest > SATURATION or float(np.abs(start).max()) * 4096 >= ACCUMULATOR_LIMIT:
            raise QuantizeError("a coefficient of the polynomial is too large for 16 bits")
        weights = np.rint(scaled * 2**shift).astype(np.int64)
        return cls(features, degree, np.rint(start * 4096).astype(np.int64), weights, shift)

    @property
    def outputs(self) -> int:
        """Number of scores."""
        return int(self.weights.size) // terms(self.features, self.degree)

    @property
    def macs(self) -> int:
        """Multiplications of one run: one to form a monomial, one to weigh it for each output."""
        return int(self.weights.size) + terms(self.features, self.degree) - self.features

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one prediction; its own call counts as one."""
        return 1

    def run(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) in 1/4096 standard deviation, within +-32767, to scores (n, outputs) in 1/256 point."""
        x = np.asarray(features, np.int64)
        half = (1 << self.shift) >> 1
        monomials = [x[:, i] for i in range(self.features)]
        block = list(monomials)
        tails = list(range(self.features))
        for _ in range(1, self.degree):
            above: list[NDArray[np.int64]] = []
            starts = []
            for i in range(self.features):
                starts.append(len(above))
                above += [_product(x[:, i], monomial) for monomial in block[tails[i] :]]
            block, tails = above, starts
            monomials += above
        table = np.stack(monomials, axis=1)
        acc = np.stack(
            [
                bias + ((table * weights + half) >> self.shift).sum(axis=1)
                for bias, weights in zip(np.atleast_1d(self.bias), np.atleast_2d(self.weights), strict=True)
            ],
            axis=1,
        )
        return np.asarray((acc + 8) >> 4, np.int64)

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) in 1/4096 standard deviation, within +-32767, to the first score (n,) in 1/256 point."""
        return self.run(features)[:, 0]

    def to_bytes(self) -> bytes:
        """The layout above."""
        head = struct.pack("<BBBB", self.features, self.degree, self.shift, self.outputs - 1)
        biases = np.atleast_1d(np.asarray(self.bias, np.int64))
        return head + biases.astype("<i4").tobytes() + padded(self.weights.astype("<i2").tobytes())

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Polynomial:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold a polynomial whose sums fit; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section POLY")
        features, degree, shift, more = reader.struct("BBBB")
        try:
            _check_size(features, degree)
            bias = reader.array("i4", more + 1)
            weights = reader.array("i2", (more + 1) * terms(features, degree))
            reader.end()
            return cls(features, degree, bias, weights.reshape(more + 1, -1) if more else weights, shift)
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error


def _check_size(features: int, degree: int) -> None:
    if not 1 <= features <= FEATURES_MOST or not 1 <= degree <= DEGREE_MOST:
        raise QuantizeError(
            f"a polynomial of degree {degree} in {features} features: "
            f"degree 1 to {DEGREE_MOST} in 1 to {FEATURES_MOST} are possible"
        )
    if terms(features, degree) > TERMS_MOST:
        raise QuantizeError(
            f"a polynomial of degree {degree} in {features} features has {terms(features, degree)} terms; "
            f"{TERMS_MOST} are possible: take fewer features or a lower degree"
        )


def terms(features: int, degree: int) -> int:
    """Number of monomials of degree 1 to `degree` in so many features."""
    return math.comb(features + degree, degree) - 1


def _degrees(features: int, degree: int) -> NDArray[np.float64]:
    """The degree of each monomial, in order."""
    counts = [math.comb(features + d - 1, d) for d in range(1, degree + 1)]
    return np.repeat(np.arange(1.0, degree + 1), counts)


def _product(feature: NDArray[np.int64], monomial: NDArray[np.int64]) -> NDArray[np.int64]:
    half = 1 << (STEP - 1)
    return np.asarray(np.clip((feature * monomial + half) >> STEP, -SATURATION, SATURATION), np.int64)
