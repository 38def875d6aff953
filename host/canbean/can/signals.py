"""Signals: what the frames of a database's messages say, decoded a column at a time.

The values equal those of cantools' `decode_message(..., decode_choices=False, allow_truncated=True)` frame by frame,
integers as integers and floats to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from cantools.database.can import Message, Signal
    from numpy.typing import NDArray

    from canbean.can.database import Database
    from canbean.can.frames import Frames

WORD = 64
"""Bits that are handled at once; a longer signal is read as Python integers."""

FLOATS = {16: np.float16, 32: np.float32, 64: np.float64}


@dataclass(frozen=True, eq=False)
class Series:
    """One signal over the frames that carry it; m of them.

    Attributes:
        name: of the signal.
        unit: of the values, or `""`.
        rows: int64 (m,), which frames of the table carry it, ascending.
        raw: (m,), the bits as int64, uint64 (64 bits, unsigned) or float64; Python integers where 64 bits do not hold them.
        values: (m,), physical: `raw * scale + offset`; integers where scale and offset are whole, else float64.
        choices: names of raw values.
    """

    name: str
    unit: str
    rows: NDArray[np.int64]
    raw: NDArray[Any]
    values: NDArray[Any]
    choices: dict[int, str] = field(default_factory=dict)

    def names(self) -> NDArray[Any]:
        """Object (m,): the name of each raw value, `""` where the database gives none."""
        kinds, at = np.unique(self.raw, return_inverse=True)
        words = [self.choices.get(int(raw), "") if math.isfinite(raw) else "" for raw in kinds.tolist()]
        return np.array(words, object)[at] if words else np.zeros(0, object)


@dataclass(frozen=True, eq=False)
class Decoded:
    """The frames of one message; n of them.

    Attributes:
        message: its name.
        rows: int64 (n,), which frames of the table, ascending.
        signals: by name, as far as any frame carries them: not those of another multiplexer value, nor those beyond a
            frame's end.
        undefined: int64 (k,), frames with a multiplexer value that the database does not define (cantools raises there);
            what does not depend on it is decoded.
    """

    message: str
    rows: NDArray[np.int64]
    signals: dict[str, Series]
    undefined: NDArray[np.int64]

    def dense(self, name: str) -> NDArray[np.float64]:
        """float64 (n,): a signal's values at `rows`, NaN where a frame does not carry it."""
        series = self.signals[name]
        out = np.full(len(self.rows), np.nan)
        out[np.searchsorted(self.rows, series.rows)] = series.values.astype(np.float64)
        return out


def decode(database: Database, frames: Frames) -> dict[str, Decoded]:
    """Every signal of every frame that the database knows, by message; messages without frames are left out."""
    code = database.match(frames)
    order = np.argsort(code, kind="stable").astype(np.int64)
    counts = np.bincount(code.astype(np.int64) + 1, minlength=len(database.messages) + 1)
    ends = np.cumsum(counts)
    little = np.ascontiguousarray(frames.data).view("<u8")
    decoded = {}
    for which in np.flatnonzero(counts[1:]).tolist():
        rows = order[ends[which] : ends[which + 1]]
        message = database.messages[which]
        # A name that the database gives twice is told apart by the identifier.
        name = message.name if message.name not in decoded else f"{message.name}_{message.frame_id:X}"
        decoded[name] = _message(message, name, rows, _Payload(little[rows], frames.dlc[rows]))
    return decoded


def _message(message: Message, name: str, rows: NDArray[np.int64], payload: _Payload) -> Decoded:
    """The signals of a message over its frames."""
    children: dict[str, list[Signal]] = {}
    for signal in message.signals:
        if signal.multiplexer_signal is not None:
            children.setdefault(signal.multiplexer_signal, []).append(signal)
    found: dict[str, Series] = {}
    undefined: list[NDArray[np.int64]] = []
    # Each signal with the frames, as positions in `rows`, whose multiplexers select it; None is all of them.
    waiting: list[tuple[Signal, NDArray[np.int64] | None]] = [
        (signal, None) for signal in message.signals if signal.multiplexer_signal is None
    ]
    while waiting:
        signal, chosen = waiting.pop()
        at = payload.holding(signal, chosen)
        raw = _raw(signal, payload, at)
        values = _physical(signal, raw)
        if len(raw):
            found[signal.name] = Series(
                signal.name,
                signal.unit or "",
                rows if at is None else rows[at],
                raw,
                values,
                {int(key): str(word) for key, word in (signal.choices or {}).items()},
            )
        below = children.get(signal.name, []) if signal.is_multiplexer else []
        # A multiplexer without signals below it is told by its enumeration.
        defined = {id_ for child in below for id_ in child.multiplexer_ids or ()}
        if signal.is_multiplexer and (defined or signal.choices):
            defined |= {int(key) for key in signal.choices or ()}
            selector = _whole(values)
            places = np.arange(len(rows)) if at is None else at
            undefined.append(rows[places[~np.isin(selector, list(defined))]])
            waiting += [(child, places[np.isin(selector, child.multiplexer_ids or ())]) for child in below]
    ordered = {signal.name: found[signal.name] for signal in message.signals if signal.name in found}
    nowhere = np.unique(np.concatenate(undefined)) if undefined else np.zeros(0, np.int64)
    return Decoded(name, rows, ordered, nowhere)


def _whole(values: NDArray[Any]) -> NDArray[Any]:
    """A multiplexer's values as integers: scaled ones are cut, as cantools does."""
    if values.dtype.kind != "f":
        return values
    with np.errstate(invalid="ignore"):
        return values.astype(np.int64)


