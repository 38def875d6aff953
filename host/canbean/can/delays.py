"""What injected frames do to the others: what is in the way waits.

The times of a log are taken as the ends of its frames. An injected frame delays what follows on its bus by its own length,
until a pause makes up for it, so frames do not overlap more than they did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.bus import frame_us
from canbean.can.frames import FD, Frames

if TYPE_CHECKING:
    from numpy.typing import NDArray


def onto_bus(frames: Frames, added: Frames, bitrate: int) -> Frames:
    """Both tables in order of time; on each bus, what an added frame is in the way of waits for its end."""
    both = Frames.concat([frames, added])
    new = np.arange(len(both)) >= len(frames)
    order = np.argsort(both.t_us, kind="stable")
    both, new = both[order], new[order]
    length = frame_us(both.dlc, both.ext, both.flags & FD > 0, bitrate)
    t_us = both.t_us.copy()
    for bus in np.unique(both.bus[new]):
        rows = np.flatnonzero(both.bus == bus)
        t_us[rows] = _delayed(t_us[rows], length[rows], new[rows])
    return both.changed(t_us=t_us).in_time_order()


def _delayed(t_us: NDArray[np.int64], length: NDArray[np.int64], new: NDArray[np.bool_]) -> NDArray[np.int64]:
    """When frames end, given when they would have ended without the new ones; runs from each new frame to a pause."""
    out, lengths, fresh = t_us.tolist(), length.tolist(), new.tolist()
    done = 0
    for first in np.flatnonzero(new).tolist():
        i = max(first, done)
        while i < len(out) and (fresh[i] or (i > 0 and (fresh[i - 1] or out[i - 1] > t_us[i - 1]))):
            earliest = out[i - 1] + lengths[i] if i else out[i]
            out[i] = max(out[i], earliest)
            i += 1
        done = i
    return np.array(out, np.int64)
