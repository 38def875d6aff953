"""The tables of a fingerprint, from clean frames: what each id always does, and what it is worth when it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.fingerprint import (
    FOREVER_US,
    NOVEL_S,
    RECENT,
    RECORD,
    SCORE_CAP,
    Fingerprint,
    awake_s,
    dlc_codes,
    epochs,
    gaps,
    recent_us,
    shares,
)
from canbean.detect.habits import PERIODIC_GAPS, SIXTEENTHS, Habit, broken, habit, shown, worth
from canbean.detect.tails import Tail, fit_tail
from canbean.tiny.fixed import bucket

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.can.frames import Frames

HOLD_US = 100_000
CROWDED = 0.9
"""Of the shortest time that clean frames took."""
SPANS_SUFFICE = 64
"""Frames from which on the spans of an id alone are judged: an inserted frame shortens the span of two gaps, while jitter,
which makes one gap shorter and the next one longer, does not."""
STEPS_A_PERIOD = 4
"""The least period, in steps of the log's clock, whose timing is learned: below it a gap is mostly rounding."""
OPENING = 1 / 8
"""Part of the log in which the ids of a closed bus have all come, and after which those of its start have gone."""
NEWCOMERS = 8
"""New ids that a change of mode may bring at once beyond twice what the log showed."""


@dataclass(frozen=True)
class Tables:
    """A fingerprint whose threshold is not set yet, and what its calibration needs.

    Attributes:
        fingerprint: threshold 0, and no silence is too long.
        news: bool (m,), frames of the held-back part that showed bits or ranges of bytes for the first time.
        untimed: ids whose timing is left out, because the log's clock is too coarse for it.
    """

    fingerprint: Fingerprint
    news: NDArray[np.bool_]
    untimed: int


