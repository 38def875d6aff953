"""Fields of payloads as an attacker without a DBC finds them: runs of bits that behave like a physical value.

In a binary number that moves in small steps the lower bits turn more often than the higher ones, so a field begins where the
rate of flips rises (READ: Marchetti and Stabili, 2019). What counts with every frame, and what jumps all over its range as a checksum
does, is no physical value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Payloads = NDArray[np.uint8]
    Values = NDArray[np.int64]

CARRIES, ENOUGH = 0.8, 8
"""Share of the steps of the higher byte that are carries from the lower one, at least, of so many or more."""
LONGEST = 32
"""Bits of a physical value, at most."""
DIFFERENT = 12
"""Values that a physical field takes, at least: fewer are a state."""
SMOOTH = 0.1
"""Mean step over the range of a physical value, at most; of noise it is a third."""
COUNTS, CARRY = 0.9, 0.97
"""Share of the frames in which a counter goes on by its step, at least; of those of a nibble in which its byte does."""
RISE, RISE_FLIPS = 1.5, 12
"""A field begins where bits turn this many times as often as the bit below, and by so many flips more."""


@dataclass(frozen=True)
class Field:
    """Bits of a payload that are one number.

    Attributes:
        positions: its bits, the least significant first; bit `k` of byte `B` is `8 * B + k`. At most 63.
        signed: two's complement.
    """

    positions: tuple[int, ...]
    signed: bool = False

    def read(self, data: Payloads) -> Values:
        """int64 (n,): its raw values in payloads (n, width)."""
        value = np.zeros(len(data), np.int64)
        for place, position in enumerate(self.positions):
            value |= (data[:, position // 8] >> (position % 8) & 1).astype(np.int64) << place
        if self.signed:
            value -= (value >> len(self.positions) - 1) << len(self.positions)
        return value

    def write(self, data: Payloads, value: Values) -> Payloads:
        """uint8 (n, width): the payloads with other values in it; what does not fit wraps."""
        out = data.copy()
        for place, position in enumerate(self.positions):
            byte, bit = divmod(position, 8)
            out[:, byte] &= np.uint8(0xFF ^ 1 << bit)
            out[:, byte] |= ((value >> place & 1) << bit).astype(np.uint8)
        return out


def counter_bits(data: Payloads) -> tuple[int, ...]:
    """The bits of the bytes and nibbles that go on by the same step with nearly every frame, of payloads in order of time."""
    found: list[int] = []
    for byte in range(data.shape[1]):
        low, high, both = (
            _goes_on(data[:, byte], first, length) for first, length in ((0, 4), (4, 4), (0, 8))
        )
        # The carry into the higher nibble is what tells a counter of a byte from one of its lower nibble.
        if low >= COUNTS and both > CARRY * low:
            found += range(8 * byte, 8 * byte + 8)
            continue
        found += range(8 * byte, 8 * byte + 4) if low >= COUNTS else ()
        found += range(8 * byte + 4, 8 * byte + 8) if high >= COUNTS else ()
    return tuple(found)


def _goes_on(column: NDArray[np.uint8], first: int, length: int) -> float:
    """The share of the frames in which some bits of a byte go on by the most frequent step that is not 0."""
    value = (column >> first & (1 << length) - 1).astype(np.int64)
    steps = np.diff(value) & (1 << length) - 1
    if len(steps) < DIFFERENT:
        return 0.0
    return float(np.bincount(steps, minlength=2)[1:].max() / len(steps))


def physical_fields(data: Payloads) -> list[Field]:
    """The fields that behave like physical values, none over another, by place.

    Args:
        data: uint8 (n, length), payloads of one id in order of time.
    """
    if len(data) < 2 * DIFFERENT:
        return []
    bits = np.unpackbits(data, axis=1, bitorder="little")
    flips = np.count_nonzero(bits[1:] != bits[:-1], axis=0)
    flips[list(counter_bits(data))] = 0
    place = np.arange(bits.shape[1])
    found = []
    for line in (place, place.reshape(-1, 8)[::-1].ravel()):  # little and big endian
        for run in _runs(line, flips):
            for part in _carried(data, run):
                told = _physical(data, part)
                if told is not None:
                    found.append(told)
    chosen: list[Field] = []
    taken: set[int] = set()
    # In the wrong byte order a field falls into shorter ones.
    for field, _ in sorted(found, key=lambda one: (-len(one[0].positions), one[1])):
        if taken.isdisjoint(field.positions):
            chosen.append(field)
            taken.update(field.positions)
    return sorted(chosen, key=lambda field: min(field.positions))


def _runs(line: NDArray[np.int64], flips: NDArray[np.int64]) -> Iterator[tuple[int, ...]]:
    """Runs of bits along a line of rising significance that turn ever less often."""
    run: list[int] = []
    for position in line.tolist():
        count = int(flips[position])
        below = int(flips[run[-1]]) if run else 0
        rises = count > RISE * below and count - below >= RISE_FLIPS
        if run and (count == 0 or rises or len(run) == LONGEST):
            yield tuple(run)
            run = []
        if count:
            run.append(position)
    if run:
        yield tuple(run)


def _carried(data: Payloads, run: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The parts of a run that are one number: over a border of bytes, what is above goes up as what is below wraps down."""
    first = 0
    for at in range(1, len(run)):
        if run[at] // 8 == run[at - 1] // 8:
            continue
        below = np.diff(Field(run[first:at]).read(data))
        above = np.diff(Field(run[at:]).read(data))
        by_one = np.abs(above) == 1
        if by_one.sum() >= ENOUGH and (np.sign(below) == -np.sign(above))[by_one].mean() < CARRIES:
            yield run[first:at]
            first = at
    yield run[first:]


def _physical(data: Payloads, positions: tuple[int, ...]) -> tuple[Field, float] | None:
    """The field of these bits and how smooth it is, or None if it is no physical value."""
    fields = [Field(positions, signed) for signed in (False, True)]
    # Read with the wrong sign, steps over zero are jumps.
    steps = [float(np.abs(np.diff(field.read(data))).mean()) for field in fields]
    field, step = (fields[1], steps[1]) if steps[1] < steps[0] else (fields[0], steps[0])
    value = field.read(data)
    low, high = np.quantile(value, [0.02, 0.98])
    roughness = step / max(high - low, 1.0)
    return (field, roughness) if roughness <= SMOOTH and len(np.unique(value)) >= DIFFERENT else None
