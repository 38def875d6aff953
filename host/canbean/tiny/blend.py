"""Several kinds behind one front end: the weighted mean of their scores.

`score = (sum weight_i * clip(score_i, +-2**19) + 512) >> 10` with weights that are not negative and add up to 1024: the
sum stays within 30 bits, and a blend of models that never fall never falls.

BLND, beside the section of each kind, which must differ:

```
u8 kinds | u8 0 | u16 0 | a kind: tag[4] | u16 weight | u16 0
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from canbean.errors import ModelError, QuantizeError
from canbean.tiny.packing import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

KINDS_MOST = 4
WHOLE_BITS = 10
WHOLE = 1 << WHOLE_BITS
SCORE_LIMIT = 1 << 19


class Kind(Protocol):
    """What is blended: any kind of a regressor."""

    tag: ClassVar[str]

    @property
    def features(self) -> int:
        """Number of features."""

    @property
    def macs(self) -> int:
        """Multiplications of one prediction."""

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one prediction."""

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) to scores (n,) in 1/256 point."""

    def to_bytes(self) -> bytes:
        """The kind's section."""


@dataclass(frozen=True, eq=False)
class Blend:
    """Kinds of the same features with their weights.

    Attributes:
        kinds: two to four, each with another tag.
        weights: (k,) in 1/1024, adding up to 1024.
    """

    tag: ClassVar[str] = "BLND"

    kinds: tuple[Kind, ...]
    weights: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.kinds) <= KINDS_MOST or len(self.weights) != len(self.kinds):
            raise QuantizeError(f"a blend of {len(self.kinds)} kinds: 2 to {KINDS_MOST} are possible")
        if len({kind.tag for kind in self.kinds}) < len(self.kinds):
            raise QuantizeError("a blend holds each kind once")
        if len({kind.features for kind in self.kinds}) > 1:
            raise QuantizeError("the kinds of a blend differ in their features")
        if min(self.weights) < 0 or sum(self.weights) != WHOLE:
            raise QuantizeError(f"the weights of a blend are not negative and add up to {WHOLE}")

    @classmethod
    def from_float(cls, kinds: Sequence[Kind], weights: ArrayLike) -> Blend:
        """With weights (k,) that are rounded so that they add up.

        Raises:
            QuantizeError: see `Blend`, or the weights are negative or all zero.
        """
        return cls(tuple(kinds), shares(weights))

    @property
    def features(self) -> int:
        """Number of features."""
        return self.kinds[0].features

    @property
    def macs(self) -> int:
        """Multiplications of one prediction."""
        return sum(kind.macs + 1 for kind in self.kinds)

    @property
    def calls(self) -> int:
        """Calls of an arithmetic function in one prediction; its own call counts as one."""
        return 1 + sum(kind.calls for kind in self.kinds)

    def predict(self, features: ArrayLike) -> NDArray[np.int64]:
        """Features (n, d) in 1/4096 standard deviation, within +-32767, to scores (n,) in 1/256 point."""
        total = sum(
            weight * np.clip(kind.predict(features), -SCORE_LIMIT, SCORE_LIMIT)
            for kind, weight in zip(self.kinds, self.weights, strict=True)
        )
        return np.asarray((total + (WHOLE >> 1)) >> WHOLE_BITS, np.int64)

    def to_bytes(self) -> bytes:
        """The layout above, without the kinds' own sections."""
        rows = (
            struct.pack("<4sHH", kind.tag.encode(), weight, 0)
            for kind, weight in zip(self.kinds, self.weights, strict=True)
        )
        return struct.pack("<BBH", len(self.kinds), 0, 0) + b"".join(rows)


def shares(weights: ArrayLike) -> tuple[int, ...]:
    """Weights (k,) as whole numbers that add up to 1024: rounded down, the largest remainders up.

    Raises:
        QuantizeError: one is negative or not finite, or all are zero.
    """
    w = np.asarray(weights, np.float64)
    if not np.isfinite(w).all() or (w < 0).any() or not w.sum():
        raise QuantizeError("the weights of a blend are not negative, and not all zero")
    exact = w / w.sum() * WHOLE
    whole = np.floor(exact).astype(np.int64)
    order = np.argsort(whole - exact, kind="stable")
    whole[order[: WHOLE - int(whole.sum())]] += 1
    return tuple(whole.tolist())


def listed(content: bytes, name: str = "model") -> dict[str, int]:
    """The kinds' tags and weights that a section BLND names.

    Raises:
        ModelError: it is no such section; the message begins with `name`.
    """
    reader = Reader(content, f"{name}: section BLND")
    count, zero, more = reader.struct("BBH")
    found: dict[str, int] = {}
    for _ in range(count):
        tag, weight, rest = reader.struct("4sHH")
        zero |= rest
        found[tag.decode("ascii", "replace")] = weight
    reader.end()
    if zero or more or len(found) != count:
        raise ModelError(f"{reader.where}: a reserved field is not zero or a kind stands twice")
    return found
