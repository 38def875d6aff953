"""Meters for the tests of the board's roast meter: of raw counts, and of reflectances with the die's temperature."""

from __future__ import annotations

import datetime as dt

import numpy as np

from canbean.roast.calibration import Calibration, Channel
from canbean.roast.scale import SCALES, Shown
from canbean.tiny import cbm
from canbean.tiny.features import Features
from canbean.tiny.polynomial import Polynomial, terms
from canbean.tiny.regressor import Regressor

SHOWN = Shown.of(SCALES["agtron-gourmet"], [(30, 2.5), (90, 3.5)], calibrated=True)
KIT = Calibration(
    dt.date(2026, 11, 1),
    "kitchen",
    25 * 16,
    (Channel.of(9000, 0.0004, -0.006, 9100), Channel.of(15000, 0.0003, -0.007, 15200)),
)
"""Of red and infrared."""


def regressor(*, calibrated: bool = True) -> Regressor:
    """Red and infrared, in percent of reflectance with the temperature behind, or as counts."""
    rng = np.random.default_rng(7)
    red = rng.uniform(5, 25, 200)
    columns = [red, red * 1.5 + rng.normal(0, 1, 200), rng.uniform(15, 45, 200)]
    if not calibrated:
        columns = [1e3 * columns[0] + 9000, 3e3 * columns[1] + 15000]
    values = np.column_stack(columns)
    front = Features.fit(values, decimals=(3, 3, 2) if calibrated else (0, 0))
    weights = np.zeros(terms(len(columns), 2))
    weights[:2] = 9, 14
    return Regressor(front, Polynomial.from_float(2, 75, weights, len(columns)), (0, 150))


def model(*, calibrated: bool = True, shown: Shown | None = SHOWN) -> cbm.Model:
    """A model file's content; without `shown` as models were before scales."""
    one = regressor(calibrated=calibrated)
    rows = np.array([[8000, 15000, 2500], [15000, 25000, 2800]]) if calibrated else np.array([[20000, 60000]])
    sections = {"META": cbm.encode_meta({"app": "roastmeter", "name": "test"}), **one.sections()}
    if shown is not None:
        sections["scal"] = shown.to_bytes()
    return cbm.Model({**sections, "GOLD": one.golden(rows)})
