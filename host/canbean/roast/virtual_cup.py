"""What lies on a virtual roast meter: a simulated cup, as the sensor of a simulated unit counts it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from canbean.errors import ModelError
from canbean.roast import meter, simulate, units
from canbean.roast.reading import LIGHT, TEMPERATURE
from canbean.tiny import cbm

if TYPE_CHECKING:
    from pathlib import Path

    from canbean.roast.calibration import Calibration

DEGREE = 60
"""Roast degree of the cup on the simulated scale of 0 to 180: a medium roast."""
CALIBRATED, COUNTED = 1, 0
"""Which unit reads it: the one that --simulate of the other verbs draws; for counts the one that `roast simulate` writes pairs of."""


@dataclass(frozen=True)
class Cup:
    """A cup on a unit.

    Attributes:
        sensed: counts of each light channel, then the die's temperature in 1/16 degrees Celsius or None.
        calibration: of the unit; None where the model reads counts.
        words: what a person should know of it.
    """

    sensed: tuple[int | None, ...]
    calibration: Calibration | None
    words: str


def of(path: Path) -> Cup | None:
    """The cup for a model file; None where it reads what no simulated sensor has, or is no meter's: the board says so itself."""
    try:
        opened = meter.load(cbm.read(path), str(path))
    except ModelError:
        return None
    sensor = _sensor(opened)
    if sensor is None:
        return None
    calibrated = opened.shown is not None and opened.shown.calibrated
    number = CALIBRATED if calibrated else COUNTED
    read = simulate.read_cups([DEGREE], [0], 0, number, simulate.Setting(sensor))
    light = [
        round(v)
        for name, v in zip(read.channel_names, read.channels[0].tolist(), strict=True)
        if name != TEMPERATURE
    ]
    warm = round(16 * float(read.channels[0, -1])) if TEMPERATURE in read.channel_names else None
    unit, made = simulate.unit_of(sensor, number)
    words = (
        f"on it a simulated cup of degree {DEGREE} (of 0 to 180), read by the simulated {sensor} of unit {unit.name}"
        f"{', calibrated' if calibrated else ''}"
    )
    today = dt.datetime.now(tz=dt.UTC).astimezone().date()
    return Cup((*light, warm), replace(made, date=today) if calibrated else None, words)


def _sensor(opened: meter.Meter) -> str | None:
    """The kind of sensor whose light channels a model reads; of several the one that stands in its name, else the first."""
    light = tuple(name for name in opened.channels if name != TEMPERATURE)
    if light not in LIGHT.values():
        return None
    fitting = [name for name, sensor in units.SENSORS.items() if sensor.channels == light]
    called = str(opened.meta.get("name"))
    return next((name for name in fitting if name in called), fitting[0])
