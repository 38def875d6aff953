"""`canbean model export`: a model file for other programs."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from canbean.cli.output import note
from canbean.detect.fingerprint import Fingerprint
from canbean.files import writable, write_bytes
from canbean.tiny import cbm, tflite
from canbean.tiny.reveal import reveal


class Format(StrEnum):
    """What a model can be exported to."""

    TFLITE = "tflite"
    JSON = "json"


def export(
    model: Annotated[Path, typer.Argument(metavar="M.cbm")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE")],
    form: Annotated[
        Format, typer.Option("--format", help="tflite: a network, autoencoder or LSTM; json: all sections.")
    ],
) -> None:
    """Write a model for other programs: its network as .tflite, or every section as numbers in JSON."""
    writable(output, model)
    found = cbm.read(model)
    if form is Format.TFLITE:
        content = tflite.export(found, str(model))
        if "FEAT" in found.sections:
            note("the file takes features and not readings: the front end (FEAT) stays outside")
    else:
        parsers = {"FPRN": lambda section, _name: Fingerprint.from_bytes(section)}
        content = json.dumps(reveal(found, str(model), parsers), allow_nan=False).encode() + b"\n"
    write_bytes(output, content)
