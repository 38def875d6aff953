"""A simulated roast meter: no sensor has seen these numbers, and everything made here is named `simulated`.

Lots of coffee (`preparation`) under the light of one of three models (`optics`), read by a meter of the population (`units`) that
was calibrated on pieces of the references that differ as pieces do (`calibrated`); beside it stands what the professional meter said.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from canbean.roast import calibrate, optics, preparation, references, units
from canbean.roast.guide import Guide
from canbean.roast.pairs import SIMULATED, Pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from canbean.roast.calibration import Calibration
    from canbean.roast.guide import Step
    from canbean.roast.preparation import Figures
    from canbean.roast.units import Measured, Unit

LIGHTEST, DARKEST = 150.0, 25.0
DAY = dt.date(2026, 1, 1)
ROOM = (23.0, 3.0)
"""Mean and standard deviation of the room, degrees Celsius."""
MINUTES = 2.0
"""Since power-up at which cups are read, at most."""
PIECE, SPOT = 0.004, 0.006
"""Relative, of a white piece against another and of a spot on it against another: 2.7 % within one piece is the most reported."""
BLACK_PIECE = 0.7
"""Percent of reflectance by which one black differs from another."""
TABLE = 0.97
"""What a white reference truly reflects is this much of what its table says: nothing may depend on it."""


@dataclass(frozen=True)
class Setting:
    """What is simulated.

    Attributes:
        sensor: of `units.SENSORS`.
        optics: of `optics.OPTICS`.
        calibrated: whether channels are reflectances by the unit's calibration, or its counts.
        figures: how much differs between readings.
        room: least and most degrees Celsius of the room, evenly; None for one that people work in.
        since: seconds between power-up and every reading; None for whenever.
        again: whether the unit's white was laid on again (`roast calibrate --again`) in the room of the first cup.
    """

    sensor: str = "max3010x"
    optics: str = "kubelka-munk"
    calibrated: bool = False
    figures: Figures = preparation.FIGURES["middle"]
    room: tuple[float, float] | None = None
    since: float | None = None
    again: bool = False


USUAL = Setting()
"""Counts of a MAX3010x."""


class Meter:
    """A simulated meter on a bench: something lies on it, time passes, it is read.

    Args:
        unit: which one.
        seed: of its noise and of the pieces of its references.
        room: degrees Celsius.
        day: another one has other spots and noise; the pieces are the same.
    """

    def __init__(self, unit: Unit, seed: int = 0, room: float = 23.0, day: int = 0) -> None:
        self.unit = unit
        self.room = room
        self.since = 0.0
        pieces = np.random.default_rng([seed, 0x91EC])
        self._whites = TABLE * (1 + pieces.normal(0, PIECE, calibrate.PIECES))
        self._rng = np.random.default_rng([seed, day, 0xCA11])
        self._laid = 0
        self._black = self._rng.normal(0, BLACK_PIECE) / 100
        self._light = np.zeros(len(optics.WAVELENGTHS))

    def lay(self, reflectance: ArrayLike) -> None:
        """Lay something of reflectance 0..1 at `optics.WAVELENGTHS` (5,) on the window."""
        self._light = np.asarray(reflectance, np.float64)

    def follow(self, step: Step, guide: Guide) -> None:
        """Do what a step of a calibration asks for."""
        if step.name.startswith("white"):
            # the pieces in turn, at some spot
            spot = self._whites[self._laid % len(self._whites)] * (1 + self._rng.normal(0, SPOT))
            self._laid += 1
            self.lay(np.array(guide.white.percent) / 100 * spot)
        elif step.name == "black":
            self.lay(np.maximum(np.array(guide.black.percent) / 100 + self._black, 0.002))
        elif step.name == "empty":
            # some of the room comes back
            self.lay(np.full(len(optics.WAVELENGTHS), abs(self._rng.normal(0, 0.0005))))
        elif step.name == "coffee":
            self.lay(optics.kubelka_munk(60.0))
        else:
            self.lay(_cup(guide.cups[step.name.removeprefix("cup ")], self.unit))

    def read(self, seconds: float = 2.0) -> Measured:
        """One reading, which takes so many seconds."""
        self.since += seconds
        light = units.seen(self.unit.sensor, self._light[None, :])
        return units.measure(self.unit, light, self.unit.die([self.room], [self.since]), self._rng)

    def series(self, readings: int, seconds: float = 2.0) -> calibrate.Series:
        """Readings one after another."""
        taken = [self.read(seconds) for _ in range(readings)]
        warm = [t for m in taken if m.celsius16 is not None for t in m.celsius16]
        return calibrate.Series.of(np.concatenate([m.counts for m in taken]), warm or None)


def calibration(unit: Unit, seed: int = 0, room: float = 23.0) -> Calibration:
    """A unit calibrated as `canbean roast calibrate` asks for it."""
    return _calibrated(Meter(unit, seed, room), None)


def calibrated_again(unit: Unit, before: Calibration, seed: int = 0, room: float = 23.0) -> Calibration:
    """A calibration of a unit brought up to date in another room by its white alone, a minute after it was switched on."""
    meter = Meter(unit, seed, room, day=1)
    meter.since = 60.0
    return _calibrated(meter, before)


def _calibrated(meter: Meter, before: Calibration | None) -> Calibration:
    unit = meter.unit
    guide = Guide(
        unit.sensor,
        references.WHITES["ptfe-sheet"],
        references.BLACKS["toner"],
        coffee=unit.swapped,
        before=before,
    )
    for step in guide.steps:
        meter.follow(step, guide)
        guide.take(step, meter.series(step.readings))
    return guide.finish(unit.name, DAY)[0]


def _cup(percent: Sequence[float], unit: Unit) -> NDArray[np.float64]:
    """Coffee (5,) whose light in the unit's last channel is that of a known cup."""
    grid = np.arange(15.0, 180.0, 0.25)
    spectra = optics.kubelka_munk(grid)
    return np.asarray(
        spectra[int(np.argmin(np.abs(units.seen(unit.sensor, spectra)[:, -1] - percent[-1] / 100)))]
    )


