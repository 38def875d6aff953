"""Trials of the whole measuring chain on simulated meters, for `tools/bench roast`: the board's integers all the way.

One unit is paired and its model goes to every other unit as it is; nothing is chosen by what other units or held-out lots say.
"""

from __future__ import annotations

import csv
from collections import Counter
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
STRIDE = 17
"""Of the other units a set reads one in so many, the next ones each time: 34 sets of each optics read all of them twice."""
ROOM = 23.0


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


def trial(sensor, number, figures, models, many=UNITS, cups=30):  # noqa: PLR0917 - what is simulated
    """One set of 60 pairs on one unit: its model on lots not seen there, and on other units after two tiles.

    Sets take the optics and the paired unit in turn; of the others each takes some, so that all are read before one is again.
    """
    optics = list(OPTICS)[number % len(OPTICS)]
    setting = Setting(sensor, optics, calibrated=True, figures=figures)
    first, fresh = 1 + number % many, 20_000 + number
    made, opened = fitted(setting, 500 + number, models, first)
    new = simulate.pairs(4 * cups, 1, fresh, first, setting)
    own = opened.read(light(new).channels) - new.reference
    same = opened.read(light(simulate.pairs(cups, 1, fresh, first, setting)).channels)
    others, apart = [], []
    stride = min(STRIDE, many // 4)
    for unit in range(1 + number // len(OPTICS) % stride, many + 1, stride):
        if unit == first:
            continue
        new = simulate.pairs(cups, 1, fresh + 100_000 * unit, unit, setting)
        others.append(opened.read(light(new).channels) - new.reference)
        again = opened.read(light(simulate.pairs(cups, 1, fresh, unit, setting)).channels)
        apart.append(float(np.mean(again - same)))
    chosen = made.models[made.chosen]
    return {
        "optics": optics,
        "chosen": made.chosen,
        "own": own,
        "others": np.concatenate(others),
        "apart": apart,
        "held": float(np.mean(np.abs(own) <= opened.half_width)),
        "half_width": opened.half_width,
        "bytes": int(chosen["bytes"]),
        "board_ms": float(chosen["board_ms"]),
    }


def accuracy(trials, optics, figures):
    """Of trials under one optics: lots not seen on the paired unit and on others, and how far the others' means are from the first's."""
    found = [t for t in trials if t["optics"] == optics]
    apart = np.abs(np.concatenate([t["apart"] for t in found]))
    return {
        "sets": len(found),
        "chosen": dict(Counter(t["chosen"] for t in found).most_common()),
        "paired_unit": errors(np.concatenate([t["own"] for t in found])),
        "other_units": errors(np.concatenate([t["others"] for t in found])),
        "other_units_mean_within_2": float(np.mean(apart <= 2)),
        "other_units_mean_rms": float(np.sqrt(np.mean(apart**2))),
        "other_units_mean_most": float(apart.max()),
        "bytes": max(t["bytes"] for t in found),
        "board_ms": max(t["board_ms"] for t in found),
        "perfect_meter": perfect(optics, figures),
    }


def coverage(trials):
    """How often the 90 % interval of the model file holds the professional meter's value of a lot not seen; a set has one share."""
    return {
        "refits": len(trials),
        "coverage": float(np.mean([t["held"] for t in trials])),
        "half_width": float(np.mean([t["half_width"] for t in trials])),
    }


def perfect(optics, figures, lots=20_000):
    """How far a meter that inverts the optics exactly, in its last channel, is from the professional one: nobody can do better."""
    degree = np.random.default_rng(1).uniform(simulate.DARKEST, simulate.LIGHTEST, lots)
    rng = np.random.default_rng(2)
    cups = preparation.prepare(degree, np.arange(lots), OPTICS[optics], figures, rng)
    grid = np.arange(10.0, 170.0, 0.05)
    said = np.interp(cups.reflectance[:, -1], OPTICS[optics](grid)[:, -1], grid)
    return errors(said - cups.reference)


def together(trials):
    """The errors of trials under all optics."""
    return {
        who: errors(np.concatenate([t[key] for t in trials]))
        for who, key in (("paired_unit", "own"), ("other_units", "others"))
    }


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
    """What a room of 15 to 45 degrees, and cups read 2 s after the meter was switched on, add to the same cups' values.

    A sensor without a thermometer is also read after its white was laid on again in that room (`roast calibrate --again`).
    """
    setting = Setting(sensor, optics, calibrated=True)
    _, opened = fitted(setting, 0, models, 1)
    warm = replace(setting, room=(ROOM, ROOM), since=60.0)
    told = {}
    for unit in range(1, many + 1):
        usual = opened.read(light(simulate.pairs(cups, 1, 777, unit, warm)).channels)
        other = float(np.random.default_rng([unit, 0x7E49]).uniform(15, 45))
        cases = {
            "cold_start": replace(setting, room=(ROOM, ROOM), since=2.0),
            "room_15_to_45": replace(setting, room=(other, other), since=60.0),
        }
        if not units.sensor(sensor).thermometer:
            cases["white_laid_on_again"] = replace(cases["room_15_to_45"], again=True)
        for name, case in cases.items():
            moved = opened.read(light(simulate.pairs(cups, 1, 777, unit, case)).channels) - usual
            told.setdefault(name, []).append(np.abs(moved))
    return {
        name: {
            "rms": float(np.sqrt(np.mean(np.square(moved)))),
            "p99": float(np.quantile(moved, 0.99)),
            "most": float(np.max(moved)),
        }
        for name, moved in told.items()
    }


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
