"""Places of an id in its cycle: where several senders, or one in bursts, send it at fixed phases of a common period.

An id whose gaps repeat after m frames and not before has m places in a cycle: `t[n + m] - t[n]` is the cycle's period though the gaps
are unlike. Places that move against each other over the log are timed by different crystals: by several senders. Places that
stay are timed by one, or by senders that follow each other; and two senders exactly half a period apart look like one. Nothing here
depends on clocks over longer than a few cycles but the drift itself.

For the report and the JSON of `can learn`; a board knows nothing of it: its edge for two gaps together (`fingerprint.py`) holds
for such ids as it is.

Phases lie on a circle, and so does their spread: of angles around a place, `sqrt(-2 ln R)` is the standard deviation, R the length of
the mean of their unit vectors (K. V. Mardia and P. E. Jupp, "Directional Statistics", 2000, 2.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames

PLACES_MOST = 6
CYCLES_LEAST = 40
"""In each part of the log."""
LEARNED_SHARE = 0.6
"""Of an id's frames; the rest confirms."""
REPEATS = 0.25
"""Share of the range of the gaps by which nine of ten gaps come back after a cycle."""
AS_GOOD = 1.5
UNLIKE = 0.1
"""Share of the mean gap that the range of the gaps exceeds: else the id is just periodic."""
STEPS = 4
"""Steps of the log's clock that it exceeds too: a rounded period alternates."""
BLOCK = 8
"""Cycles of which the places are taken together."""
STRETCHES = 8
"""Stretches of blocks through which the drift goes."""
NEAR = 0.25
"""Share of a mean gap within which a held-back frame is at its place."""
CONFIRMED = 0.8
"""Share of the held-back frames that must be followed by what was learned."""
SURE = 5.0
"""Standard errors that drifts differ by where crystals do. They also differ by"""
DRIFT_LEAST_PPM = 0.5
"""so much, and by a step of the log's clock over the log."""


@dataclass(frozen=True)
class Places:
    """Where in its cycle an id comes.

    Attributes:
        period_ms: of the cycle.
        phases_ms: of each place after the first, which follows the longest gap, in the middle of the part that was learned from;
            ascending, the first 0.
        spread_ms: circular standard deviation of the frames around their places.
        drift_ppm: how each place moves against the first.
        clocks: crystals that these drifts tell apart: so many senders at least.
        confirmed: share of the held-back frames that are followed by what was learned.
    """

    period_ms: float
    phases_ms: tuple[float, ...]
    spread_ms: float
    drift_ppm: tuple[float, ...]
    clocks: int
    confirmed: float

    def describe(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "period_ms": round(self.period_ms, 3),
            "phases_ms": [round(phase, 3) for phase in self.phases_ms],
            "spread_ms": round(self.spread_ms, 3),
            "drift_ppm": [round(drift, 2) for drift in self.drift_ppm],
            "clocks": self.clocks,
            "confirmed": round(self.confirmed, 3),
        }

    def words(self) -> str:
        """For people."""
        at = " and ".join(f"{phase:.3g}" for phase in self.phases_ms)
        by = f"{self.clocks} senders or more" if self.clocks > 1 else "one clock: bursts, or senders in step"
        return f"{len(self.phases_ms)} frames a cycle of {self.period_ms:.4g} ms, at {at} ms; {by}"


def places(frames: Frames, step_us: int = 1) -> dict[int, Places]:
    """The places of each key (`id | ext << 29`) that has several, by key; ordinary ids are not among them.

    Args:
        frames: a log in order of time.
        step_us: step of its clock.
    """
    keys, row, counts = np.unique(frames.key, return_inverse=True, return_counts=True)
    order = np.argsort(row, kind="stable")
    members = np.split(order, np.cumsum(counts)[:-1])[: len(keys)]
    each = (
        (key, of_times(frames.t_us[own], step_us)) for key, own in zip(keys.tolist(), members, strict=True)
    )
    return {key: one for key, one in each if one is not None}


def of_times(t_us: NDArray[np.int64], step_us: int = 1) -> Places | None:
    """The places of an id that came at these times, ascending; None where it has no or one place."""
    cut = int(LEARNED_SHARE * len(t_us))
    earlier, later = t_us[:cut], t_us[cut:]
    count = _count(earlier, step_us)
    if count is None or len(later) < CYCLES_LEAST * count or _count(later, step_us) != count:
        return None
    middle, offsets, spread = _blocks(earlier, count)
    if len(middle) < STRETCHES:
        return None
    period = float(np.median(offsets[:, -1]))
    centre = float(middle.mean())
    # Neighbouring blocks err together: a line through the means of a few long stretches, which do so less.
    parts = np.array_split(np.arange(len(middle)), STRETCHES)
    when = np.array([middle[part].mean() - centre for part in parts])
    where = np.stack([offsets[part, :count].mean(axis=0) for part in parts])
    slope, phase = np.polyfit(when, where, 1)
    rest = where - phase - slope * when[:, None]
    error = np.sqrt((rest**2).sum(axis=0) / (STRETCHES - 2) / (when**2).sum())
    least = max(DRIFT_LEAST_PPM * 1e-6, step_us / np.ptp(when))
    confirmed = _confirmed(later, period, phase, slope, centre)
    if confirmed < CONFIRMED:
        return None
    return Places(
        period / 1000,
        tuple((phase / 1000).tolist()),
        spread / 1000,
        tuple((1e6 * slope).tolist()),
        _clocks(slope, error, least),
        confirmed,
    )