@lru_cache(maxsize=512)
def unit_of(sensor: str, number: int) -> tuple[Unit, Calibration]:
    """A unit of the population, and its calibration."""
    unit = units.Unit.drawn(number, sensor)
    return unit, calibration(unit, number)


def read_cups(degree: ArrayLike, lot: ArrayLike, seed: int, unit: int = 0, setting: Setting = USUAL) -> Pairs:
    """Simulated readings of cups of lots whose true degree is known.

    Args:
        degree: the lots' true roast degrees (lots,).
        lot: which lot each cup is of (n,), 0-based.
        seed: of everything that differs between lots, cups and readings. A seed's cups are the same whichever unit reads them.
        unit: which meter of the population reads them; 0 is the usual one.
        setting: what is simulated.

    Returns:
        Pairs whose `reference` is the lot's true degree (n,), not what a professional meter would say of a cup.
    """
    return replace(
        _read(degree, lot, seed, unit, setting)[0], reference=np.asarray(degree, np.float64)[np.asarray(lot)]
    )


def pairs(
    n_lots: int = 20, cups_per_lot: int = 3, seed: int = 0, unit: int = 0, setting: Setting = USUAL
) -> Pairs:
    """Simulated pairs: lots spread over the scale, cups tamped apart, each with a professional meter's value.

    Args:
        n_lots: how many roasts, spread evenly over degrees 25-150 with some wander.
        cups_per_lot: how many cups of each.
        seed: of everything.
        unit: which meter of the population reads them; 0 is the usual one.
        setting: what is simulated.
    """
    rng = np.random.default_rng([seed, 0x9A175])
    step = (LIGHTEST - DARKEST) / n_lots
    degree = DARKEST + step * (np.arange(n_lots) + rng.uniform(0, 1, n_lots))
    return _read(rng.permutation(degree), np.repeat(np.arange(n_lots), cups_per_lot), seed, unit, setting)[0]


def cups(n: int, seed: int = 0, unit: int = 0, setting: Setting = USUAL) -> Pairs:
    """Fresh simulated cups, each of a lot of its own, between degrees 30 and 145; `reference` is the true degree."""
    degree = np.random.default_rng([seed, 0xF2E54]).uniform(DARKEST + 5, LIGHTEST - 5, n)
    return read_cups(degree, np.arange(n), seed, unit, setting)


def _read(
    degree: ArrayLike, lot: ArrayLike, seed: int, unit: int, setting: Setting
) -> tuple[Pairs, preparation.Cups]:
    """Pairs of cups, their `reference` what the professional meter said; and the cups."""
    lots, group = np.asarray(degree, np.float64), np.asarray(lot, np.int64)
    n = len(group)
    meter, made = unit_of(setting.sensor, unit)
    found = preparation.prepare(
        lots, group, optics.named(setting.optics), setting.figures, np.random.default_rng([seed, 0x0CAFE])
    )
    rng = np.random.default_rng([seed, unit, 0x0CAFE])
    room = rng.normal(*ROOM, n) if setting.room is None else rng.uniform(*setting.room, n)
    since = rng.uniform(5.0, 60 * MINUTES, n) if setting.since is None else np.full(n, setting.since)
    measured = units.measure(meter, units.seen(meter.sensor, found.reflectance), meter.die(room, since), rng)
    names, decimals = meter.sensor.channels, (0,) * len(meter.sensor.channels)
    table = measured.counts.astype(np.float64)
    if setting.calibrated:
        if setting.again:
            made = calibrated_again(meter, made, unit, float(room[0]))
        table, decimals = made.apply(measured.counts, measured.celsius16) / 1000, (3,) * len(names)
    if measured.celsius16 is not None:
        names = (*names, "temperature")
        table = np.column_stack([table, measured.celsius16 / 16])
        decimals = (*decimals, 4)
    return Pairs(
        name=f"{SIMULATED} pairs",
        lots=tuple(f"{SIMULATED}-lot-{k + 1}" for k in range(len(lots))),
        lot=group,
        reference=found.reference,
        channel_names=names,
        channels=table,
        decimals=decimals,
        cup=tuple(str(k + 1) for k in range(n)),
        unit=(meter.name,) * n,
    ), found
