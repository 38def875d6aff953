"""A mixture of Gaussians with diagonal covariances: `-log2 p(x)` in 1/16 bit.

A component's bits are a constant, `-log2 weight + sum log2(sigma * sqrt(2 pi))`, and its squared deviation
(`canbean.tiny.deviation`), in 1/4096 bit. The least of them, less `log2 sum 2**-(bits - least)` by the tables of
`curves.exp2_q15` and `fixed.log2_q12`, is the answer, rounded half up and at most 64 bits. Below the cap the error
against floating point is under 1/16 bit for standard deviations from 0.1 and up to 16 features; the means, on the features'
grid of 1/4096, make it larger for narrower ones.

p is a density over standardised features: its bits are negative where it is above 1, and many features shift it by many
bits. `reference` takes such a shift away.

GMIX:

```
u16 components | u8 features | u8 zero | i32 constant [components] in 1/4096 bit
i16 mean [components][features] in 1/4096 | u16 multiplier [components][features] | u8 shift [components][features]
```
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.curves import exp2_q15
from canbean.tiny.dense import FEATURE, INT16
from canbean.tiny.deviation import check, deviation, quantize_sigma
from canbean.tiny.fixed import log2_q12
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

COMPONENTS_MOST = 256
FEATURES_MOST = 63
MOST = 1024
# A deviation ends at 128 bits: with no constant below -48 that is past the cap, even for 256 components together.
CONSTANT_LEAST = -48 * 4096
CONSTANT_MOST = 128 * 4096
WEIGHT_LEAST = 1e-3
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Mixture:
    """Gaussian components in integers.

    Attributes:
        constant: (components,), in 1/4096 bit.
        mean: (components, features), in 1/4096 standard deviation.
        multiplier: (components, features), of `deviation.deviation`.
        shift: (components, features), of `deviation.deviation`.
        pruned: indices of the components that `from_float` left out; the bytes do not hold them.
    """

    tag: ClassVar[str] = "GMIX"
    outputs: ClassVar[int] = 1

    constant: NDArray[np.int64]
    mean: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]
    pruned: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("constant", "mean", "multiplier", "shift"):
            array = np.array(getattr(self, name), np.int64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        shape = self.mean.shape
        if len(shape) != 2 or self.multiplier.shape != shape or self.shift.shape != shape:
            raise QuantizeError("a mixture needs a mean and a variance of each feature for each component")
        if not 1 <= shape[0] <= COMPONENTS_MOST or not 1 <= shape[1] <= FEATURES_MOST:
            raise QuantizeError(
                f"{shape[0]} components of {shape[1]} features: "
                f"1 to {COMPONENTS_MOST} of 1 to {FEATURES_MOST} are possible"
            )
        if self.constant.shape != shape[:1] or np.abs(self.mean).max() > INT16:
            raise QuantizeError(
                "a mixture needs a constant for each component, and means within 8 deviations"
            )
        if self.constant.min() < CONSTANT_LEAST or self.constant.max() > CONSTANT_MOST:
            raise QuantizeError("a component's constant is outside -48..128 bits: give a reference")
        check(self.multiplier, self.shift)

    @classmethod
    def from_float(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        variances: ArrayLike,
        *,
        reference: float = 0.0,
        least_weight: float = WEIGHT_LEAST,
    ) -> Mixture:
        """Quantize what scikit-learn's `GaussianMixture(covariance_type="diag")` or its Bayesian twin has fitted.

        Left out are components lighter than `least_weight` (a Bayesian mixture leaves its unused ones so) and those
        whose constant alone passes 128 bits; the weights of the others are made to add up to 1. Far from the others
        a component left out may be all there was: there the answer grows. The answer is the density of these parameters;
        `score_samples` of a Bayesian mixture takes their uncertainty in besides.

        Args:
            weights: (components,), `weights_`.
            means: (components, features) of standardised features, `means_`.
            variances: (components, features), `covariances_`.
            reference: bits taken off the answer, such as those of the likeliest point.
            least_weight: a part of 1.

        Raises:
            QuantizeError: a number is not finite or too large, shapes do not match, or nothing is left.
        """
        w, m, v = (np.asarray(a, np.float64) for a in (weights, means, variances))
        if m.ndim != 2 or v.shape != m.shape or w.shape != m.shape[:1]:
            raise QuantizeError(
                f"weights {w.shape}, means {m.shape} and variances {v.shape} make no diagonal mixture"
            )
        if not all(np.isfinite(a).all() for a in (w, m, v)) or not math.isfinite(reference):
            raise QuantizeError("a mixture has a value that is not a finite number")
        if (w < 0).any() or not w.sum() > 0 or (v <= 0).any():
            raise QuantizeError("a mixture has a weight below 0 or a variance that is not above 0")
        heavy = w / w.sum() >= least_weight
        shares = np.where(heavy, w, 0) / max(float(w[heavy].sum()), 1e-300)
        with np.errstate(divide="ignore"):
            bits = 0.5 * np.log2(2 * math.pi * v).sum(axis=1) - np.log2(shares) - reference
        kept = np.flatnonzero(heavy & (np.rint(np.where(heavy, bits, 0) * 4096) <= CONSTANT_MOST))
        if not len(kept):
            raise QuantizeError(
                "no component is left of the mixture: give a reference, or a smaller least weight"
            )
        if bits[kept].min() * 16 >= MOST:
            raise QuantizeError("the mixture's density is below 2**-64 everywhere: give a reference")
        centre = np.floor(m[kept] * FEATURE + 0.5)
        if np.abs(centre).max() > INT16:
            raise QuantizeError("a component's mean is more than 8 standard deviations away")
        return cls(
            np.rint(bits[kept] * 4096).astype(np.int64),
            centre.astype(np.int64),
            *quantize_sigma(np.sqrt(v[kept])),
            pruned=tuple(sorted({*range(len(w))} - {*kept.tolist()})),
        )

    @property
    def features(self) -> int:
        """Number of features."""
        return int(self.mean.shape[1])

    @property
    def macs(self) -> int:
        """Multiplications of one run: two a mean."""
        return 2 * int(self.mean.size)

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one run; its own call counts as one."""
        return 2 + 2 * len(self.mean)

    def run(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) in 1/4096 standard deviation to `-log2 p` (n, 1) in 1/16 bit, at most 1024.

        Raises:
            QuantizeError: a feature is outside +-32767.
        """
        x = np.asarray(features, np.int64)
        if x.size and np.abs(x).max() > INT16:
            raise QuantizeError(f"an input is outside +-{INT16}")
        result = np.empty((len(x), 1), np.int64)
        for at in range(0, len(x), _CHUNK):
            bits = self.each(x[at : at + _CHUNK])
            least = bits.min(axis=1)
            total = exp2_q15(bits - least[:, None]).sum(axis=1)
            answer = (least + (15 << 12) - log2_q12(total) + 128) >> 8
            result[at : at + _CHUNK, 0] = np.minimum(answer, MOST)
        return result

    def each(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """The bits (n, components) of each component alone, in 1/4096, of features (n, d) within +-32767."""
        bits = np.empty((len(x), len(self.mean)), np.int64)
        for k, (mean, multiplier, shift) in enumerate(
            zip(self.mean, self.multiplier, self.shift, strict=True)
        ):
            bits[:, k] = self.constant[k] + ((deviation(x - mean, multiplier, shift) + 128) >> 8)
        return bits

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """`-log2 p` (n,) in 1/16 bit; see `run`."""
        return self.run(features)[:, 0]

    def to_bytes(self) -> bytes:
        """The layout above."""
        head = struct.pack("<HBB", len(self.mean), self.features, 0)
        return head + b"".join(
            padded(values.astype(dtype).tobytes())
            for values, dtype in (
                (self.constant, "<i4"),
                (self.mean, "<i2"),
                (self.multiplier, "<u2"),
                (self.shift, "u1"),
            )
        )

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "model") -> Mixture:
        """Read the layout above.

        Raises:
            ModelError: the section does not hold a mixture whose sums fit; the message begins with `name`.
        """
        reader = Reader(content, f"{name}: section GMIX")
        count, features, zero = reader.struct("HBB")
        if zero:
            raise ModelError(f"{reader.where}: a reserved field is not zero")
        constant = reader.array("i4", count)
        mean, multiplier, shift = (
            reader.array(dtype, count * features).reshape(count, features) for dtype in ("i2", "u2", "u1")
        )
        reader.end()
        try:
            return cls(constant, mean, multiplier, shift)
        except QuantizeError as error:
            raise ModelError(f"{reader.where}: {error}") from error
