"""What each id of a bus has always done: its habits before the held-back part of a clean log, and whether it kept them there.

What an id never did is surprising only as far as ids of this kind can be trusted. So a habit counts for what it is worth
(`worth`) where the held-back part kept it, and for what it showed where not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.fingerprint import SCORE_CAP, dlc_codes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from canbean.can.frames import Frames

SIXTEENTHS = 16
PERIODIC_GAPS = 16
"""With fewer gaps no period is known."""
USUAL = (0.995, 0.97, 0.9, 0.75)
"""Shares of an id's gaps; the longest of these that no two gaps together come down to marks an inserted frame."""
CLOCKED = 1.4
"""An id whose usual gaps are longer than this many periods is not sent by a clock: its frames are left out or held up."""
GONE = 2.5
"""Periods of silence that a clocked id must not have shown."""


@dataclass(frozen=True)
class Habit:
    """One id; gaps and spans (two gaps together) in microseconds, those that there are.

    Attributes:
        members: rows of its frames, in order; the first `old` of them come before the held-back part.
        old: how many.
        gap_old, gap_new, span_old, span_new: before and in the held-back part.
        data: uint8 (m, 8), payloads.
        wider: frames of the held-back part, counted from its start, that showed new bits or ranges of bytes.
        period_us: the median gap, 0 where there is none.
        usual_us: an inserted frame makes a span as short as this.
        clocked: whether a clock sends it.
        insertion_kept: whether no span was so short later either; None where it had been before, or is not known.
        silence_kept: the same of long silences.
        dlc_kept: the same of its DLCs.
    """

    members: NDArray[np.int64]
    old: int
    gap_old: NDArray[np.int64]
    gap_new: NDArray[np.int64]
    span_old: NDArray[np.int64]
    span_new: NDArray[np.int64]
    data: NDArray[np.uint8]
    wider: NDArray[np.int64]
    period_us: float
    usual_us: float
    clocked: bool
    insertion_kept: bool | None
    silence_kept: bool | None
    dlc_kept: bool | None

    @property
    def gaps(self) -> int:
        """How many gaps are known."""
        return len(self.gap_old) + len(self.gap_new)


def habit(
    frames: Frames,
    members: NDArray[np.int64],
    later: NDArray[np.bool_],
    gap: NDArray[np.int64],
    span: NDArray[np.int64],
) -> Habit:
    """The habit of one id.

    Args:
        frames: clean frames, m of them.
        members: rows of the id, ascending.
        later: bool (m,), the held-back part.
        gap: int64 (m,), as `fingerprint.gaps` gives it.
        span: the same.
    """
    old, new = members[~later[members]], members[later[members]]
    gap_old, gap_new, span_old, span_new = (
        times[times >= 0] for times in (gap[old], gap[new], span[old], span[new])
    )
    both = np.concatenate([gap_old, gap_new])
    clocked = _clocked(both)
    usual, insertion, silence = 0.0, None, None
    if _clocked(gap_old):
        for share in USUAL:
            usual = max(float(np.quantile(gap_old, share)), float(np.quantile(both, share)))
            if not np.any(span_old <= usual):
                insertion = clocked and not np.any(span_new <= usual)
                break
        longest = max(GONE * float(np.median(gap_old)), float(gap_old.max()))
        silence = clocked and not np.any(gap_new > longest)
    data = frames.data[np.concatenate([old, new]), :8]
    codes = dlc_codes(frames[np.concatenate([old, new])])
    enough = len(old) >= PERIODIC_GAPS and len(new) > 0
    return Habit(
        members=members,
        old=len(old),
        gap_old=gap_old,
        gap_new=gap_new,
        span_old=span_old,
        span_new=span_new,
        data=data,
        wider=_wider(data, len(old)),
        period_us=float(np.median(both)) if len(both) else 0.0,
        usual_us=usual,
        clocked=clocked,
        insertion_kept=insertion,
        silence_kept=silence,
        dlc_kept=bool(np.isin(codes[len(old) :], codes[: len(old)]).all()) if enough else None,
    )


def _clocked(gaps_us: NDArray[np.int64]) -> bool:
    """Whether hardly any gap is much longer than the median one."""
    if len(gaps_us) < PERIODIC_GAPS:
        return False
    period, usual = np.quantile(gaps_us, [0.5, USUAL[0]])
    return bool(0 < usual <= CLOCKED * period)


def _wider(data: NDArray[np.uint8], start: int) -> NDArray[np.int64]:
    """Which rows from `start` on (counted from there) show a bit or a byte range that no earlier row had."""
    if start == 0 or start >= len(data):
        return np.zeros(0, np.int64)
    wider = np.zeros(len(data) - start, np.bool_)
    for widest in (np.bitwise_or, np.bitwise_and, np.maximum, np.minimum):
        grown = widest.accumulate(data)
        wider |= np.any(grown[start:] != grown[start - 1 : -1], axis=1)
    return np.flatnonzero(wider)


def broken(kept: Iterable[bool | None]) -> float:
    """The share of ids that broke later what they had kept before, 0 where none did; None do not count."""
    said = [one for one in kept if one is not None]
    return said.count(False) / (len(said) + 1)


def bits_of(odds: float) -> int:
    """Sixteenths of a bit of what comes once in `odds` times."""
    return int(np.clip(round(np.log2(max(odds, 1.0)) * SIXTEENTHS), 0, SCORE_CAP))


def worth(frames: int, share_broken: float = 1.0) -> int:
    """Sixteenths of a bit of what an id did in none of its frames.

    Two chances, both by the estimate of Krichevsky and Trofimov (1981), (0 + 1/2) / (frames + 1): that the id has a
    habit which these frames did not show, and that the next frame shows it. The first is at least the share of ids
    that did break such a habit later; 1 makes nothing of the habit and leaves what the frames alone say.
    """
    never = 0.5 / (frames + 1)
    return bits_of(1 / never / max(share_broken, never))


def shown(breaches: int, frames: int) -> int:
    """Sixteenths of a bit of one more breach, where so many frames brought `breaches` of them."""
    return bits_of((frames + 1) / (breaches + 0.5))
