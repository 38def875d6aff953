"""A lane an id: when its frames came, how densely, and where its alerts are, by kind."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import key_text
from canbean.report import svg
from canbean.report.markup import Markup, element
from canbean.report.picture import SHADES, data_uri, shades_png
from canbean.report.timeline import LEFT, RIGHT, WIDTH, clock_of, colour_of, kinds_in_order, name, time_unit
from canbean.report.zoom import zoomable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.detect.alerts import Alert
    from canbean.detect.truth import Truth

TALL, TOP = 14, 6
"""Height of a lane and room above the first, in px."""

PLACES = WIDTH - RIGHT - LEFT
"""Width of the lanes in px, and steps of the picture that is seen before it is zoomed."""

FINER = 8
"""Steps of the picture that is seen when it is zoomed, a px."""

MOST, BY_ALERTS = 80, 50
"""Ids with a lane of their own: those with most alerts, then those with most frames. The others share one."""

FEW = 3
"""Where there are more ids than lanes, those with fewer frames share the last lane: a fuzzer sends each once."""

MANY = 20_000
"""With more alerts than this they are drawn to a quarter of a px, else to a sixteenth, which is seen when zoomed."""

DASHES = (None, "2 2", "5 2", "1 2", "8 2", "3 1", "1 1", "4 4", "6 1 1 1", "2 4", "9 1")
"""How the mark of each kind is broken: it is told without colour too."""


def lanes(frames: Frames, alerts: Sequence[Alert], there: Truth) -> Markup:
    """The lanes of a log with at least one frame: those with alerts first, the most first, then the others by id."""
    clock = clock_of(frames, alerts)
    keys, group, counts = np.unique(frames.key, return_inverse=True, return_counts=True)
    raised = Counter(alert.key for alert in alerts if alert.key is not None)
    whole = sum(alert.key is None for alert in alerts)
    shown = chosen(dict(zip(keys.tolist(), counts.tolist(), strict=True)), raised)
    others = (set(keys.tolist()) | set(raised)) - set(shown)
    lane_of = {key: row + bool(whole) for row, key in enumerate(shown)}
    last = len(shown) + bool(whole)
    titles: list[tuple[str, int]] = [("bus", whole)] if whole else []
    titles += [(key_text(key), raised[key]) for key in shown]
    if others:
        titles.append((f"{len(others):,} other ids", sum(raised[key] for key in others)))
    height = TALL * len(titles)

    row_of_key = np.array([lane_of.get(key, last) for key in keys.tolist()], np.int64)
    row = row_of_key[group]
    marks = [
        (0 if a.key is None else lane_of.get(a.key, last), a.kind, clock.place(a.t_us, PLACES))
        for a in alerts
    ]
    spans = [
        (clock.place(a, PLACES), clock.place(b, PLACES))
        for a, b in zip(there.start_us, there.end_us, strict=True)
    ]
    place = (frames.t_us - clock.begin_us) / 1e6 / clock.seconds
    pictures = []
    for finer, class_ in ((1, "far"), (FINER, "fine")):
        counts = density(place, row, len(titles), finer * PLACES)
        if whole:
            counts[0] = counts.sum(axis=0)
        pictures.append(_picture(counts, class_))
    inner = element(
        "svg",
        element("rect", x=0, y=0, width=PLACES, height=height, class_="ground"),
        *pictures,
        *[svg.line(0, TALL * n, PLACES, TALL * n, "between") for n in range(1, len(titles))],
        svg.bars(spans, 0, height, "shade"),
        *_marks(marks, 4 if len(alerts) > MANY else 16),
        x=LEFT,
        y=TOP,
        width=PLACES,
        height=height,
        viewBox=f"0 0 {PLACES} {height}",
        preserveAspectRatio="none",
        data_seconds=f"{clock.seconds:.6f}",
    )
    names = [
        name(LEFT + 16, TOP + TALL * n + TALL / 2, words, f"{count:,}" if count else "")
        for n, (words, count) in enumerate(titles)
    ]
    unit, divisor = time_unit(clock.seconds)
    axis = svg.axis_x(
        svg.Scale(0, clock.seconds / divisor, LEFT, WIDTH - RIGHT),
        TOP + height,
        f"{unit} since the first frame",
    )
    words = f"A lane each for {len(shown):,} ids, with {len(alerts):,} alerts"
    return zoomable(
        svg.drawing(WIDTH, TOP + height + 42, words, *names, inner, element("g", axis, class_="ticks"))
    )


def chosen(frames_of: dict[int, int], raised: Counter[int]) -> list[int]:
    """The ids that get a lane, in the order in which they are shown.

    Args:
        frames_of: frames of each key.
        raised: alerts of each key.
    """
    if len(frames_of) > MOST:
        frames_of = {key: count for key, count in frames_of.items() if count >= FEW}
        raised = Counter({key: count for key, count in raised.items() if key in frames_of})
    loud = sorted(raised, key=lambda key: (-raised[key], -frames_of.get(key, 0), key))
    full = sorted(frames_of, key=lambda key: (-frames_of[key], key))
    most = list(dict.fromkeys([*loud[:BY_ALERTS], *full, *loud]))[:MOST]
    return sorted(most, key=lambda key: (-raised[key], key))


def legend(kinds: Sequence[str]) -> Markup:
    """The mark of each kind."""
    items = [
        element(
            "li",
            element(
                "svg",
                svg.dashes([5], 1, TALL, f"mark {colour_of(kind)}", kind, dash=_dash(kind)),
                xmlns="http://www.w3.org/2000/svg",
                viewBox=f"0 0 10 {TALL + 2}",
                width=10,
                height=TALL + 2,
                class_="strip",
            ),
            f" {kind}",
        )
        for kind in kinds_in_order(kinds)
    ]
    return element("ul", *items, class_="kinds")


def _dash(kind: str) -> str | None:
    colour = colour_of(kind)
    return DASHES[int(colour[1:])] if colour != "other" else "1 5"


def _marks(marks: Sequence[tuple[int, str, float]], parts: int) -> list[Markup]:
    """Upright marks, one path a kind; marks that fall on the same part of a px of one lane are drawn once."""
    drawn = []
    for kind in kinds_in_order({kind for _, kind, _ in marks}):
        places = sorted({(row, round(x * parts)) for row, of, x in marks if of == kind})
        path = "".join(f"M{place / parts:g} {TALL * row + 1}v{TALL - 2}" for row, place in places)
        words = f"{kind}: {sum(of == kind for _, of, _ in marks):,}"
        drawn.append(
            element(
                "path",
                element("title", words),
                d=path,
                class_=f"mark {colour_of(kind)}",
                stroke_dasharray=_dash(kind),
            )
        )
    return drawn


def density(place: NDArray[np.float64], row: NDArray[np.int64], rows: int, steps: int) -> NDArray[np.int64]:
    """Frames of each row and step, int64 (rows, steps); places are from 0 to 1."""
    at = (place * steps).astype(np.int64).clip(0, steps - 1)
    return np.bincount(row * steps + at, minlength=rows * steps).reshape(rows, steps)


def _picture(counts: NDArray[np.int64], class_: str) -> Markup:
    """The density of every lane as one picture."""
    return element(
        "image",
        x=0,
        y=0,
        width=PLACES,
        height=len(counts) * TALL,
        href=data_uri(shades_png(shades(counts))),
        preserveAspectRatio="none",
        class_=class_,
    )


def shades(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Shades of counts, uint8 (rows, steps): nothing is 0, a row's usual count 6, what is far denser 15.

    The root is taken, so that both a missing frame and a flood are seen.
    """
    usual = np.array([np.median(own[own > 0]) if own.any() else 1.0 for own in counts])
    shade = np.round(6 * np.sqrt(counts / usual[:, None])).clip(3, SHADES - 1)
    return np.where(counts > 0, shade, 0).astype(np.uint8)
