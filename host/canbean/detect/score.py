"""Scores: alerts against what there was to detect, by the strict definitions of `truth` and `matching`.

* An event is detected when an alert about it falls between its start and 100 ms after its end (1 s for events without
  frames). Delays run from the event's first frame, over all events: a miss is infinite, and a percentile that is
  infinite is None.
* `alarmed_fraction` is the mean over events of the share of an event's seconds, counted from its start, with an alert
  about it. A started second is one; an alert that detects after the end counts for the last second.
* An alert that touches no event widened by 1 s is false; one inside is attributed if it is about an event that it
  touches, else unattributed. Alerts of one bus, id and kind within 1 s of the first of them are one; alerts are
  told apart first and merged after, so that a false alert cannot hide an attributed one. What the twin drive raises
  too, within 100 ms, is about nothing: unattributed, and it detects nothing. Outside events it stays false.
* A false episode is a run of false alerts: the next begins after 10 s of silence, or 30 s after the episode began.
* Clean hours are the span less the widened events. Rates are None under 60 clean seconds; upper bounds are the exact
  one-sided 95 % Poisson bounds (Garwood 1936), 3.0/T hours for none.
* `chance_recall` is the mean recall of the same alerts, shifted 200 times (`matching.chance`); it and `skill` are
  None where the log is too short to shift, and `skill` where chance detects all.
* Frame scores compare a label's frames with those without a label; they are None without bits, or where either is
  missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.detect.matching import chance, marks, match, one_alert_each
from canbean.detect.truth import truth
from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from canbean.can.events import Event
    from canbean.can.frames import Frames
    from canbean.detect.alerts import Alert

SILENCE_US = 10_000_000
"""A pause this long between false alerts ends an episode."""

EPISODE_US = 30_000_000
"""The longest time from the first false alert of an episode in which others belong to it."""

ENOUGH_S = 60.0
"""Fewer clean seconds carry no rate."""


@dataclass(frozen=True)
class AttackTally:
    """What was seen of one attack: one entry an event, and its frames' bits.

    Attributes:
        delay_us: float64 (m,), infinite where an event was missed.
        named: bool (m,), detected by an alert that names an id.
        alarmed: float64 (m,), share of the event's seconds.
        chance: float64 (m,), share of the random shifts that detect it, or None: too short to tell.
        frames: frames that carry the label.
        bits: their surprise in sixteenths of a bit, or None.
    """

    delay_us: NDArray[np.float64]
    named: NDArray[np.bool_]
    alarmed: NDArray[np.float64]
    chance: NDArray[np.float64] | None
    frames: int
    bits: NDArray[Any] | None


@dataclass(frozen=True)
class Tally:
    """Counts of one log; those of several make one result (`result`).

    Attributes:
        frames: frames of the log.
        clean_us: span less the widened events.
        attributed: alerts about an event.
        unattributed: alerts inside a widened event that are about none.
        false_alerts: alerts that touch no event.
        false_episodes: runs of them.
        attacks: by label.
        clean_bits: surprise of the frames without a label, or None.
    """

    frames: int
    clean_us: int
    attributed: int
    unattributed: int
    false_alerts: int
    false_episodes: int
    attacks: dict[str, AttackTally]
    clean_bits: NDArray[Any] | None


def score(
    frames: Frames,
    alerts: Sequence[Alert],
    *,
    bits: NDArray[Any] | None = None,
    events: Iterable[Event] | None = None,
    twin_alerts: Sequence[Alert] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Score the alerts of one log; arguments as `tally`, keys as `result`."""
    return result([tally(frames, alerts, bits=bits, events=events, twin_alerts=twin_alerts, seed=seed)])


def tally(
    frames: Frames,
    alerts: Sequence[Alert],
    *,
    bits: NDArray[Any] | None = None,
    events: Iterable[Event] | None = None,
    twin_alerts: Sequence[Alert] | None = None,
    seed: int = 0,
) -> Tally:
    """Count what the alerts of one log found.

    Args:
        frames: the log, labelled where its attacks add frames; in any order of time.
        alerts: what was raised, times on the log's clock.
        bits: (n,) surprise a frame, for the frame scores.
        events: rows for attacks that remove frames.
        twin_alerts: what the same drive without the attack raises.
        seed: of the random shifts.

    Raises:
        UsageError: `bits` has another length than the frames.
    """
    if bits is not None and len(bits) != len(frames):
        raise UsageError(f"{len(bits)} scores for {len(frames)} frames: one a frame is needed")
    there = truth(frames, events)
    raised, known = marks(alerts, twin_alerts or ())
    found = match(there, raised, known)
    first, last = (int(frames.t_us.min()), int(frames.t_us.max())) if len(frames) else (0, 0)
    by_chance = chance(there, raised[~known], first, last, seed)
    false_alerts = one_alert_each(raised[~found.inside])
    attacks = {}
    for code, label in enumerate(there.labels):
        rows = there.label == code
        own = (
            frames.label == frames.labels.index(label)
            if label in frames.labels
            else np.zeros(len(frames), bool)
        )
        attacks[label] = AttackTally(
            found.delay_us[rows],
            found.named[rows],
            found.alarmed[rows],
            None if by_chance is None else by_chance[rows],
            int(own.sum()),
            None if bits is None else bits[own],
        )
    opens, closes = there.widened()
    attacked = np.minimum(closes, last) - np.maximum(opens, first)
    return Tally(
        frames=len(frames),
        clean_us=last - first - int(attacked.sum()),
        attributed=len(one_alert_each(raised[found.about])),
        unattributed=len(one_alert_each(raised[found.inside & ~found.about])),
        false_alerts=len(false_alerts),
        false_episodes=episodes(false_alerts),
        attacks=attacks,
        clean_bits=None if bits is None else bits[frames.label == 0],
    )


