"""A simulated roast meter: no sensor has seen these numbers, and everything made here is named `simulated`.

One latent roast degree per lot, as one colour curve describes all arabica roasts (Sci Rep 2025, UC Davis), then what
separates two meters: the lot's origin, the tamp, the grind, the window, the unit's LEDs and their temperature, 18-bit
counts, and the professional meter's own noise and rounding. Reflectance follows Kubelka and Munk (1931): with the ratio
of absorption to scattering q, R = 1 + q - sqrt(q^2 + 2 q), where q falls with the fourth power of a line in the degree.
The line of each wavelength is laid through the mid-points of the published or derived reflectances of ground coffee
between degrees 25 and 110. No regressor here is of that form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.roast.pairs import SIMULATED, Pairs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CHANNELS = ("red", "infrared", "temperature")
DECIMALS = (0, 0, 4)
FULL_SCALE = (1 << 18) - 1
"""The MAX30102 converts to 18 bits (datasheet, LED pulse 411 us)."""
LIGHTEST, DARKEST = 150.0, 25.0

LINES = {
    # nm: (a, b) of q = (a + b degree)^-4; R(880) 0.11 .. 0.43 and R(660) 0.045 .. 0.155 between degrees 25 and 110.
    660: (0.486, 0.00297),
    880: (0.581, 0.00622),
}


def reflectance(degree: ArrayLike, nanometres: int) -> NDArray[np.float64]:
    """Reflectance 0..1 of ground, tamped coffee of a roast degree on the 0-180 scale (Kubelka and Munk, 1931)."""
    a, b = LINES[nanometres]
    q = np.maximum(a + b * np.asarray(degree, np.float64), 0.05) ** -4
    return np.asarray(1 + q - np.sqrt(q * q + 2 * q))


@dataclass(frozen=True)
class Figures:
    """Standard deviations of what differs between two readings; the middle of what makers report.

    Attributes:
        lot: degrees; origin and process, the same for every cup of a lot.
        lot_spectrum: relative, of each wavelength apart: an origin that is redder than its degree.
        tamp: degrees; a cup emptied and tamped again.
        grind: degrees; a 20 um wander of the burrs at 3 degrees per 100 um.
        counts: rms counts of the converter, after averaging.
        reference: degrees; the professional meter against itself, before it rounds.
        rounding: degrees; the professional meter's last digit.
        ambient: (mean, standard deviation) of the room, degrees Celsius.
        warm_up: degrees Celsius the LEDs add to the die, and
        seconds: the time constant of that rise.
        minute: seconds since power-up at which cups are read, at most.
    """

    lot: float = 1.0
    lot_spectrum: float = 0.004
    tamp: float = 1.0
    grind: float = 0.6
    counts: float = 40.0
    reference: float = 0.7
    rounding: float = 1.0
    ambient: tuple[float, float] = (23.0, 3.0)
    warm_up: float = 4.5
    seconds: float = 22.0
    minute: float = 120.0


@dataclass(frozen=True)
class Unit:
    """One meter as it was soldered together.

    Attributes:
        name: its name, which says that it is simulated.
        gain: counts at reflectance 1 and 25 degrees Celsius, of red and infrared.
        window: counts that come back from the empty window, of red and infrared.
        drift: relative change of each LED per degree Celsius.
        thermometer: degrees Celsius by which the die temperature is read wrong (datasheet: within 1).
    """

    name: str = f"{SIMULATED}-0"
    gain: tuple[float, float] = (236_000.0, 236_000.0)
    window: tuple[float, float] = (10_000.0, 10_000.0)
    drift: tuple[float, float] = (-0.0065, -0.0070)
    thermometer: float = 0.0

    @classmethod
    def drawn(cls, seed: int) -> Unit:
        """A unit of the population: LED gain within 25 %, window 5-25 k counts; seed 0 is the nominal unit."""
        if seed == 0:
            return cls()
        rng = np.random.default_rng([seed, 0x0017])
        gain, window = rng.uniform(0.75, 1.25, 2) * 236_000.0, rng.uniform(5_000.0, 25_000.0, 2)
        return cls(
            name=f"{SIMULATED}-{seed}",
            gain=(float(gain[0]), float(gain[1])),
            window=(float(window[0]), float(window[1])),
            drift=(float(rng.uniform(-0.009, -0.004)), float(rng.uniform(-0.009, -0.005))),
            thermometer=float(rng.uniform(-1.0, 1.0)),
        )

    def counts(
        self, red: NDArray[np.float64], infrared: NDArray[np.float64], celsius: ArrayLike
    ) -> NDArray[np.float64]:
        """Counts (n, 2) before noise, of two reflectances (n,) at the die's true temperature."""
        warm = np.asarray(celsius, np.float64) - 25.0
        both = ((red, infrared), self.gain, self.window, self.drift)
        return np.stack([(w + g * r) * (1 + d * warm) for r, g, w, d in zip(*both, strict=True)], axis=1)


