"""`canbean model`: look into model files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, results, table
from canbean.files import read_bytes
from canbean.tiny import cbm

app = typer.Typer(no_args_is_help=True)

ModelPath = Annotated[Path, typer.Argument(metavar="M.cbm")]


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
            "sections": sizes,
            "meta": found.meta,
        }
        json_line(said)
        return
    table(f"{model}: {len(blob)} bytes", ("section", "bytes"), ((tag, str(n)) for tag, n in sizes.items()))
    results.print(f"digest {digest}")
    for key, value in found.meta.items():
        results.print(f"{key}: {value}", markup=False)


@app.command()
def verify(model: ModelPath) -> None:
    """Check a model file's structure and digest; exit 1 with the reason if it is damaged."""
    blob = read_bytes(model, "model file")
    cbm.unpack(blob, str(model))
    results.print(f"{model}: whole, digest {cbm.digest(blob)}")
