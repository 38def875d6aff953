"""The section of a curve: what one more minute of clean log is worth, in recall and in false alarms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from canbean.can.frames import SIMULATED
from canbean.detect.summary import number, share
from canbean.report import svg
from canbean.report.markup import Markup, element
from canbean.report.page import facts, heading, paragraph, section, table, wide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, ACROSS = 1010, 4
"""Width of the page in px, and small charts in a row."""

LEFT, RIGHT, TOP, HIGH, BELOW = 44, 18, 30, 104, 44
"""Sizes of a small chart in px: room for ticks, margin, room above, height of the plot, room below."""

TALL = 190
"""Height of the plot of false alarms."""


def curve_section(result: Mapping[str, Any], title: str) -> Markup:
    """Recall and false alarms against minutes of clean log.

    Args:
        result: what `detect.curve.curve` gives.
        title: heading of the section, such as the name of the clean log.
    """
    points = result["points"]
    labels = list(dict.fromkeys(label for point in points for label in point["attacks"]))
    whose = "simulated, injected" if result["attacks_from"] == "injected" else "labelled"
    parts: list[object] = [
        facts(
            [
                ("lengths learned", f"{len(points):,}"),
                ("clean minutes held out", f"{result['held_out_s'] / 60:.1f}"),
                ("budget, false alerts an hour", f"{result['budget_per_hour']:g}"),
                (f"kinds of attack, {whose}", f"{len(labels):,}"),
            ]
        ),
        heading("False alerts an hour"),
        wide(alarms(points, result["budget_per_hour"])),
        table(*_alarm_rows(points)),
        paragraph(
            "All lengths are judged on the same last part of the clean log, which none of them learned from. The bound is the "
            "exact one-sided 95 % Poisson bound: what so much held-back log can promise at best.",
            quiet=True,
        ),
    ]
    if labels:
        parts += [
            heading("Recall"),
            wide(recalls(points, labels)),
            paragraph(
                "Line and dots: recall. Broken line and diamonds: skill, what recall has beyond the chance that the same "
                "alerts would have when shifted at random in time.",
                quiet=True,
            ),
            table(*_attack_rows(points, labels)),
        ]
    if result["left_out"]:
        parts.append(heading("Left out"))
        rows = [(f"{left['minutes']:g} min", left["reason"]) for left in result["left_out"]]
        parts.append(table(("length", "reason"), rows, prose=(1,)))
    if result["same_drive"]:
        parts.append(
            paragraph(
                "Some labelled logs are the drive that was learned: their recall is not that of a new drive."
            )
        )
    return section(title, *parts, simulated=result["data"] == SIMULATED)


def alarms(points: Sequence[Mapping[str, Any]], budget: float) -> Markup:
    """False alerts an hour and their upper bound against minutes, with the budget."""
    measured = [point for point in points if point["false_alerts_per_hour_upper95"] is not None]
    if not measured:
        return paragraph("Too little was held out for a rate.")
    minutes = [point["minutes"] for point in measured]
    upper = [point["false_alerts_per_hour_upper95"] for point in measured]
    rate = [point["false_alerts_per_hour"] for point in measured]
    x, floor = _across(minutes, LEFT + 20, WIDTH - RIGHT), TOP + TALL
    y = svg.Scale(0, max(*upper, budget) * 1.08, floor, TOP)
    places = [math.log2(m) for m in minutes]
    words = f"False alerts an hour against minutes of clean log; the budget is {budget:g}"
    return svg.drawing(
        WIDTH,
        floor + BELOW,
        words,
        svg.axis_y(y, LEFT + 20, "false alerts an hour", right=WIDTH - RIGHT, count=4),
        svg.line(LEFT + 20, y(budget), WIDTH - RIGHT, y(budget), "identity"),
        svg.text(LEFT + 30, y(budget) - 5, "budget", "start", "name"),
        _line(places, upper, x, y, "skill"),
        svg.diamonds(places, upper, x, y, class_="read"),
        svg.text(x(places[-1]) - 8, y(upper[-1]) - 9, "95 % upper bound", "end"),
        _line(places, rate, x, y, "step"),
        svg.points(places, rate, x, y, class_="dots", radius=4),
        svg.text(x(places[-1]) - 8, y(rate[-1]) - 9, "seen", "end"),
        *_axis(minutes, x, floor, LEFT + 20, WIDTH - RIGHT),
    )


def recalls(points: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> Markup:
    """A small chart an attack: recall and skill against minutes."""
    minutes = [point["minutes"] for point in points]
    each, tall = WIDTH / ACROSS, TOP + HIGH + BELOW
    charts = []
    for n, label in enumerate(labels):
        left, top = n % ACROSS * each + LEFT, n // ACROSS * tall + TOP
        right = n % ACROSS * each + each - RIGHT
        x, y = _across(minutes, left, right), svg.Scale(0, 1, top + HIGH, top)
        parts = [
            _title(label, left, top - 9),
            svg.line(left, top, right, top, "grid"),
            *[svg.text(left - 6, y(v) + 4, svg.tick_text(v), "end", "tick") for v in (0, 0.5, 1)],
            svg.line(left, y(0.5), right, y(0.5), "grid"),
            svg.line(left, top, left, top + HIGH, "axis"),
        ]
        for figure, class_ in (("skill", "skill"), ("recall", "step")):
            there = [
                (math.log2(point["minutes"]), max(point["attacks"][label][figure], 0.0))
                for point in points
                if label in point["attacks"] and point["attacks"][label][figure] is not None
            ]
            places, values = [place for place, _ in there], [value for _, value in there]
            parts.append(_line(places, values, x, y, class_))
            if figure == "skill":
                parts.append(svg.diamonds(places, values, x, y, class_="read"))
            else:
                parts.append(svg.points(places, values, x, y, class_="dots", radius=3.4))
        charts += [*parts, *_axis(minutes, x, top + HIGH, left, right)]
    rows = -(-len(labels) // ACROSS)
    words = f"Recall and skill against minutes of clean log, for {', '.join(labels)}"
    return svg.drawing(WIDTH, rows * tall, words, *charts)


def _title(label: str, x: float, y: float) -> Markup:
    """The name of a chart, cut to its room, whole when pointed at."""
    short = label if len(label) <= 26 else f"{label[:25]}\u2026"
    return element("text", element("title", label), short, x=float(x), y=float(y), font_weight=600)


def _across(minutes: Sequence[float], left: float, right: float) -> svg.Scale:
    """Octaves of minutes from left to right, with room at both ends."""
    return svg.Scale(math.log2(min(minutes)), math.log2(max(minutes)), left + 12, right - 12)


def _line(xs: Sequence[float], ys: Sequence[float], x: svg.Scale, y: svg.Scale, class_: str) -> Markup:
    path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in zip(xs, ys, strict=True))
    return element("path", d=f"M{path}" if path else "", class_=class_)


def _axis(minutes: Sequence[float], x: svg.Scale, floor: float, left: float, right: float) -> list[Markup]:
    """The axis of minutes: those that were tried, as far apart as their words need."""
    parts, free = [svg.line(left, floor, right, floor, "axis")], -math.inf
    for m in minutes:
        place, words = x(math.log2(m)), f"{m:g}"
        parts.append(svg.line(place, floor, place, floor + svg.TICK, "axis"))
        if place - 4 * len(words) > free:
            parts.append(svg.text(place, floor + svg.TICK + 12, words, "middle", "tick"))
            free = place + 4 * len(words)
    parts.append(svg.text((left + right) / 2, floor + svg.TICK + 28, "minutes learned", "middle", "name"))
    return parts


def _alarm_rows(points: Sequence[Mapping[str, Any]]) -> tuple[Sequence[str], list[Sequence[object]]]:
    headings = (
        "minutes",
        "threshold, bits",
        "alerts",
        "an hour",
        "95 % upper bound",
        "episodes",
        "95 % upper bound",
    )
    rows: list[Sequence[object]] = [
        (
            f"{point['minutes']:g}",
            f"{point['threshold_bits']:.2f}",
            f"{point['false_alerts']:,}",
            number(point["false_alerts_per_hour"]),
            number(point["false_alerts_per_hour_upper95"]),
            f"{point['false_episodes']:,}",
            number(point["false_episodes_per_hour_upper95"]),
        )
        for point in points
    ]
    return headings, rows


def _attack_rows(
    points: Sequence[Mapping[str, Any]], labels: Sequence[str]
) -> tuple[Sequence[str], list[Sequence[object]]]:
    """Recall and skill of each attack by minutes; a length in which an attack does not occur has none."""
    headings = ["attack", "events"]
    for point in points:
        headings += [f"recall, {point['minutes']:g} min", "skill"]
    rows: list[Sequence[object]] = []
    for label in labels:
        own = [point["attacks"].get(label, {}) for point in points]
        figures = [share(one.get(figure)) for one in own for figure in ("recall", "skill")]
        rows.append((label, f"{max(one.get('events', 0) for one in own):,}", *figures))
    return headings, rows
