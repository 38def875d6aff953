"""Parquet, a columnar table that polars, pandas, DuckDB and Spark read: a row a frame.

| column | type | |
|---|---|---|
| `t_us` | int64 | time in microseconds |
| `id` | uint32 | 11 or 29 bit identifier |
| `ext` | bool | the identifier has 29 bits; where it is missing: it is above 7FF |
| `fd`, `rtr`, `err` | bool | CAN FD frame, remote request, error frame; missing: more than 8 bytes, no, no |
| `dlc` | uint8 | length in bytes, also that which a remote request asks for; missing: that of `data` |
| `data` | binary | the bytes; none in a remote request |
| `bus` | string | missing: `can0` |
| `label` | string | empty for normal traffic; missing: empty |

All are written; `t_us`, `id` and `data` are needed to read. In place of `t_us` there may be `time` or `timestamp`: seconds as
floating-point numbers, or a date and time (without a time zone: UTC). Integers may have any width. Other columns are not looked at. Read
and written with polars a row group or less at a time. The format is that of parquet.apache.org.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import DEFAULT_BUS, ERR, FD, RTR, Frames, recode
from canbean.can.logs.tables import Tables
from canbean.errors import LogError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

    from canbean.can.logs.formats import Report

NAME = "Parquet"
ENDINGS = (".parquet",)
MAGIC = b"PAR1"
ROWS = 1 << 17
"""Rows that are read at a time, and most that stand in a row group that is written."""
TIMES = ("time", "timestamp")
FLAGS = {"fd": FD, "rtr": RTR, "err": ERR}
REASONS = (
    "",
    "it has no time, id or data, or one that is out of range",
    "the id is above 1FFFFFFF, or above 7FF and not extended",
    "longer than a frame can be (8 bytes, CAN FD 64)",
    "dlc and data disagree",
    "a name is longer than 64 bytes",
)


def looks(head: bytes) -> bool:
    """Whether a file that begins with these bytes is one."""
    return head.startswith(MAGIC)


def chunks(path: Path, rows: int, report: Report) -> Iterator[Frames]:
    """The frames, at most `rows` at a time.

    Raises:
        LogError: the file is cut or damaged, a column is missing or of another type, or there are more than 256 buses.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - len(MAGIC), 0))
        if file.read() != MAGIC or size < 12:
            raise LogError(
                f"{report.path}: the file ends early: Parquet keeps its directory at the end, nothing of it can be read"
            )
    tables = Tables()
    for at, table in _slices(path, report):
        frames = _frames(table, at, tables, report)
        for first in range(0, len(frames), rows):
            yield frames[first : first + rows]


