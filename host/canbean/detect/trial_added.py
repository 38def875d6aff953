"""Trials that add frames: floods, unknown ids, turned payloads, old frames again, requests of a tester.

Added frames take the idle gaps of the bus, so that the others stay where they are; only a flood makes them wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.bus import BITRATE, arbitrate, frame_us, priority
from canbean.can.frames import FD, Frames
from canbean.detect.trial_ground import NoTargetError

if TYPE_CHECKING:
    from canbean.detect.trial_ground import Ground, Made


def flood(ground: Ground, kind: str) -> Made:
    """An id below all known ones, or the lowest itself, counting through a byte, and the queue that it leaves."""
    frames, rng = ground.frames, ground.rng
    order = priority(frames.id, frames.ext)
    first = int(np.argmin(order))
    lowest, ext = int(frames.id[first]), bool(frames.ext[first])
    parts, late = [], frames.t_us.copy()
    for slot in ground.slots:
        id_ = int(rng.integers(0, lowest + 1))
        dlc = int(rng.integers(0, 9))
        length = int(frame_us(np.array([dlc]), np.array([ext]))[0])
        count = max(3, int(rng.uniform(0.5, 0.95) * (slot[1] - slot[0]) / length))
        data = np.zeros((count, frames.data.shape[1]), np.uint8)
        if dlc:
            data[:, int(rng.integers(dlc))] = np.arange(count) % 256
        t_us = np.linspace(slot[0], slot[1], count).astype(np.int64)
        flood = Frames.of(t_us, id_, data, dlc=dlc, ext=ext, buses=frames.buses)
        # Those of the bus that it meets, until as long after it again.
        met = np.flatnonzero((frames.t_us >= slot[0]) & (frames.t_us < 2 * slot[1] - slot[0]))
        both = Frames.concat([frames[met], flood])
        lengths = frame_us(both.dlc, both.ext, both.flags & FD > 0, BITRATE)
        ready = np.argsort(both.t_us - lengths, kind="stable")
        ends = np.empty(len(both), np.int64)
        ends[ready] = arbitrate(
            (both.t_us - lengths)[ready], priority(both.id, both.ext)[ready], lengths[ready]
        )
        late[met] = ends[: len(met)]
        parts.append(flood.changed(t_us=ends[len(met) :]))
    return _joined(frames.changed(t_us=late), Frames.concat(parts), kind), []


def unknown(ground: Ground, kind: str) -> Made:
    """An id near a known one, a whole slot long, with the payloads of that one."""
    frames, rng = ground.frames, ground.rng
    known = np.unique(frames.key)
    rows, keys, t_us = [], [], []
    for slot in ground.slots:
        near = int(rng.choice(known))
        top = (1 << 29) - 1 if near >> 29 else 0x7FF
        apart = np.concatenate([np.arange(1, 17), -np.arange(1, 17)])
        ids = (near & 0x1FFFFFFF) + apart
        free = ids[(ids >= 0) & (ids <= top) & ~np.isin(ids | near >> 29 << 29, known)]
        if not len(free):
            continue
        at = ground.times(slot, ground.ratio(5, 80))
        rows.append(rng.choice(np.flatnonzero(frames.key == near), len(at)))
        keys.append(np.full(len(at), int(rng.choice(free)) | near >> 29 << 29))
        t_us.append(at)
    if not rows:
        raise NoTargetError("no id near a known one is free")
    added = frames[np.concatenate(rows)].changed(
        id=(np.concatenate(keys) & 0x1FFFFFFF).astype(np.uint32), t_us=np.concatenate(t_us)
    )
    return _in_gaps(frames, added, kind), []


def payload(ground: Ground, kind: str) -> Made:
    """Known ids beside their senders with a quarter to a half of the bits of their latest payload turned."""
    frames, rng = ground.frames, ground.rng
    keys = np.unique(frames.key[frames.dlc > 0])
    if not len(keys):
        raise NoTargetError("no frame has data")
    rows, t_us = [], []
    for slot in ground.slots:
        of_one = np.flatnonzero(frames.key == rng.choice(keys))
        at = ground.times(slot, ground.ratio(2, 50))
        rows.append(of_one[np.maximum(np.searchsorted(frames.t_us[of_one], at) - 1, 0)])
        t_us.append(at)
    taken = frames[np.concatenate(rows)]
    turned = rng.random((len(taken), 8 * taken.data.shape[1])) < rng.uniform(0.25, 0.5)
    turned[np.arange(turned.shape[1]) >= 8 * taken.dlc[:, None].astype(np.int64)] = False
    data = taken.data ^ np.packbits(turned, axis=1)
    return _in_gaps(frames, taken.changed(t_us=np.concatenate(t_us), data=data), kind), []


def spoof(ground: Ground, kind: str) -> Made:
    """A sender's old payload soon after each true frame, or after each second or third."""
    frames, rng = ground.frames, ground.rng
    rows, t_us = [], []
    for slot in ground.slots:
        one = ground.sender(slot)
        if one is None:
            continue
        true = ground.inside(one.rows, slot)[:: int(rng.integers(1, 4))]
        first, old = int(np.searchsorted(one.rows, true[0])), int(rng.integers(len(one.rows)))
        rows.append(one.rows[(np.searchsorted(one.rows, true) - first + old) % len(one.rows)])
        t_us.append(frames.t_us[true] + int(rng.uniform(0.05, 0.3) * one.period_us))
    if not rows:
        raise NoTargetError("no slot has two frames of an id")
    return _in_gaps(frames, frames[np.concatenate(rows)].changed(t_us=np.concatenate(t_us)), kind), []


