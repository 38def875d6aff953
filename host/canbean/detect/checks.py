"""Checks of payloads: what the payload of an id always obeys, as it stands in the model file (section `CHKS`).

Five kinds, each in eight bytes:

* `COUNTER`: at most eight bits of one byte go on by `step` between `low` and `high`; or stay, where clean traffic has that.
  That it leaves out up to `SKIPS` values has a worth of its own: frames get lost.
* `CHECKSUM`: a byte or nibble is the XOR, the sum or a CRC-8 of the bytes from `first` to `last` with a constant. An initial value,
  a final XOR, an id and whatever else is not sent are that constant.
* `STEP`: a value of at most 16 bits goes no further from one frame to the next than `edge`, the short way round.
* `RANGE`: it stays within `span` above `low`, modulo its size, so that it need not be known whether it is signed.
* `FROZEN`: it is what it was for at most `edge` frames, unless it is 0 or `rest`, where it may hold still as a parked car's.

Learning is in `check_learn.py`, judging in `check_judge.py`, whose twin is `firmware/canbean/checks.py`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canbean.can.frames import LENGTHS
from canbean.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTION = "CHKS"
COUNTER, CHECKSUM, STEP, RANGE, FROZEN = range(5)
NAMES = ("counter", "checksum", "step", "range", "frozen")
"""Names of the kinds."""
PARTS = ("counter", "checksum", "payload")
"""Parts of a score that checks give."""
PART_OF = (0, 1, 2, 2, 2)
"""The part that each kind of check belongs to."""
FAMILIES = ("XOR", "sum", "negative sum", "CRC", "reflected CRC")
"""Families of checksums by their number."""
CRC, REFLECTED = 3, 4
WORTH = 4
"""Sixteenths of a bit that a check's worth is counted in."""
IDS_MOST = 255
"""Ids with checks, so that the board finds them by a byte."""
SEEN_BYTES = 8
"""Bytes of a payload that a board sees."""
SKIPS = 3
"""Values that a counter leaves out where frames get lost."""
WIDEST = 16
"""Bits of a value."""

