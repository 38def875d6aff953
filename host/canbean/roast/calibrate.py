"""From readings of references to a unit's calibration, or to one line that says what was done wrong.

1. The LED's coefficient: on white, while the sensor warms up after it was switched on, the logarithm of the counts falls in a
   straight line with the die's temperature. Nothing but the sensor moves, so the tile's reflectance does not matter.
2. Zero and gain: R = gain (n - zero), weighted least squares over the references, each weighing as it is sure: the empty window
   settles zero, white settles gain, black has little to say and is there to be checked.
3. Which LED is which cannot be told from white, black and empty: they are grey, and LEDs differ by 25 % from unit to unit. Ground coffee of any
   roast can tell: at 880 nm it sends back more than twice what it does at 660 nm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import CalibrationError
from canbean.roast.calibration import UNIT, Calibration, Channel
from canbean.roast.references import NOTHING, RED_EDGE

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


NOMINAL: Mapping[str, tuple[float, ...]] = {"max3010x": (-0.0065, -0.007)}
"""Relative change per degree Celsius of each channel where it cannot be measured: the middle of what is published."""
ALPHA = (-0.012, 0.001)
"""No LED of these changes by more per degree: what does is a tile that moved."""
WHITES, PIECES = 12, 4
"""Times that white is laid on, and pieces of it that are, in turn, each at another spot: these differ by more than anything else here."""
RISE = 1.5
"""Degrees Celsius that the die must warm up for a coefficient: its thermometer has steps of a sixteenth."""
SCATTER = 0.004
"""Relative, rms: readings of a tile that lies still are nearer to the line than this."""
FADED = 0.15
"""Relative: 30 degrees change a white LED by 9 % at most."""
SPOTS = 0.05
"""Relative: spots of one sheet differ by 2.7 % at most, and a sensor without a thermometer fades by 1 % as it warms."""


@dataclass(frozen=True, eq=False)
class Series:
    """Readings one after another of something that lies still.

    Attributes:
        counts: of each channel, (k, c).
        celsius16: of the die, 1/16 degrees (k,); None where there is no thermometer.
    """

    counts: NDArray[np.float64]
    celsius16: NDArray[np.float64] | None

    @classmethod
    def of(cls, counts: ArrayLike, celsius16: ArrayLike | None) -> Series:
        """From whatever holds numbers."""
        t = None if celsius16 is None else np.asarray(celsius16, np.float64)
        return cls(np.atleast_2d(np.asarray(counts, np.float64)), t)


@dataclass(frozen=True)
class Known:
    """A series on a surface of known reflectance: percent of each channel (c,), and how sure, in percent."""

    name: str
    series: Series
    percent: NDArray[np.float64]
    spread: float


def coefficients(warming: Series, names: Sequence[str]) -> tuple[float, ...] | None:
    """Relative change of each LED per degree Celsius (c,), from a tile that lies still while the sensor warms up.

    Returns:
        None if the temperature rose too little to tell.

    Raises:
        CalibrationError: something else moved meanwhile.
    """
    if warming.celsius16 is None or np.ptp(warming.celsius16) < 16 * RISE:
        return None
    if (warming.counts <= 0).any():
        raise CalibrationError("white: a channel sees no light: is the sensor wired and its LED on?")
    t, n = warming.celsius16 / 16, np.log(warming.counts)
    slopes = []
    for name, column in zip(names, n.T, strict=True):
        slope, level = np.polyfit(t - t.mean(), column, 1)
        rest = float(np.std(column - slope * (t - t.mean()) - level))
        if rest > SCATTER or not ALPHA[0] <= slope <= ALPHA[1]:
            raise CalibrationError(
                f"white: {name} changed by {100 * slope:.2f} % per degree and scattered by {100 * rest:.2f} % while the sensor "
                "warmed up: the tile moved, or light came in: let it lie and begin again"
            )
        slopes.append(float(slope))
    return tuple(slopes)


def line(
    counts: NDArray[np.float64], percent: NDArray[np.float64], spread: NDArray[np.float64]
) -> tuple[float, float]:
    """Zero (counts) and gain (percent a count) of R = gain (n - zero) through references.

    Args:
        counts: of each reference (k,).
        percent: what it reflects (k,).
        spread: how sure that is, in percent (k,); a reference weighs by its inverse square.

    Raises:
        CalibrationError: what reflects more does not read more.
    """
    weight = 1 / spread
    table = np.stack([counts, np.ones(len(counts))], axis=1)
    gain, level = np.linalg.lstsq(table * weight[:, None], percent * weight, rcond=None)[0]
    if not (np.isfinite(gain) and gain > 0):
        raise CalibrationError(
            "what reflects more reads less: the references were taken in another order: begin again"
        )
    return float(-level / gain), float(gain)


def fit(  # noqa: PLR0917 - a calibration is all of these
    unit: str,
    date: dt.date,
    names: Sequence[str],
    empty: Series,
    known: Sequence[Known],
    warming: Series | None,
    nominal: Sequence[float],
) -> Calibration:
    """A unit's calibration.

    Args:
        unit: its name.
        date: of today.
        names: of its light channels (c,).
        empty: readings of the clean empty window.
        known: readings of surfaces of known reflectance, the same one several times where it was laid on anew.
        warming: readings of one of them while the sensor warmed up.
        nominal: relative change of each LED per degree Celsius where it cannot be measured (c,).

    Raises:
        CalibrationError: the readings cannot be those of what they are said to be.
    """
    if not UNIT.fullmatch(unit):
        raise CalibrationError(f"unit {unit!r}: a name has letters, digits, '.', '_' and '-', 24 at most")
    alpha = (warming and coefficients(warming, names)) or tuple(nominal)
    warmth = [s.celsius16 for s in (empty, *(k.series for k in known)) if s.celsius16 is not None]
    at = round(float(np.median(np.concatenate(warmth)))) if warmth else None
    none = brought(empty, alpha, at)
    seen = [brought(k.series, alpha, at) for k in known]
    channels = []
    for c, name in enumerate(names):
        _order(
            name,
            float(none[c]),
            [(k.name, float(k.percent[c]), float(n[c])) for k, n in zip(known, seen, strict=True)],
        )
        counts = np.array([none[c], *(n[c] for n in seen)])
        percent = np.array([0.0, *(k.percent[c] for k in known)])
        spread = np.array([NOTHING.spread, *(k.spread for k in known)])
        zero, gain = line(counts, percent, spread)
        _believable(
            name, gain * (counts - zero), percent, spread, ["the empty window", *(k.name for k in known)]
        )
        channels.append(Channel.of(zero, gain, alpha[c], max(float(none[c]), 0.0)))
    return Calibration(date, unit, at, tuple(channels))


def brought(series: Series, alpha: Sequence[float], at: int | None) -> NDArray[np.float64]:
    """Median counts (c,) of a series, brought to the temperature `at` (1/16 degrees)."""
    n = series.counts
    if at is not None and series.celsius16 is not None:
        n = n * np.exp(np.array(alpha) * (at - series.celsius16[:, None]) / 16)
    return np.asarray(np.median(n, axis=0))


def _believable(
    name: str,
    said: NDArray[np.float64],
    percent: NDArray[np.float64],
    spread: NDArray[np.float64],
    what: Sequence[str],
) -> None:
    """Check that every reference reads what it should, as sure as it is."""
    for k in np.flatnonzero(np.abs(said - percent) > 5 * spread).tolist():
        cure = "another surface, or a dirty one or window: clean both and begin again"
        if 0 < percent[k] < 20 and said[k] > percent[k]:
            cure = "many blacks are dyed and bright in the infrared: take a carbon black, such as laser toner"
        raise CalibrationError(
            f"{what[k]}: {name} is {said[k]:.1f} %, {percent[k]:.1f} were expected: {cure}"
        )


def again(before: Calibration, date: dt.date, names: Sequence[str], whites: Sequence[Known]) -> Calibration:
    """A calibration brought up to date by its white alone: for a room of another temperature where there is no thermometer, or older LEDs.

    What changed is how bright the LEDs are: n = f (zero + R / gain), so f follows from each white, whose mean is taken.

    Args:
        before: the calibration, made on the same white.
        date: of today.
        names: of its light channels (c,).
        whites: readings of it, laid on anew each.

    Raises:
        CalibrationError: the LEDs would have changed by more than they do.
    """
    if len(before.channels) != len(names):
        raise CalibrationError(
            f"the calibration has {len(before.channels)} channels, the sensor {len(names)}: calibrate from the beginning"
        )
    found = []
    for known in whites:
        t = known.series.celsius16
        milli = before.apply(np.rint(known.series.counts), None if t is None else np.rint(t))
        found.append((milli.mean(axis=0) / 1000 + before.offset) / (known.percent + before.offset))
    share = np.mean(found, axis=0)
    for name, f in zip(names, share.tolist(), strict=True):
        if abs(f - 1) > FADED:
            raise CalibrationError(
                f"white: {name} reads {100 * f:.0f} % of what it did: this is not the white of its calibration, it does not lie flat, "
                "or the LED is worn: calibrate from the beginning"
            )
    return before.dimmed(share.tolist(), date)


def _order(name: str, none: float, known: Sequence[tuple[str, float, float]]) -> None:
    """Check that what reflects more reads more, and that one surface laid on again reads the same."""
    for what, percent, n in known:
        if n <= none:
            raise CalibrationError(
                f"{what}: {name} reads {n:.0f}, no more than the empty window ({none:.0f}): nothing lay on it, or the empty "
                "window was not empty: begin again"
            )
        for other, more, n2 in known:
            if more > percent + 5 and n2 <= n:
                raise CalibrationError(
                    f"{name}: {what} reads {n:.0f} and {other} {n2:.0f}: they were taken for each other: begin again"
                )
            if (
                more == percent
                and other == what
                and abs(n2 - n) > SPOTS * (max(n, n2) - none)
                and percent > 20
            ):
                raise CalibrationError(
                    f"{what}: {name} reads {n:.0f} and, laid on again, {n2:.0f}: it did not lie flat on the window: begin again"
                )


def swapped(calibration: Calibration, coffee: Series, names: Sequence[str]) -> bool:
    """Whether the two LEDs of a MAX3010x clone are soldered the other way round, told by ground coffee of any roast.

    Raises:
        CalibrationError: it is no coffee.
    """
    if tuple(names) != ("red", "infrared"):
        return False
    t = coffee.celsius16
    milli = calibration.apply(np.rint(coffee.counts), None if t is None else np.rint(t))
    red, infrared = (float(v) for v in np.median(milli, axis=0))
    if min(red, infrared) < 2000 or max(red, infrared) > 75_000 or 1 / RED_EDGE < infrared / red < RED_EDGE:
        raise CalibrationError(
            f"coffee: red {red / 1000:.1f} % and infrared {infrared / 1000:.1f} %: this is no ground coffee; it tells which LED is "
            "which: fill the cup, tamp it and read again, or leave this step out"
        )
    return infrared < red