def _slices(path: Path, report: Report) -> Iterator[tuple[int, pl.DataFrame]]:
    """Number of the first row and `ROWS` rows, with the columns of the table above. Raises as `chunks`."""
    import polars as pl  # noqa: PLC0415
    from polars.exceptions import PanicException, PolarsError  # noqa: PLC0415

    try:
        source = pl.scan_parquet(path, glob=False)
        wanted = _columns(dict(source.collect_schema()), report)
        total = source.select(pl.len()).collect().item()
        for at in range(0, total, ROWS):
            table = source.slice(at, ROWS).select(wanted).collect()
            if len(table) != min(ROWS, total - at):
                raise LogError(f"{report.path}: damaged: it has fewer rows than it says")
            yield at, table
    except (PolarsError, PanicException, OSError, UnicodeError, MemoryError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise LogError(f"{report.path}: damaged, or not readable by polars: {why}") from error


def _columns(schema: dict[str, pl.DataType], report: Report) -> list[pl.Expr]:
    """How the columns are made of those of a file.

    Raises:
        LogError: one is missing or of another type.
    """
    import polars as pl  # noqa: PLC0415

    def wrong(name: str, expected: str) -> LogError:
        return LogError(f"{report.path}: the column {name!r} is {schema[name]}, not {expected}")

    for name in ("id", "data"):
        if name not in schema:
            raise LogError(f"{report.path}: has no column {name!r}, only {', '.join(map(repr, schema))}")
    time = next((name for name in ("t_us", *TIMES) if name in schema), None)
    if time is None:
        raise LogError(f"{report.path}: has no column 't_us', nor 'time' or 'timestamp'")
    if time == "t_us":
        if not schema[time].is_integer():
            raise wrong(time, "whole microseconds")
        t_us = pl.col(time)
    elif schema[time].is_float():
        t_us = (pl.col(time).cast(pl.Float64) * 1e6).round()
    elif isinstance(schema[time], pl.Datetime):
        t_us = pl.col(time).dt.epoch("us")
    else:
        raise wrong(time, "seconds as floating-point numbers, or a date and time")
    wanted = [t_us.cast(pl.Int64, strict=False).alias("t_us")]
    for name, kind in {
        "id": pl.UInt32,
        "dlc": pl.UInt32,
        "ext": pl.Boolean,
        **dict.fromkeys(FLAGS, pl.Boolean),
    }.items():
        if name not in schema:
            wanted.append(pl.lit(None, kind).alias(name))
        elif schema[name].is_integer() or (kind == pl.Boolean and schema[name] == pl.Boolean):
            wanted.append(pl.col(name).cast(kind, strict=False))
        else:
            raise wrong(name, "whole numbers" if kind == pl.UInt32 else "true or false")
    if schema["data"] != pl.Binary:
        raise wrong("data", "Binary")
    wanted.append(pl.col("data"))
    for name, default in {"bus": DEFAULT_BUS, "label": ""}.items():
        if name not in schema:
            wanted.append(pl.lit(default).alias(name))
        elif schema[name] in (pl.String, pl.Categorical, pl.Enum):
            wanted.append(pl.col(name).cast(pl.String).fill_null(default))
        else:
            raise wrong(name, "String")
    return wanted


def _frames(table: pl.DataFrame, at: int, tables: Tables, report: Report) -> Frames:
    """The frames of rows, the first of which has the number `at`; those that are none are counted.

    Raises:
        LogError: more than 256 buses, or a row that is no frame while the reading is strict.
    """
    import polars as pl  # noqa: PLC0415

    size = table["data"].bin.size()
    remote, error, extended = (table[name].fill_null(False).to_numpy() for name in ("rtr", "err", "ext"))
    known = table.select(pl.all_horizontal(pl.col("t_us", "id", "data").is_not_null())).to_series().to_numpy()
    held, id_, t_us = (column.fill_null(0).to_numpy() for column in (size, table["id"], table["t_us"]))
    dlc = table["dlc"].fill_null(size).fill_null(0).to_numpy()
    fd = np.where(table["fd"].is_null(), dlc > 8, table["fd"].fill_null(False))
    ext = np.where(table["ext"].is_null(), (id_ > 0x7FF) & ~error, extended)
    checks = {
        5: (_short(table["bus"]) & _short(table["label"])),
        4: (held == dlc) | (remote & (held == 0)),
        3: dlc <= np.where(fd, 64, 8),
        2: id_ <= np.where(ext | error, 0x1FFFFFFF, 0x7FF),
        1: known,
    }
    reason = np.zeros(len(table), np.int8)
    for code, good in checks.items():
        reason[~good] = code
    for row in np.flatnonzero(reason):
        report.skip(f"row {at + row + 1}", REASONS[reason[row]])
    ok = reason == 0
    if not ok.all():
        table = table.filter(ok)
    bus, label = (_codes(table[name]) for name in ("bus", "label"))
    try:
        buses = recode(*bus, tables.buses, 256, "buses")
        labels = recode(*label, tables.labels, 32767, "labels")
    except UsageError as why:
        raise LogError(f"{report.path}: {why}") from why
    return Frames(
        t_us=t_us[ok],
        id=id_[ok],
        ext=ext[ok],
        flags=(FD * fd + RTR * remote + ERR * error)[ok].astype(np.uint8),
        dlc=dlc[ok].astype(np.uint8),
        data=_bytes(table["data"], np.where(remote, 0, held)[ok]),
        bus=buses.astype(np.uint8),
        label=labels.astype(np.int16),
        buses=tuple(tables.buses),
        labels=tuple(tables.labels),
    )


def _short(names: pl.Series) -> NDArray[np.bool_]:
    """Which names are at most 64 bytes long."""
    return (names.str.len_bytes() <= 64).to_numpy()


def _codes(names: pl.Series) -> tuple[NDArray[np.int64], list[str]]:
    """Codes into the different names, and these."""
    import polars as pl  # noqa: PLC0415

    known = names.unique(maintain_order=True)
    return names.cast(pl.Enum(known)).to_physical().to_numpy().astype(np.int64), known.to_list()


def _bytes(column: pl.Series, length: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """uint8 (n, 8 or 64): the bytes of each row; those of a remote request are left out (its `length` is 0)."""
    flat = np.frombuffer(b"".join(column.to_list()), np.uint8)
    size = column.bin.size().to_numpy()
    data = np.zeros((len(length), 64 if (size > 8).any() else 8), np.uint8)
    place = np.arange(data.shape[1])
    data[place < size[:, None]] = flat
    return data * (place < length[:, None])


def cannot_hold(frames: Frames) -> list[str]:
    """What of the frames this format has no place for."""
    lost = {
        "more than 8 bytes outside CAN FD": ((frames.dlc > 8) & (frames.flags & FD == 0)).any(),
    }
    names = [
        *(frames.buses[code] for code in np.unique(frames.bus)),
        *(frames.labels[code] for code in np.unique(frames.label)),
    ]
    return [
        *(what for what, found in lost.items() if found),
        *(f"the name {name!r}" for name in names if len(name.encode()) > 64),
    ]


def write(file: IO[bytes], parts: Iterable[Frames], _kinds: Frames, _name: str) -> None:
    """Write all parts, at most `ROWS` frames in a row group."""
    from polars.io.plugins import register_io_source  # noqa: PLC0415

    failed: list[BaseException] = []

    def tables(*_: Any) -> Iterator[pl.DataFrame]:
        try:
            for frames in parts:
                for at in range(0, len(frames), ROWS):
                    yield _table(frames[at : at + ROWS])
        except BaseException as error:
            failed.append(error)
            raise

    source = register_io_source(tables, schema=_table(Frames.empty()).schema)
    try:
        source.sink_parquet(file, row_group_size=ROWS)
    except Exception:
        # Polars before 2 makes errors of its own of those of the source.
        if failed:
            raise failed[0] from None
        raise


def _table(frames: Frames) -> pl.DataFrame:
    """The frames as a table."""
    import polars as pl  # noqa: PLC0415

    flags = {name: frames.flags & bit != 0 for name, bit in FLAGS.items()}
    data = pl.col("data").arr.to_list().list.head("size").cast(pl.Binary)
    table = pl.DataFrame(
        {
            "t_us": frames.t_us,
            "id": frames.id,
            "ext": frames.ext,
            **flags,
            "dlc": frames.dlc,
            "data": pl.Series(frames.data, dtype=pl.Array(pl.UInt8, frames.data.shape[1])),
            "bus": pl.Series(frames.buses, dtype=pl.String).gather(frames.bus),
            "label": pl.Series(frames.labels, dtype=pl.String).gather(frames.label),
            "size": np.where(flags["rtr"], 0, frames.dlc),
        }
    )
    return table.with_columns(data).drop("size")
