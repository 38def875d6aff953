"""What stands between a lot's degree and what two meters see of a cup of it: simulated, from what others report.

A pair is one dish, prepared once and looked at by both meters. The degree of a lot is what a perfect professional meter would say
of it, ground and tamped as usual. Then:

* common to both: how fine this cup was ground; the professional meter answers to it as `slope` says, ours as its optics do.
  And how densely it was tamped: `common` of the variance of a re-tamp.
* ours alone: what the origin and process of the lot look like to our wavelengths (`lot`, and `tint` for each wavelength), and the
  rest of a re-tamp: the few square millimetres of the dish that lie on our window, with or without chaff or a quaker.
* the professional's alone: its own repeatability (`reference`), its own spot of the dish included, and its last digit.

So with everything else perfect, the two values of a cup still differ, by 1.7 points rms in the middle of what is reported, 1.2 at its
least and 2.2 at its most, and a little more where grind shows otherwise in the two. No model and no calibration can do anything about that; reading a cup
more than once can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import UsageError
from canbean.roast.optics import GRAIN_UM, WAVELENGTHS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from canbean.roast.optics import Optics


@dataclass(frozen=True)
class Figures:
    """Standard deviations of what differs between two readings.

    Attributes:
        lot: degrees; origin and process, the same for every cup of a lot.
        tint: relative, of each wavelength apart: an origin that is redder than its degree.
        tamp: degrees; a cup emptied and tamped again, and
        common: the share of its variance that the professional meter sees as well, on the same dish.
        grind_um: micrometres by which the burrs wander from cup to cup.
        slope: degrees by which 100 um finer grains raise the professional meter's value.
        reference: degrees; the professional meter against itself, before it rounds.
        rounding: degrees; the professional meter's last digit.
    """

    lot: float = 1.25
    tint: float = 0.004
    tamp: float = 1.0
    common: float = 0.5
    grind_um: float = 20.0
    slope: float = 3.0
    reference: float = 0.75
    rounding: float = 1.0


FIGURES: Mapping[str, Figures] = {
    "least": Figures(lot=1.0, tamp=0.5, reference=0.5),
    "middle": Figures(),
    "most": Figures(lot=1.5, tamp=1.5, reference=1.0),
}
QUIET = Figures(lot=0, tint=0, tamp=0, grind_um=0, reference=0, rounding=0)
"""Nothing differs."""


def named(name: str) -> Figures:
    """What differs, by the name of how much.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in FIGURES:
        raise UsageError(f"no noise {name!r}: there are {', '.join(FIGURES)}")
    return FIGURES[name]


@dataclass(frozen=True, eq=False)
class Cups:
    """Cups as both meters see them.

    Attributes:
        reflectance: 0..1 at `optics.WAVELENGTHS`, (n, 5).
        degree: what a perfect professional meter would say of each cup as it is ground and tamped (n,).
        reference: what the professional meter says (n,).
    """

    reflectance: NDArray[np.float64]
    degree: NDArray[np.float64]
    reference: NDArray[np.float64]


def prepare(
    degree: ArrayLike, lot: ArrayLike, optics: Optics, figures: Figures, rng: np.random.Generator
) -> Cups:
    """Cups of lots.

    Args:
        degree: of the lots (lots,).
        lot: which lot each cup is of (n,), 0-based.
        optics: what our sensor's light meets.
        figures: how much differs.
        rng: of all that differs.
    """
    f, lots, group = figures, np.asarray(degree, np.float64), np.asarray(lot, np.int64)
    n = len(group)
    origin, tint = rng.normal(0, f.lot, len(lots)), rng.normal(0, f.tint, (len(lots), len(WAVELENGTHS)))
    dense, spot = rng.normal(0, f.tamp, (2, n)) * np.sqrt([[f.common], [1 - f.common]])
    coarser, again = rng.normal(0, f.grind_um, n), rng.normal(0, f.reference, n)
    # a sieve passes no negative grains, however the burrs wander
    grain = np.maximum(1 + coarser / GRAIN_UM, 0.25)
    light = optics((lots + origin)[group] + dense + spot, grain) * np.exp(tint)[group]
    true = lots[group] + dense - f.slope * coarser / 100
    said = true + again
    return Cups(light, true, np.rint(said / f.rounding) * f.rounding if f.rounding else said)
