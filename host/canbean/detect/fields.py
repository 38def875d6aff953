"""Fields of payloads without a DBC: where they are and what kind they are, learned from clean frames, id by id.

In this order, each step leaving the bits of the one before: constant bits; counters (`counters.py`); a checksum
(`checksums.py`); a simple multiplexer (`multiplex.py`), whose pages are then learned each for itself; all else is cut where
bit flips say so (`bitflips.py`, after READ), in the byte order in which carries agree, and told by its values (`kinds.py`).
Counters and checksums are claimed on overwhelming evidence only; their rules say how false they may be. With a database the names
and borders are its own (`named.py`).

Those that earn it become checks that take part in a score (`checks.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import ERR, RTR, Frames, key_text
from canbean.detect.bitflips import BIG, LITTLE, Segments, bits_of, flip_rates, hamming, segments, value_of
from canbean.detect.checksums import find_checksum
from canbean.detect.counters import find_counters
from canbean.detect.kinds import CHECKSUM, CONSTANT, COUNTER, ENUMERATION, MULTIPLEXER, tell
from canbean.detect.multiplex import find_multiplexer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from canbean.detect.evidence import Form

ENOUGH = 8
"""Frames of an id below which its fields are said to be a guess."""


@dataclass(frozen=True)
class Field:
    """A field of a payload.

    Attributes:
        start: its bit number as a DBC has it: of the least significant bit in byte order `little`, of the most
            significant one in `big`; bit `k` of byte `B` is `8 * B + k`.
        length: bits.
        order: byte order, `little` or `big`; where a field lies in one byte it is `little`.
        kind: one of `kinds.KINDS`.
        signed: two's complement.
        low, high: raw values seen; of a counter what it wraps between.
        step: of a counter what it goes on by, else the median change; raw.
        values: what an enumeration takes, raw.
        holds: of counters and checksums the share of frames that obey.
        pauses: of a counter the share of frames in which it stays.
        log2_false: logarithm to base 2 of the bound of the chance that noise is taken for it.
        rule: a checksum's family and constant, in words.
        form: how a checksum is computed, where its form is simple.
        page: value of the multiplexer that it is there with, or None.
        name, unit, scale, offset: of a database; the physical value is `raw * scale + offset`.
    """

    start: int
    length: int
    order: str
    kind: str
    signed: bool = False
    low: int = 0
    high: int = 0
    step: float = 0.0
    values: tuple[int, ...] = ()
    holds: float | None = None
    pauses: float = 0.0
    log2_false: float | None = None
    rule: str = ""
    form: Form | None = None
    page: int | None = None
    name: str = ""
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0

    @property
    def positions(self) -> tuple[int, ...]:
        """Its bits, the least significant first."""
        if self.order == LITTLE:
            return tuple(range(self.start, self.start + self.length))
        return motorola(self.start, self.length)

    def describe(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain = {**asdict(self), "values": list(self.values)}
        del plain["form"]  # the rule says it in words
        return plain


@dataclass(frozen=True, eq=False)
class IdFields:
    """What the payloads of one id hold.

    Attributes:
        key: `id | ext << 29`.
        frames: how many were learned from.
        length: bytes of a payload; payloads of another length are left out.
        other_lengths: frames that were left out for that.
        fields: by page and place; together they cover every bit of every page once.
        flips: float64 (8 * length,), the share of frames in which each bit turns.
        hamming: bits that differ from the payload before: the share of frames with none, the median, 95th percentile
            and maximum.
        notes: what cannot be told, in words.
        name: of the message, from a database.
    """

    key: int
    frames: int
    length: int
    other_lengths: int
    fields: tuple[Field, ...]
    flips: NDArray[np.float64]
    hamming: tuple[float, float, float, int]
    notes: tuple[str, ...] = ()
    name: str = ""

    def describe(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        same, median, p95, most = self.hamming
        return {
            "id": key_text(self.key),
            "name": self.name,
            "frames": self.frames,
            "length": self.length,
            "other_lengths": self.other_lengths,
            "hamming": {"unchanged": same, "median": median, "p95": p95, "max": most},
            "flips": self.flips.round(6).tolist(),
            "notes": list(self.notes),
            "fields": [field.describe() for field in self.fields],
        }


def motorola(start: int, length: int) -> tuple[int, ...]:
    """Bits of a big-endian field, the least significant first, from the DBC number of its most significant one."""
    line = [8 * byte + bit for byte in range(64) for bit in range(7, -1, -1)]
    at = line.index(start)
    return tuple(line[at : at + length][::-1])


def place(positions: tuple[int, ...], order: str) -> tuple[int, int, str]:
    """(start, length, order) of bits that are in order of significance; within one byte the order is `little`."""
    if order == LITTLE or positions[0] // 8 == positions[-1] // 8:
        return positions[0], len(positions), LITTLE
    return positions[-1], len(positions), BIG


def payloads(frames: Frames) -> Iterable[tuple[int, NDArray[np.uint8], int]]:
    """(key, uint8 (m, length) payloads of its most frequent length, frames of other lengths) of each id, by key.

    Remote and error frames have none and are left out, as are ids without payload bytes.
    """
    frames = frames[(frames.flags & (RTR | ERR)) == 0]
    keys, row, counts = np.unique(frames.key, return_inverse=True, return_counts=True)
    order = np.argsort(row, kind="stable")
    for key, members in zip(keys.tolist(), np.split(order, np.cumsum(counts)[:-1])[: len(keys)], strict=True):
        lengths = frames.dlc[members]
        length = int(np.argmax(np.bincount(lengths)))
        kept = members[lengths == length]
        if length:
            yield key, frames.data[kept, :length], len(members) - len(kept)


def learn_fields(frames: Frames) -> list[IdFields]:
    """The fields of every id of a clean log, by key.

    Args:
        frames: clean frames in order of time.
    """
    found = []
    for key, data, others in payloads(frames):
        bits = bits_of(data)
        rates = flip_rates(bits)
        found.append((key, data, others, rates, _Cut.of(key, data, bits, rates)))
    # A maker keeps to one byte order: ids whose own carries do not tell take that of the others.
    usual = LITTLE if sum(cut.lean for *_, cut in found) >= 0 else BIG
    return [
        _id_fields(key, data, others, rates, cut.fields(usual)) for key, data, others, rates, cut in found
    ]


def _id_fields(
    key: int,
    data: NDArray[np.uint8],
    others: int,
    rates: NDArray[np.float64],
    told: tuple[list[Field], list[str]],
) -> IdFields:
    """One id's fields with what is told of its payloads as a whole."""
    fields, notes = told
    if others:
        notes.append(f"{others:,} frames of another length than {data.shape[1]} bytes are left out")
    distance = hamming(data)
    spread = (1.0, 0.0, 0.0, 0)
    if len(distance):
        middle, high = np.quantile(distance, [0.5, 0.95])
        spread = (float(np.mean(distance == 0)), float(middle), float(high), int(distance.max()))
    return IdFields(key, len(data), data.shape[1], others, tuple(fields), rates, spread, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Cut:
    """The payloads of one id, cut into fields in both byte orders.

    Attributes:
        known: counters, checksum, multiplexer.
        both: all other bits as fields, by byte order.
        lean: carries that agree with `little` less those that agree with `big`.
        pages: value of the multiplexer and the cut of its frames.
        notes: what cannot be told.
    """

    known: list[Field]
    both: dict[str, list[Field]]
    lean: int
    pages: list[tuple[int, _Cut]]
    notes: list[str]

    @classmethod
    def of(
        cls,
        key: int,
        data: NDArray[np.uint8],
        bits: NDArray[np.uint8],
        rates: NDArray[np.float64],
        *,
        skip: tuple[int, ...] = (),
        paged: bool = True,
    ) -> _Cut:
        """Cut payloads; the bits `skip` are known to the caller."""
        varies = bits.min(axis=1) != bits.max(axis=1)
        known: list[Field] = []
        taken: set[int] = set(skip)
        if paged:
            counters = find_counters(bits, rates)
            known += [
                Field(
                    *place(one.positions, one.order), COUNTER,
                    low=one.low, high=one.high, step=one.step,
                    holds=one.holds, pauses=one.pauses, log2_false=one.log2_false,
                )
                for one in counters
            ]  # fmt: skip
            check = find_checksum(data, counters, key)
            if check is not None:
                # A checksum that holds where a counter skips explains its bits better.
                known = [field for field in known if set(field.positions).isdisjoint(check.positions)]
                known.append(
                    Field(
                        check.start, check.length, LITTLE, CHECKSUM, high=(1 << check.length) - 1,
                        holds=check.holds, log2_false=check.log2_false, rule=check.words, form=check.form,
                    )
                )  # fmt: skip
            taken.update(position for field in known for position in field.positions)
        checked = {position for field in known if field.kind == CHECKSUM for position in field.positions}
        selector = find_multiplexer(bits, taken - checked, checked) if paged else None
        if selector is not None:
            # It may count through its pages.
            known = [field for field in known if set(field.positions).isdisjoint(selector)]
            taken = {position for field in known for position in field.positions}
            return cls._paged(key, data, bits, known=known, taken=taken, selector=selector)
        free = varies.copy()
        free[list(taken)] = False
        cut = {order: segments(bits, rates, free, order) for order in (LITTLE, BIG)}
        both = {order: _told(bits, rates, taken, found, order) for order, found in cut.items()}
        notes = [f"{len(data)} frames are too few to tell fields"] if paged and len(data) < ENOUGH else []
        if sum(field.kind == COUNTER for field in known) > 1:
            notes.append(
                "several counters go together: one may be a checksum that nothing else has moved yet"
            )
        return cls(known, both, cut[LITTLE].carries - cut[BIG].carries, [], notes)

    @classmethod
    def _paged(
        cls,
        key: int,
        data: NDArray[np.uint8],
        bits: NDArray[np.uint8],
        *,
        known: list[Field],
        taken: set[int],
        selector: tuple[int, ...],
    ) -> _Cut:
        """Cut a multiplexed id page by page; counters and checksum were found over all of its frames."""
        value = value_of(bits, selector)
        values = np.unique(value).tolist()
        field = Field(selector[0], len(selector), LITTLE, MULTIPLEXER, low=values[0], high=values[-1])
        skip = tuple(taken | set(selector))
        pages = []
        for one in values:
            page = bits[:, value == one]
            pages.append(
                (one, cls.of(key, data[value == one], page, flip_rates(page), skip=skip, paged=False))
            )
        lean = sum(cut.lean for _, cut in pages)
        words = f"looks multiplexed: {len(values)} pages by the value of bits {selector[0]} to {selector[-1]}"
        return cls([*known, replace(field, values=tuple(values))], {}, lean, pages, [words])

    def fields(self, usual: str) -> tuple[list[Field], list[str]]:
        """The fields, by page and place, and the notes; `usual` is the order where carries do not tell."""
        order = usual if self.lean == 0 else LITTLE if self.lean > 0 else BIG
        found = list(self.known)
        for value, cut in self.pages:
            found += [replace(field, page=value) for field in cut.both[order]]
        if not self.pages:
            found += self.both[order]
        found.sort(key=lambda field: (-1 if field.page is None else field.page, min(field.positions)))
        return found, list(self.notes)


def _told(
    bits: NDArray[np.uint8], rates: NDArray[np.float64], taken: set[int], cut: Segments, order: str
) -> list[Field]:
    """What is no counter, checksum or multiplexer: the segments of one order, and between them constant bits."""
    found = []
    for positions in cut.positions:
        told = tell(value_of(bits, positions), rates[list(positions)])
        values = told.values if told.kind == ENUMERATION else ()
        where = place(positions, order)
        found.append(Field(*where, told.kind, told.signed, told.low, told.high, told.step, values))
    covered = taken | {position for field in found for position in field.positions}
    return found + constants(bits, covered)


def constants(bits: NDArray[np.uint8], covered: Collection[int]) -> list[Field]:
    """Runs of the bits that nothing covers, none over a border of bytes; they have their value of the first frame."""
    found: list[Field] = []
    run: list[int] = []
    for position in range(len(bits) + 1):
        if run and (position == len(bits) or position in covered or position % 8 == 0):
            value = int(value_of(bits[:, :1], run)[0])
            found.append(Field(run[0], len(run), LITTLE, CONSTANT, low=value, high=value))
            run = []
        if position < len(bits) and position not in covered:
            run.append(position)
    return found
