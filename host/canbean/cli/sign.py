"""`canbean model sign | verify | key`: whether a model file is whole, whose it is, and that it answers as it should."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results
from canbean.detect import model as gateway
from canbean.errors import ModelError
from canbean.files import read_bytes, writable, write_bytes
from canbean.tiny import cbm, golden, keys, predictor
from canbean.tiny.regressor import Regressor

ModelPath = Annotated[Path, typer.Argument(metavar="M.cbm")]
KeyPath = Annotated[Path, typer.Option("--key", metavar="K", help="A key file, as 'model key' makes them.")]
MaybeKeyPath = Annotated[
    Path | None,
    typer.Option("--key", metavar="K", help="A key file: the model must be signed with this key."),
]


def sign(
    model: ModelPath,
    key: KeyPath,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.cbm")],
) -> None:
    """Sign a model file with a key; a signature that it has is replaced. Its name, the digest, stays.

    What `verify` refuses is not signed.
    """
    writable(output, key)
    secret = keys.read_key(key)
    found = cbm.read(model)
    _golden(found, str(model))
    signed = cbm.pack(found, secret)
    write_bytes(output, signed)
    note(f"{output}: {len(signed)} bytes, signed; digest {cbm.digest(signed)}")


def verify(model: ModelPath, key: MaybeKeyPath = None, as_json: AsJson = False) -> None:
    """Check a model file: structure, digest, signature (with --key), and its golden vectors in integers.

    Exit 1 with the reason if anything is wrong.
    """
    secret = None if key is None else keys.read_key(key)
    blob = read_bytes(model, "model file")
    name = str(model)
    found = cbm.unpack(blob, name, secret)
    vectors = _golden(found, name)
    if as_json:
        json_line(
            {
                "model": name,
                "bytes": len(blob),
                "digest": cbm.digest(blob),
                "signed": found.signed,
                "signature_checked": secret is not None,
                "golden": vectors,
            }
        )
        return
    signature = "not signed"
    if found.signed:
        signature = "signed with this key" if secret is not None else "signed, not checked: give --key"
    results.print(f"{name}: whole, digest {cbm.digest(blob)}", markup=False)
    results.print(signature)
    if vectors is None:
        results.print("golden vectors: not answered here, this canbean does not know the model's application")
    else:
        results.print(f"golden vectors: {vectors} answered as they should be")


def key(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="K", help="A file that is not there yet.")
    ],
) -> None:
    """Make a key of 32 random bytes: a file that only its owner may read. Whoever has it can sign models."""
    keys.new_key(output)
    note(f"{output}: a new key; keep a copy where boards are, and nowhere else")


def _golden(model: cbm.Model, name: str) -> int | None:
    """How many golden vectors were answered as they should be; None for an application that is not known here.

    Raises:
        ModelError: one was not, or a board would refuse the model for another reason.
    """
    if model.read_meta(name).get("app") == gateway.APP:
        return gateway.check(model, name)
    if "FEAT" in model.sections:
        if model.read_meta(name).get("app") == predictor.APP:
            predictor.Predictor.from_model(model, name)
        else:
            Regressor.from_model(model, name)
        if "GOLD" not in model.sections:
            raise ModelError(f"{name}: has no GOLD section, and a board takes none without: fit it again")
        return len(golden.unpack(model.sections["GOLD"], name))
    return None
