"""Which alert is about which event: attribution, and what alerting at random would reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.truth import WIDEN_US, Truth, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canbean.detect.alerts import Alert

ONE_ALERT_US = 1_000_000
"""Alerts of one bus, id and kind are one alert for this long after the first of them."""

SAME_US = 100_000
"""How far apart two alerts of one bus, id and kind may be on a drive and on its twin and still be the same:
attack frames delay the frames behind them, and shift the windows in which a detector counts."""

SHIFTS = 200
"""Random circular shifts behind `chance_recall`."""

SHIFT_US = 2_000_000
"""Each shift moves the alerts by more than this, forwards and backwards round the circle."""


@dataclass(frozen=True)
class Marks:
    """n alerts as columns.

    Attributes:
        t_us: int64 (n,), when.
        name: int64 (n,), what the alert names (`truth.name_of`).
        group: int64 (n,), equal for alerts of one bus, id and kind.
    """

    t_us: NDArray[np.int64]
    name: NDArray[np.int64]
    group: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.bool_]) -> Marks:
        return Marks(self.t_us[rows], self.name[rows], self.group[rows])

    def __len__(self) -> int:
        return len(self.t_us)


def marks(alerts: Sequence[Alert], twin: Sequence[Alert] = ()) -> tuple[Marks, NDArray[np.bool_]]:
    """Alerts as columns, and bool (n,) of those that the twin raises too, within 100 ms."""
    table: dict[tuple[int, int | None, str], int] = {}
    time = np.array([alert.t_us for alert in alerts], np.int64)
    name = np.array([name_of(alert.key, alert.bus) for alert in alerts], np.int64)
    group = np.array([table.setdefault((a.bus, a.key, a.kind), len(table)) for a in alerts], np.int64)
    known = [(table[a.bus, a.key, a.kind], a.t_us) for a in twin if (a.bus, a.key, a.kind) in table]
    twins = np.array(known, np.int64).reshape(-1, 2)
    low, high = Sorted(twins[:, 0], twins[:, 1]).span(group, time - SAME_US, time + SAME_US)
    return Marks(time, name, group), high > low


class Sorted:
    """Times by name, sorted, so that `span` answers which of a name's times lie in an interval."""

    def __init__(self, name: NDArray[np.int64], t_us: NDArray[np.int64]) -> None:
        self.order = np.lexsort((t_us, name))
        self.t_us = t_us[self.order]
        self.names, code = np.unique(name[self.order], return_inverse=True)
        self.low = int(self.t_us.min()) - 1 if len(t_us) else 0
        self.reach = int(self.t_us.max()) - self.low + 2 if len(t_us) else 1
        # One number orders by name, then by time; an interval is cut to the reach of its own name.
        self.place = code * self.reach + (self.t_us - self.low)

    def span(
        self, name: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and past-the-last place (in `order`) of each name's times from `start` to `end`, both inclusive."""
        if not len(self.names):
            return np.zeros(len(name), np.int64), np.zeros(len(name), np.int64)
        code = np.minimum(np.searchsorted(self.names, name), len(self.names) - 1)
        base = code * self.reach
        first = np.searchsorted(self.place, base + np.clip(start - self.low, 0, self.reach - 1), "left")
        last = np.searchsorted(self.place, base + np.clip(end - self.low, 0, self.reach - 1), "right")
        return first, np.where(self.names[code] == name, np.maximum(last, first), first)


@dataclass(frozen=True)
class Match:
    """What the alerts say of each of m events, and each of n alerts of the events.

    Attributes:
        delay_us: float64 (m,), from the event's first frame to the first alert about it; infinite where there is none.
        named: bool (m,), whether an alert that names an id detects the event.
        alarmed: float64 (m,), share of the event's seconds with an alert about it.
        inside: bool (n,), whether the alert touches an event widened by 1 s.
        about: bool (n,), whether it is about an event that it so touches.
    """

    delay_us: NDArray[np.float64]
    named: NDArray[np.bool_]
    alarmed: NDArray[np.float64]
    inside: NDArray[np.bool_]
    about: NDArray[np.bool_]


def match(truth: Truth, alerts: Marks, discounted: NDArray[np.bool_]) -> Match:
    """Attribute alerts to events; `discounted` alerts (the twin raises them too) are about nothing."""
    kept = np.flatnonzero(~discounted)
    by_name = Sorted(alerts.name[kept], alerts.t_us[kept])
    start, end = truth.start_us[truth.event], truth.end_us[truth.event]
    first, last = by_name.span(truth.name, start, truth.until_us[truth.event])
    hit = last > first

    delay = np.full(len(truth), np.inf)
    np.minimum.at(delay, truth.event[hit], (by_name.t_us[first[hit]] - start[hit]).astype(np.float64))
    named = np.zeros(len(truth), bool)
    named[truth.event[hit & (truth.name >= 0)]] = True

    low, high = by_name.span(truth.name, start - WIDEN_US, end + WIDEN_US)
    steps = np.zeros(len(kept) + 1, np.int64)
    np.add.at(steps, low, 1)
    np.add.at(steps, high, -1)
    about = np.zeros(len(alerts), bool)
    about[kept[by_name.order[np.cumsum(steps)[:-1] > 0]]] = True
    return Match(delay, named, _alarmed(truth, by_name, first, last), touches(truth, alerts.t_us), about)


def touches(truth: Truth, t_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which instants lie in an event widened by 1 s, its borders included."""
    opens, closes = truth.widened()
    place = np.searchsorted(opens, t_us, "right") - 1
    inside = place >= 0
    inside[inside] = t_us[inside] <= closes[place[inside]]
    return inside


def _alarmed(
    truth: Truth, by_name: Sorted, first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Share of each event's seconds with an alert; one after the event's end counts for its last second."""
    seconds = np.maximum(-(-(truth.end_us - truth.start_us) // 1_000_000), 1)
    count = last - first
    event = np.repeat(truth.event, count)
    place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    second = np.minimum((by_name.t_us[place] - truth.start_us[event]) // 1_000_000, seconds[event] - 1)
    alarmed = np.unique(np.stack([event, second], axis=1), axis=0)[:, 0]
    covered: NDArray[np.float64] = np.bincount(alarmed, minlength=len(truth)) / seconds
    return covered


def chance(truth: Truth, alerts: Marks, first_us: int, last_us: int, seed: int) -> NDArray[np.float64] | None:
    """How often each event is detected by the same alerts, shifted at random round the span of the log.

    Returns:
        float64 (m,), share of the 200 shifts that detect the event; None where the span is too short to shift by
        more than 2 s both ways.
    """
    period = last_us - first_us + 1
    if period <= 2 * SHIFT_US + 1:
        return None
    shifts = np.random.default_rng(seed).integers(SHIFT_US + 1, period - SHIFT_US, SHIFTS)
    known = np.isin(truth.name, alerts.name)
    event, name = truth.event[known], truth.name[known]
    start = truth.start_us[event] - first_us
    length = truth.until_us[event] - truth.start_us[event]
    # Twice round the circle: an interval that starts on the first round is whole on the two.
    once = (alerts.t_us - first_us) % period
    twice = Sorted(np.tile(alerts.name, 2), np.concatenate([once, once + period]))
    detected = np.zeros(len(truth))
    for shift in shifts:
        # The events move against the alerts: that spares sorting them anew.
        begin = (start - shift) % period
        low, high = twice.span(name, begin, begin + length)
        now = np.zeros(len(truth), bool)
        now[event[high > low]] = True
        detected += now
    return detected / SHIFTS


def one_alert_each(alerts: Marks) -> NDArray[np.int64]:
    """Times, sorted, of the alerts that are left when those of one bus, id and kind within 1 s are one.

    The first alert stands for all up to and including 1 s after it; the next one after that stands anew, so that an
    alarm that lasts is counted once a second and not once in all.
    """
    order = np.lexsort((alerts.t_us, alerts.group))
    kept = []
    group, until = -1, 0
    for g, t in zip(alerts.group[order].tolist(), alerts.t_us[order].tolist(), strict=True):
        if g != group or t > until:
            group, until = g, t + ONE_ALERT_US
            kept.append(t)
    return np.sort(np.array(kept, np.int64))
