"""Which lot to measure next, so that the scale is covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDE = 2.0
"""A gap so many times as wide as it would be if the lots were spread evenly is worth a roast of its own."""


@dataclass(frozen=True)
class Lot:
    """What was roasted together.

    Attributes:
        name: what its owner calls it.
        expected: where on the scale he thinks it lies, None when he does not know.
        references: what the professional meter said of its cups so far.
        cups: how many cups were measured.
    """

    name: str
    expected: float | None = None
    references: tuple[float, ...] = ()
    cups: int = 0

    @property
    def degree(self) -> float | None:
        """Its best known place on the scale."""
        return float(np.median(self.references)) if self.references else self.expected


@dataclass(frozen=True)
class Advice:
    """The lot to measure next, and in words why."""

    lot: str
    why: str


def advise(lots: Sequence[Lot]) -> Advice:
    """The lot whose next cup teaches most.

    A lot that was not measured goes before a second cup of another: errors are judged on lots left out. Of those, the
    one that lies furthest from everything measured, which halves the largest gap that any lot can fill. Then the lot
    with the fewest cups, of these the one in the widest gap.

    Args:
        lots: at least one.
    """
    measured = sorted(d for lot in lots if lot.cups and (d := lot.degree) is not None)
    fresh = [lot for lot in lots if not lot.cups]
    known = [(lot, lot.degree) for lot in fresh if lot.degree is not None]
    if fresh and len(known) < len(fresh) and (not known or measured):
        # one cup of a lot that might lie anywhere tells most of all
        unknown = next(lot for lot in fresh if lot.degree is None)
        return Advice(unknown.name, "nobody knows yet where it lies")
    if known and not measured:
        darkest = min(known, key=lambda one: one[1])
        return Advice(
            darkest[0].name, f"one end of the scale comes first, and it is expected at {darkest[1]:.0f}"
        )
    if known:
        lot, degree = max(known, key=lambda one: min(abs(one[1] - m) for m in measured))
        low, high = neighbours(degree, measured)
        return Advice(lot.name, f"it is expected at {degree:.0f}, {_between(low, high)}")
    fewest = min(lot.cups for lot in lots)
    degrees = {lot.name: lot.degree or 0.0 for lot in lots if lot.cups == fewest}

    def room(name: str) -> float:
        low, high = neighbours(degrees[name], [m for m in measured if m != degrees[name]])
        return min((abs(degrees[name] - end) for end in (low, high) if end is not None), default=0.0)

    name = max(degrees, key=room)
    return Advice(name, f"it has the fewest cups ({fewest}) and lies alone at {degrees[name]:.0f}")


def neighbours(degree: float, measured: Sequence[float]) -> tuple[float | None, float | None]:
    """The nearest measured values below and above, None where there is none."""
    below = [m for m in measured if m <= degree]
    above = [m for m in measured if m > degree]
    return (max(below) if below else None), (min(above) if above else None)


def gap(lots: Sequence[Lot]) -> tuple[float, float] | None:
    """The widest stretch between measured lots that no lot at hand can fill, where it is worth a roast of its own."""
    measured = sorted({d for lot in lots if lot.cups and (d := lot.degree) is not None})
    waiting = [lot.degree for lot in lots if not lot.cups]
    if len(measured) < 3 or None in waiting:
        return None
    steps = np.diff(measured)
    k = int(np.argmax(steps))
    low, high = measured[k], measured[k + 1]
    filled = any(low < degree < high for degree in waiting if degree is not None)
    even = (measured[-1] - measured[0]) / (len(measured) - 1)
    return None if filled or steps[k] < WIDE * even else (low, high)


def _between(low: float | None, high: float | None) -> str:
    if low is None:
        return f"below all that was measured ({high:.0f} is the lowest)"
    if high is None:
        return f"above all that was measured ({low:.0f} is the highest)"
    return f"in the largest gap that a lot of yours can fill ({low:.0f} to {high:.0f})"
