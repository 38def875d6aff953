"""Learn a fingerprint from clean traffic, and its threshold from a false-alarm budget.

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
from canbean.detect.check_judge import VALUES_MOST
from canbean.detect.check_learn import learn_held_back
from canbean.detect.fingerprint import (
    FOREVER_US,
    REMOTE_OR_ERROR,
    Fingerprint,
    epochs,
    rows_of,
)
from canbean.detect.gateway import Gateway, scored
from canbean.detect.habits import SIXTEENTHS
from canbean.detect.replay import replay
from canbean.detect.score import garwood95
from canbean.detect.tables import Tables, tables
from canbean.detect.tails import excess, threshold
from canbean.detect.windows import LEARNED_SHARE, Clean, Traffic
from canbean.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canbean.detect.checks import Checks

MINIMUM_S = 20
MINIMUM_FRAMES = 1000
ASLEEP = 100  # times the longest usual gap of the bus
IDS_MOST = 4096
FINGERPRINT_BYTES = 6144  # fingerprint and checks of 100 ids
CHECK_BYTES = 600
OWN_LEAST = 1 / 16  # of the budget for the fingerprint, and for the detectors of windows
PEAK_US = 1_000_000  # surprises of one id within a second are one peak, as alerts within a second are one
PATIENCE = 4
"""Times the usual longest gap of an id in which it is not missing."""
BUDGETS = (1000.0, 100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.01)
"""Alerts an hour for which the calibration holds a threshold, so that a model can be tuned without the log."""


@dataclass(frozen=True)
class Learned:
    """What a gateway knows, how it was calibrated (plain values, ready for META), and from what.

    Attributes:
        gateway: fingerprint and checks.
        calibration: how thresholds came about.
        clean: the clean traffic, for further detectors (`select`).
    """

    gateway: Gateway
    calibration: dict[str, Any]
    clean: Clean

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint of the gateway."""
        return self.gateway.fingerprint


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
    learned = tables(frames, later, awake, sleep_us, step_us)
    keys = learned.fingerprint.keys
    row = rows_of(keys, frames.key)
    epoch = epochs(frames.t_us, sleep_us)
    spare = FINGERPRINT_BYTES - len(learned.fingerprint.to_bytes())
    checked = learn_held_back(frames, row, later, keys, int(np.clip(spare, 0, CHECK_BYTES)), epoch=epoch)
    surprising = _surprising(learned, checked.early, frames, later)
    count = int(later.sum())
    more = excess(surprising / SIXTEENTHS, count)
    limit = threshold(count / hours, per_hour, more)
    fingerprint = alarm_at(learned.fingerprint, limit)
    # Counted with what the earlier part alone taught, and at the same threshold: the held-back part is news to it.
    before = ~later
    inner = awake[before] >= LEARNED_SHARE * awake[before][-1]
    earlier = tables(frames[before], inner, awake[before], sleep_us, step_us)
    raised = len(replay(Gateway(alarm_at(earlier.fingerprint, limit)), frames[later]).alerts)
    shown = garwood95(raised, hours)
    calibration = {
        "budget_per_hour": per_hour,
        "clean_s": round(float(awake[-1]) / 1e6, 3),
        "held_back_s": round(hours * 3600, 1),
        "held_back_alerts": raised,
        "own_share": _own_share(surprising, count),
        "threshold_bits": limit / SIXTEENTHS,
        # What the held-back part shows at 95 %: 3 / T hours if it raised no alert.
        "shown_per_hour_upper95": float(np.ceil(10 * shown) / 10),
        "budget_verified": bool(shown <= per_hour),
        "unknown_ids_alert": fingerprint.unknown_bits >= limit,
        "clock_step_us": step_us,
        "ids_without_timing": learned.untimed,
        "checksums_left_out": checked.left_out,
        "curve": {
            "fingerprint": [[rate, threshold(count / hours, rate, more) / SIXTEENTHS] for rate in BUDGETS]
        },
    }
    traffic = Traffic(frames, row, epoch, keys)
    gateway = Gateway(fingerprint, checked.checks if len(checked.checks) else None)
    return Learned(gateway, calibration, Clean(traffic, later, hours))


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


def _surprising(
    learned: Tables, early: Checks, frames: Frames, later: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Surprises of the held-back part above 0, one for each id and second, the highest first.

    The tables know its payloads: what was new in them then (`news`) counts as a breach each time. Of the checks those
    are asked that the earlier part alone gave.
    """
    fingerprint, held_back, news = learned.fingerprint, frames[later], learned.news[later]
    scores = scored(Gateway(fingerprint, early if len(early) else None), held_back)
    said = scores.said
    bits = scores.bits + np.where(news, fingerprint.column("payload_bits")[said.slot], 0)
    second = (held_back.t_us - held_back.t_us.min()) // PEAK_US
    _, which = np.unique(said.slot << 40 | second, return_inverse=True)
    peaks = np.zeros(which.max() + 1, np.int64)
    np.maximum.at(peaks, which, bits)
    return np.sort(peaks[peaks > 0])[::-1]


def _own_share(surprising: NDArray[np.int64], frames: int) -> float:
    """The share of its budget that the fingerprint can be seen to need: detectors of windows share the rest.

    How often the held-back part is more surprising than values alone may be, against how often bits promise it to be.
    """
    seen = float(np.sum(surprising > VALUES_MOST)) + 0.5
    promised = frames * 2.0 ** (-VALUES_MOST / SIXTEENTHS)
    return float(np.clip(seen / promised, OWN_LEAST, 1 - OWN_LEAST))


def alarm_at(fingerprint: Fingerprint, threshold: int) -> Fingerprint:
    """The fingerprint with this threshold, and for each id how long a silence reaches it.

    Args:
        fingerprint: with whatever threshold and silences.
        threshold: sixteenths of a bit.
    """
    column = fingerprint.column
    octaves = np.maximum(threshold - column("late_base"), 0) / np.maximum(column("late_slope"), 1)
    edge = (column("late_edge") + 1) / 64
    late = np.maximum(np.exp2(np.minimum(edge + octaves, 31)), PATIENCE * np.exp2(edge))
    timeout = np.where(column("late_most") >= threshold, np.minimum(late, FOREVER_US), FOREVER_US)
    return replace(fingerprint, threshold=threshold, timeout_us=timeout.astype(np.uint32))
