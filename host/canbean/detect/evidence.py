"""What counts as evidence of a checksum: different payloads, independent changes, and no mere copies.

The bits that are covered change in `r` independent ways, the rank over GF(2) of the differences between payloads. Noise of `w` bits
follows all of them with a probability of at most `2**(-w * r)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HOLDS = 0.99
"""Share of the frames that a checksum is right in; bit errors do not pass CAN's own checks."""
EVIDENCE_BITS = 24.0
"""Noise is called a checksum with a probability below 2**-24 an id."""
SAMPLE = 64
"""Different payloads by which families are told apart; what is found must hold in all frames."""
SAMPLE_HOLDS = 0.9
FEWEST = 24
RANK_ENOUGH = 16
"""Independent changes beyond which no more are counted."""


@dataclass(frozen=True)
class Form:
    """How a checksum is computed, in a form that all simple families share.

    Attributes:
        family: `XOR`, `sum`, `negative sum`, `CRC` or `reflected CRC`.
        first, last: the bytes it is of, itself left out.
        constant: what is added: XOR for an XOR or a CRC, a summand for sums.
        polynomial: of a CRC, without its top term.
        after: zero bytes behind those covered, of a CRC.
    """

    family: str
    first: int
    last: int
    constant: int
    polynomial: int = 0
    after: int = 0


@dataclass(frozen=True)
class Checksum:
    """A checksum.

    Attributes:
        start, length: its bits: 8, or 4 for a nibble; bit numbers as in a DBC.
        words: which family, and what its constant may come from.
        holds: the share of frames in which it is right.
        log2_false: logarithm to base 2 of the chance to find this in noise.
        form: how it is computed; None where the constant goes with a counter.
    """

    start: int
    length: int
    words: str
    holds: float
    log2_false: float
    form: Form | None = None

    @property
    def positions(self) -> tuple[int, ...]:
        """Its bits, the least significant first."""
        return tuple(range(self.start, self.start + self.length))


def different(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At most `SAMPLE` different payloads, spread over the log, in order of time."""
    spread = data[np.unique(np.linspace(0, len(data) - 1, min(len(data), 16 * SAMPLE)).astype(np.int64))]
    _, first = np.unique(spread, axis=0, return_index=True)
    first.sort()
    chosen: NDArray[np.uint8] = spread[
        first[np.unique(np.linspace(0, len(first) - 1, min(len(first), SAMPLE)).astype(np.int64))]
    ]
    return chosen


def rank_of(rows: NDArray[np.uint8]) -> int:
    """In how many independent ways rows differ from the first: rank over GF(2), counted up to `RANK_ENOUGH`."""
    basis: dict[int, int] = {}
    for row in rows[1:] ^ rows[0]:
        rest = int.from_bytes(row.tobytes(), "big")
        while rest:
            top = rest.bit_length()
            if top not in basis:
                basis[top] = rest
                break
            rest ^= basis[top]
        if len(basis) >= RANK_ENOUGH:
            break
    return len(basis)


def most(values: NDArray[np.uint8]) -> tuple[int, float]:
    """The most frequent value and its share."""
    counts = np.bincount(values, minlength=1)
    return int(np.argmax(counts)), float(counts.max() / len(values))


def copied(data: NDArray[np.uint8], byte: int, cover: Sequence[int], *, least: int = 2) -> bool:
    """Whether a byte is one other varying byte up to a constant, where at least so many of those covered vary."""
    target = data[:, byte]
    others = [b for b in cover if (data[:, b] != data[0, b]).any()]
    if len(others) < least:
        return False
    for b in others:
        other = data[:, b]
        for left in (target ^ other, target - other, target + other):
            if most(left)[1] >= HOLDS:
                return True
    return False