def result(tallies: Sequence[Tally]) -> dict[str, Any]:
    """The score of one or several logs together, as `can score --json` has it without `model` and `data`.

    Events, alerts and clean time add up over the logs; a rate is that of the sums.
    """
    attributed = sum(t.attributed for t in tallies)
    unattributed = sum(t.unattributed for t in tallies)
    alarms = sum(t.false_alerts for t in tallies)
    runs = sum(t.false_episodes for t in tallies)
    hours = sum(t.clean_us for t in tallies) / 3.6e9
    every = attributed + unattributed + alarms
    known = [t.clean_bits for t in tallies if t.clean_bits is not None]
    clean_bits = np.concatenate(known) if known else np.zeros(0)
    labels = dict.fromkeys(label for t in tallies for label in t.attacks)
    return {
        "frames": sum(t.frames for t in tallies),
        "clean_hours": hours,
        "precision": attributed / every if every else None,
        "unattributed_alerts": unattributed,
        "false_alerts": alarms,
        "false_alerts_per_hour": rate(alarms, hours),
        "false_alerts_per_hour_upper95": upper95(alarms, hours),
        "false_episodes": runs,
        "false_episodes_per_hour": rate(runs, hours),
        "false_episodes_per_hour_upper95": upper95(runs, hours),
        "attacks": {
            label: _attack([t.attacks[label] for t in tallies if label in t.attacks], clean_bits)
            for label in labels
        },
    }


def _attack(parts: list[AttackTally], clean_bits: NDArray[Any]) -> dict[str, Any]:
    """The entry of one attack."""
    delay = np.concatenate([part.delay_us for part in parts]) / 1e3
    detected = np.isfinite(delay)
    recall = float(detected.mean())
    guesses = [part.chance for part in parts if part.chance is not None]
    by_chance = float(np.concatenate(guesses).mean()) if guesses else None
    own = [part.bits for part in parts if part.bits is not None]
    auroc, precision = frame_scores(np.concatenate(own) if own else np.zeros(0), clean_bits)
    return {
        "events": len(delay),
        "detected": int(detected.sum()),
        "recall": recall,
        "recall_id_named": float(np.concatenate([part.named for part in parts]).mean()),
        "chance_recall": by_chance,
        "skill": None if by_chance is None or by_chance >= 1 else (recall - by_chance) / (1 - by_chance),
        "alarmed_fraction": float(np.concatenate([part.alarmed for part in parts]).mean()),
        "delay_ms_median": percentile(delay, 50),
        "delay_ms_p95": percentile(delay, 95),
        "frames": sum(part.frames for part in parts),
        "frame_auroc": auroc,
        "frame_average_precision": precision,
    }


def percentile(values: NDArray[np.float64], percent: float) -> float | None:
    """A percentile by linear interpolation of values that may be infinite; None where it is infinite."""
    ordered = np.sort(values)
    place = (len(ordered) - 1) * percent / 100
    low, high = int(place), math.ceil(place)
    if not np.isfinite(ordered[high]):
        return None
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


def frame_scores(own: NDArray[Any], clean: NDArray[Any]) -> tuple[float | None, float | None]:
    """Area under the ROC curve and average precision of attack frames against clean ones; None where one is empty."""
    if not len(own) or not len(clean):
        return None, None
    from sklearn.metrics import average_precision_score, roc_auc_score  # noqa: PLC0415 - slow to import

    attacked = np.r_[np.ones(len(own), np.int8), np.zeros(len(clean), np.int8)]
    bits = np.concatenate([own, clean])
    return float(roc_auc_score(attacked, bits)), float(average_precision_score(attacked, bits))


def episodes(times_us: NDArray[np.int64]) -> int:
    """Number of episodes of false alerts at these sorted times."""
    count = 0
    begun = previous = 0
    for time in times_us.tolist():
        if not count or time - previous >= SILENCE_US or time - begun >= EPISODE_US:
            count += 1
            begun = time
        previous = time
    return count


def rate(count: int, hours: float) -> float | None:
    """Count an hour; None under 60 clean seconds."""
    return count / hours if hours * 3600 >= ENOUGH_S else None


def upper95(count: int, hours: float) -> float | None:
    """Upper bound of the rate an hour as `garwood95`; None under 60 clean seconds."""
    return garwood95(count, hours) if hours * 3600 >= ENOUGH_S else None


def garwood95(count: int, hours: float) -> float:
    """Exact one-sided 95 % upper bound of a Poisson rate an hour, from a count in some hours.

    Half the 95 % quantile of chi-squared with 2k + 2 degrees of freedom over T (Garwood 1936), which is that of a
    gamma distribution of shape k + 1: 3.0/T for k = 0.
    """
    from scipy.special import gammaincinv  # noqa: PLC0415 - slow to import

    return float(gammaincinv(count + 1, 0.95)) / hours
