"""`canbean model`: look into model files."""

from __future__ import annotations

import typer

from canbean.cli import sign
from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, results, table
from canbean.cli.sign import ModelPath
from canbean.files import read_bytes
from canbean.tiny import cbm

app = typer.Typer(no_args_is_help=True)
app.command()(sign.sign)
app.command()(sign.verify)
app.command("key")(sign.key)


@app.command()
def show(model: ModelPath, as_json: AsJson = False) -> None:
    """What a model file says of itself, and its sections."""
    blob = read_bytes(model, "model file")
    found = cbm.unpack(blob, str(model))
    sizes = {tag: len(content) for tag, content in found.sections.items()}
    digest = cbm.digest(blob)
    if as_json:
        said = {
            "model": str(model),
            "bytes": len(blob),
            "digest": digest,
            "signed": found.signed,
            "sections": sizes,
            "meta": found.meta,
        }
        json_line(said)
        return
    table(f"{model}: {len(blob)} bytes", ("section", "bytes"), ((tag, str(n)) for tag, n in sizes.items()))
    results.print(f"digest {digest}")
    results.print("signed; 'model verify --key' checks with which key" if found.signed else "not signed")
    for key, value in found.meta.items():
        results.print(f"{key}: {value}", markup=False)
