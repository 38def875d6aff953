"""Readings of one cup: their middle, their spread, and whether they rise or fall."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from canbean.roast.reading import Reading

LAST = 12
"""Readings that a trend is made of."""
LEAST = 4
STEADY = 1.0
"""Points between the earlier and the later half below which a value is steady."""
ANOTHER = 8.0
"""Points from the middle of the readings before beyond which another cup lies there."""
EMPTY = "empty"


@dataclass(frozen=True)
class Summary:
    """What the readings of this cup say together.

    Attributes:
        count: readings that gave a number.
        median: of the last of them, None before the first.
        spread: their standard deviation, None before the second.
        lowest, highest: of all of them.
        direction: `steady`, `rising` or `falling`; `""` while they are too few.
    """

    count: int
    median: float | None
    spread: float | None
    lowest: float | None
    highest: float | None
    direction: str

    def as_json(self) -> dict[str, object]:
        """By name."""
        return dict(vars(self))


class Trend:
    """Follows readings; an empty window or a value far off begins anew."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._last: deque[float] = deque(maxlen=LAST)
        self._count = 0
        self._lowest: float | None = None
        self._highest: float | None = None

    def add(self, reading: Reading) -> Summary:
        """Take a reading; what all of this cup's say together."""
        value = reading.value
        if reading.quality == EMPTY:
            self._begin()
        if value is not None:
            if self._last and abs(value - float(np.median(self._last))) > ANOTHER:
                self._begin()
            self._last.append(value)
            self._count += 1
            self._lowest = value if self._lowest is None else min(self._lowest, value)
            self._highest = value if self._highest is None else max(self._highest, value)
        return self.summary()

    def summary(self) -> Summary:
        """What the readings so far say together."""
        last = np.array(self._last)
        return Summary(
            count=self._count,
            median=float(np.median(last)) if len(last) else None,
            spread=float(np.std(last, ddof=1)) if len(last) > 1 else None,
            lowest=self._lowest,
            highest=self._highest,
            direction=_direction(last) if len(last) >= LEAST else "",
        )


def _direction(last: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    half = len(last) // 2
    step = float(np.median(last[-half:]) - np.median(last[:half]))
    if abs(step) < STEADY:
        return "steady"
    return "rising" if step > 0 else "falling"
