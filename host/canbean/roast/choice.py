"""Which of the fitted models a meter gets: error first, then that it never falls, then what it takes of the board.

The rule, which `roast fit` prints: of the models within the board's milliseconds, the one of the least error on lots
left out; where that falls somewhere on the path (`canbean.roast.monotone`) and one that never falls is within one
standard error of it, the best of those (the one-standard-error rule: Breiman et al., "Classification and Regression
Trees", 1984, section 3.4.3); and of those within 5 % the one of the fewest bytes: with some tens of pairs so small a
difference is chance, and the larger model the likelier one to have learned it. With a single channel the best of those
that never fall, always and by error alone: curves of one variable cost alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NEAR = 1.05
BOARD_MS = 50.0
RULE = (
    f"least error on lots left out, within {BOARD_MS:g} ms on the board; one that never falls if it is within one standard "
    "error of that; of those within 5 % the fewest bytes (with one channel: the least error of those that never fall)"
)


@dataclass(frozen=True)
class Candidate:
    """A model to choose among.

    Attributes:
        name: of its family.
        rmse: root of the mean squared error on lots left out.
        deviation: standard error of `rmse`, from how much lots differ.
        monotone: it never falls on the path.
        size: bytes.
    """

    name: str
    rmse: float
    deviation: float
    monotone: bool
    size: int

    @classmethod
    def of(
        cls, name: str, error: NDArray[np.float64], lot: NDArray[np.int64], *, monotone: bool, size: int
    ) -> Candidate:
        """From the errors (n,) of rows of held-out lots (n,)."""
        square = error**2
        rmse = float(np.sqrt(square.mean()))
        rows = np.bincount(lot)
        share = np.bincount(lot, square - square.mean())[rows > 0] / len(lot)
        lots = len(share)
        spread = float(np.sqrt(np.sum(share**2) * lots / max(lots - 1, 1)))
        return cls(name, rmse, spread / (2 * rmse) if rmse else 0.0, monotone, size)


def choose(candidates: Sequence[Candidate], *, one_channel: bool) -> str:
    """The name of the model that the rule chooses; of equals the first by name."""
    order = sorted(candidates, key=lambda c: (c.rmse, c.size, c.name))
    best = order[0]
    rising = [c for c in order if c.monotone]
    if not best.monotone and rising and (one_channel or rising[0].rmse <= best.rmse + best.deviation):
        order, best = rising, rising[0]
    if one_channel:
        return best.name
    near = [c for c in order if c.rmse <= NEAR * best.rmse and (c.monotone or not best.monotone)]
    return min(near, key=lambda c: (c.size, c.rmse, c.name)).name
