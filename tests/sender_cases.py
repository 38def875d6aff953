"""A masquerader whose crystal is another one: it silences the sender of an id and sends the frames in its place."""

import numpy as np

from canbean.can.bus import arbitrate, frame_us, priority


def masquerade(frames, key, ppm, *, start_s, length_s, jitter_us=50.0, seed=0):
    """Frames of an id between two times sent by a clock that is `ppm` slower; who wins the bus is settled again.

    The masquerader begins within its jitter of the beat that it takes over, and keeps the payloads; the true sender goes on
    with its own beat afterwards.
    """
    rng = np.random.default_rng(seed)
    start = int(frames.t_us[0] + start_s * 1e6)
    own = np.flatnonzero(frames.key == key)
    silenced = own[(frames.t_us[own] >= start) & (frames.t_us[own] < start + length_s * 1e6)]
    period = (frames.t_us[own[-1]] - frames.t_us[own[0]]) / (len(own) - 1) * (1 + 1e-6 * ppm)
    first = float(np.median(frames.t_us[silenced[:20]] - period * np.arange(len(silenced[:20]))))
    due = first + period * np.arange(len(silenced))
    sent = np.sort(due + rng.normal(0, jitter_us, len(due)).clip(-3 * jitter_us, 3 * jitter_us)).astype(
        np.int64
    )
    t_us = frames.t_us.copy()
    t_us[silenced] = sent
    moved = frames.changed(t_us=t_us)
    length = frame_us(moved.dlc, moved.ext)
    ready = moved.t_us - length
    order = np.argsort(ready, kind="stable")
    moved, length, ready = moved[order], length[order], ready[order]
    return moved.changed(t_us=arbitrate(ready, priority(moved.id, moved.ext), length)).in_time_order()
