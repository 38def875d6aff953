"""Frames that an attack adds to a bus in one slot: floods, fuzzing, recorded frames again, abuse of diagnostics.

Their times are when they are ready to be sent; `delays.py` says what that does to the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.bus import frame_us
from canbean.can.frames import ERR, FD, RTR, Frames, key_text
from canbean.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from canbean.can.targets import Target

FUZZ_RATE = 100.0
DIAGNOSTIC_RATE = 20.0
"""One request in the 50 ms that a server has for its response (P2 server, ISO 14229-2)."""
FULL = 0.95
"""Share of the bus's time that a flood fills, together with what else is on the bus."""
SEQUENCE = 3, 8
"""Frames of one replayed sequence."""
EXTENDED = 1 << 29


@dataclass(frozen=True, eq=False)
class Scene:
    """One slot of an attack.

    Attributes:
        frames: the log, in order of time.
        span: first and last time of the slot, in microseconds.
        bus: code of the attacked bus.
        only: the id that the user named, or None.
        rate: injected frames (or sequences) a second, or None for what suits the attack.
        bitrate: bit/s.
        rng: draws.
    """

    frames: Frames
    span: tuple[int, int]
    bus: int
    only: Target | None
    rate: float | None
    bitrate: int
    rng: np.random.Generator

    @property
    def clean(self) -> NDArray[np.bool_]:
        """The clean frames of the attacked bus, bool (n,)."""
        clean: NDArray[np.bool_] = (self.frames.bus == self.bus) & (self.frames.label == 0)
        return clean

    @property
    def data(self) -> NDArray[np.int64]:
        """int64 (m,): those of them that carry data, ascending.

        Raises:
            UsageError: there are none.
        """
        frames = self.frames
        rows = np.flatnonzero(self.clean & (frames.dlc > 0) & (frames.flags & (RTR | ERR) == 0))
        if not len(rows):
            raise UsageError(f"no clean frames with data on bus {frames.buses[self.bus]}")
        return rows

    def made(
        self,
        t_us: NDArray[np.int64],
        key: NDArray[np.int64] | int,
        payload: NDArray[np.uint8],
        dlc: NDArray[np.int64] | int,
        fd: NDArray[np.bool_] | bool = False,
    ) -> Frames:
        """Frames on the attacked bus; payloads (n, up to width) are filled up with zeros."""
        data = np.zeros((len(t_us), self.frames.data.shape[1]), np.uint8)
        data[:, : payload.shape[1]] = payload
        keys = np.broadcast_to(np.asarray(key, np.int64), t_us.shape)
        return Frames.of(
            t_us,
            keys & EXTENDED - 1,
            data,
            dlc=dlc,
            flags=np.where(fd, FD, 0),
            ext=keys >> 29 > 0,
            bus=self.bus,
            buses=self.frames.buses,
        )


def times(
    span: tuple[int, int], rate: float, rng: np.random.Generator, jitter: float = 0.1
) -> NDArray[np.int64]:
    """Times at a rate within a span, each moved by up to `jitter` of the pause between two; at least one."""
    start, end = span
    pause = 1e6 / rate
    count = max(1, int((end - start) * rate / 1e6 + 1e-6))
    at = start + rng.uniform(0, min(pause, end - start)) + np.arange(count) * pause
    moved = np.sort(at + rng.uniform(-jitter, jitter, count) * pause).astype(np.int64)
    return np.clip(moved, start, end)


def flood(scene: Scene) -> Frames:
    """Either flood; of an id that the user names, the known one."""
    lowest = scene.only is None and scene.rng.random() < 0.5
    return flood_lowest(scene) if lowest else flood_known(scene)


def flood_lowest(scene: Scene) -> Frames:
    """The identifier that wins against all others, as fast as the bus takes it."""
    _no_id(scene, "flood-lowest", "flood-known")
    key = EXTENDED if scene.frames.ext[scene.clean].all() else 0
    return _flood(scene, key, scene.rng.integers(0, 256, (1, 8)).astype(np.uint8), 8)


def flood_known(scene: Scene) -> Frames:
    """The id of the bus that wins against its others, or the named one, with a payload that it had."""
    clean = scene.data
    key = int(scene.frames.key[clean].min()) if scene.only is None else scene.only.key
    if scene.only is None and not scene.frames.ext[clean].all():
        key = int(scene.frames.id[clean][~scene.frames.ext[clean]].min())
    rows = clean[scene.frames.key[clean] == key]
    row = rows[max(int(np.searchsorted(scene.frames.t_us[rows], scene.span[0], "right")) - 1, 0)]
    fd = bool(scene.frames.flags[row] & FD)
    return _flood(scene, key, scene.frames.data[[row]], int(scene.frames.dlc[row]), fd=fd)


