"""Whether a reading may be believed: the board's decision, vectorised.

The bounds, in the order in which they are asked; `firmware/canbean/quality.py` has the same ones:

* *saturated*: a channel, with its ambient light, is within 1/128 of what the converter holds.
* *ambient light*: more than an eighth of a channel's own light came in without the LED (0 to 5 % leak into a closed
  cup) and it is more than 1/512 of full scale, which noise is not.
* *not settled*: between the quartiles of the samples lie more than 1/64 of the counts and 1/1024 of full scale. The
  samples of a still cup differ by 0.3 % at most; a cup put down, moved or taken away meanwhile by far more.
* *not calibrated*: reflectances are wanted and there is no calibration.
* *empty*: no channel is 3.5 % above the empty window of the calibration. The darkest coffee has 5 % in the infrared
  and in the red 4 %.
* *dirty window*: empty, but some channel is 0.5 % above or below what the empty window was at calibration: dust or oil
  stays on it and is added to every reading (0.5 % is about one point).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

QUALITY = ("ok", "empty", "saturated", "ambient light", "not settled", "dirty window", "not calibrated")
OK, EMPTY, SATURATED, AMBIENT, NOT_SETTLED, DIRTY, NOT_CALIBRATED = range(7)
EMPTY_MILLI = 3500
"""Thousandths of a percent of reflectance above the empty window below which nothing lies on it."""
DIRTY_MILLI = 500
"""Thousandths of a percent by which a clean empty window may differ from that of the calibration."""


def judge(  # noqa: PLR0917 - the order of the firmware's twin
    counts: ArrayLike,
    dark: ArrayLike,
    spread: ArrayLike,
    full: int,
    milli: ArrayLike | None,
    empty: ArrayLike = (),
) -> NDArray[np.int64]:
    """What to say of readings.

    Args:
        counts: with the light on, those of `dark` taken away, integers (n, c).
        dark: counts with the light off, (n, c).
        spread: from the first quartile to the third of a reading's samples, in counts, (n, c).
        full: counts at which a sample is saturated.
        milli: reflectances in thousandths of a percent (n, c); None where they are wanted and there is no calibration;
            `()` where raw counts are all that is wanted.
        empty: reflectances of the empty window at calibration (c,).

    Returns:
        Indices into `QUALITY` (n,).
    """
    n, d, s = (np.atleast_2d(np.asarray(v, np.int64)) for v in (counts, dark, spread))
    said = np.zeros(len(n), np.int64)
    if milli is None:
        said[:] = NOT_CALIBRATED
    elif np.size(milli):
        above = np.atleast_2d(np.asarray(milli, np.int64)) - np.asarray(empty, np.int64)
        most, least = above.max(axis=1), above.min(axis=1)
        dirty = (most > DIRTY_MILLI) | (least < -DIRTY_MILLI)
        said = np.where(most < EMPTY_MILLI, np.where(dirty, DIRTY, EMPTY), said)
    said[(s > (n >> 6) + (full >> 10)).any(axis=1)] = NOT_SETTLED
    said[(d > np.maximum(n >> 3, full >> 9)).any(axis=1)] = AMBIENT
    said[(n + d >= full - (full >> 7)).any(axis=1)] = SATURATED
    return said
