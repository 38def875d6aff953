"""`canbean model pack`: a fitted scikit-learn estimator to a model file."""

from __future__ import annotations

import csv
import io
import math
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canbean.cli.logs import AsJson
from canbean.cli.output import json_line, note, results
from canbean.errors import FileError, ModelError, UsageError
from canbean.files import read_bytes, writable, write_bytes
from canbean.tiny import cbm, estimators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canbean.tiny.predictor import Predictor

WARNING = "warning: {}: a joblib file runs whatever code it holds when it is read: take only your own"


@dataclass(frozen=True)
class Table:
    """Numbers with a header.

    Attributes:
        names: of the columns.
        rows: numbers, a list a row.
    """

    names: list[str]
    rows: list[list[float]]


def pack(
    estimator: Annotated[Path, typer.Argument(metavar="EST.joblib")],
    calibration: Annotated[
        Path, typer.Option(metavar="X.csv", help="Realistic inputs: a header and numeric columns.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="M.cbm")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="What META calls the model.")] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Do not ask whether the file is trusted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Quantize a fitted scikit-learn estimator, saved by joblib, for the board's application `model`.

    Reading a joblib file runs the code it holds. On a terminal this asks first; in a script the warning on stderr is all.
    """
    writable(output, estimator, calibration)
    table = read_table(calibration)
    content = read_bytes(estimator, "joblib file")
    note(WARNING.format(estimator))
    if not trust and sys.stdin.isatty():
        note("read it? y/N")
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise UsageError(f"{estimator}: was not read")
    fitted = _load(content, estimator)
    names, rows = _columns(fitted, table, calibration)
    predictor = estimators.from_sklearn(fitted, rows)
    meta: dict[str, Any] = {"name": name or output.stem, "inputs": names}
    blob = cbm.pack(predictor.model(**meta))
    write_bytes(output, blob)
    said = {
        "model": str(output),
        "bytes": len(blob),
        "digest": cbm.digest(blob),
        "kind": predictor.kind.tag,
        "task": predictor.task,
        "inputs": [[one, d] for one, d in zip(names, predictor.features.decimals, strict=True)],
        "board_ms": round(predictor.board_ms, 3),
        "board_ms_source": "estimated",
        **predictor.report,
    }
    if as_json:
        json_line(said)
        return
    results.print(f"{output}: {len(blob)} bytes, {predictor.kind.tag}, {predictor.task}", markup=False)
    results.print(float_against_integer(predictor), markup=False)


def float_against_integer(predictor: Predictor) -> str:
    """The report of a predictor as a line of words."""
    report = predictor.report
    parts = []
    if "agreement" in report:
        parts.append(f"{report['agreement']:.2%} of the answers agree")
    if "max_abs" in report:
        parts.append(
            f"differences {report['mean_abs']:.3g} in the mean, at most {report['max_abs']:.3g}, "
            f"of answers from {report['lowest']:.6g} to {report['highest']:.6g}"
        )
    return f"float against integer on {report['rows']} rows: {'; '.join(parts)}"


def read_table(path: Path) -> Table:
    """Read a CSV file with a header of numeric columns.

    Raises:
        FileError: it cannot be read, or a field is not a finite number; the message names the line.
    """
    try:
        text = read_bytes(path, "table").decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path}: is not a CSV file: {error}") from error
    if not lines or not lines[0]:
        raise FileError(f"{path}: is empty: a header and rows of numbers are needed")
    names = [one.strip() for one in lines[0]]
    if any(_number(one) is not None for one in names):
        raise FileError(f"{path}: has no header: its first line must name the columns")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        if len(line) != len(names):
            raise FileError(f"{path}: line {number}: {len(line)} fields for {len(names)} columns")
        row = []
        for column, field in zip(names, line, strict=True):
            value = _number(field)
            if value is None or not math.isfinite(value):
                raise FileError(f"{path}: line {number}: {column}: {field[:40]!r} is not a finite number")
            row.append(value)
        rows.append(row)
    if not rows:
        raise FileError(f"{path}: has a header and no rows")
    return Table(names, rows)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _load(content: bytes, path: Path) -> Any:
    import joblib  # noqa: PLC0415  # comes with scikit-learn, and takes as long

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loaded = joblib.load(io.BytesIO(content))
        except Exception as error:  # whatever a pickle's code raises
            words = (str(error) or type(error).__name__).splitlines()[0]
            raise ModelError(f"{path}: cannot be read as a joblib file: {words[:200]}") from error
    for one in {str(w.message).splitlines()[0] for w in caught if "Version" in w.category.__name__}:
        note(f"warning: {path}: {one[:200]}")
    return loaded


def _columns(fitted: Any, table: Table, path: Path) -> tuple[list[str], list[list[float]]]:
    """The table's columns in the order in which the estimator was fitted, by name where it knows names."""
    wanted: Sequence[str] | None = getattr(fitted, "feature_names_in_", None)
    if wanted is None:
        return table.names, table.rows
    missing = [one for one in wanted if one not in table.names]
    if missing:
        raise UsageError(f"{path}: has no column {missing[0]!r}, which the estimator was fitted on")
    order = [table.names.index(one) for one in wanted]
    return [str(one) for one in wanted], [[row[i] for i in order] for row in table.rows]
