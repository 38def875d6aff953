"""The section of a drive: when, what and how bad; then each incident with its evidence, and the score."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from canbean.detect.incidents import incidents, most_severe_first
from canbean.detect.summary import alarm_table, attack_table, clean_time, number, share
from canbean.detect.truth import truth
from canbean.report.incidents import incident_list, incident_table
from canbean.report.known import known
from canbean.report.lanes import lanes, legend
from canbean.report.page import facts, heading, paragraph, section, table, wide
from canbean.report.timeline import duration, timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from canbean.can.events import Event
    from canbean.can.frames import Frames
    from canbean.detect.alerts import Alert
    from canbean.detect.fingerprint import Fingerprint
    from canbean.report.markup import Markup


def can_section(
    frames: Frames,
    alerts: Sequence[Alert],
    score: Mapping[str, Any],
    title: str,
    *,
    simulated: bool,
    events: Iterable[Event] | None = None,
    bits: NDArray[np.int64] | None = None,
    fingerprint: Fingerprint | None = None,
) -> Markup:
    """One drive, its incidents and its score.

    Args:
        frames: the log that was watched.
        alerts: what was raised on it.
        score: the result of `detect.score.score` for them.
        title: heading of the section.
        simulated: whether the log comes from a simulation.
        events: rows of events, as the score was given them.
        bits: (n,) surprise of each frame, which tells frames of one id and time apart.
        fingerprint: the model that watched, to show what it knows.
    """
    there = truth(frames, events)
    alerts = sorted(alerts, key=lambda alert: alert.t_us)
    begin, end = (int(frames.t_us.min()), int(frames.t_us.max())) if len(frames) else (0, 0)
    found = incidents(alerts, end)
    anchor = "i-" + re.sub(r"[^A-Za-z0-9]+", "-", title)
    labelled = bool(len(there))
    worst = f"incidents, the worst {most_severe_first(found)[0].severity}" if found else "incidents"
    figures = [
        (worst, f"{len(found):,}"),
        ("alerts", f"{len(alerts):,}"),
        ("frames", f"{len(frames):,}"),
        ("span", duration(frames.span_s)),
    ]
    if labelled:
        figures += [("attack events", f"{len(there):,}"), ("precision", share(score["precision"]))]
        upper = score["false_episodes_per_hour_upper95"]
        if upper is not None:
            figures.append(("false episodes an hour, 95 % bound", number(upper)))
    parts: list[object] = [
        facts(figures),
        wide(timeline(frames, alerts, found, there)),
        heading("Incidents"),
        incident_table(found, begin, anchor),
        *incident_list(frames, found, bits, begin, anchor),
    ]
    if len(frames):
        parts += [
            heading("Ids"),
            legend([alert.kind for alert in alerts]),
            lanes(frames, alerts, there),
            paragraph(
                "A lane an id with its number of alerts: the darker, the denser its frames"
                f"{'; what is shaded in full height is a labelled attack' if labelled else ''}.",
                quiet=True,
            ),
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
    said = f"On {clean_time(score)}. "
    if labelled:
        said += f"{score['unattributed_alerts']:,} alerts fell inside an event without being about it. "
    else:
        said += "No attack is labelled in this log: if there was one, its alerts count here too. "
    parts += [
        heading("False alarms"),
        table(*alarm_table(score)),
        paragraph(f"{said}An episode is a run of false alerts that a person would look at once.", quiet=True),
    ]
    if fingerprint is not None:
        parts += [heading("What the model knows"), known(fingerprint)]
    return section(title, *parts, simulated=simulated)