def _count(t_us: NDArray[np.int64], step_us: int) -> int | None:
    """After how many gaps they repeat, 2 to `PLACES_MOST`; None where they do not, or are alike."""
    gap = np.diff(t_us).astype(np.float64)
    if len(gap) < 2 * CYCLES_LEAST:
        return None
    low, high = np.quantile(gap, [0.05, 0.95])
    if high - low < max(UNLIKE * gap.mean(), STEPS * step_us):
        return None
    lags = range(1, PLACES_MOST + 1)
    apart = np.array([np.quantile(np.abs(gap[lag:] - gap[:-lag]), 0.9) for lag in lags])
    # What repeats after m gaps repeats after 2 m: the first that is as good as the best.
    lag = 1 + int(np.argmax(apart <= AS_GOOD * apart.min() + step_us))
    # Gaps that are like the one before change slowly: those of another mode.
    repeats = apart[lag - 1] <= REPEATS * (high - low)
    return lag if lag > 1 and repeats and len(t_us) >= CYCLES_LEAST * lag else None


def _blocks(t_us: NDArray[np.int64], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Middle of each whole block in us, its places after the first and its period (blocks, count + 1), and the spread.

    A block in which a frame is missing or one too many is left out; the places of the next are those that lie nearest.
    """
    size = BLOCK * count
    gap = np.diff(t_us).astype(np.float64)
    low, high = np.quantile(gap, [0.05, 0.95])
    gap = gap[: len(gap) // size * size].reshape(-1, BLOCK, count)
    usual = np.median(gap, axis=1)
    whole = (np.abs(gap - usual[:, None]) <= (high - low) / 2).all(axis=(1, 2))
    middle = t_us[size // 2 :: size][: len(whole)][whole].astype(np.float64)
    found, angles = [], []
    before = None
    for one, each in zip(usual[whole], gap[whole], strict=True):
        if before is None:
            shift = int(one.argmax()) + 1
        else:
            apart = [np.abs(np.roll(one, -turn) - before).sum() for turn in range(count)]
            shift = int(np.argmin(apart))
        before = np.roll(one, -shift)
        own = np.roll(each.ravel(), -shift)[:-count].reshape(-1, count)
        ends = np.cumsum(own, axis=1)
        at = np.concatenate([[0.0], ends.mean(axis=0)])
        found.append(at)
        angles.append((2 * np.pi * (ends[:, :-1] - at[1:-1]) / at[-1]).ravel())
    if not found:
        return middle, np.zeros((0, count + 1)), 0.0
    length = abs(np.exp(1j * np.concatenate(angles)).mean())
    period = float(np.mean([at[-1] for at in found]))
    spread = period / (2 * np.pi) * np.sqrt(max(-2 * np.log(max(length, 1e-12)), 0.0))
    # Around its place and the first, both of which scatter.
    return middle, np.array(found), float(spread / np.sqrt(2))


def _confirmed(
    t_us: NDArray[np.int64],
    period: float,
    phase: NDArray[np.float64],
    slope: NDArray[np.float64],
    centre: float,
) -> float:
    """Share of the frames after which a whole cycle has its frames where they are expected."""
    count = len(phase)
    start = t_us[:-count]
    after = np.stack([t_us[k : len(t_us) - count + k] - start for k in range(1, count + 1)], axis=1)
    now = phase + slope * (start - centre)[:, None]
    near = NEAR * period / count
    fits = np.zeros(len(start), np.bool_)
    for first in range(count):
        due = np.roll(now, -first, axis=1) - now[:, first : first + 1]
        due = np.concatenate([due[:, 1:] % period, np.full((len(start), 1), period)], axis=1)
        fits |= (np.abs(after - due) <= near).all(axis=1)
    return float(fits.mean())


def _clocks(slope: NDArray[np.float64], error: NDArray[np.float64], least: float) -> int:
    """How many groups of drifts there are that cannot be one."""
    order = np.argsort(slope).tolist()
    groups, first = 1, order[0]
    for one in order[1:]:
        if slope[one] - slope[first] > max(SURE * float(np.hypot(error[one], error[first])), least):
            groups, first = groups + 1, one
    return groups
