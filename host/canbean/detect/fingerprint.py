"""The fingerprint of a bus: per id its DLCs, inter-arrival, constant bits and byte ranges, in sixteenths of a bit.

`Fingerprint` holds the integer tables as they stand in the model file (section `FPRN`); `surprise` is the
vectorised twin of `firmware/canbean/fingerprint.py` and gives the same integers. Learning is in `learn.py`.

Time is measured in *buckets*: `tiny.fixed.bucket` of microseconds, 64 to the octave, because jitter is
relative to the period and because the same table then serves a 10 ms and a 10 s id.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import LENGTHS
from canbean.errors import ModelError
from canbean.tiny.fixed import bucket

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames

SECTION = "FPRN"
SCORE_CAP = (
    1024  # 64 bits: more says nothing more; a frame of a known id stays one below, a threshold may be there
)
FOREVER_US = 1_000_000_000  # gaps saturate here, under 2**30, where small integers of a 32-bit board end
FOREVER_S = 1000
PARTS = ("timing", "dlc", "payload")  # the parts of a score, in the order in which ties are resolved
REMOTE_OR_ERROR = 0b110
RECENT = 32  # frames over which the bus is looked at for a crowd
EXTRA_BYTE = 32  # each further byte outside is two bits more: what breaks one byte often breaks several
BREACHES = 32_767  # the board's counter of an id's breaches ends here

_HEADER = struct.Struct("<HHHHIII")

RECORD = (
    "rarity",  # -log2 of the id's share of the bus
    "dlcs",  # one bit a DLC code that clean traffic has
    "dlc_bits",  # surprise of any other
    "payload_bits",  # surprise of a byte outside its constant bits or its range
    "gap_edge",  # buckets; a shorter gap is surprising ...
    "gap_slope",  # ... by so many sixteenths more an octave
    "span_edge",  # the same for two gaps together, the signature of an inserted frame
    "span_slope",
    "early_base",  # surprise at both of these edges
    "late_edge",  # buckets; a longer silence is surprising ...
    "late_slope",
    "late_base",
)


@dataclass(frozen=True)
class Fingerprint:
    """Tables of n ids, sorted by key. Surprises are in sixteenths of a bit, times in microseconds.

    Attributes:
        keys: uint32 (n,), `id | ext << 29`, ascending.
        timeout_us: uint32 (n,), silence after which an id is missing.
        record: uint16 (n, 12), columns named by `RECORD`.
        mask, value: uint8 (n, 8), constant bits of the first eight bytes and what they are.
        low, high: uint8 (n, 8), range of each byte.
        threshold: an alert is raised at this surprise.
        unknown_bits: surprise of an id that clean traffic does not have.
        sleep_us: a bus silent for so long was asleep: timing starts anew.
        hold_us: further alerts of an id are held back, and counted, for so long.
        crowd_us: when `RECENT` frames take less than this the bus is crowded: an id that stays away is then
            delayed by arbitration and not suspended.
    """

    keys: NDArray[np.uint32]
    timeout_us: NDArray[np.uint32]
    record: NDArray[np.uint16]
    mask: NDArray[np.uint8]
    value: NDArray[np.uint8]
    low: NDArray[np.uint8]
    high: NDArray[np.uint8]
    threshold: int
    unknown_bits: int
    sleep_us: int
    hold_us: int
    crowd_us: int

    def __len__(self) -> int:
        return len(self.keys)

    def column(self, name: str) -> NDArray[np.int64]:
        """One column of the records, int64 (n,)."""
        return self.record[:, RECORD.index(name)].astype(np.int64)

    def to_bytes(self) -> bytes:
        """The `FPRN` section: header, keys, timeouts, records, 32 bytes of payload tables an id."""
        words = (len(self), self.threshold, self.unknown_bits, len(RECORD))
        header = _HEADER.pack(*words, self.sleep_us, self.hold_us, self.crowd_us)
        payload = np.concatenate([self.mask, self.value, self.low, self.high], axis=1)
        parts = [header, *(a.tobytes() for a in (self.keys, self.timeout_us, self.record, payload))]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, section: bytes) -> Fingerprint:
        """Read the `FPRN` section.

        Raises:
            ModelError: its lengths or its order are not what the header says.
        """
        if len(section) < _HEADER.size:
            raise ModelError("fingerprint: the section is shorter than its header")
        n, threshold, unknown_bits, columns, *times_us = _HEADER.unpack_from(section)
        if columns != len(RECORD) or len(section) != _HEADER.size + n * (8 + 2 * columns + 32) or n == 0:
            raise ModelError(f"fingerprint: {len(section)} bytes do not hold {n} ids of {columns} columns")
        if not all(0 < us <= FOREVER_US for us in times_us):
            raise ModelError("fingerprint: a time of the header is out of range")

        def take(dtype: str, start: int, *shape: int) -> NDArray[Any]:
            count = int(np.prod(shape))
            return np.frombuffer(section, dtype, count, start).reshape(shape).copy()

        start = _HEADER.size
        keys, timeout = take("<u4", start, n), take("<u4", start + 4 * n, n)
        record = take("<u2", start + 8 * n, n, columns)
        payload = take("u1", start + n * (8 + 2 * columns), n, 4, 8)
        if np.any(np.diff(keys.astype(np.int64)) <= 0) or int(keys[-1]) >> 30:
            raise ModelError("fingerprint: the ids are not in ascending order")
        mask, value, low, high = (payload[:, part] for part in range(4))
        scalars = (threshold, unknown_bits, *times_us)
        return cls(keys, timeout, record, mask, value, low, high, *scalars)


@dataclass(frozen=True)
class Surprise:
    """What a fingerprint says of m frames, in their order; sixteenths of a bit, int64 (m,) each.

    Attributes:
        bits: the whole score, 0 for frames that are not scored (remote and error frames).
        parts: (3, m), the parts named by `PARTS`.
        by_gap: what a single short gap alone is worth.
        slot: row of the frame's id in the tables, n for an unknown id, -1 where not scored.
        gap_us, span_us: time since the id's last and last but one frame, -1 where there is none.
        order: positions of the scored frames, ascending.
        epoch: counts the times the bus woke up.
    """

    bits: NDArray[np.int64]
    parts: NDArray[np.int64]
    by_gap: NDArray[np.int64]
    slot: NDArray[np.int64]
    gap_us: NDArray[np.int64]
    span_us: NDArray[np.int64]
    order: NDArray[np.int64]
    epoch: NDArray[np.int64]


def dlc_codes(frames: Frames) -> NDArray[np.int64]:
    """DLC code 0..15 of each frame's length."""
    return np.searchsorted(LENGTHS, frames.dlc)


