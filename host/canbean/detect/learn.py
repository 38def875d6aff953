"""Learn a fingerprint from clean traffic, and its threshold from a later part of the same traffic.

The log is cut in time: tables come from its first 60 %, and what they are worth (how many bits a breach
counts, where the threshold lies) from the rest, which the tables had not seen. Constant bits, ranges and DLCs
then take in the rest too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.clock import clock_step_us
from canbean.can.frames import Frames
from canbean.detect.fingerprint import (
    FOREVER_US,
    RECORD,
    REMOTE_OR_ERROR,
    SCORE_CAP,
    Fingerprint,
    dlc_codes,
    elapsed_us,
    epochs,
    gaps,
    recent_us,
    surprise,
)
from canbean.detect.replay import replay
from canbean.detect.score import garwood95
from canbean.detect.tails import Tail, fit_tail, return_level
from canbean.errors import LogError
from canbean.tiny.fixed import bucket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEARNED_SHARE = 0.6
MINIMUM_S = 20
MINIMUM_FRAMES = 1000
HOLD_US = 100_000
ASLEEP = 100  # times the longest usual gap of the bus
IDS_MOST = 4096
CROWDED = 0.9  # of the shortest time that clean frames took
PEAK_US = 1_000_000  # surprises of one id within a second are one peak, as alerts within a second are one
# Where an id is frequent enough its spans alone are judged: an inserted frame shortens the span of two gaps,
# while jitter, which makes one gap shorter and the next one longer, does not.
SPANS_SUFFICE = 64
PERIODIC_GAPS = 16  # with fewer no period is known
# The least period, in steps of the log's clock, whose timing is learned: below it a gap is mostly rounding.
STEPS_A_PERIOD = 4
_SIXTEENTHS = 16


@dataclass(frozen=True)
class Learned:
    """A fingerprint and how it was calibrated (plain values, ready for META)."""

    fingerprint: Fingerprint
    calibration: dict[str, Any]


def learn(logs: Sequence[Frames], *, per_hour: float = 1.0) -> Learned:
    """Learn a bus from its clean traffic.

    Args:
        logs: clean frames of one bus, each log in its own order; earlier logs come first.
        per_hour: the budget, false alerts an hour.

    Raises:
        LogError: the logs are too short, labelled as attacked, or of several buses.
    """
    logs = [log[(log.flags & REMOTE_OR_ERROR) == 0] for log in logs]
    sleep_us = _sleep_us(logs)
    frames = _one_after_another(logs, sleep_us)
    steps = np.diff(frames.t_us, prepend=frames.t_us[:1])
    awake = np.cumsum(np.where((steps > 0) & (steps < sleep_us), steps, 0))
    _refuse(frames, float(awake[-1]) / 1e6 if len(awake) else 0.0)
    later = awake >= LEARNED_SHARE * awake[-1]
    hours = float(awake[-1] - awake[later][0]) / 3.6e9
    step_us = max(clock_step_us(log.t_us) for log in logs)
    tables, news, untimed = _tables(frames, later, sleep_us, STEPS_A_PERIOD * step_us)
    threshold = _threshold(tables, frames[later], news[later], hours, per_hour)
    fingerprint = alarm_at(tables, threshold)
    raised = len(replay(fingerprint, frames[later]).alerts)
    shown = garwood95(raised, hours)
    calibration = {
        "budget_per_hour": per_hour,
        "clean_s": round(float(awake[-1]) / 1e6, 3),
        "held_back_s": round(hours * 3600, 1),
        "held_back_alerts": raised,
        "threshold_bits": threshold / _SIXTEENTHS,
        # What the held-back part shows at 95 %: 3 / T hours if it raised no alert.
        "shown_per_hour_upper95": float(np.ceil(10 * shown) / 10),
        "budget_verified": bool(shown <= per_hour),
        "unknown_ids_alert": fingerprint.unknown_bits >= threshold,
        "clock_step_us": step_us,
        "ids_without_timing": untimed,
    }
    return Learned(fingerprint, calibration)


def _sleep_us(logs: Sequence[Frames]) -> int:
    """The silence of the whole bus from which on it counts as asleep: far longer than its usual gaps."""
    steps = np.concatenate([np.diff(log.t_us) for log in logs] or [np.zeros(0, np.int64)])
    usual = float(np.quantile(steps[steps > 0], 0.999)) if np.any(steps > 0) else 0.0
    return int(np.clip(ASLEEP * usual, 1_000_000, FOREVER_US))


def _one_after_another(logs: Sequence[Frames], pause_us: int) -> Frames:
    """The logs as one, with a pause between them that counts as sleep, whatever their clocks say."""
    moved: list[Frames] = []
    end = 0
    for log in logs:
        if len(log):
            moved.append(log.changed(t_us=log.t_us - log.t_us.min() + end))
            end = int(moved[-1].t_us.max()) + pause_us
    return Frames.concat(moved) if moved else Frames.empty()


def _refuse(frames: Frames, clean_s: float) -> None:
    if len(np.unique(frames.key)) > IDS_MOST:
        raise LogError(f"the log has {len(np.unique(frames.key))} ids: a gateway holds at most {IDS_MOST}")
    if len(frames) < MINIMUM_FRAMES or clean_s < MINIMUM_S:
        raise LogError(
            f"the clean log has {len(frames)} frames in {clean_s:.1f} s: "
            f"learning needs at least {MINIMUM_FRAMES} frames and {MINIMUM_S} s"
        )
    if np.any(frames.label != 0):
        at = int(np.flatnonzero(frames.label != 0)[0])
        seconds = (frames.t_us[at] - frames.t_us[0]) / 1e6
        raise LogError(
            f"the log is not clean: a frame is labelled {frames.labels[frames.label[at]]!r} "
            f"{seconds:.3f} s after its start; learn from clean traffic (or cut it with --to)"
        )
    buses = np.unique(frames.bus)
    if len(buses) > 1:
        names = ", ".join(frames.buses[b] for b in buses)
        raise LogError(f"the log holds several buses ({names}): choose one with --bus")


def _bits(probability_inverse: float) -> int:
    return int(np.clip(round(np.log2(max(probability_inverse, 1.0)) * _SIXTEENTHS), 0, SCORE_CAP))


def _tables(
    frames: Frames, later: NDArray[np.bool_], sleep_us: int, least_us: int
) -> tuple[Fingerprint, NDArray[np.bool_], int]:
    """Tables of all frames, each breach weighed by what the `later` ones show of it.

    Besides: which of those bring news, and how many ids have a period under `least_us`, whose timing is left out.
    """
    keys, row, counts = np.unique(frames.key, return_inverse=True, return_counts=True)
    n, total = len(keys), len(frames)
    gap, span = gaps(frames.t_us, row, epochs(frames.t_us, sleep_us))
    end = int(frames.t_us.max())
    columns = {name: np.zeros(n, np.int64) for name in RECORD}
    payload = np.zeros((n, 4, 8), np.uint8)
    periodic = np.zeros(n, np.bool_)
    news = np.zeros(total, np.bool_)
    new_ids = untimed = 0
    for at, members in enumerate(np.split(np.argsort(row, kind="stable"), np.cumsum(counts)[:-1])):
        old, new = members[~later[members]], members[later[members]]
        new_ids += not len(old)
        data = frames.data[np.concatenate([old, new]), :8]
        widened = _widenings(data, len(old))
        news[new[widened]] = True
        payload[at] = _payload_table(data)
        columns["rarity"][at] = _bits(total / (counts[at] + 0.5))
        columns["payload_bits"][at] = _evidence(len(widened), len(old), len(new))
        columns["dlcs"][at] = np.bitwise_or.reduce(1 << dlc_codes(frames[members]))
        # That an id keeps its DLCs is a habit of the whole bus, so the whole bus is the evidence.
        columns["dlc_bits"][at] = _bits(total + 1)
        # The silence until the end of the log is one that lasted at least so long.
        silence = np.append(gap[new], elapsed_us(np.int64(end), frames.t_us[members[-1]]))
        early, spans, late = (
            _tail(gap[old], gap[new], end, upper=False),
            _tail(span[old], span[new], end, upper=False),
            _tail(gap[old], silence, end, upper=True),
        )
        columns["gap_edge"][at] = early.edge if len(old) < SPANS_SUFFICE else 0
        columns["span_edge"][at] = spans.edge
        columns["early_base"][at] = round(min(early.base, spans.base) * _SIXTEENTHS)
        columns["gap_slope"][at], columns["span_slope"][at] = _slope(early), _slope(spans)
        columns["late_edge"][at], columns["late_slope"][at] = late.edge, _slope(late)
        columns["late_base"][at] = round(late.base * _SIXTEENTHS)
        periodic[at] = _is_periodic(gap[members])
        known = gap[members][gap[members] >= 0]
        if len(known) and np.median(known) < least_us:
            untimed += 1
            periodic[at] = False
            columns["gap_edge"][at] = columns["span_edge"][at] = 0
    fingerprint = Fingerprint(
        keys=keys.astype(np.uint32),
        timeout_us=np.where(periodic, 0, FOREVER_US).astype(np.uint32),
        record=np.stack([np.clip(columns[name], 0, 65535) for name in RECORD], axis=1).astype(np.uint16),
        mask=payload[:, 0],
        value=payload[:, 1],
        low=payload[:, 2],
        high=payload[:, 3],
        threshold=0,
        # The set of ids counts as closed if the later part brought none; else Good-Turing tells how open it is.
        unknown_bits=_bits((int(later.sum()) + 1) / (new_ids + 0.5)) if new_ids else SCORE_CAP,
        sleep_us=sleep_us,
        hold_us=HOLD_US,
        crowd_us=_crowd_us(frames.t_us),
    )
    return fingerprint, news, untimed


def _crowd_us(t_us: NDArray[np.int64]) -> int:
    """The time for `RECENT` frames below which the bus is more crowded than it ever was."""
    took = recent_us(t_us)
    return max(int(CROWDED * took[took >= 0].min(initial=FOREVER_US)), 1)


def _is_periodic(gap: NDArray[np.int64]) -> bool:
    """Whether a silence means something: hardly any gap is much longer than the usual one."""
    known = gap[gap >= 0]
    return len(known) >= PERIODIC_GAPS and float(np.mean(known > 4 * np.median(known))) < 1 / 200


def _slope(tail: Tail) -> int:
    return int(np.clip(round(tail.slope * 64 * _SIXTEENTHS), 1, 16384))


def _payload_table(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mask, value, low and high of (m, 8) payload bytes, uint8 (4, 8)."""
    every, some = np.bitwise_and.reduce(data), np.bitwise_or.reduce(data)
    mask = ~(every ^ some)
    return np.stack([mask, every & mask, data.min(axis=0), data.max(axis=0)])


