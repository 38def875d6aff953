"""Judge payloads by checks: the vectorised twin of `firmware/canbean/checks.py`, which gives the same integers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import LENGTHS
from canbean.detect.bitflips import wrapped
from canbean.detect.checks import (
    CHECKSUM,
    COUNTER,
    CRC,
    FAMILIES,
    PART_OF,
    PARTS,
    RANGE,
    REFLECTED,
    SEEN_BYTES,
    SKIPS,
    STEP,
    WORTH,
)
from canbean.detect.crcs import ALGORITHMS, remainder
from canbean.detect.fingerprint import SCORE_CAP, earlier_breaches
from canbean.tiny.fixed import bucket

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.detect.checks import Check, Checks, IdChecks

PAYLOAD = PARTS.index("payload")
VALUES_MOST = 224
"""Values are never more surprising: every change of driving mode brings new ones, and the log has not seen most modes."""
RUN_MOST = 32_767
"""The board's count of frames with the same value ends here."""


@dataclass(frozen=True)
class Judgement:
    """What checks say of m frames, in their order.

    Attributes:
        bits: int64 (3, m), sixteenths of a bit of each of `PARTS`.
        check: int16 (3, m), which check of its id says it; of a part without bits it means nothing.
        want, got: int32 (3, m), what `Check.words` needs.
    """

    bits: NDArray[np.int64]
    check: NDArray[np.int16]
    want: NDArray[np.int32]
    got: NDArray[np.int32]

    def words(self, checks: Checks, slot: int, at: int, part: str) -> tuple[str, str]:
        """What was expected and what was seen of frame `at`, an id's in row `slot`, by one of `PARTS` that has bits."""
        p = PARTS.index(part)
        own: IdChecks = next(one for one in checks.ids if one.slot == slot)
        return own.checks[int(self.check[p, at])].words(int(self.want[p, at]), int(self.got[p, at]))


@dataclass(frozen=True)
class Breaches:
    """Frames that break one check.

    Attributes:
        at: int64 (b,), which, ascending.
        want, got: int64 (b,), as `Check.words`.
        bits: int64 (b,), sixteenths of a bit, as if none had come before.
        fresh: bool (b,), those that count as a breach of their own: a value that stays frozen is one.
    """

    at: NDArray[np.int64]
    want: NDArray[np.int64]
    got: NDArray[np.int64]
    bits: NDArray[np.int64]
    fresh: NDArray[np.bool_]


def judge(checks: Checks, frames: Frames, row: NDArray[np.int64], epoch: NDArray[np.int64]) -> Judgement:
    """Judge the scored frames of one bus from a fresh start.

    Args:
        checks: of the bus.
        frames: m frames, neither remote nor error frames, in the order of the log.
        row: int64 (m,), the row of each frame's id in the fingerprint; any other for unknown ids.
        epoch: int64 (m,), how often the bus had woken up; nothing is known of the frames before that.
    """
    m = len(frames)
    bits = np.zeros((len(PARTS), m), np.int64)
    check = np.zeros((len(PARTS), m), np.int16)
    want, got = np.zeros((len(PARTS), m), np.int32), np.zeros((len(PARTS), m), np.int32)
    for one, members in zip(checks.ids, members_of(checks, row), strict=True):
        kept = members[frames.dlc[members] == LENGTHS[one.code]]
        if not len(kept):
            continue
        data, linked = frames.data[kept, :SEEN_BYTES], joined(epoch[kept])
        fresh = np.zeros(len(kept), np.bool_)
        for number, rule in enumerate(one.checks):
            found, part = breaches(rule, data, linked), PART_OF[rule.kind]
            more = found.bits > bits[part, kept[found.at]]
            at = kept[found.at[more]]
            bits[part, at], check[part, at] = found.bits[more], number
            want[part, at], got[part, at] = found.want[more], found.got[more]
            if part == PAYLOAD:
                fresh[found.at[found.fresh]] = True
        broken = bits[PAYLOAD, kept] > 0
        earlier = earlier_breaches(np.zeros(len(kept), np.int64), fresh)[broken]
        at = kept[broken]
        bits[PAYLOAD, at] = np.maximum(bits[PAYLOAD, at] - (bucket(2 * earlier + 1) >> 2), 0)
    most = np.full((len(PARTS), 1), SCORE_CAP)
    most[PAYLOAD] = VALUES_MOST
    return Judgement(np.minimum(bits, most), check, want, got)


