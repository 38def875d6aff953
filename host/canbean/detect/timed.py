"""Windows of time and their features, in integers; the twin of `firmware/canbean/windows.py` up to its mixture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.fingerprint import elapsed_us
from canbean.tiny.fixed import bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from canbean.detect.order import Places
    from canbean.detect.windows import Traffic

FEATURES = 5
COUNT_MOST = 255
PAYLOADS = 3
"""The first feature that is counted a frame and not a window."""
_ONES = np.array([number.bit_count() for number in range(256)])


@dataclass(frozen=True)
class Timed:
    """Windows that were judged, w of them.

    Attributes:
        begin: int64 (w,), their first frames.
        at: int64 (w,), the frames after their last ones, with which they are judged.
        about: int64 (w, 5): frames, known ids, longest silence in microseconds, changed bits, changed payloads.
        known: int64 (w,), frames of known ids.
    """

    begin: NDArray[np.int64]
    at: NDArray[np.int64]
    about: NDArray[np.int64]
    known: NDArray[np.int64]

    @property
    def features(self) -> NDArray[np.int64]:
        """Logarithms (w, 5), in 1/64 octave; the last two are counted to a frame of a known id."""
        logarithm = bucket(self.about + (np.arange(FEATURES) >= PAYLOADS))
        logarithm[:, PAYLOADS:] -= bucket(self.known)[:, None]
        return logarithm

    def counts(self, window: int, traffic: Traffic) -> NDArray[np.int64]:
        """Frames of each known id in a window, at most 255, (n,)."""
        n = len(traffic.keys)
        number = np.bincount(traffic.row[self.begin[window] : self.at[window]], minlength=n)
        return np.minimum(number[:n], COUNT_MOST).astype(np.int64)


def timed(traffic: Traffic, places: Places, window_us: int) -> Timed:
    """Cut traffic into windows; the frames after the last whole window of an epoch are in none."""
    t_us, m = traffic.frames.t_us, len(traffic.row)
    cuts = list(_cuts(t_us, traffic.epoch, window_us))
    begin, at = (np.array([cut[part] for cut in cuts], np.int64) for part in (0, 1))
    if not cuts:
        return Timed(begin, at, np.zeros((0, FEATURES), np.int64), begin)
    before, flipped = _changes(traffic, places)
    step = np.zeros(m, np.int64)
    step[1:] = elapsed_us(t_us[1:], t_us[:-1])
    step[begin] = 0
    known = traffic.row < len(traffic.keys)
    fresh = known & (before < _spread(begin, at, m))
    edges = np.stack([begin, at], axis=1).ravel()

    def total(values: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.int64]:
        sums = np.concatenate([[0], np.cumsum(values)])
        return np.asarray(sums[at] - sums[begin], np.int64)

    silence = np.maximum.reduceat(np.append(np.maximum(step, 0), 0), edges)[::2]
    about = [at - begin, total(fresh), silence, total(_ONES[flipped]), total(flipped > 0)]
    return Timed(begin, at, np.stack(about, axis=1), total(known))


def _cuts(t_us: NDArray[np.int64], epoch: NDArray[np.int64], window_us: int) -> Iterator[tuple[int, int]]:
    """First frame and the one after the last of each whole window."""
    edges = [0, *(np.flatnonzero(np.diff(epoch)) + 1).tolist(), len(epoch)]
    for start, stop in pairwise(edges):
        times = t_us[start:stop]
        if np.all(times[1:] >= times[:-1]):
            following = np.searchsorted(times, times + window_us).tolist()
            begin = 0
            while begin < len(times) and (at := following[begin]) < len(times):
                yield start + begin, start + at
                begin = at
        else:
            begin = start
            for at, time in enumerate(times.tolist(), start):
                since = time - int(t_us[begin])
                if since >= window_us:
                    yield begin, at
                if not 0 <= since < window_us:
                    begin = at


def _spread(begin: NDArray[np.int64], at: NDArray[np.int64], m: int) -> NDArray[np.int64]:
    """For each frame the first one of its window, 0 where it is in none."""
    first = np.zeros(m, np.int64)
    first[np.concatenate([np.arange(*pair) for pair in zip(begin, at, strict=True)])] = np.repeat(
        begin, at - begin
    )
    return first


def _changes(traffic: Traffic, places: Places) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """For each frame the last one of its id, -1 for none, and how its folded payload differs from that one's.

    The first of an epoch differs from zero; what is unknown does not change.
    """
    fold = np.bitwise_xor.reduce(traffic.frames.data[:, :8], axis=1)
    order = places.order
    here, there = order[1:], order[:-1]
    same = traffic.row[here] == traffic.row[there]
    before = np.full(len(order), -1, np.int64)
    before[here[same]] = there[same]
    flipped = fold.copy()
    awake = same & (traffic.epoch[here] == traffic.epoch[there])
    flipped[here[awake]] ^= fold[there[awake]]
    flipped[traffic.row == len(traffic.keys)] = 0
    return before, flipped
