"""Injected attacks: flood, fuzz, spoof, suspension, masquerade and replay in any clean log, labelled.

No DBC and no knowledge of the vehicle is used. The buses of the result are named as simulated. The times of a log are taken as the ends of its frames. An injected frame
delays what follows on its bus by its own length, until a pause makes up for it, so frames do not overlap more than they did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.bus import BITRATE, frame_us
from canbean.can.events import Event, from_labels
from canbean.can.frames import FD, SIMULATED, Frames, key_text
from canbean.can.targets import Target, changing_field, target_of, targets
from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

KINDS = ("flood", "fuzz", "spoof", "suspension", "masquerade", "replay")
"""Names of the attacks; they are the labels too."""

FUZZ_RATE = 100.0
FULL = 0.95
"""Share of the bus's time that a flood fills, together with what else is on the bus."""
PAUSE_S = 10.0
"""Clean seconds between the slots of different attacks in one log, at least."""

Slot = tuple[int, int]


def inject(
    frames: Frames,
    kind: str,
    *,
    seed: int,
    rate: float | None = None,
    duration_s: float = 2.0,
    every_s: float = 20.0,
    id_key: int | None = None,
    from_s: float | None = None,
    to_s: float | None = None,
    bitrate: int = BITRATE,
) -> tuple[Frames, list[Event]]:
    """The log with an attack in regular slots, in order of time, and the events of that attack.

    Args:
        frames: a log; labels that it has stay.
        kind: one of `KINDS`.
        seed: draws ids, payloads and times.
        rate: injected frames a second (flood, fuzz, spoof); None is what suits the attack: what fills the bus, 100, and
            the rate of the true sender.
        duration_s: length of one slot.
        every_s: from the start of one slot to the start of the next.
        id_key: the id attacked (`id | ext << 29`); None draws one a slot among the periodic ids.
        from_s: the first slot starts here at the earliest, in seconds from the log's first frame.
        to_s: the last slot ends here at the latest.
        bitrate: of the bus, in bit/s.

    Raises:
        UsageError: an unknown kind, an id that is not in the log, times that contradict each other, a log too short for
            one slot or without a periodic id.
    """
    if not 0 < duration_s < every_s < np.inf:
        raise UsageError(
            f"attacks of {duration_s} s every {every_s} s: a slot is longer than 0 and shorter than its turn"
        )
    rng = np.random.default_rng([0xA77, seed, KINDS.index(_known(kind))])
    start, end = _range(frames, from_s, to_s)
    duration, turn = round(duration_s * 1e6), round(every_s * 1e6)
    count = (end - start) // turn + ((end - start) % turn >= duration)
    if count < 1:
        raise UsageError(f"{(end - start) / 1e6:.1f} s of log are too short for an attack of {duration_s} s")
    # In the first half of what its turn leaves, so that slots stay apart; the last turn may be shorter.
    room = [(min(turn, end - start - k * turn) - duration) // 2 for k in range(count)]
    begin = [start + k * turn + int(rng.integers(0, spare + 1)) for k, spare in enumerate(room)]
    slots = [(kind, (at, at + duration)) for at in begin]
    return _attack(frames, slots, rng, rate=rate, id_key=id_key, bitrate=bitrate)


def inject_all(
    frames: Frames,
    kinds: Sequence[str] = KINDS,
    *,
    seed: int,
    duration_s: float = 2.0,
    pause_s: float = PAUSE_S,
    from_s: float | None = None,
    to_s: float | None = None,
    bitrate: int = BITRATE,
) -> tuple[Frames, list[Event]]:
    """The log with several attacks, one after the other in drawn order, again and again over the log.

    Before each slot, and after the last, at least `pause_s` are clean.

    Raises:
        UsageError: as `inject`; or the log is too short for one slot of each kind.
    """
    for kind in kinds:
        _known(kind)
    rng = np.random.default_rng([0xA11, seed])
    start, end = _range(frames, from_s, to_s)
    duration, pause = round(duration_s * 1e6), round(pause_s * 1e6)
    if duration <= 0 or not kinds:
        raise UsageError("attacks need a kind and a duration above 0")
    # A flood leaves a queue that drains after its slot: that second does not count as clean.
    rounds = (end - start - pause - 1_000_000) // (len(kinds) * (duration + pause + 1_000_000))
    if rounds < 1:
        need = (len(kinds) * (duration + pause + 1_000_000) + pause + 1_000_000) / 1e6
        raise UsageError(
            f"{(end - start) / 1e6:.0f} s of log are too short for {len(kinds)} kinds of attack: {need:.0f} s"
        )
    count = rounds * len(kinds)
    order = [kinds[i] for _ in range(rounds) for i in rng.permutation(len(kinds))]
    turn = (end - start - pause) // count
    slots = []
    for k, kind in enumerate(order):
        at = start + k * turn + pause + int(rng.integers(0, max(turn - pause - duration - 1_000_000, 0) + 1))
        slots.append((kind, (at, at + duration)))
    return _attack(frames, slots, rng, rate=None, id_key=None, bitrate=bitrate)


def _known(kind: str) -> str:
    if kind not in KINDS:
        raise UsageError(f"attack {kind!r}: known are {', '.join(KINDS)}")
    return kind


def _range(frames: Frames, from_s: float | None, to_s: float | None) -> Slot:
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


def _attack(
    frames: Frames,
    slots: list[tuple[str, Slot]],
    rng: np.random.Generator,
    *,
    rate: float | None,
    id_key: int | None,
    bitrate: int,
) -> tuple[Frames, list[Event]]:
    """Carry out attacks in their slots."""
    if rate is not None and not 0 < rate < np.inf:
        raise UsageError(f"rate {rate}: frames a second, above 0")
    frames = frames.in_time_order()
    # Whoever reads the log later is told that this did not happen.
    told = (name if name.startswith(SIMULATED) else f"{SIMULATED}-{name}" for name in frames.buses)
    frames = frames.changed(buses=tuple(told))
    periodic = targets(frames)
    if not periodic and any(kind not in ("flood", "fuzz") for kind, _ in slots):
        raise UsageError("no id of this log is periodic enough to be attacked")
    given = None if id_key is None else target_of(frames, id_key)
    labels = list(frames.labels) + [
        kind for kind in dict.fromkeys(k for k, _ in slots) if kind not in frames.labels
    ]
    data, label = frames.data.copy(), frames.label.copy()
    keep = np.ones(len(frames), bool)
    added: list[Frames] = []
    events: list[Event] = []
    for kind, slot in slots:
        target = given or (periodic[int(rng.integers(len(periodic)))] if periodic else None)
        code = labels.index(kind)
        if kind == "suspension":
            assert target is not None
            rows = target.within(frames, slot)
            keep[rows] = False
            events.append(Event(kind, *slot, (target.key,), frames=False))
        elif kind == "masquerade":
            assert target is not None
            rows = target.within(frames, slot)
            data[rows] = forge(frames, target, rows, rng)
            label[rows] = code
        else:
            new = _new_frames(frames, kind, slot, target, id_key=id_key, rate=rate, bitrate=bitrate, rng=rng)
            added.append(new.changed(label=np.full(len(new), code), labels=tuple(labels)))
    changed = frames.changed(data=data, label=label, labels=tuple(labels))
    out = _onto_bus(changed[keep], Frames.concat(added), bitrate) if added else changed[keep]
    kinds = {kind for kind, _ in slots}
    events += [event for event in from_labels(out) if event.label in kinds and _in_slots(event, slots)]
    return out, sorted(events, key=lambda event: (event.start_us, event.end_us, event.label))


def _in_slots(event: Event, slots: list[tuple[str, Slot]]) -> bool:
    """Whether the event began in one of the slots of its kind: the log may have had such labels before."""
    return any(
        kind == event.label and start <= event.start_us <= end + 5_000_000 for kind, (start, end) in slots
    )


def forge(
    frames: Frames, target: Target, rows: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """uint8 (rows, width): payloads in which one field is frozen, ramps, or holds a value the attacker chose."""
    data = frames.data[rows].copy()
    field = changing_field(frames, target, rng)
    if not len(rows) or not len(field):
        return data
    way = rng.choice(["frozen", "ramp", "constant"])
    if way == "frozen":
        data[:, field] = data[0, field]
    elif way == "ramp":
        # The last byte of the field, from where it was, by a few steps a frame.
        step = int(rng.integers(1, 6)) * (1 if rng.random() < 0.5 else -1)
        data[:, field[-1]] = (int(data[0, field[-1]]) + step * np.arange(1, len(rows) + 1)) % 256
    same = (data == frames.data[rows]).all(axis=1).mean()
    if way == "constant" or same > 0.5:
        # A field that stands still cannot be frozen: it gets another value.
        data[:, field] = frames.data[rows[0], field] ^ rng.integers(1, 256, len(field)).astype(np.uint8)
    return data


def _new_frames(
    frames: Frames,
    kind: str,
    slot: Slot,
    target: Target | None,
    *,
    id_key: int | None,
    rate: float | None,
    bitrate: int,
    rng: np.random.Generator,
) -> Frames:
    """The frames that an attack adds in one slot, when they are ready to be sent."""
    width = frames.data.shape[1]
    bus = target.bus if target else int(np.bincount(frames.bus).argmax())
    if kind == "replay":
        assert target is not None
        return _recorded(frames, slot, bus, target if id_key is not None else None, rng)
    if kind == "spoof":
        assert target is not None
        t_us = _times(slot, rate or target.rate, rng)
        rows = target.rows(frames)
        latest = rows[np.clip(np.searchsorted(frames.t_us[rows], t_us, "right") - 1, 0, None)]
        return frames[latest].changed(t_us=t_us, data=forge(frames, target, latest, rng))
    if kind == "fuzz":
        t_us = _times(slot, rate or FUZZ_RATE, rng)
        n = len(t_us)
        key = np.full(n, id_key) if id_key is not None else _any_ids(frames, n, rng)
        dlc = rng.integers(1, 9, n)
        data = np.zeros((n, width), np.uint8)
        data[:, :8] = rng.integers(0, 256, (n, 8)) * (np.arange(8) < dlc[:, None])
    else:
        known = int(frames.key[frames.ext == frames.ext.all()].min())
        key_one = (
            id_key if id_key is not None else int(rng.choice([0 if not frames.ext.all() else 1 << 29, known]))
        )
        length = int(frame_us(np.array([8]), np.array([key_one >> 29 > 0]), bitrate=bitrate)[0])
        t_us = _times(slot, rate or _free(frames, slot, bus, bitrate) * 1e6 / length, rng, jitter=0.0)
        n = len(t_us)
        key, dlc = np.full(n, key_one), np.full(n, 8)
        data = np.zeros((n, width), np.uint8)
        data[:, :8] = rng.integers(0, 256, 8)
    ids, ext = key & 0x1FFFFFFF, key >> 29 > 0
    return Frames.of(t_us, ids, data, dlc=dlc, ext=ext, bus=bus, buses=frames.buses)


def _times(slot: Slot, rate: float, rng: np.random.Generator, jitter: float = 0.1) -> NDArray[np.int64]:
    """Times at a rate within a slot, each moved by up to `jitter` of the pause between two."""
    start, end = slot
    pause = 1e6 / rate
    at = (
        start
        + rng.uniform(0, min(pause, end - start))
        + np.arange(max(1, int((end - start) / pause))) * pause
    )
    times = np.sort(at + rng.uniform(-jitter, jitter, len(at)) * pause).astype(np.int64)
    return np.clip(times, start, end)


def _any_ids(frames: Frames, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Drawn keys, extended as often as those of the log."""
    ext = rng.random(n) < frames.ext.mean()
    return np.where(ext, rng.integers(0, 1 << 29, n) | 1 << 29, rng.integers(0, 1 << 11, n))


def _free(frames: Frames, slot: Slot, bus: int, bitrate: int) -> float:
    """The share of the bus's time that a flood takes to fill it."""
    inside = frames[(frames.t_us >= slot[0]) & (frames.t_us < slot[1]) & (frames.bus == bus)]
    busy = frame_us(inside.dlc, inside.ext, inside.flags & FD > 0, bitrate).sum()
    return max(FULL - float(busy) / (slot[1] - slot[0]), 0.1)


def _recorded(frames: Frames, slot: Slot, bus: int, only: Target | None, rng: np.random.Generator) -> Frames:
    """Clean frames of an earlier stretch (or, at the start of a log, a later one), moved into the slot."""
    back = int(rng.uniform(1.0, 4.0) * 1e6) + slot[1] - slot[0]
    if slot[0] - back < frames.t_us[0]:
        back = -back
    rows = (
        (frames.t_us >= slot[0] - back)
        & (frames.t_us < slot[1] - back)
        & (frames.bus == bus)
        & (frames.label == 0)
    )
    if only is not None:
        rows &= frames.key == only.key
    taken = frames[rows]
    if not len(taken):
        what = key_text(only.key) if only else "the bus"
        raise UsageError(f"nothing of {what} to replay around {slot[0] / 1e6:.1f} s")
    return taken.changed(t_us=taken.t_us + back)


def _onto_bus(frames: Frames, added: Frames, bitrate: int) -> Frames:
    """Both tables in order of time; on each bus, what an added frame is in the way of waits for its end."""
    both = Frames.concat([frames, added])
    new = np.arange(len(both)) >= len(frames)
    order = np.argsort(both.t_us, kind="stable")
    both, new = both[order], new[order]
    length = frame_us(both.dlc, both.ext, both.flags & FD > 0, bitrate)
    t_us = both.t_us.copy()
    for bus in np.unique(both.bus[new]):
        rows = np.flatnonzero(both.bus == bus)
        t_us[rows] = _delayed(t_us[rows], length[rows], new[rows])
    return both.changed(t_us=t_us).in_time_order()


def _delayed(t_us: NDArray[np.int64], length: NDArray[np.int64], new: NDArray[np.bool_]) -> NDArray[np.int64]:
    """When frames end, given when they would have ended without the new ones; runs from each new frame to a pause."""
    out, lengths, fresh = t_us.tolist(), length.tolist(), new.tolist()
    done = 0
    for first in np.flatnonzero(new).tolist():
        i = max(first, done)
        while i < len(out) and (fresh[i] or (i > 0 and (fresh[i - 1] or out[i - 1] > t_us[i - 1]))):
            earliest = out[i - 1] + lengths[i] if i else out[i]
            out[i] = max(out[i], earliest)
            i += 1
        done = i
    return np.array(out, np.int64)
