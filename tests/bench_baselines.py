"""Baselines that `tools/bench detect` ranks beside our detector: simple detectors with the same budget and the same alerts.

Each has `fit(clean)` and `alerts(frames)`. What a baseline marks is an anomaly with a score; its threshold comes from the
later 40 % of the clean log, which its tables had not seen, by one of two rules:

* `tail`: the return level of the budget, peaks over threshold (`return_level`). Scores that end below it cannot
  reach the budget: the threshold is then the highest score possible, and `reaches` says so.
* `highest`: just above the highest score of that later part, which is kind to the baseline's recall and promises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import poisson
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from canbean.detect.alerts import Alert
from canbean.detect.fingerprint import dlc_codes

LATER = 0.6
WINDOW_US = 100_000
"""Length of a window: an event of a single frame is detected within 100 ms, or not at all."""
SCALE = 16
NOTHING = -(1 << 20)
PEAK_US = 1_000_000
WINDOW_SCALE = 4096


def return_level(scores, hours, per_hour):
    """The score that is passed `per_hour` times an hour: peaks over threshold with a generalised Pareto tail.

    The shape is estimated by probability-weighted moments (Hosking & Wallis 1987) and kept in [0, 0.5]: a
    bounded tail would promise what so little data cannot.

    Args:
        scores: one score for each separate peak, int64 (n,), in any unit.
        hours: the time in which they were seen.
        per_hour: the budget.

    Returns:
        The level, in the unit of the scores; never less than the highest of them.
    """
    ordered = np.sort(scores)[::-1].astype(np.float64)
    if len(ordered) < 8:
        return float(ordered[0]) if len(ordered) else 0.0
    k = int(np.clip(len(ordered) // 10, 8, 200))
    level = ordered[min(k, len(ordered) - 1)]
    over = ordered[:k] - level  # descending
    weights = np.arange(k) / (k - 1)  # the share of the sample that lies above each
    mean, weighted = float(over.mean()), float((over * weights).mean())
    shape = float(np.clip(2 - mean / (mean - 2 * weighted), 0.0, 0.5)) if mean > 2 * weighted else 0.0
    scale = mean * (1 - shape)
    ratio = max(k / hours / per_hour, 1.0)
    beyond = scale * (np.log(ratio) if shape < 1e-6 else (ratio**shape - 1) / shape)
    return float(max(level + beyond, ordered[0]))


@dataclass
class Anomalies:
    """What a detector marks: n times (us), keys, scores (`NOTHING` where there is none) and one kind an entry."""

    t_us: np.ndarray
    key: np.ndarray
    score: np.ndarray
    kind: str

    def peaks(self):
        """The highest score of each id and second."""
        some = self.score > NOTHING
        block = self.key[some].astype(np.int64) * (1 << 32) + self.t_us[some] // PEAK_US
        _, which = np.unique(block, return_inverse=True)
        out = np.full(which.max() + 1 if len(which) else 0, NOTHING, np.int64)
        np.maximum.at(out, which, self.score[some])
        return out


class Baseline:
    """A detector with tables (`learn`), scores (`mark`) and a threshold a kind of anomaly."""

    name = ""
    ceiling = np.inf
    """No score is higher: the threshold must be below."""

    def __init__(self, rule="tail"):
        self.rule = rule

    def fit(self, clean, per_hour=1.0):
        """Learn tables from the first 60 % of a clean log, thresholds from the rest, tables again from all of it."""
        cut = clean.t_us[0] + int(LATER * (clean.t_us[-1] - clean.t_us[0]))
        old, later = clean[clean.t_us < cut], clean[clean.t_us >= cut]
        hours = (later.t_us[-1] - later.t_us[0]) / 3.6e9
        self.learn(old)
        marked = self.mark(later)
        self.threshold, self.reaches = {}, True
        for part in marked:
            peaks = part.peaks()
            level = int(peaks.max(initial=0)) + 1
            if self.rule == "tail" and len(peaks):
                level = int(np.ceil(return_level(peaks, hours, per_hour / len(marked)))) + 1
            self.reaches = self.reaches and level <= self.ceiling
            self.threshold[part.kind] = int(max(min(level, self.ceiling), 1))
        raised = len(self.alerts(later))
        # More alerts on the later part than 95 of 100 clean parts with this budget would have.
        self.reaches = bool(self.reaches and raised <= poisson.ppf(0.95, per_hour * hours))
        self.learn(clean)
        return self

    def alerts(self, frames):
        """Alerts in order of time; one an id, kind and 100 ms."""
        out = []
        for part in self.mark(frames):
            limit = self.threshold[part.kind]
            loud = np.flatnonzero(part.score >= limit)
            slot = part.key[loud].astype(np.int64) * (1 << 32) + part.t_us[loud] // 100_000
            _, first = np.unique(slot, return_index=True)
            out += [self.alert(part, at, limit) for at in loud[first].tolist()]
        return sorted(out, key=lambda a: a.t_us)

    def alert(self, part, at, limit):
        """An alert about one id."""
        t_us, key, bits = (int(column[at]) for column in (part.t_us, part.key, part.score))
        return Alert(t_us, key, 0, self.name, part.kind, bits, limit, "", "", "low", 1, 0)


class PerId:
    """Rows by id, and what a table over the n known ids says of each frame's id."""

    def __init__(self, frames):
        self.keys, row, self.counts = np.unique(frames.key, return_inverse=True, return_counts=True)
        gap = gaps(frames)
        by = np.argsort(row, kind="stable")
        self.gaps = [g[g >= 0] for g in np.split(gap[by], np.cumsum(self.counts)[:-1])]

    def table(self, f, least=8):
        """float64 (n,): f of each id's gaps, NaN where there are fewer than `least`."""
        return np.array([f(g) if len(g) >= least else np.nan for g in self.gaps])

    def rows(self, frames):
        """Row of each frame's id, n for an unknown one."""
        at = np.searchsorted(self.keys, frames.key)
        return np.where(self.keys[np.minimum(at, len(self.keys) - 1)] == frames.key, at, len(self.keys))