def replay(ground: Ground, kind: str) -> Made:
    """A run of frames of anywhere in the log, again, faster or slower than they were."""
    frames, rng = ground.frames, ground.rng
    rows, t_us = [], []
    for slot in ground.slots:
        count = min(int(ground.ratio(3, 300)), len(frames) // 4)
        first = int(rng.integers(0, len(frames) - count))
        run = np.arange(first, first + count)
        at = slot[0] + (frames.t_us[run] - frames.t_us[first]) * rng.uniform(0.5, 2.0)
        kept = at <= slot[1]
        rows.append(run[kept])
        t_us.append(at[kept].astype(np.int64))
    return _in_gaps(frames, frames[np.concatenate(rows)].changed(t_us=np.concatenate(t_us)), kind), []


SERVICES = (
    (0x10, 0x01), (0x10, 0x03), (0x11, 0x01), (0x11, 0x03), (0x14, 0xFF, 0xFF, 0xFF), (0x22, 0xF1, 0x90), (0x27, 0x01),
    (0x27, 0x02, 0x00, 0x00), (0x28, 0x03, 0x01), (0x2E, 0xF1, 0x90, 0x41), (0x31, 0x01, 0xFF, 0x00), (0x85, 0x02),
)  # fmt: skip
"""Requests of ISO 14229-1 with their first parameters."""


def diagnostic(ground: Ground, kind: str) -> Made:
    """A tester's requests on identifiers of ISO 15765-4 that this bus does not use."""
    frames, rng = ground.frames, ground.rng
    wide = bool(frames.ext.mean() > 0.5)
    ids = np.array(
        [0x18DB33F1, *(0x18DA00F1 | np.arange(256) << 8)] if wide else [0x7DF, *range(0x7E0, 0x7E8)]
    )
    free = ids[~np.isin(ids | wide << 29, frames.key)]
    if not len(free):
        raise NoTargetError("the bus uses every identifier of a tester")
    t_us = [ground.times(slot, ground.ratio(2, 30)) for slot in ground.slots]
    id_ = np.concatenate([np.full(len(at), int(rng.choice(free))) for at in t_us])
    data = np.zeros((len(id_), frames.data.shape[1]), np.uint8)
    for row, which in zip(data, rng.integers(len(SERVICES), size=len(id_)).tolist(), strict=True):
        row[: len(SERVICES[which]) + 1] = len(SERVICES[which]), *SERVICES[which]
    added = Frames.of(np.concatenate(t_us), id_, data, ext=wide, buses=frames.buses)
    return _in_gaps(frames, added, kind), []


def _in_gaps(frames: Frames, added: Frames, kind: str) -> Frames:
    """Added frames, each in the next idle gap of the bus that is long enough, so that no other frame moves."""
    order = np.argsort(added.t_us, kind="stable")
    added = added[order]
    length = frame_us(added.dlc, added.ext, added.flags & FD > 0, BITRATE)
    own = frame_us(frames.dlc, frames.ext, frames.flags & FD > 0, BITRATE)
    idle = frames.t_us[1:] - own[1:] - frames.t_us[:-1]
    gaps = np.flatnonzero(idle >= int(length.max()))
    if not len(gaps):
        return _joined(frames, added, kind)
    rank = np.arange(len(added))
    which = np.searchsorted(frames.t_us[gaps], added.t_us)
    # One frame a gap: the next waits for the next.
    which = np.maximum.accumulate(which - rank) + rank
    fits = which < len(gaps)
    t_us = frames.t_us[gaps[which[fits]]] + length[fits]
    return _joined(frames, added[fits].changed(t_us=t_us), kind)


def _joined(frames: Frames, added: Frames, kind: str) -> Frames:
    """Clean and added frames in order of time; the added ones labelled."""
    added = added.changed(
        bus=np.full(len(added), frames.bus[0]), label=np.ones(len(added), np.int16), labels=("", kind)
    )
    return Frames.concat([frames, added]).in_time_order()
