"""The ready models of `models/`, one a sensor, and their cards: trained on simulation, rebuilt byte for byte.

Each learns from units calibrated on their own pieces of the references, under all three optics of the simulator, which agree on
no formula; and is judged on coffee and units that it has not seen, one optics at a time. Only families that are fitted in
closed form are tried: what iterates may end elsewhere on another processor.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.roast import meter, optics, simulate, units
from canbean.roast.fit import Fit, fit
from canbean.roast.pairs import SIMULATED, Pairs
from canbean.roast.scale import DEFAULT, SCA_DEGREES
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

FAMILIES = ("cubic", "power", "quadratic", "ridge", "spline", "blend")
UNITS, LOTS, CUPS = 4, 8, 3
"""Of each optics."""
SCALE = replace(DEFAULT, degrees=SCA_DEGREES)
"""The simulated professional meter speaks Agtron Gourmet's degrees, on the scale that the device this follows had."""
FRESH_UNITS, FRESH_CUPS = 10, 40
"""Of each optics, to judge by."""
FRESH = 1000
"""First unit and first seed of what a model is judged by."""
WITHIN = 5.0


@dataclass(frozen=True, eq=False)
class Ready:
    """A ready model.

    Attributes:
        sensor: name of its driver.
        content: the model file.
        card: what to know before using it, Markdown.
    """

    sensor: str
    content: bytes
    card: str


def names() -> tuple[str, ...]:
    """Sensors that there is a ready model for."""
    return tuple(units.SENSORS)


def build(sensor: str) -> Ready:
    """Train the ready model of a sensor.

    Args:
        sensor: of `names()`.
    """
    settings = [simulate.Setting(sensor, kind, calibrated=True) for kind in optics.OPTICS]
    taught = together(
        [
            simulate.pairs(LOTS, CUPS, seed=k * UNITS + unit, unit=unit, setting=setting)
            for k, setting in enumerate(settings)
            for unit in range(UNITS)
        ]
    )
    fitted = fit(taught, SCALE, models=FAMILIES, name=f"{sensor} {SIMULATED}")
    content = cbm.pack(fitted.model)
    opened = meter.load(fitted.model)
    errors = {}
    for setting in settings:
        off = []
        for k in range(FRESH_UNITS):
            cups = simulate.cups(FRESH_CUPS, seed=FRESH + k, unit=FRESH + k, setting=setting)
            light = cups.channels[:, [cups.channel_names.index(name) for name in opened.channels]]
            off.append(opened.read(light) - cups.reference)
        errors[setting.optics] = np.concatenate(off)
    return Ready(sensor, content, _card(sensor, content, fitted, errors))


def together(parts: Sequence[Pairs]) -> Pairs:
    """Pairs of the same channels as one table; lots of different parts stay apart."""
    lots: list[str] = []
    codes = []
    for k, part in enumerate(parts):
        codes.append(part.lot + len(lots))
        lots += [f"{name}-{k + 1}" for name in part.lots]
    return replace(
        parts[0],
        lots=tuple(lots),
        lot=np.concatenate(codes),
        reference=np.concatenate([part.reference for part in parts]),
        channels=np.concatenate([part.channels for part in parts]),
        cup=tuple(cup for part in parts for cup in part.cup),
        unit=tuple(unit for part in parts for unit in part.unit),
    )


def _card(sensor: str, content: bytes, fitted: Fit, errors: Mapping[str, NDArray[np.float64]]) -> str:
    scale, figures, selected = fitted.shown.scale, fitted.models[fitted.chosen], fitted.selected
    meta = fitted.model.read_meta(sensor)
    channels = ", ".join(f"`{name}`" for name, _ in meta["channels"])
    degrees = ", ".join(f"{name} from {limit:g}" for name, limit in scale.degrees) or "none"
    judged = "\n".join(
        f"| {kind} | {np.sqrt(np.mean(off**2)):.2f} | {np.quantile(abs(off), 0.95):.1f} | {np.mean(abs(off) <= WITHIN):.0%} |"
        for kind, off in errors.items()
    )
    return f"""# {sensor}.cbm

**Trained on simulation.** No sensor has seen the coffee behind this model. It lets a meter show numbers at once, and shows what a meter may come to; for numbers
that agree with a professional meter pair with one: `canbean roast pair`, `canbean roast fit` (firmware/ROAST.md).

| | |
|---|---|
| sensor | `{sensor}` |
| data | {meta["data"]}: {len(fitted.pairs)} pairs of {len(fitted.pairs.lots)} lots, {UNITS} units, optics {", ".join(errors)} |
| scale | {scale.minimum:g} to {scale.maximum:g}, shown in steps of {scale.rounding:g} |
| names of degrees | {degrees} |
| channels | {channels}, in percent of reflectance |
| calibrated | {"yes: the unit must be calibrated (`canbean roast calibrate`), else it says *not calibrated*" if fitted.shown.calibrated else "no"} |
| model | {fitted.chosen}, chosen among {", ".join(sorted(fitted.models))} |
| error on lots left out | RMSE {selected["rmse"]:.2f}, 95 % within {selected["p95"]:.1f}, the choice made anew in each fold |
| 90 % interval | ±{fitted.half_width:.1f}, covers {selected["coverage90"]:.0%} of them |
| size | {len(content)} bytes |
| time on a Wemos D1 mini | {figures["board_ms"]:.1f} ms, {figures["board_ms_source"]} |
| SHA-256 | `{hashlib.sha256(content).hexdigest()}` |

Judged on {FRESH_UNITS} other simulated units, each calibrated on references of its own, {FRESH_CUPS} cups each of lots of their own, against the lot's true degree:

| optics | RMSE | 95 % within | within {WITHIN:g} |
|---|---|---|---|
{judged}

Limits: ground coffee, one grind, tamped; between {simulate.DARKEST:g} and {simulate.LIGHTEST:g} points. What real coffee, windows and modules do beyond the simulator is not in these figures.

Rebuilt byte for byte by `canbean roast ready -o models` with the versions of `requirements.lock`.
"""
