"""Run a log through a fingerprint on the host: the alerts that a board raises on the same frames, to the last digit.

The vectorised twin of `firmware/canbean/watch.py`: scores come from numpy, and a plain loop walks over the few
frames that pass the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import LENGTHS, key_text
from canbean.detect.alerts import Alert
from canbean.detect.fingerprint import (
    FOREVER_S,
    FOREVER_US,
    SCORE_CAP,
    dlc_codes,
    elapsed_us,
    outside,
    recent_us,
    surprise,
)
from canbean.errors import LogError
from canbean.tiny.fixed import bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.detect.fingerprint import Fingerprint, Surprise

INCIDENT_US = 10_000_000
MISSING = "missing"


@dataclass(frozen=True)
class Replayed:
    """What a replay gave.

    Attributes:
        alerts: in the order in which the board raises them.
        bits: surprise of each frame, sixteenths of a bit, int64 (m,).
        unscored: remote and error frames, which no detector scores.
    """

    alerts: list[Alert]
    bits: NDArray[np.int64]
    unscored: int


def replay(fingerprint: Fingerprint, frames: Frames) -> Replayed:
    """Score frames of one bus from a fresh start and raise the alerts.

    Raises:
        LogError: frames of several buses, or times before 0.
    """
    buses = np.unique(frames.bus)
    if len(buses) > 1:
        names = ", ".join(frames.buses[code] for code in buses)
        raise LogError(f"the log holds several buses ({names}): choose one with --bus")
    if len(frames) and int(frames.t_us.min()) < 0:
        raise LogError("the log has times before 0, which no board can tell")
    said = surprise(fingerprint, frames)
    return Replayed(list(_alerts(fingerprint, frames, said)), said.bits, len(frames) - len(said.order))


def _elapsed(now_us: int, then_us: int) -> int:
    if now_us // 1_000_000 - then_us // 1_000_000 >= FOREVER_S:
        return FOREVER_US
    return max(now_us - then_us, -1)


def _alerts(fingerprint: Fingerprint, frames: Frames, said: Surprise) -> Iterator[Alert]:
    loud = np.flatnonzero((said.bits >= fingerprint.threshold) & (said.slot >= 0))
    candidates = [(int(at), 0, -1, -1) for at in loud]
    candidates += [(at, 1, row, seen) for at, row, seen in _silences(fingerprint, frames, said)]
    keys = frames.key
    held: dict[int, int] = {}
    dropped: dict[int, int] = {}
    incident, last_us = 0, 0
    for at, _, missing, seen_at in sorted(candidates):
        now = int(frames.t_us[at])
        if missing >= 0:
            slot, key = missing, int(fingerprint.keys[missing])
            silent = _elapsed(now, int(frames.t_us[seen_at]))
            bits, (kind, expected, seen) = _silence_words(fingerprint, missing, silent)
        else:
            slot, key, bits = int(said.slot[at]), int(keys[at]), int(said.bits[at])
            if slot in held and 0 <= _elapsed(now, held[slot]) < fingerprint.hold_us:
                dropped[slot] = min(dropped.get(slot, 0) + 1, 65535)
                continue
            kind, expected, seen = _words(fingerprint, frames, said, at)
        quiet = _elapsed(now, last_us) if incident else FOREVER_US
        incident += quiet < 0 or quiet > INCIDENT_US
        last_us = now
        yield Alert(
            t_us=now,
            key=key,
            bus=0,
            detector="fingerprint",
            kind=kind,
            bits=bits,
            threshold=fingerprint.threshold,
            expected=expected,
            seen=seen,
            severity=severity(bits, fingerprint.threshold),
            incident=incident,
            dropped=dropped.get(slot, 0),
        )
        dropped[slot] = 0
        if missing < 0:
            held[slot] = now


def severity(bits: int, threshold: int) -> str:
    """How far above its threshold an alert is: 16 bits and more is high, 4 bits and more medium."""
    over = bits - threshold
    return "high" if over >= 256 else "medium" if over >= 64 else "low"


def _silences(fingerprint: Fingerprint, frames: Frames, said: Surprise) -> Iterator[tuple[int, int, int]]:
    """Frames at which an id is found missing, its row and its last frame: each scored frame asks one id in turn."""
    n, t_us, row = len(fingerprint), frames.t_us[said.order], said.slot[said.order]
    by_row = np.argsort(row, kind="stable")
    ends = np.searchsorted(row[by_row], np.arange(n + 1))
    ascending = np.all(t_us[1:] >= t_us[:-1])
    crowd = last_crowded(t_us, fingerprint.crowd_us)
    for asked in range(n):
        seen_at = by_row[ends[asked] : ends[asked + 1]]
        if not len(seen_at):
            continue
        timeout = int(fingerprint.timeout_us[asked])
        until = np.append(seen_at[1:], len(t_us))
        # Where times run backwards a long silence can hide inside a short gap: every gap is looked at.
        long = ~ascending | (t_us[np.append(seen_at[1:], len(t_us) - 1)] - t_us[seen_at] > timeout)
        for start, stop in zip(seen_at[long], until[long], strict=True):
            turns = np.arange(start + (asked - start) % n, stop, n)
            silent = elapsed_us(t_us[turns], t_us[start])
            waited = np.where(
                crowd[turns] >= 0, np.minimum(silent, elapsed_us(t_us[turns], t_us[crowd[turns]])), silent
            )
            late = np.flatnonzero((waited > timeout) & (said.epoch[turns] == said.epoch[start]))
            if len(late):
                yield int(said.order[turns[late[0]]]), asked, int(said.order[start])


def last_crowded(t_us: NDArray[np.int64], crowd_us: int) -> NDArray[np.int64]:
    """For each frame the last one up to it that ended a crowd of `RECENT` frames, -1 where there was none."""
    took = recent_us(t_us)
    ended = np.where((took >= 0) & (took < crowd_us), np.arange(len(t_us)), -1)
    return np.maximum.accumulate(ended) if len(ended) else ended


def _silence_words(fingerprint: Fingerprint, row: int, silent: int) -> tuple[int, tuple[str, str, str]]:
    late = max(int(bucket(np.int64(silent))) - int(fingerprint.column("late_edge")[row]), 0)
    bits = int(fingerprint.column("rarity")[row] + fingerprint.column("late_base")[row])
    bits += late * int(fingerprint.column("late_slope")[row]) >> 6
    expected = f"a frame within {fingerprint.timeout_us[row]} us"
    bits = max(min(bits, SCORE_CAP), fingerprint.threshold)
    return bits, (MISSING, expected, f"none for {silent} us")


def _words(fingerprint: Fingerprint, frames: Frames, said: Surprise, at: int) -> tuple[str, str, str]:
    """Kind, what was expected and what was seen."""
    row = int(said.slot[at])
    if row == len(fingerprint):
        return "unknown-id", f"one of {row} known ids", f"id {key_text(int(frames.key[at]))}"
    timing, dlc, payload = (int(part) for part in said.parts[:, at])
    most = max(timing, dlc, payload)
    if not most:
        return "rate", "an id so rare not at all", "a frame of it"
    if most == timing:
        if said.by_gap[at] == timing:
            edge, seen, what = fingerprint.column("gap_edge")[row], said.gap_us[at], "1 gap"
        else:
            edge, seen, what = fingerprint.column("span_edge")[row], said.span_us[at], "2 gaps"
        return "timing", f"{what} of at least {unbucket(int(edge))} us", f"{seen} us"
    if most == dlc:
        codes = int(fingerprint.column("dlcs")[row])
        usual = " or ".join(str(length) for code, length in enumerate(LENGTHS) if codes >> code & 1)
        return "dlc", f"length {usual}", f"length {LENGTHS[dlc_codes(frames[at : at + 1])[0]]}"
    data = frames.data[at, :8]
    k = int(np.flatnonzero(outside(fingerprint, data[None], np.array([row]))[0])[0])
    mask, value = int(fingerprint.mask[row, k]), int(fingerprint.value[row, k])
    seen_text = f"byte {k} is {data[k]:02X}"
    if (int(data[k]) ^ value) & mask:
        return "payload", f"byte {k} has {value:02X} in bits {mask:02X}", seen_text
    return "payload", f"byte {k} in {fingerprint.low[row, k]:02X}..{fingerprint.high[row, k]:02X}", seen_text


def unbucket(edge: int) -> int:
    """The least number of microseconds that lies in a bucket (buckets: `canbean.tiny.fixed.bucket`)."""
    octave = (edge >> 6) - 6
    return 64 + (edge & 63) << octave if octave >= 0 else 64 + (edge & 63) >> -octave
