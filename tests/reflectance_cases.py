"""Calibrations and readings at random: what units have, and the edges of what a board takes."""

import datetime as dt

import numpy as np

from canbean.roast.calibration import ALPHA_LIMIT, ZERO_LIMIT, Calibration, Channel

FULL = ((1 << 18) - 1, 43_008, 65_535)


def random_calibration(rng):
    """One that a unit could have, or one at the edges."""
    channels = []
    for _ in range(int(rng.integers(1, 5))):
        if rng.random() < 0.6:
            channel = Channel.of(
                rng.uniform(0, 25_000),
                100 / rng.uniform(2_000, 250_000),
                -rng.uniform(0, 0.009),
                rng.uniform(0, 3e4),
            )
        else:
            channel = Channel(
                int(
                    rng.choice([1 - ZERO_LIMIT, 0, ZERO_LIMIT - 1, rng.integers(-ZERO_LIMIT + 1, ZERO_LIMIT)])
                ),
                int(rng.choice([1, 4095, 4096, ZERO_LIMIT - 1, rng.integers(1, ZERO_LIMIT)])),
                int(rng.choice([-ALPHA_LIMIT, 0, ALPHA_LIMIT, rng.integers(-ALPHA_LIMIT, ALPHA_LIMIT + 1)])),
                int(rng.choice([0, (1 << 20) - 1, rng.integers(0, 1 << 20)])),
            )
        channels.append(channel)
    at = None if rng.random() < 0.2 else int(rng.choice([-800, 400, 2400, rng.integers(-800, 2401)]))
    return Calibration(dt.date(2026, 11, int(rng.integers(1, 31))), "unit-7", at, tuple(channels))


def random_counts(rng, channels, rows):
    """Counts (rows, channels) and 1/16 degrees (rows,), some at the edges."""
    counts = np.exp2(rng.uniform(0, 18, (rows, channels))).astype(np.int64)
    edge = rng.random(counts.shape) < 0.2
    counts[edge] = rng.choice(
        [0, -1, -300, 4095, 4096, (1 << 18) - 1, (1 << 20) - 1, 1 - (1 << 20)], edge.sum()
    )
    celsius16 = rng.integers(15 * 16, 45 * 16, rows)
    celsius16[rng.random(rows) < 0.2] = rng.choice([-640, 0, 1360, 2**15])
    return counts, celsius16


def random_measurements(rng, rows, channels):
    """What `judge` is given of `rows` readings: counts, dark, spread, full, milli, empty; all its answers occur."""
    full = int(rng.choice(FULL))
    counts = np.minimum(np.exp2(rng.uniform(3, np.log2(full * 1.1), (rows, channels))).astype(np.int64), full)
    dark = (counts * rng.choice([0, 0, 0.02, 0.125, 0.6], (rows, channels))).astype(np.int64)
    spread = (counts * rng.choice([0, 0.003, 0.003, 0.016, 0.1], (rows, channels))).astype(np.int64)
    milli = rng.choice([0, 300, 600, -600, 3499, 3500, 9000, 90_000], (rows, channels)) + rng.integers(-9, 9)
    return counts, dark, spread, full, milli, rng.integers(-40, 40, channels)
