"""Clocks of the senders: the period of each id to parts per million, and which ids one clock sends.

A control unit times its frames by its own crystal, whose error is its *skew*: Cho & Shin, Fingerprinting Electronic Control
Units for Vehicle Intrusion Detection (CIDS), USENIX Security 2016. As there, an id's offsets from an even beat are averaged
over batches of `BATCH` frames and the skew is their slope by recursive least squares with forgetting; after the last batch that
is the least-squares line with weights `FORGETTING` ** age, which is how it is computed here. Unlike there the line has an
intercept, a batch has its median, for a frame that waited must not bend it, and a lost frame is counted as a beat.

Skews are against the clock of the log, which has an error of its own, the same for all ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.clock import clock_step_us
from canbean.detect.fingerprint import epochs, gaps, rows_of
from canbean.detect.habits import CLOCKED, PERIODIC_GAPS, USUAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames

BATCH = 20
FORGETTING = 0.9995
BATCHES_LEAST = 6
NOMINAL_US = 500.0
"""Periods are meant to be a multiple of this; skews are against the nearest one."""
OUTLIER_S = 30.0
"""An id shows a gap outside its tolerance about this often at most."""
LOST_MOST = 3
"""Up to so many periods a gap is lost frames; after a longer one nothing is known of the beat."""
COARSE_PPM = 25.0
"""A skew that is less certain (one sigma) tells no sender from another."""
ALIKE = 4.0
"""Ids belong together whose skews differ by less, in sigmas, on average."""
STEADY_PPM = 0.5
"""No skew is more certain than this: crystals follow the temperature."""
GRID_S = 5.0
SLEEP_US = 1_000_000


@dataclass(frozen=True)
class Beat:
    """When the frames of one id came, measured against an even beat.

    Attributes:
        period_us: its period.
        uncertainty_ppm: one sigma of the period.
        tolerance_us: gaps hardly ever differ from the period by more.
        at_us: float64 (k,), middle of each batch, since the log's first frame.
        wander_us: float64 (k,), how late its frames were then against the period.
    """

    period_us: float
    uncertainty_ppm: float
    tolerance_us: float
    at_us: NDArray[np.float64]
    wander_us: NDArray[np.float64]


@dataclass(frozen=True)
class Clock:
    """The clock that an id is sent by.

    Attributes:
        key: `id | ext << 29`.
        period_us: its period by the log's clock.
        skew_ppm: against the nearest multiple of `NOMINAL_US`; above 0 where frames come late.
        uncertainty_ppm: one sigma of it.
        group: number of the sender, from 0, by descending number of ids.
        sure: how likely it is that sender rather than another one of the bus or one of its own, 0 to 1.
    """

    key: int
    period_us: float
    skew_ppm: float
    uncertainty_ppm: float
    group: int
    sure: float


@dataclass(frozen=True)
class Clocks:
    """The clocks of a bus.

    Attributes:
        clocks: of each id that could be measured, by key.
        left_out: keys of periodic ids whose period is too uncertain after so much log.
    """

    clocks: dict[int, Clock]
    left_out: tuple[int, ...]


def clocks(frames: Frames) -> Clocks:
    """The clock of every id that one sends, and the ids grouped into senders.

    Args:
        frames: a log of one bus in order of time, without remote and error frames.
    """
    if not len(frames):
        return Clocks({}, ())
    keys, step_us = np.unique(frames.key), clock_step_us(frames.t_us)
    row = rows_of(keys, frames.key)
    gap, _ = gaps(frames.t_us, row, epochs(frames.t_us, SLEEP_US))
    order = np.argsort(row, kind="stable")
    beats: dict[int, Beat] = {}
    left_out = []
    for key, members in zip(
        keys.tolist(), np.split(order, np.flatnonzero(np.diff(row[order])) + 1), strict=True
    ):
        one = beat(frames.t_us[members] - frames.t_us[0], gap[members], step_us)
        if one is not None and one.uncertainty_ppm <= COARSE_PPM:
            beats[key] = one
        elif one is not None:
            left_out.append(key)
    return Clocks(_grouped(beats), tuple(left_out))


def beat(t_us: NDArray[np.int64], gap_us: NDArray[np.int64], step_us: int = 1) -> Beat | None:
    """Measure the beat of one id; None where no clock sends it, or where it sends too few frames to tell.

    Args:
        t_us: int64 (m,), times of its frames, ascending within an epoch.
        gap_us: int64 (m,), as `fingerprint.gaps` gives it.
        step_us: of the log's clock: so much a beat may have moved from end to end unseen.
    """
    known = gap_us[gap_us >= 0]
    if len(known) < max(PERIODIC_GAPS, BATCH * BATCHES_LEAST):
        return None
    middle, usual = np.quantile(known, [0.5, USUAL[0]])
    if not 0 < usual <= CLOCKED * middle:
        return None
    beats = np.where(gap_us >= 0, np.rint(gap_us / middle), 0)
    counted = (beats > 0) & (beats <= LOST_MOST)
    period = float(gap_us[counted].sum() / beats[counted].sum())
    apart = np.abs(gap_us - beats * period)
    share = min(1.0, 1 - period / (1e6 * OUTLIER_S))
    tolerance = float(min(1.25 * np.quantile(apart[counted], max(share, 0.5)), period / 2))
    late = np.cumsum(np.where(counted, gap_us - beats * period, 0.0))
    part = _parts(late, counted, counted & (apart <= tolerance), tolerance)
    # Of each part whole batches; what is left over is not used.
    place = np.arange(len(part)) - np.searchsorted(part, part)
    size = np.bincount(part)
    used = place < size[part] // BATCH * BATCH
    if np.sum(used) < BATCH * BATCHES_LEAST:
        return None
    offset = np.median(late[used].reshape(-1, BATCH), axis=1)
    at = t_us[used].reshape(-1, BATCH).mean(axis=1)
    slope, sigma, wander = _line(at, offset, part[used][::BATCH])
    sigma = float(np.hypot(sigma, step_us / max(float(at[-1] - at[0]), 1.0)))
    return Beat(period * (1 + slope), 1e6 * sigma, tolerance, at, wander)


def _parts(
    late: NDArray[np.float64], counted: NDArray[np.bool_], usual: NDArray[np.bool_], tolerance: float
) -> NDArray[np.int64]:
    """Number of the stretch of an even beat that each frame lies in: a new one begins where the beat moves for good."""
    begins = ~counted
    for at in np.flatnonzero(counted & ~usual).tolist():
        before, after = late[max(at - BATCH, 0) : at], late[at : at + BATCH]
        if len(before) and abs(float(np.median(after) - np.median(before))) > tolerance:
            begins[at] = True
    return np.cumsum(begins) - int(begins[0])


def _line(
    at: NDArray[np.float64], offset: NDArray[np.float64], part: NDArray[np.int64]
) -> tuple[float, float, NDArray[np.float64]]:
    """Slope, its standard error and the residuals (k,) of a line with an intercept for each part.

    Residuals go together with those before: so many count as (1 - r) / (1 + r) as many, by the correlation r of neighbours
    (Bartlett 1935).
    """
    weight = FORGETTING ** np.arange(len(at) - 1, -1, -1)
    _, part = np.unique(part, return_inverse=True)
    total = np.bincount(part, weight)

    def centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = values - (np.bincount(part, weight * values) / total)[part]
        return out

    x, y = centred(at), centred(offset)
    spread = float(np.sum(weight * x * x))
    if spread == 0:
        return 0.0, np.inf, y
    slope = float(np.sum(weight * x * y)) / spread
    rest = y - slope * x
    free = max(len(at) - len(total) - 1, 1)
    power = float(np.sum(rest * rest))
    follows = float(np.clip(np.sum(rest[1:] * rest[:-1]) / power, 0.0, 0.98)) if power > 0 else 0.0
    variance = power / free * (1 + follows) / (1 - follows) / spread
    return slope, float(np.sqrt(variance * len(at) / weight.sum())), rest


def skew_ppm(period_us: float) -> float:
    """Error of a period against the nearest multiple of `NOMINAL_US`, in ppm."""
    nominal = NOMINAL_US * max(round(period_us / NOMINAL_US), 1)
    return 1e6 * (period_us / nominal - 1)


def _grouped(beats: dict[int, Beat]) -> dict[int, Clock]:
    """Clocks with the senders that they belong to."""
    if not beats:
        return {}
    skew = np.array([skew_ppm(one.period_us) for one in beats.values()])
    sigma = np.hypot([one.uncertainty_ppm for one in beats.values()], STEADY_PPM)
    group = _senders(_distances(skew, sigma, _shared(list(beats.values()))))
    sure = _sure(skew, sigma, group)
    return {
        key: Clock(key, one.period_us, float(skew[i]), one.uncertainty_ppm, int(group[i]), float(sure[i]))
        for i, (key, one) in enumerate(beats.items())
    }


def _shared(beats: list[Beat]) -> NDArray[np.float64]:
    """(n, n): correlation of the wander of ids, 0 to 1: a clock that wanders takes all its ids along."""
    end = max(float(one.at_us[-1]) for one in beats)
    grid = np.arange(0, end, 1e6 * GRID_S)
    wander = np.stack([np.interp(grid, one.at_us, one.wander_us) for one in beats])
    if len(grid) < BATCHES_LEAST:
        return np.eye(len(beats))
    wander = wander - wander.mean(axis=1, keepdims=True)
    length = np.sqrt(np.sum(wander * wander, axis=1)).clip(1e-9)
    return np.asarray(np.clip(wander @ wander.T / np.outer(length, length), 0.0, 1.0), np.float64)


def _distances(
    skew: NDArray[np.float64], sigma: NDArray[np.float64], shared: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, n): how far skews are apart, in sigmas of their difference; what two ids share is in neither's error."""
    variance = sigma[:, None] ** 2 + sigma**2 - 2 * shared * np.outer(sigma, sigma)
    apart = np.abs(skew[:, None] - skew) / np.sqrt(np.maximum(variance, 2 * STEADY_PPM**2))
    np.fill_diagonal(apart, 0.0)
    return apart


