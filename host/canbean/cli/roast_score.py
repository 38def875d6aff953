"""`canbean roast score`: errors of a packed meter on pairs."""

from __future__ import annotations

from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results, table
from canbean.cli.roast_fit import show_agreement
from canbean.cli.roast_options import ModelPath, PairsPath, Tolerance
from canbean.roast import pairs
from canbean.roast.score import score as score_pairs
from canbean.tiny import cbm


def score(
    pairs_path: PairsPath, model_path: ModelPath, tolerance: Tolerance = 5.0, as_json: AsJson = False
) -> None:
    """Errors of a packed meter on pairs."""
    said = score_pairs(cbm.read(model_path), pairs.read(pairs_path), tolerance, str(model_path))
    if as_json:
        json_line(said)
        return
    rows = (
        (f"{r['lot']} {r['cup']}", *(f"{r[k]:.1f}" for k in ("reference", "reading"))) for r in said["rows"]
    )
    table(f"{pairs_path} ({said['data']} data)", ("cup", "reference", "reading"), rows)
    results.print(
        f"rmse {said['rmse']:.2f}, 95 % within {said['p95']:.2f}, max {said['max']:.2f}, "
        f"within ±{tolerance:g}: {said['within_tolerance']:.0%}"
    )
    show_agreement(said["agreement"])
    for warning in said["warnings"]:
        note(f"warning: {warning}")
