"""Which detectors fit on which board, with and without ROMFS, and why; from heap that is estimated, not measured on a board."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from canbean.detect.board_cost import Size, measured
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canbean.board.profiles import Profile

CHECKS = "checks"
SETS = (
    (),
    (CHECKS,),
    ("sequence",),
    (CHECKS, "sequence"),
    ("mixture",),
    ("clock",),
    (CHECKS, "sequence", "mixture", "clock"),
    ("vae",),
    ("lstm",),
    (CHECKS, "sequence", "mixture", "clock", "vae", "lstm"),
)
"""Detectors beside the fingerprint, as `typical` takes them."""


class Verdict(StrEnum):
    """Whether a gateway fits a board."""

    FITS = "fits"
    ROMFS = "fits with ROMFS"
    NOT = "does not fit"


@dataclass(frozen=True)
class Fit:
    """A gateway beside a board.

    Attributes:
        board: the board.
        size: how large the gateway is.
    """

    board: Profile
    size: Size

    @property
    def verdict(self) -> Verdict:
        """Whether it fits."""
        if self.holds():
            return Verdict.FITS
        return Verdict.ROMFS if self.board.romfs_image and self.holds(romfs=True) else Verdict.NOT

    def holds(self, *, romfs: bool = False) -> bool:
        """Whether the board has the heap for it."""
        return self.size.ram_bytes(romfs=romfs) <= self.board.heap_left

    def why(self, *, romfs: bool = False) -> str:
        """What is needed, what is there and what to do, where it does not fit.

        Args:
            romfs: whether the firmware is to lie in a ROMFS.
        """
        taken = self.size.ram_bytes(romfs=romfs)
        where = " with its firmware in ROMFS" if romfs else ""
        words = f"takes about {taken:,} bytes of heap{where}, {self.board.name} has {self.board.heap_left:,} for it"
        ways = []
        if less := self._less(romfs):
            ways.append(f"leave out {' and '.join(less)}")
        if not romfs and self.verdict is Verdict.ROMFS:
            ways.append(
                f"put the firmware into the ROMFS of the image {self.board.romfs_image} (board flash --romfs), "
                f"where it takes about {self.size.ram_bytes(romfs=True):,}"
            )
        if not ways:
            ways.append("watch fewer ids ('can plan'), or take a bigger board")
        return f"{words}: {', or '.join(ways)}"

    def _less(self, romfs: bool) -> list[str]:
        """The fewest detectors without which it fits, the largest first; none where that is not enough."""
        size, out = self.size, []
        while not replace(self, size=size).holds(romfs=romfs):
            fewer = {
                name: without(size, name) for name in (*size.sections, *([CHECKS] if size.checks else []))
            }
            if not fewer:
                return []
            # one that is enough, as small as possible; else the largest
            enough = {name: one for name, one in fewer.items() if replace(self, size=one).holds(romfs=romfs)}
            heap = {name: one.ram_bytes(romfs=romfs) for name, one in (enough or fewer).items()}
            out.append((max if enough else min)(heap, key=lambda name: heap[name]))
            size = fewer[out[-1]]
        return out


def without(size: Size, name: str) -> Size:
    """A gateway without one of its detectors."""
    if name == CHECKS:
        return replace(size, checked_ids=0, checks=0, crcs=0)
    return replace(size, sections={one: n for one, n in size.sections.items() if one != name})


def typical(names: Sequence[str]) -> Size:
    """A gateway of 50 ids with these detectors beside the fingerprint, as large as ten simulated minutes make it."""
    known = dict(measured()["typical"])
    sections = known.pop("sections")
    size = Size(**known, sections={name: sections[name] for name in names if name != CHECKS})
    return size if CHECKS in names else without(size, CHECKS)


def table(boards: Sequence[Profile]) -> list[dict[str, Any]]:
    """Which of `SETS` fit on which board, as `typical` has them.

    Returns:
        A row a set: `detectors ram_bytes romfs_ram_bytes boards`, the last one board's name to its `Verdict`.
    """
    rows = []
    for names in SETS:
        size = typical(names)
        rows.append(
            {
                "detectors": list(names),
                "ram_bytes": size.ram_bytes(),
                "romfs_ram_bytes": size.ram_bytes(romfs=True),
                "boards": {board.name: Fit(board, size).verdict for board in boards},
            }
        )
    return rows


def refuse(board: Profile, size: Size, name: str, *, romfs: bool = False) -> None:
    """Say no to a gateway that a board has not the heap for.

    Args:
        board: the board.
        size: of the gateway.
        name: what the error calls its model.
        romfs: whether the firmware is to lie in a ROMFS.

    Raises:
        BoardError: it does not fit, or the board has no ROMFS.
    """
    if romfs and not board.romfs_image:
        raise BoardError(f"{board.name}: no official image for it has a ROMFS: build without")
    fit = Fit(board, size)
    if not fit.holds(romfs=romfs):
        raise BoardError(f"{name}: does not fit: {fit.why(romfs=romfs)}")
