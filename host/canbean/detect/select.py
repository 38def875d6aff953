"""The laptop's choice: which detectors join the fingerprint, by what they find of injected attacks within the same budget.

What the held-back traffic shows that the fingerprint does not need of the budget of false alerts (`own_share` of the
calibration), the detectors of windows share out evenly.
Attacks are injected into the held-back part of the clean log (`trials`), and never come from a log that is scored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.detect import board_cost, detectors
from canbean.detect.choose import FIRST, Limits, Outcome, choose, too_much
from canbean.detect.fingerprint import SCORE_CAP
from canbean.detect.matching import marks, match, one_alert_each
from canbean.detect.model import sections
from canbean.detect.replay import replay
from canbean.detect.score import episodes, tally
from canbean.detect.trials import trials
from canbean.detect.truth import truth
from canbean.detect.windows import LEARNED_SHARE
from canbean.errors import CanbeanError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from canbean.detect.alerts import Alert
    from canbean.detect.gateway import Gateway
    from canbean.detect.learn import Learned
    from canbean.detect.truth import Truth
    from canbean.detect.windows import Clean, Detector

CHECKS = "checks"
"""Checks of payloads, as the choice names them: part of the fingerprint's score."""
GROUND_S = 120.0
"""The last so many seconds of the held-back log are attacked."""
MORE_S = 500.0
"""Seconds of clean log that are enough for each detector to be learned and tried, on a bus that suits it."""
PER_HOUR = 1.0
"""The budget that a detector's own gate keeps as it was learned."""


@dataclass(frozen=True)
class Selected:
    """What was chosen.

    Attributes:
        learned: with the detectors that were kept.
        table: a row a candidate, as `choose.Choice.table`; empty where they were named.
        left_out: kinds of trial that the held-back log had no room or target for, with the reason.
    """

    learned: Learned
    table: list[dict[str, Any]]
    left_out: dict[str, str]


def known() -> list[str]:
    """Names that can be chosen, the fingerprint first."""
    return [FIRST, CHECKS, *detectors.names()]


def select(
    learned: Learned,
    names: Sequence[str] | None = None,
    *,
    limits: Limits | None = None,
    seed: int = 0,
    step: Callable[[str], None] = lambda _: None,
) -> Selected:
    """Choose detectors, or learn those that are named.

    Args:
        learned: a fingerprint with its checks, and the clean traffic it was learned from.
        names: detectors to keep; None leaves the choice to the trials.
        limits: what the board has.
        seed: of what detectors draw, and of the injected attacks.
        step: called with a few words before each step.

    Raises:
        UsageError: a name is not known, or that detector learns nothing from so much log.
    """
    wanted = known() if names is None else [FIRST, *(name for name in names if name != FIRST)]
    unknown = [name for name in wanted if name not in known()]
    if unknown or len(set(wanted)) < len(wanted):
        raise UsageError(f"detectors {', '.join(wanted)}: each once, known are {', '.join(known())}")
    calibration = learned.calibration
    per_hour = (1 - float(calibration["own_share"])) * float(calibration["budget_per_hour"])
    found: dict[str, Detector] = {}
    refused: dict[str, str] = {}
    for name in wanted:
        if name in (FIRST, CHECKS):
            continue
        step(f"learning {name}")
        clean = replace(learned.clean, seed=seed)
        try:
            one = detectors.module(name).learn(clean)
            if one is None:
                refused[name] = _nothing(name, clean, alone=names is not None)
            elif names is None and (reason := _loud(name, clean, per_hour)):
                refused[name] = reason
            else:
                found[name] = one
        except CanbeanError as error:
            refused[name] = str(error)
    if learned.gateway.checks is None and CHECKS in wanted:
        refused[CHECKS] = "no payload obeys anything that could be checked"
    if names is not None and refused:
        raise UsageError("; ".join(f"detector {name}: {why}" for name, why in refused.items()))
    if names is not None:
        chosen, table, left_out = tuple(wanted), [], {}
    else:
        step("injecting attacks into the held-back log")
        judge = _Judge.of(learned, found, per_hour, seed, romfs=limits is not None and limits.romfs)
        # Counters and checksums are what an id always does: they stay wherever they fit, whatever the trials break.
        kept = () if CHECKS in refused else (CHECKS,)
        if kept and (reason := too_much(judge((FIRST, CHECKS)), limits or Limits())):
            kept, refused[CHECKS] = (), reason
        choice = choose([FIRST, *found], lambda names: judge((*names, *kept)), limits=limits)
        chosen, left_out = (*choice.names, *kept), judge.left_out
        table = [*choice.table, *(_unasked(name, why) for name, why in refused.items())]
        if kept:
            table.insert(1, _unasked(CHECKS, "part of the fingerprint", kept=True))
    gateway = gateway_of(learned.gateway, found, chosen, per_hour)
    return Selected(replace(learned, gateway=gateway), table, left_out)


def _nothing(name: str, clean: Clean, *, alone: bool) -> str:
    """Why a detector learned nothing from all of the clean log, and how much of it may do."""
    return _too_short(name, clean, alone=alone) or _more("finds nothing regular enough to judge by", clean)


def _more(why: str, clean: Clean) -> str:
    """The reason, with the length of the log, and whether a longer one may help."""
    said = f"{why} in {clean.awake_s:.0f} s of clean log"
    return f"{said}: {MORE_S:.0f} s or more may do" if clean.awake_s < MORE_S else said


def _too_short(name: str, clean: Clean, *, alone: bool = False) -> str:
    """That a detector needs a longer clean log, or nothing; where it is chosen, its trial learns from the earlier part alone."""
    needs = getattr(detectors.module(name), "NEEDS_S", 0.0) / (1 if alone else LEARNED_SHARE)
    if clean.awake_s >= needs:
        return ""
    return f"needs more than {needs:.0f} s of clean log in which the bus is awake, and this has {clean.awake_s:.0f} s"


