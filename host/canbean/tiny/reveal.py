"""A model file as plain numbers: every section taken apart, losslessly, for programs that know nothing of `.cbm`.

A section that is known becomes an object of its kind's fields, under the names and in the units of the Python class
(`canbean.tiny.dense.Dense` for DENS); META is itself; any other section is `{"base64": ...}`. Numbers are the stored
integers, and the sections stand in the order of the file.
"""

from __future__ import annotations

import base64
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import ModelError
from canbean.tiny import golden
from canbean.tiny.features import Features
from canbean.tiny.packing import Reader
from canbean.tiny.predictor import KINDS, RULES, TASK, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from canbean.tiny.cbm import Model

    Parser = Callable[[bytes, str], object]


def reveal(model: Model, name: str = "model", parsers: Mapping[str, Parser] | None = None) -> dict[str, Any]:
    """A model as numbers, ready for JSON.

    Args:
        model: what to take apart.
        name: what error messages call it.
        parsers: for sections that are not of this package: `parse(content, name)` by tag, giving a dataclass.

    Returns:
        `format version arithmetic minimum_firmware sections`.

    Raises:
        ModelError: a section is damaged; the message begins with `name`.
    """
    known: dict[str, Parser] = {"GOLD": _golden, "FEAT": _front, "TASK": _task}
    known |= {tag: kind.from_bytes for tag, kind in KINDS.items()}
    known |= dict(parsers or {})
    sections: dict[str, Any] = {}
    for tag, content in model.sections.items():
        if tag == "META":
            sections[tag] = model.meta
        elif tag in known:
            sections[tag] = _plain(known[tag](content, name))
        else:
            sections[tag] = {"base64": base64.b64encode(content).decode("ascii")}
    return {
        "format": "CBM1",
        "version": model.version,
        "arithmetic": model.arithmetic,
        "minimum_firmware": model.minimum_firmware,
        "sections": sections,
    }


def _golden(content: bytes, name: str) -> dict[str, Any]:
    vectors = golden.unpack(content, name)
    return {"vectors": [{"input": list(given), "outputs": answers} for given, answers in vectors]}


def _front(content: bytes, name: str) -> dict[str, Any]:
    reader = Reader(content, f"{name}: section FEAT")
    features = Features.parse(reader)
    if len(content) == len(features.to_bytes()):
        return {"channels": features.channels}
    # a meter's
    low, high = reader.struct("ii")
    reader.end()
    return {"channels": features.channels, "scale": [low, high]}


def _task(content: bytes, name: str) -> dict[str, Any]:
    reader = Reader(content, f"{name}: section TASK")
    task, rule, scores, exponent, threshold, classes, zero = reader.struct(TASK.format[1:])
    reader.end()
    if zero or task >= len(TASKS) or rule >= len(RULES):
        raise ModelError(f"{reader.where}: there is no such task")
    return {
        "task": TASKS[task],
        "rule": RULES[rule],
        "scores": scores,
        "exponent": exponent,
        "threshold": threshold,
        "classes": classes,
    }


def _plain(value: Any) -> Any:
    """Dataclasses as objects, arrays and tuples as lists."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value
