"""Trials of the whole measuring chain on simulated meters, for `tools/bench roast`: the board's integers all the way.

One unit is paired and its model goes to every other unit as it is; nothing is chosen by what other units or held-out lots say.
"""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np

from canbean.roast import fit, meter, preparation, quality, sampling, simulate, units
from canbean.roast.optics import OPTICS
from canbean.roast.pairs import Pairs
from canbean.roast.simulate import Setting
from roast_peers import Gy33, juztins

LOTS, TAMPS = 20, 3
"""Sixty pairs: as `roast pair` asks for them."""
UNITS = 200
WARM = {"room": (23.0, 23.0), "since": 60.0}


def light(pairs):
    """Pairs without the die's temperature: a calibration has taken it into account, and a model would follow its chance."""
    keep = [k for k, name in enumerate(pairs.channel_names) if name != "temperature"]
    return replace(
        pairs,
        channel_names=tuple(pairs.channel_names[k] for k in keep),
        channels=pairs.channels[:, keep],
        decimals=tuple(pairs.decimals[k] for k in keep),
    )


def fitted(setting, seed, models, first):
    """A model of 60 pairs on unit `first`, as the board has it."""
    made = fit.fit(light(simulate.pairs(LOTS, TAMPS, seed, first, setting)), models=models)
    return made, meter.load(made.model)


def errors(error):
    size = np.abs(error)
    return {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "within_4": float(np.mean(size <= 4)),
        "within_5": float(np.mean(size <= 5)),
        "max": float(size.max()),
    }


def accuracy(sensor, optics, figures, models, seeds, many=UNITS, cups=30):  # noqa: PLR0917 - what is simulated
    """Lots not seen, on the paired unit and on `many` others after two tiles; and how far the others' means are from the first's."""
    setting = Setting(sensor, optics, calibrated=True, figures=figures)
    own, others, apart, chosen = [], [], [], []
    for seed in range(seeds):
        first = 1 + seed
        made, opened = fitted(setting, seed, models, first)
        chosen.append(made.chosen)
        fresh = 10_000 + seed
        new = simulate.pairs(10 * cups, 1, fresh, first, setting)
        own.append(opened.read(light(new).channels) - new.reference)
        same = simulate.pairs(cups, 1, fresh, first, setting)
        said = opened.read(light(same).channels)
        for unit in (u for u in range(1, many + 1) if u != first):
            new = simulate.pairs(cups, 1, fresh + 100 * unit, unit, setting)
            others.append(opened.read(light(new).channels) - new.reference)
            again = opened.read(light(simulate.pairs(cups, 1, fresh, unit, setting)).channels)
            apart.append(np.mean(again - said))
    apart = np.abs(apart)
    return {
        "chosen": chosen,
        "paired_unit": errors(np.concatenate(own)),
        "other_units": errors(np.concatenate(others)),
        "other_units_mean_within_2": float(np.mean(apart <= 2)),
        "other_units_mean_rms": float(np.sqrt(np.mean(apart**2))),
        "other_units_mean_most": float(apart.max()),
        "bytes": int(made.models[made.chosen]["bytes"]),
        "board_ms": float(made.models[made.chosen]["board_ms"]),
        "perfect_meter_rmse": perfect(optics, figures),
    }


def perfect(optics, figures, lots=4000):
    """How far a meter that inverts the optics exactly, in its last channel, is from the professional one: nobody can do better."""
    degree = np.random.default_rng(1).uniform(simulate.DARKEST, simulate.LIGHTEST, lots)
    rng = np.random.default_rng(2)
    cups = preparation.prepare(degree, np.arange(lots), OPTICS[optics], figures, rng)
    grid = np.arange(10.0, 170.0, 0.05)
    said = np.interp(cups.reflectance[:, -1], OPTICS[optics](grid)[:, -1], grid)
    return float(np.sqrt(np.mean((said - cups.reference) ** 2)))


def peers(optics, figures, seeds, many=UNITS, cups=30):
    """The peers' errors on lots not seen, all units, the same cups and rooms as ours."""
    formula, network = [], []
    for seed in range(seeds):
        first, fresh = 1 + seed, 10_000 + seed
        infrared = Setting("max3010x", optics, figures=figures)
        colour = Setting("tcs34725", optics, figures=figures)
        learn = simulate.pairs(LOTS, TAMPS, seed, first, colour)
        net = Gy33(learn.channels, white("tcs34725", first), learn.reference, seed)
        for unit in range(1, many + 1):
            new = simulate.pairs(cups, 1, fresh + 100 * unit, unit, infrared)
            formula.append(juztins(new.channels[:, 1], white("max3010x", unit)[1]) - new.reference)
            new = simulate.pairs(cups, 1, fresh + 100 * unit, unit, colour)
            network.append(net.read(new.channels, white("tcs34725", unit)) - new.reference)
    return {
        "juztins_formula": errors(np.concatenate(formula)),
        "gy33_network": errors(np.concatenate(network)),
    }


def white(sensor, unit):
    """Counts of a unit on a thick heap of baking soda."""
    found = simulate.unit_of(sensor, unit)[0]
    return found.counts(np.full(len(found.gain), 0.93), 25.0)


