"""Lies: what a masquerader says in a sender's place, and what of the payload stays true.

One field is forged, the rest of the payload stays as it was: a counter goes on, and a checksum that the attacker knows is
made right again, so that only the physical lie remains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.bitfields import Field, counter_bits, physical_fields
from canbean.can.signals import decode, first_bit
from canbean.can.simulate import checksum
from canbean.can.targets import changing_bytes, target_of
from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from canbean.can.database import Database
    from canbean.can.frames import Frames
    from canbean.can.targets import Target

    Payloads = NDArray[np.uint8]
    Rows = NDArray[np.int64]

WAYS = ("plateau", "ramp", "constant")
"""Held where it was; drifting away from the truth; another value at once."""
TOLD = 0.5
"""Share of the forged frames that differ from the true ones, above which a lie tells something."""
TRIES = 16
CHECKED = 500
"""Clean frames, spread over the log, in which a checksum must be right to be known."""
DIFFERENT = 24
"""Different payloads among them, at least."""


@dataclass(frozen=True)
class Check:
    """A checksum of the last byte over those before it.

    Attributes:
        kind: `xor`, `sum` (modulo 256) or `crc8` (SAE J1850).
        constant: what is added to a sum, or by XOR to the others: an id that is covered too, or another initial or final
            value of a CRC, makes no other difference at one length.
        length: bytes of the payload.
    """

    kind: str
    constant: int
    length: int

    def right(self, data: Payloads) -> Payloads:
        """uint8 (n, width): the payloads with the checksum that belongs to them."""
        plain = checksum(self.kind, data[:, : self.length - 1])
        out = data.copy()
        constant = np.uint8(self.constant)
        out[:, self.length - 1] = plain + constant if self.kind == "sum" else plain ^ constant
        return out


@dataclass(frozen=True, eq=False)
class Aim:
    """What is forged.

    Attributes:
        target: the id.
        rows: int64 (n,), clean frames that carry the field, in order of time.
        fields: those that may be forged; one is drawn. Empty where nothing of the id ever changes.
        low, high: raw values seen of each field: a lie stays within them.
        counters: bits that go on with every frame.
        check: the checksum that the attacker knows and makes right, or None.
        whole: whether old payloads are replayed whole, and not their one field alone.
        physical: whether the fields are, or look like, physical values.
    """

    target: Target
    rows: Rows
    fields: tuple[Field, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    counters: tuple[int, ...]
    check: Check | None
    whole: bool = True
    physical: bool = True


def aim_at(frames: Frames, target: Target, *, keep_checks: bool) -> Aim:
    """Any physical value of an id; where there is none, bytes that change, yet not as counters and checksums do."""
    rows = target.rows(frames)
    data = frames.data[rows, : _unchecked(frames, rows)]
    fields = physical_fields(data)
    if fields:
        return _aim(frames, target, rows, fields, keep_checks=keep_checks)
    runs = changing_bytes(data)
    fields = [Field(tuple(8 * byte + bit for byte in run[::-1] for bit in range(8))) for run in runs]
    return _aim(frames, target, rows, fields, keep_checks=keep_checks, physical=False)


def named(database: Database, frames: Frames, name: str, *, keep_checks: bool) -> Aim:
    """One signal of a database, as `Signal` or `Message.Signal`.

    Raises:
        UsageError: no such signal, several, one that is no integer of at most 63 bits, or no frame carries it.
    """
    from canbean.can.database import key_of  # noqa: PLC0415 - slow to import

    message_name, _, signal_name = name.rpartition(".")
    found = [
        (message, signal)
        for message in database.messages
        for signal in message.signals
        if signal.name == signal_name and message_name in ("", message.name)
    ]
    if len(found) != 1:
        has = f"has {len(found)}; name it as Message.Signal" if found else "has none"
        raise UsageError(f"signal {name!r}: {database.name} {has}")
    message, signal = found[0]
    if signal.is_float or signal.length > 63:
        raise UsageError(f"signal {name!r}: only integers of at most 63 bits are forged")
    decoded = decode(database, frames[frames.label == 0])
    carried = decoded[message.name].signals.get(signal.name) if message.name in decoded else None
    if carried is None:
        raise UsageError(f"signal {name!r}: no frame of this log carries it")
    keys = frames.key[np.flatnonzero(frames.label == 0)[carried.rows]]
    key = key_of(message) if (keys == key_of(message)).any() else int(np.bincount(keys).argmax())
    target = target_of(frames, key)
    rows = np.intersect1d(np.flatnonzero(frames.label == 0)[carried.rows], target.rows(frames))
    first = first_bit(signal)
    line = range(first, first + signal.length)
    if signal.byte_order == "little_endian":
        positions = tuple(line)
    else:
        positions = tuple(8 * (p // 8) + 7 - p % 8 for p in reversed(line))
    field = Field(positions, bool(signal.is_signed))
    return _aim(frames, target, rows, [field], keep_checks=keep_checks, whole=False)


def _aim(
    frames: Frames,
    target: Target,
    rows: Rows,
    fields: Sequence[Field],
    *,
    keep_checks: bool,
    whole: bool = True,
    physical: bool = True,
) -> Aim:
    data = frames.data[rows]
    values = [field.read(data) for field in fields]
    return Aim(
        target,
        rows,
        tuple(fields),
        tuple(int(value.min()) for value in values),
        tuple(int(value.max()) for value in values),
        counter_bits(data[:, : _unchecked(frames, rows)]) if keep_checks else (),
        known_checksum(frames, rows) if keep_checks else None,
        whole,
        physical,
    )


def _length(frames: Frames, rows: Rows) -> int:
    """Bytes that all of these frames have."""
    return int(frames.dlc[rows].min(initial=64))


def _unchecked(frames: Frames, rows: Rows) -> int:
    """Bytes before a known checksum: XOR and sum may look like values, or count as a counter does."""
    check = known_checksum(frames, rows)
    return _length(frames, rows) if check is None else check.length - 1


def known_checksum(frames: Frames, rows: Rows) -> Check | None:
    """The checksum that the last byte of clean frames always is, over the bytes before it; None: none that is known."""
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), CHECKED)).astype(np.int64))]
    length = _length(frames, rows)
    if len(rows) < DIFFERENT or length < 2 or (frames.dlc[rows] != length).any():
        return None
    data = np.unique(frames.data[rows, :length], axis=0)
    # In payloads that hardly change any byte may look like a checksum.
    if len(np.unique(data[:, -1])) < DIFFERENT:
        return None
    for kind in ("xor", "sum", "crc8"):
        plain = checksum(kind, data[:, :-1])
        rest = data[:, -1] - plain if kind == "sum" else data[:, -1] ^ plain
        if (rest == rest[0]).all():
            return Check(kind, int(rest[0]), length)
    return None


def forged(
    frames: Frames, aims: Sequence[Aim], way: str, rows_of: Callable[[Aim], Rows], rng: np.random.Generator
) -> tuple[Aim, Payloads]:
    """Which of some ids is lied about, and its payloads.

    A lie that hardly differs from the truth is none: another id or field is tried, and at last a value that
    stood still is held at another one.

    Args:
        frames: the log, in order of time.
        aims: what may be forged.
        way: one of `WAYS`, or `replay`: the payloads of that id from an earlier stretch, in their order.
        rows_of: int64 (m,) of an aim, ascending: the frames whose payloads are forged.
        rng: draws.

    Returns:
        The aim and uint8 (m, width) payloads.
    """
    order = [aims[at] for at in rng.permutation(len(aims)).tolist()]
    # Some ids of a log come for a while only.
    order = [aim for aim in order if len(rows_of(aim))] or order
    for aim in order[:TRIES]:
        rows = rows_of(aim)
        data = _lie(frames, aim, way, rows, rng)
        if _tells(aim, data, frames.data[rows]):
            return aim, data
    return order[0], _lie(frames, order[0], "constant", rows_of(order[0]), rng)


def _tells(aim: Aim, data: Payloads, true: Payloads) -> bool:
    """Whether most of the payloads say something else than the truth, counters and checksum apart."""
    apart = np.zeros(data.shape[1], np.uint8)
    for position in aim.counters:
        apart[position // 8] |= np.uint8(1 << position % 8)
    return bool((((data ^ true) & ~apart) != 0).any(axis=1).sum() > TOLD * len(data))


def _lie(frames: Frames, aim: Aim, way: str, rows: Rows, rng: np.random.Generator) -> Payloads:
    """Payloads in which one thing is forged; with the checksum that belongs to them, where it is known."""
    data = _replayed(frames, aim, rows, rng) if way == "replay" else _with_value(frames, aim, way, rows, rng)
    return data if aim.check is None else aim.check.right(data)


def _with_value(frames: Frames, aim: Aim, way: str, rows: Rows, rng: np.random.Generator) -> Payloads:
    """Payloads with another value in one of the fields."""
    true = frames.data[rows]
    if not aim.fields or not len(rows):
        return true.copy()
    which = int(rng.integers(len(aim.fields)))
    field, low, high = aim.fields[which], aim.low[which], aim.high[which]
    value = field.read(true)
    if way == "plateau":
        said = np.full(len(rows), value[0])
    elif way == "ramp":
        # From the truth to the farther end of what was seen, and held there.
        goal = high if high - value[0] >= value[0] - low else low
        steps = max(round(len(rows) * float(rng.uniform(0.4, 1.0))), 1)
        share = np.minimum(np.arange(1, len(rows) + 1) / steps, 1.0)
        said = value[0] + np.rint((goal - value[0]) * share).astype(np.int64)
    else:
        said = np.full(len(rows), _elsewhere(float(value.mean()), low, high, rng))
    return field.write(true, said)


def _elsewhere(truth: float, low: int, high: int, rng: np.random.Generator) -> int:
    """A value that was seen around a quarter of the range or more away from the truth; the next one of a constant."""
    if low == high:
        return low + 1
    far = (high - low) / 4
    below, above = truth - far - low, high - truth - far
    if rng.random() * (max(below, 0) + max(above, 0)) < max(below, 0):
        return int(np.rint(rng.uniform(low, low + below)))
    return int(np.rint(rng.uniform(high - max(above, 0), high)))


def _replayed(frames: Frames, aim: Aim, rows: Rows, rng: np.random.Generator) -> Payloads:
    """Payloads of an earlier stretch (or, at the start of a log, a later one) in which the counters stand the same."""
    true = frames.data[rows]
    first, count = int(np.searchsorted(aim.rows, rows[0])) if len(rows) else 0, len(rows)
    backs = np.arange(count, first + 1)
    if not len(backs):
        backs = -np.arange(count, len(aim.rows) - first - count + 1)
    if not count or not len(backs):
        return true.copy()
    counting = Field(aim.counters[:63])
    best = None
    for back in rng.permutation(backs)[: 16 * TRIES].tolist():
        old = frames.data[aim.rows[first - back : first - back + count]]
        if aim.counters and not np.array_equal(counting.read(old), counting.read(true)):
            continue
        data = old.copy() if aim.whole else aim.fields[0].write(true, aim.fields[0].read(old))
        if _tells(aim, data, true):
            return data
        best = data if best is None else best
    # No stretch of the log fits: the counters are heard as they jump.
    return frames.data[aim.rows[first - backs[0] : first - backs[0] + count]].copy() if best is None else best
