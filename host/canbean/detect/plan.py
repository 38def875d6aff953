"""The watch plan: which frames a board that is too slow for its bus looks at, as it stands in the model file (section `PLAN`).

```
u32 mask 0, mask 1, filters 0 to 5 (`can/filters.py`) | u32 frames a second that it was made for
```

A board hands the masks and filters to its CAN controller. What watches must have been learned from what passes: how often frames come,
what share one id has of them and what follows what are not what they were. `can learn --plan` learns a log as the board will see it;
until then `narrowed` keeps of a model what still holds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canbean.can.filters import Filters
from canbean.can.frames import key_text
from canbean.detect.checks import Checks
from canbean.detect.cover import Problem, cover
from canbean.detect.fingerprint import FOREVER_US, RECENT
from canbean.detect.risk import LOWEST, rates
from canbean.errors import ModelError, UsageError

if TYPE_CHECKING:
    from canbean.detect.gateway import Gateway
    from canbean.detect.risk import Risk

SECTION = "PLAN"
MOST = 1_000_000
"""Frames a second that a board may sustain."""
_MOST = struct.Struct("<I")


@dataclass(frozen=True)
class Plan:
    """What a board looks at.

    Attributes:
        filters: which frames pass.
        most: frames a second that the board sustains.
    """

    filters: Filters
    most: int

    def to_bytes(self) -> bytes:
        """The `PLAN` section."""
        return self.filters.to_bytes() + _MOST.pack(self.most)

    @classmethod
    def from_bytes(cls, section: bytes) -> Plan:
        """Read a `PLAN` section.

        Raises:
            ModelError: it has another length, or filters that there are not.
        """
        filters, most = section[: -_MOST.size], section[-_MOST.size :]
        if len(most) < _MOST.size or not 0 < _MOST.unpack(most)[0] <= MOST:
            raise ModelError(
                f"plan: section {SECTION} of {len(section)} bytes does not say for what rate it is"
            )
        return cls(Filters.from_bytes(filters), _MOST.unpack(most)[0])


def plan(wanted: Risk, most: int, seed: int = 0) -> Plan:
    """The plan that covers the most risk within a rate.

    Args:
        wanted: what there is to watch.
        most: frames a second that the board sustains.
        seed: of the search; the same one gives the same plan.

    Raises:
        UsageError: not even the id that comes most rarely fits.
    """
    problem = Problem(wanted.keys, wanted.worth, wanted.rate, most, wanted.unknown)
    filters = cover(problem, seed) if wanted.rate[wanted.known].min() <= most else None
    if filters is None or not filters.passes(wanted.keys[wanted.known].astype(np.uint32)).any():
        raise UsageError(
            f"{most} frames a second are too few: no id comes so rarely; take a faster board, or --max-fps"
        )
    return Plan(filters, most)


def coverage(wanted: Risk, made: Plan) -> dict[str, Any]:
    """What a plan covers, as plain values: shares from 0 to 1, rates in frames a second, ids by name."""
    passed = made.filters.passes(wanted.keys.astype(np.uint32))
    problem = Problem(wanted.keys, wanted.counted, wanted.rate, np.inf, wanted.unknown)
    known = wanted.known
    seen, unseen = known & passed, known & ~passed
    order = np.flatnonzero(unseen)[np.argsort(-wanted.worth[unseen], kind="stable")]
    shares = {kind: made.filters.share(kind == "extended") for kind in ("standard", "extended")}
    lowest = made.filters.passes(np.array([LOWEST], np.uint32))[0]
    return {
        "max_fps": made.most,
        "passing_fps": round(float(wanted.rate[passed].sum()), 1),
        "bus_fps": round(float(wanted.rate.sum()), 1),
        "risk": round(problem.value(list(made.filters)) / wanted.total, 4) if wanted.total else 1.0,
        "ids": int(known.sum()),
        "ids_seen": int(seen.sum()),
        "frames": round(float(wanted.rate[passed].sum() / wanted.rate.sum()), 4),
        "identifiers_seen": {kind: round(share, 4) for kind, share in shares.items()},
        "flood_of_lowest_id_seen": bool(lowest),
        "filters": made.filters.describe(),
        "unseen": [
            {"id": key_text(int(wanted.keys[at])), "fps": round(float(wanted.rate[at]), 2),
             "risk": round(float(wanted.worth[at] / wanted.total), 4)}
            for at in order
        ],
        "others": {
            key_text(int(key)): bool(there)
            for key, there in zip(wanted.keys[~known], passed[~known], strict=True)
        },
    }  # fmt: skip


def narrowed(gateway: Gateway, made: Plan) -> Gateway:
    """What of a gateway holds where it sees no more than a plan lets pass, without learning again.

    Ids that do not pass are forgotten, so that none of them is missing. What counts all frames of the bus is left out: detectors of
    windows, and the share of one id. The pace of the bus and the silence that is its sleep grow as frames get fewer.

    Raises:
        ModelError: none of its ids passes.
    """
    fingerprint = gateway.fingerprint
    kept = np.flatnonzero(made.filters.passes(fingerprint.keys))
    if not len(kept):
        raise ModelError("plan: no id of this model passes its filters")
    if len(kept) == len(fingerprint):
        return replace(gateway, plan=made)
    rate = rates(fingerprint)
    fewer = float(rate.sum() / rate[kept].sum())

    def slower(us: int) -> int:
        return int(np.clip(us * fewer, 1, FOREVER_US))

    fingerprint = replace(
        fingerprint,
        keys=fingerprint.keys[kept],
        timeout_us=fingerprint.timeout_us[kept],
        record=fingerprint.record[kept],
        mask=fingerprint.mask[kept],
        low=fingerprint.low[kept],
        high=fingerprint.high[kept],
        share=RECENT,
        pace_us=slower(fingerprint.pace_us),
        sleep_us=slower(fingerprint.sleep_us),
    )
    checks = None
    if gateway.checks is not None:
        place = {int(row): at for at, row in enumerate(kept)}
        own = tuple(replace(one, slot=place[one.slot]) for one in gateway.checks.ids if one.slot in place)
        checks = Checks(own) if own else None
    return replace(gateway, fingerprint=fingerprint, checks=checks, detectors={}, plan=made)
