"""Small models of every kind, and what can go wrong with the bytes of one."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from functools import cache

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from canbean.can import simulate
from canbean.detect import model as gateway
from canbean.detect.learn import learn
from canbean.tiny import cbm, estimators, predictor
from canbean.tiny.blend import Blend
from canbean.tiny.dense import Dense
from canbean.tiny.features import Features
from canbean.tiny.neighbours import Neighbours
from canbean.tiny.polynomial import Polynomial, terms
from canbean.tiny.regressor import Regressor
from canbean.tiny.spline import Spline
from canbean.tiny.vae import Vae

KEY = bytes(range(32))
METERS = ("POLY", "SPLN", "KNNS", "BLND", "DENS")
KINDS = (*METERS, "FPRN", "FRST", "RBFS", "VAEN", "GMIX")
KNOWN = {
    "gateway": ("META", "GOLD", "FPRN", "CHKS"),
    "roastmeter": ("META", "GOLD", "FEAT", *METERS),
    "model": ("META", "GOLD", "FEAT", "TASK", *predictor.KINDS),
}
EDGES = [0, 1, 2, 4, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 257, 4096, 32767, 32768, 65535]
EDGES += [2**30, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]


def application(kind):
    return "gateway" if kind == "FPRN" else "roastmeter" if kind in METERS else "model"


def _any_model(kind):
    """A small predictor of the application `model`."""
    rng = np.random.default_rng(KINDS.index(kind))
    values = np.exp(rng.normal([7, 8], 0.4, (40, 2)))
    if kind == "VAEN":
        front = Features.fit(values)
        x = front.apply(front.readings(values)) / 4096
        halves = [
            ([rng.standard_normal(shape)], [rng.standard_normal(shape[0])]) for shape in ((1, 2), (2, 1))
        ]
        made = Vae.from_float(*halves, [0.5, 0.7], x)
        found = predictor.Predictor(front, made, "anomaly", threshold=100)
        found = dataclasses.replace(found, examples=front.readings(values[:3]))
        return found.model().sections
    y = values.sum(axis=1)
    fitted = {
        "FRST": lambda: RandomForestRegressor(3, max_depth=3, random_state=0).fit(values, y),
        "RBFS": lambda: make_pipeline(StandardScaler(), SVR(C=300, epsilon=300)).fit(values, y),
        "GMIX": lambda: GaussianMixture(3, covariance_type="diag", random_state=0).fit(values),
    }[kind]()
    found = estimators.from_sklearn(fitted, values)
    return dataclasses.replace(found, report={}, examples=found.examples[:3]).model().sections


@cache
def small(kind):
    """A model of under 900 bytes with META, what it computes with, GOLD, and a section that no reader knows."""
    if kind == "FPRN":
        drive = simulate.drive(30, 1)
        few = drive[np.isin(drive.id, np.unique(drive.id)[:4])]
        packed = gateway.pack(learn([few]), {"name": "s", "data": "simulated", "made_from": "a test"})
        sections = {**packed.sections, "META": cbm.encode_meta({"app": "gateway"})}
    elif kind not in METERS:
        sections = _any_model(kind)
    else:
        rng = np.random.default_rng(KINDS.index(kind))
        values = np.exp(rng.normal([7, 8], 0.4, (12, 2)))
        front = Features.fit(values)
        x = front.apply(front.readings(values)) / 4096
        made = {
            "POLY": lambda: Polynomial.from_float(2, 90, 5 * rng.standard_normal(terms(2, 2)), 2),
            "KNNS": lambda: Neighbours.from_float(3, x, rng.uniform(0, 180, len(x))),
            "SPLN": lambda: Spline.from_float([0.5, 0.5], -2, 2, np.linspace(10, 170, 17)),
            "BLND": lambda: Blend.from_float(
                [Polynomial.from_float(1, 90, [20, 10], 2), Spline.from_float([1, 0], -2, 2, [9, 50, 150])],
                [1, 2],
            ),
            "DENS": lambda: Dense.from_float(
                [rng.standard_normal((4, 2)), 20 * rng.standard_normal((1, 4))],
                [rng.standard_normal(4), [90]],
                x,
            ),
        }[kind]()
        regressor = Regressor(front, made, (0, 180))
        gold = regressor.golden(front.readings(values[:3]))
        sections = {"META": cbm.encode_meta({"app": "roastmeter"}), **regressor.sections(), "GOLD": gold}
    return cbm.Model({**sections, "note": b"kept"})


def open_on_host(blob, kind, key=None):
    """The model, once everything that the host checks of it holds."""
    model = cbm.unpack(blob, "x.cbm", key)
    if kind == "FPRN":
        gateway.check(model, "x.cbm")
    elif kind not in METERS:
        predictor.Predictor.from_model(model, "x.cbm")
    else:
        Regressor.from_model(model, "x.cbm")
    return model


def with_digest(content):
    """`content`, header to last section, as an unsigned file whose length and digest fit."""
    body = bytearray(content)
    if len(body) >= cbm.HEADER.size:
        body[11] = 0
        struct.pack_into("<I", body, 12, len(body) + cbm.TRAILER)
    return bytes(body) + hashlib.sha256(body).digest()


def mutated(dice, blob, other):
    """`blob` with one to four things done to it; `other` is where a splice comes from."""
    wrong = bytearray(blob)
    for _ in range(dice.randint(1, 4)):
        at, size = dice.randrange(len(wrong) + 1), dice.randint(1, 20)
        way = dice.randrange(7)
        if way == 0 and at < len(wrong):
            wrong[at] ^= 1 << dice.randrange(8)
        elif way == 1 and at < len(wrong):
            wrong[at] = dice.randrange(256)
        elif way == 2:
            del wrong[at : at + size]
        elif way == 3:
            wrong[at:at] = dice.randbytes(size)
        elif way == 4:
            there = dice.randrange(len(wrong) + 1)
            first, second = wrong[at : at + size], wrong[there : there + size]
            wrong[there : there + size] = first
            wrong[at : at + size] = second
        elif way == 5:
            start = dice.randrange(len(other))
            wrong[at : at + size] = other[start : start + dice.randint(1, 40)]
        elif len(wrong) >= 4:
            # counts, lengths and offsets stand at multiples of 2
            at = min(at & ~1, len(wrong) - 4)
            layout = dice.choice(["<H", "<I", "<B"])
            edge = dice.choice([*EDGES, len(blob), len(blob) - 32])
            struct.pack_into(layout, wrong, at, edge & (1 << 8 * struct.calcsize(layout)) - 1)
    return bytes(wrong)


def damaged(dice, blob, other):
    """As `mutated`, until it is another."""
    while (wrong := mutated(dice, blob, other)) == blob:
        pass
    return wrong


def forged(dice, model, other):
    """A file whose digest fits, wrong in its bytes or, with a table that fits too, in one of its sections."""
    if dice.random() < 0.4:
        return with_digest(mutated(dice, cbm.pack(model)[: -cbm.TRAILER], other))
    sections = dict(model.sections)
    for _ in range(dice.randint(1, 2)):
        tag = dice.choice(list(sections))
        sections[tag] = mutated(dice, sections[tag] or b"\0", other)
    return cbm.pack(cbm.Model(sections))


def hostile(kind):
    """Models whose digests fit and whose sections ask for as much memory or time as their fields can say."""
    model = small(kind)
    counts = [0xFF, 0xFFFF, 0xFFFFFFFF]

    def having(**sections):
        return cbm.Model({**model.sections, **sections})

    gold = model.sections["GOLD"]
    wrong = [
        having(GOLD=struct.pack("<HH", 65535, 0)),
        having(GOLD=struct.pack("<HH", 9, 0) + gold[4:] + bytes(4 * 65535)),
        having(GOLD=struct.pack("<HHHH", 1, 0, 65535, 65535)),
        having(GOLD=struct.pack("<HHHH", 1, 0, 0, 0)),
        having(GOLD=b""),
    ]
    section = model.sections[kind]
    for size in (1, 2, 4):
        for at in range(0, min(len(section), 40), size):
            field = counts[size // 2].to_bytes(size, "little")
            wrong += [having(**{kind: section[:at] + value + section[at + size :]})
                      for value in (field, bytes(size)) if section[at : at + size] != value]  # fmt: skip
    wrong += [having(**{kind: section[:length]}) for length in range(0, len(section), 5)]
    if kind != "FPRN":
        front = model.sections["FEAT"]
        wrong += [having(FEAT=struct.pack("<H", count) + front[2:]) for count in (0, 1, 255, 65535)]
        wrong += [having(FEAT=front[:length]) for length in range(0, len(front), 5)]
    asks = {
        "POLY": [struct.pack("<BBBBi", 255, 255, 0, 0, 0), struct.pack("<BBBBi", 255, 3, 255, 0, 0)],
        "SPLN": [struct.pack("<BBHi", 255, 0, 65535, 0), struct.pack("<BBHi", 0, 0, 0, 0), bytes(3)],
        "BLND": [
            struct.pack("<BBH", 255, 0, 0),
            bytes(4),
            struct.pack("<BBH4sHH", 1, 0, 0, b"BLND", 1024, 0),
        ],
        "KNNS": [struct.pack("<HBB", 65535, 255, 255), struct.pack("<HBB", 65535, 0, 0), bytes(4)],
        "DENS": [
            struct.pack("<HHii", 255, 0, -32767, 32767),
            struct.pack("<HHiiHHiiii", 1, 0, -32767, 32767, 65535, 65535, 0, 0, 0, 0),
            struct.pack("<HHiiHHiiii", 1, 0, -32767, 32767, 2, 65535, 0, 0, 0, 0),
            struct.pack("<HHii", 255, 0, -32767, 32767) + 255 * struct.pack("<HHiiii", 0, 0, 0, 0, 0, 0),
        ],
        "FPRN": [
            struct.pack("<HHHHHHBBHIIII", 65535, 0, 0, 12, 0, 0, 0, 0, 0, 1, 1, 1, 1),
            struct.pack("<HHHHHHBBHIIII", 0, 0, 0, 12, 0, 0, 0, 0, 0, 1, 1, 1, 1),
        ],
        "FRST": [
            struct.pack("<BBBbHHi", 63, 255, 0, 0, 65535, 65535, 0),
            struct.pack("<BBBbHHi", 2, 1, 1, 0, 65535, 0, 0),
        ],
        "RBFS": [
            struct.pack("<HBBBBBBHHi", 65535, 63, 255, 0, 0, 0, 31, 0, 0, 0),
            struct.pack("<HBBBBBBHHi", 0, 0, 1, 0, 0, 0, 31, 0, 0, 0),
        ],
        "VAEN": [
            struct.pack("<HHIHHiiHHiiii", 2, 0, 32, 1, 0, -32767, 32767, 65535, 65535, 0, 0, 0, 0),
            struct.pack("<HHI", 65535, 0, 0xFFFFFFFF),
            struct.pack("<HHII", 65535, 0, 0, 0),
        ],
        "GMIX": [struct.pack("<HBB", 65535, 63, 0), struct.pack("<HBB", 65535, 0, 0), bytes(4)],
    }[kind]
    return wrong + [having(**{kind: ask}) for ask in asks]