def _flood(scene: Scene, key: int, payload: NDArray[np.uint8], dlc: int, *, fd: bool = False) -> Frames:
    """One frame again and again."""
    kind = np.array([key >= EXTENDED]), np.array([fd])
    length = int(frame_us(np.array([dlc]), *kind, scene.bitrate)[0])
    t_us = times(scene.span, scene.rate or _free(scene) * 1e6 / length, scene.rng, jitter=0.0)
    return scene.made(t_us, key, np.repeat(payload, len(t_us), axis=0), dlc, fd)


def _free(scene: Scene) -> float:
    """The share of the bus's time that a flood takes to fill it."""
    frames, (start, end) = scene.frames, scene.span
    inside = frames[(frames.t_us >= start) & (frames.t_us < end) & (frames.bus == scene.bus)]
    busy = frame_us(inside.dlc, inside.ext, inside.flags & FD > 0, scene.bitrate).sum()
    return max(FULL - float(busy) / (end - start), 0.1)


def fuzz(scene: Scene) -> Frames:
    """Drawn ids and drawn payloads; of a named id the payloads alone."""
    if scene.only is not None:
        return fuzz_payload(scene)
    t_us = times(scene.span, scene.rate or FUZZ_RATE, scene.rng)
    dlc = scene.rng.integers(1, 9, len(t_us))
    data = scene.rng.integers(0, 256, (len(t_us), 8)) * (np.arange(8) < dlc[:, None])
    return scene.made(t_us, _any_ids(scene, len(t_us)), data.astype(np.uint8), dlc)


def fuzz_id(scene: Scene) -> Frames:
    """Drawn ids with payloads that frames of this bus had."""
    _no_id(scene, "fuzz-id", "fuzz-payload")
    t_us = times(scene.span, scene.rate or FUZZ_RATE, scene.rng)
    rows = scene.rng.choice(scene.data, len(t_us))
    frames = scene.frames
    return scene.made(
        t_us,
        _any_ids(scene, len(t_us)),
        frames.data[rows],
        frames.dlc[rows].astype(np.int64),
        frames.flags[rows] & FD > 0,
    )


def fuzz_payload(scene: Scene) -> Frames:
    """Known ids, each with its own length, with drawn payloads, beside the true senders."""
    frames = scene.frames
    t_us = times(scene.span, scene.rate or FUZZ_RATE, scene.rng)
    usable = scene.data[_of(scene)[scene.data]]
    if not len(usable):
        raise _nothing(scene)
    # Ids equally often, however often they come.
    keys, first = np.unique(frames.key[usable], return_index=True)
    rows = usable[first[scene.rng.integers(0, len(keys), len(t_us))]]
    dlc = frames.dlc[rows].astype(np.int64)
    width = frames.data.shape[1]
    data = scene.rng.integers(0, 256, (len(t_us), width)) * (np.arange(width) < dlc[:, None])
    fd = frames.flags[rows] & FD > 0
    return scene.made(t_us, frames.key[rows].astype(np.int64), data.astype(np.uint8), dlc, fd)


def _any_ids(scene: Scene, n: int) -> NDArray[np.int64]:
    """Drawn keys, extended as often as those of the log."""
    ext = scene.rng.random(n) < scene.frames.ext.mean()
    return np.where(ext, scene.rng.integers(0, 1 << 29, n) | EXTENDED, scene.rng.integers(0, 1 << 11, n))


def replay(scene: Scene) -> Frames:
    """Frames of an earlier stretch as long as the slot (or, at the start of a log, of a later one), at their pace."""
    frames, (start, end) = scene.frames, scene.span
    back = int(scene.rng.uniform(1.0, 4.0) * 1e6) + end - start
    if start - back < frames.t_us[0]:
        back = -back
    taken = frames[scene.clean & _of(scene) & (frames.t_us >= start - back) & (frames.t_us < end - back)]
    if not len(taken):
        raise _nothing(scene)
    return taken.changed(t_us=taken.t_us + back)


def replay_single(scene: Scene) -> Frames:
    """A recorded frame, once; with a rate, others at that rate."""
    return _runs(scene, (1, 1), shuffled=False)


