"""Simulated meters: sensors as they are soldered together, no two alike.

Figures of the MAX3010x are from what makers report of it, at an LED current of 20 mA: 27 mA, at which others run it, would bring a
unit whose LED is a quarter brighter than usual past 18 bits on a white reference. Those of the colour sensors are judgements: a
white LED, a converter that is half full on white, a thermometer on neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import UsageError
from canbean.roast.pairs import SIMULATED
from canbean.roast.sampling import SAMPLES, middle, spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

USUAL = 25.0
"""Degrees Celsius at which a unit's gain is given."""


@dataclass(frozen=True)
class Sensor:
    """A kind of sensor.

    Attributes:
        name: of its driver.
        channels: names of its light channels.
        bands: share of each of `optics.WAVELENGTHS` in each channel (c, 5); a row adds up to 1.
        full: counts of a saturated sample.
        gain: counts of each channel at reflectance 1, of the usual unit (c,).
        window: least and most of what the empty window sends back: counts, or a share of the gain where the light is one LED's.
        drift: least and most relative change per degree Celsius of each channel's LED (c, 2).
        one_led: whether all channels look at the light of one LED.
        noise: rms of a sample, in counts and as a share of the counts.
        thermometer: whether it measures its own temperature.
        cancels: whether it takes away ambient light itself.
        warm_up: least and most degrees Celsius that the LED adds, and
        seconds: the time constant of that rise.
    """

    name: str
    channels: tuple[str, ...]
    bands: tuple[tuple[float, ...], ...]
    full: int
    gain: tuple[float, ...]
    window: tuple[float, float]
    drift: tuple[tuple[float, float], ...]
    one_led: bool
    noise: tuple[float, float]
    thermometer: bool
    cancels: bool
    warm_up: tuple[float, float] = (3.0, 6.0)
    seconds: tuple[float, float] = (15.0, 30.0)


_COLOUR = ("red", "green", "blue", "clear")
SENSORS: Mapping[str, Sensor] = {
    s.name: s
    for s in (
        Sensor(
            "max3010x",
            ("red", "infrared"),
            ((0, 0, 0, 1, 0), (0, 0, 0, 0, 1)),
            full=(1 << 18) - 1,
            gain=(175_000.0, 175_000.0),
            window=(5_000.0, 25_000.0),
            drift=((-0.009, -0.004), (-0.009, -0.005)),
            one_led=False,
            noise=(80.0, 0.0),
            thermometer=True,
            cancels=True,
        ),
        Sensor(
            "tcs34725",
            _COLOUR,
            (
                (0.02, 0.08, 0.9, 0, 0),
                (0.1, 0.8, 0.1, 0, 0),
                (0.8, 0.15, 0.05, 0, 0),
                (0.25, 0.35, 0.4, 0, 0),
            ),
            full=43_008,
            gain=(7_000.0, 8_000.0, 5_000.0, 21_000.0),
            window=(0.02, 0.10),
            drift=((-0.003, -0.001),) * 4,
            one_led=True,
            noise=(1.0, 0.002),
            thermometer=False,
            cancels=False,
        ),
        Sensor(
            "tcs3200",
            _COLOUR,
            (
                (0.05, 0.1, 0.85, 0, 0),
                (0.2, 0.65, 0.15, 0, 0),
                (0.65, 0.2, 0.15, 0, 0),
                (0.3, 0.35, 0.35, 0, 0),
            ),
            full=65_535,
            gain=(9_000.0, 7_000.0, 8_000.0, 24_000.0),
            window=(0.02, 0.10),
            drift=((-0.003, -0.001),) * 4,
            one_led=True,
            noise=(1.0, 0.003),
            thermometer=False,
            cancels=False,
        ),
    )
}


