"""Fingerprints and frames at random, the odd corners included, for parity of host and board."""

from __future__ import annotations

import numpy as np

from canbean.can.frames import LENGTHS, Frames
from canbean.detect.fingerprint import FOREVER_US, RECORD, Fingerprint

LIMITS = {
    "rarity": 300,
    "dlcs": 65536,
    "dlc_bits": 300,
    "payload_bits": 300,
    "gap_edge": 1900,
    "gap_slope": 3000,
    "span_edge": 1900,
    "span_slope": 16384,
    "early_base": 200,
    "late_edge": 1900,
    "late_slope": 3000,
    "late_base": 200,
}


def fingerprint(rng) -> Fingerprint:
    n = int(rng.integers(1, 12))
    low, high = np.sort(rng.integers(0, 256, (2, n, 8)), axis=0).astype(np.uint8)
    mask = (rng.integers(0, 256, (n, 8)) & rng.integers(0, 256, (n, 8))).astype(np.uint8)
    record = [rng.integers(0, LIMITS[name], n) for name in RECORD]
    return Fingerprint(
        keys=np.sort(rng.choice(40, n, replace=False) + rng.choice([0, 1 << 29, (1 << 30) - 50])).astype(
            np.uint32
        ),
        timeout_us=rng.choice([50_000, 1_000_000, 400_000_000, FOREVER_US], n).astype(np.uint32),
        record=np.stack(record, axis=1).astype(np.uint16),
        mask=mask,
        value=(low & mask).astype(np.uint8),
        low=low,
        high=high,
        threshold=int(rng.integers(1, 900)),
        unknown_bits=int(rng.integers(0, 1025)),
        sleep_us=int(rng.choice([300_000, 2_000_000, FOREVER_US])),
        hold_us=int(rng.choice([1, 100_000])),
        crowd_us=int(rng.choice([1, 3_000_000, 20_000_000])),
    )


def frames(rng, of: Fingerprint, m: int = 400) -> Frames:
    steps = np.exp(rng.uniform(0, 14, m)).astype(np.int64)
    odd = rng.random(m)
    steps[odd < 0.02] = rng.integers(-200_000, 0, int((odd < 0.02).sum()))
    steps[odd > 0.99] = rng.integers(0, 3_000_000_000, int((odd > 0.99).sum()))
    keys = rng.choice(np.append(of.keys, [7, 1 << 29]).astype(np.uint32), m)
    row = np.searchsorted(of.keys, keys).clip(0, len(of) - 1)
    usual = rng.integers(of.low[row].astype(int), of.high[row].astype(int) + 1)
    usual = (usual & ~of.mask[row]) | of.value[row]
    wild = rng.random((m, 8)) < 0.05
    t_us = np.cumsum(steps) + int(rng.choice([0, 1_700_000_000_000_000]))
    return Frames(
        t_us=t_us - min(int(t_us.min()), 0),
        id=keys & 0x1FFFFFFF,
        ext=keys >> 29,
        flags=rng.choice([0, 0, 0, 0, 1, 2, 4], m),
        dlc=rng.choice(LENGTHS, m),
        data=np.where(wild, rng.integers(0, 256, (m, 8)), usual),
        bus=np.zeros(m),
        label=np.zeros(m),
    )
