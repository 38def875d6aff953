"""Multiplexed payloads: a byte or nibble that says what the others mean, recognised where it is simple.

The rule: it takes 2 to 64 values and changes in at least a fifth of the frames; of the bits that vary while it stays at some value,
on average at most half vary while it stays at a given one. Slow states (a gear, a mode) do not change so often. Bits that it
determines, such as the upper bits of a small signed number or a code made of a counter, vary at none of its values and do not
count. Anything more involved (nested, or over several bytes) is left as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.bitflips import value_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

MOST = 64
"""Values of a multiplexer."""
CHANGES = 0.2
"""Share of the frames in which it changes."""
EXPLAINED = 0.5
"""Share of those bits that vary at a given value, on average over frames."""
ALIKE = 0.1
"""Multiplexers whose shares differ by less explain the others alike."""
COVERED = 0.99
"""Share of the frames that have a value with enough of them."""
FRAMES = 16
"""Frames a value, so that a bit that varies would have shown it."""
BITS = 12
"""Bits that vary at some value: with fewer there is nothing to explain."""


def find_multiplexer(
    bits: NDArray[np.uint8], counted: Collection[int], checked: Collection[int]
) -> tuple[int, ...] | None:
    """The bits of a multiplexer, the least significant first, or None.

    Args:
        bits: uint8 (b, m), one row a bit, one column a frame in order of time.
        counted: bits of counters, which it need not explain.
        checked: bits of a checksum, which it neither is nor explains.
    """
    varies = bits.min(axis=1) != bits.max(axis=1)
    found: list[tuple[float, tuple[int, ...]]] = []
    for byte in range(len(bits) // 8):
        whole = tuple(range(8 * byte, 8 * byte + 8))
        for positions in (whole, whole[:4], whole[4:]):
            own = [position for position in positions if varies[position]]
            if not own or not set(own).isdisjoint(checked):
                continue
            apart = {*own, *counted, *checked}
            outside = np.array([p for p in np.flatnonzero(varies) if p not in apart], np.int64)
            value = value_of(bits, positions)
            left = _explained(bits[outside], value) if len(outside) >= BITS else 1.0
            if left <= EXPLAINED:
                found.append((left, positions))
    if not found:
        return None
    # Where several say the same, the first byte counts, and in it a nibble that explains as much as the byte.
    least = min(left for left, _ in found)
    near = [(left, positions) for left, positions in found if left <= least + ALIKE]
    byte = min(positions[0] // 8 for _, positions in near)
    near = [(left, positions) for left, positions in near if positions[0] // 8 == byte]
    least = min(left for left, _ in near)
    return min((positions for left, positions in near if left <= least + ALIKE / 5), key=len)


def _explained(others: NDArray[np.uint8], value: NDArray[np.int64]) -> float:
    """The share of the bits that vary at some value which vary at a given one; 1 if it is no multiplexer."""
    if len(value) < 2 * FRAMES or np.mean(value[1:] != value[:-1]) < CHANGES:
        return 1.0
    counts = np.bincount(value)
    values = np.flatnonzero(counts >= FRAMES)
    if not len(values) >= 2 or np.count_nonzero(counts) > MOST or counts[values].sum() < COVERED * len(value):
        return 1.0
    varies = np.stack([_varies(others[:, value == one]) for one in values])
    somewhere = int(varies.any(axis=0).sum())
    if somewhere < BITS:
        return 1.0
    return float(np.average(varies.sum(axis=1), weights=counts[values])) / somewhere


def _varies(page: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bits of a page vary, bool (b,)."""
    return np.asarray(page.min(axis=1) != page.max(axis=1))
