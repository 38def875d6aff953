"""The senders' clocks: an id that drifts from its learned period is sent by another control unit than before.

A masquerader who silences an id's sender and sends in its place keeps the rate, the order and the payloads; the
crystal that times the frames is another one (Cho & Shin, CIDS, USENIX Security 2016). Periods and their uncertainty come from
`clocks.py`, how drift is followed on the board from `drift.py`.

CLCK:

```
gate | u16 ids | u16 clocks | level (level.py)
u32 period_us [clocks] | u16 row, tolerance_us, slack_us, worth [clocks] each
u8 fraction of the period, 1/256 us [clocks] | u8 frames a batch [clocks] | zeros to 4 bytes
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.clock import clock_step_us
from canbean.can.frames import key_text
from canbean.detect.clocks import Beat, beat
from canbean.detect.drift import LEAK, Drifts, Table, drifts
from canbean.detect.fingerprint import gaps
from canbean.detect.level import Level, gate
from canbean.detect.order import Places
from canbean.detect.windows import Clean, Gate, Judged, Traffic
from canbean.errors import ModelError
from canbean.tiny.packing import Reader, padded

if TYPE_CHECKING:
    from numpy.typing import NDArray

TAG = "CLCK"
BOARD = "drift"  # the module of `firmware/canbean` with its twin
STEP_MOST_US = 100  # a log's clock that is coarser shows no drift of another
SLACK_PPM = 50.0  # two crystals of different control units part by so much as the weather changes
CERTAIN = 3.0  # sigmas of the learned period lie within the slack
SLACK_MOST_PPM = 100.0  # an id whose period is less certain, or ...
WANDER_PPM = 200.0  # ... which wanders as another crystal would drift, is left out
BATCH_US = 1_000_000
FRAMES_LEAST, FRAMES_MOST = 8, 64
CLOCKS_MOST = 96  # of so many ids a board has room for the sums
PERIOD_MOST_US = 10_000_000
BATCH_MOST_MS = 300_000
TOLERANCE_MOST_US = 15_000  # with these the offsets of a batch stay small integers
WORTH_MOST = 16383
UNIT = 64  # raw score of what is unusual for an id
UNUSUAL = 0.98
JITTER = 5.0  # parts of the tolerance that are usual for any id
BACK_TO_BACK = 0.02  # of the frames at least follow the one before without a pause
BATCHES_LEAST = 128  # in either part of the clean log
_HEADER = struct.Struct("<HH")


@dataclass(frozen=True, eq=False)
class Clock:
    """The clocks of some of n ids.

    Attributes:
        gate: between its bits and an alert.
        level: from a sum's raw score to honest bits.
        ids: n.
        table: what the clocks are like.
    """

    gate: Gate
    level: Level
    ids: int
    table: Table

    def to_bytes(self) -> bytes:
        """The `CLCK` section."""
        one = self.table
        head = self.gate.to_bytes() + _HEADER.pack(self.ids, len(one.row)) + self.level.to_bytes()
        words = (one.row, one.tolerance_us, one.slack_us, one.worth)
        parts = [one.period_us.astype("<u4"), *(column.astype("<u2") for column in words)]
        parts += [one.fraction.astype(np.uint8), one.frames.astype(np.uint8)]
        return head + padded(b"".join(part.tobytes() for part in parts))

    def gated(self, gate: Gate) -> Clock:
        """The same behind another gate."""
        return replace(self, gate=gate)

    def judge(self, traffic: Traffic) -> Judged:
        """The surprise of every batch of a clock's frames, from a fresh start; blamed is its id."""
        said = drifts(self.table, traffic)
        return Judged(
            said.at,
            self.level.bits(said.raw(self.table)),
            self.table.row[said.clock],
            lambda window: self._words(traffic.keys, said, window),
        )

    def _words(self, keys: NDArray[np.uint32], said: Drifts, window: int) -> tuple[str, str, str]:
        k = int(said.clock[window])
        batch_ms = int(self.table.batch_ms[k])
        within = int(self.table.slack_us[k]) * 1000 // batch_ms
        took_ms = int(said.age[window]) * batch_ms
        total = int(said.sum_us[window])
        rate = abs(total) * 1000 // took_ms + within
        expected = f"clock of {key_text(int(keys[self.table.row[k]]))} within -{within}..{within} ppm"
        return "timing", expected, f"{rate if total > 0 else -rate} ppm over {took_ms // 1000} s"


