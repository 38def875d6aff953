"""What a roast meter says of one measurement, and in words why it says no number."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from canbean.errors import BoardError
from canbean.roast.calibration import Calibration

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

OK = "ok"
NOT_CALIBRATED = "not calibrated"
NO_SENSOR = "no sensor"
PORT = "PORT"
"""What stands for the port of a meter where nobody knows it."""
_CALIBRATE = "run `canbean roast calibrate --port {port}`"
STALE = f"the calibration is stale: {_CALIBRATE}"
WHY = {
    "empty": "nothing lies on the window: put a tamped cup on it",
    "saturated": "too much light comes back: is this coffee?",
    "ambient light": "light of the room reaches the sensor: close the lid",
    "not settled": "it does not settle: leave the cup still",
    "dirty window": "the window is dirty: wipe it, dry, and read again",
    NO_SENSOR: "the sensor does not answer: look at its wires",
    "bad sample": "a sample that was fed makes no sense",
    NOT_CALIBRATED: f"this unit is not calibrated: {_CALIBRATE}",
}
"""Quality of a reading to what a person can do about it, at a `port`."""
NOWHERE = {NO_SENSOR, NOT_CALIBRATED}
"""Qualities that another cup does not change."""
SIMULATED = "simulated"
"""A unit whose name begins with it has no sensor."""
FED = "fed sensor"
"""What a board without a sensor, as the virtual one, calls that which measures what it is told."""
COUNTS_HINT = ", or pair its counts with --counts"
LIGHT = {2: ("red", "infrared"), 4: ("red", "green", "blue", "clear")}
"""Channels of the sensors by their number: MAX3010x, and TCS34725 or TCS3200."""
TEMPERATURE = "temperature"


class Channel(NamedTuple):
    """One channel of a reading: `value` in the channel's own unit, with so many decimals on the board."""

    name: str
    value: float
    decimals: int


@dataclass(frozen=True)
class Reading:
    """One `reading` line of a meter.

    Attributes:
        value: on the meter's scale; None where `quality` is not ok.
        low, high: ends of the 90 % interval, None where the model has none.
        degree: name of the degree of roast, None where the scale names none.
        quality: `ok`, or why there is no number.
        stale: whether the calibration is too old; None when the board knows no date.
        raw: the integers that the regressor was given.
        counts: what the sensor said, None for a fed sample.
        celsius: of the sensor's die, None where it has no thermometer.
        t: seconds since the board started.
        port: that the meter is on.
        simulated: whether no sensor has seen it.
    """

    value: float | None
    low: float | None
    high: float | None
    degree: str | None
    quality: str
    stale: bool | None
    raw: tuple[int, ...]
    counts: tuple[int, ...] | None
    celsius: float | None
    t: float | None
    port: str = PORT
    simulated: bool = False

    @property
    def why(self) -> str:
        """Why there is no number and what to do; `""` when there is one."""
        if self.quality == OK:
            return "" if self.value is not None else "the meter gives no number"
        return WHY[self.quality].format(port=self.port) if self.quality in WHY else self.quality

    @property
    def warnings(self) -> list[str]:
        """What to know of a number besides it."""
        return [STALE.format(port=self.port)] if self.stale else []

    def as_json(self) -> dict[str, Any]:
        """As the page and `roast read --json` have it: the board's keys, then `why`, and what the others call `data`."""
        return {
            "t": self.t,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "degree": self.degree,
            "quality": self.quality,
            "stale": self.stale,
            "raw": list(self.raw),
            "counts": None if self.counts is None else list(self.counts),
            "celsius": self.celsius,
            "why": self.why,
            "data": SIMULATED if self.simulated else "recorded",
        }


def parse(values: Mapping[str, Any], port: str = PORT) -> Reading:
    """A `reading` line by key, of a meter on a port; older firmware says fewer keys, and those it lacks are None.

    Raises:
        BoardError: a key holds what it cannot hold; the message names it.
    """
    quality = values.get("quality", OK)
    if not isinstance(quality, str):
        raise BoardError(f"{port}: a reading whose quality is {quality!r}: update the firmware")
    degree = values.get("degree")
    raw = _integers(values.get("raw") or [], "raw", port)
    counts = values.get("counts")
    ok = quality == OK
    return Reading(
        value=_number(values, "value", port) if ok else None,
        low=_number(values, "low", port) if ok else None,
        high=_number(values, "high", port) if ok else None,
        degree=str(degree) if ok and degree is not None else None,
        quality=quality,
        stale=values["stale"] if isinstance(values.get("stale"), bool) else None,
        raw=raw,
        counts=None if counts is None else _integers(counts, "counts", port),
        celsius=_number(values, "celsius", port),
        t=_number(values, "t", port),
        port=port,
    )


