"""The timeline of a drive: incidents, attacks where they are labelled, frames per second, a lane a kind of alert."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.detect.alerts import KINDS
from canbean.detect.incidents import rank
from canbean.report import svg
from canbean.report.markup import Markup, element, join
from canbean.report.page import paragraph

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from canbean.can.frames import Frames
    from canbean.detect.alerts import Alert
    from canbean.detect.incidents import Incident
    from canbean.detect.truth import Truth

WIDTH, LEFT, RIGHT, LANE, PLOT = 1010, 176, 14, 21, 150
"""Sizes of the timeline in px: all, room for names, margin, one lane, the plot of frames per second."""

HEIGHTS = (9, 16, 25)
"""Height of an incident's band by severity: it tells without colour how bad it was."""

BINS = 600
"""The rate is drawn in at most this many steps."""


@dataclass(frozen=True)
class Clock:
    """The time that a drawing spans.

    Attributes:
        begin_us: time of the first frame.
        seconds: from there to the right edge.
    """

    begin_us: int
    seconds: float

    def place(self, t_us: int, width: float) -> float:
        """The px of a time on a drawing `width` px wide; what lies outside stands at the edge."""
        return min(max((int(t_us) - self.begin_us) / 1e6, 0.0), self.seconds) / self.seconds * width


def clock_of(frames: Frames, alerts: Iterable[Alert]) -> Clock:
    """The span of a log with at least one frame, and of the alerts that come just after it."""
    begin = int(frames.t_us.min())
    # An alert about an id that stays away may come after the last frame; one far outside stands at the edge.
    latest = max(((alert.t_us - begin) / 1e6 for alert in alerts), default=0.0)
    return Clock(begin, max(frames.span_s, min(latest, frames.span_s * 1.02 + 1), 1e-3))


def timeline(frames: Frames, alerts: Sequence[Alert], found: Sequence[Incident], there: Truth) -> Markup:
    """Frames per second with the events shaded; above it incidents and attacks, below a lane a kind of alert."""
    if not len(frames):
        return paragraph("The log has no frames.")
    clock = clock_of(frames, alerts)
    unit, divisor = time_unit(clock.seconds)
    x = svg.Scale(0, clock.seconds / divisor, LEFT, WIDTH - RIGHT)
    edges, rates = frames_per_second(frames)

    kinds = Counter(alert.kind for alert in alerts)
    order = kinds_in_order(kinds)
    attacks = 8 + HEIGHTS[-1] + 8
    top = attacks + LANE * len(there.labels) + 26
    floor = top + PLOT
    first_lane = floor + 12
    bottom = first_lane + LANE * max(len(order), 1) + 4
    y = svg.Scale(0, max(float(rates.max()) * 1.08, 1.0), floor, top)

    def place(t_us: int) -> float:
        return LEFT + clock.place(t_us, WIDTH - RIGHT - LEFT)

    spans = [(place(a), place(b)) for a, b in zip(there.start_us, there.end_us, strict=True)]
    parts: list[Markup] = [
        element("rect", x=LEFT, y=4, width=WIDTH - RIGHT - LEFT, height=bottom - 4, class_="window"),
        svg.bars(spans, 8, bottom - 8, "shade"),
        name(LEFT, 8 + HEIGHTS[-1] - 8, "incidents", len(found)),
        svg.line(LEFT, 8 + HEIGHTS[-1], WIDTH - RIGHT, 8 + HEIGHTS[-1], "lane"),
        *bands(found, place, 8),
    ]
    for code, label in enumerate(there.labels):
        own = [span for span, of in zip(spans, there.label, strict=True) if of == code]
        middle = attacks + LANE * code + LANE / 2
        parts += [name(LEFT, middle, label, len(own)), svg.bars(own, middle - 5, 10, "attack")]
    parts += [
        svg.axis_y(y, LEFT, "frames per second", right=WIDTH - RIGHT, count=4),
        svg.step_line((edges / divisor).tolist(), rates.tolist(), x, y),
    ]
    for row, kind in enumerate(order):
        middle = first_lane + LANE * row + LANE / 2
        when = [place(alert.t_us) for alert in alerts if alert.kind == kind]
        parts += [
            svg.line(LEFT, middle, WIDTH - RIGHT, middle, "lane"),
            name(LEFT, middle, kind, len(when), colour=colour_of(kind)),
            svg.dashes(when, middle - 7, 14, f"mark {colour_of(kind)}", f"{kind}: {len(when):,}"),
        ]
    if not order:
        parts.append(svg.text(LEFT - 26, first_lane + LANE / 2 + 4, "no alerts", "end", "name"))
    parts.append(svg.axis_x(x, bottom, f"{unit} since the first frame"))
    words = f"Timeline: {len(there):,} events, {len(found):,} incidents and {len(alerts):,} alerts over frames per second"
    return svg.drawing(WIDTH, bottom + 42, words, *parts)


def bands(found: Sequence[Incident], place: Any, top: float) -> list[Markup]:
    """Incidents as bands, the more severe the taller, those wide enough with their number."""
    parts = []
    for level in range(-1, len(HEIGHTS)):
        own = [one for one in found if rank(one.severity) == level]
        if not own:
            continue
        tall = HEIGHTS[max(level, 0)]
        spans = [(place(one.opened_us), place(one.last_us)) for one in own]
        parts.append(
            svg.bars(
                [(a, max(b, a + 3)) for a, b in spans], top + HEIGHTS[-1] - tall, tall, severity_class(level)
            )
        )
        parts += [
            svg.text((a + b) / 2, top + HEIGHTS[-1] - tall / 2 + 4, one.number, "middle", "number")
            for one, (a, b) in zip(own, spans, strict=True)
            if tall > 12 and b - a > 8 * len(str(one.number)) + 8
        ]
    return parts


def severity_class(level: int) -> str:
    """The class that colours a severity, by its rank."""
    return f"s{level}" if level >= 0 else "other"


def kinds_in_order(kinds: Iterable[str]) -> list[str]:
    """The known kinds in their order, then the others."""
    there = set(kinds)
    return [kind for kind in KINDS if kind in there] + sorted(there - set(KINDS))


def colour_of(kind: str) -> str:
    """The class that colours a kind of alert."""
    return f"k{KINDS.index(kind)}" if kind in KINDS else "other"


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


def name(left: float, middle: float, words: str, count: int | str, colour: str | None = None) -> Markup:
    """A lane's name and count, set right before `left`, cut to its room, whole when pointed at."""
    said = count if isinstance(count, str) else f"{count:,}"
    room = max(20 - len(said), 8)
    short = words if len(words) <= room else f"{words[: room - 1]}\u2026"
    dot = element("circle", cx=left - 14, cy=float(middle), r=4, class_=colour, fill="currentColor")
    label = element(
        "text",
        element("title", f"{words}: {said}"),
        f"{short}\u2002",
        element("tspan", said, class_="name"),
        x=left - 26,
        y=float(middle + 4),
        text_anchor="end",
    )
    return join(label, dot if colour else "")


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit of a time axis and its seconds."""
    if seconds <= 300:
        return "seconds", 1.0
    return ("minutes", 60.0) if seconds <= 3 * 3600 else ("hours", 3600.0)


def duration(seconds: float) -> str:
    """A span in words."""
    unit, divisor = time_unit(seconds)
    return f"{seconds / divisor:,.1f} {unit[0] if divisor != 60 else 'min'}"
