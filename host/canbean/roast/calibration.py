"""A unit's calibration: counts of its sensor to reflectances, in the integers of the board.

What LED, photodiode and window of one unit make of a reflectance R is n = (zero + R / gain) exp(a (T - T0)): light that
the window sends back, light that the sample sends back, both falling as the LED warms. So counts are first brought to
the temperature T0 of the calibration, then R = (n - zero) gain.

One line of the board's settings holds it, `calibration DATE UNIT T0`, then `zero gain alpha empty` of each channel:

| word | what |
|---|---|
| `DATE` | yyyy-mm-dd |
| `UNIT` | a name of this meter |
| `T0` | 1/16 degree Celsius of the die, or `-` where there is no thermometer |
| `zero` | 1/16 counts at R = 0 and T0 |
| `gain` | thousandths of a percent of reflectance in 2^18 counts |
| `alpha` | a in millionths per degree Celsius: -7000 is -0.7 %/degree |
| `empty` | counts of the clean empty window at T0 |

The exponential is its series to the fourth order in 1/32768: within 0.006 % of the true one over 30 degrees at -0.9 %,
which is 0.01 point of the scale. `firmware/canbean/reflectance.py` computes the same integers.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import CalibrationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

ZERO_ONE = 16
GAIN_ONE = 1 << 18
ALPHA_ONE = 1_000_000
MILLI = 1000
"""Thousandths of a percent to a percent."""
ZERO_LIMIT = 1 << 24
ALPHA_LIMIT = 15_000
COUNTS_LIMIT = 1 << 20
CELSIUS16 = (-800, 2400)
CHANNELS_MOST = 4
STALE_DAYS = 180
"""LEDs fade and windows yellow within months of daily use: a judgement, no datasheet's figure."""
STALE_DEGREES = 20.0
"""A coefficient known to 0.05 %/degree is wrong by 1 % that far from T0: about a point."""
UNIT = re.compile(r"[A-Za-z0-9._-]{1,24}")


@dataclass(frozen=True)
class Channel:
    """One channel's integers; see the module for their units."""

    zero: int
    gain: int
    alpha: int
    empty: int

    @classmethod
    def of(cls, zero: float, gain: float, alpha: float, empty: float) -> Channel:
        """From counts, percent of reflectance per count, relative change per degree Celsius, and counts.

        Raises:
            CalibrationError: a number is outside what a board's integers hold.
        """
        return cls(
            round(zero * ZERO_ONE), round(gain * MILLI * GAIN_ONE), round(alpha * ALPHA_ONE), round(empty)
        ).checked()

    def checked(self) -> Channel:
        """This channel.

        Raises:
            CalibrationError: a number is outside what a board's integers hold.
        """
        for name, value, low, high in (
            ("zero", self.zero, 1 - ZERO_LIMIT, ZERO_LIMIT - 1),
            ("gain", self.gain, 1, ZERO_LIMIT - 1),
            ("alpha", self.alpha, -ALPHA_LIMIT, ALPHA_LIMIT),
            ("empty", self.empty, 0, COUNTS_LIMIT - 1),
        ):
            if not low <= value <= high:
                raise CalibrationError(
                    f"calibration: {name} {value} is outside {low}..{high}: calibrate again"
                )
        return self