def sensor(name: str) -> Sensor:
    """A kind of sensor by its driver's name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in SENSORS:
        raise UsageError(f"no sensor {name!r}: there are {', '.join(SENSORS)}")
    return SENSORS[name]


@dataclass(frozen=True)
class Unit:
    """One meter as it was soldered together.

    Attributes:
        sensor: its kind.
        name: its name, which says that it is simulated.
        gain: counts at reflectance 1 and 25 degrees Celsius (c,).
        window: counts that come back from the empty window there (c,).
        drift: relative change of each channel's LED per degree Celsius (c,).
        thermometer: degrees Celsius by which the die is read wrong (datasheet: within 1), and
        degree: what the thermometer makes of one degree.
        warm_up: degrees Celsius that the LEDs add to the die, and
        seconds: the time constant of that rise.
        dirt: reflectance 0..1 of what lies on the window.
        swapped: a clone whose two LEDs are soldered the other way round.
    """

    sensor: Sensor
    name: str
    gain: tuple[float, ...]
    window: tuple[float, ...]
    drift: tuple[float, ...]
    thermometer: float = 0.0
    degree: float = 1.0
    warm_up: float = 4.5
    seconds: float = 22.0
    dirt: float = 0.0
    swapped: bool = False

    @classmethod
    def drawn(cls, seed: int, kind: str = "max3010x") -> Unit:
        """A unit of the population: gains within 25 %, the rest within its kind's ranges; seed 0 is the usual unit."""
        s = sensor(kind)
        many = len(s.channels)
        if seed == 0:
            usual = tuple(sum(s.window) / 2 * (g if s.one_led else 1.0) for g in s.gain)
            return cls(s, f"{SIMULATED}-0", s.gain, usual, tuple(sum(ends) / 2 for ends in s.drift))
        rng = np.random.default_rng([seed, 0x0017])
        gain = rng.uniform(0.75, 1.25, many) * s.gain
        window = rng.uniform(*s.window, many)
        drift = np.array([rng.uniform(*ends) for ends in s.drift])
        if s.one_led:
            # one LED for all: it is bright or dim for all, and the filters differ less
            gain = rng.uniform(0.75, 1.25) * rng.uniform(0.95, 1.05, many) * s.gain
            window, drift = rng.uniform(*s.window) * gain, np.full(many, drift[0])
        return cls(
            s,
            f"{SIMULATED}-{seed}",
            tuple(gain.tolist()),
            tuple(window.tolist()),
            tuple(drift.tolist()),
            thermometer=float(rng.uniform(-1.0, 1.0)),
            degree=float(rng.uniform(0.98, 1.02)),
            warm_up=float(rng.uniform(*s.warm_up)),
            seconds=float(rng.uniform(*s.seconds)),
        )

    def counts(self, light: ArrayLike, celsius: ArrayLike) -> NDArray[np.float64]:
        """Counts (n, c) without noise, of reflectances of each channel (n, c) at the die's true temperature (n,)."""
        warm = np.asarray(celsius, np.float64)[..., None] - USUAL
        seen = np.asarray(light, np.float64) + self.dirt
        found = (np.array(self.window) + np.array(self.gain) * seen) * np.exp(np.array(self.drift) * warm)
        return np.asarray(found[..., ::-1] if self.swapped else found)

    def celsius16(self, celsius: ArrayLike) -> NDArray[np.int64] | None:
        """What the die's thermometer says, 1/16 degrees (n,); None where there is none."""
        if not self.sensor.thermometer:
            return None
        read = USUAL + (np.asarray(celsius, np.float64) - USUAL) * self.degree + self.thermometer
        return np.rint(read * 16).astype(np.int64)

    def die(self, ambient: ArrayLike, since: ArrayLike) -> NDArray[np.float64]:
        """Temperature of the die, `since` seconds after the LEDs were switched on in a room of `ambient` degrees Celsius."""
        rise = self.warm_up * -np.expm1(-np.asarray(since, np.float64) / self.seconds)
        return np.asarray(np.asarray(ambient, np.float64) + rise)


@dataclass(frozen=True, eq=False)
class Measured:
    """Readings as a meter makes them of its samples: counts, dark and spread (n, c), 1/16 degrees (n,) or None."""

    counts: NDArray[np.int64]
    dark: NDArray[np.int64]
    spread: NDArray[np.int64]
    celsius16: NDArray[np.int64] | None


def measure(
    unit: Unit,
    light: NDArray[np.float64],
    celsius: NDArray[np.float64],
    rng: np.random.Generator,
    ambient: ArrayLike = 0.0,
) -> Measured:
    """Readings of a unit: the middle of its samples, less the dark one where the chip does not take it away itself.

    Args:
        unit: the meter.
        light: reflectances of its channels, 0..1: (n, c) of what lies still, (n, SAMPLES, c) of what moves meanwhile.
        celsius: true temperature of the die (n,).
        rng: of the noise.
        ambient: light from outside, as reflectances of the channels would send it back, broadcast to (n, c).
    """
    s = unit.sensor
    still = light[:, None, :] if light.ndim == 2 else light
    clean = unit.counts(still, celsius[:, None])
    clean = np.broadcast_to(clean, (len(light), SAMPLES, len(s.channels)))
    outside = np.zeros((len(light), len(s.channels))) + np.asarray(ambient) * np.array(unit.gain)
    beside = 0 if s.cancels else outside[:, None, :]

    def converted(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        noisy = counts + rng.normal(0, 1, counts.shape) * (s.noise[0] + s.noise[1] * counts)
        return np.clip(np.rint(noisy), 0, s.full)

    lit = np.moveaxis(converted(clean + beside), 1, -1)
    dark = np.zeros(outside.shape) if s.cancels else outside
    dark = converted(dark).astype(np.int64)
    counts = middle(lit)
    return Measured(counts if s.cancels else counts - dark, dark, spread(lit), unit.celsius16(celsius))


def seen(kind: Sensor, reflectance: ArrayLike) -> NDArray[np.float64]:
    """Reflectances of the channels (n, c), of those at `optics.WAVELENGTHS` (n, 5)."""
    return np.asarray(np.asarray(reflectance, np.float64) @ np.array(kind.bands).T)
