"""The order of ids: how many frames of its partners lie between two frames of an id.

Ids that keep a cycle keep it whatever the timing: between two frames of `b` lie, say, always two of `a`. Seen through
these two ids alone the stream is `b a a b a a b`, and its alignment to the learned cycle `b a a` by dynamic
programming (Needleman & Wunsch 1970) has a closed form: a run of `a` that is too short or too long is what was inserted
or left out. The band is narrow: fewer than usual, as usual, more. What each costs, given the run before (two frames
that change places make one run shorter and the next one longer), is learned in bits from clean traffic.

Senders' clocks drift, so that which id follows which over the whole bus changes within minutes. Therefore each id is
aligned with `PARTNERS` others, those whose order with it clean traffic kept best, and the cheapest alignment
counts: an id is out of order where every partner says so, and a partner that stops takes no id with it.

A window of `WINDOW` frames is judged by the sum of its frames' bits. The vectorised twin of `firmware/canbean/order.py`.

ORDR:

```
gate | u16 ids | u8 partners | u8 frames a window | level (level.py) | u16 worth [16]
for each id and partner: u16 partner's row | u8 fewer than usual, at most | 9 nibbles of bits and one of zero
```

Bits stand by [run before][run], the low nibble first. An id without partners has its own row for each.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import key_text
from canbean.detect.level import SURPRISING, Level, gate
from canbean.detect.order import CLASSES, PARTNERS, Places, classes, partners
from canbean.detect.windows import BUS, Clean, Gate, Judged, Traffic
from canbean.errors import ModelError
from canbean.tiny.packing import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAG = "ORDR"
BOARD = "order"  # the module of `firmware/canbean` with its twin
WINDOW = 32
WINDOWS_LEAST = 64  # in either part of the clean log
JUDGED_LEAST = 0.1  # of the frames are of ids with partners
RECORD = 8 * PARTNERS
WORTH_MOST = 16 * 31
_HEADER = struct.Struct("<HBB")


@dataclass(frozen=True, eq=False)
class Sequence:
    """What the order of n ids is like.

    Attributes:
        gate: between its bits and an alert.
        level: from a window's bits to honest ones.
        worth: int64 (16,), what a frame's cost is worth, in sixteenths of a bit.
        partner: int64 (n, 3), rows of an id's partners, its own where it has none.
        fewest: int64 (n, 3), runs up to so long are shorter than usual; as usual is one more.
        cost: int64 (n, 3, 9), bits by 3 * class of the run before + class of the run.
    """

    gate: Gate
    level: Level
    worth: NDArray[np.int64]
    partner: NDArray[np.int64]
    fewest: NDArray[np.int64]
    cost: NDArray[np.int64]

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Which ids have partners, bool (n,)."""
        has: NDArray[np.bool_] = self.partner[:, 0] != np.arange(len(self.partner))
        return has

    def to_bytes(self) -> bytes:
        """The `ORDR` section."""
        n = len(self.partner)
        record = np.zeros((n, PARTNERS, 8), np.int64)
        record[:, :, 0], record[:, :, 1], record[:, :, 2] = self.partner & 255, self.partner >> 8, self.fewest
        record[:, :, 3:] = self.cost[:, :, ::2]
        record[:, :, 3:7] |= self.cost[:, :, 1::2] << 4
        head = self.gate.to_bytes() + _HEADER.pack(n, PARTNERS, WINDOW) + self.level.to_bytes()
        return head + self.worth.astype("<u2").tobytes() + record.astype(np.uint8).tobytes()

    def gated(self, gate: Gate) -> Sequence:
        """The same behind another gate."""
        return replace(self, gate=gate)

    def worths(self, traffic: Traffic, places: Places) -> NDArray[np.int64]:
        """What each frame's order is worth, sixteenths of a bit, int64 (m,)."""
        worth = np.zeros(len(traffic.row), np.int64)
        for row in np.flatnonzero(self.judged).tolist():
            own = places[row]
            if len(own) < 3:
                continue
            cost = np.min([self._cost(places, own, row, j)[0] for j in range(PARTNERS)], axis=0)
            joined = places.joined(own)
            worth[own[2:]] = self.worth[np.where(joined[:-1] & joined[1:], cost, 0)]
        return worth

    def windows(
        self, traffic: Traffic, places: Places
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Of each window its last frame, its raw score, and its frame that is worth most, int64 (w,) each."""
        first = np.searchsorted(traffic.epoch, traffic.epoch)
        at = np.flatnonzero((np.arange(len(first)) - first) % WINDOW == WINDOW - 1)
        worth = self.worths(traffic, places)[at[:, None] + np.arange(1 - WINDOW, 1)]
        return at, worth.sum(axis=1), at - (WINDOW - 1) + worth.argmax(axis=1)

    def judge(self, traffic: Traffic) -> Judged:
        """Every window's surprise from a fresh start, and the id that was out of order most."""
        places = Places.of(traffic)
        at, raw, most = self.windows(traffic, places)
        blamed = np.where(raw > 0, traffic.row[most], BUS)

        def words(window: int) -> tuple[str, str, str]:
            return self._words(traffic.keys, places, int(blamed[window]), int(most[window]))

        return Judged(at, self.level.bits(raw), blamed, words)

    def _cost(
        self, places: Places, own: NDArray[np.int64], row: int, j: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Costs (len(own) - 2,) of an id's frames by one of its partners; runs and their classes, one more of each."""
        run = places.runs(int(self.partner[row, j]), own)
        kind = classes(run, int(self.fewest[row, j]))
        return self.cost[row, j][CLASSES * kind[:-1] + kind[1:]], run, kind

    def _words(self, keys: NDArray[np.uint32], places: Places, row: int, frame: int) -> tuple[str, str, str]:
        here = int(np.searchsorted(places[row], frame))
        own = places[row][here - 2 : here + 1]
        parts = [self._cost(places, own, row, j) for j in range(PARTNERS)]
        j = int(np.argmin([cost[0] for cost, _, _ in parts]))
        _, run, kind = parts[j]
        usual = int(np.argmin(self.cost[row, j].reshape(CLASSES, CLASSES)[kind[0]]))
        number = ("up to ", "", "from ")[usual] + str(int(self.fewest[row, j]) + usual)
        other = key_text(int(keys[self.partner[row, j]]))
        expected = f"{number} of {other} between two of {key_text(int(keys[row]))}"
        return "sequence", expected, f"{int(run[1]) & 255} of {other}"


def learn(clean: Clean) -> Sequence | None:
    """Learn the order of ids; None where hardly any id keeps one, or where the log is too short to show it."""
    traffic = clean.traffic
    n, places = len(traffic.keys), Places.of(traffic)
    if n > np.iinfo(np.uint16).max:
        return None
    partner = np.repeat(np.arange(n)[:, None], PARTNERS, axis=1)
    fewest = np.zeros((n, PARTNERS), np.int64)
    cost = np.zeros((n, PARTNERS, CLASSES**2), np.int64)
    for row, pairs in enumerate(partners(clean, places)):
        for j, pair in enumerate(pairs):
            partner[row, j], fewest[row, j], cost[row, j] = pair.partner, pair.fewest, pair.cost.ravel()
    # worth as much as they cost until the held-back part is asked
    made = Sequence(Gate(1), Level(0, 0, 0), np.arange(16), partner, fewest, cost)
    own = np.append(made.judged, False)[traffic.row]
    if np.mean(own) < JUDGED_LEAST or not np.any(own & clean.later):
        return None
    held = made.worths(traffic, places)[own & clean.later]
    made = replace(made, worth=_worth(held, int(cost.max())))
    at, raw, _ = made.windows(traffic, places)
    later = clean.later[at]
    if min(later.sum(), (~later).sum()) < WINDOWS_LEAST:
        return None
    made = replace(made, level=Level.fit(raw[~later], raw[later], counted=True))
    made = made.gated(gate(made.level.bits(raw[later]), clean.later_hours))
    return made if made.level.bits(WINDOW * made.worth[-1:])[0] >= made.gate.threshold else None


def _worth(held: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """What each cost is worth, sixteenths of a bit (16,).

    A low cost is worth nothing: the later part of the log was not asked about it (`level.tempering`). An id's costs
    end where its own runs are too few to show more; but that ids keep their order is a habit of the whole bus: above
    the highest cost that held-back frames had the worth rises so that the highest of all is worth what the number
    of those frames shows.

    Args:
        held: costs of the held-back frames.
        most: the highest cost in the tables.
    """
    cost = np.arange(16)
    seen = max(int(held.max()), SURPRISING)
    shown = max(float(np.log2(2 * (len(held) + 1))), most)
    rise = (shown - seen) / max(most - seen, 1)
    bits = np.select([cost <= SURPRISING, cost <= seen], [0.0, cost], seen + (cost - seen) * rise)
    return np.asarray(np.rint(16 * bits).clip(0, WORTH_MOST), np.int64)


def read(section: bytes) -> Sequence:
    """Read an `ORDR` section.

    Raises:
        ModelError: its length or a number in it is not what it can be.
    """
    reader = Reader(section, "sequence: section ORDR")
    gate_ = Gate(*reader.struct("HBB"))
    n, count, window, *level = reader.struct("HBBHHHH")
    if n == 0 or (count, window) != (PARTNERS, WINDOW):
        raise ModelError(f"{reader.where}: {n} ids, {count} partners, windows of {window} frames")
    worth = reader.array("u2", 16)
    record = reader.array("u1", n * RECORD).reshape(n, PARTNERS, 8)
    reader.end()
    partner = record[:, :, 0] | record[:, :, 1] << 8
    nibbles = np.stack([record[:, :, 3:] & 15, record[:, :, 3:] >> 4], axis=3).reshape(n, PARTNERS, 10)
    if partner.max() >= n or np.any(nibbles[:, :, 9]) or worth.max() > WORTH_MOST:
        raise ModelError(f"{reader.where}: a partner is no id, or a cost is out of range")
    return Sequence(gate_, Level.of(level, reader.where), worth, partner, record[:, :, 2], nibbles[:, :, :9])
