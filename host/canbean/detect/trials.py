"""Attacks that `can learn` injects into held-back clean log to choose detectors by.

They are drawn in other ways than `can.attacks`, whose attacks score and bench what was learned: a detector that was chosen for one
generator's habits would look better there than it is. Slots are placed by frames and not by time; added frames take the
idle gaps of the bus; payloads are old or turned bits, drifts add to the truth.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canbean.can.events import from_labels
from canbean.can.frames import ERR, RTR, SIMULATED
from canbean.detect import trial_added as added
from canbean.detect import trial_forged as forged
from canbean.detect.trial_ground import Bus, Ground, NoTargetError, slots_of
from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from canbean.can.events import Event
    from canbean.can.frames import Frames
    from canbean.detect.trial_ground import Made

SHORTEST_S = 15.0
"""A log shorter than this has no room for trials."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One kind of attack in a clean log.

    Attributes:
        kind: one of `KINDS`; the label of its frames.
        frames: the log with the attacks, labelled where they add or change frames.
        events: all of its events; those without frames of their own are to be given to the score.
    """

    kind: str
    frames: Frames
    events: list[Event]

    @property
    def silent(self) -> list[Event]:
        """The events that no frame carries the label of."""
        return [event for event in self.events if not event.frames]


def trials(frames: Frames, seed: int) -> tuple[list[Trial], dict[str, str]]:
    """One trial of each kind that a clean log has room and a target for.

    Args:
        frames: clean frames of one bus, from about 20 s on.
        seed: the same seed gives the same trials.

    Returns:
        The trials, in the order of `KINDS`, and of each kind that is left out the reason.

    Raises:
        UsageError: the frames are of several buses.
    """
    if len(np.unique(frames.bus)) > 1:
        raise UsageError("trials are for one bus: choose one of the log's")
    frames = frames[(frames.flags & (RTR | ERR)) == 0].in_time_order().relabelled("")
    # Whoever meets them is told that this did not happen.
    names = (name if name.startswith(SIMULATED) else f"{SIMULATED}-{name}" for name in frames.buses)
    frames = frames.changed(buses=tuple(names))
    if frames.span_s < SHORTEST_S:
        short = f"{frames.span_s:.1f} s of held-back log are too short: {SHORTEST_S:g} s are needed"
        return [], dict.fromkeys(KINDS, short)
    made: list[Trial] = []
    left_out: dict[str, str] = {}
    bus = Bus(frames)
    for kind, plan in KINDS.items():
        rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), 0x7121])
        slots = slots_of(frames, rng, plan.every_s, plan.lasts_s)
        try:
            out, silent = plan.attack(Ground(bus, slots, rng), kind)
        except NoTargetError as reason:
            left_out[kind] = str(reason)
            continue
        events = sorted([*from_labels(out), *silent], key=lambda event: event.start_us)
        if events:
            made.append(Trial(kind, out, events))
        else:
            left_out[kind] = "no slot of the log has a target"
    return made, left_out


class Plan(NamedTuple):
    """How one kind is carried out.

    Attributes:
        attack: makes the log and the events that remove frames, from a ground and the name of the kind.
        every_s: seconds of log for each slot, about.
        lasts_s: the shortest and the longest slot.
    """

    attack: Callable[[Ground, str], Made]
    every_s: float
    lasts_s: tuple[float, float]


BURST, LIE, TAKEN = (5.0, (0.3, 1.5)), (10.0, (1.5, 5.0)), (30.0, (6.0, 9.0))

KINDS = {
    "flood": Plan(added.flood, *BURST),
    "unknown": Plan(added.unknown, *BURST),
    "payload": Plan(added.payload, *BURST),
    "spoof": Plan(added.spoof, *BURST),
    "suspension": Plan(forged.suspension, *BURST),
    "plateau": Plan(forged.plateau, *LIE),
    "ramp": Plan(forged.ramp, *LIE),
    "replayed-payload": Plan(forged.replayed_payload, *LIE),
    "sender": Plan(forged.sender, *TAKEN),
    "replay": Plan(added.replay, *BURST),
    "diagnostic": Plan(added.diagnostic, *BURST),
}
"""The kinds of trial; lies last longer, since they are told by what goes together, and what only a clock can tell longest."""
