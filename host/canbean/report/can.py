"""The section of a drive: alerts over frames per second, the table per attack, false alarms, the alerts themselves."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.events import seconds_text
from canbean.can.frames import key_text
from canbean.detect.alerts import KINDS
from canbean.detect.summary import alarm_table, attack_table, clean_time, number, share
from canbean.detect.truth import truth
from canbean.report import svg
from canbean.report.markup import Markup, element, join
from canbean.report.page import facts, heading, paragraph, section, table, wide

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from canbean.can.events import Event
    from canbean.can.frames import Frames
    from canbean.detect.alerts import Alert
    from canbean.detect.truth import Truth

LISTED = 200
"""Alerts listed one by one; the page says how many more there are."""

WIDTH, LEFT, RIGHT, LANE, PLOT = 1010, 176, 14, 21, 150
"""Sizes of the timeline in px: all, room for names, margin, one lane, the plot of frames per second."""

BINS = 600
"""The rate is drawn in at most this many steps."""


def can_section(
    frames: Frames,
    alerts: Sequence[Alert],
    score: Mapping[str, Any],
    title: str,
    *,
    simulated: bool,
    events: Iterable[Event] | None = None,
) -> Markup:
    """One drive, its alerts and its score.

    Args:
        frames: the log that was watched.
        alerts: what was raised on it.
        score: the result of `detect.score.score` for them.
        title: heading of the section.
        simulated: whether the log comes from a simulation.
        events: rows of events, as the score was given them.
    """
    there = truth(frames, events)
    alerts = sorted(alerts, key=lambda alert: alert.t_us)
    parts: list[object] = [
        facts(
            [
                ("frames", f"{len(frames):,}"),
                ("span", _duration(frames.span_s)),
                ("attack events", f"{len(there):,}"),
                ("alerts", f"{len(alerts):,}"),
                ("precision", share(score["precision"])),
                (
                    "false episodes an hour, 95 % upper bound",
                    number(score["false_episodes_per_hour_upper95"]),
                ),
            ]
        ),
        wide(timeline(frames, alerts, there)),
    ]
    if score["attacks"]:
        headings, rows = attack_table(score)
        parts += [
            heading("Attacks"),
            table(headings, rows),
            paragraph(
                "An event counts as detected only by an alert that names one of its ids, or by one about the whole bus "
                "where the event is at least 30 % of its frames. Chance is what the same alerts reach when shifted at "
                "random in time; skill is what recall has beyond it, and recall means nothing without it. A delay "
                "counts every event: a miss is infinite.",
                quiet=True,
            ),
        ]
    parts += [
        heading("False alarms"),
        table(*alarm_table(score)),
        paragraph(
            f"On {clean_time(score)}. {score['unattributed_alerts']:,} alerts fell inside an event without being "
            "about it. An episode is a run of false alerts that a person would look at once.",
            quiet=True,
        ),
        heading("Alerts"),
        _list(frames, alerts),
    ]
    return section(title, *parts, simulated=simulated)


def timeline(frames: Frames, alerts: Sequence[Alert], there: Truth) -> Markup:
    """Frames per second with the events shaded, a lane an attack above and a lane a kind of alert below."""
    if not len(frames):
        return paragraph("The log has no frames.")
    begin = int(frames.t_us.min())
    # An alert about an id that stays away may come after the last frame; one far outside stands at the edge.
    latest = max(((alert.t_us - begin) / 1e6 for alert in alerts), default=0.0)
    end = max(frames.span_s, min(latest, frames.span_s * 1.02 + 1), 1e-3)
    unit, divisor = _unit(end)
    x = svg.Scale(0, end / divisor, LEFT, WIDTH - RIGHT)
    edges, rates = frames_per_second(frames)

    kinds = Counter(alert.kind for alert in alerts)
    order = [kind for kind in KINDS if kind in kinds] + sorted(set(kinds) - set(KINDS))
    top = 8 + LANE * len(there.labels) + 26
    floor = top + PLOT
    first_lane = floor + 12
    bottom = first_lane + LANE * max(len(order), 1) + 4
    y = svg.Scale(0, max(float(rates.max()) * 1.08, 1.0), floor, top)

    def place(t_us: int) -> float:
        return x(min(max((int(t_us) - begin) / 1e6, 0.0), end) / divisor)

    spans = [(place(a), place(b)) for a, b in zip(there.start_us, there.end_us, strict=True)]
    parts: list[Markup] = [svg.bars(spans, 8, bottom - 8, "shade")]
    for code, label in enumerate(there.labels):
        own = [span for span, of in zip(spans, there.label, strict=True) if of == code]
        middle = 8 + LANE * code + LANE / 2
        parts += [_name(middle, label, len(own)), svg.bars(own, middle - 5, 10, "attack")]
    parts += [
        svg.axis_y(y, LEFT, "frames per second", right=WIDTH - RIGHT, count=4),
        svg.step_line((edges / divisor).tolist(), rates.tolist(), x, y),
    ]
    for row, kind in enumerate(order):
        middle = first_lane + LANE * row + LANE / 2
        when = [place(alert.t_us) for alert in alerts if alert.kind == kind]
        parts += [
            svg.line(LEFT, middle, WIDTH - RIGHT, middle, "lane"),
            _name(middle, kind, len(when), colour=_colour(kind)),
            svg.dashes(when, middle - 7, 14, f"mark {_colour(kind)}", f"{kind}: {len(when):,}"),
        ]
    if not order:
        parts.append(svg.text(LEFT - 26, first_lane + LANE / 2 + 4, "no alerts", "end", "name"))
    parts.append(svg.axis_x(x, bottom, f"{unit} since the first frame"))
    words = f"Timeline: {len(there):,} events and {len(alerts):,} alerts over frames per second"
    return svg.drawing(WIDTH, bottom + 42, words, *parts)


def frames_per_second(frames: Frames) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Edges in seconds from the first frame, (k + 1,), and frames per second between them, (k,), in at most 600 steps."""
    seconds = (frames.t_us - frames.t_us.min()) / 1e6
    width = max(1, math.ceil(frames.span_s / BINS))
    count = np.bincount((seconds // width).astype(np.int64))
    edges = np.arange(len(count) + 1, dtype=np.float64) * width
    # The last step ends with the log: a part of a second must not look like a drop.
    last = frames.span_s - edges[-2]
    lengths = np.full(len(count), float(width))
    if len(count) > 1 and last < width / 4:
        edges, lengths = np.delete(edges, -2), lengths[:-1]
        count = np.r_[count[:-2], count[-2] + count[-1]]
        lengths[-1] = width + last
    elif last > 0:
        lengths[-1] = last
    edges[-1] = edges[-2] + lengths[-1]
    return edges, count / lengths


def _name(middle: float, words: str, count: int, colour: str | None = None) -> Markup:
    """A lane's name and count at its left, cut to its room, whole when pointed at."""
    short = words if len(words) <= 18 else f"{words[:17]}\u2026"
    dot = element("circle", cx=LEFT - 14, cy=float(middle), r=4, class_=colour, fill="currentColor")
    label = element(
        "text",
        element("title", f"{words}: {count:,}"),
        f"{short}\u2002",
        element("tspan", f"{count:,}", class_="name"),
        x=LEFT - 26,
        y=float(middle + 4),
        text_anchor="end",
    )
    return join(label, dot if colour else "")


def _colour(kind: str) -> str:
    """The class that colours a kind of alert."""
    return f"k{KINDS.index(kind)}" if kind in KINDS else "other"


def _unit(seconds: float) -> tuple[str, float]:
    """The unit of a time axis and its seconds."""
    if seconds <= 300:
        return "seconds", 1.0
    return ("minutes", 60.0) if seconds <= 3 * 3600 else ("hours", 3600.0)


def _duration(seconds: float) -> str:
    """A span in words."""
    unit, divisor = _unit(seconds)
    return f"{seconds / divisor:,.1f} {unit[0] if divisor != 60 else 'min'}"


def _list(frames: Frames, alerts: Sequence[Alert]) -> Markup:
    """The first alerts one by one, and how many more there are."""
    if not alerts:
        return paragraph("None.")
    begin = int(frames.t_us.min()) if len(frames) else 0
    rows = [
        (
            f"{(alert.t_us - begin) / 1e6:,.3f}",
            "bus" if alert.key is None else key_text(alert.key),
            alert.kind,
            alert.detector,
            f"{alert.bits / 16:.1f}",
            f"{alert.threshold / 16:.1f}",
            alert.severity,
            alert.incident,
            alert.expected,
            alert.seen,
        )
        for alert in alerts[:LISTED]
    ]
    headings = (
        "s",
        "id",
        "kind",
        "detector",
        "bits",
        "threshold",
        "severity",
        "incident",
        "expected",
        "seen",
    )
    more = len(alerts) - len(rows)
    words = f"Seconds since the first frame, which the log has at {seconds_text(begin)} s."
    if more:
        words += f" The first {len(rows):,} of {len(alerts):,} alerts; {more:,} more are not listed."
    return element(
        "div",
        paragraph(words, quiet=True),
        table(headings, rows, text=(1, 2, 3, 6), prose=(8, 9)),
        class_="alerts",
    )
