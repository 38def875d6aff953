"""The chain of objects of Vector's binary log, in a run of bytes that comes in pieces: the file, and what its containers hold.

An object tells its size, and up to four bytes may stand between it and the next. All `LOBJ` of a piece are found at once; those that follow
one another as their sizes say, which is the rule, need no further look. After damage the next `LOBJ` is taken for an object.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.logs.blf_objects import (
    CONTAINER,
    HEADER,
    LAYOUTS,
    PAD,
    SIGNATURE,
    SIGNATURE_WORD,
    Objects,
    records,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from canbean.can.logs.fields import Mask
    from canbean.can.logs.formats import Report

BASE = 16
"""Bytes of a header that say how the chain goes on: signature, sizes, version, kind."""
GAP = 4
"""Bytes that may stand between two objects."""
MOST = 16 << 20
"""Bytes of the largest object that is believed."""
MOST_OF_FRAME = 1 << 12
"""And of the largest that is a frame."""


@dataclass
class Chain:
    """What is known between two pieces.

    Attributes:
        report: is told what is damaged.
        where: how people call a place in the run of bytes.
        at: place of the first byte that is kept.
        kept: bytes whose object is not whole yet, or may not be.
        wanted: how many of them it needs.
        lost: the kept bytes do not follow an object.
    """

    report: Report
    where: Callable[[int], str]
    at: int = 0
    kept: list[bytes] = field(default_factory=list)
    wanted: int = 0
    lost: bool = False

    def drop(self) -> None:
        """Forget the object that is not whole: what comes next does not continue it."""
        self.at += sum(map(len, self.kept))
        self.kept, self.wanted, self.lost = [], 0, True

    def objects(self, pieces: Sequence[bytes], *, last: bool = False) -> Objects:
        """The objects that are whole with these pieces; with the last ones also a container that is cut.

        Raises:
            LogError: the last piece ends in the middle of an object (without `accept_cut`).
        """
        self.kept += pieces
        n = sum(map(len, self.kept))
        if n < self.wanted and not last:
            return Objects(PAD, self.at, np.zeros(0, np.int64), np.zeros(0, HEADER))
        raw = b"".join((*self.kept, PAD))
        at = np.flatnonzero(np.frombuffer(raw, np.uint8, max(n - BASE + 1, 0)) == SIGNATURE[0])
        found = Objects(raw, self.at, at, records(raw, HEADER)[at].view(HEADER))
        size = found.header["size"]
        begins = (found.header["signature"] == SIGNATURE_WORD) & (size >= BASE) & (size <= MOST)
        large = np.flatnonzero(size > MOST_OF_FRAME)
        begins[large] &= ~np.isin(found.header["kind"][large], list(LAYOUTS))
        found = found[begins]
        taken, done = self._follow(found, n, last)
        self.at += done
        self.kept = [raw[done:n]]
        return found if taken.all() else found[taken]

    def _follow(self, found: Objects, n: int, last: bool) -> tuple[Mask, int]:
        """Which of the objects are in the chain, bool (objects,), and how many of the n bytes are done with."""
        count, kind = len(found), found.header["kind"]
        size = found.header["size"].astype(np.int64)
        ends, begins = found.at + size, np.append(found.at, n)
        gaps = begins[1:] - ends
        odd = np.flatnonzero((gaps < 0) | (gaps > GAP)).tolist()
        taken = np.zeros(count, bool)
        done = row = self.wanted = 0
        linked = not self.lost and self._links(0, int(begins[0]), n, last)
        while row < count:
            place = bisect_left(odd, row)
            if place == len(odd):
                taken[row:], done, linked = True, int(ends[-1]), True
                break
            before, row = row, odd[place]
            taken[before:row] = True
            at, end, holds = int(found.at[row]), int(ends[row]), kind[row] == CONTAINER
            if end <= n:
                follows = int(found.at.searchsorted(end))
                linked = self._links(end, int(begins[follows]), n, last)
                # The objects in a container that is not compressed are met on the way.
                taken[row] = linked or not holds or found.raw[at + BASE] != 0
                if linked:
                    row, done = follows, end
                    continue
            elif not last:
                self.wanted, self.lost = int(size[row]), False
                return taken, at
            else:
                self._cut(at, counted=not holds)
                linked = taken[row] = holds
                if holds:
                    done = n
                    break
            row += 1
        self.lost = not linked
        return taken, done if linked else max(n - BASE + 1, 0)

    def _links(self, end: int, begin: int, n: int, last: bool) -> bool:
        """Whether the next object, which begins at `begin` (n: none does), follows one that ends at `end`; else it is told."""
        gap = begin - end
        unseen = begin == n and gap < BASE + GAP
        if gap <= GAP or (unseen and not last):
            return True
        if unseen:
            self._cut(end)
        else:
            self.report.skip(self.where(self.at + end), "no object begins here")
        return False

    def _cut(self, place: int, *, counted: bool = True) -> None:
        """Tell that the object at a place is cut by the end."""
        if not self.report.accept_cut:
            raise self.report.cut(self.where(self.at + place))
        if counted:
            self.report.skip(self.where(self.at + place), "cut by the end of the file")
