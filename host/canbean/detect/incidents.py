"""Alerts that belong together as one incident: when it opened and closed, how much it counts, what it may be a sign of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from canbean.can.frames import key_text
from canbean.detect.taxonomy import CLASSES, SIGNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from canbean.detect.alerts import Alert

T = TypeVar("T")

QUIET_US = 10_000_000
"""An incident is over when no alert came for so long (`firmware/canbean/watch.py`)."""

SEVERITIES = ("low", "medium", "high")
"""Ascending; a severity that is none of them counts as lower."""

UNKNOWN = "unknown-id"

MOST = 95
"""Per cent of confidence at most: symptoms never prove a technique."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What an incident may be a sign of.

    Attributes:
        name: a class of `taxonomy.CLASSES`.
        percent: confidence in per cent, under 100.
    """

    name: str
    percent: int

    def describe(self) -> dict[str, Any]:
        """With the keys that an alert's hypotheses have."""
        atm, v18, v19, r155 = CLASSES[self.name]
        confidence = self.percent / 100
        return {
            "class": self.name,
            "confidence": confidence,
            "atm": atm,
            "ics_v18": v18,
            "ics_v19": v19,
            "r155": r155,
        }


@dataclass(frozen=True, slots=True)
class Incident:
    """The alerts of one number.

    Attributes:
        number: as its alerts have it, from 1.
        opened_us: time of its first alert.
        last_us: time of its latest alert.
        closed_us: when it had been quiet for long enough, or None if the log ended before that.
        count: alerts raised.
        held_back: further ones that were held back, as far as its alerts tell.
        ids: keys that its alerts name, those with most alerts first.
        kinds: kinds of its alerts, the most frequent first.
        detectors: which raised them, in the same order.
        severity: the highest of its alerts (`severity`).
        bits: the highest surprise, in sixteenths of a bit.
        hypotheses: merged over its kinds (`merged`), the most likely first.
        alerts: the alerts, in order of time.
    """

    number: int
    opened_us: int
    last_us: int
    closed_us: int | None
    count: int
    held_back: int
    ids: tuple[int, ...]
    kinds: tuple[str, ...]
    detectors: tuple[str, ...]
    severity: str
    bits: int
    hypotheses: tuple[Hypothesis, ...]
    alerts: tuple[Alert, ...]

    def describe(self) -> dict[str, Any]:
        """Plain values for JSON; times in seconds of the log, `closed` None while it is open."""
        return {
            "incident": self.number,
            "opened": self.opened_us / 1e6,
            "last": self.last_us / 1e6,
            "closed": None if self.closed_us is None else self.closed_us / 1e6,
            "count": self.count,
            "held_back": self.held_back,
            "ids": [key_text(key) for key in self.ids],
            "kinds": list(self.kinds),
            "detectors": list(self.detectors),
            "severity": self.severity,
            "bits": self.bits / 16,
            "hypotheses": [hypothesis.describe() for hypothesis in self.hypotheses],
        }


def incidents(alerts: Iterable[Alert], end_us: int) -> list[Incident]:
    """Group alerts by the number of their incident.

    Args:
        alerts: in any order.
        end_us: time of the log's last frame: what has not been quiet for 10 s by then is still open.

    Returns:
        In order of their numbers.
    """
    groups: dict[int, list[Alert]] = {}
    for alert in alerts:
        groups.setdefault(alert.incident, []).append(alert)
    found = []
    numbers = sorted(groups)
    for number, following in pairwise([*numbers, None]):
        assert number is not None
        members = sorted(groups[number], key=lambda alert: alert.t_us)
        last_us = members[-1].t_us
        if following is None:
            closed_us = last_us + QUIET_US if end_us - last_us > QUIET_US else None
        else:
            # A clock that was set back ends an incident at once.
            set_back = min(alert.t_us for alert in groups[following]) < last_us
            closed_us = last_us if set_back else last_us + QUIET_US
        found.append(_incident(number, members, closed_us))
    return found


def _incident(number: int, members: Sequence[Alert], closed_us: int | None) -> Incident:
    kinds = _by_count(alert.kind for alert in members)
    return Incident(
        number=number,
        opened_us=members[0].t_us,
        last_us=members[-1].t_us,
        closed_us=closed_us,
        count=len(members),
        held_back=sum(alert.dropped for alert in members),
        ids=_by_count(alert.key for alert in members if alert.key is not None),
        kinds=kinds,
        detectors=_by_count(alert.detector for alert in members),
        severity=severity(members),
        bits=max(alert.bits for alert in members),
        hypotheses=merged(kinds),
        alerts=tuple(members),
    )


def severity(members: Iterable[Alert]) -> str:
    """The highest of alerts in order of time, where of an unknown id the latest alert counts.

    The first alert about a new id cannot know yet what the later ones tell: whether it comes steadily (`steady.py`). An
    incident of nothing but such ids is a novelty, and low.
    """
    told = {
        (one.kind, one.key if one.kind == UNKNOWN else at): one.severity for at, one in enumerate(members)
    }
    return max(told.values(), key=rank)


def _by_count(values: Iterable[T]) -> tuple[T, ...]:
    """The different values, the most frequent first."""
    counts: dict[T, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return tuple(sorted(counts, key=counts.__getitem__, reverse=True))


def rank(severity: str) -> int:
    """The place of a severity, -1 for one that is unknown."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


def most_severe_first(found: Iterable[Incident]) -> list[Incident]:
    """By severity, then by the highest surprise, then by the number of alerts; equal ones in order of opening."""
    return sorted(found, key=lambda one: (-rank(one.severity), -one.bits, -one.count, one.opened_us))


def merged(kinds: Iterable[str]) -> tuple[Hypothesis, ...]:
    """What several kinds of alert together may be a sign of.

    Each kind is taken as a sign of its own (noisy or; Pearl 1988, 4.3.2): confidences c give 1 - prod(1 - c), at most
    0.95. How often a kind came does not count: repeating a symptom proves no more.
    """
    doubts: dict[str, float] = {}
    for kind in dict.fromkeys(kinds):
        for name, percent in SIGNS.get(kind, ()):
            doubts[name] = doubts.get(name, 1.0) * (1 - percent / 100)
    found = [
        Hypothesis(name, min(math.floor(100 * (1 - doubt) + 0.5), MOST)) for name, doubt in doubts.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.percent, one.name)))