def _senders(apart: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of each id's group (n,), by average linkage, the largest group first."""
    if len(apart) == 1:
        return np.zeros(1, np.int64)
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415 - slow to import

    found = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=ALIKE
    ).fit_predict(apart)
    _, first, which, count = np.unique(found, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(count), np.int64)
    rank[np.lexsort((first, -count))] = np.arange(len(count))
    return np.asarray(rank[which], np.int64)


def _sure(
    skew: NDArray[np.float64], sigma: NDArray[np.float64], group: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How likely each id's group is (n,), against the other groups and against a sender of its own, by the skew alone.

    Where the ids of groups lie farther apart than their sigmas say, these are larger by as much.
    """
    member = group == np.arange(group.max() + 1)[:, None]  # (groups, n)
    weight = member / sigma**2
    # An id does not vouch for itself.
    total = weight.sum(axis=1, keepdims=True) - weight
    mean = ((weight @ skew)[:, None] - weight * skew) / np.maximum(total, 1e-30)
    apart = np.abs(skew - mean) / np.hypot(sigma, 1 / np.sqrt(np.maximum(total, 1e-30)))
    of_own = group, np.arange(len(skew))
    among = apart[of_own][(total > 0)[of_own]]
    apart /= max(1.0, float(np.sqrt(np.mean(among**2)))) if len(among) else 1.0
    alone = np.exp(-0.5 * ALIKE**2)
    chance = np.where(total > 0, np.exp(-0.5 * np.minimum(apart, 30) ** 2), 0.0)
    single = member.sum(axis=1)[group] == 1
    likely = np.where(single, alone, chance[of_own])
    return np.asarray(likely / (chance.sum(axis=0) + alone), np.float64)