def temperature(sensor, optics, models, many=UNITS, cups=30):
    """What a room of 15 to 45 degrees, and cups read 2 s after the meter was switched on, add to the same cups' values."""
    setting = Setting(sensor, optics, calibrated=True)
    _, opened = fitted(setting, 0, models, 1)
    told = {}
    for name, changed in (
        ("cold_start", {"room": (23.0, 23.0), "since": 2.0}),
        ("room_15_to_45", {"room": (15.0, 45.0), "since": 60.0}),
    ):
        moved = []
        for unit in range(1, many + 1):
            usual, other = (
                opened.read(light(simulate.pairs(cups, 1, 777, unit, replace(setting, **how))).channels)
                for how in (WARM, changed)
            )
            moved.append(other - usual)
        moved = np.abs(np.concatenate(moved))
        told[name] = {
            "rms": float(np.sqrt(np.mean(moved**2))), "p99": float(np.quantile(moved, 0.99)), "most": float(moved.max())
        }  # fmt: skip
    return told


def coverage(figures, models, refits, sensor="max3010x", cups=100):
    """How often the 90 % interval of the model file holds the professional meter's value of a lot not seen; a refit has one share."""
    shares, widths = [], []
    for refit in range(refits):
        setting = Setting(sensor, list(OPTICS)[refit % len(OPTICS)], calibrated=True, figures=figures)
        unit = 1 + refit % UNITS
        _, opened = fitted(setting, 500 + refit, models, unit)
        new = simulate.pairs(cups, 1, 20_000 + refit, unit, setting)
        said = opened.read(light(new).channels)
        shares.append(np.mean(np.abs(said - new.reference) <= opened.half_width))
        widths.append(opened.half_width)
    return {"refits": refits, "coverage": float(np.mean(shares)), "half_width": float(np.mean(widths))}


def flags(sensor, many=UNITS, each=40):
    """What is said of readings of every unit: of cups as they are, and of each thing that can be wrong."""
    said = {}
    for number in range(1, many + 1):
        unit, made = simulate.unit_of(sensor, number)
        rng = np.random.default_rng([number, 0xF1A6])
        for name, (seen, ambient, dirt) in cases(unit, each, rng).items():
            celsius = unit.die(rng.uniform(15, 40, each), rng.uniform(2, 120, each))
            found = units.measure(replace(unit, dirt=dirt), seen, celsius, rng, ambient)
            milli = made.apply(found.counts, found.celsius16)
            codes = quality.judge(found.counts, found.dark, found.spread, unit.sensor.full, milli, made.empty)
            said.setdefault(name, []).append(codes)
    right = {"cup": "ok", "cup_leak": "ok", "empty_clean": "empty"}
    told = {}
    for name, codes in said.items():
        wanted = quality.QUALITY.index(right.get(name, name.replace("_", " ")))
        told[name] = float(np.mean(np.concatenate(codes) == wanted))
    good = np.concatenate(said["cup"] + said["cup_leak"])
    return {"recognised": told, "false_flags": float(np.mean(good != quality.OK))}


def cases(unit, each, rng):
    """Light (n, c) or (n, samples, c), ambient light and dirt of what can be on a meter; the optics in turn."""
    model = list(OPTICS.values())[int(rng.integers(len(OPTICS)))]
    cup = units.seen(unit.sensor, model(rng.uniform(simulate.DARKEST, simulate.LIGHTEST, each)))
    none = np.abs(rng.normal(0, 0.0005, (each, 1))) * np.ones(cup.shape)
    dirt = float(rng.uniform(0.008, 0.03))
    # put on or taken away in the middle: of five samples two are of the one and three of the other
    late = np.arange(sampling.SAMPLES)[None, :] >= rng.integers(2, 4, (each, 1))
    moving = np.where(late[:, :, None], cup[:, None, :], none[:, None, :])
    glare = np.full(cup.shape, 1.1 * unit.sensor.full / min(unit.gain))
    told = {
        "cup": (cup, 0.0, 0.0),
        "cup_leak": (cup, rng.uniform(0, 0.05, (each, 1)) * cup, 0.0),
        "empty_clean": (none, 0.0, 0.0),
        "dirty_window": (none, 0.0, dirt),
        "saturated": (glare, 0.0, 0.0),
        "not_settled": (moving, 0.0, 0.0),
    }
    if not unit.sensor.cancels:
        own = cup + np.array(unit.window) / unit.gain
        told["ambient_light"] = (cup, np.exp(rng.uniform(np.log(0.2), np.log(3), (each, 1))) * own, 0.0)
    return told


def tonino(path, scale, models=None):
    """A file of a dozen pairs with one feature: grouped error and monotonicity of what is chosen, and a cubic's error."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    value = np.array([float(r["red_blue_ratio"]) for r in rows])
    reference = np.array([float(r["reference"]) for r in rows])
    names = list(dict.fromkeys(r["lot"] for r in rows))
    lot = np.array([names.index(r["lot"]) for r in rows])
    pairs = Pairs(path.stem, tuple(names), lot, reference, ("red_blue_ratio",), value[:, None], (6,))
    made = fit.fit(pairs, scale, models=models)
    grid = np.linspace(value.min(), value.max(), 2001)[:, None]
    said = meter.load(made.model).read(grid)
    cubic = np.empty(len(lot))
    for one in range(len(names)):
        learn = lot != one
        curve = np.polynomial.Polynomial.fit(value[learn], reference[learn], 3)
        cubic[lot == one] = curve(value[lot == one])
    return {
        "chosen": made.chosen,
        "monotone": bool((np.diff(said) >= 0).all()),
        "grouped_rmse": float(np.sqrt(np.mean((made.held_out[made.chosen] - reference) ** 2))),
        "cubic_grouped_rmse": float(np.sqrt(np.mean((cubic - reference) ** 2))),
    }