class _Payload:
    """The data of the frames of one message as 64-bit words, in both byte orders."""

    def __init__(self, words: NDArray[np.uint64], dlc: NDArray[np.uint8]) -> None:
        self.little = words.astype(np.uint64, copy=False)
        self.dlc = dlc
        self.shortest = 8 * int(dlc.min())
        self._big: NDArray[np.uint64] | None = None

    @property
    def big(self) -> NDArray[np.uint64]:
        """The words with their first byte as the highest."""
        if self._big is None:
            self._big = self.little.byteswap()
        return self._big

    def holding(self, signal: Signal, chosen: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
        """Those of the chosen frames that are long enough for a signal; None is all frames."""
        end = first_bit(signal) + signal.length
        if end <= self.shortest:
            return chosen
        if chosen is None:
            return np.flatnonzero(self.dlc >= (end + 7) // 8)
        return chosen[self.dlc[chosen] >= (end + 7) // 8]


def first_bit(signal: Signal) -> int:
    """Where a signal begins, counted along the message.

    Bits are counted from the lowest of each byte for little-endian signals and from the highest for big-endian ones, whose
    `start` is their highest bit in the numbering of DBC.
    """
    start = int(signal.start)
    return start if signal.byte_order == "little_endian" else 8 * (start // 8) + 7 - start % 8


def _raw(signal: Signal, payload: _Payload, at: NDArray[np.int64] | None) -> NDArray[Any]:
    """The bits of a signal: int64 or uint64, float64 for float signals, Python integers above 64 bits."""
    if signal.length > WORD:
        return _long(signal, payload, at)
    bits = _bits(signal, payload, at)
    length = signal.length
    if signal.is_float and length in FLOATS:
        kind = FLOATS[length]
        with np.errstate(invalid="ignore"):  # signalling NaN
            return bits.astype(f"u{length // 8}").view(kind).astype(np.float64)
    if length == WORD:
        return bits.view(np.int64) if signal.is_signed else bits
    if signal.is_signed:
        unused = WORD - length
        return (bits << np.uint64(unused)).view(np.int64) >> np.int64(unused)
    return bits.view(np.int64)


def _bits(signal: Signal, payload: _Payload, at: NDArray[np.int64] | None) -> NDArray[np.uint64]:
    """uint64: the bits of a signal of at most 64, which touch at most two words."""
    first, length = first_bit(signal), signal.length
    last = first + length - 1
    # The word that holds the lowest bit, how far it is from the word's lowest, and the word of the rest.
    if signal.byte_order == "little_endian":
        words, low, shift, high = payload.little, first // WORD, first % WORD, last // WORD
    else:
        words, low, shift, high = payload.big, last // WORD, WORD - 1 - last % WORD, first // WORD
    if low >= words.shape[1] or high >= words.shape[1]:
        return np.zeros(0, np.uint64)

    def word(which: int) -> NDArray[np.uint64]:
        column: NDArray[np.uint64] = words[:, which] if at is None else words[at, which]
        return column

    bits = word(low) >> np.uint64(shift)
    if high != low:
        bits |= word(high) << np.uint64(WORD - shift)
    return bits if length == WORD else bits & np.uint64((1 << length) - 1)


def _long(signal: Signal, payload: _Payload, at: NDArray[np.int64] | None) -> NDArray[Any]:
    """Python integers: the bits of a signal longer than 64."""
    first, length = first_bit(signal), signal.length
    little = payload.little if at is None else payload.little[at]
    order: Literal["little", "big"] = "little" if signal.byte_order == "little_endian" else "big"
    size = 8 * little.shape[1] * 8
    shift = first if order == "little" else size - first - length
    numbers = []
    for row in np.ascontiguousarray(little).astype("<u8").view(np.uint8):
        number = int.from_bytes(row.tobytes(), order) >> shift & ((1 << length) - 1)
        if signal.is_signed and number >> length - 1:
            number -= 1 << length
        numbers.append(number)
    out = np.zeros(len(numbers), object)
    out[:] = numbers
    return out


def _physical(signal: Signal, raw: NDArray[Any]) -> NDArray[Any]:
    """`raw * scale + offset` with the types and roundings of cantools' conversions."""
    scale, offset = signal.scale, signal.offset
    if scale == 1 and offset == 0:
        return raw
    if not signal.is_float and float(scale).is_integer() and float(offset).is_integer():
        scale, offset = int(scale), int(offset)
    if raw.dtype == object or _overflows(signal, scale, offset):
        out = np.zeros(len(raw), object)
        out[:] = [number * scale + offset for number in raw.tolist()]
        return out
    with np.errstate(all="ignore"):
        whole = isinstance(scale, int) and raw.dtype.kind != "f"
        product = raw.astype(np.int64) * np.int64(scale) if whole else raw.astype(np.float64) * float(scale)
        if whole and isinstance(offset, int):
            return product + np.int64(offset)
        return product.astype(np.float64) + float(offset)


def _overflows(signal: Signal, scale: float, offset: float) -> bool:
    """Whether integers on the way would leave 64 bits."""
    if signal.is_float or not isinstance(scale, int):
        return False
    length = signal.length
    ends = (-(1 << length - 1), (1 << length - 1) - 1) if signal.is_signed else (0, (1 << length) - 1)
    steps = [end * scale for end in ends] + list(ends)
    if isinstance(offset, int):
        steps += [end * scale + offset for end in ends] + [offset, scale]
    return max(steps) > (1 << 63) - 1 or min(steps) < -(1 << 63)
