"""A score in words: the table per attack and the false alarms, the same on a terminal and in a report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADINGS = (
    "attack",
    "events",
    "detected",
    "recall",
    "id named",
    "chance",
    "skill",
    "alarmed",
    "delay median",
    "delay p95",
    "frames",
    "AUROC",
)
"""Headings of `attack_table`; the first column is text, the others are numbers."""

NONE = "\u2013"
"""What was not measured."""

MISSED = "missed"
"""A delay percentile that is infinite: too many events were missed."""


def attack_table(result: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and one row of words an attack, from the result of `score`."""
    rows = [
        (
            label,
            f"{attack['events']:,}",
            f"{attack['detected']:,}",
            *(share(attack[name]) for name in ("recall", "recall_id_named", "chance_recall", "skill")),
            share(attack["alarmed_fraction"]),
            delay(attack["delay_ms_median"]),
            delay(attack["delay_ms_p95"]),
            f"{attack['frames']:,}",
            share(attack["frame_auroc"]),
        )
        for label, attack in result["attacks"].items()
    ]
    return HEADINGS, rows


def alarm_table(result: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows of what was raised without an attack: count, rate an hour and its 95 % upper bound."""
    rows: list[tuple[str, ...]] = [
        (
            name.replace("_", " "),
            f"{result[name]:,}",
            number(result[f"{name}_per_hour"]),
            number(result[f"{name}_per_hour_upper95"]),
        )
        for name in ("false_alerts", "false_episodes")
    ]
    return ("", "count", "an hour", "95 % upper bound"), rows


def clean_time(result: Mapping[str, Any]) -> str:
    """How much clean log the rates rest on, in words."""
    seconds = result["clean_hours"] * 3600
    if seconds < 60:
        return f"{seconds:.1f} s of clean log: too short for a rate"
    return (
        f"{seconds / 60:.1f} min of clean log" if seconds < 7200 else f"{seconds / 3600:.1f} h of clean log"
    )


def share(value: float | None) -> str:
    """A share from 0 to 1 with three decimals, rounded down: 1.000 means all."""
    if value is None:
        return NONE
    return f"{math.floor(value * 1000 + 1e-6) / 1000:.3f}"


def number(value: float | None) -> str:
    """A rate with about three digits."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if value >= 100 else f"{value:.{1 if value >= 10 else 2}f}"


def delay(value: float | None) -> str:
    """A delay with its unit; None is a miss."""
    if value is None:
        return MISSED
    return f"{value:.1f} ms" if value < 1000 else f"{value / 1000:,.1f} s"
