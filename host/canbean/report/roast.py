"""The section of a roast meter: predicted against reference, the table of models, the cups that the board read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from canbean.report import svg
from canbean.report.markup import Markup, element, join
from canbean.report.page import facts, heading, paragraph, section, table, wide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NONE = "\u2013"
"""What was not measured."""

SIDE, LEFT, TOP, GAP = 420, 52, 34, 92
"""Sizes of the plots in px: side of one, room for its ticks, room above, between the two."""


def roast_section(
    fit: Mapping[str, Any],
    reference: Sequence[float],
    predicted: Sequence[float],
    readings: Sequence[tuple[str, float, float]] | None = None,
    *,
    simulated: bool,
    title: str = "Roast meter",
    tolerance: float = 5.0,
) -> Markup:
    """One meter: how well its model agrees with the professional meter.

    Args:
        fit: what `roast fit --json` says.
        reference: (n,) values of the professional meter.
        predicted: (n,) values of the packed model for the same cups, each by a model that did not see its lot.
        readings: cups read by the board: (name, reference, read).
        simulated: whether the pairs come from a simulation.
        title: heading of the section.
        tolerance: half the width of the band in which a reading is good enough, in the unit of the scale.
    """
    selected = fit["selected"]
    parts: list[object] = [
        facts(
            [
                ("pairs", f"{fit['pairs']:,}"),
                ("lots", f"{fit['groups']:,}"),
                ("chosen", str(fit["chosen"])),
                ("RMSE", _figure(selected["rmse"], ".2f")),
                ("95 % within", _figure(selected["p95"], ".2f")),
                ("largest error", _figure(selected["max"], ".2f")),
                ("90 % intervals cover", _figure(selected["coverage90"], ".0%")),
            ]
        ),
        wide(calibration(fit["scale"], reference, predicted, readings or (), tolerance)),
        heading("Models"),
        _models(fit["models"], fit["chosen"], tolerance),
        paragraph(
            "Errors of the packed integer model, cross-validated by lot and never by row. The figures at the top choose the "
            "model anew inside each fold. Monotone: along the path of the pairs no lighter coffee is read as darker.",
            quiet=True,
        ),
        *_agreement(fit.get("agreement")),
    ]
    if readings is not None:
        parts += [heading("Cups read by the board"), _cups(readings, tolerance)]
    return section(title, *parts, simulated=simulated)


def calibration(
    scale: Sequence[float],
    reference: Sequence[float],
    predicted: Sequence[float],
    readings: Sequence[tuple[str, float, float]],
    tolerance: float,
) -> Markup:
    """Predicted against reference with identity and band, and beside it the error, where the band can be seen."""
    low, high = float(scale[0]), float(scale[1])
    read_from, read = [cup[1] for cup in readings], [cup[2] for cup in readings]
    errors = [b - a for a, b in zip(reference, predicted, strict=True)]
    read_errors = [b - a for a, b in zip(read_from, read, strict=True)]
    values = [low, high, *reference, *predicted, *read_from, *read]
    low, high = min(values), max(values)
    limit = max([tolerance * 1.6, *(abs(e) * 1.08 for e in [*errors, *read_errors])])

    bottom = TOP + SIDE
    x = svg.Scale(low, high, LEFT, LEFT + SIDE)
    y = svg.Scale(low, high, bottom, TOP)
    x2 = svg.Scale(low, high, x.end + GAP, x.end + GAP + SIDE)
    y2 = svg.Scale(-limit, limit, bottom, TOP)
    # The band's corners are cut to the square.
    edge = [
        (low, low), (low, low + tolerance), (high - tolerance, high), (high, high), (high, high - tolerance),
        (low + tolerance, low),
    ]  # fmt: skip
    band = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in edge)
    parts = [
        element("polygon", points=band, class_="band"),
        svg.axis_y(y, LEFT, "predicted", right=x.end, count=6),
        svg.axis_x(x, bottom, "reference", top=TOP, count=6),
        svg.line(x(low), y(low), x(high), y(high), "identity"),
        svg.points(reference, predicted, x, y, class_="dots"),
        svg.diamonds(read_from, read, x, y, class_="read"),
        element(
            "rect",
            x=x2.start,
            y=y2(tolerance),
            width=float(SIDE),
            height=y2(-tolerance) - y2(tolerance),
            class_="band",
        ),
        svg.axis_y(y2, x2.start, "error = predicted \u2212 reference", right=x2.end, count=6),
        svg.axis_x(x2, bottom, "reference", top=TOP, count=6),
        svg.line(x2.start, y2(0), x2.end, y2(0), "identity"),
        svg.points(reference, errors, x2, y2, class_="dots"),
        svg.diamonds(read_from, read_errors, x2, y2, class_="read"),
        _legend(len(reference), len(read), tolerance, LEFT, bottom + 62),
    ]
    words = (
        f"Predicted against reference for {len(reference):,} pairs and {len(read):,} cups read by the board"
    )
    return svg.drawing(x2.end + 14, bottom + 74, words, *parts)


def _legend(pairs: int, cups: int, tolerance: float, left: float, y: float) -> Markup:
    """What the marks mean."""
    at = svg.Scale(0, 1, 0, 1)
    parts = [
        svg.points([left + 5], [y - 4], at, at, class_="dots", radius=3.5),
        svg.text(left + 16, y, f"held-out pairs ({pairs:,})"),
        element("rect", x=float(left + 190), y=float(y - 11), width=20.0, height=12.0, class_="band"),
        svg.text(left + 216, y, f"within \u00b1{tolerance:g}"),
        svg.line(left + 320, y - 4, left + 344, y - 4, "identity"),
        svg.text(left + 351, y, "equal to the reference"),
    ]
    if cups:
        parts += [
            svg.diamonds([left + 531], [y - 4], at, at, class_="read"),
            svg.text(left + 543, y, f"cups read by the board ({cups:,})"),
        ]
    return element("g", *parts)


def _models(models: Mapping[str, Mapping[str, Any]], chosen: str, tolerance: float) -> Markup:
    """One row a model, the chosen one bold."""
    rows = [
        (
            f"{name} (chosen)" if name == chosen else name,
            *(_figure(of[key], ".2f") for key in ("rmse", "mae", "p95", "max")),
            _figure(of["within_tolerance"], ".1%"),
            {True: "yes", False: "no"}.get(of.get("monotone", ""), NONE),
            _figure(of["bytes"], ","),
            f"{_figure(of['board_ms'], '.1f')} ms ({of['board_ms_source']})",
        )
        for name, of in models.items()
    ]
    headings = (
        "model",
        "RMSE",
        "MAE",
        "p95",
        "max",
        f"within \u00b1{tolerance:g}",
        "monotone",
        "bytes",
        "time on the board",
    )
    return table(headings, rows, chosen=list(models).index(chosen) if chosen in models else None)


def _agreement(found: Mapping[str, Any] | None) -> list[object]:
    """The two meters side by side, when neither is taken for the truth."""
    if found is None:
        return []
    low, high = found["limits"]
    rows = [
        ("mean difference (Bland-Altman)", _figure(found["bias"], "+.2f")),
        ("95 % of differences", f"{low:+.1f} to {high:+.1f}".replace("-", "\u2212")),
        ("Deming slope", _with_error(found["slope"], found["slope_se"], ".3f")),
        ("Deming intercept", _with_error(found["intercept"], found["intercept_se"], ".2f")),
        ("professional meter, cups of a lot", _figure(found["reference_noise"], ".2f")),
    ]
    return [
        heading("Agreement with the professional meter"),
        table(("", "points"), rows),
        paragraph(f"Held-out readings; both meters are taken to be noisy. {found['source']}.", quiet=True),
    ]


def _with_error(value: float | None, error: float | None, form: str) -> str:
    return _figure(value, form) + ("" if error is None else f" \u00b1 {format(error, form)}")


def _figure(value: float | None, form: str) -> str:
    """A number in a format, or a dash where it was not measured."""
    return NONE if value is None else format(value, form).replace("%", "\u202f%")


def _cups(readings: Sequence[tuple[str, float, float]], tolerance: float) -> Markup:
    """One row a cup, and how many are within the tolerance."""
    rows = [
        (name, f"{true:.1f}", f"{read:.1f}", f"{read - true:+.1f}".replace("-", "\u2212"))
        for name, true, read in readings
    ]
    good = sum(abs(read - true) <= tolerance for _, true, read in readings)
    words = f"{good:,} of {len(readings):,} within \u00b1{tolerance:g}."
    return join(table(("cup", "reference", "read", "error"), rows), paragraph(words, quiet=True))