def members_of(checks: Checks, row: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Of each id with checks, which frames are its own, in order."""
    if not checks.ids:
        return []
    place = np.zeros(max(int(row.max(initial=0)), *(one.slot for one in checks.ids)) + 1, np.uint8)
    place[[one.slot for one in checks.ids]] = np.arange(1, len(checks.ids) + 1)
    entry = place[row]
    chosen = np.flatnonzero(entry)
    order = chosen[np.argsort(entry[chosen], kind="stable")]
    ends = np.cumsum(np.bincount(entry[chosen], minlength=len(checks.ids) + 1)[1:])
    return np.split(order, ends[:-1])


def joined(epoch: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Bool (m,): which frames of one id have one before them since the bus woke up."""
    return np.concatenate([[False], epoch[1:] == epoch[:-1]])


def breaches(check: Check, data: NDArray[np.uint8], linked: NDArray[np.bool_]) -> Breaches:
    """The frames of one id that break a check.

    Args:
        check: of its payloads.
        data: uint8 (m, 8), payloads of the length that the check is of.
        linked: bool (m,), as `joined`.
    """
    value = values(check, data)
    if check.kind == CHECKSUM:
        return _broken(check, value != (told := checksums(check, data)), told, value)
    if check.kind == RANGE:
        beyond = (value - check.edge) & ((1 << check.length) - 1)
        return _broken(check, beyond > check.span, np.zeros_like(value), value)
    before = np.concatenate([value[:1], value[:-1]])
    if check.kind == COUNTER:
        step, low, high, more = check.rule
        told = low + (before - low + step) % (high - low + 1)
        found = _broken(check, linked & (value != told) & ~((value == before) & bool(more & 1)), told, value)
        return replace(found, bits=np.where(skipped(check, found), 16 * (more >> 1), found.bits))
    if check.kind == STEP:
        far = steps(check, value)
        return _beyond(check, linked & (far > check.edge), far)
    held = runs(value, linked)
    held[(value == 0) | (value == check.span)] = 0
    found = _beyond(check, held > check.edge, held)
    return replace(found, fresh=found.got == check.edge + 1)


def skipped(check: Check, found: Breaches) -> NDArray[np.bool_]:
    """Which breaches of a counter leave out as few values as lost frames do."""
    step, low, high, _ = check.rule
    size = high - low + 1
    return np.isin((found.got - found.want) % size, [step * k % size for k in range(1, SKIPS + 1)])


def values(check: Check, data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """int64 (m,): the bits of a check as a number without sign."""
    byte, shift = divmod(check.start, 8)
    value = data[:, byte].astype(np.int64) >> shift
    have = 8 - shift
    while have < check.length:
        byte += -1 if check.big else 1
        value |= data[:, byte].astype(np.int64) << have
        have += 8
    return value & ((1 << check.length) - 1)


def checksums(check: Check, data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """int64 (m,): what a checksum should be."""
    family, after = check.rule[0] & 15, check.rule[0] >> 4
    constant, mask = check.rule[3], (1 << check.length) - 1
    own = check.start // 8
    if family >= CRC:
        others = data[:, [k for k in check.cover if k != own]]
        algorithm = ALGORITHMS.index((check.rule[2], family == REFLECTED))
        return (remainder(algorithm, others, after=after) ^ np.uint8(constant)).astype(np.int64)
    covered = data[:, list(check.cover)]
    if own in check.cover:
        covered[:, own - check.cover.start] &= np.uint8(0xFF & ~(mask << check.start % 8))
    if FAMILIES[family] == "XOR":
        left: NDArray[np.int64] = np.bitwise_xor.reduce(covered, axis=1).astype(np.int64)
        return ((left ^ (left >> 4) if check.length == 4 else left) ^ constant) & mask
    halves = (covered & 15) + (covered >> 4) if check.length == 4 else covered
    total: NDArray[np.int64] = halves.sum(axis=1, dtype=np.int64)
    return (constant + total if FAMILIES[family] == "sum" else constant - total) & mask


def steps(check: Check, value: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (m,): how far each value is from the one before, the short way round."""
    return np.abs(wrapped(np.diff(value, prepend=value[:1]), check.length))


def runs(value: NDArray[np.int64], linked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64 (m,): for how many frames before it a value has been what it is, at most `RUN_MOST`."""
    at = np.arange(len(value))
    began = np.where(linked & (np.diff(value, prepend=value[:1]) == 0), 0, at)
    return np.minimum(at - np.maximum.accumulate(began), RUN_MOST)


def _broken(
    check: Check, wrong: NDArray[np.bool_], want: NDArray[np.int64], got: NDArray[np.int64]
) -> Breaches:
    """Breaches that are all worth the same."""
    at = np.flatnonzero(wrong)
    return Breaches(at, want[at], got[at], np.full(len(at), WORTH * check.worth), np.ones(len(at), np.bool_))


def _beyond(check: Check, wrong: NDArray[np.bool_], length: NDArray[np.int64]) -> Breaches:
    """Breaches that are worth more the further they go beyond the edge."""
    found = _broken(check, wrong, np.zeros_like(length), length)
    octaves = bucket(found.got) - bucket(check.edge)
    return replace(found, bits=found.bits + (octaves * check.slope >> 6))
