"""Frames: CAN traffic as a columnar table, one numpy array a column, in the order of the log."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

FD, RTR, ERR = 1, 2, 4
"""Bits of `Frames.flags`: CAN FD frame, remote request, error frame."""

SIMULATED = "simulated"
"""Begins the name of a bus whose frames, or attacks, come from a simulation: files carry it along."""

DEFAULT_BUS = "can0"
"""Name of the bus in logs that do not name one."""

LENGTHS = np.array([*range(9), 12, 16, 20, 24, 32, 48, 64])
"""Bytes of a frame by its DLC code, 0 to 15 (ISO 11898-1:2015, table 5)."""

COLUMNS: dict[str, Any] = {
    "t_us": np.int64,
    "id": np.uint32,
    "ext": np.bool_,
    "flags": np.uint8,
    "dlc": np.uint8,
    "data": np.uint8,
    "bus": np.uint8,
    "label": np.int16,
}
"""Columns of `Frames` and their types."""


def id_text(id_: int, ext: bool) -> str:
    """An identifier as people write it: `2C5` (11 bit) or `18FEF100` (29 bit)."""
    return f"{id_:08X}" if ext else f"{id_:03X}"


def key_text(key: int) -> str:
    """The text of a key (`id | ext << 29`)."""
    return id_text(key & 0x1FFFFFFF, bool(key >> 29))


def parse_id(text: str) -> tuple[int, bool]:
    """The identifier and whether it is extended, from `2C5`, `0x2C5` or `18FEF100`.

    Eight digits, or a value above 7FF, mean an extended identifier.

    Raises:
        UsageError: not hexadecimal, or above 1FFFFFFF.
    """
    digits = text.strip().removeprefix("0x").removeprefix("0X")
    if not digits or len(digits) > 8 or not set(digits) <= set("0123456789abcdefABCDEF"):
        raise UsageError(f"id {text!r}: not a hexadecimal CAN identifier such as 2C5 or 18FEF100")
    value = int(digits, 16)
    if value > 0x1FFFFFFF:
        raise UsageError(f"id {text!r}: a CAN identifier is at most 1FFFFFFF")
    return value, len(digits) == 8 or value > 0x7FF


def parse_key(text: str) -> int:
    """The key (`id | ext << 29`) of an identifier's text; raises as `parse_id`."""
    id_, ext = parse_id(text)
    return id_ | ext << 29


def recode(
    codes: NDArray[Any], names: Sequence[str], table: dict[str, int], limit: int, what: str
) -> NDArray[np.int64]:
    """Codes into `names` as codes into `table`, which grows by the names it lacks, up to `limit`.

    Raises:
        UsageError: more different names than a code can hold.
    """
    mapping = np.zeros(max(len(names), 1), np.int64)
    for code, name in enumerate(names):
        mapping[code] = table.setdefault(name, len(table))
    if len(table) > limit:
        raise UsageError(f"more than {limit} different {what}")
    if len(names) == 1:
        return np.full(len(codes), mapping[0])
    coded: NDArray[np.int64] = mapping[codes]
    return coded


