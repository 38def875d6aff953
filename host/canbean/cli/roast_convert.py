"""`canbean roast convert`: from one meter's scale to another's, by cups that both have read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, results, table
from canbean.roast import conversion, pairs


def convert(
    pairs_path: Annotated[
        Path, typer.Argument(metavar="PAIRS.csv", help="lot, one column of values, reference")
    ],
    value: Annotated[
        list[float] | None, typer.Option(help="Convert this one; may be repeated. A table if not given.")
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="From the reference's scale to the other.")] = False,
    as_json: AsJson = False,
) -> None:
    """Convert values between the scales of two meters that have read the same cups."""
    found = conversion.fit(pairs.read(pairs_path))
    if back:
        found = found.reversed()
    ticks = np.arange(np.ceil(found.x[0] / 10), found.x[-1] / 10 + 1e-9) * 10
    asked = np.array(value) if value else ticks if len(ticks) else found.x[:: len(found.x) // 8]
    said = found.as_json(asked)
    if as_json:
        json_line(said)
        return
    rows = ((f"{row['source']:g}", f"{row['target']:.1f}") for row in said["values"])
    table(f"{pairs_path}: {found.pairs} pairs of {found.lots} lots", (found.source, found.target), rows)
    results.print(
        f"degree {found.degree}, rmse {found.rmse:.2f} on lots left out, both meters' noise included"
    )
