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
PARTS = (
    "start",
    "rate",
    "timing",
    "dlc",
    "payload",
)  # the parts of a score, in the order in which ties are resolved
REMOTE_OR_ERROR = 0b110
RECENT = 32  # frames over which the bus is looked at for a crowd, and for an id that crowds it
EXTRA_BYTE = 16  # each further byte outside is a bit more: what breaks one byte often breaks several
SHARED = 16  # counters of unknown ids among the last `RECENT` frames, by hash
BREACHES = 32_767  # the board's counter of an id's breaches ends here
NOVEL_S = 10  # unknown ids within so many seconds belong together
NOVEL_MOST = 192  # of 256 hashes of unknown ids that are remembered
EXTRA_NOVEL = 32  # what each unknown id is worth more than the one before, where more come than ever did

_HEADER = struct.Struct("<HHHHHHBBHIIII")

RECORD = (
    "dlcs",  # one bit a DLC code that clean traffic has
    "payload_bits",  # surprise of a byte outside its constant bits or its range
    "gap_edge",  # buckets; a shorter gap is surprising ...
    "span_edge",  # ... and so are two gaps together that are shorter, the signature of an inserted frame
    "early_base",  # surprise at both of these edges
    "early_slope",  # sixteenths more an octave below them
    "early_most",  # no short time of this id is more surprising
    "late_edge",  # buckets; a longer silence is surprising ...
    "late_slope",
    "late_base",
    "late_most",
    "start_s",  # 0, or the id comes only so many seconds after the bus woke up
)


@dataclass(frozen=True)
class Fingerprint:
    """Tables of n ids, sorted by key. Surprises are in sixteenths of a bit, times in microseconds.

    Attributes:
        keys: uint32 (n,), `id | ext << 29`, ascending.
        timeout_us: uint32 (n,), silence after which an id is missing.
        record: uint16 (n, 12), columns named by `RECORD`.
        mask: uint8 (n, 8), constant bits of the first eight bytes; what they are stands in `low`.
        low, high: uint8 (n, 8), range of each byte.
        threshold: an alert is raised at this surprise.
        unknown_bits: surprise of an id that clean traffic does not have; `SCORE_CAP` where the set of ids is closed.
        dlc_bits: surprise of a DLC that its id does not have.
        rate_bits: surprise of an id that fills more than `share` of the last `RECENT` frames.
        sleep_us: a bus silent for so long was asleep: timing starts anew.
        hold_us: further alerts of an id are held back, and counted, for so long.
        crowd_us: when `RECENT` frames take less than this the bus is crowded: an id that stays away is then
            delayed by arbitration and not suspended.
        pace_us: usual time from one frame of the bus to the next: while frames come less than half as often, the bus
            is falling silent and no id of it is missing.
        share: frames of one id among `RECENT` that are not surprising yet.
        burst: so many new ids the clean log brought at most within `NOVEL_S`.
    """

    keys: NDArray[np.uint32]
    timeout_us: NDArray[np.uint32]
    record: NDArray[np.uint16]
    mask: NDArray[np.uint8]
    low: NDArray[np.uint8]
    high: NDArray[np.uint8]
    threshold: int
    unknown_bits: int
    dlc_bits: int
    rate_bits: int
    share: int
    burst: int
    sleep_us: int
    hold_us: int
    crowd_us: int
    pace_us: int

    def __len__(self) -> int:
        return len(self.keys)

    def column(self, name: str) -> NDArray[np.int64]:
        """One column of the records, int64 (n,)."""
        return self.record[:, RECORD.index(name)].astype(np.int64)

    def to_bytes(self) -> bytes:
        """The `FPRN` section: header, keys, timeouts, records, 24 bytes of payload tables an id."""
        words = (len(self), self.threshold, self.unknown_bits, len(RECORD), self.dlc_bits, self.rate_bits)
        small = (self.share, self.burst, 0, self.sleep_us, self.hold_us, self.crowd_us, self.pace_us)
        header = _HEADER.pack(*words, *small)
        payload = np.concatenate([self.mask, self.low, self.high], axis=1)
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
        n, threshold, unknown_bits, columns, dlc_bits, rate_bits, *rest = _HEADER.unpack_from(section)
        if columns != len(RECORD) or len(section) != _HEADER.size + n * (8 + 2 * columns + 24) or n == 0:
            raise ModelError(f"fingerprint: {len(section)} bytes do not hold {n} ids of {columns} columns")
        share, burst, zero, *times_us = rest
        if zero or not share or not all(0 < us <= FOREVER_US for us in times_us):
            raise ModelError("fingerprint: a number of the header is out of range")
        scalars = (threshold, unknown_bits, dlc_bits, rate_bits, share, burst, *times_us)

        def take(dtype: str, start: int, *shape: int) -> NDArray[Any]:
            count = int(np.prod(shape))
            return np.frombuffer(section, dtype, count, start).reshape(shape).copy()

        start = _HEADER.size
        keys, timeout = take("<u4", start, n), take("<u4", start + 4 * n, n)
        record = take("<u2", start + 8 * n, n, columns)
        payload = take("u1", start + n * (8 + 2 * columns), n, 24)
        if np.any(np.diff(keys.astype(np.int64)) <= 0) or int(keys[-1]) >> 30:
            raise ModelError("fingerprint: the ids are not in ascending order")
        mask, low, high = payload[:, :8], payload[:, 8:16], payload[:, 16:]
        return cls(keys, timeout, record, mask, low, high, *scalars)


