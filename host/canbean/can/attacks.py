"""Injected attacks in any clean log, labelled: where they are placed, and what each kind is.

No knowledge of the vehicle is needed; a database names the signal of a masquerade where there is one. The buses of the result
are named as simulated. `injected.py` has the frames that are added, `masquerade.py` the payloads that are forged.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canbean.can.bus import BITRATE
from canbean.can.delays import onto_bus
from canbean.can.events import Event, from_labels
from canbean.can.frames import SIMULATED, Frames
from canbean.can.injected import MAKERS, Scene, times
from canbean.can.masquerade import WAYS, Aim, aim_at, forged, named
from canbean.can.targets import Target, target_of, targets
from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canbean.can.database import Database

KINDS = {
    "flood": "one of the two floods, drawn",
    "flood-lowest": "the identifier that wins against all others, as fast as the bus takes it",
    "flood-known": "the same with the lowest known id (or --id) and a payload that it had",
    "fuzz": "drawn ids with drawn payloads; with --id its payloads alone",
    "fuzz-id": "drawn ids with payloads that known frames had",
    "fuzz-payload": "known ids with drawn payloads, beside the true senders",
    "spoof": "a known id with one field forged, beside the true sender",
    "suspension": "a known id falls silent",
    "masquerade": "one of the four masquerades, drawn",
    "masquerade-plateau": "in a sender's place and time: one field is held where it was",
    "masquerade-ramp": "in a sender's place and time: one field drifts away from the truth",
    "masquerade-constant": "in a sender's place and time: one field has another value at once",
    "masquerade-replay": "in a sender's place and time: payloads of that id from an earlier stretch",
    "replay": "an earlier stretch of the bus (or of --id) beside the true senders",
    "replay-single": "a recorded frame at once",
    "replay-sequence": "a few recorded consecutive frames at once, in order",
    "replay-shuffled": "a few recorded consecutive frames at once, out of order",
    "diagnostic": "requests of a tester that is none: sessions, security access, routines, resets",
}
"""The kinds of attack, each in a line; their names are the labels too."""

SINGLE = tuple(kind for kind in KINDS if kind not in {"flood", "masquerade"})
"""Those that draw no other: together all that there is."""

FAMILIES = ("flood", "fuzz", "spoof", "suspension", "masquerade", "replay", "diagnostic")
"""One kind for each thing that an attacker can do."""

PAUSE_S = 10.0
"""Clean seconds between the slots of different attacks in one log, at least."""
DRAIN_US = 1_000_000
"""A flood leaves a queue that drains after its slot: that time does not count as clean."""


class Slot(NamedTuple):
    """When one attack takes place, in microseconds, and its rate a second."""

    kind: str
    start_us: int
    end_us: int
    rate: float | None

    @property
    def span(self) -> tuple[int, int]:
        """Its first and last time."""
        return self.start_us, self.end_us


@dataclass(frozen=True)
class Signal:
    """A signal that a masquerade forges: `name` is `Signal` or `Message.Signal`."""

    database: Database
    name: str


@dataclass(frozen=True)
class Means:
    """What attacks are carried out with.

    Attributes:
        id_key: the id attacked (`id | ext << 29`), or None to draw one.
        signal: what is forged, or None for what looks like a physical value.
        keep_checks: whether counters go on and known checksums are made right where payloads are forged.
        bitrate: of the bus, in bit/s.
    """

    id_key: int | None = None
    signal: Signal | None = None
    keep_checks: bool = True
    bitrate: int = BITRATE


def inject(
    frames: Frames,
    kind: str,
    *,
    seed: int,
    rate: float | Sequence[float] | None = None,
    duration_s: float | Sequence[float] = 2.0,
    every_s: float = 20.0,
    id_key: int | None = None,
    from_s: float | None = None,
    to_s: float | None = None,
    bitrate: int = BITRATE,
    signal: Signal | None = None,
    keep_checks: bool = True,
) -> tuple[Frames, list[Event]]:
    """The log with an attack in regular slots, in order of time, and the events of that attack.

    Args:
        frames: a log; labels that it has stay.
        kind: one of `KINDS`.
        seed: draws ids, payloads and times.
        rate: injected frames (of `replay-sequence` and `replay-shuffled`: sequences) a second; None is what suits the
            attack: what fills the bus, 100 (fuzz), 20 (diagnostic), the rate of the true sender (spoof), one (replays). Several
            are taken in turn, each with every duration.
        duration_s: length of one slot; several are taken in turn.
        every_s: from the start of one slot to the start of the next.
        id_key: the id attacked (`id | ext << 29`); None draws one a slot among the periodic ids.
        from_s: the first slot starts here at the earliest, in seconds from the log's first frame.
        to_s: the last slot ends here at the latest.
        bitrate: of the bus, in bit/s.
        signal: what spoof and masquerade forge, in place of any physical value.
        keep_checks: where payloads are forged, whether counters go on and a checksum that the attacker can know (the last
            byte is always the XOR, the sum or the CRC-8 SAE J1850 of the others) is made right.

    Raises:
        UsageError: an unknown kind, an id that is not in the log, times that contradict each other, a log too short for
            one slot or without a periodic id; a signal that is not there or not of this kind.
    """
    durations = _several(duration_s)
    if not all(0 < duration < every_s < np.inf for duration in durations):
        told = " or ".join(f"{duration:g}" for duration in durations)
        raise UsageError(
            f"attacks of {told} s every {every_s:g} s: a slot is longer than 0 and shorter than its turn"
        )
    rates = [None] if rate is None else _several(rate)
    rng = np.random.default_rng([0xA77, seed, zlib.crc32(_known(kind).encode())])
    start, end = _range(frames, from_s, to_s)
    lengths, turn = [round(duration * 1e6) for duration in durations], round(every_s * 1e6)
    count = (end - start) // turn
    count += (end - start) % turn >= lengths[count % len(lengths)]
    if count < 1:
        raise UsageError(
            f"{(end - start) / 1e6:.1f} s of log are too short for an attack of {durations[0]:g} s"
        )
    slots = []
    for k in range(count):
        # In the first half of what its turn leaves, so that slots stay apart; the last turn may be shorter.
        length = lengths[k % len(lengths)]
        spare = (min(turn, end - start - k * turn) - length) // 2
        begin = start + k * turn + int(rng.integers(0, spare + 1))
        slots.append(Slot(kind, begin, begin + length, rates[k // len(lengths) % len(rates)]))
    return _carry_out(frames, slots, rng, Means(id_key, signal, keep_checks, bitrate))


def inject_all(
    frames: Frames,
    kinds: Sequence[str] = FAMILIES,
    *,
    seed: int,
    duration_s: float | Sequence[float] = 2.0,
    pause_s: float = PAUSE_S,
    from_s: float | None = None,
    to_s: float | None = None,
    bitrate: int = BITRATE,
    keep_checks: bool = True,
) -> tuple[Frames, list[Event]]:
    """The log with several attacks, one after the other in drawn order, again and again over the log.

    Before each slot, and after the last, at least `pause_s` are clean. Of several durations each round has the next.

    Raises:
        UsageError: as `inject`; or the log is too short for one slot of each kind.
    """
    for kind in kinds:
        _known(kind)
    rng = np.random.default_rng([0xA11, seed])
    start, end = _range(frames, from_s, to_s)
    lengths, pause = [round(duration * 1e6) for duration in _several(duration_s)], round(pause_s * 1e6)
    if min(lengths) <= 0 or not kinds:
        raise UsageError("attacks need a kind and a duration above 0")
    longest = max(lengths)
    rounds = (end - start - pause - DRAIN_US) // (len(kinds) * (longest + pause + DRAIN_US))
    if rounds < 1:
        need = (len(kinds) * (longest + pause + DRAIN_US) + pause + DRAIN_US) / 1e6
        raise UsageError(
            f"{(end - start) / 1e6:.0f} s of log are too short for {len(kinds)} kinds of attack: {need:.0f} s"
        )
    order = [kinds[i] for _ in range(rounds) for i in rng.permutation(len(kinds))]
    turn = (end - start - pause) // len(order)
    slots = []
    for k, kind in enumerate(order):
        length = lengths[k // len(kinds) % len(lengths)]
        spare = max(turn - pause - length - DRAIN_US, 0)
        begin = start + k * turn + pause + int(rng.integers(0, spare + 1))
        slots.append(Slot(kind, begin, begin + length, None))
    return _carry_out(frames, slots, rng, Means(keep_checks=keep_checks, bitrate=bitrate))


def forges(kind: str) -> bool:
    """Whether a kind forges one field, so that a signal can be named for it."""
    return kind == "spoof" or kind.startswith("masquerade")


def _several(given: float | Sequence[float]) -> list[float]:
    several = [given] if isinstance(given, (int, float)) else list(given)
    if not several:
        raise UsageError("of several durations or rates there is at least one")
    return several


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise UsageError(f"attack {kind!r}: known are {', '.join(KINDS)}")
    return kind


def _range(frames: Frames, from_s: float | None, to_s: float | None) -> tuple[int, int]:
    """First and last time of the attacked part, in microseconds."""
    if not len(frames):
        raise UsageError("no frames to attack")
    low, high = int(frames.t_us.min()), int(frames.t_us.max())
    first = int(frames.t_us[0])
    start = low if from_s is None else max(low, first + round(from_s * 1e6))
    end = high if to_s is None else min(high, first + round(to_s * 1e6))
    if end <= start:
        raise UsageError("the part of the log to attack is empty: look at from and to")
    return start, end


def _carry_out(
    frames: Frames, slots: list[Slot], rng: np.random.Generator, means: Means
) -> tuple[Frames, list[Event]]:
    """Carry out attacks in their slots."""
    _check(slots, means)
    frames = frames.in_time_order()
    # Whoever reads the log later is told that this did not happen.
    told = (name if name.startswith(SIMULATED) else f"{SIMULATED}-{name}" for name in frames.buses)
    frames = frames.changed(buses=tuple(told))
    if not (frames.label == 0).any():
        raise UsageError("no clean frames to attack")
    victims = _Victims(frames, means)
    if not victims.periodic and any(forges(slot.kind) or slot.kind == "suspension" for slot in slots):
        raise UsageError("no id of this log is periodic enough to be attacked")
    fresh = [kind for kind in dict.fromkeys(slot.kind for slot in slots) if kind not in frames.labels]
    labels = (*frames.labels, *fresh)
    data, label = frames.data.copy(), frames.label.copy()
    keep = np.ones(len(frames), bool)
    added: list[Frames] = []
    events: list[Event] = []
    for slot in slots:
        code = labels.index(slot.kind)
        if slot.kind == "suspension":
            target = victims.draw(rng, slot.span)
            gone = target.within(frames, slot.span)
            keep[gone] = False
            if len(gone):
                events.append(Event(slot.kind, *slot.span, (target.key,), frames=False))
        elif slot.kind.startswith("masquerade"):
            rows, payloads = _masquerade(frames, slot, victims.aims, rng)
            data[rows] = payloads
            label[rows] = code
        else:
            if slot.kind == "spoof":
                new = _spoof(frames, slot, victims.aims, rng)
            else:
                scene = Scene(
                    frames, slot.span, victims.bus(rng), victims.only, slot.rate, means.bitrate, rng
                )
                new = MAKERS[slot.kind](scene)
            added.append(new.changed(label=np.full(len(new), code), labels=labels))
    changed = frames.changed(data=data, label=label, labels=labels)
    out = onto_bus(changed[keep], Frames.concat(added), means.bitrate) if added else changed[keep]
    kinds = {slot.kind for slot in slots}
    events += [event for event in from_labels(out) if event.label in kinds and _in_slots(event, slots)]
    if not events:
        raise UsageError("nothing is there to attack in the time of any slot")
    return out, sorted(events, key=lambda event: (event.start_us, event.end_us, event.label))


def _check(slots: list[Slot], means: Means) -> None:
    """Refuse rates that are none, and a signal where nothing is forged."""
    for slot in slots:
        if slot.rate is not None and not 0 < slot.rate < np.inf:
            raise UsageError(f"rate {slot.rate:g}: frames a second, above 0")
        if means.signal is not None and not forges(slot.kind):
            raise UsageError(f"attack {slot.kind!r} forges no signal: spoof and the masquerades do")
    if means.signal is not None and means.id_key is not None:
        raise UsageError("a signal or an id is attacked, not both")


class _Victims:
    """What of a log can be attacked with the given means."""

    def __init__(self, frames: Frames, means: Means) -> None:
        self._frames, self._means = frames, means
        self.only = None if means.id_key is None else target_of(frames, means.id_key)
        self.periodic = targets(frames) if self.only is None else [self.only]
        self._aims: list[Aim] | None = None

    def draw(self, rng: np.random.Generator, span: tuple[int, int]) -> Target:
        """One of the periodic ids, or the one that was named; if any is there in that time, one of these."""
        order = [self.periodic[at] for at in rng.permutation(len(self.periodic)).tolist()]
        there = (one for one in order if len(one.within(self._frames, span)))
        found: Target = next(there, order[0])
        return found

    def bus(self, rng: np.random.Generator) -> int:
        """Code of the bus of one of them; else of the bus with most clean frames."""
        if self.periodic:
            return self.periodic[int(rng.integers(len(self.periodic)))].bus
        return int(np.bincount(self._frames.bus[self._frames.label == 0]).argmax())

    @property
    def aims(self) -> list[Aim]:
        """What may be forged: the named signal; else ids with a physical value, or any where there is none."""
        if self._aims is None:
            keep_checks, signal = self._means.keep_checks, self._means.signal
            if signal is not None:
                self._aims = [named(signal.database, self._frames, signal.name, keep_checks=keep_checks)]
            else:
                every = [aim_at(self._frames, one, keep_checks=keep_checks) for one in self.periodic]
                self._aims = [aim for aim in every if aim.physical] or every
        return self._aims


def _masquerade(
    frames: Frames, slot: Slot, aims: list[Aim], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Which frames of a slot are replaced at their own times, and their payloads."""
    way = slot.kind.partition("-")[2] or str(rng.choice([*WAYS, "replay"]))

    def rows_of(aim: Aim) -> NDArray[np.int64]:
        t_us = frames.t_us[aim.rows]
        return aim.rows[(t_us >= slot.start_us) & (t_us <= slot.end_us)]

    aim, payloads = forged(frames, aims, way, rows_of, rng)
    return rows_of(aim), payloads


def _spoof(frames: Frames, slot: Slot, aims: list[Aim], rng: np.random.Generator) -> Frames:
    """Frames beside the true ones: their latest payload with one field forged."""
    way = str(rng.choice(WAYS))
    drawn: dict[int, NDArray[np.int64]] = {}

    def rows_of(aim: Aim) -> NDArray[np.int64]:
        if aim.target.key not in drawn:
            drawn[aim.target.key] = times(slot.span, slot.rate or aim.target.rate, rng)
        at = np.searchsorted(frames.t_us[aim.rows], drawn[aim.target.key], "right") - 1
        return aim.rows[np.maximum(at, 0)]

    aim, payloads = forged(frames, aims, way, rows_of, rng)
    latest = rows_of(aim)
    return frames[latest].changed(t_us=drawn[aim.target.key], data=payloads)


def _in_slots(event: Event, slots: list[Slot]) -> bool:
    """Whether the event began in one of the slots of its kind: the log may have had such labels before."""
    return any(
        slot.kind == event.label and slot.start_us <= event.start_us <= slot.end_us + 5_000_000
        for slot in slots
    )
