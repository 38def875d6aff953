"""What detectors of relations between signals share: clean samples to learn from, judgements, and words.

They differ in the model that says what each signal should be, and in whom they blame. Samples, features and errors are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.informative import candidates, chosen, informative
from canbean.detect.residuals import ERROR_MOST, USUAL, WARM, Residuals, Scale, levels, since
from canbean.detect.signals import with_changes
from canbean.detect.windows import Judged
from canbean.tiny.dense import FEATURE
from canbean.tiny.features import Channel, Features

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from canbean.detect.signals import Samples, Signals
    from canbean.detect.windows import Clean, Gate, Traffic

KIND = "relation"
ENOUGH_S = 300.0
"""Clean seconds below which nothing is learned."""
THERE = 0.95
"""Share of the samples in which an id is there."""
REACH = 7.0
"""Steps of 4096 within which a signal lies; 16-bit features end at 8."""
JUDGED_LEAST = 4
"""Signals without which there is nothing to hold together."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a model of signals learns from.

    Attributes:
        signals: the signals, d.
        features: readings to features.
        back: where it is not 0, features are also how signals changed since so many samples before.
        samples: clean ones, w.
        x: int64 (w, d), their features in 1/4096 standard deviation; (w, 2 d) with their changes.
        later: bool (w,), the held-back samples.
        hours: awake in the held-back part.
        seed: of whatever is drawn.
    """

    signals: Signals
    features: Features
    back: int
    samples: Samples
    x: NDArray[np.int64]
    later: NDArray[np.bool_]
    hours: float
    seed: int

    @property
    def first(self) -> NDArray[np.bool_]:
        """Bool (w,): where a state begins anew."""
        return self.samples.first

    def featured(self, samples: Samples) -> NDArray[np.int64]:
        """Features of any samples, as `x`."""
        return self.features.apply(readings(samples, self.back))

    @property
    def earlier(self) -> NDArray[np.float64]:
        """float64 (n, d): the samples to fit, in standard deviations."""
        return self.x[~self.later] / FEATURE

    def worth_judging(self, errors: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool (d,): whose held-back errors (w, d) in 1/4096 are small against its own changes."""
        spread = self.x[:, : len(self.signals)].astype(np.float64).var(axis=0)
        lost = (errors[self.later].astype(np.float64) ** 2).mean(axis=0)
        return np.asarray(lost <= ERROR_MOST * spread)

    def tails(self, errors: NDArray[np.int64], scale: Scale) -> tuple[Residuals, Gate] | None:
        """The tails of errors (w, d) in 1/4096 and the gate of the budget, or None where too few signals are judged."""
        judged = self.worth_judging(errors)
        if judged.sum() < JUDGED_LEAST or len(np.unique(self.signals.group[judged])) < 2:
            return None
        error = scale.normalised(errors)
        tails = Residuals.learn(
            self.x[:, : len(self.signals)], error, self.first, later=self.later, judged=judged
        )
        bits = tails.bits(levels(error, self.first, tails.cap))
        return tails, tails.gate(bits[self.later], self.first[self.later], self.hours)


def lesson(clean: Clean, most: int, back: int = 0) -> Lesson | None:
    """The samples of the most informative signals, `most` at most; None where too little is clean or few are told.

    Args:
        clean: what to learn from; the earlier part chooses signals and standardises them.
        most: signals at most.
        back: where it is not 0, features are also how signals changed since so many samples before.
    """
    traffic = clean.traffic
    every = candidates(traffic)
    if clean.awake_s < ENOUGH_S or not len(every) or not clean.later.any():
        return None
    samples, fresh = every.every(traffic)
    later = clean.later[samples.at]
    if not later.any() or later.all():
        return None
    # An id that is often away would keep all others from being judged.
    usual = fresh.mean(axis=0) >= THERE
    columns = np.flatnonzero(usual[every.group])
    if not len(columns):
        return None
    known = np.asarray(fresh[:, usual].all(axis=1)) & ~later
    every = chosen(every, columns)
    columns = informative(every, samples.values[known][:, columns], most)
    if len(columns) < JUDGED_LEAST:
        return None
    signals = chosen(every, columns)
    samples = signals.sample(traffic)
    later = clean.later[samples.at]
    values = readings(samples, back)
    known = values[~later].astype(np.float64)
    mean, spread = known.mean(axis=0), known.std(axis=0)
    # All of the clean range is told apart, not only what is usual; of changes the usual ones are.
    reach = np.abs(values - mean).max(axis=0) / REACH
    reach[len(signals) :] = 1e-3
    spread = np.maximum(spread, reach)
    features = Features(
        tuple(
            Channel.scaled(0, "linear", float(centre), FEATURE / float(wide))
            for centre, wide in zip(mean, spread, strict=True)
        )
    )
    x = features.apply(values)
    return Lesson(signals, features, back, samples, x, later, clean.later_hours, clean.seed)


def readings(samples: Samples, back: int) -> NDArray[np.int64]:
    """What features are made of: values, and where `back` is not 0 how they changed since so many samples before."""
    return with_changes(samples, back) if back else samples.values


def known_samples(signals: Signals, features: Features, residuals: Residuals, traffic: Traffic) -> Samples:
    """The samples that are judged: signals lie where clean traffic had them, but for one id's."""
    samples = signals.sample(traffic)
    own = Features(features.channels[: len(signals)])
    return samples.where(residuals.known(own.apply(samples.values), signals.group))


def judged(
    signals: Signals,
    samples: Samples,
    residuals: Residuals,
    error: NDArray[np.int64],
    *,
    accuse: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]],
    traffic: Traffic,
) -> Judged:
    """Judgements from normalised errors.

    Args:
        signals: what is sampled.
        samples: the samples.
        residuals: the tails.
        error: (w, d) normalised errors.
        accuse: `accuse(bits, suspects)` gives the place of the id to blame among the signals' ids, (w,).
        traffic: the ids of the fingerprint.
    """
    bits = residuals.bits(levels(error, samples.first, residuals.cap))
    error = np.where((since(samples.first) < WARM)[:, None], 0, error)
    place = accuse(bits, suspects(signals, residuals, error))
    size = np.where(residuals.judged & (signals.group == place[:, None]), np.abs(error), -1)
    worst = size.argmax(axis=1)

    def words(window: int) -> tuple[str, str, str]:
        column = int(worst[window])
        return (KIND, *said(signals, column, int(error[window, column])))

    rows = np.searchsorted(traffic.keys, signals.keys)[place]
    return Judged(samples.at, bits, rows.astype(np.int64), words)


def said(signals: Signals, column: int, error: int) -> tuple[str, str]:
    """What was expected and what was seen of a signal, in words."""
    one = signals.signals[column]
    way = "high" if error > 0 else "low"
    expected = f"bit {8 * one.byte + one.bit} in step with other ids"
    return expected, f"too {way} by {abs(error) // USUAL} usual errors"


def suspects(signals: Signals, residuals: Residuals, error: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (w, ids): the largest error of a judged signal of each id, -1 where none is judged."""
    group, size = signals.group, np.abs(error)
    largest = np.full((len(error), len(signals.keys)), -1, np.int64)
    for column in np.flatnonzero(residuals.judged).tolist():
        np.maximum(largest[:, group[column]], size[:, column], out=largest[:, group[column]])
    return largest
