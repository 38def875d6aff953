"""Signals of several ids, sampled together: where they lie in payloads without a DBC, and what they were at a fixed rate.

A sample is due `period_us` after the last one; the frame that brings this much time is in it. Each signal has the value of the
last frame of its id since the bus woke up. A sample counts where every id was seen lately. Time that runs backwards past the last
sample starts the rate anew. The twin of `firmware/canbean/signals.py`.

In a section:

```
u16 period in ms | u8 ids | u8 signals | an id: u32 key | u16 ms after which it is stale | u8 shortest payload | u8 first signal
a signal: u8 byte of its lowest bit | u8 that bit + 8 where bytes descend + 16 where it is signed | u8 bits | u8 zero
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.fingerprint import elapsed_us, rows_of
from canbean.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.detect.windows import Traffic
    from canbean.tiny.packing import Reader

PERIOD_MS = 100
BITS_MOST = 16
SIGNALS_MOST = 63
_HEAD, _ID, _SIGNAL = "HBB", "IHBB", "BBBB"


@dataclass(frozen=True)
class Signal:
    """A field of a payload, of at most 16 bits: of a longer one the upper 16.

    Attributes:
        key: `id | ext << 29`.
        byte, bit: where its lowest bit lies.
        descending: byte order big endian: the next byte is the one before.
        signed: two's complement.
        bits: its length.
    """

    key: int
    byte: int
    bit: int
    descending: bool
    signed: bool
    bits: int

    @classmethod
    def at(cls, key: int, positions: tuple[int, ...], *, signed: bool) -> Signal:
        """The signal at some bits (as `fields.Field.positions`, the least significant first)."""
        kept = positions[-BITS_MOST:]
        down = kept[-1] // 8 < kept[0] // 8
        return cls(key, kept[0] // 8, kept[0] % 8, down, signed, len(kept))

    @property
    def span(self) -> int:
        """Bytes over which it lies, 1 to 3."""
        return (self.bit + self.bits + 7) // 8

    @property
    def length(self) -> int:
        """Bytes that a payload has at least where it is there."""
        return 1 + (self.byte if self.descending else self.byte + self.span - 1)

    def values(self, data: NDArray[np.uint8]) -> NDArray[np.int64]:
        """int64 (m,): its value in payloads (m, bytes)."""
        raw = np.zeros(len(data), np.int64)
        for place in range(self.span):
            raw |= data[:, self.byte + (-place if self.descending else place)].astype(np.int64) << 8 * place
        raw = (raw >> self.bit) & ((1 << self.bits) - 1)
        half = 1 << (self.bits - 1)
        return (raw ^ half) - half if self.signed else raw


@dataclass(frozen=True)
class Samples:
    """Where w samples are and what they hold.

    Attributes:
        at: int64 (w,), position in the traffic of the frame with which each is taken, ascending.
        values: int64 (w, signals).
        first: bool (w,), there is no sample just before: a state begins anew.
    """

    at: NDArray[np.int64]
    values: NDArray[np.int64]
    first: NDArray[np.bool_]

    def where(self, kept: NDArray[np.bool_]) -> Samples:
        """Some of them; after one that is left out a state begins anew."""
        number = np.flatnonzero(kept)
        return Samples(
            self.at[kept], self.values[kept], self.first[kept] | (np.diff(number, prepend=-2) != 1)
        )


@dataclass(frozen=True)
class Signals:
    """The signals that are sampled.

    Attributes:
        signals: those of one id together, ids ascending.
        stale_ms: by id, the silence after which it says nothing of now.
        period_ms: the time between two samples.
    """

    signals: tuple[Signal, ...]
    stale_ms: tuple[int, ...]
    period_ms: int = PERIOD_MS

    def __len__(self) -> int:
        return len(self.signals)

    @property
    def keys(self) -> NDArray[np.uint32]:
        """uint32 (ids,): the ids, ascending."""
        return np.array(sorted({signal.key for signal in self.signals}), np.uint32)

    @property
    def group(self) -> NDArray[np.int64]:
        """int64 (signals,): the place of each signal's id among the ids."""
        return np.searchsorted(self.keys, [signal.key for signal in self.signals]).astype(np.int64)

    def sample(self, traffic: Traffic) -> Samples:
        """The samples of a traffic, from a fresh start."""
        every, fresh = self.every(traffic)
        return every.where(np.asarray(fresh.all(axis=1)))

    def every(self, traffic: Traffic) -> tuple[Samples, NDArray[np.bool_]]:
        """All samples that are due, w, and which of the ids are not stale in them, bool (w, ids)."""
        frames, keys, group = traffic.frames, self.keys, self.group
        due = due_at(frames.t_us, traffic.epoch, self.period_ms * 1000)
        values = np.zeros((len(due), len(self)), np.int64)
        fresh = np.zeros((len(due), len(keys)), np.bool_)
        for number, row in enumerate(rows_of(traffic.keys, keys).tolist()):
            own = np.flatnonzero(group == number)
            length = max(self.signals[column].length for column in own)
            there = np.flatnonzero((traffic.row == row) & (frames.dlc >= length))
            if row == len(traffic.keys) or not len(there):
                continue
            last = np.searchsorted(there, due, "right") - 1
            found = last >= 0
            last = there[np.maximum(last, 0)]
            young = elapsed_us(frames.t_us[due], frames.t_us[last]) <= self.stale_ms[number] * 1000
            fresh[:, number] = found & young & (traffic.epoch[due] == traffic.epoch[last])
            for column in own.tolist():
                values[:, column] = self.signals[column].values(frames.data[last])
        woke = np.diff(traffic.epoch[due], prepend=-1) != 0
        return Samples(due, values, woke), fresh

    def to_bytes(self) -> bytes:
        """The layout above."""
        keys, group = self.keys, self.group
        head = struct.pack("<" + _HEAD, self.period_ms, len(keys), len(self))
        ids = [
            struct.pack(
                "<" + _ID,
                key,
                self.stale_ms[number],
                max(s.length for s in self.signals if s.key == key),
                int(np.searchsorted(group, number)),
            )
            for number, key in enumerate(keys.tolist())
        ]
        rows = [
            struct.pack("<" + _SIGNAL, s.byte, s.bit | s.descending << 3 | s.signed << 4, s.bits, 0)
            for s in self.signals
        ]
        return b"".join([head, *ids, *rows])

    @classmethod
    def parse(cls, reader: Reader) -> Signals:
        """Read the layout above and stop behind it.

        Raises:
            ModelError: it ends early or holds no such signals.
        """
        period, count, signals = reader.struct(_HEAD)
        ids = [reader.struct(_ID) for _ in range(count)]
        rows = [reader.struct(_SIGNAL) for _ in range(signals)]
        keys, firsts = [one[0] for one in ids], [one[3] for one in ids]
        ends = [*firsts[1:], signals]
        ordered = all(a < b for a, b in pairwise(keys)) and firsts[:1] == [0]
        if not (period and ids and ordered and all(a < b for a, b in zip(firsts, ends, strict=True))):
            raise ModelError(f"{reader.where}: its ids and signals are not in order")
        found = []
        for (key, _, length, first), end in zip(ids, ends, strict=True):
            for byte, where, bits, zero in rows[first:end]:
                one = Signal(key, byte, where & 7, bool(where & 8), bool(where & 16), bits)
                low = byte - one.span + 1 if one.descending else byte
                if zero or where >> 5 or not 1 <= bits <= BITS_MOST or low < 0 or one.length > min(length, 8):
                    raise ModelError(f"{reader.where}: a signal lies outside of its payload")
                found.append(one)
        return cls(tuple(found), tuple(one[1] for one in ids), period)


def with_changes(samples: Samples, back: int) -> NDArray[np.int64]:
    """int64 (w, 2 d): values, and how they changed since so many samples before, or since the state began."""
    number = np.arange(len(samples.at))
    begun = np.maximum.accumulate(np.where(samples.first, number, 0))
    before = samples.values[np.maximum(number - back, begun)]
    return np.concatenate([samples.values, samples.values - before], axis=1)


def due_at(t_us: NDArray[np.int64], epoch: NDArray[np.int64], period_us: int) -> NDArray[np.int64]:
    """int64 (w,): the frames with which samples are due. The first frame after a sleep only starts the rate."""
    due = []
    anchor, awake = 0, -1
    for at, (now, one) in enumerate(zip(t_us.tolist(), epoch.tolist(), strict=True)):
        if one != awake or now < anchor:
            anchor, awake = now, one
        elif now - anchor >= period_us:
            due.append(at)
            anchor = anchor + period_us if now - anchor < 2 * period_us else now
    return np.array(due, np.int64)