def tables(
    frames: Frames, later: NDArray[np.bool_], awake_us: NDArray[np.int64], sleep_us: int, step_us: int
) -> Tables:
    """The tables of a bus.

    Args:
        frames: clean frames of one bus, m of them.
        later: bool (m,), the held-back part.
        awake_us: int64 (m,), time awake up to each frame.
        sleep_us: silence of the bus that counts as sleep.
        step_us: step of the log's clock.
    """
    keys, row, counts = np.unique(frames.key, return_inverse=True, return_counts=True)
    # A bus that sleeps says nothing of how long its ids stay away.
    total, end = len(frames), int(awake_us[-1])
    epoch = epochs(frames.t_us, sleep_us)
    gap, span = gaps(frames.t_us, row, epoch)
    members = np.split(np.argsort(row, kind="stable"), np.cumsum(counts)[:-1])
    habits = [habit(frames, rows, later, gap, span) for rows in members]
    insertion = broken(one.insertion_kept for one in habits)
    silence = broken(one.silence_kept for one in habits)
    columns = {name: np.zeros(len(keys), np.int64) for name in RECORD}
    payload = np.zeros((len(keys), 3, 8), np.uint8)
    news = np.zeros(total, np.bool_)
    untimed = 0
    for at, one in enumerate(habits):
        news[one.members[one.old + one.wider]] = True
        payload[at] = _payload(one.data)
        said = _payload_bits(one)
        said["dlcs"] = int(np.bitwise_or.reduce(1 << dlc_codes(frames[one.members])))
        # The silence until the end of the log is one that lasted at least so long.
        last = min(end - int(awake_us[one.members[-1]]), FOREVER_US)
        if one.gaps and one.period_us < STEPS_A_PERIOD * step_us:
            untimed += 1
        else:
            said |= _early(one, end, insertion) | _late(one, end, last, silence)
        for name, value in said.items():
            columns[name][at] = value
    first = np.array([one.members[0] for one in habits])
    closed, unknown_bits, burst = _discovery(awake_us, np.sort(awake_us[first]))
    if closed:
        since_s = awake_s(frames.t_us, epoch)
        last_s = np.array([since_s[one.members].max() for one in habits])
        columns["start_s"] = np.where(last_s < OPENING * since_s.max(), 2 * last_s + 2, 0)
    took = recent_us(frames.t_us, RECENT)
    fingerprint = Fingerprint(
        keys=keys.astype(np.uint32),
        timeout_us=np.full(len(keys), FOREVER_US, np.uint32),
        record=np.stack([np.clip(columns[name], 0, 65535) for name in RECORD], axis=1).astype(np.uint16),
        mask=payload[:, 0],
        low=payload[:, 1],
        high=payload[:, 2],
        threshold=0,
        unknown_bits=unknown_bits,
        # That an id keeps its DLCs is a habit of the whole bus, so the whole bus is the evidence.
        dlc_bits=worth(total, broken(one.dlc_kept for one in habits)),
        rate_bits=worth(total // RECENT, 0.0),
        share=min(2 * int(shares(row).max()) + 1, RECENT),
        burst=burst,
        sleep_us=sleep_us,
        hold_us=HOLD_US,
        crowd_us=max(int(CROWDED * took[took >= 0].min(initial=FOREVER_US)), 1),
        pace_us=int(np.clip(awake_us[-1] // total, 1, FOREVER_US)),
    )
    return Tables(fingerprint, news, untimed)


def _payload(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mask, low and high of (m, 8) payload bytes, uint8 (3, 8)."""
    changed = np.bitwise_and.reduce(data) ^ np.bitwise_or.reduce(data)
    return np.stack([~changed, data.min(axis=0), data.max(axis=0)])


def _payload_bits(one: Habit) -> dict[str, int]:
    """New bits and ranges come with every change of mode, in whatever id: no habit is made of their absence."""
    new = len(one.members) - one.old
    return {"payload_bits": shown(len(one.wider), new) if len(one.wider) else worth(len(one.members))}


def _early(one: Habit, end: int, insertion: float) -> dict[str, int]:
    """Columns of times that are too short.

    Where an id's clock and its frames have earned it, two gaps together that are no longer than a usual one are an
    inserted frame. Else short times are worth what the tail of those seen makes of them, and no more than so many gaps
    can say.
    """
    spans = _tail(one.span_old, one.span_new, end, upper=False)
    if one.insertion_kept:
        edge = int(bucket(np.int64(one.usual_us))) + 1
        deep = float(spans.bits(np.array([max(round(spans.edge) - edge, 0)]))[0])
        said = {"span_edge": edge, "early_base": round(deep * SIXTEENTHS), "early_slope": _slope(spans)}
        return said | {"early_most": worth(one.gaps, insertion)}
    gap = _tail(one.gap_old, one.gap_new, end, upper=False)
    return {
        "gap_edge": round(gap.edge) if one.old < SPANS_SUFFICE else 0,
        "span_edge": round(spans.edge),
        "early_base": round(min(gap.base, spans.base) * SIXTEENTHS),
        "early_slope": min(_slope(gap), _slope(spans)),
        "early_most": worth(one.gaps),
    }


def _late(one: Habit, end: int, last_us: int, silence: float) -> dict[str, int]:
    """Columns of silences that are too long; where no clock sends an id its silence means nothing."""
    late = _tail(one.gap_old, np.append(one.gap_new, last_us), end, upper=True)
    said = {
        "late_edge": round(late.edge),
        "late_slope": _slope(late),
        "late_base": round(late.base * SIXTEENTHS),
    }
    return said | {"late_most": worth(one.gaps, silence if one.silence_kept else 1.0) if one.clocked else 0}


def _slope(tail: Tail) -> int:
    return int(np.clip(round(tail.slope * 64 * SIXTEENTHS), 1, 16384))


def _tail(known_us: NDArray[np.int64], later_us: NDArray[np.int64], span_us: int, *, upper: bool) -> Tail:
    """The tail of some times, tempered so that what came later counts for no more than it was worth."""
    known, later = (bucket(times[times >= 0]) for times in (known_us, later_us))
    if len(known) < PERIODIC_GAPS:  # too rare to have a period: a Poisson process
        known = np.append(known, bucket(np.array([span_us])))
    tail = fit_tail(known, upper=upper)
    beyond = later - tail.edge if upper else tail.edge - later
    most = float(tail.bits(beyond.astype(np.int64)).max(initial=0.0))
    return tail.tempered(most, float(np.log2(len(later) + 1)) + 1)


def _discovery(awake_us: NDArray[np.int64], first_us: NDArray[np.int64]) -> tuple[bool, int, int]:
    """Whether the set of ids is closed, what an unknown id is worth, and how many new ones may come at once.

    It counts as closed if the log brought no new id after its opening. Else a new id is as likely as it was since then
    (Good 1953: new species come at the rate at which the last ones were found).
    """
    opening = awake_us[-1] * OPENING
    new = first_us[first_us > opening]
    together = np.arange(len(new)) - np.searchsorted(new, new - NOVEL_S * 1_000_000) + 1
    burst = min(2 * int(together.max(initial=0)) + NEWCOMERS, 255)
    if not len(new):
        return True, SCORE_CAP, burst
    return False, min(shown(len(new), int(np.sum(awake_us > opening))), SCORE_CAP - 1), burst
