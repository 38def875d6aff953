"""What a gateway watches a bus with: the fingerprint, checks of payloads, other detectors, and an engineer's rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect.check_judge import judge
from canbean.detect.fingerprint import PARTS, SCORE_CAP, surprise
from canbean.detect.rules import ALLOW, DENY, Rules, verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.detect.check_judge import Judgement
    from canbean.detect.checks import Checks
    from canbean.detect.fingerprint import Fingerprint, Surprise
    from canbean.detect.plan import Plan
    from canbean.detect.windows import Detector


@dataclass(frozen=True)
class Gateway:
    """All that a gateway knows.

    Attributes:
        fingerprint: what each id always does; its threshold is that of single frames.
        checks: what payloads obey, or None.
        detectors: what else judges, by name.
        rules: what an engineer allows and denies.
        plan: which frames it sees, or None where it sees all.
    """

    fingerprint: Fingerprint
    checks: Checks | None = None
    detectors: Mapping[str, Detector] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    plan: Plan | None = None


@dataclass(frozen=True)
class Scored:
    """What fingerprint, checks and rules say of m frames.

    Attributes:
        frames: those that are scored, `said.order` of all.
        said: the fingerprint's part.
        checked: that of the checks, of the frames `said.order`, or None.
        bits: the whole score, sixteenths of a bit, int64 (m,).
        verdict: of the rules, int8 (m,).
    """

    frames: Frames
    said: Surprise
    checked: Judgement | None
    bits: NDArray[np.int64]
    verdict: NDArray[np.int8]


def scored(gateway: Gateway, frames: Frames) -> Scored:
    """Score frames of one bus from a fresh start; the integers equal the board's."""
    said = surprise(gateway.fingerprint, frames)
    bits, checked = said.bits, None
    order = said.order
    # Without remote and error frames these are all: no copy of a long log.
    own = frames if len(order) == len(frames) else frames[order]
    if gateway.checks is not None:
        checked = judge(gateway.checks, own, said.slot[order], said.epoch)
        known = said.slot[order] < len(gateway.fingerprint)
        counter, checksum, payload = checked.bits
        # Values and the bytes they stand in are broken together: only the more surprising of the two counts.
        broken = said.parts[PARTS.index("payload")][order]
        more = np.where(known, counter + checksum + np.maximum(payload - broken, 0), 0)
        bits = bits.copy()
        bits[order] = np.where(more > 0, np.minimum(bits[order] + more, SCORE_CAP - 1), bits[order])
    verdict = verdicts(gateway.rules, frames)
    bits = np.select([verdict == ALLOW, verdict == DENY], [0, SCORE_CAP], bits)
    return Scored(own, said, checked, bits, verdict)