def _widenings(data: NDArray[np.uint8], start: int) -> NDArray[np.int64]:
    """Which rows from `start` on (counted from there) show a bit or a byte range that no earlier row had."""
    if start == 0 or start >= len(data):
        return np.zeros(0, np.int64)
    spread = np.concatenate(
        [
            np.bitwise_or.accumulate(data),
            ~np.bitwise_and.accumulate(data),
            np.maximum.accumulate(data),
            ~np.minimum.accumulate(data),
        ],
        axis=1,
    )
    return np.flatnonzero(np.any(spread[start:] != spread[start - 1 : -1], axis=1))


def _evidence(breaches: int, before: int, after: int) -> int:
    """Bits of one more breach, where `after` frames brought so many."""
    if breaches == 0:
        return _bits(before + after + 1)
    return _bits((after + 1) / (breaches + 0.5))


def _tail(known_us: NDArray[np.int64], later_us: NDArray[np.int64], span_us: int, *, upper: bool) -> Tail:
    """The tail of some times, tempered so that what came later counts for no more than it was worth."""
    known, later = (bucket(times[times >= 0]) for times in (known_us, later_us))
    if not len(known):  # too rare to have a gap: a Poisson process seen once in the whole log
        return fit_tail(bucket(np.array([span_us])), upper=upper)
    tail = fit_tail(known, upper=upper)
    beyond = later - tail.edge if upper else tail.edge - later
    most = float(tail.bits(beyond.astype(np.int64)).max(initial=0.0))
    return tail.tempered(most, float(np.log2(len(later) + 1)) + 1)


