"""CRC-8 by table, and what a constant left over by one may come from.

For payloads of one length every CRC-8 is affine over GF(2): the initial value, the final XOR and bytes that are not sent (an id, an
AUTOSAR data id) together are one constant. So none of them is searched for: with both zero the remainder is computed, and what the
checksum differs from it by is the constant, known from one frame. Names of polynomials: AUTOSAR SWS CRC Library (1D is that of
SAE J1850, 2F that of end-to-end profile 2) and the catalogue of parametrised CRC algorithms (reveng).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

COMMON = {
    0x1D: "SAE J1850",
    0x2F: "AUTOSAR 2F",
    0x07: "SMBus/ITU",
    0x31: "Maxim/NRSC",
    0x9B: "WCDMA",
    0xD5: "DVB-S2",
    0x39: "DARC",
    0xA7: "Bluetooth",
}
"""Polynomials that are common, without their top term."""

ALGORITHMS: tuple[tuple[int, bool], ...] = tuple(
    [(polynomial, reflected) for polynomial in COMMON for reflected in (False, True)]
    + [(p, reflected) for p in range(3, 256, 2) for reflected in (False, True) if p not in COMMON]
)
"""(polynomial, reflected): the common ones first, then all others with a constant term; 01 is the XOR of the bytes."""

COMMON_ALGORITHMS = 2 * len(COMMON)

AFTER = 3
"""Bytes that are not sent but come behind the data: none, one (AUTOSAR's profile 2) or two (an id)."""

PRESETS = ((0xFF, 0xFF), (0x00, 0x00), (0xFF, 0x00), (0x00, 0xFF), (0x00, 0x55))
"""(initial value, final XOR) of the algorithms that have a name."""


@cache
def tables() -> NDArray[np.uint8]:
    """uint8 (a, 256): for each of `ALGORITHMS` what a byte becomes."""
    value = np.arange(256, dtype=np.int64)
    made = []
    for polynomial, reflected in ALGORITHMS:
        state = value.copy()
        if reflected:
            mirrored = int(f"{polynomial:08b}"[::-1], 2)
            for _ in range(8):
                state = (state >> 1) ^ np.where(state & 1, mirrored, 0)
        else:
            for _ in range(8):
                state = (state << 1) ^ np.where(state & 0x80, polynomial | 0x100, 0)
        made.append(state)
    return np.array(made, np.uint8)


def remainder(algorithm: int, data: NDArray[np.uint8], initial: int = 0, after: int = 0) -> NDArray[np.uint8]:
    """uint8 (m,): the CRC of each row of (m, bytes) with `after` zero bytes behind it, final XOR zero."""
    table = tables()[algorithm]
    state = np.full(len(data), initial, np.uint8)
    for column in data.T:
        state = table[state ^ column]
    for _ in range(after):
        state = table[state]
    return state


def remainders(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (AFTER, a, m): the CRC of each row by each of `ALGORITHMS`, with 0, 1 ... zero bytes behind it.

    Initial value and final XOR are zero.
    """
    flat = tables().ravel()
    offset = (np.arange(len(ALGORITHMS), dtype=np.int32) * 256)[:, None]
    state = np.zeros((len(ALGORITHMS), len(data)), np.uint8)
    for column in data.T:
        state = flat[offset + (state ^ column)]
    made = [state]
    for _ in range(AFTER - 1):
        made.append(flat[offset + made[-1]])
    return np.stack(made)


def origins(algorithm: int, constant: int, length: int, after: int, id_bytes: Sequence[int]) -> str:
    """What a constant may come from, in words.

    Args:
        algorithm: index into `ALGORITHMS`.
        constant: checksum XOR remainder with initial value and final XOR zero.
        length: how many bytes are covered.
        after: how many bytes that are not sent come behind them.
        id_bytes: bytes of the id, the most significant first.
    """
    unsent: list[tuple[str, Sequence[int], Sequence[int]]] = [("", (), (0,) * after)]
    if after == len(id_bytes):
        unsent.append((" with the id after the data", (), id_bytes))
    if after == 0:
        unsent.append((" with the id before the data", id_bytes, ()))
    for words, before, behind in unsent:
        row = np.array([[*before, *(0,) * length, *behind]], np.uint8)
        for initial, final in PRESETS:
            if int(remainder(algorithm, row, initial)[0]) ^ final == constant:
                return f"as with initial value {initial:02X} and final XOR {final:02X}{words}"
    return f"constant {constant:02X}, from a data id or other values at its ends"
