"""Small charts as inline SVG: scales, axes, steps, points; colours come from the page's style."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canbean.report.markup import Markup, element, join

if TYPE_CHECKING:
    from collections.abc import Sequence

TICK = 4
"""Length of a tick in px."""


@dataclass(frozen=True)
class Scale:
    """A straight line from values to px."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The px of a value; a scale without extent puts all in its middle."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, count: int = 6) -> list[float]:
        """Round values within the scale, about `count` of them: steps of 1, 2 or 5 times a power of ten."""
        extent = self.high - self.low
        if not extent > 0 or not math.isfinite(extent):
            return [self.low]
        rough = extent / max(count, 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]


def tick_text(value: float) -> str:
    """A tick's number: thousands apart, no trailing zeros."""
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text.replace("-", "\u2212")


def drawing(width: float, height: float, words: str, *children: object) -> Markup:
    """The whole drawing; `words` say what it shows to those who do not see it."""
    return element(
        "svg",
        element("title", words),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_label=words,
    )


def text(x: float, y: float, words: object, anchor: str = "start", class_: str | None = None) -> Markup:
    """Words at a place; `anchor` is start, middle or end."""
    return element("text", words, x=float(x), y=float(y), text_anchor=anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def axis_x(scale: Scale, y: float, words: str, *, top: float | None = None, count: int = 8) -> Markup:
    """The horizontal axis at `y`, its ticks and what it counts below; with `top`, grid lines up to there."""
    parts = [line(scale.start, y, scale.end, y, "axis")]
    for value in scale.ticks(count):
        x = scale(value)
        if top is not None:
            parts.append(line(x, top, x, y, "grid"))
        parts += [line(x, y, x, y + TICK, "axis"), text(x, y + TICK + 12, tick_text(value), "middle", "tick")]
    parts.append(text((scale.start + scale.end) / 2, y + TICK + 30, words, "middle", "name"))
    return element("g", *parts)


def axis_y(scale: Scale, x: float, words: str, *, right: float | None = None, count: int = 5) -> Markup:
    """The vertical axis at `x`, what it counts above its top; with `right`, grid lines up to there."""
    parts = []
    for value in scale.ticks(count):
        y = scale(value)
        if right is not None:
            parts.append(line(x, y, right, y, "grid"))
        parts.append(text(x - TICK - 3, y + 4, tick_text(value), "end", "tick"))
    parts += [
        line(x, scale.start, x, scale.end, "axis"),
        text(x, min(scale.start, scale.end) - 9, words, "start", "name"),
    ]
    return element("g", *parts)


def step_line(edges: Sequence[float], values: Sequence[float], x: Scale, y: Scale) -> Markup:
    """A line of steps with the area below it: value n holds from edge n to edge n + 1."""
    if not len(values):
        return Markup()
    path = f"{x(edges[0]):.1f} {y(values[0]):.1f}"
    for n, value in enumerate(values):
        path += f"V{y(value):.1f}H{x(edges[n + 1]):.1f}"
    floor = y(max(y.low, 0))
    area = f"M{x(edges[0]):.1f} {floor:.1f}L{path}V{floor:.1f}Z"
    return join(element("path", d=area, class_="area"), element("path", d=f"M{path}", class_="step"))


def _half(px: float) -> float:
    """Rounded to half px: finer is not seen, and keeps a drawing small however much it shows."""
    return round(px * 2) / 2


def dashes(
    places: Sequence[float], y: float, height: float, class_: str, words: str, *, dash: str | None = None
) -> Markup:
    """Upright marks in one path, broken by `dash`; marks that fall on the same half px are drawn once."""
    drawn = dict.fromkeys(f"{_half(place):g}" for place in places)
    path = "".join(f"M{place} {y:.1f}v{height:g}" for place in drawn)
    return element("path", element("title", words), d=path, class_=class_, stroke_dasharray=dash)


def bars(spans: Sequence[tuple[float, float]], y: float, height: float, class_: str) -> Markup:
    """Rectangles from px to px, at least 1.5 px wide to be seen; equal ones are drawn once."""
    drawn = dict.fromkeys((_half(a), _half(max(b - a, 1.5))) for a, b in spans)
    parts = [
        element("rect", x=start, y=float(y), width=width, height=float(height)) for start, width in drawn
    ]
    return element("g", *parts, class_=class_)


def points(
    xs: Sequence[float], ys: Sequence[float], x: Scale, y: Scale, *, class_: str, radius: float = 2.6
) -> Markup:
    """Dots."""
    parts = [element("circle", cx=float(x(a)), cy=float(y(b)), r=radius) for a, b in zip(xs, ys, strict=True)]
    return element("g", *parts, class_=class_)


def diamonds(
    xs: Sequence[float], ys: Sequence[float], x: Scale, y: Scale, *, class_: str, radius: float = 5
) -> Markup:
    """Diamonds, for what must be told from dots without colour."""
    path = "".join(
        f"M{x(a):.1f} {y(b) - radius:.1f}l{radius:g} {radius:g}l{-radius:g} {radius:g}l{-radius:g} {-radius:g}z"
        for a, b in zip(xs, ys, strict=True)
    )
    return element("path", d=path, class_=class_)