def _threshold(
    fingerprint: Fingerprint, later: Frames, news: NDArray[np.bool_], hours: float, per_hour: float
) -> int:
    """The threshold at which clean traffic raises `per_hour` alerts, in sixteenths of a bit.

    The tables know the later part's payloads: what was new in them then (`news`) counts as a breach each time.
    """
    said = surprise(fingerprint, later)
    bits = said.bits + np.where(news, fingerprint.column("payload_bits")[said.slot], 0)
    slot = np.where(said.slot < 0, len(fingerprint), said.slot)
    block = slot * (1 << 40) + (later.t_us - later.t_us.min()) // PEAK_US
    _, which = np.unique(block, return_inverse=True)
    peaks = np.zeros(which.max() + 1, np.int64)
    np.maximum.at(peaks, which, bits)
    # A score of b bits is what one frame in 2**b has: the threshold is never below what that alone asks for.
    nominal = _SIXTEENTHS * np.log2(max(len(later) / hours / per_hour, 1.0))
    return int(np.clip(np.ceil(max(return_level(peaks, hours, per_hour) + 1, nominal)), 1, SCORE_CAP))


def alarm_at(fingerprint: Fingerprint, threshold: int) -> Fingerprint:
    """The fingerprint with this threshold, and for each id whose silence means something how long reaches it."""
    column = fingerprint.column
    short = np.maximum(threshold - column("rarity") - column("late_base"), 0)
    octaves = short / np.maximum(column("late_slope"), 1)
    late = np.exp2(np.minimum((column("late_edge") + 1) / 64 + octaves, 31))
    timeout = np.where(fingerprint.timeout_us == FOREVER_US, FOREVER_US, np.minimum(late, FOREVER_US))
    return replace(fingerprint, threshold=threshold, timeout_us=timeout.astype(np.uint32))