def elapsed_us(
    now_us: NDArray[np.int64] | np.int64, then_us: NDArray[np.int64] | np.int64
) -> NDArray[np.int64]:
    """Time from `then` to `now` as the board measures it: saturated at `FOREVER_US`, -1 if it runs backwards."""
    whole = now_us // 1_000_000 - then_us // 1_000_000
    elapsed = np.where(whole >= FOREVER_S, FOREVER_US, now_us - then_us)
    return np.where(elapsed < 0, -1, elapsed)


def rows_of(keys: NDArray[np.uint32], wanted: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Row of each wanted key in the sorted `keys`, or len(keys) where it is not there."""
    rows = np.searchsorted(keys, wanted)
    found = keys[np.minimum(rows, len(keys) - 1)] == wanted
    return np.where(found, rows, len(keys))


def epochs(t_us: NDArray[np.int64], sleep_us: int) -> NDArray[np.int64]:
    """How often the bus had woken up by each frame: a silence of `sleep_us` or more is a sleep."""
    silent = elapsed_us(t_us[1:], t_us[:-1]) >= sleep_us
    return np.concatenate([[0], np.cumsum(silent)]) if len(t_us) else np.zeros(0, np.int64)


def recent_us(t_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """How long the `RECENT` frames before each frame and up to it took, -1 where there are fewer."""
    took = np.full(len(t_us), -1, np.int64)
    took[RECENT:] = elapsed_us(t_us[RECENT:], t_us[:-RECENT])
    return took


def gaps(
    t_us: NDArray[np.int64], slot: NDArray[np.int64], epoch: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Gap and two-gap span of each frame within its slot and epoch, -1 where there is none.

    A time that runs backwards gives no gap, and no span that contains it.
    """
    gap = np.full(len(t_us), -1, np.int64)
    span = gap.copy()
    by_slot = np.argsort(slot, kind="stable")
    here, before = by_slot[1:], by_slot[:-1]
    joined = (slot[here] == slot[before]) & (epoch[here] == epoch[before])
    here, before = here[joined], before[joined]
    gap[here] = elapsed_us(t_us[here], t_us[before])
    both = (gap[here] >= 0) & (gap[before] >= 0)
    span[here[both]] = np.minimum(gap[here[both]] + gap[before[both]], FOREVER_US)
    return gap, span


def outside(fingerprint: Fingerprint, data: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(m, 8): which bytes break a constant bit or leave their range."""
    changed: NDArray[np.bool_] = ((data ^ fingerprint.value[rows]) & fingerprint.mask[rows]) != 0
    return changed | (data < fingerprint.low[rows]) | (data > fingerprint.high[rows])


def earlier_breaches(row: NDArray[np.int64], breach: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each frame, how many earlier frames of its row were breaches, at most `BREACHES`."""
    by_row = np.argsort(row, kind="stable")
    total: NDArray[np.int64] = np.cumsum(breach[by_row]) - breach[by_row]
    starts = np.flatnonzero(np.diff(row[by_row], prepend=-1))
    before: NDArray[np.int64] = np.repeat(total[starts], np.diff(starts, append=len(row)))
    out = np.empty(len(row), np.int64)
    out[by_row] = np.minimum(total - before, BREACHES)
    return out


def surprise(fingerprint: Fingerprint, frames: Frames) -> Surprise:
    """Score every frame; state starts fresh. The integers equal the board's."""
    order = np.flatnonzero((frames.flags & REMOTE_OR_ERROR) == 0)
    t_us, m = frames.t_us[order], len(frames)
    row = rows_of(fingerprint.keys, frames.key[order])
    epoch = epochs(t_us, fingerprint.sleep_us)
    gap, span = gaps(t_us, row, epoch)
    known = row < len(fingerprint)
    at = np.where(known, row, 0)

    def column(name: str) -> NDArray[np.int64]:
        return fingerprint.column(name)[at]

    early = np.zeros((2, len(order)), np.int64)
    for part, (name, length) in enumerate((("gap", gap), ("span", span))):
        short = column(f"{name}_edge") - bucket(np.maximum(length, 0))
        value = column("early_base") + (short * column(f"{name}_slope") >> 6)
        early[part] = np.where((short > 0) & (length >= 0), value, 0)
    timing = early.max(axis=0)
    codes = dlc_codes(frames)[order]
    dlc = np.where(column("dlcs") >> codes & 1, 0, column("dlc_bits"))
    wrong = outside(fingerprint, frames.data[order, :8], at).sum(axis=1)
    earlier = earlier_breaches(row, wrong > 0)
    worth = column("payload_bits") + EXTRA_BYTE * (wrong - 1) - (bucket(2 * earlier + 1) >> 2)
    payload = np.where(wrong > 0, np.maximum(worth, 0), 0)
    parts = np.where(known, np.stack([timing, dlc, payload]), 0)
    bits = np.minimum(column("rarity") + parts.sum(axis=0), SCORE_CAP - 1)
    bits = np.where(known, bits, min(fingerprint.unknown_bits, SCORE_CAP))

    def spread(values: NDArray[np.int64], fill: int) -> NDArray[np.int64]:
        out = np.full((*values.shape[:-1], m), fill, np.int64)
        out[..., order] = values
        return out

    return Surprise(
        bits=spread(bits, 0),
        parts=spread(parts, 0),
        by_gap=spread(early[0], 0),
        slot=spread(row, -1),
        gap_us=spread(gap, -1),
        span_us=spread(span, -1),
        order=order,
        epoch=epoch,
    )
