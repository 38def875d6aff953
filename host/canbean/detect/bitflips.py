"""How often each bit of a payload turns, and where that says a field begins: the idea of READ, with carries.

Marchetti and Stabili ("READ: Reverse Engineering of Automotive Data Frames", IEEE TIFS 14(4), 2019) see a field's end where the
magnitude of the bit-flip rate falls from one bit to the next less significant one. That keeps a flag beside a faster signal in
one field with it, so a second test is added: a bit that belongs above a field turns when the field carries into it, and then
the joint value moves little; a bit that does not belong there makes it jump.

Bits are numbered as in a DBC: bit `k` of byte `B` is `8 * B + k`, bit 0 the least significant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LITTLE, BIG = "little", "big"
"""Byte orders: Intel and Motorola."""

NOISY = 0.3
"""Two neighbours that both turn this often carry nothing that could be told from chance."""
LEVEL = 0.1
"""Where the rate of noisy neighbours rises by more another field begins."""
TOGETHER = 0.1
"""They turn together in at least so many frames: what takes turns are flags."""
CARRIED = 0.5
"""The share of a bit's turns that must look like carries; of turns beside noise a quarter does by chance."""
SURE = 5.0
"""Standard errors by which carries must exceed chance over a border of noisy bytes."""
WIDEST = 32
"""Bits of the widest field."""


def bits_of(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (8 * bytes, m): the bits of (m, bytes) payloads, one row a bit."""
    return np.ascontiguousarray(np.unpackbits(data, axis=1, bitorder="little").T)


def flip_rates(bits: NDArray[np.uint8]) -> NDArray[np.float64]:
    """float64 (b,): the share of frames in which each of b bits differs from the frame before."""
    if bits.shape[1] < 2:
        return np.zeros(len(bits))
    rates: NDArray[np.float64] = (bits[:, 1:] != bits[:, :-1]).mean(axis=1)
    return rates


def hamming(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """int64 (m - 1,): how many bits of each payload differ from the one before."""
    differing: NDArray[np.int64] = np.bitwise_count(data[1:] ^ data[:-1]).sum(axis=1, dtype=np.int64)
    return differing


def magnitude(rate: float) -> float:
    """READ's magnitude of a flip rate, `ceil(log10(rate))`; minus infinity where a bit never turns."""
    return math.ceil(math.log10(rate)) if rate > 0 else -math.inf


def significance(length: int, order: str) -> list[int]:
    """The bits of a payload of `length` bytes, each more significant than the one before it where they make one number."""
    places = range(length) if order == LITTLE else range(length - 1, -1, -1)
    return [8 * byte + bit for byte in places for bit in range(8)]


def value_of(bits: NDArray[np.uint8], positions: tuple[int, ...] | list[int]) -> NDArray[np.int64]:
    """int64 (m,): the number that bits make, the least significant first; at most 62 of them."""
    value = np.zeros(bits.shape[1], np.int64)
    for weight, position in enumerate(positions):
        value |= bits[position].astype(np.int64) << weight
    return value


def wrapped(step: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Differences of `width`-bit numbers the short way round: from `-2**(width - 1)` to `2**(width - 1) - 1`."""
    half = 1 << (width - 1)
    return ((step + half) & ((1 << width) - 1)) - half


@dataclass(frozen=True)
class Segments:
    """Fields found in one byte order.

    Attributes:
        positions: bits of each field, the least significant first.
        carries: how many carries over a border of bytes were seen to agree with this order.
    """

    positions: list[tuple[int, ...]]
    carries: int


def segments(
    bits: NDArray[np.uint8], rates: NDArray[np.float64], free: NDArray[np.bool_], order: str
) -> Segments:
    """Cut the free bits of one id into fields.

    Args:
        bits: uint8 (b, m), as `bits_of`.
        rates: float64 (b,), as `flip_rates`.
        free: bool (b,), bits that vary and belong to no other field yet.
        order: `LITTLE` or `BIG`.
    """
    found: list[tuple[int, ...]] = []
    here: list[int] = []
    value = np.zeros(bits.shape[1], np.int64)
    carries = 0
    for position in significance(len(bits) // 8, order):
        joined = False
        if here and free[position] and len(here) < WIDEST:
            joined, carried = _joins(bits, rates, value, here=here, position=position)
            carries += carried if joined else 0
        if here and not joined:
            found.append(tuple(here))
            here = []
        if not free[position]:
            continue
        if not here:
            value = np.zeros(bits.shape[1], np.int64)
        value |= bits[position].astype(np.int64) << len(here)
        here.append(position)
    if here:
        found.append(tuple(here))
    return Segments(sorted(found, key=min), carries)


def _joins(
    bits: NDArray[np.uint8],
    rates: NDArray[np.float64],
    value: NDArray[np.int64],
    *,
    here: list[int],
    position: int,
) -> tuple[bool, int]:
    """Whether a bit goes on top of the field so far, and how many carries over a border of bytes say so."""
    below, width = here[-1], len(here)
    border = position // 8 != below // 8
    upper = bits[position]
    if _lively(bits[below], upper, value):
        carried = _carries_in_noise(value, upper, width) if border else 0
        return not border or carried > 0, carried
    if magnitude(rates[position]) > magnitude(rates[below]) or rates[position] > 1.5 * rates[below]:
        return False, 0
    turned = np.flatnonzero(upper[1:] != upper[:-1])
    joint = value + (upper.astype(np.int64) << width)
    step = np.abs(wrapped(joint[turned + 1] - joint[turned], width + 1))
    carried = int(np.count_nonzero(step <= 1 << (width - 1)))
    return carried >= CARRIED * len(turned), carried if border else 0


def _carries_in_noise(value: NDArray[np.int64], upper: NDArray[np.uint8], width: int) -> int:
    """How many turns of a bit beside a noisy field are carries beyond those by chance; 0 if they may all be chance.

    Would the bit turn in frames in which it does not, some of those turns would look like carries: as many in a
    hundred as of the real ones, unless the field and the bit belong together.
    """
    step = value[1:] - value[:-1]
    turns = upper[1:] != upper[:-1]
    near = np.abs(wrapped(step + (1 << width), width + 1)) <= 1 << (width - 1)
    most, rest = int(np.count_nonzero(turns)), int(np.count_nonzero(~turns))
    if not most or not rest:
        return 0
    with_turn, without = int(np.count_nonzero(near & turns)), int(np.count_nonzero(near & ~turns))
    share = (with_turn + without) / (most + rest)
    error = math.sqrt(share * (1 - share) * (1 / most + 1 / rest))
    beyond = with_turn / most - without / rest
    return round(most * beyond) if beyond > SURE * error else 0


def _lively(below: NDArray[np.uint8], upper: NDArray[np.uint8], value: NDArray[np.int64]) -> bool:
    """Whether two neighbours turn alike and too often to tell carries, in the frames in which the field moves at all.

    A field rests while the car stands: over all frames its rates would be those of a slow one.
    """
    low, high = below[1:] != below[:-1], upper[1:] != upper[:-1]
    moves = int(np.count_nonzero((value[1:] != value[:-1]) | high))
    rate_low, rate_high = int(np.count_nonzero(low)) / moves, int(np.count_nonzero(high)) / moves
    together = int(np.count_nonzero(low & high)) / moves
    lively = min(rate_low, rate_high) >= NOISY and rate_high <= rate_low + LEVEL
    return lively and together >= TOGETHER
