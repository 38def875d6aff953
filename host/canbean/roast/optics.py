"""How much light ground coffee of a roast degree sends back: three models, none of the form of a regressor here.

One latent roast degree describes all arabica roasts (UC Davis, Sci Rep 2025); how reflectance follows from it, and what
the size of the grains does, differs between the models. Their reflectances keep to the published or derived ones of ground,
tamped coffee between degrees 25 and 110 (0.11 to 0.43 at 880 nm, 0.045 to 0.155 at 660 nm, 0.024 to 0.06 at 465 nm);
between and beyond, each goes its own way. A model that reads all three well has not learned one simulator's formula.

* `kubelka-munk`: R = 1 + q - sqrt(q^2 + 2 q) with the ratio q of absorption to scattering (Kubelka and Munk, 1931), which falls
  with the fourth power of a line in the degree. Finer grains scatter more: about 3 points for 100 um.
* `grains`: isotropic multiple scattering, R = (1 - g) / (1 + g), g = sqrt(1 - w) (Hapke, "Bidirectional reflectance spectroscopy 1",
  J. Geophys. Res. 86, 1981); a grain's albedo w is what is left of light that has crossed it, exp(-k d), where k falls exponentially
  with the degree, more steeply where it is dark. Seen through the glass that lies on it: Saunderson's correction (J. Opt. Soc. Am.
  32, 1942). Finer grains absorb less: 3 points for 100 um in the
  infrared, 6 in the red.
* `formulas`: makers' own relations, inverted: the infrared in a straight line (juztins-lab), red to blue as the logarithm
  of the degree (fitted to Tonino's pairs), the red between. Grind changes nothing, as a study of a CR-400 found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

WAVELENGTHS = (465, 525, 615, 660, 880)
"""Nanometres: middle of a colour sensor's blue, green and red, and the two LEDs of a MAX3010x."""
GRAIN_UM = 400.0
"""A fine filter grind; what the models call grain 1."""


class Optics(Protocol):
    """A model."""

    def __call__(self, degree: ArrayLike, grain: ArrayLike = 1.0) -> NDArray[np.float64]:
        """Reflectance 0..1 (n, 5) at `WAVELENGTHS` of coffee of `degree` (n,) with grains `grain` (n,) times the usual size."""


# (a, b) of q = (a + b degree)^-4 at each wavelength, laid through the reflectances at degrees 25 and 110.
_LINES = np.array([(0.435, 0.00157), (0.453, 0.00199), (0.473, 0.00280), (0.487, 0.00296), (0.577, 0.00635)])
_KM_GRAIN = 0.33


def kubelka_munk(degree: ArrayLike, grain: ArrayLike = 1.0) -> NDArray[np.float64]:
    """See the module."""
    d, size = (np.asarray(v, np.float64)[..., None] for v in (degree, grain))
    q = np.maximum(_LINES[:, 0] + _LINES[:, 1] * d, 0.05) ** -4 * size**_KM_GRAIN
    return np.asarray(1 + q - np.sqrt(q * q + 2 * q))


# (k, fall) of a grain's depth k exp(-fall u) with u = degree - 0.0008 degree^2, laid through the same reflectances.
_DEPTHS = np.array([(1.919, 0.00806), (1.791, 0.01045), (1.670, 0.01505), (1.573, 0.01595), (0.970, 0.03063)])
_BEND = 0.0008
_GRAINS_GRAIN = 0.35
_INSIDE = 0.6
"""Share of diffuse light that glass of index 1.5 throws back inside (Saunderson, 1942)."""


def grains(degree: ArrayLike, grain: ArrayLike = 1.0) -> NDArray[np.float64]:
    """See the module."""
    d, size = (np.asarray(v, np.float64)[..., None] for v in (degree, grain))
    depth = _DEPTHS[:, 0] * np.exp(-_DEPTHS[:, 1] * d * (1 - _BEND * d)) * size**_GRAINS_GRAIN
    g = np.sqrt(-np.expm1(-depth))
    bare = (1 - g) / (1 + g)
    return np.asarray((1 - _INSIDE) * bare / (1 - _INSIDE * bare))


def formulas(degree: ArrayLike, grain: ArrayLike = 1.0) -> NDArray[np.float64]:
    """See the module."""
    d, _ = np.broadcast_arrays(np.maximum(np.asarray(degree, np.float64), 10.0), grain)
    infrared = (
        (d + 19.3) / 1.165 - 10.0
    ) / 237.3  # thousands of counts, less a window of 10, to those of white
    red = 0.36 * infrared
    blue = 0.9 * red * 1.373 / (np.log(d) - 0.993)
    return np.stack([blue, np.sqrt(blue * 0.9 * red), 0.9 * red, red, infrared], axis=-1)


OPTICS: Mapping[str, Optics] = {"kubelka-munk": kubelka_munk, "grains": grains, "formulas": formulas}


def named(name: str) -> Optics:
    """An optical model by its name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in OPTICS:
        raise UsageError(f"no optics {name!r}: there are {', '.join(OPTICS)}")
    return OPTICS[name]