@dataclass(frozen=True, eq=False)
class Frames:
    """A table of CAN frames in log order; n rows.

    Attributes:
        t_us: int64 (n,), time in microseconds on the log's own clock.
        id: uint32 (n,), 11 or 29 bit identifier.
        ext: bool (n,), extended (29 bit) identifier.
        flags: uint8 (n,), bits `FD`, `RTR`, `ERR`.
        dlc: uint8 (n,), length in bytes, 0 to 64 (what a remote request asks for).
        data: uint8 (n, 8), or (n, 64) where a frame longer than 8 bytes occurs; zero after `dlc` bytes.
        bus: uint8 (n,), code into `buses`.
        label: int16 (n,), code into `labels`; 0 is normal traffic.
        buses: names of the buses.
        labels: names of the labels; the first is `""`.
    """

    t_us: NDArray[np.int64]
    id: NDArray[np.uint32]
    ext: NDArray[np.bool_]
    flags: NDArray[np.uint8]
    dlc: NDArray[np.uint8]
    data: NDArray[np.uint8]
    bus: NDArray[np.uint8]
    label: NDArray[np.int16]
    buses: tuple[str, ...] = (DEFAULT_BUS,)
    labels: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        n = len(self.t_us)
        for name, dtype in COLUMNS.items():
            column = np.asarray(getattr(self, name), dtype)
            object.__setattr__(self, name, column)
            shape = (n, 64 if column.ndim == 2 and column.shape[1] == 64 else 8) if name == "data" else (n,)
            if column.shape != shape:
                raise UsageError(f"column {name!r} has the shape {column.shape}, expected {shape}")
        if not self.labels or self.labels[0]:
            raise UsageError("the first label is the empty one: normal traffic")

    def __len__(self) -> int:
        return len(self.t_us)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Frames:
        """The rows of a slice, a mask or an array of indices."""
        return replace(self, **{name: getattr(self, name)[rows] for name in COLUMNS})

    @property
    def key(self) -> NDArray[np.uint32]:
        """uint32 (n,): `id | ext << 29`, the detectors' name of an id, below 2**30."""
        return self.id | (self.ext.astype(np.uint32) << np.uint32(29))

    @property
    def simulated(self) -> bool:
        """Whether any frame is of a simulated bus, or one into which attacks were injected."""
        return any(self.buses[code].startswith(SIMULATED) for code in np.unique(self.bus))

    @property
    def span_s(self) -> float:
        """Seconds from the earliest to the latest frame."""
        return float(self.t_us.max() - self.t_us.min()) / 1e6 if len(self) else 0.0

    def between(self, from_s: float | None = None, to_s: float | None = None) -> Frames:
        """Frames from `from_s` (inclusive) to `to_s` (exclusive), seconds from the first frame; None is open."""
        if not len(self) or (from_s is None and to_s is None):
            return self
        return self[window(self.t_us, int(self.t_us[0]), from_s, to_s)]

    def changed(self, **columns: Any) -> Frames:
        """A copy with other columns (or `buses`, `labels`) in place of the given ones."""
        return replace(self, **columns)

    def relabelled(self, label: str) -> Frames:
        """The same frames, all with one label (`""`: normal traffic)."""
        labels = ("",) if not label else ("", label)
        return replace(self, label=np.full(len(self), len(labels) - 1, np.int16), labels=labels)

    def in_time_order(self) -> Frames:
        """The frames sorted by time; frames of one time keep their order."""
        if (np.diff(self.t_us) >= 0).all():
            return self
        return self[np.argsort(self.t_us, kind="stable")]

    def equals(self, other: Frames) -> bool:
        """Whether both tables hold the same frames; how buses and labels are coded does not matter."""
        if len(self) != len(other):
            return False
        joined = Frames.concat([self, other])
        n = len(self)
        return all(np.array_equal(getattr(joined, c)[:n], getattr(joined, c)[n:]) for c in COLUMNS)

    @staticmethod
    def of(
        t_us: ArrayLike,
        id: ArrayLike,  # noqa: A002 - the column's name
        data: NDArray[Any],
        *,
        dlc: ArrayLike = 8,
        ext: ArrayLike = False,
        flags: ArrayLike = 0,
        bus: ArrayLike = 0,
        label: ArrayLike = 0,
        buses: tuple[str, ...] = (DEFAULT_BUS,),
        labels: tuple[str, ...] = ("",),
    ) -> Frames:
        """A table from columns of any integer type; a single value stands for all rows."""
        time = np.asarray(t_us, np.int64)
        one = {"id": id, "ext": ext, "flags": flags, "dlc": dlc, "bus": bus, "label": label}
        columns: dict[str, Any] = {
            name: np.array(np.broadcast_to(np.asarray(value), time.shape), COLUMNS[name])
            for name, value in one.items()
        }
        return Frames(t_us=time, data=np.asarray(data, np.uint8), **columns, buses=buses, labels=labels)

    @staticmethod
    def empty() -> Frames:
        """A table without rows."""
        columns: dict[str, Any] = {n: np.zeros((0, 8) if n == "data" else 0, t) for n, t in COLUMNS.items()}
        return Frames(**columns)

    @staticmethod
    def concat(parts: Sequence[Frames]) -> Frames:
        """The tables one after the other, with buses and labels coded anew.

        Raises:
            UsageError: together more than 256 buses or 32,767 labels.
        """
        if not parts:
            return Frames.empty()
        if len(parts) == 1:
            return parts[0]
        buses: dict[str, int] = {}
        labels: dict[str, int] = {"": 0}
        width = max(part.data.shape[1] for part in parts)
        columns: dict[str, list[NDArray[Any]]] = {field.name: [] for field in fields(Frames)[: len(COLUMNS)]}
        for part in parts:
            for name, pieces in columns.items():
                column = getattr(part, name)
                if name == "bus":
                    column = recode(column, part.buses, buses, 256, "buses")
                elif name == "label":
                    column = recode(column, part.labels, labels, 32767, "labels")
                elif name == "data" and column.shape[1] < width:
                    column = np.pad(column, ((0, 0), (0, width - column.shape[1])))
                pieces.append(column)
        joined = {name: np.concatenate(pieces).astype(COLUMNS[name]) for name, pieces in columns.items()}
        return Frames(**joined, buses=tuple(buses), labels=tuple(labels))


def window(
    t_us: NDArray[np.int64], first_us: int, from_s: float | None, to_s: float | None
) -> NDArray[np.bool_]:
    """Mask of the times from `from_s` (inclusive) to `to_s` (exclusive), in seconds after `first_us`."""
    mask = np.ones(len(t_us), bool)
    if from_s is not None:
        mask &= t_us >= first_us + round(from_s * 1e6)
    if to_s is not None:
        mask &= t_us < first_us + round(to_s * 1e6)
    return mask
