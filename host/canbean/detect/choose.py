"""Which detectors a board gets: each must earn its bytes in attacks found at the same budget.

Greedy forward selection: begin with `fingerprint`, add the detector that adds most mean event recall over the kinds of trial, go on
until none adds enough. One that breaks the false-alarm budget on the held-back clean log, or does not fit the board, is not kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FIRST = "fingerprint"
LEAST_RECALL = 0.005
"""Mean event recall that a detector must add."""
LEAST_EVENTS = 1
"""Events that it must add."""


@dataclass(frozen=True)
class Limits:
    """What a board has for a model; None is no limit.

    Attributes:
        model_bytes: of the model file.
        ram_bytes: of the detectors at run time.
        us_per_frame: time for a frame.
        romfs: whether `ram_bytes` is for a board whose firmware lies in a ROMFS.
    """

    model_bytes: int | None = None
    ram_bytes: int | None = None
    us_per_frame: float | None = None
    romfs: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a set of detectors, calibrated together to the budget, does.

    Attributes:
        found: kind of trial to (events detected, events).
        false_alerts: alerts on the held-back clean log.
        allowed_alerts: as many as the budget has for so much log.
        model_bytes, ram_bytes, us_per_frame: what it takes, as in `Limits`.
    """

    found: Mapping[str, tuple[int, int]]
    false_alerts: int
    allowed_alerts: int
    model_bytes: int
    ram_bytes: int
    us_per_frame: float

    @property
    def recall(self) -> float:
        """Mean over the kinds of the share of events that was detected; 0 without events."""
        shares = [detected / events for detected, events in self.found.values() if events]
        return sum(shares) / len(shares) if shares else 0.0

    @property
    def detected(self) -> int:
        """Events detected, of all kinds."""
        return sum(detected for detected, _ in self.found.values())


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        names: the detectors, in the order in which they were added.
        outcome: what they do together.
        table: a row a candidate, the kept ones first in the order in which they were added, with `detector kept added_recall
            added_events bytes ram_bytes board_us_per_frame reason`; of what is not kept they say what it would add to those that are.
    """

    names: tuple[str, ...]
    outcome: Outcome
    table: tuple[dict[str, Any], ...]


@dataclass
class _Search:
    """The sets that were evaluated: each once."""

    evaluate: Callable[[tuple[str, ...]], Outcome]
    order: tuple[str, ...]
    known: dict[tuple[str, ...], Outcome] = field(default_factory=dict)

    def __call__(self, names: Sequence[str]) -> Outcome:
        chosen = tuple(name for name in self.order if name in names)
        if chosen not in self.known:
            self.known[chosen] = self.evaluate(chosen)
        return self.known[chosen]


def choose(
    candidates: Sequence[str],
    evaluate: Callable[[tuple[str, ...]], Outcome],
    *,
    limits: Limits | None = None,
    first: str = FIRST,
    least_recall: float = LEAST_RECALL,
    least_events: int = LEAST_EVENTS,
) -> Choice:
    """Choose detectors by what each adds.

    Args:
        candidates: names, `first` among them; of two that add the same the earlier is taken.
        evaluate: what a set of them does, its names in the order of `candidates`; called once a set, at most
            n (n + 1) / 2 times for n candidates.
        limits: of the board.
        first: kept whatever it does: the others are judged beside it.
        least_recall: mean event recall that a detector must add.
        least_events: events that it must add.

    Raises:
        UsageError: `first` is not among the candidates, or one is there twice.
    """
    if first not in candidates:
        raise UsageError(f"detectors {', '.join(candidates)}: {first} must be among them")
    if len(set(candidates)) < len(candidates):
        raise UsageError(f"detectors {', '.join(candidates)}: each is named once")
    limits = limits or Limits()
    ask = _Search(evaluate, tuple(candidates))
    names = [first]
    outcome = ask(names)
    rows = [_row(first, None, outcome, kept=True, reason=too_much(outcome, limits) or "always kept")]
    left = [name for name in candidates if name != first]
    while left:
        offers = [(name, ask([*names, name])) for name in left]
        good = [
            (name, offer)
            for name, offer in offers
            if _refusal(outcome, offer, limits, least_recall, least_events) is None
        ]
        if not good:
            break
        # The earlier of those that add the same: max takes the first.
        name, offer = max(good, key=lambda one: one[1].recall)
        rows.append(_row(name, outcome, offer, kept=True, reason=_adds(outcome, offer)))
        names.append(name)
        left.remove(name)
        outcome = offer
    for name in left:
        offer = ask([*names, name])
        reason = _refusal(outcome, offer, limits, least_recall, least_events)
        rows.append(_row(name, outcome, offer, kept=False, reason=reason or ""))
    return Choice(tuple(names), outcome, tuple(rows))


def _refusal(
    before: Outcome, after: Outcome, limits: Limits, least_recall: float, least_events: int
) -> str | None:
    """Why a detector is not kept, or None if it is."""
    reason = too_much(after, limits)
    if reason is None and after.false_alerts > after.allowed_alerts:
        reason = (
            f"breaks the budget: {_count(after.false_alerts, 'alert')} on the held-back clean log, "
            f"{after.allowed_alerts} allowed"
        )
    # Sums of shares do not come out even.
    enough = after.recall - before.recall >= least_recall - 1e-9
    if reason is None and not (enough and after.detected - before.detected >= least_events):
        reason = f"{_adds(before, after)}: too little"
    return reason


def too_much(outcome: Outcome, limits: Limits) -> str | None:
    """What the board has too little of, or None."""
    for needed, limit, what in (
        (outcome.model_bytes, limits.model_bytes, "bytes of model"),
        (outcome.ram_bytes, limits.ram_bytes, "bytes of RAM"),
        (outcome.us_per_frame, limits.us_per_frame, "us a frame"),
    ):
        if limit is not None and needed > limit:
            return f"too big for the board: {needed:,.0f} {what} of {limit:,.0f}"
    return None


def _adds(before: Outcome, after: Outcome) -> str:
    """What a detector adds, in words."""
    events = after.detected - before.detected
    recall = 100 * (after.recall - before.recall)
    return f"adds {recall:.1f} points of recall, {_count(events, 'event')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _row(name: str, before: Outcome | None, after: Outcome, *, kept: bool, reason: str) -> dict[str, Any]:
    """One row of the table: what a detector adds to those before it."""
    return {
        "detector": name,
        "kept": kept,
        "added_recall": round(after.recall - (before.recall if before else 0.0), 6),
        "added_events": after.detected - (before.detected if before else 0),
        "bytes": after.model_bytes - (before.model_bytes if before else 0),
        "ram_bytes": after.ram_bytes - (before.ram_bytes if before else 0),
        "board_us_per_frame": round(after.us_per_frame - (before.us_per_frame if before else 0.0), 3),
        "reason": reason,
    }
