"""Pairs: what the cheap sensor said beside what the professional meter said, one row a tamped cup.

CSV with a header. `lot` is what was roasted together and `reference` the professional meter's value; `cup`, `unit` and
`temperature` (degrees Celsius of the sensor's die) are optional. Every other numeric column is a sensor channel, and
so is `temperature`; all these names, and those of light channels, in whichever case. A unit whose name begins with
`simulated` marks rows that no sensor has seen.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from canbean.errors import PairsError
from canbean.files import read_bytes, write_bytes
from canbean.roast.kinds import check_kind, column
from canbean.tiny.features import DECIMALS_MOST, READING_LIMIT

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

MINIMUM = 6
"""Pairs below which nothing is fitted."""
MINIMUM_LOTS = 3
"""One lot to check on, and one to choose by and one to learn from inside of the other two."""
CELSIUS = 2
"""Decimals of a temperature, however it is written: a board gives 1/100 degree."""
SIMULATED = "simulated"
LARGEST = 1e8
"""A sensor value or reference beyond this is a damaged file, not a reading."""
WORDS = ("lot", "cup", "unit")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs as columns.

    Attributes:
        name: the file they were read from, for messages.
        lots: names of the lots; `lot` (n,) indexes it.
        lot: code of each row's lot, int64 (n,).
        reference: the professional meter's value, float64 (n,), on its scale.
        channel_names: names of the c sensor channels; `temperature` is one where it was recorded.
        channels: what the sensor said, float64 (n, c), in the sensor's own units.
        decimals: digits after the point that a board keeps of each channel (c,): those it is written with, as far
            as they fit.
        cup, unit: a name a row, or empty where the column is absent.
        lines: the line of the file each row stands on, int64 (n,).
        warnings: what a person should know before believing a fit.
        source: the file's bytes, empty where there was none.
    """

    name: str
    lots: tuple[str, ...]
    lot: NDArray[np.int64]
    reference: NDArray[np.float64]
    channel_names: tuple[str, ...]
    channels: NDArray[np.float64]
    decimals: tuple[int, ...]
    cup: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    lines: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    warnings: tuple[str, ...] = ()
    source: bytes = b""

    def __len__(self) -> int:
        return len(self.reference)

    @property
    def simulated(self) -> bool:
        """Whether any row comes from the simulator."""
        return any(unit.startswith(SIMULATED) for unit in self.unit)

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the file's bytes: what `sha256sum` prints for it."""
        return hashlib.sha256(self.source or text(self).encode()).hexdigest()

    @property
    def raw(self) -> NDArray[np.int64]:
        """The channels as the integers a board has them in: value x 10^decimals, (n, c)."""
        return raw(self.channels, self.decimals)


def raw(channels: NDArray[np.float64], decimals: Sequence[int]) -> NDArray[np.int64]:
    """Sensor values (n, c) as integers: round(value x 10^decimals), halves up, as `canbean.tiny.features` reads them."""
    return np.floor(channels * 10.0 ** np.asarray(decimals, np.float64) + 0.5).astype(np.int64)


def check(pairs: Pairs, scale: tuple[float, float]) -> Pairs:
    """Whether these pairs can be fitted on `scale`; returns them with what to warn about.

    Raises:
        PairsError: a reference outside the scale, fewer than `MINIMUM` pairs or `MINIMUM_LOTS` lots, no channel that
            changes, or reflectances beside counts.
    """
    low, high = scale
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise PairsError(f"scale {low:g}:{high:g}: the minimum must be below the maximum")
    outside = np.flatnonzero((pairs.reference < low) | (pairs.reference > high))
    if len(outside):
        row = outside[0]
        where = f", line {pairs.lines[row]}" if len(pairs.lines) else ""
        raise PairsError(
            f"{pairs.name}{where}: reference {pairs.reference[row]:g} is outside the scale {low:g}:{high:g}: "
            "correct it or give the meter's own scale"
        )
    if len(pairs) < MINIMUM:
        raise PairsError(f"{pairs.name}: {len(pairs)} pairs; at least {MINIMUM} are needed")
    counts = np.bincount(pairs.lot, minlength=len(pairs.lots))
    found = np.count_nonzero(counts)
    if found < MINIMUM_LOTS:
        have = (
            f"all pairs are of lot {pairs.lots[int(pairs.lot[0])]!r}"
            if found == 1
            else f"pairs of {found} lots"
        )
        raise PairsError(
            f"{pairs.name}: {have}: at least {MINIMUM_LOTS} lots are needed to tell how well a lot not seen is read"
        )
    warnings = [*pairs.warnings, *check_kind(pairs)]
    if counts.max() == 1:
        warnings.append(
            f"{pairs.name}: every lot has one row: if some were roasted together, give them one lot name, "
            "or the errors look smaller than they are"
        )
    still = [name for k, name in enumerate(pairs.channel_names) if np.ptp(pairs.raw[:, k]) == 0]
    if len(still) == len(pairs.channel_names):
        raise PairsError(f"{pairs.name}: no sensor channel ever changes ({', '.join(still)})")
    warnings += [f"{pairs.name}: channel {name!r} never changes: it says nothing" for name in still]
    return replace(pairs, warnings=tuple(dict.fromkeys(warnings)))