def _loud(name: str, clean: Clean, per_hour: float) -> str | None:
    """Why a detector cannot be trusted, or nothing: what the earlier part alone teaches must keep quiet on the part it never saw."""
    early = detectors.module(name).learn(clean.earlier())
    if early is None:
        return _too_short(name, clean) or _more(
            "cannot be learned from one part and tried on the other,", clean
        )
    traffic = clean.held_back()
    judged = early.judge(traffic)
    opens = shared(early, per_hour).gate.opens(judged.bits, traffic.epoch[judged.at])
    # One alarm and what it drags along is one surprise, as an episode is one thing to look at.
    times = traffic.frames.t_us[judged.at[opens]]
    raised, allowed = episodes(times), _allowed(per_hour * clean.later_hours)
    if raised > allowed:
        return (
            f"learned from the earlier part it raised {raised} false episodes on the rest, {allowed} allowed"
        )
    return None


def gateway_of(base: Gateway, found: dict[str, Detector], names: Sequence[str], per_hour: float) -> Gateway:
    """The gateway with these detectors, in the order of their tags; those of windows share `per_hour` false alerts."""
    windows = [name for name in names if name in found]
    each = per_hour / max(len(windows), 1)
    kept = {name: shared(found[name], each) for name in windows}
    ordered = dict(sorted(kept.items(), key=lambda one: str(detectors.module(one[0]).TAG)))
    return replace(base, checks=base.checks if CHECKS in names else None, detectors=ordered)


def shared(detector: Detector, per_hour: float) -> Detector:
    """The detector behind a gate for this share of the budget: half as many false alerts ask for a bit more."""
    more = 16 * np.log2(PER_HOUR / per_hour)
    threshold = int(np.clip(np.ceil(detector.gate.threshold + more), 1, SCORE_CAP))
    return detector.gated(replace(detector.gate, threshold=threshold))


def _unasked(name: str, why: str, *, kept: bool = False) -> dict[str, Any]:
    """The row of a part that the trials were not asked about."""
    numbers = dict.fromkeys(("added_recall", "added_events", "bytes", "ram_bytes", "board_us_per_frame"))
    return {"detector": name, "kept": kept, **numbers, "reason": why}


@dataclass(frozen=True)
class _Judge:
    """What sets of detectors find: each part's alerts are raised once, as they do not depend on the others.

    They may raise as many false alerts as the budget has for so much log, beside those of the fingerprint.
    """

    base: Gateway
    found: dict[str, Detector]
    per_hour: float
    allowed: int
    truths: dict[str, Truth]
    alerts: dict[tuple[str, str], list[Alert]]
    left_out: dict[str, str]
    romfs: bool

    @classmethod
    def of(
        cls, learned: Learned, found: dict[str, Detector], per_hour: float, seed: int, *, romfs: bool
    ) -> _Judge:
        clean = learned.clean
        held_back = clean.traffic.frames[clean.later]
        end_s = held_back.span_s
        made, left_out = trials(held_back.between(max(end_s - GROUND_S, 0.0), None), seed)
        # The held-back log itself, by the name "", and the trials: what is raised after an attack is false too.
        logs = (("", held_back, None), *((one.kind, one.frames, one.silent) for one in made))
        truths = {kind: truth(frames, silent) for kind, frames, silent in logs}
        alerts: dict[tuple[str, str], list[Alert]] = {}
        whole = gateway_of(learned.gateway, found, [CHECKS, *found], per_hour)
        for kind, frames, _ in logs:
            alerts[kind, FIRST] = replay(replace(whole, checks=None, detectors={}), frames).alerts
            every = replay(whole, frames).alerts
            alerts[kind, CHECKS] = [one for one in every if one.detector == FIRST]
            for name in found:
                alerts[kind, name] = [one for one in every if one.detector == name]
        hours = sum(tally(frames, (), events=silent).clean_us for _, frames, silent in logs) / 3.6e9
        allowed = _allowed(float(learned.calibration["budget_per_hour"]) * hours)
        judge = cls(learned.gateway, found, per_hour, 0, truths, alerts, left_out, romfs)
        return replace(judge, allowed=allowed + judge((FIRST,)).false_alerts)

    def __call__(self, names: tuple[str, ...]) -> Outcome:
        # Checks are part of the fingerprint's score: with them its alerts are others.
        parts = [name for name in names if name != FIRST] if CHECKS in names else names
        counts: dict[str, tuple[int, int]] = {}
        false_alerts = 0
        for kind, there in self.truths.items():
            columns, discounted = marks([alert for name in parts for alert in self.alerts[kind, name]])
            found = match(there, columns, discounted)
            false_alerts += len(one_alert_each(columns[~found.inside]))
            if kind:
                counts[kind] = (int(np.isfinite(found.delay_us).sum()), len(there))
        gateway = gateway_of(self.base, self.found, names, self.per_hour)
        return Outcome(
            found=counts,
            false_alerts=false_alerts,
            allowed_alerts=self.allowed,
            model_bytes=sum(map(len, sections(gateway).values())),
            ram_bytes=board_cost.ram_bytes(gateway, romfs=self.romfs),
            us_per_frame=board_cost.us_per_frame(gateway),
        )


def _allowed(expected: float) -> int:
    """The most alerts that a Poisson process of so many expected ones stays within 95 times of 100."""
    from scipy.stats import poisson  # noqa: PLC0415 - slow to import

    return int(poisson.ppf(0.95, expected))