def read_cups(
    degree: ArrayLike, lot: ArrayLike, seed: int, unit: int = 0, figures: Figures | None = None
) -> Pairs:
    """Simulated readings of cups whose true degree is known.

    Args:
        degree: the lots' true roast degrees (lots,).
        lot: which lot each cup is of (n,), 0-based.
        seed: of everything that differs between lots, cups and readings.
        unit: which meter of the population reads them; 0 is the nominal one.
        figures: how much differs.

    Returns:
        Pairs whose `reference` is the true degree (n,), not what a professional meter would say of it.
    """
    f, meter = figures or Figures(), Unit.drawn(unit)
    rng = np.random.default_rng([seed, unit, 0x0CAFE])
    true, group = np.asarray(degree, np.float64), np.asarray(lot, np.int64)
    n = len(group)
    looks = (true + rng.normal(0, f.lot, len(true)))[group]
    looks = looks + rng.normal(0, f.tamp, n) + rng.normal(0, f.grind, n)
    tint = np.exp(rng.normal(0, f.lot_spectrum, (len(true), 2)))[group]
    red, infrared = (reflectance(looks, nm) * tint[:, k] for k, nm in enumerate((660, 880)))
    since = rng.uniform(5.0, f.minute, n)
    celsius = rng.normal(*f.ambient, n) + f.warm_up * (1 - np.exp(-since / f.seconds))
    counts = meter.counts(red, infrared, celsius) + rng.normal(0, f.counts, (n, 2))
    die = np.rint((celsius + meter.thermometer) * 16) / 16  # the die temperature comes in sixteenths
    return Pairs(
        name=f"{SIMULATED} pairs",
        lots=tuple(f"{SIMULATED}-lot-{k + 1}" for k in range(len(true))),
        lot=group,
        reference=true[group],
        channel_names=CHANNELS,
        channels=np.column_stack([np.clip(np.rint(counts), 0, FULL_SCALE), die]),
        decimals=DECIMALS,
        cup=tuple(str(k + 1) for k in range(n)),
        unit=(meter.name,) * n,
    )


def pairs(
    n_lots: int = 20, cups_per_lot: int = 3, seed: int = 0, unit: int = 0, figures: Figures | None = None
) -> Pairs:
    """Simulated pairs: lots spread over the scale, cups tamped apart, each with a professional meter's value.

    Args:
        n_lots: how many roasts, spread evenly over degrees 25-150 with some wander.
        cups_per_lot: how many cups of each.
        seed: of everything.
        unit: which meter of the population reads them; 0 is the nominal one.
        figures: how much differs.
    """
    f = figures or Figures()
    rng = np.random.default_rng([seed, 0x9A175])
    step = (LIGHTEST - DARKEST) / n_lots
    degree = DARKEST + step * (np.arange(n_lots) + rng.uniform(0, 1, n_lots))
    lot = np.repeat(np.arange(n_lots), cups_per_lot)
    readings = read_cups(rng.permutation(degree), lot, seed, unit, f)
    said = readings.reference + rng.normal(0, f.reference, len(lot))
    return replace(readings, reference=np.rint(said / f.rounding) * f.rounding)


def cups(n: int, seed: int = 0, unit: int = 0, figures: Figures | None = None) -> Pairs:
    """Fresh simulated cups, each of a lot of its own, between degrees 30 and 145; `reference` is the true degree."""
    degree = np.random.default_rng([seed, 0xF2E54]).uniform(DARKEST + 5, LIGHTEST - 5, n)
    return read_cups(degree, np.arange(n), seed, unit, figures)
