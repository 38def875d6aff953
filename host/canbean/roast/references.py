"""What a meter is calibrated on: surfaces that anyone can buy or print, with their reflectance and how sure it is.

The absolute value of a reference matters little: a model learns from pairs whatever scale of reflectance its first unit was given. What
moves a value from unit to unit is that their references differ, so every unit is best calibrated on pieces of one sheet, and white is
laid on twelve times, four pieces in turn at other spots. Nothing here depends on the thickness of a heap of powder: a solid is as thick as its label says.

The window with nothing above it is the third reference and the surest: in the dark nothing comes back but what the window itself sends.

Sources. PTFE sheet: 92.5 to 94.5 % at 450 nm for 5 to 10 mm, up to 2.7 % apart within one piece (Contreras et al., "Dependence of
polytetrafluoroethylene reflectance on thickness at visible and ultraviolet wavelengths in air", arXiv); little change to 900 nm in pressed PTFE
(NIST). PTFE film lets through more at longer wavelengths, and needs 0.5 mm to be above 95 % at 380 to 500 nm (Janecek, "Reflectivity spectra for
commonly used reflectors", IEEE Trans. Nucl. Sci. 59, 2012). Black: the patch of the ColorChecker is L* 20.5, 3.1 % in the visible; solid
carbon toner is 1.3 to 1.5 of density. Both are judged, not measured, at 880 nm. Many blacks are dyed and light grey beyond 720 nm: flock
papers for telescopes among them (T. Benedict, scans for SPIE 2016), which is why the infrared of a black is checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Reference:
    """A surface of known reflectance.

    Attributes:
        name: how it is called on the command line.
        what: what to buy or to do, in words.
        percent: reflectance at `optics.WAVELENGTHS`, in percent (5,).
        spread: standard deviation between two pieces of it, in percent of reflectance.
        sure: how sure the figures are, in words.
    """

    name: str
    what: str
    percent: tuple[float, ...]
    spread: float
    sure: str

    def channels(self, bands: NDArray[np.float64]) -> NDArray[np.float64]:
        """Percent in each channel (c,) of a sensor with these shares of the wavelengths (c, 5)."""
        return np.asarray(bands @ np.array(self.percent))


WHITES: Mapping[str, Reference] = {
    r.name: r
    for r in (
        Reference(
            "ptfe-sheet",
            "four pieces of one white PTFE sheet, 10 mm thick, sanded matt with P400 paper, on a white card",
            (93.5, 94.0, 94.0, 94.0, 93.5),
            0.8,
            "published at 450 nm, judged to 880 nm",
        ),
        Reference(
            "ptfe-tape",
            "four pieces of white PTFE thread tape, 20 layers wound flat (1.5 mm or more), on a white card",
            (96.0, 95.0, 94.0, 93.5, 91.0),
            1.5,
            "published for films of 0.5 mm to 500 nm, judged to 880 nm",
        ),
    )
}
BLACKS: Mapping[str, Reference] = {
    r.name: r
    for r in (
        Reference(
            "toner",
            "a solid black printed twice on one sheet by a laser printer (carbon toner, no ink)",
            (4.5, 4.5, 4.5, 4.5, 5.0),
            1.5,
            "from its density, judged at 880 nm",
        ),
        Reference(
            "colorchecker",
            "the black patch of a ColorChecker Classic",
            (3.1, 3.1, 3.1, 3.1, 3.5),
            1.0,
            "published in the visible, judged at 880 nm",
        ),
    )
}
NOTHING = Reference(
    "empty",
    "the clean window, nothing above it within 30 cm, out of the light",
    (0.0,) * 5,
    0.1,
    "nothing comes back: what is left is stray light",
)
RED_EDGE = 1.3
"""Ground coffee of any roast sends back over twice as much at 880 nm as at 660 nm: below this ratio the LEDs are swapped or
it is no coffee; above it they are not."""


def white(name: str) -> Reference:
    """A white reference by its name.

    Raises:
        UsageError: there is none of that name.
    """
    return _of(WHITES, name, "white")


def black(name: str) -> Reference:
    """A black reference by its name.

    Raises:
        UsageError: there is none of that name.
    """
    return _of(BLACKS, name, "black")


def _of(known: Mapping[str, Reference], name: str, kind: str) -> Reference:
    if name not in known:
        raise UsageError(f"no {kind} reference {name!r}: there are {', '.join(known)}")
    return known[name]
