"""Recall and false alarms against minutes of clean log: what one more minute of recording is worth.

The bus is learned from the first m minutes of a clean log for several m. Every model is judged on the same last part of
the log, which none of them has learned from, and on the same attacked logs: the points differ in what was learned alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can import attacks
from canbean.can.frames import SIMULATED
from canbean.detect.learn import learn
from canbean.detect.replay import replay
from canbean.detect.score import ENOUGH_S, result, tally
from canbean.errors import LogError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from canbean.can.events import Event
    from canbean.can.frames import Frames

MINUTES = (0.5, 1.0, 2.0, 5.0, 10.0)
"""How much clean log is tried where nothing else is asked for."""

DURATION_S, EVERY_S = 2.0, 20.0
"""Length of an injected attack, and from one to the next of its kind."""

RUN, SAME_DRIVE = 32, 0.1
"""A log of which this share of the runs of so many frames was learned is the same drive."""


@dataclass(frozen=True)
class Attacked:
    """A log with attacks.

    Attributes:
        frames: the frames to score, labelled where its attacks add frames.
        events: rows for attacks that remove frames, or None.
    """

    frames: Frames
    events: Sequence[Event] | None = None


@dataclass(frozen=True)
class Split:
    """Which lengths a clean log has room for, and the part behind the longest of them.

    Attributes:
        minutes: what is learned from, ascending.
        left_out: what the log is too short for, ascending.
        held_out: the clean frames that no length learns from.
        from_s: where they begin, in seconds after the log's first frame.
    """

    minutes: tuple[float, ...]
    left_out: tuple[float, ...]
    held_out: Frames
    from_s: float


def split(clean: Frames, minutes: Sequence[float]) -> Split:
    """Hold out what lies behind the longest of the lengths that leaves a rate to be measured (60 s).

    Args:
        clean: the clean log.
        minutes: lengths to learn from, above 0, in any order.

    Raises:
        UsageError: no lengths, or one that is no number of minutes.
        LogError: the log has room for none of them.
    """
    if not minutes or not all(0 < m < 1e6 for m in minutes):
        raise UsageError("minutes: give lengths of clean log above 0, such as 0.5,1,2,5,10")
    ordered = tuple(sorted(set(minutes)))
    first = int(clean.t_us[0]) if len(clean) else 0
    span_s = (int(clean.t_us.max()) - first) / 1e6 if len(clean) else 0.0
    fits = tuple(m for m in ordered if span_s - 60 * m >= ENOUGH_S)
    if not fits:
        raise LogError(
            f"the clean log has {span_s:.1f} s: to learn from {ordered[0]:g} min and to hold out {ENOUGH_S:g} s "
            f"takes {60 * ordered[0] + ENOUGH_S:g} s; record more, or give shorter --minutes"
        )
    from_s = 60 * fits[-1]
    return Split(fits, ordered[len(fits) :], clean.between(from_s, None), from_s)


def injected(held_out: Frames, seed: int) -> list[Attacked]:
    """The held-out part with simulated attacks of each kind, one log a kind, 2 s of attack every 20 s.

    Kinds that find nothing to attack are left out.

    Raises:
        UsageError: every kind is.
    """
    made = []
    refused: UsageError | None = None
    for kind in attacks.SINGLE:
        try:
            made.append(
                Attacked(*attacks.inject(held_out, kind, seed=seed, duration_s=DURATION_S, every_s=EVERY_S))
            )
        except UsageError as error:
            refused = error
    if refused is not None and not made:
        raise refused
    return made


def learned_share(learned: Frames, scored: Frames) -> float:
    """The share of a log's runs of 32 frames (without those that carry a label) that are in the learned log too.

    Ids and bytes are compared and no times: attacks that were injected into a recording delay what follows.
    """
    known, asked = (_runs(frames) for frames in (learned, scored[scored.label == 0]))
    return float(np.isin(asked, known).mean()) if len(asked) else 0.0


def _runs(frames: Frames) -> NDArray[np.uint64]:
    """One number for each run of `RUN` frames, uint64 (n - RUN + 1,): equal runs have equal ones."""
    payload = np.ascontiguousarray(frames.data[:, :8]).view("<u8")[:, 0]
    # Odd multipliers with well mixed bits; products wrap.
    one = (frames.key.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    one ^= payload.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    one ^= one >> np.uint64(29)
    count = max(len(one) - RUN + 1, 0)
    run = np.zeros(count, np.uint64)
    for k in range(RUN):
        run = run * np.uint64(0x165667B19E3779F9) + one[k : k + count]
    return run


def point(
    clean: Frames,
    minutes: float,
    held_out: Frames,
    attacked: Sequence[Attacked],
    *,
    per_hour: float = 1.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Learn from the first minutes of a clean log and score.

    Args:
        clean: the clean log.
        minutes: how much of it is learned.
        held_out: clean frames that were not learned.
        attacked: logs with attacks; those of several logs with one label count together.
        per_hour: the budget, false alerts an hour.
        seed: of the shifts behind `skill`.

    Returns:
        `minutes threshold_bits shown_per_hour_upper95`, the false alerts and episodes on the held-out part with their
        rates and exact 95 % upper bounds, and `attacks`: label to `events detected recall skill`.

    Raises:
        LogError: so much of the log is too little to learn from, or not clean.
    """
    known = learn([clean.between(None, 60 * minutes)], per_hour=per_hour)
    quiet = result([tally(held_out, replay(known.gateway, held_out).alerts, seed=seed)])
    tallies = [
        tally(log.frames, replay(known.gateway, log.frames).alerts, events=log.events, seed=seed)
        for log in attacked
    ]
    found = result(tallies)["attacks"]
    names = [
        f"false_{what}{unit}"
        for what in ("alerts", "episodes")
        for unit in ("", "_per_hour", "_per_hour_upper95")
    ]
    return {
        "minutes": minutes,
        "threshold_bits": known.calibration["threshold_bits"],
        "shown_per_hour_upper95": known.calibration["shown_per_hour_upper95"],
        **{name: quiet[name] for name in names},
        "attacks": {
            label: {name: attack[name] for name in ("events", "detected", "recall", "skill")}
            for label, attack in found.items()
        },
    }