def gaps(frames, back=1):
    """int64 (n,): time since the id's frame before (or `back` frames before), -1 where there is none."""
    out = np.full(len(frames), -1, np.int64)
    by = np.argsort(frames.key, kind="stable")
    here, before = by[back:], by[:-back] if back else by
    same = frames.key[here] == frames.key[before]
    out[here[same]] = np.maximum(frames.t_us[here[same]] - frames.t_us[before[same]], 0)
    return out


def sixteenths(score):
    """Scores as integers, NaN as `NOTHING`."""
    return np.where(np.isfinite(score), np.round(np.nan_to_num(score) * SCALE), NOTHING).astype(np.int64)


class Whitelist(Baseline):
    """Ids that the clean log has, and the lengths that each has there. Nothing else, so nothing to calibrate."""

    name, ceiling = "whitelist", 1

    def learn(self, clean):
        self.ids = PerId(clean)
        row, code = self.ids.rows(clean), dlc_codes(clean)
        self.dlcs = np.zeros((len(self.ids.keys) + 1, 16), bool)
        self.dlcs[row, code] = True

    def mark(self, frames):
        row = self.ids.rows(frames)
        unknown = row == len(self.ids.keys)
        wrong = ~unknown & ~self.dlcs[row, dlc_codes(frames)]
        return [
            Anomalies(frames.t_us, frames.key, unknown.astype(np.int64), "unknown-id"),
            Anomalies(frames.t_us, frames.key, wrong.astype(np.int64), "dlc"),
        ]


class MinimumGap(Baseline):
    """The shortest gap an id ever had: the score is by how many octaves a gap is shorter."""

    name = "minimum gap"

    def learn(self, clean):
        self.ids = PerId(clean)
        self.least = np.append(self.ids.table(np.min), np.nan)

    def mark(self, frames):
        gap = gaps(frames)
        short = np.log2(np.maximum(self.least[self.ids.rows(frames)], 1) / np.maximum(gap, 1))
        return [Anomalies(frames.t_us, frames.key, sixteenths(np.where(gap >= 0, short, np.nan)), "timing")]


class Binning(Baseline):
    """Frames of an id in a window of six mean gaps, against the most that clean traffic had (after Blevins et al. 2021).

    The window ends with each frame; the score is how many octaves there are more of them.
    """

    name, BINS = "binning", 6

    def learn(self, clean):
        self.ids = PerId(clean)
        self.width = np.append(self.BINS * self.ids.table(np.mean), np.nan)
        count, row = self.counts(clean), self.ids.rows(clean)
        self.most = np.ones(len(self.ids.keys) + 1)
        np.maximum.at(self.most, row, count)

    def counts(self, frames):
        """Frames of the id in the window that ends with each frame."""
        row = self.ids.rows(frames)
        width = np.nan_to_num(self.width[row], nan=0.0).astype(np.int64)
        by = np.argsort(row, kind="stable")
        # One number orders by id, then by time.
        base = row[by] * (1 << 44) + (frames.t_us[by] - frames.t_us.min())
        first = np.searchsorted(base, base - width[by], "right")
        first = np.maximum(first, np.searchsorted(row[by], row[by]))
        out = np.empty(len(frames), np.int64)
        out[by] = np.arange(len(frames)) - first + 1
        return out

    def mark(self, frames):
        row = self.ids.rows(frames)
        more = np.log2(np.maximum(self.counts(frames), 1) / self.most[row])
        return [
            Anomalies(
                frames.t_us, frames.key, sixteenths(np.where(np.isnan(self.width[row]), np.nan, more)), "rate"
            )
        ]