@dataclass(frozen=True)
class Calibration:
    """A unit's calibration.

    Attributes:
        date: of the day it was made.
        unit: the meter's name, a word.
        at: T0 in 1/16 degrees Celsius; None where the sensor has no thermometer.
        channels: of each light channel.
    """

    date: dt.date
    unit: str
    at: int | None
    channels: tuple[Channel, ...]

    def words(self) -> str:
        """What follows `calibration` in the board's settings."""
        numbers = (f"{c.zero} {c.gain} {c.alpha} {c.empty}" for c in self.channels)
        return " ".join(
            (self.date.isoformat(), self.unit, "-" if self.at is None else str(self.at), *numbers)
        )

    @classmethod
    def parse(cls, text: str) -> Calibration:
        """The calibration in the words of a settings line, with or without the leading `calibration`.

        Raises:
            CalibrationError: it is none; the message names the word.
        """
        words = text.split()
        if words[:1] == ["calibration"]:
            words = words[1:]
        if len(words) < 7 or (len(words) - 3) % 4 or len(words) > 3 + 4 * CHANNELS_MOST:
            raise CalibrationError(
                f"calibration: {len(words)} words, not DATE UNIT T0 and four numbers for each channel: calibrate again"
            )
        try:
            date = dt.date.fromisoformat(words[0])
        except ValueError:
            raise CalibrationError(f"calibration: {words[0]!r} is no date such as 2026-11-26") from None
        if not UNIT.fullmatch(words[1]):
            raise CalibrationError(f"calibration: {words[1]!r} is no name: letters, digits, '.', '_' and '-'")
        numbers = [_integer(word) for word in words[3:]]
        at = None if words[2] == "-" else _integer(words[2])
        if at is not None and not CELSIUS16[0] <= at <= CELSIUS16[1]:
            raise CalibrationError(
                f"calibration: T0 {at} is outside {CELSIUS16[0]}..{CELSIUS16[1]} (1/16 degree)"
            )
        quarters = (numbers[k : k + 4] for k in range(0, len(numbers), 4))
        return cls(date, words[1], at, tuple(Channel(*four).checked() for four in quarters))

    def apply(self, counts: ArrayLike, celsius16: ArrayLike | None = None) -> NDArray[np.int64]:
        """Reflectances in thousandths of a percent.

        Args:
            counts: integers within +-2^20, (n, c).
            celsius16: of the die, 1/16 degrees (n,); None where it was not measured.

        Returns:
            int64 (n, c); what is darker than R = 0 is negative.
        """
        n = np.atleast_2d(np.asarray(counts, np.int64))
        zero, gain, alpha = (
            np.array([getattr(c, name) for c in self.channels], np.int64)
            for name in ("zero", "gain", "alpha")
        )
        warm = np.zeros(len(n), np.int64)
        if self.at is not None and celsius16 is not None:
            warm = np.clip(self.at - np.broadcast_to(np.asarray(celsius16, np.int64), len(n)), -1600, 1600)
        x = np.clip(alpha * warm[:, None] * 32 // 15625, -16384, 16384)
        f = np.full(x.shape, 32768, np.int64)
        for k in (4, 3, 2, 1):
            f = 32768 + (x * f >> 15) // k
        return np.asarray((((n * f >> 11) - zero) * gain + (1 << 21)) >> 22, np.int64)

    def dimmed(self, share: Sequence[float], date: dt.date) -> Calibration:
        """This calibration once a channel's light is `share` (c,) of what it was: what the window sends back fades with it.

        Raises:
            CalibrationError: a number is outside what a board's integers hold.
        """
        faded = (
            Channel(round(c.zero * f), round(c.gain / f), c.alpha, round(c.empty * f)).checked()
            for c, f in zip(self.channels, share, strict=True)
        )
        return replace(self, date=date, channels=tuple(faded))

    @property
    def offset(self) -> NDArray[np.float64]:
        """What the window sends back, as percent of reflectance (c,)."""
        return np.array([c.zero / ZERO_ONE * c.gain / GAIN_ONE / MILLI for c in self.channels])

    @property
    def empty(self) -> NDArray[np.int64]:
        """Reflectances of the clean empty window, thousandths of a percent (c,)."""
        return self.apply([[c.empty for c in self.channels]]).ravel()

    def stale(self, today: dt.date, celsius16: int | None = None, days: int = STALE_DAYS) -> str | None:
        """Why a reading of this calibration should be doubted, in words; None if it need not be.

        Args:
            today: the day of the reading.
            celsius16: temperature of the die at the reading, 1/16 degrees.
            days: how old a calibration may be.
        """
        age = (today - self.date).days
        if age < 0:
            return f"calibrated on {self.date}, which is not yet: set the clock or calibrate again"
        if age > days:
            return f"calibrated {age} days ago, more than {days}: calibrate again"
        if self.at is not None and celsius16 is not None and abs(celsius16 - self.at) > 16 * STALE_DEGREES:
            return (
                f"measured at {celsius16 / 16:.0f} degrees, calibrated at {self.at / 16:.0f}: "
                f"more than {STALE_DEGREES:g} apart: calibrate where the meter is used"
            )
        return None


def _integer(word: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", word):
        raise CalibrationError(f"calibration: {word!r} is no whole number: calibrate again")
    return int(word)
