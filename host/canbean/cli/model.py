"""`canbean model`: make model files, and look into them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from canbean.cli import sign
from canbean.cli.export import export
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results, table
from canbean.cli.pack import pack
from canbean.cli.rules import show_rules
from canbean.cli.sign import ModelPath
from canbean.cli.tune import show_history, tune
from canbean.detect import rules
from canbean.detect.tune import history
from canbean.errors import ModelError
from canbean.files import read_bytes
from canbean.tiny import cbm

app = typer.Typer(no_args_is_help=True)
app.command()(pack)
app.command()(sign.sign)
app.command()(sign.verify)
app.command("key")(sign.key)
app.command()(export)
app.command()(tune)


@app.command()
def show(
    model: ModelPath,
    quantization: Annotated[
        bool, typer.Option("--quantization", help="What its integers cost against floating point.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What a model file says of itself, and its sections."""
    blob = read_bytes(model, "model file")
    found = cbm.unpack(blob, str(model))
    if quantization:
        _show_quantization(found, str(model), as_json=as_json)
        return
    sizes = {tag: len(content) for tag, content in found.sections.items()}
    digest = cbm.digest(blob)
    ruled, tuned = [str(rule) for rule in rules.read(found, str(model))], history(found, str(model))
    if as_json:
        said = {
            "model": str(model),
            "bytes": len(blob),
            "digest": digest,
            "signed": found.signed,
            "sections": sizes,
            "rules": ruled,
            "meta": found.meta,
        }
        json_line(said)
        return
    table(f"{model}: {len(blob)} bytes", ("section", "bytes"), ((tag, str(n)) for tag, n in sizes.items()))
    results.print(f"digest {digest}")
    results.print("signed; 'model verify --key' checks with which key" if found.signed else "not signed")
    for key, value in found.meta.items():
        if key != "tuned":
            results.print(f"{key}: {value}", markup=False)
    show_rules(ruled)
    show_history(tuned)


def _show_quantization(found: cbm.Model, name: str, *, as_json: bool) -> None:
    """Float against integer: `canbean.tiny.quantize.Choice.as_meta` (higher scores are better), or a predictor's report."""
    told = found.meta.get("quantization")
    if not isinstance(told, dict):
        raise ModelError(f"{name}: does not say how its integers were chosen")
    if as_json:
        json_line({"model": name, "quantization": told})
        return
    if "rows" in told:
        table(
            f"{name}: float against integer",
            ("on the calibration", ""),
            ((k, _figure(v)) for k, v in told.items()),
        )
        return
    reasons = []
    try:
        rows = [("float", "", f"{told['float']:.6g}", "")]
        for tried, size, score in told["tried"]:
            star = " *" if tried == told["chosen"] else ""
            if isinstance(score, str):
                reasons.append(f"{tried}: {score}")
                worth = "refused", ""
            else:
                worth = f"{score:.6g}", f"{told['float'] - score:.3g}"
            rows.append((f"{tried}{star}", str(size) if size else "", *worth))
        limit = f"{told['limit']:g}"
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{name}: what META says of its quantization makes no sense") from error
    table(f"{name}: the loss may be {limit}; * was taken", ("integers", "bytes", "score", "loss"), rows)
    for reason in reasons:
        note(reason)


def _figure(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
