"""The steps of a calibration: what to lay on the meter next, in words, and whether what was read can be that.

A step that cannot be what it is said to be is refused at once and asked for again; nothing counts before all are there.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import CalibrationError
from canbean.roast import calibrate
from canbean.roast.calibrate import Known, Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from canbean.roast.calibration import Calibration
    from canbean.roast.pairs import Pairs
    from canbean.roast.references import Reference
    from canbean.roast.units import Sensor

WARMING, READINGS = 20, 2
CUPS = 6
"""Known cups that are asked for, spread over what there is."""
CUP_SPREAD = 0.04
"""Relative: a cup tamped again, about a point."""


@dataclass(frozen=True)
class Step:
    """One thing to lay on the meter: its name, what to do in words, and how many readings are taken of it."""

    name: str
    words: str
    readings: int = READINGS


@dataclass
class Guide:
    """A calibration under way.

    Attributes:
        sensor: of the unit.
        white, black: the references.
        cups: reflectances of known cups instead of them (name to percent of each channel), empty where there are none.
        coffee: whether to ask for coffee, which tells which LED is which.
        before: the unit's calibration, where only its white is laid on again.
        taken: series by step.
    """

    sensor: Sensor
    white: Reference
    black: Reference
    cups: Mapping[str, Sequence[float]] = field(default_factory=dict)
    coffee: bool = True
    before: Calibration | None = None
    taken: dict[str, Series] = field(default_factory=dict)

    @property
    def steps(self) -> list[Step]:
        """All of them, in order."""
        if self.before is not None:
            first = Step("white", f"lay white on the window: {self.white.what}")
            return [first, *(self._white_again(k) for k in range(2, calibrate.PIECES + 1))]
        if self.cups:
            steps = [
                Step(f"cup {name}", f"put the cup {name!r} on, ground and tamped as it was")
                for name in self.cups
            ]
        else:
            steps = [Step("white", f"lay white on the window and leave it: {self.white.what}", WARMING)]
            steps += [self._white_again(k) for k in range(2, calibrate.WHITES + 1)]
            steps.append(Step("black", f"lay black on the window: {self.black.what}"))
        steps.append(
            Step("empty", "wipe the window, put nothing on it: nothing within 30 cm above, out of the light")
        )
        if self.coffee and not self.cups and self.sensor.name == "max3010x":
            steps.append(Step("coffee", "put any ground coffee on, tamped: it tells which LED is which"))
        return steps

    @staticmethod
    def _white_again(k: int) -> Step:
        return Step(f"white {k}", "lay white on again, the next of its pieces, at another spot")

    def take(self, step: Step, series: Series) -> None:
        """Take the readings of a step.

        Raises:
            CalibrationError: they cannot be of it; the step is to be done again.
        """
        if (series.counts <= 0).any() and step.name != "empty":
            raise CalibrationError(
                f"{step.name}: a channel sees no light: is the sensor wired and its LED on?"
            )
        level = np.median(series.counts, axis=0)
        white = self.taken.get("white")
        if step.name == "white":
            calibrate.coefficients(series, self.sensor.channels)
        elif white is not None:
            share = level / np.median(white.counts[-READINGS:], axis=0)
            if step.name.startswith("white") and np.abs(share - 1).max() > calibrate.SPOTS:
                raise CalibrationError(
                    f"{step.name}: reads {100 * share.max():.0f} % of the white before: it does not lie flat, or is another one"
                )
            if step.name == "black" and share.max() > 0.5:
                raise CalibrationError(
                    f"black: reads {100 * share.max():.0f} % of white: this is no black, or one that is bright in the infrared: "
                    "take a carbon black, such as laser toner"
                )
        if step.name == "empty":
            for name, other in self.taken.items():
                if (level >= np.median(other.counts, axis=0)).any():
                    raise CalibrationError(
                        f"empty: reads no less than {name}: something lies on the window, or light comes in"
                    )
        if step.name == "coffee":
            try:
                made = self._fit("unit", dt.date.min)[0]
            except CalibrationError:
                # not the coffee's fault: said at the end
                made = None
            if made is not None:
                calibrate.swapped(made, series, self.sensor.channels)
        self.taken[step.name] = series

    def finish(self, unit: str, date: dt.date) -> tuple[Calibration, bool, bool]:
        """The calibration; whether the LEDs' coefficients were measured; whether the LEDs are swapped.

        Raises:
            CalibrationError: the readings cannot be those of what they are said to be, or steps are missing.
        """
        for step in self.steps:
            if step.name not in self.taken:
                raise CalibrationError(f"{step.name}: not read yet: {step.words}")
        if self.before is not None:
            return self._again(unit, date), True, False
        made, measured = self._fit(unit, date)
        coffee = self.taken.get("coffee")
        if coffee is None or not calibrate.swapped(made, coffee, self.sensor.channels):
            return made, measured, False
        self.taken = {name: Series(s.counts[:, ::-1], s.celsius16) for name, s in self.taken.items()}
        made, measured = self._fit(unit, date)
        return made, measured, True

    def _again(self, unit: str, date: dt.date) -> Calibration:
        assert self.before is not None
        percent = self.white.channels(np.array(self.sensor.bands))
        whites = [Known("white", series, percent, self.white.spread) for series in self.taken.values()]
        return replace(calibrate.again(self.before, date, self.sensor.channels, whites), unit=unit)

    def _fit(self, unit: str, date: dt.date) -> tuple[Calibration, bool]:
        names, bands = self.sensor.channels, np.array(self.sensor.bands)
        known = []
        for name, series in self.taken.items():
            if name.startswith("white"):
                last = Series(
                    series.counts[-READINGS:],
                    None if series.celsius16 is None else series.celsius16[-READINGS:],
                )
                known.append(Known("white", last, self.white.channels(bands), self.white.spread))
            elif name == "black":
                known.append(Known("black", series, self.black.channels(bands), self.black.spread))
            elif name.startswith("cup "):
                percent = np.asarray(self.cups[name.removeprefix("cup ")], np.float64)
                known.append(Known(name, series, percent, max(CUP_SPREAD * float(percent.max()), 0.3)))
        warming = self.taken.get("white")
        measured = warming is not None and calibrate.coefficients(warming, names) is not None
        nominal = calibrate.NOMINAL.get(self.sensor.name, (0.0,) * len(names))
        return calibrate.fit(unit, date, names, self.taken["empty"], known, warming, nominal), measured


def known_cups(pairs: Pairs, sensor: Sensor) -> dict[str, list[float]]:
    """Up to `CUPS` lots of a pairs file of a calibrated unit, spread over what they reflect: percent of each channel.

    Raises:
        CalibrationError: the file has no reflectances of this sensor's channels, or too few lots.
    """
    for name in sensor.channels:
        if name not in pairs.channel_names:
            raise CalibrationError(f"{pairs.name}: no column {name!r}, which {sensor.name} has")
    table = pairs.channels[:, [pairs.channel_names.index(name) for name in sensor.channels]]
    if table.max() > 130:
        raise CalibrationError(
            f"{pairs.name}: holds counts, not reflectances in percent: pair a calibrated unit"
        )
    if len(pairs.lots) < 3:
        raise CalibrationError(f"{pairs.name}: {len(pairs.lots)} lots; at least 3 are needed")
    level = {lot: np.median(table[pairs.lot == k], axis=0) for k, lot in enumerate(pairs.lots)}
    order = sorted(level, key=lambda lot: float(level[lot].sum()))
    wanted = np.unique(np.rint(np.linspace(0, len(order) - 1, min(CUPS, len(order)))).astype(int))
    return {order[k]: level[order[k]].tolist() for k in wanted.tolist()}
