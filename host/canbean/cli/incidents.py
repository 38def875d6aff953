"""Incidents on the command line: a short table, the most severe first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canbean.can.frames import key_text
from canbean.cli.output import results, table
from canbean.detect.incidents import most_severe_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canbean.detect.incidents import Incident

LISTED = 10
"""Incidents in the table; the others are counted."""


def show_incidents(found: Sequence[Incident]) -> None:
    """Print the incidents with times of the log's own clock, as alerts have them; nothing where there are none."""
    if not found:
        return
    rows = (
        (
            one.severity,
            f"{one.opened_us / 1e6:.3f}",
            f"{(one.last_us - one.opened_us) / 1e6:,.1f}",
            f"{one.count:,}",
            first(one.kinds),
            first([key_text(key) for key in one.ids] or ["bus"]),
            one.hypotheses[0].name if one.hypotheses else "-",
        )
        for one in most_severe_first(found)[:LISTED]
    )
    header = ("worst", "opened s", "for s", "alerts", "kinds", "ids", "may be")
    table(f"{len(found)} incident{'' if len(found) == 1 else 's'}", header, rows)
    if len(found) > LISTED:
        results.print(f"\u2026 and {len(found) - LISTED} less severe incidents")


def first(words: Sequence[str]) -> str:
    """The first word, and how many more there are."""
    return words[0] + (f" +{len(words) - 1}" if len(words) > 1 else "")