def read(path: str | os.PathLike[str]) -> Pairs:
    """Read a pairs file; whether there are enough of them is asked by `check`.

    Raises:
        FileError: the file is missing, a folder, or not readable.
        PairsError: it is no pairs file; the message names the line, the column and the cure.
    """
    return parse(read_bytes(path, "pairs file"), str(path))


def write(path: str | os.PathLike[str], pairs: Pairs) -> None:
    """Write a pairs file, whole or not at all.

    Raises:
        FileError: the folder is missing or cannot be written.
    """
    write_bytes(path, text(pairs).encode())


def text(pairs: Pairs) -> str:
    """The pairs as CSV: `lot`, `cup` and `unit` where known, the channels, and `reference` last."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    words = [("lot", [pairs.lots[code] for code in pairs.lot]), ("cup", pairs.cup), ("unit", pairs.unit)]
    present = [(name, column) for name, column in words if len(column)]
    rows.writerow([*(name for name, _ in present), *pairs.channel_names, "reference"])
    for i in range(len(pairs)):
        numbers = (_digits(v, d) for v, d in zip(pairs.channels[i].tolist(), pairs.decimals, strict=True))
        rows.writerow([*(column[i] for _, column in present), *numbers, repr(float(pairs.reference[i]))])
    return out.getvalue()


def _digits(value: float, decimals: int) -> str:
    """With the channel's own number of digits where that says the same number, else as many as it takes."""
    fixed = f"{value:.{decimals}f}"
    return fixed if float(fixed) == value else repr(value)


def parse(content: bytes, name: str) -> Pairs:
    """The pairs in the bytes of a CSV file; `name` stands in messages.

    Raises:
        PairsError: see `read`.
    """
    header, rows, lines = _table(content, name)
    for needed in ("lot", "reference"):
        if needed not in header:
            raise PairsError(f"{name}: no column {needed!r} (found {', '.join(header)})")
    columns = {title: [row[k] for row in rows] for k, title in enumerate(header)}
    for word in WORDS:
        _named(columns.get(word, []), word, lines, name)
    numeric: list[str] = []
    dropped: list[str] = []
    for title in header:
        if title in WORDS or title == "reference":
            continue
        speaks = title == "temperature" or any(
            _NUMBER.fullmatch(c) or _NOT_FINITE.fullmatch(c) for c in columns[title]
        )
        (numeric if speaks else dropped).append(title)
    if not numeric:
        raise PairsError(f"{name}: no sensor channel: add a numeric column beside lot and reference")
    channels = np.array([_numbers(columns[title], title, lines, name) for title in numeric]).T
    lots = tuple(dict.fromkeys(columns["lot"]))
    code = {lot: k for k, lot in enumerate(lots)}
    return Pairs(
        name=name,
        lots=lots,
        lot=np.array([code[lot] for lot in columns["lot"]], np.int64),
        reference=np.array(_numbers(columns["reference"], "reference", lines, name)),
        channel_names=tuple(numeric),
        channels=np.ascontiguousarray(channels),
        decimals=tuple(CELSIUS if title == "temperature" else _decimals(columns[title]) for title in numeric),
        cup=tuple(columns.get("cup", ())),
        unit=tuple(columns.get("unit", ())),
        lines=np.array(lines, np.int64),
        warnings=tuple(f"{name}: column {title!r} holds text and is not used" for title in dropped),
        source=content,
    )


