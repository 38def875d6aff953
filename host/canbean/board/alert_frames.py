"""A board's alerts as CAN frames, as it sends them in slcan mode: `alerts.dbc`, and the frames put together again.

The board's half is `firmware/commands/slcan_alerts.py`.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from canbean.detect.alerts import KINDS
from canbean.errors import UsageError

FIRST = 0x1FBEA500
"""The first of the four extended ids, unless a board has another one in its settings (`alertid`)."""
COUNT = 4
FILE = Path(__file__).with_name("alerts.dbc")
DETECTORS = ("fingerprint", "sequence", "clock", "lstm", "vae", "mixture")
SEVERITIES = ("low", "medium", "high")
STATES = ("ok", "warning", "passive", "bus-off", "silent chip")
OTHER = "other"
"""What a board says that is newer than this."""


def dbc_text(first: int = FIRST) -> str:
    """The DBC of a board whose alerts begin at the extended id `first`.

    Raises:
        UsageError: not a multiple of four within 29 bits.
    """
    if not 0 <= first < 1 << 29 or first % COUNT:
        raise UsageError(f"id {first:X}: alerts need four extended ids from a multiple of four on")
    ids = {str(1 << 31 | FIRST + n): str(1 << 31 | first + n) for n in range(COUNT)}
    return re.sub("|".join(ids), lambda found: ids[found[0]], FILE.read_text(encoding="ascii"))


@dataclass(frozen=True, slots=True)
class BoardAlert:
    """An alert that came as frames.

    Attributes:
        t_us: microseconds since the board's start.
        key: the id it names (`id | ext << 29`), None for the whole bus.
        detector: name of the detector.
        kind: one of `detect.alerts.KINDS`, or `other`.
        severity: `low`, `medium` or `high`.
        bits: surprise in sixteenths of a bit, at most 65535.
        threshold: the threshold it passed, likewise.
        incident: number of the incident, modulo 65536.
        dropped: alerts of the id held back before it, at most 255.
    """

    t_us: int
    key: int | None
    detector: str
    kind: str
    severity: str
    bits: int
    threshold: int
    incident: int
    dropped: int


@dataclass(frozen=True, slots=True)
class BusState:
    """The bus as a board sees it.

    Attributes:
        not_shown: frames that the serial line had no room for since the channel was opened, modulo 2**24.
        lost: frames that never came to the detectors, at most 65535.
        errors: errors of the bus, at most 65535.
        state: one of `STATES`, or `other`.
    """

    not_shown: int
    lost: int
    errors: int
    state: str


class AlertFrames:
    """Puts the frames together again.

    Attributes:
        missed: alerts that did not come whole, as the numbers of those that did tell.
    """

    def __init__(self, first: int = FIRST) -> None:
        self.first = first
        self.missed = 0
        self._parts: list[bytes] = []
        self._last: int | None = None

    def ours(self, id_: int, extended: bool) -> bool:
        """Whether a frame is a board's own and not from its bus."""
        return extended and self.first <= id_ < self.first + COUNT

    def take(self, id_: int, data: bytes) -> BoardAlert | BusState | None:
        """Take the next frame of a board's own; gives what is whole with it."""
        part = id_ - self.first
        if len(data) != 8:
            return None
        if part == COUNT - 1:
            low, high, lost, errors, state = struct.unpack("<HBHHB", data)
            return BusState(low | high << 16, lost, errors, _name(STATES, state))
        if part == 0:
            self._parts = [data]
        elif part == len(self._parts) and data[7] == self._parts[0][3]:
            self._parts.append(data)
        if part < COUNT - 2 or len(self._parts) < COUNT - 1:
            return None
        what, subject, when = self._parts
        self._parts = []
        if self._last is not None:
            self.missed += what[3] - self._last - 1 & 255
        self._last = what[3]
        return _alert(what, subject, when)


def _name(names: tuple[str, ...], n: int) -> str:
    return names[n] if n < len(names) else OTHER


def _alert(what: bytes, subject: bytes, when: bytes) -> BoardAlert:
    detector, kind, severity, _, bits, threshold = struct.unpack("<BBBBHH", what)
    key, incident, dropped, _ = struct.unpack("<IHBB", subject)
    seconds, low, high, _ = struct.unpack("<IHBB", when)
    return BoardAlert(
        t_us=seconds * 1_000_000 + (low | high << 16),
        key=key & 0x3FFFFFFF if key >> 30 else None,
        detector=_name(DETECTORS, detector),
        kind=_name(KINDS, kind),
        severity=_name(SEVERITIES, severity),
        bits=bits,
        threshold=threshold,
        incident=incident,
        dropped=dropped,
    )
