"""A novelty or an attack? Of an unknown id on a bus whose set of ids is closed: whether it comes as a control unit sends.

A new id that comes steadily, no faster than the ids of its bus do and without crowding it, is as likely an option that was switched
on, or a device that was plugged in, as an attack. It is alerted all the same; its words say how often it came, and its severity is
low. One that comes irregularly, faster, or as one of more than `IDS` at a time keeps the severity of its bits.

The twin of `unknown` in `firmware/canbean/fingerprint.py`, which remembers the last `IDS` unknown ids and takes times in milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.fingerprint import SCORE_CAP, crowds

if TYPE_CHECKING:
    from canbean.can.frames import Frames
    from canbean.detect.fingerprint import Fingerprint, Surprise

IDS = 8
"""Unknown ids that are remembered; a further one takes the place of the one that was new first."""
GAPS = 8
"""Gaps in a row, each within a quarter of the first of them, that show a steady id."""
ROUND_MS = 1000 << 20
"""The board's milliseconds come round."""
SEVERITY = "low"


def novelties(fingerprint: Fingerprint, frames: Frames, said: Surprise) -> dict[int, str]:
    """What an alert adds to its words at each frame of an unknown id that is steady, by position; empty on an open bus.

    Args:
        fingerprint: what is known.
        frames: as they were scored, unscored ones among them.
        said: what the fingerprint says of them.
    """
    if fingerprint.unknown_bits < SCORE_CAP:
        return {}
    unknown = said.order[said.slot[said.order] == len(fingerprint)]
    crowded = np.zeros(len(frames), np.bool_)
    crowded[said.order] = crowds(frames.t_us[said.order], fingerprint.crowd_us)
    rushed = crowded | (said.share > fingerprint.share)
    fastest = fingerprint.pace_us // fingerprint.share >> 4
    steady: dict[int, str] = {}
    last: dict[
        int, tuple[int, int, int]
    ] = {}  # of an id: when it came, its usual gap (-1: none), gaps like it
    columns = (unknown, frames.key[unknown], frames.t_us[unknown] // 1000)
    for at, key, now in zip(*(column.tolist() for column in columns), strict=True):
        usual, count = -1, 0
        if key in last:
            before, usual, count = last[key]
            gap = (now - before) % ROUND_MS
            if abs(gap - usual) > usual >> 2:
                usual, count = gap, 0
            count += 1
        elif len(last) == IDS:
            del last[next(iter(last))]
        last[key] = now, usual, count
        if count >= GAPS and usual > fastest and not rushed[at]:
            steady[at] = f", every {usual} ms, {count} times"
    return steady