@dataclass(frozen=True)
class Surprise:
    """What a fingerprint says of m frames, in their order; sixteenths of a bit, int64 (m,) each.

    Attributes:
        bits: the whole score, 0 for frames that are not scored (remote and error frames).
        parts: (5, m), the parts named by `PARTS`.
        by_gap: what a single short gap alone is worth.
        share: how many of the last `RECENT` frames are of the frame's id.
        awake_s: seconds of the clock since the bus woke up.
        slot: row of the frame's id in the tables, n for an unknown id, -1 where not scored.
        gap_us, span_us: time since the id's last and last but one frame, -1 where there is none.
        order: positions of the scored frames, ascending.
        epoch: counts the times the bus woke up.
    """

    bits: NDArray[np.int64]
    parts: NDArray[np.int64]
    by_gap: NDArray[np.int64]
    share: NDArray[np.int64]
    awake_s: NDArray[np.int64]
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
    elapsed = np.asarray(now_us - then_us)
    if elapsed.size and int(elapsed.max()) > FOREVER_US - 2_000_000:  # else no saturation is near
        whole = now_us // 1_000_000 - then_us // 1_000_000
        elapsed = np.where(whole >= FOREVER_S, FOREVER_US, elapsed)
    return np.maximum(elapsed, -1)


def by_row(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions ordered by row, those of one row in their order."""
    return np.argsort(row.astype(np.uint16), kind="stable")  # of 16 bits the sort is a radix sort


def rows_of(keys: NDArray[np.uint32], wanted: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Row of each wanted key in the sorted `keys`, or len(keys) where it is not there."""
    rows = np.searchsorted(keys, wanted)
    found = keys[np.minimum(rows, len(keys) - 1)] == wanted
    return np.where(found, rows, len(keys))


def epochs(t_us: NDArray[np.int64], sleep_us: int) -> NDArray[np.int64]:
    """How often the bus had woken up by each frame: a silence of `sleep_us` or more is a sleep."""
    silent = elapsed_us(t_us[1:], t_us[:-1]) >= sleep_us
    return np.concatenate([[0], np.cumsum(silent)]) if len(t_us) else np.zeros(0, np.int64)


def recent_us(t_us: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """How long the `count` frames before each frame and up to it took, -1 where there are fewer."""
    took = np.full(len(t_us), -1, np.int64)
    took[count:] = elapsed_us(t_us[count:], t_us[:-count])
    return took


def awake_s(t_us: NDArray[np.int64], epoch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole seconds of the clock since the bus woke up, 0 where its times run backwards past that."""
    second = t_us // 1_000_000
    first = second[np.flatnonzero(np.diff(epoch, prepend=-1))] if len(epoch) else second
    return np.maximum(second - first[epoch], 0) if len(epoch) else second


def crowds(t_us: NDArray[np.int64], crowd_us: int) -> NDArray[np.bool_]:
    """At which frames the last `RECENT` took less than `crowd_us`."""
    took = recent_us(t_us, RECENT)
    return (took >= 0) & (took < crowd_us)


def shares(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the `RECENT` frames up to each are of its row."""
    order = by_row(row)
    ordered = row[order]
    # At most RECENT frames back in the same row lies the first that still counts.
    out = np.ones(len(row), np.int64)
    for back in range(1, RECENT):
        near = (order[back:] - order[:-back] < RECENT) & (ordered[back:] == ordered[:-back])
        if not near.any():
            break
        out[order[back:]] += near
    return out


def gaps(
    t_us: NDArray[np.int64], slot: NDArray[np.int64], epoch: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Gap and two-gap span of each frame within its slot and epoch, -1 where there is none.

    A time that runs backwards gives no gap, and no span that contains it.
    """
    gap = np.full(len(t_us), -1, np.int64)
    span = gap.copy()
    by_slot = by_row(slot)
    here, before = by_slot[1:], by_slot[:-1]
    joined = (slot[here] == slot[before]) & (epoch[here] == epoch[before])
    here, before = here[joined], before[joined]
    gap[here] = elapsed_us(t_us[here], t_us[before])
    both = (gap[here] >= 0) & (gap[before] >= 0)
    span[here[both]] = np.minimum(gap[here[both]] + gap[before[both]], FOREVER_US)
    return gap, span


def outside(fingerprint: Fingerprint, data: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(m, 8): which bytes break a constant bit or leave their range."""
    changed: NDArray[np.bool_] = ((data ^ fingerprint.low[rows]) & fingerprint.mask[rows]) != 0
    return changed | (data < fingerprint.low[rows]) | (data > fingerprint.high[rows])


def earlier_breaches(row: NDArray[np.int64], breach: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each frame, how many earlier frames of its row were breaches, at most `BREACHES`."""
    order = by_row(row)
    total: NDArray[np.int64] = np.cumsum(breach[order]) - breach[order]
    starts = np.flatnonzero(np.diff(row[order], prepend=-1))
    before: NDArray[np.int64] = np.repeat(total[starts], np.diff(starts, append=len(row)))
    out = np.empty(len(row), np.int64)
    out[order] = np.minimum(total - before, BREACHES)
    return out


def novelty(
    t_us: NDArray[np.int64], key: NDArray[np.uint32], known: NDArray[np.bool_], fingerprint: Fingerprint
) -> NDArray[np.int64]:
    """What the ids are worth that clean traffic does not have, where the set of ids is open.

    Each is worth `unknown_bits` once: what keeps coming is one novelty. A change of mode brings several at once, at
    most `burst` of them in the clean log; each beyond that is worth two bits more than the one before. Ids are
    remembered by a hash of 8 bits, until three quarters of the hashes are taken.
    """
    out = np.zeros(len(key), np.int64)
    seen, taken, run, last_s = bytearray(256), 0, 0, -NOVEL_S
    for at in np.flatnonzero(~known).tolist():
        second, place = int(t_us[at]) // 1_000_000, hash8(int(key[at]))
        if seen[place]:
            continue
        if taken == NOVEL_MOST:
            seen, taken = bytearray(256), 0
        seen[place] = 1
        taken += 1
        run = run + 1 if 0 <= second - last_s < NOVEL_S else 1
        last_s = second
        out[at] = fingerprint.unknown_bits + EXTRA_NOVEL * max(run - fingerprint.burst, 0)
    return out


def hash8(key: Any) -> Any:
    """A hash of ids (`id | ext << 29`, an int or int64), 0 to 255: parts of the id, xored."""
    return (key ^ key >> 7 ^ key >> 13 ^ key >> 21) & 255


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

    crowded = crowds(t_us, fingerprint.crowd_us)
    early = np.zeros((2, len(order)), np.int64)
    for part, (name, length) in enumerate((("gap", gap), ("span", span))):
        short = column(f"{name}_edge") - bucket(np.maximum(length, 0))
        value = column("early_base") + (short * column("early_slope") >> 6)
        # On a crowded bus frames wait for one another and then come close together.
        judged = (short > 0) & (length >= 0) & ~crowded
        early[part] = np.where(judged, np.minimum(value, column("early_most")), 0)
    timing = early.max(axis=0)
    codes = dlc_codes(frames)[order]
    dlc = np.where(column("dlcs") >> codes & 1, 0, fingerprint.dlc_bits)
    wrong = outside(fingerprint, frames.data[order, :8], at).sum(axis=1)
    earlier = earlier_breaches(row, wrong > 0)
    worth = column("payload_bits") + EXTRA_BYTE * (wrong - 1) - (bucket(2 * earlier + 1) >> 2)
    payload = np.where(wrong > 0, np.maximum(worth, 0), 0)
    key = frames.key[order]
    counter = np.where(known, row, len(fingerprint) + hash8(key.astype(np.int64)) % SHARED)
    share = shares(counter)
    rate = np.where(share > fingerprint.share, fingerprint.rate_bits, 0)
    awake, start_s = awake_s(t_us, epoch), column("start_s")
    start = np.where((start_s > 0) & (awake >= start_s), SCORE_CAP, 0)
    own = (np.where(known, part, 0) for part in (timing, dlc, payload))
    parts = np.stack([np.where(known, start, 0), rate, *own])
    total = parts.sum(axis=0)
    if fingerprint.unknown_bits < SCORE_CAP:
        total += novelty(t_us, key, known, fingerprint)
        bits = np.minimum(total, SCORE_CAP - 1)
    else:
        bits = np.where(known, np.minimum(total, SCORE_CAP - 1), SCORE_CAP)

    def spread(values: NDArray[np.int64], fill: int) -> NDArray[np.int64]:
        if len(order) == m:
            return values
        out = np.full((*values.shape[:-1], m), fill, np.int64)
        out[..., order] = values
        return out

    return Surprise(
        bits=spread(bits, 0),
        parts=spread(parts, 0),
        by_gap=spread(early[0], 0),
        share=spread(share, 0),
        awake_s=spread(awake, 0),
        slot=spread(row, -1),
        gap_us=spread(gap, -1),
        span_us=spread(span, -1),
        order=order,
        epoch=epoch,
    )