def replay_sequence(scene: Scene) -> Frames:
    """A few recorded consecutive frames at once, in order; with a rate, such sequences at that rate."""
    return _runs(scene, SEQUENCE, shuffled=False)


def replay_shuffled(scene: Scene) -> Frames:
    """A few recorded consecutive frames at once, out of order; with a rate, such sequences at that rate."""
    return _runs(scene, SEQUENCE, shuffled=True)


def _runs(scene: Scene, size: tuple[int, int], *, shuffled: bool) -> Frames:
    """Runs of consecutive recorded frames, each sent at once."""
    known = np.flatnonzero(scene.clean & _of(scene))
    if len(known) < size[1]:
        raise _nothing(scene)
    starts = (
        times(scene.span, scene.rate, scene.rng)
        if scene.rate
        else scene.rng.integers(*scene.span, 1, endpoint=True)
    )
    rows, t_us = [], []
    for start in starts.tolist():
        count = int(scene.rng.integers(size[0], size[1] + 1))
        first = int(scene.rng.integers(0, len(known) - count + 1))
        run = known[first : first + count]
        if shuffled:
            order = scene.rng.permutation(count)
            run = run[np.roll(order, 1) if (order == np.arange(count)).all() else order]
        rows.append(run)
        t_us.append(np.full(count, start))
    return scene.frames[np.concatenate(rows)].changed(t_us=np.concatenate(t_us))


def _of(scene: Scene) -> NDArray[np.bool_]:
    """The frames of the id that the user named, or of all where none is, bool (n,)."""
    key = scene.frames.key
    named: NDArray[np.bool_] = np.ones(len(key), bool) if scene.only is None else key == scene.only.key
    return named


def _nothing(scene: Scene) -> UsageError:
    what = "the bus" if scene.only is None else key_text(scene.only.key)
    return UsageError(f"nothing of {what} to send around {scene.span[0] / 1e6:.1f} s")


def diagnostic(scene: Scene) -> Frames:
    """Requests of a tester that is none: session control, security access, routine control, ECU reset (ISO 14229-1).

    Single frames (ISO 15765-2) to all control units or to one, on the identifiers of ISO 15765-4; nobody answers.
    """
    rng = scene.rng
    t_us = times(scene.span, scene.rate or DIAGNOSTIC_RATE, rng)
    requests: list[list[int]] = []
    while len(requests) < len(t_us):
        level = 2 * int(rng.integers(0, 32)) + 1
        key = rng.integers(0, 256, int(rng.choice([2, 4]))).tolist()
        routine = rng.integers(0, 256, 2).tolist()
        requests.append([0x10, int(rng.choice([0x02, 0x03, 0x40]))])
        for _ in range(int(rng.integers(1, 4))):
            requests += [[0x27, level], [0x27, level + 1, *key]]
        requests += [[0x31, int(rng.integers(1, 4)), *routine], [0x11, int(rng.integers(1, 4))]]
    padding = int(rng.choice([0x00, 0x55, 0xAA, 0xCC]))
    data = np.full((len(t_us), 8), padding, np.uint8)
    for row, request in zip(data, requests, strict=False):
        row[: len(request) + 1] = [len(request), *request]
    return scene.made(t_us, _request_id(scene), data, 8)


def _request_id(scene: Scene) -> int:
    """The named id, or where a tester asks: all control units in one case of two, else one."""
    if scene.only is not None:
        return scene.only.key
    one = scene.rng.random() < 0.5
    if scene.frames.ext[scene.clean].mean() > 0.5:
        return EXTENDED | (0x18DA00F1 | int(scene.rng.integers(1, 0xF0)) << 8 if one else 0x18DB33F1)
    return 0x7E0 + int(scene.rng.integers(8)) if one else 0x7DF


def _no_id(scene: Scene, kind: str, other: str) -> None:
    if scene.only is not None:
        raise UsageError(f"attack {kind!r} draws its id: for {key_text(scene.only.key)} take {other}")


MAKERS: dict[str, Callable[[Scene], Frames]] = {
    "flood": flood,
    "flood-lowest": flood_lowest,
    "flood-known": flood_known,
    "fuzz": fuzz,
    "fuzz-id": fuzz_id,
    "fuzz-payload": fuzz_payload,
    "replay": replay,
    "replay-single": replay_single,
    "replay-sequence": replay_sequence,
    "replay-shuffled": replay_shuffled,
    "diagnostic": diagnostic,
}
"""What adds frames without a target of its own, by kind."""
