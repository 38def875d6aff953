"""What kind of field a run of bits is, told from its values: enumeration, physical value or noise.

* noise: at least four bits that turn in about half of the frames, one value telling nothing of the next: von Neumann's ratio (mean
  squared step over variance) of independent values is 2 (von Neumann 1941). The low bits of a measured value are noise too.
* enumeration: two values, or few that it rests at and jumps between without those that lie there.
* physical: all others, which move through neighbouring values. It is signed when read as two's complement it moves less.

Slow values that were seen at few levels cannot be told from enumerations: more clean log tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.bitflips import wrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONSTANT, COUNTER, CHECKSUM = "constant", "counter", "checksum"
ENUMERATION, PHYSICAL, NOISE, MULTIPLEXER = "enumeration", "physical", "noise", "multiplexer"
KINDS = (CONSTANT, COUNTER, CHECKSUM, ENUMERATION, PHYSICAL, NOISE, MULTIPLEXER)
"""Kinds of field."""

FEW = 16
"""Values of an enumeration at most."""
JUMPS = 0.1
"""Share of an enumeration's changes that leave out values between."""
RESTS = 0.8
"""Share of the frames in which an enumeration of more than two values stays."""
NOISE_BITS = 4
RATIO = 1.5
"""Von Neumann's ratio above which values are independent."""
TURNING = (0.4, 0.6)
"""Flip rates of noise."""


@dataclass(frozen=True)
class Told:
    """What the values of a field say of it.

    Attributes:
        kind: one of `KINDS`.
        signed: two's complement.
        low, high: the range seen.
        step: the median change, of those frames that bring one; 0 where nothing changes.
        values: all values of an enumeration, ascending; else empty.
    """

    kind: str
    signed: bool
    low: int
    high: int
    step: float
    values: tuple[int, ...] = ()


def as_signed(value: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """The values as two's complement of `width` bits."""
    return wrapped(value, width)


def tell(value: NDArray[np.int64], rates: NDArray[np.float64], *, signed: bool | None = None) -> Told:
    """Tell what a field is.

    Args:
        value: int64 (m,), its values without a sign, in order of time.
        rates: float64 (bits,), the share of frames in which each of its bits turns.
        signed: what is known of it, or None.
    """
    width = len(rates)
    if value.min() == value.max():
        fixed = as_signed(value[:1], width) if signed else value[:1]
        return Told(CONSTANT, bool(signed), int(fixed[0]), int(fixed[0]), 0.0)
    two = bool(np.all((value == value.min()) | (value == value.max())))
    if signed is None:
        signed = width > 2 and not two and _signed(value, width)
    if signed:
        value = as_signed(value, width)
    change = np.diff(value)
    moved = np.abs(change[change != 0])
    low, high = int(value.min()), int(value.max())
    step = float(np.median(moved)) if len(moved) else 0.0
    spread = float(np.var(value))
    ratio = float(np.mean(change.astype(np.float64) ** 2)) / spread if len(change) else 0.0
    turning = (rates >= TURNING[0]) & (rates <= TURNING[1])
    if width >= NOISE_BITS and turning.all() and ratio >= RATIO:
        return Told(NOISE, signed, low, high, step)
    different = np.unique(value)
    rests = np.mean(change == 0) >= RESTS if len(change) else True
    if two or (len(different) <= FEW and not signed and rests and _jumps(change) >= JUMPS):
        return Told(ENUMERATION, signed, low, high, step, tuple(different.tolist()))
    return Told(PHYSICAL, signed, low, high, step)


def _signed(value: NDArray[np.int64], width: int) -> bool:
    """Whether values move less as two's complement, which they do when they pass zero rather than the middle."""
    plain = float(np.abs(np.diff(value)).sum())
    return float(np.abs(np.diff(as_signed(value, width))).sum()) < 0.9 * plain


def _jumps(change: NDArray[np.int64]) -> float:
    """The share of changes that go further than to the next number."""
    return float(np.mean(np.abs(change[change != 0]) > 1))
