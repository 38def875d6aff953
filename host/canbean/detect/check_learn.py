"""Learn checks of payloads from clean traffic: fields become checks, and those that promise most for their bytes are kept.

Fields are found (`fields.py`) in the earlier part of the traffic alone, in blocks of frames of each id where it has many; each
check is then weighed by all of its frames (`check_worth.py`).

Not checked: fields on the pages of a multiplexer, enumerations and noise, values wider than 16 bits, counters over several bytes or of
one or two bits, checksums whose constant goes with a counter or that cover bytes beyond the eighth.
"""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import LENGTHS
from canbean.detect.bitflips import BIG
from canbean.detect.check_judge import breaches, joined
from canbean.detect.check_worth import FEWEST, UNBROKEN, Known, worth_of
from canbean.detect.checks import (
    CHECKSUM,
    COUNTER,
    FAMILIES,
    FROZEN,
    IDS_MOST,
    RANGE,
    SEEN_BYTES,
    STEP,
    WIDEST,
    WORTH,
    Check,
    Checks,
    IdChecks,
    bytes_of,
)
from canbean.detect.fields import learn_fields
from canbean.detect.kinds import CHECKSUM as CHECKSUM_FIELD
from canbean.detect.kinds import COUNTER as COUNTER_FIELD
from canbean.detect.kinds import PHYSICAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.detect.evidence import Form
    from canbean.detect.fields import Field, IdFields

BLOCKS, BLOCK = 6, 1024
"""Of an id with more frames fields are found in so many blocks of so many frames."""
LEAST_BITS = 5.0
"""A check that promises fewer bits of a wrong payload is left out."""
CHANGES = 16
"""Of several counters in an id one may be a checksum of what has not changed so often yet."""
NARROWEST = 3
"""Bits of a counter: fewer come about in other ways."""


@dataclass(frozen=True)
class Candidate:
    """A check that may be kept.

    Attributes:
        row: of its id.
        code: DLC code of its payloads.
        check: with its worth.
        early: the same with the edges of the part learned from.
        early: the same with the edges of the part learned from.
        chance: that a payload with a wrong value breaks it.
    """

    row: int
    code: int
    check: Check
    early: Check
    chance: float

    @property
    def promise(self) -> float:
        """Bits that a wrong value is worth on average."""
        return self.check.worth * WORTH / 16 * self.chance

    @property
    def place(self) -> tuple[int, int, int]:
        """By what candidates are sorted."""
        return self.row, self.check.start, self.check.kind

    def weighing(self, worth: int) -> Candidate:
        """The same with another worth."""
        return replace(self, check=replace(self.check, worth=worth), early=replace(self.early, worth=worth))


@dataclass(frozen=True)
class LearnedChecks:
    """Checks and how they came about.

    Attributes:
        checks: as they are stored.
        early: the same with the edges of the earlier part alone: by them the part held back is judged as frames not
            learned from, for a threshold.
        left_out: checksums that were found but have no form that a check can tell.
    """

    checks: Checks
    early: Checks
    left_out: int


def learn_held_back(
    frames: Frames,
    row: NDArray[np.int64],
    later: NDArray[np.bool_],
    keys: NDArray[np.uint32],
    most_bytes: int,
    *,
    epoch: NDArray[np.int64] | None = None,
) -> LearnedChecks:
    """Learn the checks of one bus, with what the earlier part alone would have given, and what was left out.

    Args:
        frames: m clean frames, neither remote nor error frames, in the order of the log.
        row: int64 (m,), the row of each frame's id in `keys`.
        later: bool (m,), the part held back, behind the other.
        keys: uint32 (n,), the ids, ascending.
        most_bytes: what the section may take.
        epoch: int64 (m,), how often the bus had woken up; nothing is compared over that. None: it never slept.
    """
    epoch = np.zeros(len(frames), np.int64) if epoch is None else epoch
    found, left_out = candidates(frames, row, later, keys, epoch)
    kept = choose(found, most_bytes)
    return LearnedChecks(_table(kept, early=False), _table(kept, early=True), left_out)


