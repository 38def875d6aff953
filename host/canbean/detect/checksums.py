"""Checksums in payloads: XOR, sums and CRC-8 over the other bytes, and their forms over nibbles.

What a checksum adds that is not sent (initial value, final XOR, an id or data id, a length) is for one id one constant. It is
solved for, not searched: a family explains a byte when byte and family differ by the same constant in all frames. In AUTOSAR's
profile 2 the data id goes with the counter: then the constant is one for each value of the counter.

The rule: the constant is kept in at least `HOLDS` of the frames, and the chance to find that in noise is under
`2**-EVIDENCE_BITS` an id. The bits covered change in `r` independent ways (the rank over GF(2) of the differences between
payloads); noise of `w` bits follows all of them with a probability of at most `2**(-w * r)`, times the families and places that
are tried. A byte that is a copy of one other byte, or its complement, is no checksum, and what a counter explains as well is a
counter.

Not looked for: checksums over part of the bytes (other than those before, or after, it), CRC-16 and wider, sums with an end-around
carry, and authentication codes, which look like noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.crcs import AFTER, ALGORITHMS, COMMON, COMMON_ALGORITHMS, origins, remainder, remainders
from canbean.detect.evidence import (
    EVIDENCE_BITS,
    FEWEST,
    HOLDS,
    SAMPLE,
    SAMPLE_HOLDS,
    Checksum,
    Form,
    copied,
    different,
    most,
    rank_of,
)
from canbean.detect.nibbles import nibble_checksum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canbean.detect.counters import Counter

RARE_EVIDENCE_BITS = 48.0
"""The same for CRCs by a polynomial that is not common: nobody has a reason to expect one."""
LONG = 16
"""In payloads longer than this (CAN FD) a checksum is looked for in the first three and the last two bytes only."""


@dataclass(frozen=True)
class _Place:
    """Where a checksum may be: a byte, the bytes it may be of, in how many independent ways they change, what else is tried."""

    byte: int
    cover: list[int]
    rank: int
    tried: int

    def chance(self, families: int) -> float:
        """Logarithm to base 2 of the chance that noise follows one of so many families."""
        return math.log2(self.tried * families) - 8 * self.rank


@dataclass(frozen=True)
class _Crc:
    """A CRC-8: index into `ALGORITHMS`, bytes not sent behind the data, constant (None: it goes with the counter), evidence."""

    algorithm: int
    after: int
    constant: int | None
    holds: float
    log2_false: float

    def form(self, cover: list[int]) -> Form | None:
        """How it is computed; None where the constant goes with a counter."""
        if self.constant is None:
            return None
        polynomial, reflected = ALGORITHMS[self.algorithm]
        family = "reflected CRC" if reflected else "CRC"
        return Form(family, cover[0], cover[-1], self.constant, polynomial, self.after)

    def words(self, over: str, length: int, id_bytes: tuple[int, ...]) -> str:
        """Its name and what its constant may come from."""
        polynomial, reflected = ALGORITHMS[self.algorithm]
        name = f" ({COMMON[polynomial]})" if polynomial in COMMON else ""
        said = f"CRC-8 {polynomial:02X}{name}{', reflected' if reflected else ''} of {over}"
        if self.after:
            said += f" and {self.after} not sent"
        if self.constant is None:
            return (
                f"{said}, with a constant for each value of the counter (a data id, as in AUTOSAR profile 2)"
            )
        return f"{said}, {origins(self.algorithm, self.constant, length, self.after, id_bytes)}"


def find_checksum(data: NDArray[np.uint8], counters: Sequence[Counter], key: int) -> Checksum | None:
    """The checksum of one id, or None.

    Args:
        data: uint8 (m, bytes), payloads of one length in order of time.
        counters: what was found to be a counter.
        key: `id | ext << 29`, for what the constant may come from.
    """
    if len(data) < FEWEST or data.shape[1] < 2:
        return None
    sample = different(data)
    if len(sample) < 5:
        return None
    length = data.shape[1]
    varying = np.flatnonzero((sample != sample[0]).any(axis=0)).tolist()
    places = [b for b in varying if length <= LONG or b < 3 or b >= length - 2]
    counted = {position // 8: counter for counter in counters for position in counter.positions}
    # Of places that a symmetric family (XOR, negative sum) fits alike, the one without a counter that turns most.
    turns = (data[1:] != data[:-1]).mean(axis=0)
    places.sort(key=lambda b: (b in counted, b not in {0, length - 1}, -turns[b], -b))
    id_bytes = _id_bytes(key)
    found = [
        checksum
        for byte in places
        if (checksum := _of_byte(data, sample, byte, counters, tried=len(places), id_bytes=id_bytes))
        is not None
        and (byte not in counted or _explains_more(checksum, counted[byte], sample[:, byte]))
    ]
    if not found:
        return nibble_checksum(data, sample, counters, id_bytes) if length <= LONG else None
    # One that a CRC explains is surer than a symmetric one.
    return min(found, key=lambda one: not one.words.startswith("CRC"))


def _explains_more(checksum: Checksum, counter: Counter, values: NDArray[np.uint8]) -> bool:
    """Whether a checksum explains more than the counter in its byte: other bits that vary, or frames."""
    varying = int(np.bitwise_or.reduce(values ^ values[0]))
    for position in counter.positions:
        if position // 8 == checksum.start // 8:
            varying &= ~(1 << position % 8)
    return checksum.holds > counter.holds or (checksum.holds == counter.holds and varying != 0)


def _id_bytes(key: int) -> tuple[int, ...]:
    """Bytes of an id, the most significant first: two of a standard one, four of an extended one."""
    return tuple((key & 0x1FFFFFFF).to_bytes(4 if key >> 29 else 2, "big"))


def _covers(length: int, byte: int) -> list[tuple[list[int], str]]:
    """The bytes that a checksum in `byte` may be of, with words."""
    others = [b for b in range(length) if b != byte]
    found = [(others, "the other bytes")]
    if 0 < byte < length - 1:
        found += [(others[:byte], "the bytes before it"), (others[byte:], "the bytes after it")]
    return found


def _of_byte(
    data: NDArray[np.uint8],
    sample: NDArray[np.uint8],
    byte: int,
    counters: Sequence[Counter],
    *,
    tried: int,
    id_bytes: tuple[int, ...],
) -> Checksum | None:
    """The family that explains one byte, the simplest first."""
    target = sample[:, byte]
    for cover, over in _covers(data.shape[1], byte):
        rest = sample[:, cover]
        rank = rank_of(rest)
        if 8 * rank < EVIDENCE_BITS:
            continue
        place = _Place(byte, cover, rank, 3 * tried)
        simple = _simple(data, rest, target, place)
        if simple is not None:
            words, constant, holds = simple
            whole = f"{words} of {over}, {_sum_origin(words, constant, id_bytes, data.shape[1])}"
            chance = place.chance(3)
            if chance <= -EVIDENCE_BITS:
                return Checksum(8 * byte, 8, whole, holds, chance, Form(words, cover[0], cover[-1], constant))
        found = _crc(data, sample, place, counters)
        if found is not None:
            words = found.words(over, len(cover), id_bytes)
            return Checksum(8 * byte, 8, words, found.holds, found.log2_false, found.form(cover))
    return None


def _simple(
    data: NDArray[np.uint8], rest: NDArray[np.uint8], target: NDArray[np.uint8], place: _Place
) -> tuple[str, int, float] | None:
    """(family, constant, share of frames) of an XOR or a sum that explains a byte."""
    byte, cover = place.byte, place.cover
    varying = [b for n, b in enumerate(cover) if (rest[:, n] != rest[0, n]).any()]
    xor = np.bitwise_xor.reduce(rest, axis=1)
    total = rest.sum(axis=1, dtype=np.uint8)
    for words, apart in (("XOR", target ^ xor), ("sum", target - total), ("negative sum", target + total)):
        constant, share = most(apart)
        if share < SAMPLE_HOLDS:
            continue
        whole, covered = data[:, byte], data[:, cover]
        if words == "XOR":
            left = whole ^ np.bitwise_xor.reduce(covered, axis=1)
        else:
            total = covered.sum(axis=1, dtype=np.uint8)
            left = whole - total if words == "sum" else whole + total
        holds = float(np.mean(left == constant))
        if (
            holds >= HOLDS
            and not (len(varying) < 2 and not _speaks(rest, constant))
            and not copied(data, byte, cover)
        ):
            return words, constant, holds
    return None


def _speaks(rest: NDArray[np.uint8], constant: int) -> bool:
    """Whether constant bytes are covered and nothing is left over: that a copy of one byte would not show."""
    return constant == 0 and bool(rest.min(axis=0)[(rest == rest[0]).all(axis=0)].any())


def _crc(
    data: NDArray[np.uint8],
    sample: NDArray[np.uint8],
    place: _Place,
    counters: Sequence[Counter],
) -> _Crc | None:
    """The CRC-8 that explains a byte."""
    byte, cover = place.byte, place.cover
    left = remainders(sample[:, cover]) ^ sample[:, byte]
    # What more than half of the payloads have is their median.
    usual = np.sort(left, axis=2)[:, :, left.shape[2] // 2]
    fits = np.argwhere((left == usual[:, :, None]).mean(axis=2) >= SAMPLE_HOLDS)
    for after, algorithm in fits.tolist():
        common = algorithm < COMMON_ALGORITHMS
        chance = place.chance(AFTER * (COMMON_ALGORITHMS if common else len(ALGORITHMS)))
        constant = int(usual[after, algorithm])
        whole = remainder(algorithm, data[:, cover], after=after) ^ data[:, byte]
        holds = float(np.mean(whole == constant))
        needed = EVIDENCE_BITS if common else RARE_EVIDENCE_BITS
        if holds >= HOLDS and chance <= -needed and not copied(data, byte, cover, least=1):
            return _Crc(algorithm, after, constant, holds, chance)
    for counter in counters:
        if all(position // 8 != byte for position in counter.positions) and counter.high < 16:
            found = _crc_by_counter(data, place, counter)
            if found is not None:
                return found
    return None


def _crc_by_counter(data: NDArray[np.uint8], place: _Place, counter: Counter) -> _Crc | None:
    """A CRC-8 by a common polynomial whose constant goes with a counter."""
    count = _counted(data, counter)
    # Frames beside the one a full turn before have the same counter: their difference does not know the constants.
    turn = counter.high - counter.low + 1
    same = np.flatnonzero(count[turn:] == count[:-turn]) if len(count) > turn else np.zeros(0, np.int64)
    change = data[same + turn] ^ data[same]
    change = change[(change != 0).any(axis=1)]
    if len(change) < FEWEST:
        return None
    byte, cover = place.byte, place.cover
    part = change[np.linspace(0, len(change) - 1, min(len(change), SAMPLE)).astype(np.int64)]
    rank = rank_of(np.concatenate([np.zeros_like(part[:1]), part])[:, cover])
    chance = replace(place, rank=rank).chance(2 * AFTER * COMMON_ALGORITHMS)
    if chance > -EVIDENCE_BITS:
        return None
    for after in range(AFTER):
        for algorithm in range(COMMON_ALGORITHMS):
            # The remainder is linear: that of a difference is the difference of the remainders.
            if np.mean(remainder(algorithm, part[:, cover], after=after) == part[:, byte]) < SAMPLE_HOLDS:
                continue
            holds = float(np.mean(remainder(algorithm, change[:, cover], after=after) == change[:, byte]))
            if holds >= HOLDS and not copied(data, byte, cover, least=1):
                return _Crc(algorithm, after, None, holds, chance)
    return None


def _counted(data: NDArray[np.uint8], counter: Counter) -> NDArray[np.int64]:
    """int64 (m,): what a counter says."""
    value = np.zeros(len(data), np.int64)
    for weight, position in enumerate(counter.positions):
        value |= ((data[:, position // 8] >> (position % 8)) & 1).astype(np.int64) << weight
    return value


def _sum_origin(words: str, constant: int, id_bytes: tuple[int, ...], length: int) -> str:
    """What the constant of an XOR or a sum may come from."""
    if constant == 0:
        return "nothing added"
    sign = -1 if words == "negative sum" else 1
    if words == "XOR":
        of_id = int(np.bitwise_xor.reduce(np.array(id_bytes)))
        known = {of_id: "with the id", 0xFF: "inverted"}
    else:
        of_id = sum(id_bytes)
        known = {
            sign * of_id & 0xFF: "with the bytes of the id",
            sign * (of_id + length) & 0xFF: "with the bytes of the id and the length",
            0xFF: "inverted" if sign < 0 else "constant FF",
        }
    return known.get(constant, f"constant {constant:02X}")