def learn(clean: Clean) -> Clock | None:
    """Learn the clocks of a bus; None where the log or its clock shows none of them well enough."""
    traffic = clean.traffic
    step_us = clock_step_us(traffic.frames.t_us)
    if step_us > STEP_MOST_US or len(traffic.keys) > np.iinfo(np.uint16).max:
        return None
    early, whole = _beats(clean, step_us)
    rows = sorted(early.keys() & whole.keys())
    if not rows:
        return None
    # What the periods are worth is what those show that the earlier part alone gave.
    said = drifts(table := _table(rows, early), traffic)
    later = clean.later[said.at]
    waits = _frame_us(traffic)
    usual = np.array(
        [
            _usual(said.counted_us[(said.clock == k) & ~later], max(float(jitter) / JITTER, waits))
            for k, jitter in enumerate(table.tolerance_us)
        ]
    )
    steady = usual <= WANDER_PPM * 1e-3 * table.batch_ms * (1 << LEAK)
    finest = np.argsort(usual / table.batch_ms, kind="stable")
    kept = np.sort(finest[steady[finest]][:CLOCKS_MOST])
    if not len(kept):
        return None
    rows = [rows[k] for k in kept.tolist()]
    worth = np.clip(np.rint(256 * UNIT / usual[kept]), 1, WORTH_MOST).astype(np.int64)
    table = _table(rows, early)._replace(worth=worth)
    said = drifts(table, traffic)
    later = clean.later[said.at]
    if min(later.sum(), (~later).sum()) < BATCHES_LEAST:
        return None
    raw = said.raw(table)
    level = Level.fit(raw[~later], raw[later], counted=False)
    own = gate(level.bits(raw[later]), clean.later_hours)
    made = Clock(own, level, len(traffic.keys), _table(rows, whole)._replace(worth=worth))
    most = np.array([WORTH_MOST])
    return made if level.bits(most)[0] >= own.threshold else None


def _beats(clean: Clean, step_us: int) -> tuple[dict[int, Beat], dict[int, Beat]]:
    """The beats of ids, by row, that the earlier part gives and that the whole log does, where they are certain enough."""
    traffic = clean.traffic
    gap, _ = gaps(traffic.frames.t_us, traffic.row, traffic.epoch)
    places = Places.of(traffic)
    found: tuple[dict[int, Beat], dict[int, Beat]] = ({}, {})
    for row in range(len(traffic.keys)):
        members = places[row]
        for part, into in ((members[~clean.later[members]], found[0]), (members, found[1])):
            one = beat(traffic.frames.t_us[part], gap[part], step_us)
            if (
                one is not None
                and CERTAIN * one.uncertainty_ppm <= SLACK_MOST_PPM
                and one.tolerance_us <= TOLERANCE_MOST_US
                and one.period_us * FRAMES_LEAST >= 1000
                and one.period_us <= PERIOD_MOST_US
            ):
                into[row] = one
    return found


def _table(rows: list[int], beats: dict[int, Beat]) -> Table:
    """The clocks of some rows, their worth yet 1."""
    period = np.array([beats[row].period_us for row in rows])
    slack = np.array([max(SLACK_PPM, CERTAIN * beats[row].uncertainty_ppm) for row in rows])
    fine = np.rint(256 * period).astype(np.int64)
    frames = np.clip(np.rint(BATCH_US / period), FRAMES_LEAST, FRAMES_MOST).astype(np.int64)
    tolerance = np.array([beats[row].tolerance_us for row in rows])
    return Table(
        row=np.array(rows, np.int64),
        period_us=fine >> 8,
        fraction=fine & 255,
        tolerance_us=np.ceil(tolerance).astype(np.int64).clip(1, TOLERANCE_MOST_US),
        frames=frames,
        slack_us=np.ceil(1e-6 * slack * frames * period).astype(np.int64).clip(1, 65535),
        worth=np.ones(len(rows), np.int64),
    )


def _usual(counted_us: NDArray[np.int64], least: float) -> float:
    """What sum is unusual for an id, by its earlier batches, but `least` at least."""
    return max(float(np.quantile(counted_us, UNUSUAL)), least) if len(counted_us) else least


def _frame_us(traffic: Traffic) -> float:
    """About the time that a frame takes on the bus: so long another one waits for it, for minutes where their beats agree."""
    steps = np.diff(traffic.frames.t_us)
    return max(float(np.quantile(steps[steps > 0], BACK_TO_BACK)), 1.0) if np.any(steps > 0) else 1.0


def read(section: bytes) -> Clock:
    """Read a `CLCK` section.

    Raises:
        ModelError: its length or a number in it is not what it can be.
    """
    reader = Reader(section, "clock: section CLCK")
    own = Gate(*reader.struct("HBB"))
    n, clocks, *level = reader.struct("HHHHHH")
    if not 0 < clocks <= CLOCKS_MOST:
        raise ModelError(f"{reader.where}: {clocks} clocks of {n} ids")
    period = np.array(reader.struct(f"{clocks}I"), np.int64)
    row, tolerance, slack, worth = np.array(reader.struct(f"{4 * clocks}H"), np.int64).reshape(4, clocks)
    small = reader.array("u1", 2 * clocks)
    reader.end()
    fraction, frames = small[:clocks], small[clocks:]
    table = Table(row, period, fraction, tolerance, frames, slack, worth)
    if np.any(np.diff(row) <= 0) or row[-1] >= n:
        raise ModelError(f"{reader.where}: a clock is of no id")
    if (
        period.max() > PERIOD_MOST_US
        or frames.min() < 1
        or frames.max() > FRAMES_MOST
        or not 1 <= table.batch_ms.min() <= table.batch_ms.max() <= BATCH_MOST_MS
        or tolerance.max() > TOLERANCE_MOST_US
        or worth.max() > WORTH_MOST
    ):
        raise ModelError(f"{reader.where}: a period, a tolerance or a batch is out of range")
    return Clock(own, Level.of(level, reader.where), n, table)
