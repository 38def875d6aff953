"""The clock of a log: how coarse its times are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STAMPED_TOGETHER = 0.1
"""Share of frames with the time of the frame before from which on times are those of batches: a bus carries one at a time."""


def clock_step_us(t_us: NDArray[np.int64]) -> int:
    """The step of a log's clock in microseconds; 0 where no two of its times, int64 (n,), differ.

    It is what all differences are multiples of. Where many frames share a time, as a logger stamps them that collects
    frames before it looks at its clock, it is also the least usual difference.
    """
    steps = np.abs(np.diff(t_us))
    moving = steps[steps > 0]
    if not len(moving):
        return 0
    step = int(np.gcd.reduce(moving))
    if len(moving) <= (1 - STAMPED_TOGETHER) * len(steps):
        step = max(step, int(np.quantile(moving, 0.1)))
    return step
