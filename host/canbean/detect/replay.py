"""Run a log through a gateway on the host: the alerts that a board raises on the same frames, to the last digit.

The vectorised twin of `firmware/canbean/watch.py`: scores come from numpy, and a plain loop walks over the few
frames that pass a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from canbean.detect import words
from canbean.detect.alerts import Alert
from canbean.detect.fingerprint import FOREVER_S, FOREVER_US, by_row, crowds, elapsed_us
from canbean.detect.gateway import scored
from canbean.detect.rules import ALLOW, DENY
from canbean.detect.steady import SEVERITY, novelties
from canbean.detect.windows import Traffic
from canbean.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.detect.fingerprint import Fingerprint, Surprise
    from canbean.detect.gateway import Gateway, Scored
    from canbean.detect.windows import Judged

INCIDENT_US = 10_000_000
FRAME, SILENCE = "fingerprint", "silence"


@dataclass(frozen=True)
class Replayed:
    """What a replay gave.

    Attributes:
        alerts: in the order in which the board raises them.
        bits: surprise of each frame, sixteenths of a bit, int64 (m,).
        unscored: remote and error frames, which no detector scores.
    """

    alerts: list[Alert]
    bits: NDArray[np.int64]
    unscored: int


@dataclass(frozen=True)
class _Finding:
    """Something to raise an alert about, unless alerts of its kind are held back: at a frame, of a source."""

    at: int
    turn: int  # fingerprint, then the detectors, then who is missing
    row: int = -1
    number: int = -1  # of the window
    since: int = -1  # the frame of the id that is missing

    @property
    def place(self) -> tuple[int, int, int]:
        return self.at, self.turn, self.row


def replay(gateway: Gateway, frames: Frames) -> Replayed:
    """Score frames of one bus from a fresh start and raise the alerts; of a plan those frames that pass its filters.

    Raises:
        LogError: frames of several buses, or times before 0.
    """
    buses = np.unique(frames.bus)
    if len(buses) > 1:
        names = ", ".join(frames.buses[code] for code in buses)
        raise LogError(f"the log holds several buses ({names}): choose one with --bus")
    if len(frames) and int(frames.t_us.min()) < 0:
        raise LogError("the log has times before 0, which no board can tell")
    if gateway.plan is not None:
        passed = np.flatnonzero(gateway.plan.filters.passes(frames.key))
        seen = replay(replace(gateway, plan=None), frames[passed])
        bits = np.zeros(len(frames), np.int64)
        bits[passed] = seen.bits
        return Replayed(seen.alerts, bits, seen.unscored)
    fingerprint = gateway.fingerprint
    if gateway.rules:
        allowed = [gateway.rules.allows_id(int(key)) for key in fingerprint.keys]
        timeout_us = np.where(allowed, FOREVER_US, fingerprint.timeout_us).astype(np.uint32)
        gateway = replace(gateway, fingerprint=replace(fingerprint, timeout_us=timeout_us))
    scores = scored(gateway, frames)
    said = scores.said
    traffic = Traffic(scores.frames, said.slot[said.order], said.epoch, fingerprint.keys)
    judged = {name: one.judge(traffic) for name, one in gateway.detectors.items()}
    alerts = list(_alerts(gateway, frames, scores, judged))
    return Replayed(alerts, scores.bits, len(frames) - len(said.order))


def _alerts(gateway: Gateway, frames: Frames, scores: Scored, judged: dict[str, Judged]) -> Iterator[Alert]:
    fingerprint, said = gateway.fingerprint, scores.said
    loud = (scores.bits >= fingerprint.threshold) & (said.slot >= 0) & (scores.verdict != ALLOW)
    findings = [_Finding(int(at), 0) for at in np.flatnonzero(loud)]
    for turn, (name, windows) in enumerate(judged.items(), 1):
        opens = np.flatnonzero(gateway.detectors[name].gate.opens(windows.bits, said.epoch[windows.at]))
        for number in opens.tolist():
            row = int(windows.blamed[number])
            if row >= 0 and gateway.rules.allows_id(int(fingerprint.keys[row])):
                continue
            findings.append(_Finding(int(said.order[windows.at[number]]), turn, row, number))
    last = len(judged) + 1
    findings += [
        _Finding(at, last, row, -1, since) for at, row, since in _silences(fingerprint, frames, said)
    ]
    names = [FRAME, *judged, SILENCE]
    keys, n = frames.key, len(fingerprint)
    steady = novelties(fingerprint, frames, said)
    held: dict[int, int] = {}
    dropped: dict[int, int] = {}
    incident, last_us = 0, 0
    for one in sorted(findings, key=lambda finding: finding.place):
        at, now = one.at, int(frames.t_us[one.at])
        threshold, detector, key, more = fingerprint.threshold, names[one.turn], None, ""
        if detector == SILENCE:
            slot, key = one.row, int(fingerprint.keys[one.row])
            bits, said_words = words.of_silence(fingerprint, slot, _elapsed(now, int(frames.t_us[one.since])))
        else:
            slot = int(said.slot[at]) if detector == FRAME else n + one.turn
            if slot in held and 0 <= _elapsed(now, held[slot]) < fingerprint.hold_us:
                dropped[slot] = min(dropped.get(slot, 0) + 1, 65535)
                continue
            held[slot] = now
            if detector == FRAME:
                key, bits = int(keys[at]), int(scores.bits[at])
                denied = scores.verdict[at] == DENY
                more = "" if denied else steady.get(at, "")
                said_words = (
                    gateway.rules.words(frames, at) if denied else words.of_frame(gateway, frames, scores, at)
                )
            else:
                bits, threshold = (
                    int(judged[detector].bits[one.number]),
                    gateway.detectors[detector].gate.threshold,
                )
                key = int(fingerprint.keys[one.row]) if one.row >= 0 else None
                said_words = judged[detector].words(one.number)
        quiet = _elapsed(now, last_us) if incident else FOREVER_US
        incident += quiet < 0 or quiet > INCIDENT_US
        last_us = now
        kind, expected, seen = said_words
        yield Alert(
            t_us=now,
            key=key,
            bus=0,
            detector=FRAME if detector == SILENCE else detector,
            kind=kind,
            bits=bits,
            threshold=threshold,
            expected=expected,
            seen=seen + more,
            severity=SEVERITY if more else severity(bits, threshold),
            incident=incident,
            dropped=dropped.pop(slot, 0),
        )


def _elapsed(now_us: int, then_us: int) -> int:
    if now_us // 1_000_000 - then_us // 1_000_000 >= FOREVER_S:
        return FOREVER_US
    return max(now_us - then_us, -1)


def severity(bits: int, threshold: int) -> str:
    """How far above its threshold an alert is: 16 bits and more is high, 4 bits and more medium."""
    over = bits - threshold
    return "high" if over >= 256 else "medium" if over >= 64 else "low"


def _silences(fingerprint: Fingerprint, frames: Frames, said: Surprise) -> Iterator[tuple[int, int, int]]:
    """Frames at which an id is found missing, its row and its last frame: each scored frame asks one id in turn."""
    n, t_us, row = len(fingerprint), frames.t_us[said.order], said.slot[said.order]
    order = by_row(row)
    ends = np.searchsorted(row[order], np.arange(n + 1))
    ascending = np.all(t_us[1:] >= t_us[:-1])
    crowd = last_crowded(t_us, fingerprint.crowd_us)
    for asked in range(n):
        seen_at = order[ends[asked] : ends[asked + 1]]
        if not len(seen_at):
            continue
        timeout = int(fingerprint.timeout_us[asked])
        until = np.append(seen_at[1:], len(t_us))
        # Where times run backwards a long silence can hide inside a short gap: every gap is looked at.
        long = ~ascending | (t_us[np.append(seen_at[1:], len(t_us) - 1)] - t_us[seen_at] > timeout)
        for start, stop in zip(seen_at[long], until[long], strict=True):
            turns = np.arange(start + (asked - start) % n, stop, n)
            silent = elapsed_us(t_us[turns], t_us[start])
            waited = np.where(
                crowd[turns] >= 0, np.minimum(silent, elapsed_us(t_us[turns], t_us[crowd[turns]])), silent
            )
            alive = turns - start >= silent // (2 * fingerprint.pace_us)
            late = np.flatnonzero((waited > timeout) & alive & (said.epoch[turns] == said.epoch[start]))
            if len(late):
                yield int(said.order[turns[late[0]]]), asked, int(said.order[start])


def last_crowded(t_us: NDArray[np.int64], crowd_us: int) -> NDArray[np.int64]:
    """For each frame the last one up to it that ended a crowd of `RECENT` frames, -1 where there was none."""
    ended = np.where(crowds(t_us, crowd_us), np.arange(len(t_us)), -1)
    return np.maximum.accumulate(ended) if len(ended) else ended