def dated(found: Reading, calibration: object, today: dt.date) -> Reading:
    """A reading that says whether it is stale, where the board knew no date.

    Args:
        found: it.
        calibration: the words of the board's calibration, None where there are none.
        today: the day of the reading.

    Raises:
        CalibrationError: they are none.
    """
    if found.stale is not None or not isinstance(calibration, str):
        return found
    warm = None if found.celsius is None else round(16 * found.celsius)
    return replace(found, stale=Calibration.parse(calibration).stale(today, warm) is not None)


def simulated(hello: Mapping[str, Any]) -> bool:
    """Whether what a meter reads is simulated, by what it said of itself: its sensor is fed, or its unit a simulated one."""
    return hello.get("sensor") == FED or str(hello.get("unit")).startswith(SIMULATED)


def _number(values: Mapping[str, Any], key: str, name: str) -> float | None:
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BoardError(f"{name}: a reading whose {key} is {value!r}: update the firmware")
    return float(value)


def _integers(values: Any, key: str, name: str) -> tuple[int, ...]:
    if not isinstance(values, list) or any(isinstance(v, bool) or not isinstance(v, int) for v in values):
        raise BoardError(f"{name}: a reading whose {key} is {values!r}: update the firmware")
    return tuple(values)


def channels(
    reading: Reading,
    names: Sequence[str] | None = None,
    *,
    counts: bool = False,
    calibration: Calibration | None = None,
) -> list[Channel]:
    """The channels of a reading as a pairs file has them: light in percent or counts, then the die's temperature.

    Args:
        reading: of quality ok, or not calibrated where counts are wanted.
        names: of the light channels; None takes those of the sensor with so many.
        counts: what the sensor said instead of reflectances: what a unit that is not calibrated can give.
        calibration: of the unit, for reflectances where the model on the board reads counts or some of the channels only.

    Raises:
        BoardError: there are no such integers in the reading, or `names` are not as many.
    """
    light = reading.counts if counts else reading.raw
    if not light:
        raise BoardError(f"the meter sends no {'counts' if counts else 'channels'}: update its firmware")
    given, decimals = list(light), 0 if counts else 3
    temperature = None if reading.celsius is None else Channel(TEMPERATURE, round(reading.celsius, 2), 2)
    if not counts and not _reflects(reading):
        given = _reflectances(reading, calibration)
    elif not counts and (
        len(given) in {n + 1 for n in LIGHT} or (names is not None and len(given) == len(names) + 1)
    ):
        celsius100 = given.pop()
        if temperature is None:
            temperature = Channel(TEMPERATURE, celsius100 / 100, 2)
    called = LIGHT.get(len(given), tuple(f"channel{k + 1}" for k in range(len(given))))
    if names is not None:
        called = tuple(names)
    if len(called) != len(given):
        raise BoardError(
            f"the meter sends {len(given)} light channels, not {len(called)} ({', '.join(called)})"
        )
    found = [Channel(n, v / 10**decimals, decimals) for n, v in zip(called, given, strict=True)]
    return [*found, temperature] if temperature is not None else found


def _reflects(reading: Reading) -> bool:
    """Whether the regressor was given reflectances of every light channel: one of counts is given counts."""
    n = len(reading.counts or ())
    return not n or (len(reading.raw) in {n, n + 1} and reading.raw[:n] != reading.counts)


def _reflectances(reading: Reading, calibration: Calibration | None) -> list[int]:
    """What the board would give a model of reflectances, thousandths of a percent."""
    assert reading.counts is not None
    if calibration is None or len(calibration.channels) != len(reading.counts):
        raise BoardError(f"no reading: {replace(reading, quality=NOT_CALIBRATED).why}{COUNTS_HINT}")
    warm = None if reading.celsius is None else [round(16 * reading.celsius)]
    return [int(v) for v in calibration.apply([reading.counts], warm)[0]]


def columns(found: Sequence[Channel]) -> tuple[tuple[str, int], ...]:
    """Name and decimals of each channel: what a pairs file is of."""
    return tuple((channel.name, channel.decimals) for channel in found)


def believed(
    reading: Reading,
    names: Sequence[str] | None = None,
    *,
    counts: bool = False,
    calibration: Calibration | None = None,
) -> list[Channel]:
    """The channels of a reading that may be believed, for a pair; arguments as of `channels`.

    Raises:
        BoardError: it may not be believed; the message says why.
    """
    if reading.quality != OK and not (counts and reading.quality == NOT_CALIBRATED):
        hint = COUNTS_HINT if reading.quality == NOT_CALIBRATED else ""
        raise BoardError(f"no reading: {reading.why}{hint}")
    return channels(reading, names, counts=counts, calibration=calibration)