_HEADER = struct.Struct("<HH")
_ID = struct.Struct("<HBB")
_CHECK = struct.Struct("<8B")
_BIG = 0x80
_CHECK_BYTES, _ID_BYTES = _CHECK.size, _ID.size


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        kind: `COUNTER`, `CHECKSUM`, `STEP`, `RANGE` or `FROZEN`.
        worth: surprise of a breach in quarters of a bit, 0 to 255.
        start: number of the least significant bit: bit `k` of byte `B` is `8 * B + k`.
        length: bits.
        big: the more significant bytes come before it, not after it.
        rule: four bytes. `COUNTER`: step, low, high, whether it may stay and twice the bits of a skip. `CHECKSUM`: family and
            zero bytes behind the others times 16, first byte and last byte times 16, polynomial, constant. `STEP`: edge in two
            bytes, slope in sixteenths of a bit an octave beyond it, 0. `RANGE`: low and span in two bytes each. `FROZEN`:
            edge, slope, rest in two bytes.
    """

    kind: int
    worth: int
    start: int
    length: int
    big: bool
    rule: tuple[int, int, int, int]

    @property
    def edge(self) -> int:
        """The largest step or run that is usual, or the low end of a range."""
        return self.rule[0] if self.kind == FROZEN else self.rule[0] | self.rule[1] << 8

    @property
    def slope(self) -> int:
        """Of a step or a run, sixteenths of a bit an octave beyond the edge."""
        return self.rule[1 if self.kind == FROZEN else 2]

    @property
    def span(self) -> int:
        """How far a range reaches above its low end, or the value at which a run means nothing."""
        return self.rule[2] | self.rule[3] << 8

    @property
    def cover(self) -> range:
        """The bytes that a checksum is of, its own among them where it lies between."""
        return range(self.rule[1] & 15, (self.rule[1] >> 4) + 1)

    @property
    def top(self) -> int:
        """Number of the most significant bit."""
        bytes_on, bit = divmod(self.start % 8 + self.length - 1, 8)
        return 8 * (self.start // 8 + (-bytes_on if self.big else bytes_on)) + bit

    def to_bytes(self) -> bytes:
        """Eight bytes: kind, worth, start, length with the byte order in its top bit, rule."""
        return _CHECK.pack(
            self.kind, self.worth, self.start, self.length | (_BIG if self.big else 0), *self.rule
        )

    @classmethod
    def from_bytes(cls, content: bytes, length: int) -> Check:
        """Read a check of payloads of `length` bytes.

        Raises:
            ModelError: it is none, or reaches out of the payload.
        """
        kind, worth, start, shape, *rule = _CHECK.unpack(content)
        a, b, c, d = rule
        check = cls(kind, worth, start, shape & ~_BIG, bool(shape & _BIG), (a, b, c, d))
        if not check.holds_together(length):
            raise ModelError(f"checks: {content.hex()} is no check of {length} bytes")
        return check

    def holds_together(self, length: int) -> bool:
        """Whether it can be a check of payloads of `length` bytes."""
        if not 0 <= self.kind <= FROZEN or not 1 <= self.length <= WIDEST:
            return False
        if self.start >= 8 * length or not 0 <= self.top < 8 * length:
            return False
        if self.big and self.start // 8 == self.top // 8:
            return False
        a, b, c, d = self.rule
        if self.kind == COUNTER:
            one_byte = self.start // 8 == self.top // 8
            return one_byte and b < c < 1 << self.length and 1 <= a <= c - b
        if self.kind == CHECKSUM:
            return self._sums_up(length)
        if self.kind == RANGE:
            return max(self.edge, self.span) < 1 << self.length
        if self.kind == FROZEN:
            return self.span < 1 << self.length
        return d == 0 and self.edge < 1 << self.length

    def _sums_up(self, length: int) -> bool:
        """Whether a checksum is one that the board can compute."""
        family, after = self.rule[0] & 15, self.rule[0] >> 4
        first, last = self.rule[1] & 15, self.rule[1] >> 4
        crc = family in {CRC, REFLECTED}
        return (
            family < len(FAMILIES)
            and self.length in ({8} if crc else {4, 8})
            and self.start % self.length == 0
            and first <= last < length
            and after <= (2 if crc else 0)
            and (self.rule[2] & 1 == 1 and self.rule[2] > 1 if crc else self.rule[2] == 0)
            and self.rule[3] < 1 << self.length
        )

    def place(self) -> str:
        """Its bits in words."""
        if self.big:
            return f"bits {self.top}..{self.start} big-endian"
        return f"bits {self.start}..{self.top}"

    def words(self, want: int, got: int) -> tuple[str, str]:
        """What was expected and what was seen.

        Args:
            want: what a counter or a checksum should have been.
            got: what it was; of a step how far it went, of a frozen value for how many frames.
        """
        if self.kind == COUNTER:
            return f"counter at {self.place()} is {want}", f"it is {got}"
        if self.kind == CHECKSUM:
            if self.length == 8:
                return f"checksum byte {self.start // 8} is {want:02X}", f"{got:02X}"
            return f"checksum at {self.place()} is {want:X}", f"{got:X}"
        if self.kind == STEP:
            return f"value at {self.place()} steps by at most {self.edge}", f"{got}"
        if self.kind == RANGE:
            high = (self.edge + self.span) & ((1 << self.length) - 1)
            return f"value at {self.place()} in {self.edge}..{high}", f"{got}"
        return f"value at {self.place()} the same for at most {self.edge} frames", f"for {got}"


@dataclass(frozen=True)
class IdChecks:
    """The checks of one id.

    Attributes:
        slot: row of the id in the fingerprint.
        code: DLC code of the payloads that are checked; others are passed over.
        checks: at least one.
    """

    slot: int
    code: int
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Checks:
    """The checks of a bus, ids by slot."""

    ids: tuple[IdChecks, ...]

    def __len__(self) -> int:
        return sum(len(one.checks) for one in self.ids)

    def __iter__(self) -> Iterator[Check]:
        return (check for one in self.ids for check in one.checks)

    def counts(self) -> dict[str, int]:
        """How many checks there are of each kind that there is."""
        kinds = [check.kind for check in self]
        return {name: kinds.count(kind) for kind, name in enumerate(NAMES) if kind in kinds}

    def to_bytes(self) -> bytes:
        """The `CHKS` section: how many ids and checks, four bytes an id, eight a check."""
        heads = [_ID.pack(one.slot, one.code, len(one.checks)) for one in self.ids]
        return b"".join([_HEADER.pack(len(self.ids), len(self)), *heads, *(c.to_bytes() for c in self)])

    @classmethod
    def from_bytes(cls, section: bytes, n: int) -> Checks:
        """Read the `CHKS` section of a fingerprint of `n` ids.

        Raises:
            ModelError: it does not hold what its header says, or not checks of ids in ascending order.
        """
        if len(section) < _HEADER.size:
            raise ModelError("checks: the section is shorter than its header")
        ids, count = _HEADER.unpack_from(section)
        at = _HEADER.size + _ID_BYTES * ids
        if ids > IDS_MOST or len(section) != at + _CHECK_BYTES * count:
            raise ModelError(f"checks: {len(section)} bytes do not hold {count} checks of {ids} ids")
        heads = list(_ID.iter_unpack(section[_HEADER.size : at]))
        if sum(own for _, _, own in heads) != count or any(own == 0 for _, _, own in heads):
            raise ModelError(f"checks: the ids do not share out {count} checks")
        slots = [slot for slot, _, _ in heads]
        if slots != sorted(set(slots)) or any(slot >= n for slot in slots):
            raise ModelError(f"checks: the ids are not in ascending order below {n}")
        read = []
        for slot, code, own in heads:
            if code >= len(LENGTHS):
                raise ModelError(f"checks: {code} is no DLC code")
            length = min(int(LENGTHS[code]), SEEN_BYTES)
            ends = range(at, at + _CHECK_BYTES * own, _CHECK_BYTES)
            checks = tuple(Check.from_bytes(section[k : k + _CHECK_BYTES], length) for k in ends)
            read.append(IdChecks(slot, code, checks))
            at += _CHECK_BYTES * own
        return cls(tuple(read))


def bytes_of(ids: int, checks: int) -> int:
    """Bytes of a section with so many ids and checks."""
    return _HEADER.size + _ID_BYTES * ids + _CHECK_BYTES * checks