class Windows(Baseline):
    """Windows of 100 ms, each a row of features; the alert names the id that deviates most from its clean traffic."""

    trained_on = 4000

    def learn(self, clean):
        self.ids = PerId(clean)
        self.mean = np.append(self.ids.table(np.mean), np.nan)
        self.spread = np.append(self.ids.table(lambda g: max(g.std(), 0.01 * g.mean())), np.nan)
        _, counts, z, unknown = self.cut(clean)
        self.usual, self.deviation = counts.mean(axis=0), np.maximum(counts.std(axis=0), 0.1)
        table = self.features(counts, z, unknown)
        self.scaler = StandardScaler().fit(table)
        table = self.scaler.transform(table)
        self.model = self.estimator()
        self.model.fit(table[:: max(len(table) // self.trained_on, 1)])

    def cut(self, frames):
        """Ends of the windows, frames an id (w, n), highest |z| of an id's gaps (w, n), unknown key or -1 (w,)."""
        start = int(frames.t_us.min())
        which = (frames.t_us - start) // WINDOW_US
        windows, n = int(which.max()) + 1, len(self.ids.keys)
        row, gap = self.ids.rows(frames), gaps(frames)
        known = row < n
        counts = np.bincount(which[known] * n + row[known], minlength=windows * n).reshape(windows, n)
        z = np.abs(gap - self.mean[row]) / self.spread[row]
        highest = np.zeros((windows, n))
        use = known & (gap >= 0) & np.isfinite(z)
        np.maximum.at(highest, (which[use], row[use]), np.minimum(z[use], 100))
        # An id that stays away counts with the silence it has at the window's end.
        ends = start + (np.arange(windows) + 1) * WINDOW_US
        last = np.full((windows, n), start, np.int64)
        np.maximum.at(last, (which[known], row[known]), frames.t_us[known])
        silent = ends[:, None] - np.maximum.accumulate(last, axis=0)
        late = (silent - self.mean[:n]) / self.spread[:n]
        highest = np.maximum(highest, np.clip(np.nan_to_num(late), 0, 100))
        unknown = np.full(windows, -1, np.int64)
        unknown[which[~known]] = frames.key[~known]
        return ends, counts, highest, unknown

    def mark(self, frames):
        ends, counts, z, unknown = self.cut(frames)
        table = self.scaler.transform(self.features(counts, z, unknown))
        score = np.concatenate([self.strange(part) for part in np.array_split(table, len(table) // 5000 + 1)])
        named = self.keys_of(counts, z)
        key = np.where(unknown >= 0, unknown, named)
        t_us = np.minimum(ends - 1, frames.t_us.max())
        return [Anomalies(t_us, key, np.round(score * WINDOW_SCALE).astype(np.int64), "relation")]


class ForestOfZ(Windows):
    """z-scores of gaps per id, and an isolation forest over the windows (as PIRD does on each id's residuals).

    The anomaly score of Liu et al. 2008 is at most 1.
    """

    name, ceiling = "z + isolation forest", WINDOW_SCALE

    def estimator(self):
        return IsolationForest(n_estimators=100, max_samples=256, random_state=0)

    def strange(self, table):
        return -self.model.score_samples(table)

    def features(self, counts, z, unknown):
        few = np.sort(z, axis=1)[:, -3:]
        total = counts.sum(axis=1)
        return np.column_stack(
            [few, z.mean(axis=1), (z > 3).mean(axis=1), total, (counts > 0).sum(axis=1), unknown >= 0]
        )

    def keys_of(self, counts, z):
        return self.ids.keys[z.argmax(axis=1)].astype(np.int64)


class OneClass(Windows):
    """A one-class SVM over frames per id and window (radial kernel).

    Its score is the distance to the border as a share of what a point far from all others has, so at most 1.
    """

    name, trained_on, ceiling = "one-class SVM", 2000, WINDOW_SCALE

    def estimator(self):
        return OneClassSVM(nu=0.01, gamma="scale")

    def strange(self, table):
        offset = float(self.model.offset_[0])
        return (offset - self.model.score_samples(table)) / offset

    def features(self, counts, z, unknown):
        return np.column_stack([counts, (unknown >= 0) * 10, counts.sum(axis=1)]).astype(float)

    def keys_of(self, counts, z):
        return self.ids.keys[(np.abs(counts - self.usual) / self.deviation).argmax(axis=1)].astype(np.int64)


BASELINES = (Whitelist, MinimumGap, Binning, ForestOfZ, OneClass)
