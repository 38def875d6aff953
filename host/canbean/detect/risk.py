"""What a board would not see without an id: each id's worth to those who watch, from its model.

An id is worth the number of ways in which an attack on it is told: frames inserted between its own, its silence, a payload that it never
had, a counter, a checksum and a value that break its rules, its order among others, its relation to other signals, its sender's clock.
Each counts for as much as it reaches of the threshold by itself, at most 1. The order of an id is half its own and half its
partners', without which it cannot be told. What comes often is what others act on, and an attack on it is told sooner: the sum is
multiplied by log2(2 + frames a second), and by the engineer's own priority.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from canbean.can.frames import parse_key
from canbean.detect.checks import PART_OF, PARTS, WORTH
from canbean.detect.fingerprint import REMOTE_OR_ERROR, rows_of
from canbean.detect.words import unbucket
from canbean.errors import LogError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from canbean.can.frames import Frames
    from canbean.detect.detectors import clock, sequence, vae
    from canbean.detect.fingerprint import Fingerprint
    from canbean.detect.gateway import Gateway

    Column = NDArray[np.float64]

UNKNOWN = 0.125
"""What all ids that clean traffic does not have are worth together, as a part of what the known ones are."""
RELATIONS = ("vae", "lstm")
LOWEST = 0
"""The id that wins every arbitration: a flood has it."""


@dataclass(frozen=True)
class Risk:
    """What there is to watch.

    Attributes:
        keys: int64 (n,), ids (`id | ext << 29`), ascending; those of the model, and others that an engineer named.
        known: bool (n,), which are of the model.
        named: bool (n,), which are not of the model and there because an engineer named them: worth a filter, and no part of what there is.
        rate: float (n,), frames a second, 0 for those that are not.
        worth: float (n,).
        unknown: what all other ids are worth together.
    """

    keys: NDArray[np.int64]
    known: NDArray[np.bool_]
    named: NDArray[np.bool_]
    rate: Column
    worth: Column
    unknown: float

    @property
    def counted(self) -> Column:
        """What each id is worth of what there is to cover, float (n,): nothing where it was only named, as a typo may be."""
        return np.where(self.named, 0.0, self.worth)

    @property
    def total(self) -> float:
        """What everything is worth that there is to cover."""
        return float(self.counted.sum()) + self.unknown


def risk(gateway: Gateway, rate: Column, priorities: Mapping[int, float]) -> Risk:
    """What each id of a gateway's model is worth.

    Args:
        gateway: what watches.
        rate: float (n,), frames a second of each id of its fingerprint.
        priorities: weights by key; an id that the model does not have is worth its weight times the mean of those that it has.
    """
    known = gateway.fingerprint.keys.astype(np.int64)
    worth = ways(gateway) * np.log2(2 + rate)
    mean = float(worth.mean())
    worth = worth * np.array([priorities.get(int(key), 1.0) for key in known])
    found = gateway.fingerprint.unknown_bits / gateway.fingerprint.threshold
    # A new id is news by itself, at most once; a flood has the lowest one.
    others = {LOWEST: mean * min(found, 1.0)} if not known[0] >> 29 else {}
    others |= {key: weight * mean for key, weight in priorities.items()}
    others = {key: value for key, value in others.items() if key not in set(known.tolist())}
    keys = np.concatenate([known, np.array(sorted(others), np.int64)])
    order = np.argsort(keys)
    nothing = np.zeros(len(others))
    named = np.isin(keys, strangers(gateway.fingerprint, priorities))
    return Risk(
        keys[order],
        np.concatenate([np.ones(len(known), np.bool_), nothing > 0])[order],
        named[order],
        np.concatenate([rate, nothing])[order],
        np.concatenate([worth, [others[key] for key in sorted(others)]])[order],
        UNKNOWN * min(found, 1.0) * float(worth.sum()),
    )


def strangers(fingerprint: Fingerprint, priorities: Mapping[int, float]) -> list[int]:
    """The keys, ascending, that a priority names and the model does not have; the lowest id stands for floods and is none."""
    return sorted(set(priorities) - set(fingerprint.keys.tolist()) - {LOWEST})


def ways(gateway: Gateway) -> Column:
    """The ways in which an attack on each id is told, float (n,)."""
    fingerprint = gateway.fingerprint
    n = len(fingerprint)

    def told(bits: NDArray[np.int64]) -> Column:
        return np.minimum(bits / fingerprint.threshold, 1.0)

    total = sum(told(fingerprint.column(name)) for name in ("early_most", "late_most", "payload_bits"))
    total = total + told(np.full(n, fingerprint.dlc_bits))
    if gateway.checks is not None:
        checked = np.zeros((len(PARTS), n))
        for one in gateway.checks.ids:
            for check in one.checks:
                part = PART_OF[check.kind]
                checked[part, one.slot] = max(checked[part, one.slot], WORTH * check.worth)
        total = total + told(checked.astype(np.int64)).sum(axis=0)
    if "sequence" in gateway.detectors:
        order = cast("sequence.Sequence", gateway.detectors["sequence"])
        own = order.judged.astype(np.float64)
        partners = order.partner[order.judged].ravel()
        total = total + own / 2 + np.bincount(partners, minlength=n) / (2 * order.partner.shape[1])
    for name in RELATIONS:
        if name in gateway.detectors:
            relation = cast("vae.Detector", gateway.detectors[name])
            keys = np.array([one.key for one in relation.signals.signals])[relation.residuals.judged]
            total = total + np.isin(fingerprint.keys, keys)
    if "clock" in gateway.detectors:
        clocks = cast("clock.Clock", gateway.detectors["clock"])
        total = total + np.isin(np.arange(n), clocks.table.row)
    return np.asarray(total, np.float64)


def rates(fingerprint: Fingerprint) -> Column:
    """Frames a second of each id, float (n,): of the longest usual gaps, so scaled that the bus has its usual pace.

    An id whose timing was not learned shares the pace of the bus evenly.
    """
    late = fingerprint.column("late_edge")
    gaps_us = np.array([unbucket(int(edge)) for edge in late], np.float64)
    usual = float(fingerprint.pace_us) * len(fingerprint)
    rate = 1e6 / np.where(late > 0, gaps_us, usual)
    return np.asarray(rate * (1e6 / fingerprint.pace_us) / rate.sum())


def rates_in(frames: Frames, fingerprint: Fingerprint) -> Column:
    """Frames a second of each id in a log, float (n,).

    Raises:
        LogError: the log has no length, or no frame of the model's ids.
    """
    frames = frames[(frames.flags & REMOTE_OR_ERROR) == 0]
    row = rows_of(fingerprint.keys, frames.key)
    counts = np.bincount(row, minlength=len(fingerprint) + 1)[: len(fingerprint)]
    if not frames.span_s or not counts.any():
        raise LogError("the log has none of the ids that the model knows: is it of the same bus?")
    return np.asarray(counts / frames.span_s)


def parse_priorities(texts: Iterable[str], where: str = "--priority") -> dict[int, float]:
    """Weights by key from texts such as `2C5=3`; of an id that is there twice the last counts.

    Raises:
        UsageError: one is not an id and a number from 0 to 1000.
    """
    found: dict[int, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not 0 <= weight <= 1000:
            raise UsageError(f"{where} {text!r}: give an id and its weight, 0 to 1000, such as 2C5=3")
        found[parse_key(name)] = weight
    return found


def read_priorities(text: str, where: str) -> dict[int, float]:
    """Weights by key from a file's text: `ID=W` a line; what follows a `#` is passed over.

    Raises:
        UsageError: as `parse_priorities`, with the line.
    """
    found: dict[int, float] = {}
    for number, line in enumerate(text.splitlines(), 1):
        said = line.partition("#")[0].strip()
        if said:
            found |= parse_priorities([said], f"{where}: line {number}:")
    return found
