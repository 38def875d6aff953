"""The words of alerts: what was expected and what was seen; the same on the board (`firmware/canbean/alert.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import LENGTHS, key_text
from canbean.detect.checks import PARTS as CHECKED
from canbean.detect.fingerprint import RECENT, SCORE_CAP, dlc_codes, outside
from canbean.tiny.fixed import bucket

if TYPE_CHECKING:
    from canbean.can.frames import Frames
    from canbean.detect.fingerprint import Fingerprint
    from canbean.detect.gateway import Gateway, Scored

    Words = tuple[str, str, str]


def of_silence(fingerprint: Fingerprint, row: int, silent: int) -> tuple[int, Words]:
    """Bits, and kind, what was expected and what was seen, of an id that has been away for `silent` microseconds."""
    column = fingerprint.column
    late = max(int(bucket(np.int64(silent))) - int(column("late_edge")[row]), 0)
    bits = int(column("late_base")[row]) + (late * int(column("late_slope")[row]) >> 6)
    bits = max(min(bits, int(column("late_most")[row]), SCORE_CAP), fingerprint.threshold)
    return bits, ("missing", f"a frame within {fingerprint.timeout_us[row]} us", f"none for {silent} us")


def of_frame(gateway: Gateway, frames: Frames, scores: Scored, at: int) -> Words:
    """Kind, what was expected and what was seen of a frame: by the part of its score that says most."""
    fingerprint, said = gateway.fingerprint, scores.said
    row = int(said.slot[at])
    if row == len(fingerprint):
        return "unknown-id", f"one of {row} known ids", f"id {key_text(int(frames.key[at]))}"
    start, rate, timing, dlc, payload = (int(part) for part in said.parts[:, at])
    most = max(start, rate, timing, dlc, payload)
    if gateway.checks is not None and scores.checked is not None:
        place = int(np.searchsorted(said.order, at))
        checked = scores.checked.bits[:, place]
        if checked.max() > most:
            part = CHECKED[int(np.argmax(checked))]
            return part, *scores.checked.words(gateway.checks, row, place, part)
    if most == start:
        start_s = fingerprint.column("start_s")[row]
        return "rate", f"only in the first {start_s} s after waking up", f"{said.awake_s[at]} s after it"
    if most == rate:
        return "rate", f"at most {fingerprint.share} of {RECENT} frames", f"{said.share[at]} of them"
    if most == timing:
        if said.by_gap[at] == timing:
            edge, seen, what = fingerprint.column("gap_edge")[row], said.gap_us[at], "1 gap"
        else:
            edge, seen, what = fingerprint.column("span_edge")[row], said.span_us[at], "2 gaps"
        return "timing", f"{what} of at least {unbucket(int(edge))} us", f"{seen} us"
    if most == dlc:
        codes = int(fingerprint.column("dlcs")[row])
        usual = " or ".join(str(length) for code, length in enumerate(LENGTHS) if codes >> code & 1)
        return "dlc", f"length {usual}", f"length {LENGTHS[dlc_codes(frames[at : at + 1])[0]]}"
    data = frames.data[at, :8]
    k = int(np.flatnonzero(outside(fingerprint, data[None], np.array([row]))[0])[0])
    mask, low = int(fingerprint.mask[row, k]), int(fingerprint.low[row, k])
    seen_text = f"byte {k} is {data[k]:02X}"
    if (int(data[k]) ^ low) & mask:
        return "payload", f"byte {k} has {low & mask:02X} in bits {mask:02X}", seen_text
    return "payload", f"byte {k} in {low:02X}..{fingerprint.high[row, k]:02X}", seen_text


def unbucket(edge: int) -> int:
    """The least number of microseconds that lies in a bucket (buckets: `canbean.tiny.fixed.bucket`)."""
    octave = (edge >> 6) - 6
    return 64 + (edge & 63) << octave if octave >= 0 else 64 + (edge & 63) >> -octave