def _table(content: bytes, name: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, rows and the line each row begins on; blank lines are passed over."""
    if not content.strip():
        raise PairsError(
            f"{name}: is empty: a pairs file begins with a header such as lot,red,infrared,reference"
        )
    if b"\0" in content:
        raise PairsError(f"{name}: is binary, not a CSV file of pairs (save it as UTF-8 text)")
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PairsError(f"{name}, line {line}: is not UTF-8 text: save the file as CSV in UTF-8") from error
    reader = csv.reader(io.StringIO(decoded, newline=""), strict=True)
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    begin = 1
    try:
        for cells in reader:
            row, line, begin = [cell.strip() for cell in cells], begin, reader.line_num + 1
            if not any(row) and len(row) <= 1:
                continue
            if not header:
                header = _titles(row, line, name)
            elif len(row) != len(header):
                raise PairsError(
                    f"{name}, line {line}: {len(row)} columns where the header has {len(header)}"
                )
            else:
                rows.append(row)
                lines.append(line)
    except csv.Error as error:
        raise PairsError(f"{name}, line {begin}: is not CSV: {error}") from error
    if not header:
        raise PairsError(
            f"{name}: is empty: a pairs file begins with a header such as lot,red,infrared,reference"
        )
    if not rows:
        raise PairsError(f"{name}: has a header but no pairs")
    return header, rows, lines


def _titles(row: list[str], line: int, name: str) -> list[str]:
    row = [column(title) for title in row]
    if len(row) == 1 and re.search(r"[;\t]", row[0]):
        raise PairsError(
            f"{name}, line {line}: columns are not separated by commas: save the file with commas"
        )
    for k, title in enumerate(row):
        if not title:
            raise PairsError(f"{name}, line {line}: column {k + 1} has no name")
        if not title.isprintable() or len(title) > 32:
            raise PairsError(
                f"{name}, line {line}: column {k + 1} has no usable name (32 printable characters at most)"
            )
        if title in row[:k]:
            raise PairsError(f"{name}, line {line}: column {title!r} appears twice")
    return row


def _named(cells: list[str], title: str, lines: list[int], name: str) -> None:
    """Lots must be named; names are one printable line."""
    for cell, line in zip(cells, lines, strict=False):
        if title == "lot" and not cell:
            raise PairsError(f"{name}, line {line}, column 'lot': is empty: name what was roasted together")
        if not cell.isprintable():
            raise PairsError(f"{name}, line {line}, column {title!r}: {cell!r} is not a name")


def _numbers(cells: list[str], title: str, lines: list[int], name: str) -> list[float]:
    values = []
    for cell, line in zip(cells, lines, strict=True):
        where = f"{name}, line {line}, column {title!r}"
        if not cell:
            raise PairsError(f"{where}: is empty")
        if _NOT_FINITE.fullmatch(cell):
            raise PairsError(f"{where}: {cell} is not a reading: leave the row out")
        if not _NUMBER.fullmatch(cell):
            shown = cell if len(cell) <= 24 else cell[:24] + "…"
            raise PairsError(f"{where}: {shown!r} is not a number")
        value = float(cell)
        if abs(value) > LARGEST:
            raise PairsError(f"{where}: {cell[:24]} is too large to be a reading")
        values.append(value)
    return values


def _decimals(cells: list[str]) -> int:
    """The most digits after the point of these numbers (`2.50` has 2, `1.5e-3` has 4) that a board's integer holds."""
    most = 0
    for cell in cells:
        mantissa, _, exponent = cell.lower().partition("e")
        _, _, fraction = mantissa.partition(".")
        most = max(most, len(fraction) - int(exponent or 0))
    largest = max(abs(float(cell)) for cell in cells)
    return next(d for d in range(min(most, DECIMALS_MOST), -1, -1) if largest * 10**d < READING_LIMIT)
