"""Readings of a roast meter for people: a panel that changes in place, lines, CSV."""

from __future__ import annotations

import csv
import io
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from canbean.cli.output import results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from canbean.roast.reading import Reading
    from canbean.roast.trend import Summary

ARROWS = {"rising": "↗ rising", "falling": "↘ falling", "steady": "→ steady", "": ""}
COLUMNS = ("t", "value", "low", "high", "degree", "quality", "stale", "celsius", "raw", "counts")
BARS = "▁▂▃▄▅▆▇█"
HISTORY = 40


def value_words(reading: Reading) -> str:
    """`78.3 (75.1 to 81.5) Medium`; where there is no number, why."""
    if reading.value is None:
        return f"--  {reading.why}"
    interval = ""
    if reading.low is not None and reading.high is not None:
        interval = f" ({reading.low:g} to {reading.high:g})"
    return f"{reading.value:g}{interval}{'  ' + reading.degree if reading.degree else ''}"


def line(reading: Reading, summary: Summary) -> str:
    """A reading in one line."""
    parts = [value_words(reading), ARROWS[summary.direction] if reading.value is not None else ""]
    parts.append("(simulated)" if reading.simulated else "")
    return "  ".join([part for part in parts if part] + [f"warning: {w}" for w in reading.warnings])


def csv_row(cells: tuple[object, ...]) -> str:
    """One line of CSV; None is empty, a list is separated by spaces."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else value


class Screen:
    """A panel with the value, its interval and degree, how it moves, and what to know of it."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._values: list[float] = []

    def panel(self, reading: Reading | None, summary: Summary | None, away: str = "") -> Panel:
        """What is shown; `away` is why the meter does not answer."""
        if away or reading is None:
            return self._framed([Text(away or "waiting for the meter", "yellow")])
        rows = []
        if reading.value is None:
            rows += [Text("--", "bold"), Text(reading.why, "yellow")]
        else:
            head = Text(f"{reading.value:g}", "bold green")
            if reading.low is not None and reading.high is not None:
                head.append(f"   {reading.low:g} to {reading.high:g}", "default")
                head.append("  (9 in 10)", "dim")
            rows.append(head)
            if reading.degree:
                rows.append(Text(reading.degree, "bold"))
        if summary is not None and summary.median is not None:
            words = f"{ARROWS[summary.direction]}   {summary.count} readings of this cup, middle {summary.median:.1f}"
            if summary.spread is not None:
                words += f", spread {summary.spread:.2f}"
            rows.append(Text(words.strip(), "dim"))
        if len(self._values) > 1:
            rows.append(Text(self.history(), "cyan"))
        if reading.simulated:
            rows.append(Text("simulated data", "dim"))
        rows += [Text(warning, "yellow") for warning in reading.warnings]
        return self._framed(rows)

    def _framed(self, rows: list[Text]) -> Panel:
        return Panel(Group(*rows), title=self._title, title_align="left", subtitle="ctrl-C ends", width=64)

    def take(self, reading: Reading) -> None:
        """Remember a value for the history."""
        if reading.value is not None:
            self._values = [*self._values, reading.value][-HISTORY:]

    def history(self) -> str:
        """The last values as a row of bars, from the lowest to the highest of them."""
        low, high = min(self._values), max(self._values)
        scale = (len(BARS) - 1) / max(high - low, 1.0)
        return "".join(BARS[round((value - low) * scale)] for value in self._values)


@contextmanager
def live(screen: Screen) -> Iterator[Callable[[Reading | None, Summary | None, str], None]]:
    """The screen in place on a terminal; what it gives shows another state."""
    with Live(screen.panel(None, None), console=results, auto_refresh=False) as shown:

        def show(reading: Reading | None, summary: Summary | None, away: str) -> None:
            shown.update(screen.panel(reading, summary, away), refresh=True)

        yield show
