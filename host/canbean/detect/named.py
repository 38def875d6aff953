"""Names and borders of fields from a database, where there is one; what kind each is still comes from the frames."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.bitflips import BIG, LITTLE, bits_of, flip_rates, value_of
from canbean.detect.fields import Field, IdFields, constants, learn_fields, motorola, payloads, place
from canbean.detect.kinds import CHECKSUM, CONSTANT, COUNTER, ENUMERATION, MULTIPLEXER, tell

if TYPE_CHECKING:
    from cantools.database.can import Message, Signal
    from numpy.typing import NDArray

    from canbean.can.database import Database
    from canbean.can.frames import Frames


def learn_named(frames: Frames, database: Database) -> list[IdFields]:
    """The fields of every id of a clean log, by key, with the signals of a database where it has the id.

    Bits that no signal of a message covers keep the fields found without it.

    Args:
        frames: clean frames in order of time.
        database: messages and signals.
    """
    code = database.match(frames)
    messages = {}
    for key in np.unique(frames.key).tolist():
        codes = code[frames.key == key]
        known = codes[codes >= 0]
        if len(known):
            messages[key] = database.messages[int(known[0])]
    data = {key: payload for key, payload, _ in payloads(frames)}
    return [
        _named(learned, messages[learned.key], data[learned.key]) if learned.key in messages else learned
        for learned in learn_fields(frames)
    ]


def signal_positions(signal: Signal) -> tuple[int, ...]:
    """The bits of a signal, the least significant first."""
    if signal.byte_order == "little_endian":
        return tuple(range(signal.start, signal.start + signal.length))
    return motorola(signal.start, signal.length)


def _named(learned: IdFields, message: Message, data: NDArray[np.uint8]) -> IdFields:
    """One id with its message's signals."""
    bits = bits_of(data)
    found: list[Field] = []
    notes = list(learned.notes)
    covered: set[int] = set()
    for signal in sorted(message.signals, key=lambda one: (one.start, one.name)):
        positions = signal_positions(signal)
        if not positions or max(positions) >= len(bits) or len(positions) > 62:
            notes.append(f"signal {signal.name} does not fit payloads of {learned.length} bytes")
            continue
        if signal.is_float:
            notes.append(
                f"signal {signal.name} is a floating-point number: its bits are told as if it had no name"
            )
            continue
        pages = _pages(message, signal, bits)
        if pages is None:
            notes.append(f"signal {signal.name}: multiplexed more deeply than is looked into")
            continue
        for page, rows in pages:
            field = _field(learned, signal, positions, bits[:, rows])
            found.append(replace(field, page=page))
        covered.update(positions)
    kept = [
        field for field in learned.fields
        if field.page is None and field.kind != CONSTANT and covered.isdisjoint(field.positions)
    ]  # fmt: skip
    found += kept
    taken = {position for field in found for position in field.positions}
    left = np.array(
        [
            position not in taken and bits[position].min() != bits[position].max()
            for position in range(len(bits))
        ]
    )
    for position in np.flatnonzero(left).tolist():
        told = tell(value_of(bits, [position]), learned.flips[[position]])
        found.append(Field(position, 1, LITTLE, told.kind, low=told.low, high=told.high, values=told.values))
        taken.add(position)
    found += constants(bits, taken)
    found.sort(key=lambda field: (-1 if field.page is None else field.page, min(field.positions)))
    return replace(learned, fields=tuple(found), notes=tuple(notes), name=message.name)


def _pages(
    message: Message, signal: Signal, bits: NDArray[np.uint8]
) -> list[tuple[int | None, NDArray[np.int64]]] | None:
    """(value of the multiplexer or None, frames that have it) of a signal; None if it is nested."""
    every = np.arange(bits.shape[1])
    if not signal.multiplexer_ids:
        return [(None, every)]
    selector = next((one for one in message.signals if one.name == signal.multiplexer_signal), None)
    if selector is None or selector.multiplexer_ids:
        return None
    positions = signal_positions(selector)
    if max(positions) >= len(bits):
        return None
    value = value_of(bits, positions)
    pages = [(int(one), np.flatnonzero(value == one)) for one in sorted(signal.multiplexer_ids)]
    return [(page, rows) for page, rows in pages if len(rows)]


def _field(learned: IdFields, signal: Signal, positions: tuple[int, ...], bits: NDArray[np.uint8]) -> Field:
    """A signal as a field: its kind from what was found in its bits, else from its values."""
    order = LITTLE if signal.byte_order == "little_endian" else BIG
    same = _same(learned, positions)
    value = value_of(bits, positions)
    if same is None and signal.is_multiplexer:
        values = tuple(np.unique(value).tolist())
        same = Field(0, 1, LITTLE, MULTIPLEXER, low=values[0], high=values[-1], values=values)
    if same is None:
        told = tell(value, flip_rates(bits[list(positions)]), signed=bool(signal.is_signed))
        kind = ENUMERATION if signal.choices and told.kind != CONSTANT else told.kind
        same = Field(0, 1, LITTLE, kind, told.signed, told.low, told.high, told.step, told.values)
    start, length, order = place(positions, order)
    scale, offset, unit = float(signal.scale), float(signal.offset), signal.unit or ""
    where = replace(same, start=start, length=length, order=order)
    return replace(where, name=signal.name, unit=unit, scale=scale, offset=offset)


def _same(learned: IdFields, positions: tuple[int, ...]) -> Field | None:
    """The counter or checksum that was found in at least half of these bits, those that vary all among them."""
    kinds = Tally[Field]()
    for field in learned.fields:
        if field.kind in {COUNTER, CHECKSUM}:
            kinds[field] = len(set(field.positions) & set(positions))
    for field, shared in kinds.most_common(1):
        varying = {position for position in positions if learned.flips[position] > 0}
        if 2 * shared >= len(positions) and varying <= set(field.positions):
            return field
    return None
