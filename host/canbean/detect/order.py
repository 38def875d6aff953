"""Partners of an id: whose frames lie between two of its own, how many, and what another number is worth.

A *run* is the number of frames of a partner between two frames of an id; its *class* is 0 for fewer than usual, 1 for
as usual, 2 for more. What an id's run costs is `-log2 p` of its class given the class of the run before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.level import tempering

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canbean.detect.windows import Clean, Traffic

PARTNERS = 3
CLASSES = 3
UNUSUAL = np.array([True, False, True])
COST_MOST = 15  # bits; four of them are stored
FEWEST_MOST = 254
# A partner comes between this often and so much oftener than the id: of others a run says little.
RARER, OFTENER = 0.4, 6.0
CANDIDATES = 64  # of them are tried, those of the most similar rate
RUNS_LEAST = 16  # in the earlier part, and a quarter as many in the later
GAIN_LEAST = 4.0  # bits that an inserted frame shows at least
_BACKED_OFF = 2.0  # runs that the class of the run before weighs less than
_COMMON = 0.01  # pairs of classes that are rarer are not where a frame is thought to be inserted


@dataclass(frozen=True)
class Places:
    """Where the frames of each id lie.

    Attributes:
        order: int64 (m,), positions in the traffic, one id after the other.
        ends: int64 (n + 1,), where each begins.
        epoch: int64 (m,), of the traffic.
    """

    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    epoch: NDArray[np.int64]

    @classmethod
    def of(cls, traffic: Traffic) -> Places:
        """Places of the known ids; numpy sorts 16-bit numbers by radix."""
        n = len(traffic.keys)
        order = np.argsort(traffic.row.astype(np.uint16), kind="stable")
        return cls(order, np.searchsorted(traffic.row, np.arange(n + 1), sorter=order), traffic.epoch)

    def __getitem__(self, row: int) -> NDArray[np.int64]:
        return self.order[self.ends[row] : self.ends[row + 1]]

    def runs(self, partner: int, own: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of a partner's frames between each two of the positions `own`, (len(own) - 1,)."""
        return np.diff(np.searchsorted(self[partner], own))

    def joined(self, own: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the bus was awake between each two of the positions, (len(own) - 1,)."""
        awake: NDArray[np.bool_] = self.epoch[own[1:]] == self.epoch[own[:-1]]
        return awake


@dataclass(frozen=True)
class Pair:
    """An id and a partner.

    Attributes:
        partner: row of the partner.
        fewest: at most so many frames are fewer than usual; as usual is one more.
        cost: int64 (3, 3), bits of [class of the run before][class of the run], 0 to 15.
        gain: bits that a frame of the id in a place at random shows, on average.
    """

    partner: int
    fewest: int
    cost: NDArray[np.int64]
    gain: float


def classes(runs: NDArray[np.int64], fewest: int) -> NDArray[np.int64]:
    """Class of each run, as the board counts them: modulo 256."""
    kinds: NDArray[np.int64] = np.clip((runs & 255) - fewest, 0, CLASSES - 1)
    return kinds


def partners(clean: Clean, places: Places) -> list[list[Pair]]:
    """For each id the `PARTNERS` others that show an inserted frame best, or none where there are fewer."""
    number = np.diff(places.ends)
    found: list[list[Pair]] = []
    for row in range(len(clean.traffic.keys)):
        own = places[row]
        share = number / max(number[row], 1)
        usable = np.flatnonzero((share > RARER) & (share < OFTENER))
        usable = usable[np.argsort(np.abs(np.log2(share[usable])), kind="stable")[: CANDIDATES + 1]]
        pairs = [
            pair
            for partner in usable.tolist()
            if partner != row and (pair := _pair(clean, places, own, partner)) is not None
        ]
        best = sorted((pair for pair in pairs if pair.gain >= GAIN_LEAST), key=lambda pair: -pair.gain)
        found.append(best[:PARTNERS] if len(best) >= PARTNERS else [])
    return found


def _pair(clean: Clean, places: Places, own: NDArray[np.int64], partner: int) -> Pair | None:
    """What the earlier part of the clean log teaches of a pair, tempered by the later one."""
    joined = places.joined(own)
    runs = places.runs(partner, own)
    held = clean.later[own[1:]]
    earlier = runs[joined & ~held]
    if len(earlier) < RUNS_LEAST:
        return None
    usual = int(np.bincount(np.minimum(earlier, FEWEST_MOST + 1)).argmax())
    fewest = max(usual - 1, 0)
    kind = classes(runs, fewest)
    before, after = kind[:-1], kind[1:]
    both = joined[:-1] & joined[1:]
    old, new = both & ~held[1:], both & held[1:]
    if int(new.sum()) < RUNS_LEAST // 4:
        return None
    seen = np.bincount(before[old] * CLASSES + after[old], minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    alone = (np.bincount(kind[joined & ~held], minlength=CLASSES) + 0.5) / (len(earlier) + CLASSES / 2)
    # What was unusual and stays so is no news: a partner stopped, or comes at another rate now.
    expected = np.where(UNUSUAL[:, None], (alone + np.eye(CLASSES)) / 2, alone)
    share = (seen + _BACKED_OFF * expected) / (seen.sum(axis=1, keepdims=True) + _BACKED_OFF)
    bits = -np.log2(share)
    worth = np.minimum(bits * tempering(bits[before[new], after[new]]), np.log2(len(earlier) + 1))
    cost = np.clip(np.rint(worth), 0, COST_MOST).astype(np.int64)
    return Pair(partner, fewest, cost, _gain(seen / max(seen.sum(), 1), fewest, cost))


def _gain(share: NDArray[np.float64], fewest: int, cost: NDArray[np.int64]) -> float:
    """Bits that one more frame of the id, at a random place between two, adds to what the run cost there."""
    gain = 0.0
    for before, now in zip(*np.nonzero(share >= _COMMON), strict=True):
        first = np.arange(fewest + now + 1)
        left, right = classes(first, fewest), classes(first[::-1], fewest)
        gain += share[before, now] * (np.mean(cost[before, left] + cost[left, right]) - cost[before, now])
    return float(gain)
