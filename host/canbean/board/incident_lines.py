"""What a board says of incidents, told by the host: the same bytes from the same alerts (`firmware/canbean.incident.py`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from canbean.board.firmware import module
from canbean.can.frames import key_text
from canbean.detect.incidents import rank

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from canbean.detect.alerts import Alert
    from canbean.detect.incidents import Incident

EVERY_S = 10
"""A board says that an incident lasts at most once in so many seconds."""

IDS = 4
"""Ids that a board names of an incident, the first ones; alerts of further ids are counted."""


def incident_lines(one: Incident) -> Iterator[bytes]:
    """The lines of an incident from its opening on, without `boot`, `seq` and `crc`."""
    told_s = one.opened_us // 1_000_000
    for count, alert in enumerate(one.alerts, 1):
        seconds = alert.t_us // 1_000_000
        if count == 1:
            yield _line(one, "opened", one.alerts[:1])
        elif seconds - told_s >= EVERY_S:
            told_s = seconds
            yield _line(one, "lasts", one.alerts[:count])
    if one.closed_us is not None:
        yield _line(one, "closed", one.alerts)


def _line(one: Incident, state: str, alerts: Sequence[Alert]) -> bytes:
    """One line, as it is when these alerts have come."""
    keys = [alert.key for alert in alerts if alert.key is not None]
    named = list(dict.fromkeys(keys))[:IDS]
    pairs = (
        ("number", one.number),
        ("state", state),
        ("opened", _seconds(one.opened_us)),
        ("closed", _seconds(one.closed_us) if state == "closed" and one.closed_us is not None else None),
        ("count", len(alerts)),
        ("ids", json.dumps([key_text(key) for key in named]).encode()),
        ("more", sum(key not in named for key in keys)),
        ("kinds", json.dumps(list(dict.fromkeys(alert.kind for alert in alerts))).encode()),
        ("severity", max((alert.severity for alert in alerts), key=rank)),
    )
    return b'{"type":"incident",%s}' % module("lines").body(pairs).encode()


def _seconds(t_us: int) -> bytes:
    return b"%d.%06d" % divmod(t_us, 1_000_000)
