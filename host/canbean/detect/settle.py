"""A gateway's timing widened for the board that it runs on: a log's clock is not the board's.

A board stamps frames when it comes to look at them, and so later than a logger, now more and now less. What it sees of a clean bus
moves the edges of short gaps, of two gaps together and of long silences outward, each by a quarter of an octave at most: what alarms
even then is no jitter, and the model is refused. Nothing is narrowed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.can.frames import key_text
from canbean.detect.fingerprint import FOREVER_US, RECORD, SCORE_CAP
from canbean.detect.learn import alarm_at
from canbean.detect.words import unbucket
from canbean.errors import ModelError
from canbean.tiny.fixed import bucket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canbean.detect.fingerprint import Fingerprint

    Times = tuple[int | None, int | None, int | None]
    """Shortest gap, shortest two gaps, longest silence in microseconds."""

BOUND = 16
"""Buckets by which an edge moves at most, 64 to the octave."""
ABSENT_MOST = 0.25
"""Of the ids that are watched for silence: where more did not come this is another bus."""
EXPECTED = frozenset({"timing", "missing"})
"""Kinds of alerts that a board's jitter raises."""
LEAST_FRAMES, LEAST_S = 1000, 20
SURPRISING = 4
"""An edge of short times moves where what was seen beyond it has this part of the threshold: less is what the log's tail foresees."""
SILENT = 2
"""That of silences moves where one took this part of the time after which an id is missing."""
_EDGES = {"gap": ("gap", -1), "span": ("span", -1), "silence": ("late", 1)}
"""Column of each edge, and which way is outward."""


@dataclass(frozen=True)
class Widened:
    """One edge that moved.

    Attributes:
        key: of the id.
        what: `gap`, `span` (two gaps together) or `silence`.
        before_us, after_us: the edge.
        seen_us: what the board saw.
    """

    key: int
    what: str
    before_us: int
    after_us: int
    seen_us: int


def refuse(
    fingerprint: Fingerprint,
    times: Mapping[int, Times],
    *,
    seconds: int,
    frames: int,
    unknown: int,
    stranger: str | None,
    alerts: Mapping[str, int],
) -> None:
    """Refuse what was seen where it does not look like the clean bus that the model knows.

    Args:
        fingerprint: of the model.
        times: what the board saw, by key.
        seconds: for how long it listened.
        frames: to how many.
        unknown: frames of ids that the model does not have.
        stranger: one of these ids.
        alerts: alerts that were raised meanwhile, by kind.

    Raises:
        ModelError: it was too little, it had ids or alerts that jitter does not explain, or many ids did not come.
    """  # fmt: skip
    if frames < LEAST_FRAMES or seconds < LEAST_S:
        raise ModelError(
            f"{frames} frames in {seconds} s say too little: {LEAST_FRAMES} in {LEAST_S} s are needed"
        )
    if unknown and fingerprint.unknown_bits >= fingerprint.threshold:
        raise ModelError(
            f"{unknown} frames are of ids that the model does not know, {stranger} among them: another bus, or an attack"
        )
    strange = {kind or "unreadable": count for kind, count in alerts.items() if kind not in EXPECTED}
    if strange:
        said = ", ".join(f"{count} {kind}" for kind, count in sorted(strange.items()))
        raise ModelError(f"alerts that no jitter raises ({said}): an attack, or another bus")
    watched = fingerprint.keys[fingerprint.timeout_us < FOREVER_US].tolist()
    absent = [key for key in watched if key not in times]
    if len(absent) > ABSENT_MOST * len(watched):
        raise ModelError(
            f"{len(absent)} of {len(watched)} ids did not come, {key_text(absent[0])} among them: another bus, or filters"
        )


def widened(
    fingerprint: Fingerprint, times: Mapping[int, Times], *, lost: int = 0
) -> tuple[Fingerprint, list[Widened]]:
    """The fingerprint with edges that what was seen does not cross, and which they are.

    Args:
        fingerprint: as it was learned.
        times: what the board saw of a clean bus, by key.
        lost: frames that it dropped meanwhile: a silence may then be the board's own, and moves nothing.

    Raises:
        ModelError: an id came so early, or stayed away for so long, that it would alarm with edges moved by the bound.
    """
    record = fingerprint.record.astype(np.int64)
    rows: list[Widened] = []
    too_far: list[Widened] = []
    enough = fingerprint.threshold // SURPRISING
    for row, key in enumerate(fingerprint.keys.tolist()):
        gap, span, silence = times.get(key, (None, None, None))
        for what, seen in (("gap", gap), ("span", span), ("silence", None if lost else silence)):
            name, outward = _EDGES[what]
            column = RECORD.index(f"{name}_edge")
            edge = int(record[row, column])
            beyond = outward * (int(bucket(seen)) - edge) if seen is not None and edge else 0
            if beyond <= 0:
                continue
            # A silence has room up to the time at which an id is missing.
            late = seen is not None and SILENT * seen >= int(fingerprint.timeout_us[row])
            if not (late if what == "silence" else tail_bits(fingerprint, row, beyond) >= enough):
                continue
            record[row, column] = edge + outward * min(beyond, BOUND)
            rows.append(Widened(key, what, unbucket(edge), unbucket(int(record[row, column])), seen or 0))
            left = tail_bits(fingerprint, row, beyond - BOUND) if beyond > BOUND else 0
            if what != "silence" and left >= fingerprint.threshold:
                too_far.append(rows[-1])
    made = alarm_at(replace(fingerprint, record=record.astype(np.uint16)), fingerprint.threshold)
    # An id that an engineer or the budget does not have watched for silence stays so.
    timeout = np.where(fingerprint.timeout_us >= FOREVER_US, FOREVER_US, made.timeout_us).astype(np.uint32)
    made = replace(made, timeout_us=timeout)
    place = {key: row for row, key in enumerate(fingerprint.keys.tolist())}
    too_far += [one for one in rows if one.what == "silence" and one.seen_us > timeout[place[one.key]]]
    if too_far:
        worst = too_far[0]
        said = {"gap": "a gap", "span": "two gaps", "silence": "a silence"}[worst.what]
        raise ModelError(
            f"{len(too_far)} times are further off than a quarter of an octave explains ({said} of {worst.seen_us} us of id "
            f"{key_text(worst.key)}, the edge at {worst.before_us}): an attack, another bus, or a board that is too slow for it"
        )
    return made, rows


def tail_bits(fingerprint: Fingerprint, row: int, beyond: int) -> int:
    """Surprise of a short time so many buckets beyond its edge, sixteenths of a bit."""
    base, slope, most = (int(fingerprint.column(f"early_{part}")[row]) for part in ("base", "slope", "most"))
    return min(base + (beyond * slope >> 6), most, SCORE_CAP)
