"""Fingerprints and frames at random, the odd corners included, for parity of host and board."""

from __future__ import annotations

import numpy as np

from canbean.can.frames import LENGTHS, Frames
from canbean.detect.fingerprint import FOREVER_US, RECORD, Fingerprint

LIMITS = {
    "dlcs": 65536,
    "payload_bits": 300,
    "gap_edge": 1900,
    "span_edge": 1900,
    "early_base": 200,
    "early_slope": 3000,
    "early_most": 600,
    "late_edge": 1900,
    "late_slope": 3000,
    "late_base": 200,
    "late_most": 900,
    "start_s": 60,
}


def fingerprint(rng) -> Fingerprint:
    n = int(rng.integers(1, 12))
    low, high = np.sort(rng.integers(0, 256, (2, n, 8)), axis=0).astype(np.uint8)
    mask = (rng.integers(0, 256, (n, 8)) & rng.integers(0, 256, (n, 8))).astype(np.uint8)
    record = np.stack([rng.integers(0, LIMITS[name], n) for name in RECORD], axis=1).astype(np.uint16)
    record[rng.random(n) < 0.7, RECORD.index("start_s")] = 0
    return Fingerprint(
        keys=np.sort(rng.choice(40, n, replace=False) + rng.choice([0, 1 << 29, (1 << 30) - 50])).astype(
            np.uint32
        ),
        timeout_us=rng.choice([50_000, 1_000_000, 400_000_000, FOREVER_US], n).astype(np.uint32),
        record=record,
        mask=mask,
        low=low,
        high=high,
        threshold=int(rng.integers(1, 900)),
        unknown_bits=int(rng.choice([1024, rng.integers(0, 1024)])),
        dlc_bits=int(rng.integers(0, 500)),
        rate_bits=int(rng.integers(0, 500)),
        share=int(rng.integers(2, 33)),
        burst=int(rng.integers(0, 20)),
        sleep_us=int(rng.choice([300_000, 2_000_000, FOREVER_US])),
        hold_us=int(rng.choice([1, 100_000])),
        crowd_us=int(rng.choice([1, 3_000_000, 20_000_000])),
        pace_us=int(rng.choice([1, 30_000, 1_000_000])),
    )


def frames(rng, of: Fingerprint, m: int = 400) -> Frames:
    steps = np.exp(rng.uniform(0, 14, m)).astype(np.int64)
    odd = rng.random(m)
    steps[odd < 0.02] = rng.integers(-200_000, 0, int((odd < 0.02).sum()))
    steps[odd > 0.99] = rng.integers(0, 3_000_000_000, int((odd > 0.99).sum()))
    count = int(rng.choice([2, 300]))
    standard, extended = rng.integers(0, 0x800, count), rng.integers(1 << 29, 1 << 30, count)
    strange = np.where(rng.random(count) < 0.3, standard, extended)
    keys = rng.choice(np.concatenate([of.keys, [7, 1 << 29], strange[:2]]).astype(np.uint32), m)
    unknown = rng.random(m) < 0.2
    keys[unknown] = rng.choice(strange, int(unknown.sum()))
    same = rng.random(m) < 0.3
    keys[1:][same[1:]] = keys[:-1][same[1:]]
    row = np.searchsorted(of.keys, keys).clip(0, len(of) - 1)
    usual = rng.integers(of.low[row].astype(int), of.high[row].astype(int) + 1)
    usual = (usual & ~of.mask[row]) | (of.low[row] & of.mask[row])
    wild = rng.random((m, 8)) < 0.05
    data, dlc = np.where(wild, rng.integers(0, 256, (m, 8)), usual), rng.choice(LENGTHS, m)
    t_us = np.cumsum(steps) + int(rng.choice([0, 1_700_000_000_000_000]))
    return Frames(
        t_us=t_us - min(int(t_us.min()), 0),
        id=keys & 0x1FFFFFFF,
        ext=keys >> 29,
        flags=rng.choice([0, 0, 0, 0, 1, 2, 4], m),
        dlc=dlc,
        data=np.where(np.arange(8) < dlc[:, None], data, 0),
        bus=np.zeros(m),
        label=np.zeros(m),
    )