def candidates(
    frames: Frames,
    row: NDArray[np.int64],
    later: NDArray[np.bool_],
    keys: NDArray[np.uint32],
    epoch: NDArray[np.int64],
) -> tuple[list[Candidate], int]:
    """Every check that clean traffic bears out, by id and place, and how many checksums no check can tell."""
    told = learn_fields(frames[sampled(row, ~later)])
    order = np.argsort(row.astype(np.min_scalar_type(len(keys))), kind="stable")
    members = np.split(order, np.cumsum(np.bincount(row, minlength=len(keys)))[:-1])
    found: list[Candidate] = []
    kept_for: Tally[int] = Tally()
    for one in told:
        at = int(np.searchsorted(keys, one.key))
        own = members[at][frames.dlc[members[at]] == one.length]
        known = Known.of(frames.data[own, :SEEN_BYTES], joined(epoch[own]), int(np.sum(~later[own])))
        if known.after < FEWEST:
            continue
        code = int(np.searchsorted(LENGTHS, one.length))
        for check in _of_fields(one, known):
            weighed = known.weighed(check)
            if weighed is None:
                continue
            found.append(Candidate(at, code, *weighed, known.chance(weighed[0])))
            kept_for[check.kind] += len(own) if weighed[0].worth == UNBROKEN else 0
    # That counters count on and checksums are right are habits of the whole bus, so the whole bus is the evidence.
    habit = {kind: worth_of(count + 1) for kind, count in kept_for.items()}
    sums = [field for one in told for field in one.fields if field.kind == CHECKSUM_FIELD]
    found = [one.weighing(habit[one.check.kind]) if one.check.worth == UNBROKEN else one for one in found]
    return found, sum(_form(field) is None for field in sums)


def sampled(row: NDArray[np.int64], wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Positions of wanted frames, ascending: of each row all, or `BLOCKS` blocks of `BLOCK` frames spread evenly."""
    chosen = np.flatnonzero(wanted)
    own = row[chosen]
    order = np.argsort(own.astype(np.min_scalar_type(int(row.max(initial=0)))), kind="stable")
    parts = []
    for members in np.split(chosen[order], np.cumsum(np.bincount(own))[:-1]):
        if len(members) <= BLOCKS * BLOCK:
            parts.append(members)
            continue
        starts = np.linspace(0, len(members) - BLOCK, BLOCKS).astype(np.int64)
        parts.append(members[(starts[:, None] + np.arange(BLOCK)).ravel()])
    return np.sort(np.concatenate(parts))


def choose(found: Sequence[Candidate], most_bytes: int) -> list[Candidate]:
    """Those that promise most for their bytes, by id and place; each further one of the same kind and id promises less."""
    ranked: Tally[tuple[int, int]] = Tally()
    offers = []
    for one in sorted(found, key=lambda c: (-c.promise, c.place)):
        if one.promise < LEAST_BITS:
            break
        alike = (one.row, one.check.kind)
        ranked[alike] += 1
        offers.append((one.promise / ranked[alike], one))
    kept: list[Candidate] = []
    ids: set[int] = set()
    for _, one in sorted(offers, key=lambda offer: (-offer[0], offer[1].place)):
        more = ids | {one.row}
        if len(more) <= IDS_MOST and bytes_of(len(more), len(kept) + 1) <= most_bytes:
            kept.append(one)
            ids = more
    return sorted(kept, key=lambda c: c.place)


def _table(kept: Sequence[Candidate], *, early: bool) -> Checks:
    """What was chosen, as it is stored."""
    ids = []
    for row, own in groupby(kept, key=lambda one: one.row):
        chosen = list(own)
        ids.append(IdChecks(row, chosen[0].code, tuple(c.early if early else c.check for c in chosen)))
    return Checks(tuple(ids))


def _of_fields(one: IdFields, known: Known) -> Iterator[Check]:
    """The checks that the fields of an id may give, without their worth and their edges."""
    counters = [field for field in one.fields if field.kind == COUNTER_FIELD]
    for field in one.fields:
        positions = field.positions
        start, length, big = positions[0], len(positions), field.order == BIG
        if field.page is not None or max(positions) >= 8 * SEEN_BYTES:
            continue
        if field.kind == COUNTER_FIELD and length >= NARROWEST and start // 8 == positions[-1] // 8:
            rule = (int(field.step), field.low, field.high, int(field.pauses > 0))
            check = Check(COUNTER, 0, start, length, False, rule)
            if len(counters) == 1 or (_moves(one) and not len(breaches(check, known.data, known.linked).at)):
                yield check
        elif (form := _form(field)) is not None:
            rule = (
                FAMILIES.index(form.family) | form.after << 4,
                form.first | form.last << 4,
                form.polynomial,
                form.constant,
            )
            yield Check(CHECKSUM, 0, start, length, False, rule)
        elif field.kind == PHYSICAL and length <= WIDEST:
            for kind in (STEP, RANGE, FROZEN):
                yield Check(kind, 0, start, length, big, (0, 0, 0, 0))


def _form(field: Field) -> Form | None:
    """How a checksum is computed, where a check can tell."""
    form = field.form
    whole = form is not None and form.last < SEEN_BYTES and field.start < 8 * SEEN_BYTES
    return form if whole else None


def _moves(one: IdFields) -> bool:
    """Whether other bits than counters and checksums change often enough that a checksum is not taken for another counter."""
    other = [p for f in one.fields if f.kind not in {COUNTER_FIELD, CHECKSUM_FIELD} for p in f.positions]
    return bool(other) and float(one.flips[other].max()) * one.frames >= CHANGES
