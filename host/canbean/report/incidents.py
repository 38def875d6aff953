"""Incidents as a table and one by one: what they may be a sign of, and the frames around their first alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canbean.can.events import seconds_text
from canbean.can.frames import key_text
from canbean.detect.context import LIMIT, context
from canbean.detect.incidents import most_severe_first, rank
from canbean.report.markup import Markup, element, join
from canbean.report.page import paragraph, table
from canbean.report.timeline import severity_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.detect.alerts import Alert
    from canbean.detect.context import Context
    from canbean.detect.incidents import Incident

LISTED = 10
"""Incidents in the table, the most severe."""

SHOWN = 40
"""Incidents shown one by one, the most severe; the page says how many more there are."""

EACH = 3
"""Alerts of an incident that are shown with their evidence, the first of each kind before others; those left are counted."""

NAMED = 6
"""Ids of an incident that are named in its line; the others are counted."""

SIGNS = {"high": "\u25b2", "medium": "\u25c6", "low": "\u25cf"}
"""The sign of a severity: it is told without colour too."""

MINUS, NONE, HERE = "\u2212", "\u2013", "\u25b6"


def incident_table(found: Sequence[Incident], begin_us: int, anchor: str) -> Markup:
    """The most severe incidents, the worst first."""
    if not found:
        return paragraph("None: no alert was raised.")
    shown = most_severe_first(found)[:LISTED]
    rows = [
        (
            severity(one.severity),
            element("a", f"incident {one.number}", href=f"#{anchor}-{one.number}"),
            at(one.opened_us, begin_us),
            at(one.last_us, begin_us),
            closed(one, begin_us),
            f"{one.count:,}",
            f"{one.held_back:,}",
            f"{one.bits / 16:.1f}",
            ", ".join(one.kinds),
            ids(one),
        )
        for one in shown
    ]
    headings = (
        *("severity", "", "opened, s", "last alert, s", "closed, s", "alerts", "held back", "most bits"),
        *("kinds", "ids"),
    )
    more = len(found) - len(shown)
    words = f"The {len(shown)} most severe of {len(found):,} incidents. " if more else ""
    return join(
        table(headings, rows, text=(0, 1), prose=(8, 9)),
        paragraph(
            f"{words}Seconds since the first frame, which the log has at {seconds_text(begin_us)} s. An incident closes "
            "when no alert came for 10 s; held back are further alerts of an id that was just reported.",
            quiet=True,
        ),
    )


def incident_list(
    frames: Frames, found: Sequence[Incident], bits: NDArray[np.int64] | None, begin_us: int, anchor: str
) -> list[Markup]:
    """The most severe incidents one by one, in order of opening; the worst is unfolded."""
    worst = most_severe_first(found)[:SHOWN]
    shown = sorted(worst, key=lambda one: one.number)
    alerts = [alert for one in shown for alert in telling(one)]
    around = context(frames, alerts, bits=bits)
    parts, first = [], 0
    for one in shown:
        count = min(one.count, EACH)
        evidence = [_evidence(around, n, begin_us) for n in range(first, first + count)]
        parts.append(_incident(one, evidence, begin_us, anchor, is_open=one is worst[0]))
        first += count
    more = len(found) - len(shown)
    if more:
        parts.append(paragraph(f"{more:,} less severe incidents are not shown.", quiet=True))
    return parts


def telling(one: Incident) -> list[Alert]:
    """The alerts that are shown of an incident, in order of time."""
    seen: set[str] = set()
    firsts = []
    for n, alert in enumerate(one.alerts):
        if alert.kind not in seen:
            seen.add(alert.kind)
            firsts.append(n)
    places = list(dict.fromkeys([*firsts[:EACH], *range(min(one.count, EACH))]))[:EACH]
    return [one.alerts[n] for n in sorted(places)]


def _incident(
    one: Incident, evidence: Sequence[Markup], begin_us: int, anchor: str, *, is_open: bool
) -> Markup:
    lasts = (one.last_us - one.opened_us) / 1e6
    summary = element(
        "summary",
        element("b", f"Incident {one.number}"),
        severity(one.severity),
        f" from {at(one.opened_us, begin_us)} s, for {lasts:,.3f} s: ",
        element("b", f"{one.count:,} alert{'' if one.count == 1 else 's'}"),
        element("span", f"{', '.join(one.kinds)} \u00b7 {ids(one)}", class_="quiet"),
    )
    said = f"Opened at {at(one.opened_us, begin_us)} s, "
    said += (
        "still open when the log ended" if one.closed_us is None else f"closed at {closed(one, begin_us)} s"
    )
    said += f"; {one.count:,} alert{'' if one.count == 1 else 's'} by {', '.join(one.detectors)}, {one.held_back:,} more held back."
    if len(one.ids) > NAMED:
        said += f" Ids: {', '.join(map(key_text, one.ids[:100]))}"
        said += f" and {len(one.ids) - 100:,} more." if len(one.ids) > 100 else "."
    more = one.count - len(evidence)
    shown = (
        f"{len(evidence)} of {one.count:,} alerts, the first of each kind and the first of all; {more:,} more are not shown. "
        if more
        else ""
    )
    shown += "Frames of the id around the alert, times and gaps in ms; bytes that differ from the id's frame before are bold."
    return element(
        "details",
        summary,
        paragraph(said, quiet=True),
        _hypotheses(one),
        paragraph(shown, quiet=True),
        element("div", *evidence, class_="evidence"),
        class_="incident",
        id=f"{anchor}-{one.number}",
        open="open" if is_open else None,
        data_from=f"{(one.opened_us - begin_us) / 1e6:.6f}",
        data_until=f"{(one.last_us - begin_us) / 1e6:.6f}",
    )


def _hypotheses(one: Incident) -> Markup:
    if not one.hypotheses:
        return paragraph("What it may be a sign of is not known for its kinds.", quiet=True)
    rows = []
    for hypothesis in one.hypotheses:
        said = hypothesis.describe()
        share = element("meter", f"{hypothesis.percent} %", min=0, max=100, value=hypothesis.percent)
        rows.append(
            (
                hypothesis.name,
                join(share, f" {hypothesis.percent} %"),
                *(said[key] for key in ("atm", "ics_v18", "ics_v19", "r155")),
            )
        )
    headings = ("may be a sign of", "confidence", "Auto-ISAC ATM", "ATT&CK ICS v18", "v19", "UN R155 Annex 5")
    return table(headings, rows, text=range(6))


def _evidence(around: Context, n: int, begin_us: int) -> Markup:
    """One alert: what was expected, what was seen, and the frames."""
    alert = around.alerts[n]
    who = "bus" if alert.key is None else key_text(alert.key)
    head = [
        element(
            "h4",
            f"{who} {alert.kind}",
            element("span", f" at {at(alert.t_us, begin_us, 6)} s", class_="quiet"),
        ),
        paragraph(
            f"{alert.bits / 16:.1f} bits, threshold {alert.threshold / 16:.1f}; {alert.detector}", quiet=True
        ),
        element("p", element("span", "expected ", class_="quiet"), alert.expected),
        element("p", element("span", "seen ", class_="quiet"), element("b", alert.seen)),
    ]
    return element("div", *head, _frames(around, n, alert))


def _frames(around: Context, n: int, alert: Alert) -> Markup:
    """The table of frames; what cuts it is said above and below."""
    rows, before = around.shown(n)
    gaps, changed = around.gap_us(rows).tolist(), around.changed(rows)
    frames, is_bus, there = around.frames, alert.key is None, around.rows[n, around.around] >= 0
    columns = 3 + is_bus
    lines = [_cut(around, n, 0, columns)]
    for place, row in enumerate(rows.tolist()):
        if place == before and not there:
            lines.append(_absent(columns))
        about = there and place == before
        cells = [
            milliseconds(int(frames.t_us[row]) - alert.t_us, signed=True),
            NONE if gaps[place] < 0 else milliseconds(gaps[place]),
            *([key_text(int(frames.key[row]))] if is_bus else []),
            _bytes(frames.data[row, : frames.dlc[row]].tolist(), changed[place].tolist()),
        ]
        if about:
            cells[0] = f"{HERE} {cells[0]}"
        lines.append(
            element("tr", *[element("td", cell) for cell in cells], class_="about" if about else None)
        )
    if before == len(rows) and not there:
        lines.append(_absent(columns))
    lines.append(_cut(around, n, 1, columns))
    headings = ("from alert", "gap", *(["id"] if is_bus else []), "bytes")
    return element(
        "table",
        element("thead", element("tr", *[element("th", words) for words in headings])),
        element("tbody", *lines),
    )


def _absent(columns: int) -> Markup:
    return element("tr", element("td", f"{HERE} the alert: no frame of it", colspan=columns), class_="about")


def _cut(around: Context, n: int, side: int, columns: int) -> Markup:
    """What stands beyond the frames that are shown."""
    cut = around.cut(n)[side]
    if cut is None:
        return join()
    more = int(around.left_out[n, side])
    beyond = ("before", "after")[side]
    words = f"{more:,} more {beyond}" if cut == LIMIT else f"the log has no more {beyond}"
    return element("tr", element("td", words, colspan=columns), class_="cut")


def _bytes(data: Sequence[int], changed: Sequence[bool]) -> Markup:
    """Bytes in hex, those that are news bold; runs of them are one element."""
    parts: list[Markup] = []
    start = 0
    while start < len(data):
        stop = start
        while stop < len(data) and changed[stop] == changed[start]:
            stop += 1
        run = bytes(data[start:stop]).hex(" ").upper()
        parts.append(element("b", run) if changed[start] else Markup(run))
        start = stop
    return Markup(" ".join(parts))


def severity(word: str) -> Markup:
    """A severity as sign and word, coloured."""
    return element("span", f"{SIGNS.get(word, '')} {word}", class_=f"severity {severity_class(rank(word))}")


def ids(one: Incident) -> str:
    """The ids of an incident, the first by name."""
    if not one.ids:
        return "bus"
    more = len(one.ids) - NAMED
    return ", ".join(map(key_text, one.ids[:NAMED])) + (f" and {more:,} more" if more > 0 else "")


def at(t_us: int, begin_us: int, digits: int = 3) -> str:
    """A time in seconds since the first frame."""
    return f"{(t_us - begin_us) / 1e6:,.{digits}f}"


def closed(one: Incident, begin_us: int) -> str:
    """When it closed."""
    return "open" if one.closed_us is None else at(one.closed_us, begin_us)


def milliseconds(us: int, *, signed: bool = False) -> str:
    """Microseconds in ms, to the microsecond."""
    sign = MINUS if us < 0 else "+" if signed and us > 0 else ""
    return f"{sign}{abs(us) // 1000:,}.{abs(us) % 1000:03d}"
