"""Which signals are informative across ids: those that signals of *other* ids tell, in traffic that was not fitted.

Candidates are the physical values and enumerations of ids that come often enough (`fields.py`); counters, checksums, constants
and noise are none. Each is regressed on those of all other ids, on one half of the clean samples, and judged on the other half
(ridge regression: Hoerl and Kennard 1970). What the others do not tell is left out as an input too: a slow value, at another level
on another day, would mislead all relations that lean on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.fields import Field, IdFields, learn_fields
from canbean.detect.kinds import CONSTANT, ENUMERATION, PHYSICAL
from canbean.detect.signals import BITS_MOST, PERIOD_MS, SIGNALS_MOST, Signal, Signals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.detect.windows import Traffic

RIDGE = 10.0
"""Penalty, in samples: weights on standardised signals are drawn to 0 as if so many samples said so."""
TOLD = 0.3
"""Share of a signal's variance that others must tell."""
CHANGES = 30
"""A signal that changes less often in the samples shows too little of itself."""
PEAKED = 16.0
"""Kurtosis above which a signal rests and is seldom far away: what was seen of that is a handful of occasions, not what it can do."""
GAP_US = 250_000
"""In 99 of 100 pauses of an id at most this passes."""
STALE = 4
"""Of its longest usual pause, after which an id's values are of the past."""
FOLDS = 4
"""Parts in turns fitted and judged, cut in time."""
SPREADS = 8.0
"""Standard deviations to which values are clipped, as 16-bit features are."""


def candidates(traffic: Traffic) -> Signals:
    """Every signal that could be sampled, perhaps none; of a clean traffic."""
    found: list[Signal] = []
    stale: list[int] = []
    for one in learn_fields(traffic.frames):
        t_us = traffic.frames.t_us[traffic.frames.key == one.key]
        pauses = np.diff(t_us)
        pauses = pauses[pauses >= 0]
        if len(pauses) < CHANGES or np.quantile(pauses, 0.99) > GAP_US:
            continue
        own = [
            Signal.at(one.key, _widened(field, one), signed=field.signed)
            for field in one.fields
            if field.kind in (PHYSICAL, ENUMERATION) and field.page is None
        ]
        own = [signal for signal in own if signal.length <= 8]
        if own:
            found += own
            usual = max(float(np.quantile(pauses, 0.999)), 2000.0 * PERIOD_MS)
            stale.append(int(np.clip(STALE * usual / 1000, 1, 65_535)))
    return Signals(tuple(found), tuple(stale))


def _widened(field: Field, of: IdFields) -> tuple[int, ...]:
    """A field's bits with those above it that were always 0: on another day it may reach them."""
    places = field.positions
    if field.signed or field.kind != PHYSICAL:
        return places
    zero = {
        position
        for other in of.fields
        if other.kind == CONSTANT
        for place, position in enumerate(other.positions)
        if not other.low >> place & 1
    }
    step = -1 if places[-1] // 8 < places[0] // 8 or field.order == "big" else 1
    top = list(places)
    while len(top) < BITS_MOST:
        byte, bit = divmod(top[-1], 8)
        above = 8 * byte + bit + 1 if bit < 7 else 8 * (byte + step)
        if above not in zero:
            break
        top.append(above)
    return tuple(top)


def relations(features: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 (d, d): each standardised signal as a sum of the others, its column; nothing of its own id.

    Args:
        features: (n, d) standardised samples.
        group: (d,) the id of each.
    """
    weights = np.zeros((len(group), len(group)))
    moments = features.T @ features
    for column in range(len(group)):
        others = np.flatnonzero(group != group[column])
        if len(others):
            normal = moments[np.ix_(others, others)] + RIDGE * np.eye(len(others))
            weights[others, column] = np.linalg.solve(normal, moments[others, column])
    return weights


def reduced(
    x: NDArray[np.float64], weights: NDArray[np.float64], usual: NDArray[np.float64], rank: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Relations cut to a few directions: (d, rank) into a code of unit variance, (rank, d) back.

    The directions are those that explain most of what the relations say, in usual errors (reduced-rank regression:
    Izenman 1975).

    Args:
        x: (n, d) samples in standard deviations.
        weights: (d, d) relations, a column a signal.
        usual: (d,) their errors.
        rank: directions; d where that is less.
    """
    root = np.linalg.cholesky(x.T @ x / len(x) + 1e-6 * np.eye(x.shape[1]))
    left, size, right = np.linalg.svd(root.T @ weights / usual, full_matrices=False)
    encode = np.linalg.solve(root.T, left[:, :rank])
    return encode, size[:rank, None] * right[:rank] * usual


def told(features: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 (d,): the least share of each signal's variance that the others tell in a part that was not fitted."""
    part = np.arange(len(features)) * FOLDS // max(len(features), 1)
    spread = features.var(axis=0) + 1e-12
    shares = []
    for fold in range(FOLDS):
        held = features[part == fold]
        error = held - held @ relations(features[part != fold], group)
        shares.append(1 - (error**2).mean(axis=0) / spread)
    least: NDArray[np.float64] = np.min(shares, axis=0)
    return least


def standardised(values: NDArray[np.int64], clip: float = SPREADS) -> NDArray[np.float64]:
    """float64 (n, d): values less their means over their standard deviations, clipped; 0 where one never changes."""
    spread = values.std(axis=0)
    centred = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return np.asarray(np.clip(centred, -clip, clip), np.float64)


def informative(
    signals: Signals, values: NDArray[np.int64], most: int = SIGNALS_MOST, least: float = TOLD
) -> NDArray[np.int64]:
    """int64 (d,): which signals others tell, ascending; the best `most` of them.

    The worst are left out step by step, because a bad input spoils good relations.

    Args:
        signals: the candidates.
        values: (n, candidates) clean samples.
        most: how many at most.
        least: share of its variance that others tell of each.
    """
    changes = (np.diff(values, axis=0) != 0).sum(axis=0)
    peaked = (standardised(values, np.inf) ** 4).mean(axis=0)
    kept = np.flatnonzero((changes >= CHANGES) & (peaked <= PEAKED))
    group = signals.group
    while len(kept):
        shares = told(standardised(values[:, kept]), group[kept])
        over = max(len(kept) - most, 0)
        bad = max(int((shares < least).sum()), over)
        if not bad:
            break
        drop = np.argsort(shares, kind="stable")[: max(1, bad // 3)]
        kept = np.delete(kept, drop)
    return kept


def chosen(signals: Signals, columns: NDArray[np.int64]) -> Signals:
    """The signals of some columns, ascending."""
    group = signals.group
    kept = sorted({int(group[column]) for column in columns})
    return Signals(
        tuple(signals.signals[column] for column in columns),
        tuple(signals.stale_ms[number] for number in kept),
        signals.period_ms,
    )
