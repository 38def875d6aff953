"""`canbean roast fit`: several shallow regressors from pairs, one chosen and packed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, progress, results, table
from canbean.cli.roast_options import PairsPath, Tolerance
from canbean.errors import UsageError
from canbean.files import writable, write_bytes
from canbean.report.page import page
from canbean.report.roast import roast_section
from canbean.roast import pairs
from canbean.roast.fit import Fit
from canbean.roast.fit import fit as fit_pairs
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Sequence


def fit(
    pairs_path: PairsPath,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="M.cbm")],
    scale: Annotated[str, typer.Option(metavar="LOW:HIGH", help="Of the professional meter.")] = "0:180",
    tolerance: Tolerance = 5.0,
    models: Annotated[str | None, typer.Option(metavar="a,b", help="Only these regressors.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random starts.")] = 0,
    report: Annotated[Path | None, typer.Option(metavar="R.html")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit several shallow regressors to pairs, choose one on lots left out, pack it for the board."""
    for target in filter(None, (output, report)):
        writable(target, pairs_path)
    found = pairs.read(pairs_path)
    wanted = None if models is None else models.split(",")
    fitted = fit_with_bar(found, _scale(scale), tolerance, wanted, seed, output.stem)
    write_bytes(output, cbm.pack(fitted.model))
    said = {"model": str(output), **fitted.as_json()}
    if report is not None:
        section = roast_section(
            said,
            found.reference.tolist(),
            fitted.nested.tolist(),
            simulated=found.simulated,
            tolerance=tolerance,
        )
        write_bytes(report, page(f"canbean: {pairs_path.name}", [section]).encode())
    if as_json:
        json_line(said)
    else:
        show_fit(said)


def fit_with_bar(
    found: pairs.Pairs,
    scale: tuple[float, float] = (0.0, 180.0),
    tolerance: float = 5.0,
    models: Sequence[str] | None = None,
    seed: int = 0,
    name: str = "roast meter",
) -> Fit:
    """Fit under a progress bar."""
    with progress() as bar:
        task = bar.add_task("fitting", total=100)

        def step(share: float) -> None:
            bar.update(task, completed=round(100 * share))

        return fit_pairs(found, scale, tolerance, models, seed, name=name, progress=step)


def show_fit(said: dict[str, Any]) -> None:
    """Print the table of models, and what the chosen one will be worth."""
    header = ("model", "rmse", "p95", "max", "within", "bytes", "ms on board")
    rows = (
        (
            f"{name} *" if name == said["chosen"] else name,
            *(f"{figures[k]:.2f}" for k in ("rmse", "p95", "max")),
            f"{figures['within_tolerance']:.0%}",
            str(figures["bytes"]),
            f"{figures['board_ms']:.1f}",
        )
        for name, figures in said["models"].items()
    )
    table(
        f"{said['pairs']} pairs of {said['groups']} lots ({said['data']} data), lots left out", header, rows
    )
    selected = said["selected"]
    results.print(
        f"chosen {said['chosen']} (*): the choice made anew in each fold gives rmse {selected['rmse']:.2f}, "
        f"95 % within {selected['p95']:.2f}, 90 % intervals cover {selected['coverage90']:.0%}; "
        "ms on board are estimated"
    )
    for warning in said["warnings"]:
        note(f"warning: {warning}")


def _scale(text: str) -> tuple[float, float]:
    try:
        low, high = (float(limit) for limit in text.split(":"))
    except ValueError:
        raise UsageError(f"--scale {text!r}: give the lowest and the highest value, such as 0:180") from None
    if not -1000 <= low < high <= 1000:
        raise UsageError(f"--scale {text!r}: the lowest value must be below the highest, both within ±1000")
    return low, high
