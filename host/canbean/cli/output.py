"""How results leave the command line: words and progress on stderr, tables or one JSON object on stdout."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

words = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
"""For people: progress, notes, reasons."""

results = Console(highlight=False, emoji=False, soft_wrap=True)
"""For what was asked."""


def json_line(result: Mapping[str, Any]) -> None:
    """Print one JSON object on stdout."""
    sys.stdout.write(json.dumps(result) + "\n")


def note(text: str) -> None:
    """Say something beside the result."""
    words.print(text, markup=False)


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout: the first column of words, the others of numbers."""
    # not as the table's own, which would be broken at the table's width
    results.print(title, style="bold", markup=False)
    grid = Table(header_style="", box=SIMPLE_HEAD, padding=(0, 1))
    for column, name in enumerate(header):
        grid.add_column(name, justify="left" if column == 0 else "right", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    # as wide as it needs: a line that a terminal wraps says more than a figure that is cut off
    Console(highlight=False, emoji=False, width=max(results.width, 160)).print(grid)


@contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """A line on stderr that tells what is being done, on a terminal only; what it gives changes the words."""
    with words.status(text) as status:
        yield status.update


def progress() -> Progress:
    """A progress bar on stderr, shown on a terminal only."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=words,
        transient=True,
        disable=not words.is_terminal,
    )
