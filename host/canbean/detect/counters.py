"""Counters in payloads: fields that go on by the same step in every frame, found without knowing where they are.

The rule: from each value the next one is foretold (`low + (value - low + step) mod values`), and at least `HOLDS` of the frames
obey, after each single value most of them; the topmost bit must turn when it is foretold to. Both kinds of wrap are known: at a power of two, and before it (0 to 14, as
AUTOSAR's end-to-end profiles count, or 1 to 15). Frames that were lost make a counter skip; so many may. A counter may also pause, where frames come more often than
it is counted: then the frames in which it stays are left out, and it must have wrapped three times.

The chance that noise is taken for a counter: were the values independent, a frame would obey with the probability 1/values, and
`k` of `n` frames with at most `2**(-n * D(k/n || 1/values))` (Chernoff 1952, D in bits). Times all places, widths, byte orders and
steps that are tried, that must be under `2**-EVIDENCE_BITS` an id.

A counter in even steps is seen without the low bits that never turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.bitflips import BIG, LITTLE, significance, value_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOLDS = 0.97
"""Share of the frames in which a counter goes on as foretold."""
EVIDENCE_BITS = 30.0
"""Noise is called a counter with a probability below 2**-30 an id."""
FEWEST = 24
"""Steps from one frame to the next below which nothing is called a counter."""
TURNS = 0.2
"""The lowest bit of a counter turns at least this often: two times out of three when it counts 0, 1, 2, less if it pauses."""
PAUSING_BITS = 3
"""A counter that pauses has at least so many bits: two bits go round in whatever rises."""
MOVES = 0.2
"""It goes on in at least this share of the frames ..."""
WRAPS = 3
"""... and wraps so many times."""
BYTE = 8
WIDEST = 32
SEARCHED = 4000
"""Steps in which counters are looked for; what is found must hold in all."""
SEEN = 4
"""Times that a value was there before what follows it is judged."""
TOGGLE = 0.99
"""A counter of one bit turns in so many of the frames."""


@dataclass(frozen=True)
class Counter:
    """A counter.

    Attributes:
        positions: its bits, the least significant first.
        order: byte order, `little` unless it spans bytes the other way.
        step: what it goes on by.
        low, high: the values it wraps between.
        holds: the share of its steps that obey.
        pauses: the share of frames in which it stays, of one that does not count every frame.
        log2_false: logarithm to base 2 of the chance to find this in noise.
    """

    positions: tuple[int, ...]
    order: str
    step: int
    low: int
    high: int
    holds: float
    pauses: float
    log2_false: float

    def foretold(self, value: NDArray[np.int64]) -> NDArray[np.int64]:
        """The value after each value."""
        return _foretold(value, self.step, self.low, self.high)


def find_counters(bits: NDArray[np.uint8], rates: NDArray[np.float64]) -> list[Counter]:
    """The counters of one id, by place; where several would overlap the widest counts.

    Args:
        bits: uint8 (b, m), one row a bit, one column a frame in order of time.
        rates: float64 (b,), the share of frames in which each bit turns.
    """
    if bits.shape[1] <= FEWEST:
        return []
    short = bits[:, : SEARCHED + 1]
    places: list[tuple[int, Counter]] = []
    # Byte orders differ only for what reaches the end of its byte.
    reaching: set[int] = set()
    for order in (LITTLE, BIG):
        line = significance(len(bits) // 8, order)
        for at, lowest in enumerate(line):
            if rates[lowest] < TURNS or (order == BIG and lowest not in reaching):
                continue
            found = _widest(short, bits, line[at : at + WIDEST], order)
            if found is None or (order == BIG and _in_a_byte(found.positions)):
                continue
            if found.pauses and lowest % 8 and rates[lowest - 1]:
                # Upper bits of something that goes with a counter.
                continue
            places.append((lowest, found))
            if found.positions[-1] // 8 != lowest // 8 or found.positions[-1] % 8 == 7:
                reaching.add(lowest)
    chosen: list[Counter] = []
    taken: set[int] = set()
    for _, found in sorted(
        places, key=lambda one: (-len(one[1].positions), one[1].pauses, -one[1].holds, one[0])
    ):
        if taken.isdisjoint(found.positions):
            chosen.append(found)
            taken.update(found.positions)
    return sorted(chosen, key=lambda one: min(one.positions))


def _in_a_byte(positions: tuple[int, ...]) -> bool:
    return positions[0] // 8 == positions[-1] // 8


def _widest(short: NDArray[np.uint8], bits: NDArray[np.uint8], line: list[int], order: str) -> Counter | None:
    """The widest counter that begins at the first bit of `line` and goes on along it."""
    best = None
    value = np.zeros(short.shape[1], np.int64)
    for width in range(1, len(line) + 1):
        top = short[line[width - 1]].astype(np.int64)
        if top.min() == top.max():
            break
        value |= top << (width - 1)
        found = _ruled(value, width)
        if found is not None:
            best = tuple(line[:width]), found
        elif width > BYTE:
            # The low bits of a counter count too, but for those that wrap early, which are short.
            break
        if best is None and width == BYTE:
            break
    if best is None:
        return None
    positions, (rule, pauses) = best
    return _proven(bits, order, positions, rule, pauses=pauses)


def _ruled(value: NDArray[np.int64], width: int) -> tuple[tuple[int, int, int], bool] | None:
    """(step, low, high) and whether it pauses, that rule a value of `width` bits, or None."""
    for pauses in (False, True):
        series = _moved(value) if pauses else value
        if len(series) <= FEWEST or (
            pauses and (width < PAUSING_BITS or len(series) - 1 < MOVES * (len(value) - 1))
        ):
            continue
        for step, low, high in _wraps(series, width):
            if _obeys(series, width, step, low, high):
                return (step, low, high), pauses
    return None


def _moved(value: NDArray[np.int64]) -> NDArray[np.int64]:
    """The values without those that repeat the one before."""
    moved: NDArray[np.int64] = value[np.concatenate([[True], value[1:] != value[:-1]])]
    return moved


def _turns_over(series: NDArray[np.int64], step: int, low: int, high: int) -> bool:
    """Whether a counter that pauses wrapped at least three times: a slow value that rises does not."""
    upward = 2 * step <= high - low + 1
    wraps = series[1:] < series[:-1] if upward else series[1:] > series[:-1]
    return int(np.count_nonzero(wraps)) >= WRAPS


def _proven(
    bits: NDArray[np.uint8],
    order: str,
    positions: tuple[int, ...],
    rule: tuple[int, int, int],
    *,
    pauses: bool,
) -> Counter | None:
    """The counter, if it holds in all frames and its evidence is enough."""
    step, low, high = rule
    whole = value_of(bits, positions)
    series = _moved(whole) if pauses else whole
    if pauses and not _turns_over(series, step, low, high):
        return None
    right = int(np.count_nonzero(_foretold(series[:-1], step, low, high) == series[1:]))
    n = len(series) - 1
    values = high - low + 1 - pauses
    chance = log2_chance(right, n, values) + float(np.log2(4 * len(bits) * WIDEST)) + len(positions)
    if right < (TOGGLE if len(positions) == 1 else HOLDS) * n or chance > -EVIDENCE_BITS:
        return None
    order = LITTLE if _in_a_byte(positions) else order
    rested = 1 - n / (len(whole) - 1)
    return Counter(positions, order, step, low, high, holds=right / n, pauses=rested, log2_false=chance)


def _wraps(value: NDArray[np.int64], width: int) -> list[tuple[int, int, int]]:
    """(step, low, high) that may rule a value of `width` bits: a wrap at the power of two, and one before it."""
    full = (1 << width) - 1
    change = (value[1:] - value[:-1]) & full
    if width <= BYTE:
        step = int(np.argmax(np.bincount(change)))
    else:
        steps, counts = np.unique(change, return_counts=True)
        step = int(steps[np.argmax(counts)])
    if step == 0:
        return []
    found = [(step, 0, full)]
    if 2 <= width <= BYTE:
        often = np.bincount(value, minlength=full + 1)
        usual = np.flatnonzero(often >= np.median(often[often > 0]) / 4)
        low, high = int(usual[0]), int(usual[-1])
        if low in {0, 1} and high - low < full and high > full // 2 and step <= high - low:
            found.append((step, low, high))
    return found


def _foretold(value: NDArray[np.int64], step: int, low: int, high: int) -> NDArray[np.int64]:
    return low + (value - low + step) % (high - low + 1)


def _obeys(value: NDArray[np.int64], width: int, step: int, low: int, high: int) -> bool:
    """Whether a value goes on as foretold, and its topmost bit in particular."""
    told, came = _foretold(value[:-1], step, low, high), value[1:]
    right = told == came
    if np.count_nonzero(right) < HOLDS * len(came):
        return False
    # Lost frames come anywhere. What fails wherever it passes one value is no counter of this width.
    spot = value[:-1] & 0xFF
    seen, failed = np.bincount(spot, minlength=256), np.bincount(spot[~right], minlength=256)
    if bool(np.any((seen >= SEEN) & (2 * failed > seen))):
        return False
    top = width - 1
    before, expected, after = value[:-1] >> top, told >> top, came >> top
    turns = (expected != before) | (after != before)
    return bool(turns.any()) and float(np.mean(expected[turns] == after[turns])) >= HOLDS


def log2_chance(right: int, n: int, values: int) -> float:
    """Bound of the logarithm to base 2 of the chance that `right` or more of `n` independent guesses among `values` are right."""
    share, chance = right / n, 1 / values
    if share <= chance:
        return 0.0
    spread = share * np.log2(share / chance)
    if share < 1:
        spread += (1 - share) * np.log2((1 - share) / (1 - chance))
    return float(-n * spread)