def curve(
    clean: Frames,
    labelled: Sequence[Attacked] = (),
    *,
    minutes: Sequence[float] = MINUTES,
    per_hour: float = 1.0,
    seed: int = 0,
    step: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Recall and false alarms against minutes of clean log.

    Args:
        clean: clean frames of one bus.
        labelled: logs with attacks; with none, simulated attacks are injected into the held-out part.
        minutes: lengths to learn from; those that the log has no room for are left out.
        per_hour: the budget, false alerts an hour.
        seed: of the injected attacks, and of the shifts behind `skill`.
        step: called after each length.

    Returns:
        `data` (`simulated` where the attacks are, even if the clean log was recorded), `attacks_from` (`injected` or
        `labelled`), `budget_per_hour`, `held_out_s`, `held_out_from_s`, `left_out` (lengths with the reason),
        `same_drive` (positions of the labelled logs whose frames were learned), `points` (see `point`).

    Raises:
        UsageError: as `split` and `injected`.
        LogError: as `split`; or there is no length that can be learned from.
    """
    parts = split(clean, minutes)
    attacked = list(labelled) or injected(parts.held_out, seed)
    learned = clean.between(None, parts.from_s)
    same = [n for n, log in enumerate(labelled) if learned_share(learned, log.frames) > SAME_DRIVE]
    left_out = [
        {"minutes": m, "reason": f"leaves less than {ENOUGH_S:g} s of the clean log to hold out"}
        for m in parts.left_out
    ]
    points, refused = [], None
    for m in parts.minutes:
        try:
            points.append(point(clean, m, parts.held_out, attacked, per_hour=per_hour, seed=seed))
        except LogError as error:
            refused = error
            left_out.append({"minutes": m, "reason": str(error)})
        if step is not None:
            step()
    if refused is not None and not points:
        raise refused
    return {
        "data": SIMULATED
        if any(f.simulated for f in (clean, *(log.frames for log in attacked)))
        else "recorded",
        "attacks_from": "labelled" if labelled else "injected",
        "budget_per_hour": per_hour,
        "held_out_s": round(parts.held_out.span_s, 3),
        "held_out_from_s": parts.from_s,
        "left_out": sorted(left_out, key=lambda entry: float(entry["minutes"])),
        "same_drive": same,
        "points": points,
    }
