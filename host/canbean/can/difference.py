"""What changed between two captures: ids, periods, lengths, bits and the values of bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.frames import ERR, FD, RTR, Frames, key_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW = 5
"""Frames of an id that are too few to judge its period or which of its bits never flip."""
PERIOD = 0.1
"""A period changed when its median did by more than this share and the middle halves of the gaps do not touch."""


@dataclass(frozen=True, eq=False)
class Profile:
    """What each id of a capture looks like; g ids (with several buses, ids of a bus), w bytes of data.

    Attributes:
        bus: names, `""` where buses are not told apart.
        key: uint32 (g,).
        frames: int64 (g,), how many.
        first_us: int64 (g,), time of the first.
        gaps_us: float64 (g, 3), quartiles of the time between frames, NaN with fewer than `FEW` frames.
        lengths: the lengths in bytes that occur, ascending.
        shortest: int64 (g,), the least of them.
        every: uint8 (g, w), bits that are 1 in every frame.
        some: uint8 (g, w), bits that are 1 in some frame.
        low, high: uint8 (g, w), least and largest value of each byte.
        sample: uint8 (g, w), data of the first frame.
        group: int64 (n,), the id of each frame, ascending.
        t_us, data: the frames by id and time.
    """

    bus: list[str]
    key: NDArray[np.uint32]
    frames: NDArray[np.int64]
    first_us: NDArray[np.int64]
    gaps_us: NDArray[np.float64]
    lengths: list[list[int]]
    shortest: NDArray[np.int64]
    every: NDArray[np.uint8]
    some: NDArray[np.uint8]
    low: NDArray[np.uint8]
    high: NDArray[np.uint8]
    sample: NDArray[np.uint8]
    group: NDArray[np.int64]
    t_us: NDArray[np.int64]
    data: NDArray[np.uint8]

    @property
    def names(self) -> dict[tuple[str, int], int]:
        """Bus and key of each id, and its place."""
        return {
            (bus, int(key)): place for place, (bus, key) in enumerate(zip(self.bus, self.key, strict=True))
        }


def profile(frames: Frames, *, by_bus: bool = False, width: int = 8) -> Profile:
    """The profile of the data frames (no remote requests, no error frames), with `width` bytes of data."""
    frames = frames[(frames.flags & (RTR | ERR)) == 0]
    bus = frames.bus if by_bus else np.zeros(len(frames), np.uint8)
    name = frames.key.astype(np.int64) | bus.astype(np.int64) << 32
    order = np.lexsort((frames.t_us, name))
    name, t_us, dlc = name[order], frames.t_us[order], frames.dlc[order].astype(np.int64)
    data = np.zeros((len(frames), width), np.uint8)
    data[:, : frames.data.shape[1]] = frames.data[order]
    starts = np.flatnonzero(np.diff(name, prepend=-1))
    counts = np.diff(np.append(starts, len(name)))
    group = np.repeat(np.arange(len(starts)), counts)
    code = name[starts]

    def reduced(function: np.ufunc) -> NDArray[np.uint8]:
        if not len(starts):
            return np.zeros((0, width), np.uint8)
        return np.asarray(function.reduceat(data, starts, axis=0), np.uint8)

    pairs = np.unique(group << 8 | dlc)
    lengths: list[list[int]] = [[] for _ in range(len(starts))]
    for pair in pairs.tolist():
        lengths[pair >> 8].append(pair & 0xFF)
    return Profile(
        bus=[frames.buses[which] if by_bus else "" for which in (code >> 32).tolist()],
        key=(code & 0xFFFFFFFF).astype(np.uint32),
        frames=counts,
        first_us=t_us[starts],
        gaps_us=_quartiles(t_us, group, counts),
        lengths=lengths,
        shortest=np.array([sizes[0] for sizes in lengths], np.int64),
        every=reduced(np.bitwise_and),
        some=reduced(np.bitwise_or),
        low=reduced(np.minimum),
        high=reduced(np.maximum),
        sample=data[starts],
        group=group,
        t_us=t_us,
        data=data,
    )


def _quartiles(
    t_us: NDArray[np.int64], group: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """float64 (g, 3): lower quartile, median and upper quartile of the gaps of each id (the nearest ranks)."""
    out = np.full((len(counts), 3), np.nan)
    inside = np.diff(group) == 0
    gaps, whose = np.diff(t_us)[inside], group[1:][inside]
    gaps = gaps[np.lexsort((gaps, whose))]
    number = np.maximum(counts - 1, 0)
    begin = np.cumsum(number) - number
    enough = counts >= FEW
    for column, share in enumerate((0.25, 0.5, 0.75)):
        out[enough, column] = gaps[begin[enough] + np.rint(share * (number[enough] - 1)).astype(np.int64)]
    return out


def difference(a: Frames, b: Frames) -> dict[str, Any]:
    """What changed from capture `a` to capture `b`, ready for JSON.

    Keys: `a b` (each `frames span_s ids` and counts of `fd remote error` frames); `same`, whether nothing changed;
    `notes`; `new` and `missing`, one row an id with `id bus frames period_ms dlcs data first_s expected` (what its rate
    makes expect in the other capture, null for single frames); `changed`, one row an id, what matters most first, with
    `id bus frames` and, only where it changed,

    * `dlcs`: `[[of a], [of b]]`;
    * `period_ms`: `[a, b]`, medians, when they differ by more than a tenth and the middle halves of the gaps do not touch;
    * `constant`: bits that have one value throughout `a` and the other throughout `b`: `[{byte, mask, was, now}]`, hexadecimal;
    * `flips`: bits that flip in `b` and never did in `a`: `[{byte, mask}]`, with `deviating` (frames of `b` that show it)
      and `deviating_s` (the first of them, seconds from the first frame of `b`);
    * `still`: bits that flipped in `a` and no longer do;
    * `ranges`: bytes with values outside of those of `a`: `[{byte, was: [low, high], now: [low, high]}]`;

    and `unchanged`, how many ids are as they were. Bits are compared over the bytes that all frames of an id have, and flips
    judged only with at least 5 frames in both captures. Buses are told apart where both captures have the same several ones.
    """
    buses_a, buses_b = (frozenset(f.buses[code] for code in np.unique(f.bus)) for f in (a, b))
    by_bus = buses_a == buses_b and len(buses_a) > 1
    width = max(a.data.shape[1], b.data.shape[1])
    old, now = (profile(frames, by_bus=by_bus, width=width) for frames in (a, b))
    was, are = old.names, now.names
    both = [(was[name], are[name]) for name in was if name in are]
    changed = _changed(old, now, both, _start(b))
    notes = []
    if not by_bus and max(len(buses_a), len(buses_b)) > 1:
        notes.append("the captures do not have the same buses: ids are compared whatever their bus")
    backward = [what for what, frames in (("first", a), ("second", b)) if (np.diff(frames.t_us) < 0).any()]
    notes += [
        f"time goes backward in the {what} capture: its frames are taken in the order of time"
        for what in backward
    ]
    new = [_row(now, are[name], _start(b), a.span_s) for name in are if name not in was]
    missing = [_row(old, was[name], _start(a), b.span_s) for name in was if name not in are]
    return {
        "a": _summary(a, len(was)),
        "b": _summary(b, len(are)),
        "same": not (new or missing or changed),
        "notes": notes,
        "new": new,
        "missing": missing,
        "changed": changed,
        "unchanged": len(both) - len(changed),
    }


def _start(frames: Frames) -> int:
    return int(frames.t_us.min()) if len(frames) else 0


def _summary(frames: Frames, ids: int) -> dict[str, Any]:
    kinds = {"fd": FD, "remote": RTR, "error": ERR}
    counts = {name: int(((frames.flags & bit) != 0).sum()) for name, bit in kinds.items()}
    return {"frames": len(frames), "span_s": frames.span_s, "ids": ids, **counts}


def _row(of: Profile, place: int, start_us: int, other_span_s: float) -> dict[str, Any]:
    """A new or a missing id."""
    run = slice(*np.searchsorted(of.group, [place, place + 1]).tolist())
    t_us = of.t_us[run]
    gap_s = float(np.median(np.diff(t_us))) / 1e6 if len(t_us) > 1 else 0.0
    length = of.lengths[place][0]
    return {
        "id": key_text(int(of.key[place])),
        "bus": of.bus[place],
        "frames": int(of.frames[place]),
        "period_ms": round(gap_s * 1000, 3) if len(t_us) > 1 else None,
        "dlcs": of.lengths[place],
        "data": of.sample[place, :length].tobytes().hex().upper(),
        "first_s": (int(of.first_us[place]) - start_us) / 1e6,
        "expected": round(other_span_s / gap_s) if gap_s > 0 else None,
    }


def _changed(old: Profile, now: Profile, both: list[tuple[int, int]], start_us: int) -> list[dict[str, Any]]:
    """The ids that both captures have and that changed."""
    if not both:
        return []
    i, j = (np.array(places, np.int64) for places in zip(*both, strict=True))
    # Bytes that every frame of the id has, in both captures.
    valid = np.arange(old.every.shape[1]) < np.minimum(old.shortest[i], now.shortest[j])[:, None]
    enough = (np.minimum(old.frames[i], now.frames[j]) >= FEW)[:, None]
    mask = np.where(valid, np.uint8(0xFF), np.uint8(0))
    flipped, flips = old.every[i] ^ old.some[i], now.every[j] ^ now.some[j]
    constant = ~flipped & ~flips & (old.every[i] ^ now.every[j]) & mask
    begun = np.where(enough, ~flipped & flips & mask, np.uint8(0))
    ended = np.where(enough, flipped & ~flips & mask, np.uint8(0))
    wider = valid & ((now.low[j] < old.low[i]) | (now.high[j] > old.high[i]))
    first_us, deviating = _deviating(now, j, old.every[i], begun)
    low, median, high = 0, 1, 2
    one, two = old.gaps_us[i], now.gaps_us[j]
    with np.errstate(invalid="ignore"):
        period = (
            np.abs(two[:, median] - one[:, median]) > PERIOD * np.maximum(one[:, median], two[:, median])
        ) & ((one[:, high] < two[:, low]) | (two[:, high] < one[:, low]))
    rows: list[tuple[int, dict[str, Any]]] = []
    for at, (place, there) in enumerate(both):
        row: dict[str, Any] = {}
        if old.lengths[place] != now.lengths[there]:
            row["dlcs"] = [old.lengths[place], now.lengths[there]]
        if period[at]:
            row["period_ms"] = [
                round(float(one[at, median]) / 1000, 3),
                round(float(two[at, median]) / 1000, 3),
            ]
        if constant[at].any():
            row["constant"] = [
                {
                    "byte": byte,
                    "mask": f"{constant[at, byte]:02X}",
                    "was": f"{old.every[place, byte] & constant[at, byte]:02X}",
                    "now": f"{now.every[there, byte] & constant[at, byte]:02X}",
                }
                for byte in np.flatnonzero(constant[at]).tolist()
            ]
        if begun[at].any():
            row["flips"] = _masks(begun[at])
            row["deviating"] = int(deviating[at])
            row["deviating_s"] = (int(first_us[at]) - start_us) / 1e6
        if ended[at].any():
            row["still"] = _masks(ended[at])
        if wider[at].any():
            row["ranges"] = [
                {
                    "byte": byte,
                    "was": [int(old.low[place, byte]), int(old.high[place, byte])],
                    "now": [int(now.low[there, byte]), int(now.high[there, byte])],
                }
                for byte in np.flatnonzero(wider[at]).tolist()
            ]
        if row:
            rank = next(n for n, what in enumerate(RANK) if what in row)
            head = {"id": key_text(int(old.key[place])), "bus": old.bus[place]}
            frames = [int(old.frames[place]), int(now.frames[there])]
            rows.append((rank, {**head, "frames": frames, **row}))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


RANK = ("dlcs", "period_ms", "constant", "flips", "still", "ranges")
"""What matters most first."""


def _masks(bits: NDArray[np.uint8]) -> list[dict[str, Any]]:
    return [{"byte": byte, "mask": f"{bits[byte]:02X}"} for byte in np.flatnonzero(bits).tolist()]


def _deviating(
    now: Profile, places: NDArray[np.int64], constant: NDArray[np.uint8], bits: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each place the time of the first frame whose `bits` are not as `constant`, and how many frames there are."""
    expected, mask = np.zeros_like(now.every), np.zeros_like(now.every)
    expected[places], mask[places] = constant, bits
    odd = np.flatnonzero(((now.data ^ expected[now.group]) & mask[now.group]).any(axis=1))
    counts = np.bincount(now.group[odd], minlength=len(now.key))
    first = np.zeros(len(now.key), np.int64)
    whose, at = np.unique(now.group[odd], return_index=True)
    first[whose] = now.t_us[odd[at]]
    return first[places], counts[places]
