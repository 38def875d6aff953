"""Which of the fitted models a meter gets: error first, then that it never falls, then what it takes of the board.

The rule, which `roast fit` prints, of the models within the board's milliseconds: the blend, if it never falls on the path
(`canbean.roast.monotone`) and is within two standard errors of the least error on lots left out. What its members have learned of
chance differs and partly cancels, while the least of a dozen errors is itself partly luck. Who is blended is in `canbean.roast.blending`:
the square and the cube of the light, unless a blend of all curves is better by more than chance. Else all that are within one standard error of
the least, since with some tens of pairs so small a difference is chance (Breiman et al., "Classification and Regression Trees", 1984,
section 3.4.3); if one of these never falls, only those; of them the one of the fewest bytes, for a larger model is the likelier one to
have learned that chance. With a single channel the best of those that never fall, always and by error alone: curves of one variable
cost alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.roast import measures
from canbean.roast.regressors import BLEND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BOARD_MS = 50.0
RULE = (
    f"within {BOARD_MS:g} ms on the board the blend, if it never falls and is within two standard errors of the least error on lots left "
    "out; else of those within one standard error the fewest bytes, one that never falls if there is one (with one channel: the least "
    "error of those that never fall). The blend is of quadratic and cubic, one curve that bends less than the cubic; or of all curves, where "
    "that has less error by more than a standard error of the difference"
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
        spread = measures.deviation(square, lot)
        return cls(name, rmse, spread / (2 * rmse) if rmse else 0.0, monotone, size)


def choose(candidates: Sequence[Candidate], *, one_channel: bool) -> str:
    """The name of the model that the rule chooses; of equals the first by name."""
    order = sorted(candidates, key=lambda c: (c.rmse, c.size, c.name))
    rising = [c for c in order if c.monotone]
    if one_channel:
        return (rising or order)[0].name
    least = order[0]
    if any(c.name == BLEND and c.rmse <= least.rmse + 2 * least.deviation for c in rising):
        return BLEND
    near = [c for c in order if c.rmse <= least.rmse + least.deviation]
    near = [c for c in near if c.monotone] or near
    return min(near, key=lambda c: (c.size, c.rmse, c.name)).name
