"""`canbean roast fit`: several shallow regressors from pairs, one chosen and packed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, progress, results, table
from canbean.cli.roast_options import PairsPath, Tolerance
from canbean.files import writable, write_bytes
from canbean.report.page import page
from canbean.report.roast import roast_section
from canbean.roast import conversion, pairs
from canbean.roast.fit import Fit
from canbean.roast.fit import fit as fit_pairs
from canbean.roast.kinds import LIGHT
from canbean.roast.scale import DEFAULT, Scale
from canbean.roast.scale import parse as parse_scale
from canbean.tiny import cbm

if TYPE_CHECKING:
    from collections.abc import Sequence


def fit(
    pairs_path: PairsPath,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="M.cbm")],
    scale: Annotated[
        str, typer.Option(metavar="NAME|LOW:HIGH[:ROUNDING]", help="Of the professional meter.")
    ] = "0:180",
    tolerance: Tolerance = 5.0,
    models: Annotated[str | None, typer.Option(metavar="a,b", help="Only these regressors.")] = None,
    gourmet: Annotated[
        Path | None,
        typer.Option(metavar="PAIRS.csv", help="Agtron Gourmet beside this scale: names the degrees on it."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random starts.")] = 0,
    report: Annotated[Path | None, typer.Option(metavar="R.html")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit several shallow regressors to pairs, choose one on lots left out, pack it for the board."""
    for target in filter(None, (output, report)):
        writable(target, pairs_path, gourmet)
    found = pairs.read(pairs_path)
    wanted = None if models is None else models.split(",")
    on = parse_scale(scale)
    if gourmet is not None:
        on = conversion.named(on, conversion.fit(pairs.read(gourmet)))
    fitted = fit_with_bar(found, on, tolerance, wanted, seed, output.stem)
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
        if said["calibrated"]:
            results.print("it reads reflectances: it is for every calibrated meter with this sensor")
        elif set(found.channel_names) & LIGHT:
            results.print("it reads what the sensor counts: it is for the meter of these pairs alone")


def fit_with_bar(
    found: pairs.Pairs,
    scale: Scale = DEFAULT,
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
    header = ("model", "rmse", "p95", "max", "within", "monotone", "bytes", "ms on board")
    rows = (
        (
            f"{name} *" if name == said["chosen"] else name,
            *(f"{figures[k]:.2f}" for k in ("rmse", "p95", "max")),
            f"{figures['within_tolerance']:.0%}",
            "yes" if figures["monotone"] else "no",
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
    results.print(f"rule: {said['rule']}")
    if len(said["blend"]) > 1:
        results.print("blend: " + ", ".join(f"{share:.0%} {name}" for name, share in said["blend"].items()))
    results.print(
        f"interval: ±{said['half_width']:.1f} holds nine readings in ten of a lot not seen (conformal, lots alike)"
    )
    show_agreement(said["agreement"])
    for warning in said["warnings"]:
        note(f"warning: {warning}")


def show_agreement(said: dict[str, Any]) -> None:
    """Print how readings and the professional meter agree when both are noisy."""
    low, high = said["limits"]
    words = (
        f"agreement: bias {said['bias']:+.2f}, 95 % of differences in {low:+.1f}..{high:+.1f} (Bland-Altman)"
    )
    if said["slope"] is not None:
        words += f"; reading = {said['intercept']:+.2f} + {said['slope']:.3f} x reference (Deming)"
    if said["reference_noise"] is not None:
        words += f"; cups of a lot differ by {said['reference_noise']:.2f} on the professional meter"
    results.print(words)
